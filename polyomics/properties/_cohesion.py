"""Cohesive energy densities of a sample, and the roots of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from polyomics.analysis.statistics import Estimate, estimate_mean, first_relaxed_frame
from polyomics.errors import NotEnoughData
from polyomics.simulation import Simulation
from polyomics.units import KJ_MOL_NM3_IN_BAR

KJ_MOL_NM3_IN_MPA = 0.1 * KJ_MOL_NM3_IN_BAR


@dataclass(frozen=True)
class CohesiveEnergyDensity:
    """Energy it takes to draw the molecules apart, over the volume of the cell [MPa]."""

    total: Estimate
    """All of it."""
    van_der_waals: Estimate
    """Part of dispersion and repulsion; the two parts are means of the same frames, so they add up to the total."""
    electrostatic: Estimate
    """Part of the charges."""


def cohesive_energy_density_mpa(simulation: Simulation) -> CohesiveEnergyDensity:
    """Means over the relaxed part of the sample.

    Raises:
        NotEnoughData: There are no frames, or positions that are not finite.
    """
    found = simulation.cohesion()
    van_der_waals = KJ_MOL_NM3_IN_MPA * found.van_der_waals_kj_mol / found.volume_nm3
    electrostatic = KJ_MOL_NM3_IN_MPA * found.electrostatic_kj_mol / found.volume_nm3
    first = first_relaxed_frame(van_der_waals + electrostatic)
    parts = (van_der_waals + electrostatic, van_der_waals, electrostatic)
    return CohesiveEnergyDensity(*(estimate_mean(part[first:], discard_start=False) for part in parts))


def root_of(density: Estimate, what: str) -> Estimate:
    """Solubility parameter δ = √(cohesive energy density) [MPa^0.5].

    Raises:
        NotEnoughData: The energy density is not positive.
    """
    if density.mean <= 0.0:
        raise NotEnoughData(
            f"the {what} is {density.mean:.3g} MPa: the molecules do not hold together, and δ is not defined; measure "
            "on a stage in which the cell is condensed"
        )
    return _root(density)


def root_or_nought(density: Estimate) -> Estimate:
    """The same of a part that may well be repulsive: then δ is 0 and carries the flag `not_attractive`."""
    if density.mean > 0.0:
        return _root(density)
    return _root(replace(density, mean=0.0, flags=("not_attractive", *density.flags)))


def _root(density: Estimate) -> Estimate:
    """Root of a mean that is not negative.

    Its error is by how much one standard error more raises it: half the error over the root where the error is small,
    and finite where the mean is 0.
    """
    root = math.sqrt(density.mean)
    stderr = None if density.stderr is None else math.sqrt(density.mean + density.stderr) - root
    return replace(density, mean=root, stderr=stderr)
