"""The size of the chains does not drift."""

from typing import ClassVar

import numpy as np

from polyomics.equilibrium._chains import sample_chains
from polyomics.equilibrium._stationarity import LARGEST_DRIFT, stationarity
from polyomics.equilibrium.criterion import CRITERIA, EquilibriumTest, State
from polyomics.records import Criterion
from polyomics.simulation import Simulation


@CRITERIA.register("rg_stationary")
class RgStationary(EquilibriumTest):
    """Drift of the mean squared radius of gyration over the stage, in standard deviations it has in equilibrium.

    In a glass the mean over chains hardly moves, and its small standard deviation in time would make any creep look
    large. The scale is therefore the larger of that and the standard deviation between chains over √n, which is what
    the mean over n free chains would show in time. Ref.: Chodera 2016, DOI 10.1021/acs.jctc.5b00784.
    """

    name: ClassVar[str] = "rg_stationary"
    unit: ClassVar[str] = "1"
    definition: ClassVar[str] = "Drift of the mean squared radius of gyration against its equilibrium fluctuation."
    reference: ClassVar[str] = "Chodera 2016, DOI 10.1021/acs.jctc.5b00784"

    def _judge(self, simulation: Simulation, state: State) -> Criterion:
        squared_nm2 = sample_chains(simulation).squared_radius_nm2
        n_chains = squared_nm2.shape[1]
        between = float(squared_nm2.mean(axis=0).std(ddof=1) / np.sqrt(n_chains)) if n_chains > 1 else 0.0
        found = stationarity(squared_nm2.mean(axis=1), spread=between)
        message = f"the mean squared radius of gyration of {n_chains} chains {found.message}"
        return self._criterion(found.verdict, found.drift, LARGEST_DRIFT, message)
