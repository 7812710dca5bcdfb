"""Classical heat capacity at constant volume."""

from typing import ClassVar

from polyomics.properties._thermodynamics import response_of_cell
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("specific_heat_capacity_cv_classical")
class ClassicalHeatCapacityCv(Property):
    """Classical specific heat capacity at constant volume, C_p - T v α² / β_T [J/(kg K)].

    All three terms come from the same fluctuations at constant pressure, and so do their errors, jointly.
    """

    name = "specific_heat_capacity_cv_classical"
    unit = "J/(kg K)"
    definition = (
        "Classical heat capacity at constant pressure less T v α²/β_T, all from the fluctuations at constant pressure."
    )
    reference = "Allen & Tildesley 2017, DOI 10.1093/oso/9780198803195.001.0001, chapter 2"
    needs: ClassVar[Ensemble] = "npt"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        estimate = response_of_cell(simulation, context).estimate(lambda cell: cell.heat_capacity_v_j_kg_k)
        return [self._measurement(estimate, context)]
