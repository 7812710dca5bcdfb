"""Yield strain from uniaxial stretching."""

from typing import ClassVar

from polyomics.properties._stress_strain import PROBE, ROLE, answer, stretched, yield_marks
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("yield_strain")
class YieldStrain(Property):
    """Engineering strain at the yield point of `yield_stress`, at the slowest strain rate there is.

    Counted from where the elastic line crosses zero stress, since a small cell is not free of stress when the stretch
    begins. Flags: those of `yield_stress`, and `no_toe`: that line is too uncertain, and strain is counted from where
    the stretch began.
    """

    name = "yield_strain"
    unit = "1"
    definition = "Engineering strain at the yield point, counted from where the elastic line crosses zero stress."
    reference = (
        "yield point of plastics and toe compensation: ASTM D638; in MD: Brown & Clarke 1991, DOI 10.1021/ma00008a056"
    )
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = (ROLE,)
    probe: ClassVar[str | None] = PROBE

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        found = stretched(simulation, context, self.name)
        value, curves = answer(
            found, self.name, lambda: yield_marks(found, self.name), lambda one: one.yield_point().strain
        )
        return [self._measurement(value, context), *curves]
