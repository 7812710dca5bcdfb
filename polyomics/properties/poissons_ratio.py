"""Poisson's ratio from the stress of strained cells."""

from typing import ClassVar

from polyomics.properties._elasticity import at_stage, modulus
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("poissons_ratio")
class PoissonsRatio(Property):
    """Poisson's ratio ν = (3 K - 2 G) / (6 K + 2 G), isothermal, from Hill's averages of the full stiffness.

    Runs, failures and flags are those of `youngs_modulus`.
    """

    name = "poissons_ratio"
    unit = "1"
    definition = "Contraction across over extension along one axis under tension, from strained cells."
    reference = "Hill 1952, DOI 10.1088/0370-1298/65/5/307; error bars: Chodera et al. 2007, DOI 10.1021/ct0502864"
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = ("strain",)
    probe: ClassVar[str | None] = "elasticity"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        estimate, curves = modulus(
            simulation,
            self.name,
            "Poisson's ratio",
            lambda moduli: moduli.poisson,
            lambda edges: edges.poisson(),
        )
        return [self._measurement(estimate, at_stage(context, simulation, "strain")), *curves]
