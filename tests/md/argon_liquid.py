"""Liquid argon at its triple point, to measure viscosities on."""

from dataclasses import replace
from functools import cache

import numpy as np
from lennard_jones import EPSILON_KJ_MOL, MASS_AMU, SIGMA_NM, argon_cell, temperature_k
from openmm import unit

from polyomics.cell.cell import Cell
from polyomics.md.engine import Engine, Hardware, langevin
from polyomics.md.protocol import Nonbonded
from polyomics.units import AVOGADRO_PER_MOL

CPU = Hardware(platform="CPU", threads=1)
ARGON_K = temperature_k(0.722)
DENSITY_REDUCED = 0.8442


@cache
def melted_argon(cells_a_side: int | tuple[int, int, int], cutoff_nm: float = 0.6) -> Cell:
    """A cell whose lattice is molten."""
    cell = argon_cell(cells_a_side, DENSITY_REDUCED)
    integrator = langevin(2.0 * ARGON_K, 2.0, 5.0, 1)
    engine = Engine(cell, Nonbonded(cutoff_nm=cutoff_nm), CPU)
    context = engine.context(engine.system(), integrator, cell.box_nm)
    context.setPositions(cell.positions_nm)
    context.setVelocitiesToTemperature(4.0 * ARGON_K, 1)
    integrator.step(800)
    integrator.setTemperature(ARGON_K)
    integrator.step(800)
    positions = context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    return replace(cell, positions_nm=np.array(positions))


def in_reduced_units(viscosity_pa_s: float) -> float:
    """η σ² / √(m ε)."""
    mass_kg = MASS_AMU / AVOGADRO_PER_MOL * 1e-3
    epsilon_j = EPSILON_KJ_MOL / AVOGADRO_PER_MOL * 1e3
    return viscosity_pa_s * (SIGMA_NM * 1e-9) ** 2 / float(np.sqrt(mass_kg * epsilon_j))
