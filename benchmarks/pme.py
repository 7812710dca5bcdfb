"""Error and cost of PME settings on a real cell: `python benchmarks/pme.py RUN_FOLDER [--threads N]`.

The error is the root-mean-square deviation of the electrostatic forces from a tight Ewald sum, over the
root-mean-square electrostatic force; times of all settings are taken in turn, several rounds, minimum kept.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import openmm
from openmm import unit

from polyomics.cell.cell import Cell
from polyomics.md.engine import Hardware, choose_platform, nonbonded_force
from polyomics.md.state import PhaseState

# cut-off nm, tolerance or None, (alpha 1/nm, grid spacing nm) or None
SETTINGS = [
    (0.9, 5e-4, None),
    (0.9, 1e-3, None),
    (0.9, 2e-3, None),
    (0.9, None, (2.9, 0.13)),
    (0.9, None, (2.9, 0.16)),
    (0.9, None, (2.6, 0.16)),
    (1.0, 5e-4, None),
    (1.0, None, (2.6, 0.15)),
]


def prepared(
    cell: Cell,
    start: PhaseState,
    cutoff_nm: float,
    tolerance: float | None,
    grid: tuple[float, float] | None,
    only_charges: bool,
) -> openmm.System:
    system = openmm.XmlSerializer.deserialize(cell.system_xml)
    force = nonbonded_force(system)
    force.setCutoffDistance(cutoff_nm)
    if tolerance is not None:
        force.setEwaldErrorTolerance(tolerance)
    if grid is not None:
        alpha, spacing = grid
        force.setPMEParameters(alpha, *(int(np.ceil(edge / spacing)) for edge in start.box_nm))
    if only_charges:
        for index in reversed(range(system.getNumForces())):
            if not isinstance(system.getForce(index), openmm.NonbondedForce):
                system.removeForce(index)
        force = nonbonded_force(system)
        for index in range(force.getNumParticles()):
            charge, sigma, _ = force.getParticleParameters(index)
            force.setParticleParameters(index, charge, sigma, 0.0)
        for index in range(force.getNumExceptions()):
            first, second, product, sigma, _ = force.getExceptionParameters(index)
            force.setExceptionParameters(index, first, second, product, sigma, 0.0)
    system.setDefaultPeriodicBoxVectors(*np.diag(start.box_nm))
    return system


def forces(system: openmm.System, start: PhaseState) -> np.ndarray:
    platform = openmm.Platform.getPlatform("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(start.positions_nm)
    state = context.getState(forces=True)
    return state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run_folder", type=Path)
    parser.add_argument("--threads", default="2")
    asked = parser.parse_args()
    cell = Cell.load(asked.run_folder / "cell")
    start = PhaseState.load(sorted((asked.run_folder / "stages").glob("*/state.*.npz"))[-1])
    exact = forces(prepared(cell, start, 0.95, 1e-7, None, True), start)
    scale = np.sqrt((exact**2).sum(axis=1).mean())
    platform = choose_platform(Hardware())
    options = {"Threads": asked.threads} if platform.getName() == "CPU" else {}
    running = []
    for setting in SETTINGS:
        deviation = forces(prepared(cell, start, *setting, True), start) - exact
        error = np.sqrt((deviation**2).sum(axis=1).mean()) / scale
        integrator = openmm.LangevinMiddleIntegrator(300, 1.0, 0.004)
        context = openmm.Context(prepared(cell, start, *setting, False), integrator, platform, options)
        context.setPositions(start.positions_nm)
        context.setVelocitiesToTemperature(300, 1)
        integrator.step(20)
        running.append((setting, error, context, integrator))
    times: list[list[float]] = [[] for _ in running]
    for _ in range(8):
        for k, (_, _, _, integrator) in enumerate(running):
            began = time.perf_counter()
            integrator.step(100)
            times[k].append((time.perf_counter() - began) * 10)
    print(f"{cell.n_atoms} atoms, box {start.box_nm[0]:.2f} nm, {platform.getName()} {options}")
    print("| cut-off nm | tolerance | alpha 1/nm, grid | relative force error | ms/step | relative time |")
    print("|---|---|---|---|---|---|")
    base = min(times[0])
    for (setting, error, context, _), taken in zip(running, times, strict=True):
        used = nonbonded_force(context.getSystem()).getPMEParametersInContext(context)
        print(
            f"| {setting[0]} | {setting[1] or '-'} | {used[0]:.2f}, {used[1]} | {error:.1e} | {min(taken):.2f} | "
            f"{min(taken) / base:.2f} |"
        )


if __name__ == "__main__":
    main()
