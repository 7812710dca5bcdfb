"""Adiabatic bulk modulus."""

from typing import ClassVar

from polyomics.properties._thermodynamics import response_of_cell
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("bulk_modulus_adiabatic")
class AdiabaticBulkModulus(Property):
    """Adiabatic bulk modulus K_S, one over the adiabatic compressibility of the same run [GPa]."""

    name = "bulk_modulus_adiabatic"
    unit = "GPa"
    definition = "One over the adiabatic compressibility."
    reference = "Allen & Tildesley 2017, DOI 10.1093/oso/9780198803195.001.0001, chapter 2"
    needs: ClassVar[Ensemble] = "npt"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        estimate = response_of_cell(simulation, context).estimate(lambda cell: cell.adiabatic_bulk_modulus_gpa)
        return [self._measurement(estimate, context)]
