"""Thermal expansion of the melt, from a cooling through the glass transition."""

from typing import ClassVar

from polyomics.properties._glass_transition import (
    at_slowest,
    branch_k,
    measurement_of,
    volume_curves,
    volume_transition,
)
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("volume_expansion_rubber")
class VolumeExpansionRubber(Property):
    """Thermal expansion coefficient of the volume above the glass transition, α = d ln v / dT [1/K].

    The slope of the branch of the melt in the hyperbola that gives `glass_transition_temperature`, at the mean
    temperature of its points; flags as there.
    """

    name = "volume_expansion_rubber"
    unit = "1/K"
    definition = "Slope of ln v(T) far above the glass transition, at the slowest cooling rate simulated."
    reference = "Patrone et al. 2016, DOI 10.1016/j.polymer.2016.01.074"
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = ("cooling",)
    probe: ClassVar[str | None] = "glass_transition"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        curves = volume_curves(simulation, self.name)
        run, found = at_slowest(simulation, volume_transition, curves)
        measurement = self._measurement(found.slope_melt, context)
        return [measurement_of(measurement, run, branch_k(found, melt=True)), *curves]
