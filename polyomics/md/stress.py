"""The stress of a cell in motion: OpenMM's finite difference of the energy under small strains of box and molecules."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import unit

from polyomics.units import KJ_MOL_NM3_IN_BAR

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

    It costs the energies of twelve strained cells and the forces of this one: as much as 15 to 20 steps on a CPU.
    Positions, velocities and box are the same before and after, to the last bit.

    OpenMM shears the box along one edge and leaves molecules as they lie, which turns them against the box by half the
    angle, so that half the torque on them is in its shear stresses. That is nought on average and doubles their
    variance in a melt of chains; it is taken off here, and xy is yx.

    A potential that ends at a cut-off jumps there, and every pair that a strain of 0.001 takes across the cut-off
    counts. On average that is the part of the pressure that the truncated energy has and its forces have not; from
    frame to frame it is noise, which is small beside that of molecules and not beside that of argon.

    Args:
        context: Of a system that has the meter.
        meter: From `stress_meter`.

    Returns:
        Components xx, yy, zz, xy, xz, yz [bar], shape=(6,). The pressure tensor is minus this.
    """
    measured = meter.computeStressTensor(context, True)
    stress = np.array(measured.value_in_unit(unit.bar), dtype=np.float64)
    stress[3:] += _turned_back_bar(context)
    return stress


_MOLECULE_OF_ATOM: WeakKeyDictionary[openmm.Context, NDArray[np.int64]] = WeakKeyDictionary()


def _turned_back_bar(context: openmm.Context) -> NDArray[np.float64]:
    """What turning the molecules back adds to the shear stresses xy, xz and yz [bar], shape=(3,)."""
    molecule = _molecule_of_atom(context)
    if molecule.max() + 1 == len(molecule):
        return np.zeros(3)
    state = context.getState(positions=True, forces=True)
    positions = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    forces = state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
    sums = np.array([np.bincount(molecule, column) for column in positions.T]).T
    inside = positions - (sums / np.bincount(molecule)[:, None])[molecule]
    moments = forces.T @ inside
    volume_nm3 = state.getPeriodicBoxVolume().value_in_unit(unit.nanometer**3)
    torques = (moments.T - moments)[[0, 0, 1], [1, 2, 2]]
    return np.asarray(0.5 * torques / volume_nm3 * KJ_MOL_NM3_IN_BAR, dtype=np.float64)


def _molecule_of_atom(context: openmm.Context) -> NDArray[np.int64]:
    """Number of the molecule of every atom as OpenMM sees it, atoms of one molecule being in any order."""
    if context not in _MOLECULE_OF_ATOM:
        molecule = np.empty(context.getSystem().getNumParticles(), dtype=np.int64)
        for number, atoms in enumerate(context.getMolecules()):
            molecule[list(atoms)] = number
        _MOLECULE_OF_ATOM[context] = molecule
    return _MOLECULE_OF_ATOM[context]
