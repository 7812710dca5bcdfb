"""Speed of sound."""

from typing import ClassVar

from polyomics.properties._thermodynamics import response_of_cell
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("speed_of_sound")
class SpeedOfSound(Property):
    """Speed of sound c = √(K_S / ρ), with K_S the adiabatic bulk modulus and ρ the mean density [m/s].

    That of a liquid at low frequency. The longitudinal wave in a glass also feels its shear modulus G and is faster by
    √(1 + 4 G / (3 K_S)).
    """

    name = "speed_of_sound"
    unit = "m/s"
    definition = "Root of the adiabatic bulk modulus over the density."
    reference = "Allen & Tildesley 2017, DOI 10.1093/oso/9780198803195.001.0001, chapter 2"
    needs: ClassVar[Ensemble] = "npt"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        estimate = response_of_cell(simulation, context).estimate(lambda cell: cell.speed_of_sound_m_s)
        return [self._measurement(estimate, context)]
