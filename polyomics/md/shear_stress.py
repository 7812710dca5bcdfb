"""The shear stress of a cell in motion, from half the energies a whole stress tensor takes.

Green-Kubo integrals of the viscosity need the five components of the symmetric, traceless stress and nothing else,
thousands of times a nanosecond. Their five strains span a space in which the six corners of a regular simplex are the
fewest points that tell a gradient. The corners add up to nought, so whatever is the same at all of them drops out: the
energy itself, the pressure, and in isotropic matter the elastic energy, which is the same for all pure shears. What is
left of finite strain is the anisotropy of a snapshot's stiffness. OpenMM's whole tensor takes twelve energies.

A cut-off without a switch makes such differences of energies noisy: every pair that the strain moves across the cut-off
adds a jump that no force knows of, a third as large as the stress itself in a Lennard-Jones liquid with OpenMM's strain
of 0.001. So the energies here are those of forces switched off over the last 0.1 nm; `docs/probes/viscosity.md` has
numbers.

Molecules are strained as rigid bodies, their centres of mass moving with the box. The stress is then that between
molecules: it has neither the fast vibrations of bonds nor the forces of constraints, and its Green-Kubo integral is
that of the stress between atoms (Allen 1984, Mol. Phys. 52, 705). The strain is symmetric; OpenMM knows only boxes with
the first edge along x, so box and molecules are turned together, which leaves the energy as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import unit

from polyomics.md.stress import stress_meter
from polyomics.units import KJ_MOL_NM3_IN_BAR

if TYPE_CHECKING:
    from polyomics.md.engine import Engine

Array = NDArray[np.float64]

COMPONENTS = ("xy", "xz", "yz", "(xx-yy)/2", "(2zz-xx-yy)/√12")
"""Components of a shear stress. In isotropic matter they are independent and have the same fluctuations; the mean
over the five of their autocorrelations is the weighted sum of Daivis & Evans 1994, DOI 10.1063/1.466970."""
STRAIN = 5e-4
"""Size of the strains, as an engineering shear: the anisotropy of a snapshot's stiffness then costs under one per
cent."""
SWITCHED_NM = 0.1
"""Distance over which Lennard-Jones energies are switched off before the cut-off [nm]."""

_STRAINS = np.zeros((5, 3, 3))
_STRAINS[0, 0, 1] = _STRAINS[0, 1, 0] = 0.5
_STRAINS[1, 0, 2] = _STRAINS[1, 2, 0] = 0.5
_STRAINS[2, 1, 2] = _STRAINS[2, 2, 1] = 0.5
_STRAINS[3] = np.diag([0.5, -0.5, 0.0])
_STRAINS[4] = np.diag([-1.0, -1.0, 2.0]) / np.sqrt(12.0)


class ShearStressMeter:
    """Measures the shear stress of states of a cell, in a context of its own beside the one that moves.

    The context holds the forces between molecules alone: those inside are not changed by strains that keep molecules
    rigid. The one that moves is left untouched, its neighbour lists and forces stay valid.

    Args:
        engine: Of the cell.
        masses_amu: Masses [amu], shape=(n_atoms,): what centres of molecules are weighted with.
    """

    def __init__(self, engine: Engine, masses_amu: Array) -> None:
        cell = engine.cell
        self._molecules = np.asarray(cell.molecule_of_atom)
        self._masses = np.asarray(masses_amu, dtype=np.float64)
        self._molecule_masses = np.bincount(self._molecules, self._masses)
        self._context = engine.context(_nonbonded_alone(engine), openmm.VerletIntegrator(0.001), cell.box_nm)
        corners = _simplex(5)
        deformations = np.eye(3) + STRAIN * np.einsum("ck,kab->cab", corners, _STRAINS)
        rotations, upper = np.linalg.qr(deformations)
        signs = np.sign(np.diagonal(upper, axis1=1, axis2=2))
        self._upper = upper * signs[:, :, None]
        self._back = np.swapaxes(rotations * signs[:, None, :], 1, 2)
        self._gradient = corners.T * (5.0 / 6.0) / STRAIN

    def stress_bar(self, positions_nm: Array, velocities_nm_ps: Array, box_nm: Array) -> Array:
        """Shear stress of one state, kinetic part included; tension is positive.

        Args:
            positions_nm: Unwrapped positions [nm], shape=(n_atoms, 3).
            velocities_nm_ps: Velocities [nm/ps], shape=(n_atoms, 3).
            box_nm: Edges of the box [nm], shape=(3,).

        Returns:
            The `COMPONENTS` [bar], shape=(5,).
        """
        centres = self._centres(positions_nm)
        offsets = positions_nm - centres[self._molecules]
        energies = [
            self._energy(centres, offsets, box_nm, upper, back)
            for upper, back in zip(self._upper, self._back, strict=True)
        ]
        momenta = self._centres(velocities_nm_ps)
        flow = np.einsum("m,ma,mb->ab", self._molecule_masses, momenta, momenta)
        virial = self._gradient @ np.array(energies)
        kinetic = np.einsum("kab,ab->k", _STRAINS, flow)
        stress: Array = (virial - kinetic) / float(np.prod(box_nm)) * KJ_MOL_NM3_IN_BAR
        return stress

    def _centres(self, vectors: Array) -> Array:
        """Mean over every molecule, weighted with masses, shape=(n_molecules, 3)."""
        n = len(self._molecule_masses)
        sums = [np.bincount(self._molecules, self._masses * vectors[:, axis], n) for axis in range(3)]
        return np.stack(sums, axis=1) / self._molecule_masses[:, None]

    def _energy(self, centres: Array, offsets: Array, box_nm: Array, upper: Array, back: Array) -> float:
        vectors = (upper * box_nm).T
        self._context.setPeriodicBoxVectors(*vectors)
        self._context.setPositions((centres @ upper.T)[self._molecules] + offsets @ back.T)
        energy = self._context.getState(energy=True).getPotentialEnergy()
        return float(energy.value_in_unit(unit.kilojoule_per_mole))


def shear_components(stress: Array) -> Array:
    """The five components of a shear stress from whole tensors.

    Args:
        stress: Components xx, yy, zz, xy, xz, yz, shape=(..., 6).

    Returns:
        The `COMPONENTS`, shape=(..., 5).
    """
    xx, yy, zz = np.moveaxis(stress[..., :3], -1, 0)
    shear = [*np.moveaxis(stress[..., 3:], -1, 0), (xx - yy) / 2.0, (2.0 * zz - xx - yy) / np.sqrt(12.0)]
    return np.stack(shear, axis=-1)


def _nonbonded_alone(engine: Engine) -> openmm.System:
    """The forces between molecules, ready for boxes that are not rectangular.

    GPU platforms decide when a context is made whether its box may ever be askew, and a barostat that shears boxes
    makes them expect it.
    """
    system = engine.system()
    for index in reversed(range(system.getNumForces())):
        if not isinstance(system.getForce(index), openmm.NonbondedForce):
            system.removeForce(index)
    force = system.getForce(0)
    if force.getNonbondedMethod() != openmm.NonbondedForce.LJPME:
        force.setUseSwitchingFunction(True)
        force.setSwitchingDistance(engine.nonbonded.cutoff_nm - SWITCHED_NM)
    for index in reversed(range(system.getNumConstraints())):
        system.removeConstraint(index)
    system.addForce(stress_meter())
    return system


def _simplex(n: int) -> Array:
    """Corners of a regular simplex about the origin, each at distance 1, shape=(n + 1, n)."""
    centred = np.eye(n + 1) - 1.0 / (n + 1)
    basis = np.linalg.svd(centred)[2][:n]
    corners: Array = centred @ basis.T * np.sqrt((n + 1) / n)
    return corners
