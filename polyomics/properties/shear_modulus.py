"""Shear modulus from the stress of strained cells."""

from typing import ClassVar

from polyomics.properties._elasticity import at_stage, modulus
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("shear_modulus")
class ShearModulus(Property):
    """Shear modulus G, isothermal, Hill's average of the full stiffness [GPa].

    Runs, failures and flags are those of `youngs_modulus`.
    """

    name = "shear_modulus"
    unit = "GPa"
    definition = "Ratio of shear stress to shear strain, from strained cells."
    reference = "Hill 1952, DOI 10.1088/0370-1298/65/5/307; error bars: Chodera et al. 2007, DOI 10.1021/ct0502864"
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = ("strain",)
    probe: ClassVar[str | None] = "elasticity"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        estimate, curves = modulus(
            simulation,
            self.name,
            "shear modulus [GPa]",
            lambda moduli: moduli.shear,
            lambda edges: edges.shear_gpa(),
        )
        return [self._measurement(estimate, at_stage(context, simulation, "strain")), *curves]
