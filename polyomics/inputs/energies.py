"""Energy terms of one point, in double precision and with a tight Ewald sum: what other programs are held against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import openmm

TERMS = ("bond", "angle", "torsion", "lennard_jones", "lennard_jones_tail", "coulomb")
"""Names of the terms. Torsions include impropers; Lennard-Jones is cut off, its correction beyond the cut-off is the
tail; Coulomb is direct space, reciprocal space and 1-4 together."""

EWALD_SCREENING_CUTOFF = 3.5
"""Screening parameter times cut-off: what direct space leaves out is erfc(3.5) = 7e-7 of an interaction."""
GRID_SPACING_NM = 0.04
_FACTORS = (2, 3, 5)
_GROUPS = {"HarmonicBondForce": 1, "HarmonicAngleForce": 2, "NonbondedForce": 0}
_TORSIONS, _NO_ENERGY = 3, 31
_WITHOUT_ENERGY = ("CMMotionRemover", "MonteCarloBarostat")


def ewald_per_nm(cutoff_nm: float) -> float:
    """Screening parameter of the tight sum [1/nm]."""
    return EWALD_SCREENING_CUTOFF / cutoff_nm


def ewald_grid(box_nm: ArrayLike) -> tuple[int, int, int]:
    """Points of the grid of the tight sum along each edge: even numbers every program's transform knows."""
    x, y, z = (_next_smooth(edge / GRID_SPACING_NM) for edge in np.asarray(box_nm, dtype=float))
    return x, y, z


def energy_terms_kj_mol(system: openmm.System, positions_nm: NDArray[np.float64]) -> dict[str, float]:
    """Energies by the names in `TERMS` [kJ/mol], at the default box of `system`.

    With dispersion summed by PME, all of it is `lennard_jones` and there is no tail.
    """
    import openmm

    system = openmm.XmlSerializer.clone(system)
    _number_forces(system)
    force = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    sums_dispersion = force.getNonbondedMethod() == force.LJPME
    box_nm = np.diag(_box_nm(system))
    cutoff_nm = force.getCutoffDistance()._value
    force.setPMEParameters(ewald_per_nm(cutoff_nm), *ewald_grid(box_nm))
    if sums_dispersion:
        force.setLJPMEParameters(ewald_per_nm(cutoff_nm), *ewald_grid(box_nm))
    force.setUseDispersionCorrection(False)
    context = _context(system, positions_nm)
    terms = {name: _energy(context, {group}) for name, group in (("bond", 1), ("angle", 2), ("torsion", _TORSIONS))}
    both = _energy(context, {0})
    _remove_charges(force)
    if not sums_dispersion:
        force.setNonbondedMethod(force.CutoffPeriodic)
    terms["lennard_jones"] = _energy(_context(system, positions_nm), {0})
    terms["coulomb"] = both - terms["lennard_jones"]
    force.setUseDispersionCorrection(not sums_dispersion)
    terms["lennard_jones_tail"] = _energy(_context(system, positions_nm), {0}) - terms["lennard_jones"]
    return {name: terms[name] for name in TERMS}


def program() -> str:
    """What `energy_terms_kj_mol` computes with."""
    import openmm

    return f"OpenMM {openmm.version.short_version}"


def _number_forces(system: openmm.System) -> None:
    """Give every force the group of its term, also where another reader than ours made the system."""
    for force in system.getForces():
        kind = type(force).__name__
        group = _NO_ENERGY if kind.startswith(_WITHOUT_ENERGY) else _GROUPS.get(kind, _TORSIONS)
        force.setForceGroup(group)


def _context(system: openmm.System, positions_nm: NDArray[np.float64]) -> openmm.Context:
    import openmm

    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))
    context.setPositions(positions_nm)
    return context


def _energy(context: Any, groups: set[int]) -> float:
    return float(context.getState(energy=True, groups=groups).getPotentialEnergy()._value)


def _remove_charges(force: openmm.NonbondedForce) -> None:
    for index in range(force.getNumParticles()):
        _, sigma, epsilon = force.getParticleParameters(index)
        force.setParticleParameters(index, 0.0, sigma, epsilon)
    for index in range(force.getNumExceptions()):
        first, second, _, sigma, epsilon = force.getExceptionParameters(index)
        force.setExceptionParameters(index, first, second, 0.0, sigma, epsilon)


def _box_nm(system: openmm.System) -> NDArray[np.float64]:
    return np.array([vector._value for vector in system.getDefaultPeriodicBoxVectors()], dtype=float)


def _next_smooth(least: float) -> int:
    number = max(8, int(np.ceil(least)))
    while number % 2 or not _is_smooth(number):
        number += 1
    return number


def _is_smooth(number: int) -> bool:
    for factor in _FACTORS:
        while number % factor == 0:
            number //= factor
    return number == 1
