"""Classical heat capacity at constant pressure."""

from typing import ClassVar

from polyomics.properties._thermodynamics import response_of_cell
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("specific_heat_capacity_cp_classical")
class ClassicalHeatCapacityCp(Property):
    """Classical specific heat capacity at constant pressure, Var(U + PV) / (k_B T² m) + f k_B / (2m) [J/(kg K)].

    Fluctuations of the configurational enthalpy, plus the exact kinetic part of the f degrees of freedom that the
    constraints left; kinetic energies of the run would only add noise, and the bias of the integrator. For a
    polymer it lies far above experiment, since classical vibrations hold k_B each at any frequency:
    `specific_heat_capacity_cp` corrects that.
    """

    name = "specific_heat_capacity_cp_classical"
    unit = "J/(kg K)"
    definition = (
        "Variance of the configurational enthalpy U + PV over k_B T² and the mass, plus k_B/2 a degree of freedom."
    )
    reference = "Allen & Tildesley 2017, DOI 10.1093/oso/9780198803195.001.0001, chapter 2"
    needs: ClassVar[Ensemble] = "npt"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        estimate = response_of_cell(simulation, context).estimate(lambda cell: cell.heat_capacity_p_j_kg_k)
        return [self._measurement(estimate, context)]
