"""LAMMPS: a data file of style full in real units, inputs for lmp."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from polyomics.inputs.energies import ewald_grid, ewald_per_nm
from polyomics.inputs.format import FORMATS, InputFormat, Reading
from polyomics.inputs.lammps_data import write_lammps_data
from polyomics.units import BAR_PER_ATM, KJ_PER_KCAL, NM_PER_ANGSTROM

if TYPE_CHECKING:
    from polyomics.inputs.snapshot import Snapshot

PROGRAMS = ("lmp", "lmp_serial", "lmp_mpi")
PPPM_ACCURACY = 3e-6
"""Electrostatic forces at least as good as ours (benchmarks/README.md)."""
THERMOSTAT_FS, BAROSTAT_FS = 100.0, 1000.0
POINT_TIMEOUT_S = 600.0
COLUMNS = ("ebond", "eangle", "edihed", "eimp", "evdwl", "etail", "ecoul", "elong")

HEADER = """# {title}
units           real
atom_style      full
boundary        p p p
pair_style      lj/cut/coul/long {cutoff:.4f}
bond_style      harmonic
angle_style     harmonic
dihedral_style  {dihedrals}
improper_style  {impropers}
special_bonds   amber
pair_modify     mix arithmetic tail yes{table}
neighbor        2.0 bin
{kspace}
read_data       cell.data
"""
RUN = """
timestep        {timestep_fs:g}
{start}{rigid}fix             ensemble all {ensemble}
thermo          1000
thermo_style    custom step temp press density pe ke ebond eangle edihed eimp evdwl ecoul elong
dump            frames all dcd 1000 run.dcd
run             {steps}
write_data      run.data
"""


@FORMATS.register("lammps")
class Lammps(InputFormat):
    """All chains written out, one molecule each."""

    title: ClassVar[str] = "LAMMPS"
    how_to_run: ClassVar[str] = "lmp -in run.in"

    def write(self, snapshot: Snapshot, folder: Path) -> None:
        """Write cell.data, run.in and point.in."""
        written = write_lammps_data(
            folder / "cell.data",
            snapshot.chain,
            snapshot.cell.n_molecules,
            snapshot.state.positions_nm,
            snapshot.state.box_nm,
            snapshot.masses_amu[: snapshot.chain.n_atoms].tolist(),
            snapshot.state.velocities_nm_ps,
        )
        (folder / "run.in").write_text(_run_input(snapshot, written.hydrogen_bond_kinds, written.styles), "ascii")
        (folder / "point.in").write_text(_point_input(snapshot, written.styles), "ascii")

    def readings(self, snapshot: Snapshot, folder: Path, scratch: Path) -> Iterator[Reading]:
        """LAMMPS."""
        from polyomics.forcefield.tools import find_tool, run_tool

        name = next((one for one in PROGRAMS if find_tool(one)), None)
        if name is None:
            yield Reading("LAMMPS", None)
            return
        for file in ("cell.data", "point.in"):
            (scratch / file).symlink_to(folder / file)
        log = scratch / "log.lammps"
        run_tool(name, ["-in", "point.in", "-screen", "none"], folder=scratch, timeout_s=POINT_TIMEOUT_S, log=log)
        yield _reading(log.read_text())


def _header(snapshot: Snapshot, styles: frozenset[str], kspace: str, table: str = "") -> str:
    return HEADER.format(
        title=f"{snapshot.psmiles} {snapshot.key}, end of {snapshot.stage}",
        cutoff=snapshot.nonbonded.cutoff_nm / NM_PER_ANGSTROM,
        dihedrals="fourier" if "dihedral" in styles else "none",
        impropers="cvff" if "improper" in styles else "none",
        kspace=kspace,
        table=table,
    )


def _run_input(snapshot: Snapshot, hydrogen_bonds: tuple[int, ...], styles: frozenset[str]) -> str:
    running = snapshot.running
    temperature = f"temp {running.temperature_k:g} {running.temperature_k:g} {THERMOSTAT_FS:g}"
    ensemble = f"nvt {temperature}"
    if running.pressure_bar is not None:
        atm = f"{running.pressure_bar / BAR_PER_ATM:.8g}"
        ensemble = f"npt {temperature} iso {atm} {atm} {BAROSTAT_FS:g}"
    rigid = ""
    if hydrogen_bonds:
        rigid = f"fix             rigid all shake 1e-6 100 0 b {' '.join(map(str, hydrogen_bonds))}\n"
    start = ""
    if snapshot.state.velocities_nm_ps is None:
        start = f"velocity        all create {running.temperature_k:g} 4711 dist gaussian\n"
    kspace = f"kspace_style    pppm {PPPM_ACCURACY:g}"
    return _header(snapshot, styles, kspace) + RUN.format(
        timestep_fs=running.timestep_fs,
        start=start,
        rigid=rigid,
        ensemble=ensemble,
        steps=round(1e6 / running.timestep_fs),
    )


def _point_input(snapshot: Snapshot, styles: frozenset[str]) -> str:
    grid = " ".join(map(str, ewald_grid(snapshot.state.box_nm)))
    screening = ewald_per_nm(snapshot.nonbonded.cutoff_nm) * NM_PER_ANGSTROM
    kspace = f"kspace_style    pppm 1e-6\nkspace_modify   gewald {screening:.12f} mesh {grid} order 6"
    printed = "".join(f'print "{name} = $({name}:%20.15g)"\n' for name in COLUMNS)
    return (
        _header(snapshot, styles, kspace, " table 0")
        + f"thermo_style    custom {' '.join(COLUMNS)}\nrun             0\n"
        + printed
    )


def _reading(log: str) -> Reading:
    found = {name: KJ_PER_KCAL * float(value) for name, value in re.findall(r"^(\w+) = +(\S+)$", log, re.MULTILINE)}
    terms = {
        "bond": found["ebond"],
        "angle": found["eangle"],
        "torsion": found["edihed"] + found["eimp"],
        "lennard_jones": found["evdwl"] - found["etail"],
        "lennard_jones_tail": found["etail"],
        "coulomb": found["ecoul"] + found["elong"],
    }
    version = re.search(r"LAMMPS \(([^)]*)\)", log)
    return Reading(f"LAMMPS {version[1] if version else ''}".strip(), terms)
