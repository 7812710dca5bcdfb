"""Thermal expansion of the volume."""

from typing import ClassVar

from polyomics.properties._thermodynamics import response_of_cell
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("volume_expansion")
class VolumeExpansion(Property):
    """Thermal expansion coefficient of the volume, α = Cov(V, U + PV) / (<V> k_B T²) [1/K].

    The kinetic energy does not correlate with the volume and is left out, which only lowers the noise.
    """

    name = "volume_expansion"
    unit = "1/K"
    definition = (
        "Covariance of volume and configurational enthalpy over the mean volume and k_B T², at constant pressure."
    )
    reference = "Allen & Tildesley 2017, DOI 10.1093/oso/9780198803195.001.0001, chapter 2"
    needs: ClassVar[Ensemble] = "npt"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        estimate = response_of_cell(simulation, context).estimate(lambda cell: cell.volume_expansion_per_k)
        return [self._measurement(estimate, context)]
