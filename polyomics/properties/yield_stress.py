"""Yield stress from uniaxial stretching."""

from typing import ClassVar

from polyomics.properties._stress_strain import PROBE, ROLE, answer, stretched, yield_marks
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("yield_stress")
class YieldStress(Property):
    """Engineering stress at which a solid gives way, at the slowest strain rate there is [MPa].

    The maximum of the curve averaged over axes and smoothed over ±2 % of strain, if the stress falls after it by more
    than the noise; else, if the second half of the curve has less than 0.35 of the initial slope, where the line
    through that half meets the elastic one. A melt, a rubber and a stretch that ends too early have neither and fail,
    with their curves. Flags: those of `tensile_modulus`, and `no_maximum`: it is where two lines meet.
    """

    name = "yield_stress"
    unit = "MPa"
    definition = "First maximum of engineering stress over strain; where there is none, where two lines meet."
    reference = "yield point of plastics: ISO 527-1, ASTM D638; in MD: Brown & Clarke 1991, DOI 10.1021/ma00008a056"
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = (ROLE,)
    probe: ClassVar[str | None] = PROBE

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        found = stretched(simulation, context, self.name)
        value, curves = answer(
            found, self.name, lambda: yield_marks(found, self.name), lambda one: one.yield_point().stress_mpa
        )
        return [self._measurement(value, context), *curves]
