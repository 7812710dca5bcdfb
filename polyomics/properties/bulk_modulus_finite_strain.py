"""Isothermal bulk modulus from the stress of strained cells."""

from typing import ClassVar

from polyomics.properties._elasticity import at_stage, modulus
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("bulk_modulus_finite_strain")
class BulkModulusFiniteStrain(Property):
    """Isothermal bulk modulus K, Hill's average of the full stiffness [GPa].

    Runs, failures and flags are those of `youngs_modulus`, with the bulk modulus in place of the shear modulus where
    relaxation is judged. `bulk_modulus_isothermal` is the same quantity from fluctuations of the volume.
    """

    name = "bulk_modulus_finite_strain"
    unit = "GPa"
    definition = "Ratio of pressure to decrease of volume, from strained cells."
    reference = "Hill 1952, DOI 10.1088/0370-1298/65/5/307; error bars: Chodera et al. 2007, DOI 10.1021/ct0502864"
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = ("strain",)
    probe: ClassVar[str | None] = "elasticity"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        estimate, curves = modulus(
            simulation,
            self.name,
            "bulk modulus [GPa]",
            lambda moduli: moduli.bulk,
            lambda edges: edges.bulk_gpa(),
            falls_with="bulk",
        )
        return [self._measurement(estimate, at_stage(context, simulation, "strain")), *curves]
