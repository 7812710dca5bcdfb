"""Which Monte Carlo barostat samples a cell of few long chains rightly, and how fast.

Three ways on one cell, from one start, at one state:
  rigid        molecules' centres scaled, H-bonds constrained, 4 fs    (what polyomics uses)
  atoms        every atom scaled, H-bonds constrained, 4 fs            (setScaleMoleculesAsRigid(False))
  atoms, free  every atom scaled, no constraints, 1 fs                 (the exact form of the second)

A barostat that is right has the average virial pressure equal to the pressure asked for; the volume's
correlation time says what an independent sample costs.

    python benchmarks/barostat.py RUN_FOLDER [--ps 100] [--temperature 500] [--pressure 1]
"""

import argparse
import time
from pathlib import Path

import numpy as np
import openmm
from openmm import unit

from polyomics.analysis.statistics import estimate_mean
from polyomics.cell.cell import Cell
from polyomics.md.engine import Engine, Hardware
from polyomics.md.masses import repartitioned_masses_amu
from polyomics.md.protocol import Nonbonded
from polyomics.md.state import PhaseState
from polyomics.units import density_g_cm3

MODES = {"rigid": (True, True, 4.0), "atoms": (False, True, 4.0), "atoms, free": (False, False, 1.0)}
FREQUENCY = 25


def run(
    cell: Cell, start: PhaseState, mode: str, temperature_k: float, pressure_bar: float, ps: float
) -> dict[str, float]:
    rigid, constrained, timestep_fs = MODES[mode]
    engine = Engine(cell, Nonbonded(), Hardware())
    system = engine.system()
    if constrained:
        for index, mass in enumerate(repartitioned_masses_amu(cell, 3.0)):
            system.setParticleMass(index, mass)
    else:
        free_hydrogens(system)
    barostat = openmm.MonteCarloBarostat(pressure_bar, temperature_k, FREQUENCY, rigid)
    barostat.setRandomNumberSeed(1)
    system.addForce(barostat)
    integrator = openmm.LangevinMiddleIntegrator(temperature_k, 1.0, timestep_fs * 1e-3)
    integrator.setRandomNumberSeed(1)
    context = engine.context(system, integrator, start.box_nm)
    context.setPositions(start.positions_nm)
    context.setVelocitiesToTemperature(temperature_k, 1)
    per_sample = round(0.2 / (timestep_fs * 1e-3))
    densities, pressures, energies = [], [], []
    started = time.perf_counter()
    for _ in range(round(ps / 0.2)):
        integrator.step(per_sample)
        state = context.getState(energy=True)
        volume = state.getPeriodicBoxVolume().value_in_unit(unit.nanometer**3)
        densities.append(density_g_cm3(cell.mass_amu, volume))
        pressures.append(barostat.computeCurrentPressure(context).value_in_unit(unit.bar))
        energies.append(state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole))
    wall = time.perf_counter() - started
    tail = slice(len(densities) // 4, None)
    density, pressure = estimate_mean(np.array(densities[tail])), estimate_mean(np.array(pressures[tail]))
    return {
        "density": density.mean,
        "density_stderr": density.stderr or np.nan,
        "pressure": pressure.mean,
        "pressure_stderr": pressure.stderr or np.nan,
        "inefficiency_ps": density.statistical_inefficiency * 0.2,
        "wall_per_ps": wall / ps,
    }


def free_hydrogens(system: openmm.System) -> None:
    """Replace every constraint by a stiff bond of the same length (2,900 kJ/mol/Å², near GAFF2's C-H)."""
    bonds = next(f for f in system.getForces() if isinstance(f, openmm.HarmonicBondForce))
    for index in reversed(range(system.getNumConstraints())):
        first, second, length = system.getConstraintParameters(index)
        bonds.addBond(first, second, length, 2.9e5)
        system.removeConstraint(index)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_folder", type=Path)
    parser.add_argument("--ps", type=float, default=100)
    parser.add_argument("--temperature", type=float, default=500)
    parser.add_argument("--pressure", type=float, default=1.0)
    asked = parser.parse_args()
    cell = Cell.load(asked.run_folder / "cell")
    last = sorted((asked.run_folder / "stages").glob("*/state.*.npz"))[-1]
    start = PhaseState.load(last)
    print("| barostat | density g/cm³ | virial pressure bar | volume inefficiency ps | wall s/ps |")
    print("|---|---|---|---|---|")
    for mode in MODES:
        row = run(cell, start, mode, asked.temperature, asked.pressure, asked.ps)
        print(
            f"| {mode} | {row['density']:.4f} ± {row['density_stderr']:.4f} | {row['pressure']:.0f} ± "
            f"{row['pressure_stderr']:.0f} | {row['inefficiency_ps']:.1f} | {row['wall_per_ps']:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
