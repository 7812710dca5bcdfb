"""Heat capacity at constant pressure."""

from typing import ClassVar

from polyomics.properties._thermodynamics import density_of_states_curve, quantum_corrected, response_of_cell
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("specific_heat_capacity_cp")
class HeatCapacityCp(Property):
    """Specific heat capacity at constant pressure with its vibrations quantum-corrected [J/(kg K)].

    The classical value less k_B/m ∫ g(ν) [1 - W(ν)] dν: g is the density of states of the cell's own velocities, and
    W = x² eˣ / (eˣ - 1)², x = hν / k_B T, the heat capacity of a quantum oscillator over that of a classical one.
    Constrained bonds to hydrogen are in neither term: near 3,000 1/cm their quantum heat capacity is 1e-4 k_B at
    300 K. The correction is that of harmonic modes at constant volume; quantum effects on α and β_T are left out.
    The error bar combines that of the fluctuations with the spread of the correction between windows.
    """

    name = "specific_heat_capacity_cp"
    unit = "J/(kg K)"
    definition = (
        "Classical heat capacity at constant pressure less the excess of its vibrations over quantum oscillators."
    )
    reference = "Berens et al. 1983, DOI 10.1063/1.446044"
    needs: ClassVar[Ensemble] = "npt"
    also_needs: ClassVar[tuple[str, ...]] = ("vibrations",)

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        classical = response_of_cell(simulation, context).estimate(lambda cell: cell.heat_capacity_p_j_kg_k)
        corrected = quantum_corrected(classical, simulation, context)
        return [self._measurement(corrected, context), density_of_states_curve(simulation, self.name)]
