"""Radius of gyration."""

import math
from dataclasses import replace
from typing import ClassVar

import numpy as np

from polyomics.analysis.shape import squared_radius_of_gyration_nm2
from polyomics.analysis.statistics import Estimate, estimate_mean_over_molecules
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("radius_of_gyration")
class RadiusOfGyration(Property):
    """Root of the mean squared, mass-weighted radius of gyration of the chains, √<S²> [nm].

    The mean is over frames and chains, of the square: that is what scattering measures and what chain
    statistics predict (Flory 1969). Programs that average S itself report a few per cent less. The error
    bar is the larger of the one in time and the one between chains, which is what counts in a glass.
    """

    name = "radius_of_gyration"
    unit = "nm"
    definition = "Root of the mean of the mass-weighted squared radius of gyration over chains and time."
    reference = "Fixman 1962, DOI 10.1063/1.1732501; error bar: Chodera et al. 2007, DOI 10.1021/ct0502864"
    needs: ClassVar[Ensemble] = "any"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        cell = simulation.cell
        squared_nm2 = np.concatenate(
            [
                squared_radius_of_gyration_nm2(frames.positions_nm, cell.masses_amu, cell.molecule_of_atom)
                for frames in simulation.sample.chunks()
            ]
        )
        return [self._measurement(_root(estimate_mean_over_molecules(squared_nm2)), context)]


def _root(estimate: Estimate) -> Estimate:
    """The root of an estimated mean; its error by d√x = dx / (2√x)."""
    root = math.sqrt(estimate.mean)
    if estimate.stderr is None or root == 0.0:
        return replace(estimate, mean=root, stderr=None, flags=estimate.flags or ("no_size",))
    return replace(estimate, mean=root, stderr=estimate.stderr / (2.0 * root))
