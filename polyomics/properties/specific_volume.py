"""Specific volume."""

from typing import ClassVar

from polyomics.analysis.statistics import estimate_mean
from polyomics.properties._thermodynamics import specific_volumes_cm3_g
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("specific_volume")
class SpecificVolume(Property):
    """Volume of the cell over its mass, averaged over a stage at constant pressure [cm³/g].

    The mean of 1/ρ, which is above 1 over the mean of ρ by the relative variance of the volume (1e-5 in cells of some
    thousand atoms).
    """

    name = "specific_volume"
    unit = "cm3/g"
    definition = "Volume of the cell divided by its mass, averaged over time at constant pressure."
    reference = "error bar: Chodera et al. 2007, DOI 10.1021/ct0502864"
    needs: ClassVar[Ensemble] = "npt"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        return [self._measurement(estimate_mean(specific_volumes_cm3_g(simulation.sample)), context)]
