"""The part of the dielectric constant that permanent dipoles make."""

from typing import ClassVar

from polyomics.properties._dielectric import dipolar
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("dielectric_constant_dipolar")
class DielectricConstantDipolar(Property):
    """Dielectric constant of the permanent dipoles, ε = 1 + (<M²> - <M>²) / (3 ε0 V k_B T).

    M is the sum of the dipoles of whole, neutral molecules; the formula is that for conducting boundaries, which Ewald
    sums have. Charges are fixed, so the electrons' polarisation is not in it: `dielectric_constant_static` adds it.
    `dipoles_not_relaxed` says that the dipole turns too slowly for the run (a glass): then the value holds for
    frequencies above the inverse of the run's length.
    """

    name = "dielectric_constant_dipolar"
    unit = "1"
    definition = "One plus the variance of the dipole of the cell over 3 ε0 V k_B T, under conducting boundaries."
    reference = "Neumann 1983, DOI 10.1080/00268978300102721"
    needs: ClassVar[Ensemble] = "any"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        return [self._measurement(dipolar(simulation, context), context)]
