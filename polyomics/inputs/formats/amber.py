"""AMBER: prmtop and restart through ParmEd, inputs for sander and pmemd."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from polyomics.inputs.energies import energy_terms_kj_mol, ewald_grid, ewald_per_nm, program
from polyomics.inputs.format import FORMATS, InputFormat, Reading
from polyomics.units import KJ_PER_KCAL, NM_PER_ANGSTROM

if TYPE_CHECKING:
    from polyomics.inputs.snapshot import Snapshot

ANGSTROM_PER_NM = 1.0 / NM_PER_ANGSTROM
POINT_TIMEOUT_S = 600.0
SANDERS_LARGEST_COSINE = 0.999
STRAIGHT_NOTE = "sander takes an angle beyond 177.4° (of a nitrile, an alkyne) for 177.4°, also when it runs"

RUN = """{title}
 &cntrl
  imin=0, irest={restart}, ntx={read}, nstlim={steps}, dt={timestep_ps:.4f},
  ntc=2, ntf=2, tol=0.000001,
  cut={cutoff:.3f}, ntb={boundary}, {pressure}
  ntt=3, gamma_ln={friction}, temp0={temperature:g}, {start}ig=-1,
  ntpr=1000, ntwx=1000, ntwr=10000, ioutfm=1, iwrap=0,
 /
 &ewald vdwmeth=1, {skin}/
"""
POINT = """{title}: energy of one point
 &cntrl imin=1, maxcyc=1, ntpr=1, ntc=1, ntf=1, cut={cutoff:.3f}, ntb=1, /
 &ewald nfft1={grid[0]}, nfft2={grid[1]}, nfft3={grid[2]}, order=6, ew_coeff={screening:.12f}, vdwmeth={tail},
  netfrc=0, {skin}/
"""
WIDEST_SKIN = 2.0
"""Margin of the pair list that sander takes by itself [Å]."""


@FORMATS.register("amber")
class Amber(InputFormat):
    """Topology with AMBER's own scaling of 1-4 interactions; the Monte Carlo barostat is that of the study."""

    title: ClassVar[str] = "AMBER"
    how_to_run: ClassVar[str] = "sander -O -i run.in -p cell.prmtop -c cell.rst7 -o run.out -r run.rst7 -x run.nc"

    def write(self, snapshot: Snapshot, folder: Path) -> None:
        """Write cell.prmtop, cell.rst7, run.in, point.in and point_with_tail.in."""
        _write_topology(snapshot, folder / "cell.prmtop")
        _write_restart(snapshot, folder / "cell.rst7")
        (folder / "run.in").write_text(_run_input(snapshot), encoding="ascii")
        for name, tail in (("point.in", 0), ("point_with_tail.in", 1)):
            (folder / name).write_text(_point_input(snapshot, tail), encoding="ascii")

    def readings(self, snapshot: Snapshot, folder: Path, scratch: Path) -> Iterator[Reading]:
        """OpenMM's reader of AMBER files, and sander."""
        yield Reading(f"{program()} reading AMBER files", _by_openmm(snapshot, folder))
        yield _by_sander(snapshot, folder, scratch)


def _write_topology(snapshot: Snapshot, path: Path) -> None:
    import parmed

    whole = snapshot.chain_structure * snapshot.cell.n_molecules
    whole.box = [*(snapshot.state.box_nm * ANGSTROM_PER_NM), 90.0, 90.0, 90.0]
    whole.coordinates = snapshot.state.positions_nm * ANGSTROM_PER_NM
    parmed.amber.AmberParm.from_structure(whole).write_parm(str(path))


def _write_restart(snapshot: Snapshot, path: Path) -> None:
    import parmed

    state = snapshot.state
    file = parmed.amber.AmberAsciiRestart(str(path), "w", natom=snapshot.cell.n_atoms, hasbox=True, title=snapshot.key)
    file.coordinates = state.positions_nm * ANGSTROM_PER_NM
    if state.velocities_nm_ps is not None:
        file.velocities = state.velocities_nm_ps * ANGSTROM_PER_NM
    file.box = [*(state.box_nm * ANGSTROM_PER_NM), 90.0, 90.0, 90.0]
    file.close()


def _run_input(snapshot: Snapshot) -> str:
    running, has_velocities = snapshot.running, snapshot.state.velocities_nm_ps is not None
    pressure = "ntp=0," if running.pressure_bar is None else f"ntp=1, barostat=2, pres0={running.pressure_bar:g},"
    return RUN.format(
        title=f"{snapshot.psmiles} {snapshot.key}, from the end of {snapshot.stage}",
        restart=int(has_velocities),
        read=5 if has_velocities else 1,
        steps=round(1e6 / running.timestep_fs),
        timestep_ps=running.timestep_fs / 1000,
        cutoff=snapshot.nonbonded.cutoff_nm * ANGSTROM_PER_NM,
        boundary=1 if running.pressure_bar is None else 2,
        pressure=pressure,
        friction=f"{running.friction_per_ps:g}",
        temperature=running.temperature_k,
        start="" if has_velocities else f"tempi={running.temperature_k:g}, ",
        skin=_skin(snapshot),
    )


