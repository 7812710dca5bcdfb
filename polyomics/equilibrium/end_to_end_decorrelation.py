"""Chains have forgotten in the melt which way they pointed."""

import math
from typing import ClassVar

from polyomics.analysis.internal_distances import end_to_end_correlation
from polyomics.equilibrium._chains import melt_chains
from polyomics.equilibrium.criterion import CRITERIA, EquilibriumTest, State
from polyomics.errors import NotEnoughData
from polyomics.records import Criterion
from polyomics.simulation import Simulation

DECORRELATED = math.exp(-1.0)
"""Below this the end-to-end vector counts as forgotten."""
LAST_LAG = 0.9
"""The correlation is taken over this part of the melt, so that a tenth of its frames are origins."""


@CRITERIA.register("end_to_end_decorrelation")
class EndToEndDecorrelation(EquilibriumTest):
    """C = <R(0)·R(t)>/<R²> of end-to-end vectors over nearly the whole melt, against 1/e.

    A melt over which C falls below 1/e has turned its chains around: then their shapes are those of equilibrium,
    whatever they were grown with (Kremer & Grest 1990, DOI 10.1063/1.458541). That takes longer than most melts
    are given, which does not make the cell wrong, so the test never fails: it passes, or says what time it takes.
    """

    name: ClassVar[str] = "end_to_end_decorrelation"
    unit: ClassVar[str] = "1"
    definition: ClassVar[str] = "Correlation of end-to-end vectors over the melt, against 1/e."
    reference: ClassVar[str] = "Kremer & Grest 1990, DOI 10.1063/1.458541"
    is_essential: ClassVar[bool] = False
    sampling_helps: ClassVar[bool] = False

    def _judge(self, simulation: Simulation, state: State) -> Criterion:
        melt = melt_chains(simulation)
        vectors = melt.main_chain_shapes().end_to_end_nm
        lag = int(LAST_LAG * (len(vectors) - 1))
        if lag < 1:
            raise NotEnoughData(
                f"{len(vectors)} frame(s) of the melt have no time between them; set a shorter frame_ps"
            )
        left = float(end_to_end_correlation(vectors)[lag])
        time_ps = float(melt.time_ps[lag] - melt.time_ps[0])
        message = (
            f"over {time_ps:.4g} ps of melt the end-to-end vectors of {vectors.shape[1]} chains keep {left:.2f} of "
            f"their correlation (chance gives ± {1.0 / math.sqrt(3.0 * vectors.shape[1]):.2f})"
        )
        if left < DECORRELATED:
            return self._criterion("pass", left, DECORRELATED, message)
        needed = (
            f"a melt of about {-time_ps / math.log(left) / LAST_LAG:.2g} ps is needed"
            if left < 1.0
            else "they do not turn"
        )
        return self._criterion("unknown", left, DECORRELATED, f"{message}; {needed}")
