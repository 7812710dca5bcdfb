"""The density does not drift."""

from typing import ClassVar

from polyomics.equilibrium._stationarity import LARGEST_DRIFT, column, stationarity
from polyomics.equilibrium.criterion import CRITERIA, EquilibriumTest, State
from polyomics.records import Criterion
from polyomics.simulation import Simulation


@CRITERIA.register("density_stationary")
class DensityStationary(EquilibriumTest):
    """Drift of the density over the stage, in standard deviations of the density.

    Its own fluctuation is the scale, √(kT κ / V) of the density: so a large cell, which fluctuates less, is
    held to a smaller drift. Ref.: Chodera 2016, DOI 10.1021/acs.jctc.5b00784.
    """

    name: ClassVar[str] = "density_stationary"
    unit: ClassVar[str] = "1"
    definition: ClassVar[str] = "Drift of the density over the stage against its standard deviation."
    reference: ClassVar[str] = "Chodera 2016, DOI 10.1021/acs.jctc.5b00784"

    def _judge(self, simulation: Simulation, state: State) -> Criterion:
        found = stationarity(column(simulation.sample.thermo, "density_g_cm3"))
        return self._criterion(found.verdict, found.drift, LARGEST_DRIFT, f"the density {found.message}")
