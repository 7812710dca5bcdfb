"""Estimates that the dielectric properties share."""

from dataclasses import replace

import numpy as np

from polyomics.analysis.dielectric import check_neutral, dielectric_constant, dipole_moments_e_nm, refractive_index
from polyomics.analysis.statistics import Estimate, estimate_mean
from polyomics.errors import NotEnoughData
from polyomics.properties._thermodynamics import volumes_nm3
from polyomics.properties.property import MeasurementContext
from polyomics.simulation import Simulation


def dipolar(simulation: Simulation, context: MeasurementContext) -> Estimate:
    """Dielectric constant of the dipoles, from all frames.

    Raises:
        NotEnoughData: A molecule is charged, a number is not finite, or there are too few independent frames.
    """

    def compute() -> Estimate:
        cell = simulation.cell
        check_neutral(cell.charges_e, cell.molecule_of_atom)
        moments, volumes = [], []
        for frames in simulation.sample.chunks():
            moments.append(dipole_moments_e_nm(frames.positions_nm, cell.charges_e))
            volumes.append(frames.box_nm.prod(axis=1))
        return dielectric_constant(
            np.concatenate(moments), float(np.concatenate(volumes).mean()), context.temperature_k
        )

    return simulation.once(f"dipolar dielectric constant at {context.temperature_k} K", compute)


def refraction(simulation: Simulation) -> Estimate:
    """Refractive index from the molar refraction and the volume in every row of the table.

    Raises:
        NotEnoughData: The molar refraction is not known, or a volume is not finite.
    """
    refractivity = simulation.cell.molar_refractivity_cm3_mol
    if refractivity is None:
        raise NotEnoughData(
            "the molar refraction of this cell is not known, so it has no refractive index; build the cell again with "
            "this version"
        )
    estimate = estimate_mean(refractive_index(refractivity, volumes_nm3(simulation.sample)))
    return with_flag(estimate, "additive_refraction")


def with_flag(estimate: Estimate, flag: str) -> Estimate:
    """The estimate with one more flag."""
    return replace(estimate, flags=(*estimate.flags, flag))
