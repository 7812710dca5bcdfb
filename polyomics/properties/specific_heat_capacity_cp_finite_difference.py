"""Heat capacity at constant pressure from runs at neighbouring temperatures."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.statistics import Estimate
from polyomics.analysis.thermal_response import KJ_MOL_K_AMU_IN_J_KG_K
from polyomics.properties._thermodynamics import (
    compared,
    configurational_enthalpies_kj_mol,
    curves_of_line,
    degrees_of_freedom,
    line_over_temperature,
    quantum_corrected,
    response_of_cell,
)
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation
from polyomics.trajectory import Trajectory
from polyomics.units import GAS_CONSTANT_KJ_MOL_K


@PROPERTIES.register("specific_heat_capacity_cp_finite_difference")
class HeatCapacityCpFiniteDifference(Property):
    """Specific heat capacity at constant pressure from the slope of the enthalpy over temperature [J/(kg K)].

    A line through the mean classical enthalpies at the neighbouring temperatures and at the temperature itself,
    weighted with their errors, less the same quantum correction of the vibrations as `specific_heat_capacity_cp`. The
    kinetic energy enters with its exact slope, k_B/2 a degree of freedom. In runs of a glass it is far more precise
    than fluctuations. Flags: `not_linear`: the three enthalpies leave a line by more than their errors (a glass
    transition in between, or a cell still relaxing); `methods_disagree`: the fluctuations of the sample give another
    value, by more than three combined standard errors.
    """

    name = "specific_heat_capacity_cp_finite_difference"
    unit = "J/(kg K)"
    definition = (
        "Slope of the classical enthalpy over three temperatures at one pressure, its vibrations quantum-corrected."
    )
    reference = "quantum correction: Berens et al. 1983, DOI 10.1063/1.446044"
    needs: ClassVar[Ensemble] = "npt"
    also_needs: ClassVar[tuple[str, ...]] = ("neighbour", "vibrations")

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        to_specific = KJ_MOL_K_AMU_IN_J_KG_K / simulation.cell.mass_amu

        def specific_enthalpy_j_g(stage: Trajectory) -> NDArray[np.float64]:
            return configurational_enthalpies_kj_mol(stage, context) * to_specific * 1e-3

        line, means = line_over_temperature(simulation, context, specific_enthalpy_j_g)
        kinetic = 0.5 * degrees_of_freedom(simulation) * GAS_CONSTANT_KJ_MOL_K * to_specific
        error = line.slope.stderr
        classical = replace(
            line.slope, mean=1e3 * line.slope.mean + kinetic, stderr=None if error is None else 1e3 * error
        )

        def from_fluctuations() -> Estimate:
            return response_of_cell(simulation, context).estimate(lambda cell: cell.heat_capacity_p_j_kg_k)

        corrected = quantum_corrected(compared(classical, from_fluctuations), simulation, context)
        return [
            self._measurement(corrected, context),
            *curves_of_line("configurational_enthalpy_over_temperature", self.name, "enthalpy [J/g]", line, means),
        ]
