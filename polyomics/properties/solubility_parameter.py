"""Hildebrand's solubility parameter."""

from typing import ClassVar

from polyomics.properties._cohesion import cohesive_energy_density_mpa, root_of
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("solubility_parameter")
class SolubilityParameter(Property):
    """Root of the cohesive energy density, δ [MPa^0.5].

    Ref.: Belmares et al. 2004, DOI 10.1002/jcc.20098.
    """

    name = "solubility_parameter"
    unit = "MPa^0.5"
    definition = "Root of the cohesive energy density."
    reference = "Belmares et al. 2004, DOI 10.1002/jcc.20098"
    needs: ClassVar[Ensemble] = "any"
    sees_images: ClassVar[bool] = True

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        density = cohesive_energy_density_mpa(simulation).total
        return [self._measurement(root_of(density, "cohesive energy density"), context)]
