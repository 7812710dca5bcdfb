"""One value from independent replicates, with an error bar that also holds where they differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyomics.errors import NotEnoughData

Array = NDArray[np.float64]

SMALLEST_SHARE = 0.5
"""No own error counts as smaller than this part of the root mean square of all: it is itself an estimate."""
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Combined:
    """What replicates say together."""

    value: float
    """Weighted mean."""
    stderr: float | None
    """Half of the 68 % confidence interval of `value`; none where nothing tells (one replicate without an error)."""
    n: int
    """Number of replicates."""
    between_variance: float | None
    """Variance between replicates that their own errors do not explain, τ²; none for one replicate, or where no
    replicate has an error of its own."""
    spread: float | None
    """Standard deviation of the replicates' values; none for one."""


def combine(values: ArrayLike, stderrs: Sequence[float | None]) -> Combined:
    """Combine independent estimates of one quantity, each with a standard error of its own.

    Random effects: replicate i scatters about the common value with variance s_i² + τ². The variance between
    replicates, τ², is the one at which the weighted sum of squares is what it should be, n - 1 (Paule & Mandel 1982,
    DOI 10.6028/jres.087.022), and the value is the mean with weights 1/(s_i² + τ²).

    The standard error is the larger of two. One is what the replicates' own errors and τ² imply. The other is the
    observed scatter (Hartung & Knapp 2001, DOI 10.1002/sim.791) times the 84th percentile of Student's t with n - 1
    degrees of freedom, since a scatter of two or three values is itself poorly known: 1.84 for two replicates, 1.32
    for three, 1.08 for eight. The scatter alone is far too small when a few replicates agree by chance, hence the
    larger one (cf. Röver et al. 2015, DOI 10.1186/s12874-015-0091-1). So value ± standard error covers the truth in
    about 68 % of cases where replicates differ by more than their own errors, and in up to 82 % (two of them) where
    they do not; in 65 % or more where the own errors are uncertain by a third.

    Args:
        values: One estimate a replicate, shape=(n,).
        stderrs: Its standard error, or None; one that has none counts with the root mean square of the others.

    Raises:
        NotEnoughData: No replicates, or a number that is not finite.
    """
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or len(found) != len(stderrs):
        raise ValueError(f"expected one error a value, found shape {found.shape} and {len(stderrs)} errors")
    own = np.array([np.nan if error is None else error for error in stderrs], dtype=np.float64)
    given = np.array([error is not None for error in stderrs], dtype=bool)
    if not len(found):
        raise NotEnoughData("there are no replicates to combine")
    if not (np.isfinite(found).all() and np.isfinite(own[given]).all()):
        raise NotEnoughData("the value or error of a replicate is not finite")
    if len(found) == 1:
        return Combined(float(found[0]), stderrs[0], 1, None, None)
    spread = float(found.std(ddof=1))
    scale = np.sqrt(np.mean(own[given] ** 2)) if given.any() else 0.0
    if scale <= _ROUNDING * np.abs(found).max():
        scatter = _t_factor(len(found)) * spread / np.sqrt(len(found))
        moves = spread > _ROUNDING * np.abs(found).max()
        return Combined(float(found.mean()), float(scatter) if moves else None, len(found), None, spread)
    within = np.maximum(np.where(given, own, scale), SMALLEST_SHARE * scale) ** 2
    between = _paule_mandel(found, within)
    mean, weights, squares = _weighted(found, within, between)
    total = float(weights.sum())
    scatter = _t_factor(len(found)) * np.sqrt(squares / (len(found) - 1) / total)
    return Combined(mean, float(max(scatter, np.sqrt(1.0 / total))), len(found), between, spread)


def _weighted(values: Array, within: Array, between: float) -> tuple[float, Array, float]:
    """Weighted mean, weights, and the weighted sum of squares about the mean."""
    weights = 1.0 / (within + between)
    mean = float(weights @ values / weights.sum())
    return mean, weights, float(weights @ (values - mean) ** 2)


def _paule_mandel(values: Array, within: Array) -> float:
    """Variance between replicates at which the weighted sum of squares is n - 1; 0 where it is less without any."""
    target = len(values) - 1.0
    if _weighted(values, within, 0.0)[2] <= target:
        return 0.0
    from scipy import optimize

    widest = float(((values - values.mean()) ** 2).sum())
    return float(
        optimize.brentq(
            lambda between: _weighted(values, within, between)[2] - target, 0.0, widest, xtol=_ROUNDING * widest
        )
    )


def _t_factor(n: int) -> float:
    """What a standard error from the scatter of n values is multiplied with to cover 68 %."""
    from scipy import stats

    return float(stats.t.ppf(stats.norm.cdf(1.0), n - 1))
