"""Linear thermal expansion."""

from typing import ClassVar

from polyomics.properties._thermodynamics import response_of_cell
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("linear_expansion")
class LinearExpansion(Property):
    """Thermal expansion coefficient of a length, a third of that of the volume [1/K].

    The cell is amorphous and its box scales as a whole, so all directions are alike.
    """

    name = "linear_expansion"
    unit = "1/K"
    definition = "A third of the thermal expansion coefficient of the volume."
    reference = "Allen & Tildesley 2017, DOI 10.1093/oso/9780198803195.001.0001, chapter 2"
    needs: ClassVar[Ensemble] = "npt"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        estimate = response_of_cell(simulation, context).estimate(lambda cell: cell.volume_expansion_per_k / 3.0)
        return [self._measurement(estimate, context)]
