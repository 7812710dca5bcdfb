"""Isothermal bulk modulus."""

from typing import ClassVar

from polyomics.properties._thermodynamics import response_of_cell
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("bulk_modulus_isothermal")
class IsothermalBulkModulus(Property):
    """Isothermal bulk modulus K_T, one over the isothermal compressibility of the same run [GPa]."""

    name = "bulk_modulus_isothermal"
    unit = "GPa"
    definition = "Mean volume times k_B T over the variance of the volume, at constant pressure."
    reference = "Allen & Tildesley 2017, DOI 10.1093/oso/9780198803195.001.0001, chapter 2"
    needs: ClassVar[Ensemble] = "npt"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        estimate = response_of_cell(simulation, context).estimate(lambda cell: cell.isothermal_bulk_modulus_gpa)
        return [self._measurement(estimate, context)]
