"""Glass transition temperature from the volume."""

from typing import ClassVar

from polyomics.properties._glass_transition import at_slowest, measurement_of, volume_curves, volume_transition
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("glass_transition_temperature")
class GlassTransitionTemperature(Property):
    """Temperature at which the specific volume turns from the melt's expansion to the glass's, on cooling [K].

    A hyperbola is fitted to ln v(T) of a stepwise cooling; Tg is where its asymptotes cross, at the slowest rate that
    was simulated. Where a parabola fits as well, a branch is missing, or Tg could be anywhere, there is no number; the
    failure says whether the window is too hot, too cold or too short. Flags: `fast_cooling`: above 1 K/ns, so that the
    value is tens of kelvin above what a calorimeter finds; `not_linear`: the volumes leave the hyperbola by more than
    their errors, which the error bar counts; `methods_disagree`: straight lines through the branches cross elsewhere,
    by more than three errors; `few_points`: a branch has fewer than five temperatures.
    """

    name = "glass_transition_temperature"
    unit = "K"
    definition = "Crossing of the asymptotes of a hyperbola through ln v(T), at the slowest cooling rate simulated."
    reference = "Patrone et al. 2016, DOI 10.1016/j.polymer.2016.01.074"
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = ("cooling",)
    probe: ClassVar[str | None] = "glass_transition"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        curves = volume_curves(simulation, self.name)
        run, found = at_slowest(simulation, volume_transition, curves)
        return [measurement_of(self._measurement(found.hyperbola_k, context), run, None), *curves]
