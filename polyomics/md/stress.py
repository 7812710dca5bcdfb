"""The stress of a cell in motion: OpenMM's finite difference of the energy under small strains of box and molecules."""

from __future__ import annotations

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import unit

COMPONENTS = ("xx", "yy", "zz", "xy", "xz", "yz")
"""Order of the components of a stress or a strain that is written as six numbers."""

METER_STRAIN = 1e-3
"""Strain of OpenMM's finite difference; a box is measured at edges this much shorter, which must still be twice the
cut-off."""


def stress_meter() -> openmm.MonteCarloFlexibleBarostat:
    """A barostat that never moves the box and only measures; add it to the System before the context is made.

    Molecules are strained as rigid bodies: their centroids move with the box. The virial is then that of the forces
    between molecules, forces of constraints, which OpenMM does not tell, drop out of it, and the kinetic part is that
    of the molecules' centres of mass. It is the stress whose mean the barostat of all other stages holds.
    """
    return openmm.MonteCarloFlexibleBarostat(0.0, 300.0, 0, True)


def stress_bar(context: openmm.Context, meter: openmm.MonteCarloFlexibleBarostat) -> NDArray[np.float64]:
    """Stress of the cell as it is now, kinetic part included; tension is positive.

    It costs the energies of twelve strained cells: as much as 14 to 20 steps on a CPU. Positions, velocities and
    box are the same before and after, to the last bit.

    A potential that ends at a cut-off jumps there, and every pair that a strain of 0.001 takes across the cut-off
    counts. On average that is the part of the pressure that the truncated energy has and its forces have not; from
    frame to frame it is noise, which is small beside that of molecules and not beside that of argon.

    Args:
        context: Of a system that has the meter.
        meter: From `stress_meter`.

    Returns:
        Components xx, yy, zz, xy, xz, yz [bar], shape=(6,). The pressure tensor is minus this.
    """
    stress = meter.computeStressTensor(context, True)
    return np.array(stress.value_in_unit(unit.bar), dtype=np.float64)
