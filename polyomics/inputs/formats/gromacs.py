"""GROMACS: topology of one chain through ParmEd, coordinates with all their digits, inputs for grompp."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from polyomics.inputs.energies import EWALD_SCREENING_CUTOFF, energy_terms_kj_mol, ewald_grid, program
from polyomics.inputs.format import DOUBLE_PRECISION, FORMATS, SINGLE_PRECISION, InputFormat, Reading
from polyomics.units import NM_PER_ANGSTROM

if TYPE_CHECKING:
    from polyomics.inputs.snapshot import Snapshot

DECIMALS = 8
"""Of positions [nm]; GROMACS reads as many as there are. Its usual three give bonds the wrong energy."""
COMPRESSIBILITY_PER_BAR = 5e-5
TAU_P_PS = 2.0
POINT_TIMEOUT_S = 600.0
MOST_TERMS = 12
"""Columns of the table of energies that are asked for; the potential energy and its terms come first."""
PROGRAMS = ("gmx_d", "gmx", "gmx_mpi_d", "gmx_mpi")
"""Double precision is taken where it is there."""

COMMON = """cutoff-scheme           = Verlet
pbc                     = xyz
coulombtype             = PME
rcoulomb                = {cutoff:.4f}
vdwtype                 = Cut-off
vdw-modifier            = None
rvdw                    = {cutoff:.4f}
DispCorr                = EnerPres
"""
RUN = """; {title}
integrator              = sd
dt                      = {timestep_ps:.4f}
nsteps                  = {steps}
tc-grps                 = System
tau-t                   = {tau_t:.6g}
ref-t                   = {temperature:g}
{pressure}constraints             = h-bonds
lincs-order             = 6
lincs-iter              = 2
{start}nstenergy               = 1000
nstlog                  = 1000
nstxout-compressed      = 1000
"""
BAROSTAT = """pcoupl                  = C-rescale
pcoupltype              = isotropic
tau-p                   = {tau_p:g}
ref-p                   = {pressure:g}
compressibility         = {compressibility:g}
"""
POINT = """; {title}: energy of one point
integrator              = md
nsteps                  = 0
continuation            = yes
constraints             = none
nstenergy               = 1
nstcalcenergy           = 1
nstlist                 = 1
verlet-buffer-tolerance = -1
rlist                   = {cutoff:.4f}
ewald-rtol              = {tolerance:.6e}
pme-order               = 6
fourier-nx              = {grid[0]}
fourier-ny              = {grid[1]}
fourier-nz              = {grid[2]}
"""
TERM_OF = {
    "Bond": "bond",
    "Angle": "angle",
    "Proper Dih.": "torsion",
    "Ryckaert-Bell.": "torsion",
    "Improper Dih.": "torsion",
    "Per. Imp. Dih.": "torsion",
    "Periodic Improper Dih.": "torsion",
    "LJ-14": "lennard_jones",
    "LJ (SR)": "lennard_jones",
    "Disper. corr.": "lennard_jones_tail",
    "Coulomb-14": "coulomb",
    "Coulomb (SR)": "coulomb",
    "Coul. recip.": "coulomb",
}


@FORMATS.register("gromacs")
class Gromacs(InputFormat):
    """One molecule type, as many times as there are chains."""

    title: ClassVar[str] = "GROMACS"
    how_to_run: ClassVar[str] = "gmx grompp -f run.mdp -c cell.gro -p cell.top -o run.tpr && gmx mdrun -deffnm run"

    def write(self, snapshot: Snapshot, folder: Path) -> None:
        """Write cell.top, cell.gro, run.mdp and point.mdp."""
        (folder / "cell.top").write_text(_topology(snapshot, folder), encoding="ascii")
        with (folder / "cell.gro").open("w", encoding="ascii") as stream:
            stream.writelines(f"{line}\n" for line in _coordinate_lines(snapshot))
        (folder / "run.mdp").write_text(_run_input(snapshot), encoding="ascii")
        (folder / "point.mdp").write_text(_point_input(snapshot), encoding="ascii")

    def readings(self, snapshot: Snapshot, folder: Path, scratch: Path) -> Iterator[Reading]:
        """OpenMM's reader of GROMACS files, and GROMACS."""
        yield Reading(f"{program()} reading GROMACS files", _by_openmm(snapshot, folder))
        yield _by_gromacs(folder, scratch)


def _topology(snapshot: Snapshot, folder: Path) -> str:
    """What ParmEd writes for one chain, without its note of who ran it where, and with the number of chains."""
    import parmed

    path = folder / "cell.top"
    parmed.gromacs.GromacsTopologyFile.from_structure(snapshot.chain_structure).write(str(path))
    text = path.read_text(encoding="utf-8")
    body = text[text.index("[ defaults ]") : text.index("[ system ]")]
    name = snapshot.chain_structure.residues[0].name
    title = f"{snapshot.psmiles} {snapshot.key}, end of {snapshot.stage}"
    return f"; {title}\n\n{body}[ system ]\n{title}\n\n[ molecules ]\n{name} {snapshot.cell.n_molecules}\n"


