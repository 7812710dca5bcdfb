"""What holds the molecules of a cell together: its non-bonded energy less that of the molecules alone."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import unit

from polyomics.md.engine import nonbonded_force
from polyomics.md.pme import set_pme

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.md.protocol import Nonbonded
    from polyomics.trajectory import Frames

Array = NDArray[np.float64]

PLATFORM = "CPU"
"""Cells of any size take well below a second a frame on it; it is always there."""


@dataclass(frozen=True, eq=False)
class Cohesion:
    """What it takes to draw the molecules of a cell apart, frame by frame; positive where they attract each other."""

    van_der_waals_kj_mol: Array
    """Part of dispersion and repulsion, for the whole cell [kJ/mol], shape=(n_frames,)."""
    electrostatic_kj_mol: Array
    """Part of the charges, for the whole cell [kJ/mol], shape=(n_frames,)."""
    volume_nm3: Array
    """Volume of the cell [nm³], shape=(n_frames,)."""


def cohesion(cell: Cell, nonbonded: Nonbonded, frames: Iterable[Frames]) -> Cohesion:
    """Cohesive energy of some frames, van der Waals and electrostatic.

    The cell is summed with periodic images: Lennard-Jones to the cut-off and with the correction for the tail
    beyond it, electrostatics by PME. Each molecule is then summed alone, without cut-off and in vacuum, with the same
    exceptions for near neighbours. The difference is what it takes to draw the molecules apart without
    changing their shapes. One thread and one order of sums, so that equal frames give equal bits.

    Args:
        cell: The cell; its molecules have the same topology.
        nonbonded: Cut-offs and electrostatics, as in the stage the frames are of. PME at the force error that is good
            enough for dynamics is so here: for polystyrene it leaves 0.001 of 10 MPa.
        frames: Unwrapped positions of whole molecules, and boxes. Those that are not finite give NaN.
    """
    system = openmm.XmlSerializer.deserialize(cell.system_xml)
    force = nonbonded_force(system)
    molecules = _molecules(cell)
    periodic, isolated = copy.deepcopy(force), _force_of(molecules[0], force)
    set_pme(periodic, nonbonded, PLATFORM)
    isolated.setNonbondedMethod(openmm.NonbondedForce.NoCutoff)
    whole, alone = _Energies(periodic, cell.box_nm), _Energies(isolated, cell.box_nm)
    rows, volumes = [], []
    for chunk in frames:
        for positions, box in zip(chunk.positions_nm, chunk.box_nm, strict=True):
            volumes.append(float(np.prod(box)))
            if np.isfinite(positions).all() and np.isfinite(box).all():
                apart = sum((alone.parts(positions[atoms], box) for atoms in molecules), start=np.zeros(2))
                rows.append(apart - whole.parts(positions, box))
            else:
                rows.append(np.full(2, np.nan))
    parts = np.array(rows).reshape(-1, 2)
    return Cohesion(parts[:, 0], parts[:, 1], np.array(volumes))


class _Energies:
    """Two contexts of one force: with its charges, and without them."""

    def __init__(self, force: openmm.NonbondedForce, box_nm: Array) -> None:
        self._all, self._uncharged = _context(force, box_nm), _context(_without_charges(force), box_nm)

    def parts(self, positions_nm: Array, box_nm: Array) -> Array:
        """Van der Waals and electrostatic energy [kJ/mol], shape=(2,)."""
        total, van_der_waals = (_energy(context, positions_nm, box_nm) for context in (self._all, self._uncharged))
        return np.array([van_der_waals, total - van_der_waals])


def _context(force: openmm.NonbondedForce, box_nm: Array) -> openmm.Context:
    system = openmm.System()
    for _ in range(force.getNumParticles()):
        system.addParticle(1.0)
    system.setDefaultPeriodicBoxVectors(*np.diag(box_nm))
    system.addForce(force)
    platform = openmm.Platform.getPlatform(PLATFORM)
    return openmm.Context(
        system, openmm.VerletIntegrator(0.001), platform, {"Threads": "1", "DeterministicForces": "true"}
    )


def _energy(context: openmm.Context, positions_nm: Array, box_nm: Array) -> float:
    context.setPeriodicBoxVectors(*np.diag(box_nm))
    context.setPositions(positions_nm)
    energy: float = context.getState(energy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    return energy


def _without_charges(force: openmm.NonbondedForce) -> openmm.NonbondedForce:
    bare = copy.deepcopy(force)
    for index in range(bare.getNumParticles()):
        _, sigma, epsilon = bare.getParticleParameters(index)
        bare.setParticleParameters(index, 0.0, sigma, epsilon)
    for index in range(bare.getNumExceptions()):
        one, other, _, sigma, epsilon = bare.getExceptionParameters(index)
        bare.setExceptionParameters(index, one, other, 0.0, sigma, epsilon)
    return bare


def _molecules(cell: Cell) -> list[slice]:
    """Atoms of every molecule."""
    starts = np.flatnonzero(np.diff(cell.molecule_of_atom, prepend=-1)).tolist()
    return [slice(first, last) for first, last in zip(starts, [*starts[1:], cell.n_atoms], strict=True)]


def _force_of(atoms: slice, force: openmm.NonbondedForce) -> openmm.NonbondedForce:
    """The part of a force that is within one molecule, atoms counted from 0."""
    own = openmm.NonbondedForce()
    for index in range(atoms.start, atoms.stop):
        own.addParticle(*force.getParticleParameters(index))
    for index in range(force.getNumExceptions()):
        one, other, *parameters = force.getExceptionParameters(index)
        if atoms.start <= one < atoms.stop:
            own.addException(one - atoms.start, other - atoms.start, *parameters)
    return own
