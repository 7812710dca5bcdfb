"""Cohesive energy density."""

from typing import ClassVar

from polyomics.properties._cohesion import cohesive_energy_density_mpa
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("cohesive_energy_density")
class CohesiveEnergyDensity(Property):
    """Energy it takes to draw the molecules apart without changing their shapes, over the volume of the cell [MPa].

    Non-bonded energy of every molecule alone in vacuum less that of the periodic cell, mean over at most 100 frames;
    1 MPa is 1 J/cm³. Contacts within one chain are kept by the chain alone and do not count, so the value falls with
    longer chains: a coil touches itself. Ref.: Belmares et al. 2004, DOI 10.1002/jcc.20098.
    """

    name = "cohesive_energy_density"
    unit = "MPa"
    definition = "Non-bonded energy of the isolated molecules less that of the cell, over its volume."
    reference = "Belmares et al. 2004, DOI 10.1002/jcc.20098"
    needs: ClassVar[Ensemble] = "any"
    sees_images: ClassVar[bool] = True

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        return [self._measurement(cohesive_energy_density_mpa(simulation).total, context)]
