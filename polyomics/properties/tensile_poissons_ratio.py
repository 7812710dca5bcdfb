"""Poisson's ratio from uniaxial stretching."""

from typing import ClassVar

from polyomics.analysis.statistics import Estimate
from polyomics.analysis.stress_strain import refuse_flow
from polyomics.errors import NotEnoughData
from polyomics.properties._stress_strain import PROBE, ROLE, AtRate, answer, contraction_curves, stretched
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("tensile_poissons_ratio")
class TensilePoissonsRatio(Property):
    """Poisson's ratio ν = -d(lateral strain)/d(strain) at the slowest strain rate there is, mean over axes.

    A line through the lateral strain over the same strains as the line of `tensile_modulus`; where the stress does not
    rise beyond its noise there is no elastic range, and so no value. Flags: those of `tensile_modulus`, and
    `wider_window`: the sides fluctuate so slowly that their line takes more strain than that of the stress.
    """

    name = "tensile_poissons_ratio"
    unit = "1"
    definition = "Minus the slope of the mean lateral strain over the strain, where stress is proportional to strain."
    reference = (
        "Landau & Lifshitz, Theory of Elasticity, section 5; in MD: Brown & Clarke 1991, DOI 10.1021/ma00008a056"
    )
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = (ROLE,)
    probe: ClassVar[str | None] = PROBE

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        found = stretched(simulation, context, self.name)
        value, curves = answer(found, self.name, lambda: contraction_curves(found, self.name), _ratio)
        return [self._measurement(value, context), *curves]


def _ratio(one: AtRate) -> Estimate:
    refuse_flow(one.elastic)
    if one.elastic.poisson is None:
        raise NotEnoughData(
            f"at {one.rate_per_s:.1e} per second the sides have too few independent rows for a line; stretch more "
            "slowly"
        )
    return one.elastic.poisson
