"""Part of the solubility parameter from dispersion."""

from typing import ClassVar

from polyomics.properties._cohesion import cohesive_energy_density_mpa, root_of
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("solubility_parameter_dispersion")
class SolubilityParameterDispersion(Property):
    """Root of the part of the cohesive energy density from Lennard-Jones forces, δ_d [MPa^0.5].

    Dispersion and repulsion together, with the correction for the tail beyond the cut-off; δ_d² + δ_e² = δ² with the
    part of the charges. Ref.: Belmares et al. 2004, DOI 10.1002/jcc.20098.
    """

    name = "solubility_parameter_dispersion"
    unit = "MPa^0.5"
    definition = "Root of the cohesive energy density from van der Waals forces."
    reference = "Belmares et al. 2004, DOI 10.1002/jcc.20098"
    needs: ClassVar[Ensemble] = "any"
    sees_images: ClassVar[bool] = True

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        density = cohesive_energy_density_mpa(simulation).van_der_waals
        return [self._measurement(root_of(density, "cohesive energy density of van der Waals forces"), context)]
