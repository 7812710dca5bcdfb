"""Part of the solubility parameter from charges."""

from typing import ClassVar

from polyomics.properties._cohesion import cohesive_energy_density_mpa, root_or_nought
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("solubility_parameter_electrostatic")
class SolubilityParameterElectrostatic(Property):
    """Root of the part of the cohesive energy density from charges, δ_e [MPa^0.5].

    Fixed charges do not tell polar forces from hydrogen bonds, so it stands for both; δ_d² + δ_e² = δ² with the part of
    van der Waals forces. Between apolar chains charges may repel on average. Then δ_e is 0, with the flag
    `not_attractive`, and the squares add up to more than δ². Ref.: Belmares et al. 2004, DOI 10.1002/jcc.20098.
    """

    name = "solubility_parameter_electrostatic"
    unit = "MPa^0.5"
    definition = "Root of the cohesive energy density from electrostatic forces; 0 where they repel."
    reference = "Belmares et al. 2004, DOI 10.1002/jcc.20098"
    needs: ClassVar[Ensemble] = "any"
    sees_images: ClassVar[bool] = True

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        density = cohesive_energy_density_mpa(simulation).electrostatic
        return [self._measurement(root_or_nought(density), context)]
