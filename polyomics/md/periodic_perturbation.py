"""An acceleration along x that varies as a cosine along z (Gosling, McDonald & Singer 1973; Hess 2002).

    a_x(z) = A cos(k z),  k = 2π/L_z,  the same for every atom,

shears a liquid without walls and without deforming its box: DOI 10.1063/1.1421362. As a force it has no energy it would
be the slope of. OpenMM's native integrators take it all the same, on the device and at every step, where the cosine is
a staircase: of -m A c(z) x, with c constant between steps, the slope along x is the force wanted, and the slope along
z, which nobody wants, is nought. The energy that goes with it means nothing; its force group keeps it apart.
"""

from __future__ import annotations

import numpy as np
import openmm
from numpy.typing import NDArray

Array = NDArray[np.float64]

FORCE_GROUP = 30
"""Force group of the perturbation."""
STEPS_A_WAVE = 4096
"""Steps of the staircase in a wave."""
ACCELERATION, WAVE_NM = "periodic_acceleration", "periodic_wave_nm"
"""Global parameters of the force: A [nm/ps²] and the wave's length [nm]."""


def periodic_acceleration(masses_amu: Array) -> openmm.CustomExternalForce:
    """The force, at rest until its parameters are set.

    Args:
        masses_amu: Masses as they move [amu], shape=(n_atoms,).
    """
    force = openmm.CustomExternalForce(
        f"-mass * {ACCELERATION} * cos({2.0 * np.pi!r} * (floor({STEPS_A_WAVE} * z / {WAVE_NM}) + 0.5) / "
        f"{STEPS_A_WAVE}) * x"
    )
    force.addPerParticleParameter("mass")
    force.addGlobalParameter(ACCELERATION, 0.0)
    force.addGlobalParameter(WAVE_NM, 1.0)
    for index, mass in enumerate(masses_amu):
        force.addParticle(index, [float(mass)])
    force.setForceGroup(FORCE_GROUP)
    force.setName("periodic perturbation")
    return force
