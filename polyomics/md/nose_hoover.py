"""Newton's dynamics with the temperature held by a Nosé-Hoover thermostat, which damps no motion."""

from __future__ import annotations

import numpy as np
import openmm
from openmm import unit

from polyomics.md.engine import CONSTRAINT_TOLERANCE, masses_amu


def nose_hoover(
    temperature_k: float, frequency_per_ps: float, timestep_fs: float, chain_length: int = 3
) -> openmm.NoseHooverIntegrator:
    """Newton's equations with a Nosé-Hoover chain that holds the temperature of all velocities."""
    integrator = openmm.NoseHooverIntegrator(temperature_k, frequency_per_ps, timestep_fs * 1e-3, chain_length)
    integrator.setConstraintTolerance(CONSTRAINT_TOLERANCE)
    return integrator


def bring_to_rest(context: openmm.Context) -> None:
    """Take the velocity of the centre of mass from all velocities."""
    masses = masses_amu(context.getSystem())
    velocities = context.getState(velocities=True).getVelocities(asNumpy=True)
    in_nm_ps = np.asarray(velocities.value_in_unit(unit.nanometer / unit.picosecond))
    context.setVelocities(in_nm_ps - masses @ in_nm_ps / masses.sum())


def refuse_fractions(*ratios: tuple[str, float, float]) -> None:
    """Refuse intervals that are not whole numbers of shorter ones.

    Args:
        ratios: What is divided by what, the longer and the shorter [fs].

    Raises:
        ValueError: The message says which.
    """
    for name, long, short in ratios:
        if abs(long / short - round(long / short)) > 1e-6 or round(long / short) < 1:
            raise ValueError(f"{name} must be a whole number; found {long:g} / {short:g} fs")
