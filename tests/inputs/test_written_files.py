"""What is in the files besides forces: positions, velocities, box, masses, and settings to go on with."""

import csv
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import openmm
import parmed
import pytest
from openmm import unit

from polyomics.forcefield.tools import run_tool
from polyomics.inputs import write_inputs
from polyomics.inputs.format import FORMATS
from polyomics.inputs.snapshot import Snapshot, centred_in_box_nm, take_snapshot
from polyomics.units import BAR_PER_ATM, GAS_CONSTANT_KJ_MOL_K


@pytest.fixture(scope="module")
def folder(snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All formats; tests change nothing in it."""
    folder = tmp_path_factory.mktemp("files")
    for name, one in FORMATS.items():
        (folder / name).mkdir()
        one().write(snapshot, folder / name)
    return folder


def test_molecules_are_whole_and_in_the_box(run_folder: Path, snapshot: Snapshot) -> None:
    far = replace(snapshot.state, positions_nm=snapshot.state.positions_nm + 7 * snapshot.state.box_nm * [1, -2, 3])
    back = centred_in_box_nm(snapshot.cell, far)
    assert back == pytest.approx(snapshot.state.positions_nm, abs=1e-9)
    lengths = np.diff(back[snapshot.cell.bonds], axis=1)
    assert np.linalg.norm(lengths, axis=-1).max() < 0.2
    for molecule in range(snapshot.cell.n_molecules):
        centre = back[snapshot.cell.molecule_of_atom == molecule].mean(axis=0)
        assert (centre >= 0).all()
        assert (centre < snapshot.state.box_nm).all()


def test_amber_restart_and_topology(folder: Path, snapshot: Snapshot) -> None:
    restart = parmed.amber.Rst7.open(str(folder / "amber" / "cell.rst7"))
    topology = parmed.load_file(str(folder / "amber" / "cell.prmtop"))
    assert restart.coordinates.reshape(-1, 3) / 10 == pytest.approx(snapshot.state.positions_nm, abs=6e-9)
    assert restart.vels.reshape(-1, 3) / 10 == pytest.approx(snapshot.state.velocities_nm_ps, abs=2e-7)
    assert restart.box[:3] / 10 == pytest.approx(snapshot.state.box_nm, abs=6e-9)
    assert [atom.mass for atom in topology.atoms] == pytest.approx(snapshot.masses_amu, rel=1e-7)
    assert len(topology.residues) == snapshot.cell.n_molecules
    assert topology.parm_data["ATOMS_PER_MOLECULE"] == [snapshot.chain.n_atoms] * snapshot.cell.n_molecules


def test_gromacs_coordinates_have_all_their_digits(folder: Path, snapshot: Snapshot) -> None:
    lines = (folder / "gromacs" / "cell.gro").read_text().splitlines()
    assert int(lines[1]) == snapshot.cell.n_atoms == len(lines) - 3
    numbers = np.array([[float(line[20 + 13 * i : 33 + 13 * i]) for i in range(6)] for line in lines[2:-1]])
    assert numbers[:, :3] == pytest.approx(snapshot.state.positions_nm, abs=6e-9)
    assert numbers[:, 3:] == pytest.approx(snapshot.state.velocities_nm_ps, abs=6e-10)
    assert [float(word) for word in lines[-1].split()] == pytest.approx(snapshot.state.box_nm, abs=1e-11)


def test_a_gromacs_topology_says_nothing_of_the_machine(folder: Path, snapshot: Snapshot) -> None:
    text = (folder / "gromacs" / "cell.top").read_text()
    assert not re.search(r"user|host|Command line|ParmEd", text)
    assert text.split("[ molecules ]")[1].split() == ["POL", str(snapshot.cell.n_molecules)]


def test_lammps_velocities_give_the_kinetic_energy(folder: Path, snapshot: Snapshot) -> None:
    text = (folder / "lammps" / "cell.data").read_text()
    rows = text.partition("\nVelocities\n\n")[2].split("\n\n")[0].splitlines()
    velocities_nm_ps = np.array([line.split()[1:] for line in rows], dtype=float) * 100
    assert kinetic(snapshot, velocities_nm_ps) == pytest.approx(kinetic(snapshot, snapshot.state.velocities_nm_ps))


def kinetic(snapshot: Snapshot, velocities_nm_ps: np.ndarray) -> float:
    """Kinetic energy [kJ/mol]."""
    return float(0.5 * snapshot.masses_amu @ (velocities_nm_ps**2).sum(axis=1))


def test_masses_go_with_the_velocities(snapshot: Snapshot) -> None:
    hydrogens = snapshot.cell.atomic_numbers == 1
    assert snapshot.masses_amu[hydrogens] == pytest.approx(3.0)
    assert snapshot.masses_amu.sum() == pytest.approx(snapshot.cell.mass_amu)
    freedom = 3 * snapshot.cell.n_atoms - hydrogens.sum()
    temperature = 2 * kinetic(snapshot, snapshot.state.velocities_nm_ps) / (freedom * GAS_CONSTANT_KJ_MOL_K)
    assert 200 < temperature < 400


def test_openmm_goes_on_from_the_state(folder: Path, snapshot: Snapshot, tmp_path: Path) -> None:
    for file in (folder / "openmm").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    command = [sys.executable, "run.py", "--ns", "0.00004", "--every-ps", "0.02", "--platform", "Reference"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    rows = list(csv.DictReader((tmp_path / "run.csv").open()))
    assert [float(row['#"Time (ps)"']) for row in rows] == pytest.approx([0.02, 0.04])
    assert all(150 < float(row["Temperature (K)"]) < 450 for row in rows)
    end = openmm.XmlSerializer.deserialize((tmp_path / "end.xml").read_text())
    moved = end.getPositions(asNumpy=True).value_in_unit(unit.nanometer) - snapshot.state.positions_nm
    assert 1e-4 < np.abs(moved).max() < 0.2
    assert (tmp_path / "run.dcd").stat().st_size > 24 * snapshot.cell.n_atoms


def test_sander_goes_on_with_the_input(folder: Path, tmp_path: Path) -> None:
    control = (folder / "amber" / "run.in").read_text()
    (tmp_path / "run.in").write_text(re.sub(r"nstlim=\d+", "nstlim=40", control).replace("ntpr=1000", "ntpr=20"))
    words = ["-O", "-i", "run.in", "-o", "run.out"]
    words += ["-p", str(folder / "amber" / "cell.prmtop"), "-c", str(folder / "amber" / "cell.rst7")]
    run_tool("sander", words, folder=tmp_path, timeout_s=60, log=tmp_path / "run.out")
    temperatures = [float(t) for t in re.findall(r"TEMP\(K\) = +(\S+)", (tmp_path / "run.out").read_text())]
    assert len(temperatures) >= 2
    assert all(150 < t < 450 for t in temperatures[:2])


def test_settings_are_those_of_the_stage(folder: Path, snapshot: Snapshot) -> None:
    amber, gromacs, lammps = (
        (folder / name).read_text() for name in ("amber/run.in", "gromacs/run.mdp", "lammps/run.in")
    )
    for expected in ("temp0=300,", "pres0=2,", "dt=0.0020", "cut=6.000", "ntb=2", "vdwmeth=1", "irest=1"):
        assert expected in amber
    settings = dict(re.findall(r"^(\S+) += (.+)$", gromacs, re.MULTILINE))
    assert (float(settings["ref-t"]), float(settings["ref-p"]), float(settings["dt"])) == (300, 2, 0.002)
    assert (float(settings["rvdw"]), float(settings["rcoulomb"]), settings["DispCorr"]) == (0.6, 0.6, "EnerPres")
    assert "lj/cut/coul/long 6.0000" in lammps
    pressure = re.search(r"npt temp 300 300 100 iso (\S+) (\S+)", lammps)
    assert pressure is not None
    assert float(pressure[1]) == float(pressure[2]) == pytest.approx(2 / BAR_PER_ATM)
    assert re.search(r"^timestep +2$", lammps, re.MULTILINE)
    assert "velocity" not in lammps


def test_lammps_holds_the_bonds_with_hydrogen_rigid(folder: Path, snapshot: Snapshot) -> None:
    text = (folder / "lammps" / "cell.data").read_text()
    named = re.search(r"shake 1e-6 100 0 b (.*)", (folder / "lammps" / "run.in").read_text())
    assert named is not None
    rows = text.partition("\nBonds\n\n")[2].split("\n\n")[0].splitlines()
    rigid = {tuple(map(int, row.split()[2:])) for row in rows if row.split()[1] in named[1].split()}
    numbers = snapshot.cell.atomic_numbers
    expected = {(a + 1, b + 1) for a, b in snapshot.cell.bonds.tolist() if 1 in (numbers[a], numbers[b])}
    assert {tuple(sorted(pair)) for pair in rigid} == {tuple(sorted(pair)) for pair in expected}


def test_a_stage_at_constant_volume_goes_on_at_constant_volume(run_folder: Path, tmp_path: Path) -> None:
    write_inputs(run_folder, tmp_path / "x", stage="held")
    amber, gromacs, lammps, openmm_system = (
        (tmp_path / "x" / name).read_text()
        for name in ("amber/run.in", "gromacs/run.mdp", "lammps/run.in", "openmm/system.xml")
    )
    assert "ntb=1" in amber
    assert "pres0" not in amber
    assert "pcoupl" not in gromacs
    assert "nvt temp 350 350" in lammps
    assert "Barostat" not in openmm_system


def test_after_minimisation_velocities_are_drawn(run_folder: Path, tmp_path: Path) -> None:
    snapshot = write_inputs(run_folder, tmp_path / "x", stage="minimise").snapshot
    amber, gromacs, lammps = (
        (tmp_path / "x" / name).read_text() for name in ("amber/run.in", "gromacs/run.mdp", "lammps/run.in")
    )
    assert "irest=0, ntx=1" in amber
    assert "tempi=300" in amber
    assert re.search(r"gen-vel += yes", gromacs)
    assert "velocity        all create 300" in lammps
    state = openmm.XmlSerializer.deserialize((tmp_path / "x" / "openmm" / "state.xml").read_text())
    velocities = state.getVelocities(asNumpy=True).value_in_unit(unit.nanometer / unit.picosecond)
    assert kinetic(snapshot, velocities) > 0
    assert snapshot.masses_amu == pytest.approx(snapshot.cell.masses_amu)


def test_the_same_study_gives_the_same_bytes(
    run_folder: Path, snapshot: Snapshot, folder: Path, tmp_path: Path
) -> None:
    again = take_snapshot(run_folder)
    for name, one in FORMATS.items():
        (tmp_path / name).mkdir()
        one().write(again, tmp_path / name)
        for file in (folder / name).iterdir():
            made = (tmp_path / name / file.name).read_text()
            ignored = r"VERSION_STAMP.*" if file.name == "cell.prmtop" else "a^"
            assert re.sub(ignored, "", made) == re.sub(ignored, "", file.read_text()), file.name


def test_energies_and_a_guide_lie_beside_the_files(run_folder: Path, tmp_path: Path) -> None:
    written = write_inputs(run_folder, tmp_path / "x", ["openmm", "amber", "openmm"])
    content = json.loads((tmp_path / "x" / "energies.json").read_text())
    guide = (tmp_path / "x" / "README.md").read_text()
    assert written.formats == ("openmm", "amber")
    assert content["energies_kj_mol"] == written.energies_kj_mol
    assert content["running"]["pressure_bar"] == 2.0
    assert content["checks"] == []
    assert "sander -O" in guide
    assert "gmx" not in guide
