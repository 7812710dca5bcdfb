"""Thermal conductivity."""

from typing import ClassVar

from polyomics.properties._heat_flow import conductivity_of
from polyomics.properties._isotropy import refuse_oriented
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("thermal_conductivity")
class ThermalConductivity(Property):
    """Thermal conductivity from a steady flow of heat, κ = Q / (2 A |dT/dz|) [W/(m K)].

    The cell is repeated along z, one slab is held hot and one cold, and the heat Q that passes from one to the other in
    unit time is divided by the slope of the temperature in between. Slabs beside the two are left out; the profile must
    be straight, its two halves alike and heat given equal to heat taken. Two gradients tell whether the response is
    linear, and cells of two lengths are extrapolated, 1/κ over 1/L to 1/L = 0. It is the classical conductivity:
    vibrations that are quantum mechanically frozen carry heat, too.

    Flags: `finite_size`: one length only, so the value is that of the cell. `one_gradient`: one gradient only, so
    linear response was not checked. `outside_linear_response`: the gradients disagree by more than three errors; the
    smaller one counts. `stage_left_out`: one of the stages gave no value. `energy_drift`: errors of integration
    make more than 5 % of the heat (above 25 % there is no value). `not_steady`: heat given and heat taken differ by
    more than 10 %. `not_linear`: three lengths leave the line.
    """

    name = "thermal_conductivity"
    unit = "W/(m K)"
    definition = (
        "Heat that flows from a hot to a cold slab over area and temperature gradient, extrapolated to a long cell."
    )
    reference = (
        "Ikeshoji & Hafskjold 1994, DOI 10.1080/00268979400100171; Bussi et al. 2007, DOI 10.1063/1.2408420; "
        "Schelling et al. 2002, DOI 10.1103/PhysRevB.65.144306"
    )
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = ("heat_flow",)
    probe: ClassVar[str | None] = "thermal_conductivity"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        refuse_oriented(simulation, self.name)
        found = conductivity_of(simulation)
        return [self._measurement(found.value, context), *found.curves]
