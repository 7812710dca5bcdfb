"""What viscosity costs, and whether it is right where it is known.

speed   stress sampling and shear flow against plain constant volume, of one cell, in one run
meter   noise of the stress from differences of energies, with and without a switch, argon against the sum over pairs
argon   Lennard-Jones argon at its triple point by both routes; published 3.2 to 3.3 in reduced units
        (Meier, Laesecke & Kabelac, J. Chem. Phys. 2004)

    export PYTHONPATH=tests:tests/md
    python benchmarks/viscosity.py speed RUN_FOLDER [--ps 5] [--platform CPU] [--threads 2]
    python benchmarks/viscosity.py meter
    python benchmarks/viscosity.py argon [--ps 1000] [--platform CPU] [--threads 2]

`speed` takes the cell and the melt of a finished run (a folder with `cell/` and `stages/`).
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from argon_liquid import ARGON_K, in_reduced_units, melted_argon

from polyomics.analysis.green_kubo import running_integrals, viscosity
from polyomics.analysis.shear_flow import Fluid, flow, zero_shear
from polyomics.cell.cell import Cell
from polyomics.md import shear_stress
from polyomics.md.engine import Engine, Hardware, langevin
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.runner import FinishedStage, run_protocol
from polyomics.md.shear_stress import ShearStressMeter, shear_components
from polyomics.md.stage import Stage
from polyomics.md.stages.nvt import Nvt
from polyomics.md.stages.shear_flow import ShearFlow
from polyomics.md.stages.stress_sampling import StressSampling
from polyomics.md.state import PhaseState
from polyomics.md.stress import stress_bar, stress_meter
from polyomics.stage_output import StageOutput
from polyomics.units import KJ_MOL_NM3_IN_BAR

ARGON_CUTOFF_NM = 0.85
ROUNDS = 4
"""Of a busy machine the fastest of some rounds tells most."""


def run(cell: Cell, hardware: Hardware, cutoff_nm: float, *stages: Stage) -> list[FinishedStage]:
    folder = Path(tempfile.mkdtemp(prefix="viscosity"))
    protocol = Protocol(name="benchmark", nonbonded=Nonbonded(cutoff_nm=cutoff_nm), stages=stages)
    return run_protocol(cell, protocol, folder, seed=1, hardware=hardware)


def speed(folder: Path, ps: float, hardware: Hardware) -> None:
    cell = Cell.load(folder / "cell")
    melt = next(
        path
        for path in sorted((folder / "stages" if (folder / "stages").is_dir() else folder).iterdir())
        if "melt" in path.name or "squeeze" in path.name
    )
    state = PhaseState.load(sorted(melt.glob("state.*.npz"))[-1])
    cell = replace(cell, positions_nm=state.positions_nm, box_nm=state.box_nm)
    kwargs = {"temperature_k": state.temperature_k or 600.0, "timestep_fs": 2, "segment_ps": ps, "duration_ps": ps}
    first = Nvt(name="relax", **{**kwargs, "duration_ps": 4.0})
    stages = [
        Nvt(name="constant_volume", after="relax", **kwargs),
        *(StressSampling(name=f"stress_every_{fs}_fs", after="relax", sample_fs=fs, **kwargs) for fs in (20, 40, 100)),
        *(
            ShearFlow(name=f"flow_in_{n}_cells", after="relax", acceleration_nm_ps2=0.02, n_copies=n, **kwargs)
            for n in (1, 3)
        ),
    ]
    rounds = [stage.model_copy(update={"name": f"{stage.name}.{n}"}) for n in range(ROUNDS) for stage in stages]
    done = run(cell, hardware, 0.9, first, *rounds)[1:]
    print(f"{cell.n_atoms} atoms, {kwargs['temperature_k']:.0f} K, best of {ROUNDS} rounds of {ps:g} ps")
    best = {stage.name: min(done[i + n * len(stages)].wall_s for n in range(ROUNDS)) for i, stage in enumerate(stages)}
    for name, wall_s in best.items():
        print(f"{name:24} {wall_s / ps:8.3f} s/ps   {wall_s / best['constant_volume']:6.2f} x")


def meter() -> None:
    cell = melted_argon(5, 0.8)
    hardware = Hardware(platform="CPU", threads=1)
    engine = Engine(cell, Nonbonded(cutoff_nm=0.8), hardware)
    system, tensor = engine.system(), stress_meter()
    system.addForce(tensor)
    integrator = langevin(ARGON_K, 1.0, 5.0, 1)
    context = engine.context(system, integrator, cell.box_nm)
    context.setPositions(cell.positions_nm)
    context.setVelocitiesToTemperature(ARGON_K, 1)
    meters = {}
    for switched in (0.001, 0.05, 0.1):
        for strain in (3e-4, 1e-3, 3e-3):
            shear_stress.SWITCHED_NM, shear_stress.STRAIN = switched, strain
            meters[f"switched over {switched:5.3f} nm, strain {strain:g}"] = ShearStressMeter(engine, cell.masses_amu)
    errors: dict[str, list[np.ndarray]] = {name: [] for name in ("OpenMM, strain 0.001", *meters)}
    known = []
    for _ in range(40):
        integrator.step(50)
        state = context.getState(positions=True, velocities=True)
        positions, velocities = (
            x._value for x in (state.getPositions(asNumpy=True), state.getVelocities(asNumpy=True))
        )
        exact = pair_sum_bar(cell, positions, velocities)
        known.append(exact)
        errors["OpenMM, strain 0.001"].append(shear_components(stress_bar(context, tensor)) - exact)
        for name, one in meters.items():
            errors[name].append(one.stress_bar(positions, velocities, cell.box_nm) - exact)
    print(f"shear stress of {cell.n_atoms} atoms: {np.std(known):.1f} bar; errors, root mean square:")
    for name, found in errors.items():
        print(f"{name:40} {np.sqrt(np.mean(np.square(found))):6.1f} bar")


def pair_sum_bar(
    cell: Cell, positions_nm: np.ndarray, velocities_nm_ps: np.ndarray, cutoff_nm: float = 0.8
) -> np.ndarray:
    """The shear stress of truncated forces, exactly."""
    one, other = np.triu_indices(cell.n_atoms, 1)
    apart = positions_nm[one] - positions_nm[other]
    apart -= cell.box_nm * np.round(apart / cell.box_nm)
    squared = (apart**2).sum(axis=1)
    apart, squared = apart[squared < cutoff_nm**2], squared[squared < cutoff_nm**2]
    sixth = (0.3405**2 / squared) ** 3
    slopes = -24.0 * 0.99607 * (2.0 * sixth**2 - sixth) / squared
    tensor = (slopes[:, None] * apart).T @ apart - 39.948 * velocities_nm_ps.T @ velocities_nm_ps
    tensor *= KJ_MOL_NM3_IN_BAR / np.prod(cell.box_nm)
    return shear_components(np.array([*np.diag(tensor), tensor[0, 1], tensor[0, 2], tensor[1, 2]]))


def argon(ps: float, hardware: Hardware) -> None:
    settings = {"temperature_k": ARGON_K, "timestep_fs": 5, "control_ps": 1}
    sampling = StressSampling(name="stress", duration_ps=ps, segment_ps=ps / 20, report_ps=10, **settings)
    for cells in (4, 6):
        started = time.perf_counter()
        done = run(melted_argon(cells, ARGON_CUTOFF_NM), hardware, ARGON_CUTOFF_NM, sampling)[0]
        pieces = StageOutput.open(done.path).arrays("stress")
        integrals = running_integrals(
            [piece["shear_stress_bar"] for piece in pieces], 0.02, float(pieces[0]["volume_nm3"]), ARGON_K
        )
        found = viscosity(integrals)
        value, error = (in_reduced_units(x) for x in (found.viscosity_pa_s.mean, found.viscosity_pa_s.stderr))
        drift = np.mean([piece["heat_drift_per_ps"] for piece in pieces])
        print(
            f"Green-Kubo, {4 * cells**3} atoms, {ps:g} ps: {value:.2f} ± {error:.2f}, used to {found.cutoff_ps:.1f} "
            f"ps, heat drift {drift:.1e}/ps, {time.perf_counter() - started:.0f} s"
        )
    flows = []
    for acceleration in (0.004, 0.007, 0.01):
        stage = ShearFlow(
            name="flow", duration_ps=ps / 3, segment_ps=ps / 3, acceleration_nm_ps2=acceleration, **settings
        )
        done = run(melted_argon((4, 4, 12), ARGON_CUTOFF_NM), hardware, ARGON_CUTOFF_NM, stage)[0]
        arrays = StageOutput.open(done.path).joined("flow")
        fluid = Fluid(
            wave_nm=float(arrays["wave_nm"][0]),
            density_kg_m3=float(arrays["density_kg_m3"][0]),
            mass_amu=float(arrays["mass_amu"][0]),
            temperature_k=ARGON_K,
            kinetic_energy_kj_mol=float(arrays["kinetic_energy_kj_mol"].mean()),
        )
        one = flow(arrays["amplitude_nm_ps"], 1e-3 * stage.sample_fs, acceleration, fluid)
        flows.append(one)
        print(
            f"flow, {acceleration:g} nm/ps²: {in_reduced_units(one.viscosity_pa_s):.2f} ± "
            f"{in_reduced_units(one.viscosity_stderr_pa_s or np.nan):.2f}, {one.shear_rate_per_s:.2g}/s, "
            f"{one.profile_part:.1%} of the kinetic energy"
        )
    zero = zero_shear(flows).viscosity_pa_s
    value, error = in_reduced_units(zero.mean), in_reduced_units(zero.stderr or np.nan)
    print(f"at vanishing shear: {value:.2f} ± {error:.2f} {zero.flags}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "meter", "argon"])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--ps", type=float)
    parser.add_argument("--platform")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    hardware = Hardware(platform=options.platform, threads=options.threads)
    if options.what == "speed":
        speed(options.folder, options.ps or 5.0, hardware)
    elif options.what == "meter":
        meter()
    else:
        argon(options.ps or 1000.0, hardware)


if __name__ == "__main__":
    main()
