"""Chains have the internal distances they had in their melt."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.statistics import SIGNIFICANCE
from polyomics.equilibrium._chains import melt_chains, sample_chains
from polyomics.equilibrium.criterion import CRITERIA, EquilibriumTest, State
from polyomics.errors import NotEnoughData
from polyomics.records import Criterion, Verdict
from polyomics.simulation import Simulation

Array = NDArray[np.float64]

LARGEST_DEVIATION_PERCENT = 20.0
"""Largest difference of the mean squared internal distances. Cooling by some hundred kelvins changes those of a
flexible chain by 10 % or more (d ln C/dT is about -1e-3 per K for polyethylene), squeezing by far more."""
FEWEST_CHAINS = 3
"""With fewer chains their spread is not known."""
FEWEST_SUBCHAINS = 20
"""Separations are looked at as long as the cell has so many subchains of that length side by side."""


@CRITERIA.register("internal_distances")
class InternalDistances(EquilibriumTest):
    """Largest difference between mean squared internal distances of the sample and of the melt, in per cent.

    R²(n) of subchains of n bonds is what shows chains that were stretched or squeezed on the way (Auhl et al. 2003,
    DOI 10.1063/1.1628670). Each chain is compared with itself in the melt; the error of the mean difference is from the
    spread between chains, since a glass keeps each in one shape. A difference fails if it is over 20 % and chance
    would show it at any of the separations in less than 1 % of cells.
    """

    name: ClassVar[str] = "internal_distances"
    unit: ClassVar[str] = "%"
    definition: ClassVar[str] = "Largest difference of mean squared internal distances between sample and melt."
    reference: ClassVar[str] = "Auhl et al. 2003, DOI 10.1063/1.1628670"
    is_essential: ClassVar[bool] = False

    def _judge(self, simulation: Simulation, state: State) -> Criterion:
        melt = melt_chains(simulation).main_chain_shapes()
        sample = sample_chains(simulation).main_chain_shapes()
        n_chains, n_bonds = len(melt.internal_nm2), int(melt.separations[-1])
        enough = (n_chains * (n_bonds // melt.separations) >= FEWEST_SUBCHAINS) & (melt.separations > 1)
        if n_chains < FEWEST_CHAINS or not enough.any():
            raise NotEnoughData(
                f"{n_chains} chains of {n_bonds} bonds are too few for the spread between them; use at least "
                f"{FEWEST_CHAINS} chains and {FEWEST_SUBCHAINS} subchains in all"
            )
        percent, p_value = deviations_percent(sample.internal_nm2[:, enough], melt.internal_nm2[:, enough])
        large = np.abs(percent) > LARGEST_DEVIATION_PERCENT
        failed = large & (p_value < SIGNIFICANCE / len(p_value))
        worst = int(np.argmax(np.abs(percent) * np.where(failed.any(), failed, 1.0)))
        n, p = int(melt.separations[enough][worst]), float(p_value[worst])
        message = (
            f"subchains of {n} bonds have mean squared distances {percent[worst]:+.1f} % from the melt's (p = {p:.2g}, "
            f"{n_chains} chains), the largest difference from 2 to {int(melt.separations[enough][-1])} bonds"
        )
        if large.any() and not failed.any():
            message += "; such a difference may be chance"
        verdict: Verdict = "fail" if failed.any() else "pass"
        return self._criterion(verdict, abs(float(percent[worst])), LARGEST_DEVIATION_PERCENT, message)


def deviations_percent(sample_nm2: Array, melt_nm2: Array) -> tuple[Array, Array]:
    """Mean difference in per cent of the melt, and how likely chance alone gives one as large (paired t test).

    Args:
        sample_nm2: R²(n) of every chain in the sample [nm²], shape=(n_chains, n_separations).
        melt_nm2: R²(n) of the same chains in the melt [nm²], same shape.
    """
    from scipy import stats

    differences = sample_nm2 - melt_nm2
    n_chains = len(differences)
    mean, stderr = differences.mean(axis=0), differences.std(axis=0, ddof=1) / np.sqrt(n_chains)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(mean == 0.0, 0.0, np.abs(mean) / stderr)
    p_value: Array = 2.0 * stats.t.sf(score, n_chains - 1)
    return 100.0 * mean / melt_nm2.mean(axis=0), p_value
