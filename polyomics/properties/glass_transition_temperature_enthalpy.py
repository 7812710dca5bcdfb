"""Glass transition temperature from the enthalpy."""

from typing import ClassVar

from polyomics.analysis.glass_transition import GlassTransition
from polyomics.properties._glass_transition import (
    at_slowest,
    enthalpy_curves,
    enthalpy_transition,
    measurement_of,
    volume_transition,
)
from polyomics.properties._thermodynamics import compared
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("glass_transition_temperature_enthalpy")
class GlassTransitionTemperatureEnthalpy(Property):
    """Temperature at which the enthalpy turns from the melt's heat capacity to the glass's, on cooling [K].

    A second opinion on `glass_transition_temperature`, from other numbers of the same cooling: the hyperbola is fitted
    to H(T) = U + K + PV. The change of heat capacity is a smaller part of it than that of the expansion, so it is often
    not identified where the volume's is. The heat capacity over temperature, kept as a curve, is classical: vibrations
    have too much of it, in the glass as in the melt. Flags as those of `glass_transition_temperature`;
    `methods_disagree` also where the volume gives another value, by more than three combined errors.
    """

    name = "glass_transition_temperature_enthalpy"
    unit = "K"
    definition = "Crossing of the asymptotes of a hyperbola through H(T), at the slowest cooling rate simulated."
    reference = "Patrone et al. 2016, DOI 10.1016/j.polymer.2016.01.074"
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = ("cooling",)
    probe: ClassVar[str | None] = "glass_transition"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        curves = enthalpy_curves(simulation, self.name)
        run, found = at_slowest(simulation, enthalpy_transition, curves)
        of_volume = volume_transition(simulation, run)
        estimate = found.hyperbola_k
        if isinstance(of_volume, GlassTransition):
            estimate = compared(estimate, lambda: of_volume.hyperbola_k)
        return [measurement_of(self._measurement(estimate, context), run, None), *curves]