def _point_input(snapshot: Snapshot, tail: int) -> str:
    return POINT.format(
        title=f"{snapshot.psmiles} {snapshot.key}",
        cutoff=snapshot.nonbonded.cutoff_nm * ANGSTROM_PER_NM,
        grid=ewald_grid(snapshot.state.box_nm),
        screening=ewald_per_nm(snapshot.nonbonded.cutoff_nm) / ANGSTROM_PER_NM,
        tail=tail,
        skin=_skin(snapshot),
    )


def _skin(snapshot: Snapshot) -> str:
    """A narrower margin of the pair list where half the box leaves no room for the usual one."""
    room = (snapshot.state.box_nm.min() / 2 - snapshot.nonbonded.cutoff_nm) * ANGSTROM_PER_NM
    return f"skinnb={0.9 * room:.3f}, " if room < 1.1 * WIDEST_SKIN else ""


def _by_openmm(snapshot: Snapshot, folder: Path) -> dict[str, float]:
    from openmm import app, unit

    topology = app.AmberPrmtopFile(str(folder / "cell.prmtop"))
    coordinates = app.AmberInpcrdFile(str(folder / "cell.rst7"))
    system = topology.createSystem(
        nonbondedMethod=app.PME, nonbondedCutoff=snapshot.nonbonded.cutoff_nm, constraints=None
    )
    system.setDefaultPeriodicBoxVectors(*coordinates.boxVectors)
    return energy_terms_kj_mol(system, np.array(coordinates.positions.value_in_unit(unit.nanometer)))


def _by_sander(snapshot: Snapshot, folder: Path, scratch: Path) -> Reading:
    from polyomics.forcefield.tools import find_tool, tools_version

    if find_tool("sander") is None:
        return Reading("sander", None)
    plain, corrected = (_sander_terms(folder, scratch, name) for name in ("point.in", "point_with_tail.in"))
    terms_kcal = {
        "bond": plain["BOND"],
        "angle": plain["ANGLE"],
        "torsion": plain["DIHED"],
        "lennard_jones": plain["VDWAALS"] + plain["1-4 VDW"],
        "lennard_jones_tail": corrected["VDWAALS"] - plain["VDWAALS"],
        "coulomb": plain["EEL"] + plain["1-4 EEL"],
    }
    excess = _excess_of_straight_angles_kj_mol(snapshot)
    return Reading(
        f"sander of {tools_version()}",
        {name: KJ_PER_KCAL * value for name, value in terms_kcal.items()},
        known_kj_mol={"angle": excess},
        note=STRAIGHT_NOTE if excess else "",
    )


def _excess_of_straight_angles_kj_mol(snapshot: Snapshot) -> float:
    """By how much sander's energy of angles is known to differ: it cuts their cosines off."""
    positions = snapshot.state.positions_nm.reshape(snapshot.cell.n_molecules, -1, 3)
    angles = snapshot.chain_structure.angles
    ends, middles, others = (
        positions[:, [getattr(angle, name).idx for angle in angles]] for name in ("atom1", "atom2", "atom3")
    )
    one, other = ends - middles, others - middles
    cosines = (one * other).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1)
    stiffness_kcal = np.array([angle.type.k for angle in angles])
    rest = np.radians([angle.type.theteq for angle in angles])
    real, cut = (
        stiffness_kcal * np.square(np.arccos(np.clip(cosines, -largest, largest)) - rest)
        for largest in (1.0, SANDERS_LARGEST_COSINE)
    )
    return float(KJ_PER_KCAL * (cut - real).sum())


def _sander_terms(folder: Path, scratch: Path, control: str) -> dict[str, float]:
    """Terms of the first point [kcal/mol], by sander's names."""
    from polyomics.forcefield.tools import ToolError, run_tool

    files = {"-i": folder / control, "-p": folder / "cell.prmtop", "-c": folder / "cell.rst7", "-o": "point.out"}
    words = [str(word) for pair in files.items() for word in pair]
    run_tool("sander", ["-O", *words], folder=scratch, timeout_s=POINT_TIMEOUT_S, log=scratch / "point.out")
    text = (scratch / "point.out").read_text(errors="replace")
    results = text.partition("4.  RESULTS")[2].partition("NSTEP")[2].partition("-----")[0]
    found = re.findall(r"([A-Z1][A-Z0-9 -]*?)\s*=\s*(-?\d+\.\d+)", results)
    if not found:
        raise ToolError(f"sander printed no energies for {control}: {text[-300:]}")
    return {name.strip(): float(value) for name, value in found}
