"""Isothermal compressibility."""

from typing import ClassVar

from polyomics.properties._thermodynamics import response_of_cell
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("compressibility_isothermal")
class IsothermalCompressibility(Property):
    """Isothermal compressibility β_T = Var(V) / (<V> k_B T) [1/GPa].

    Of a glass it is the answer within the time of the run: structure that does not relax in it does not count.
    """

    name = "compressibility_isothermal"
    unit = "1/GPa"
    definition = "Variance of the volume over its mean and k_B T, at constant pressure."
    reference = "Allen & Tildesley 2017, DOI 10.1093/oso/9780198803195.001.0001, chapter 2"
    needs: ClassVar[Ensemble] = "npt"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        estimate = response_of_cell(simulation, context).estimate(lambda cell: cell.isothermal_compressibility_per_gpa)
        return [self._measurement(estimate, context)]