def _coordinate_lines(snapshot: Snapshot) -> Iterator[str]:
    state, width = snapshot.state, DECIMALS + 5
    names = [atom.name for atom in snapshot.chain_structure.atoms]
    residue = snapshot.chain_structure.residues[0].name
    velocities = state.velocities_nm_ps
    yield f"{snapshot.psmiles} {snapshot.key}, end of {snapshot.stage}"
    yield str(snapshot.cell.n_atoms)
    for index, position in enumerate(state.positions_nm):
        chain, atom = divmod(index, len(names))
        line = f"{(chain + 1) % 100000:5d}{residue:<5.5}{names[atom][:5]:>5}{(index + 1) % 100000:5d}"
        line += "".join(f"{x:{width}.{DECIMALS}f}" for x in position)
        if velocities is not None:
            line += "".join(f"{v:{width}.{DECIMALS + 1}f}" for v in velocities[index])
        yield line
    yield " ".join(f"{edge:.12f}" for edge in state.box_nm)


def _run_input(snapshot: Snapshot) -> str:
    running = snapshot.running
    pressure = (
        ""
        if running.pressure_bar is None
        else BAROSTAT.format(tau_p=TAU_P_PS, pressure=running.pressure_bar, compressibility=COMPRESSIBILITY_PER_BAR)
    )
    start = "continuation            = yes\ngen-vel                 = no\n"
    if snapshot.state.velocities_nm_ps is None:
        start = f"gen-vel                 = yes\ngen-temp                = {running.temperature_k:g}\n"
    text = RUN.format(
        title=f"{snapshot.psmiles} {snapshot.key}, from the end of {snapshot.stage}",
        timestep_ps=running.timestep_fs / 1000,
        steps=round(1e6 / running.timestep_fs),
        tau_t=1.0 / running.friction_per_ps,
        temperature=running.temperature_k,
        pressure=pressure,
        start=start,
    )
    return text + COMMON.format(cutoff=snapshot.nonbonded.cutoff_nm)


def _point_input(snapshot: Snapshot) -> str:
    cutoff = snapshot.nonbonded.cutoff_nm
    text = POINT.format(
        title=f"{snapshot.psmiles} {snapshot.key}",
        cutoff=cutoff,
        tolerance=math.erfc(EWALD_SCREENING_CUTOFF),
        grid=ewald_grid(snapshot.state.box_nm),
    )
    return text + COMMON.format(cutoff=cutoff)


def _by_openmm(snapshot: Snapshot, folder: Path) -> dict[str, float]:
    """Topology by OpenMM; coordinates by ParmEd, since OpenMM's reader refuses some with more than three decimals."""
    import parmed
    from openmm import app

    coordinates = parmed.gromacs.GromacsGroFile.parse(str(folder / "cell.gro"), skip_bonds=True)
    edges_nm = np.array(coordinates.box[:3]) * NM_PER_ANGSTROM
    topology = app.GromacsTopFile(str(folder / "cell.top"), unitCellDimensions=edges_nm.tolist())
    system = topology.createSystem(
        nonbondedMethod=app.PME, nonbondedCutoff=snapshot.nonbonded.cutoff_nm, constraints=None
    )
    system.setDefaultPeriodicBoxVectors(*np.diag(edges_nm).tolist())
    return energy_terms_kj_mol(system, np.array(coordinates.coordinates) * NM_PER_ANGSTROM)


def _by_gromacs(folder: Path, scratch: Path) -> Reading:
    from polyomics.forcefield.tools import find_tool, run_tool

    name = next((one for one in PROGRAMS if find_tool(one)), None)
    if name is None:
        return Reading("GROMACS", None)

    def gromacs(*words: str, text: str | None = None) -> None:
        run_tool(name, ["-quiet", *words], folder=scratch, timeout_s=POINT_TIMEOUT_S, text=text)

    files = {"-f": "point.mdp", "-c": "cell.gro", "-p": "cell.top"}
    paths = [word for option, file in files.items() for word in (option, str(folder / file))]
    gromacs("grompp", *paths, "-o", "point.tpr", "-po", "mdout.mdp", "-maxwarn", "5")
    gromacs("mdrun", "-deffnm", "point", "-nt", "1", "-nb", "cpu", "-pme", "cpu")
    numbers = "\n".join(str(number) for number in range(1, MOST_TERMS + 1))
    gromacs("energy", "-f", "point.edr", "-o", "point.xvg", "-dp", text=numbers)
    version = re.search(r"GROMACS version: *(\S+)", (scratch / "point.log").read_text(errors="replace"))
    return Reading(
        f"{name} {version[1] if version else ''}".strip(),
        _terms_of_table((scratch / "point.xvg").read_text()),
        DOUBLE_PRECISION if name.endswith("_d") else SINGLE_PRECISION,
    )


def _terms_of_table(text: str) -> dict[str, float]:
    """Terms of the first row of a table of `gmx energy` [kJ/mol]."""
    names = re.findall(r'^@ s\d+ legend "(.*)"$', text, re.MULTILINE)
    row = next(line for line in text.splitlines() if line and line[0] not in "#@").split()[1:]
    terms = dict.fromkeys(TERM_OF.values(), 0.0)
    for name, value in zip(names, row, strict=True):
        if name in TERM_OF:
            terms[TERM_OF[name]] += float(value)
    return terms
