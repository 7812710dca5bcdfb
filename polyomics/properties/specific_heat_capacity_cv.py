"""Heat capacity at constant volume."""

from typing import ClassVar

from polyomics.properties._thermodynamics import quantum_corrected, response_of_cell
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("specific_heat_capacity_cv")
class HeatCapacityCv(Property):
    """Specific heat capacity at constant volume with its vibrations quantum-corrected [J/(kg K)].

    The classical value less k_B/m ∫ g(ν) [1 - W(ν)] dν: g is the density of states of the cell's own velocities, and
    W = x² eˣ / (eˣ - 1)², x = hν / k_B T, the heat capacity of a quantum oscillator over that of a classical one.
    From the fluctuations at constant pressure, and corrected as `specific_heat_capacity_cp` is, by the same amount.
    """

    name = "specific_heat_capacity_cv"
    unit = "J/(kg K)"
    definition = (
        "Classical heat capacity at constant volume less the excess of its vibrations over quantum oscillators."
    )
    reference = "Berens et al. 1983, DOI 10.1063/1.446044"
    needs: ClassVar[Ensemble] = "npt"
    also_needs: ClassVar[tuple[str, ...]] = ("vibrations",)

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        classical = response_of_cell(simulation, context).estimate(lambda cell: cell.heat_capacity_v_j_kg_k)
        corrected = quantum_corrected(classical, simulation, context)
        return [self._measurement(corrected, context)]
