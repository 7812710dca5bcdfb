"""How a mean changes with temperature, from runs at a few temperatures side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyomics.analysis.statistics import SIGNIFICANCE, Estimate
from polyomics.errors import NotEnoughData

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Line:
    """A straight line through points with independent errors."""

    x: Array
    """Places of the points, shape=(n,)."""
    y: Array
    """Values of the line there, shape=(n,)."""
    slope: Estimate
    """Its slope. Flags, besides those of the points: `not_linear`: the points leave the line by more than their errors
    explain."""


def line_through(x: ArrayLike, means: Sequence[Estimate]) -> Line:
    """Least squares line through independent means, each weighted with its inverse squared error.

    Where one of the means has no error bar, all weigh the same and the slope has none either.

    Args:
        x: Places, shape=(n,), n ≥ 2.
        means: Means there, as many.

    Raises:
        NotEnoughData: The places do not differ, so that there is no slope.
    """
    places, values = np.asarray(x, dtype=np.float64), np.array([mean.mean for mean in means])
    if len(set(places.tolist())) < 2:
        raise NotEnoughData(
            f"a slope takes runs at different temperatures; found {', '.join(f'{place:g}' for place in places)}"
        )
    stated = [mean.stderr for mean in means if mean.stderr is not None]
    have_errors = len(stated) == len(means)
    weights = 1.0 / np.array(stated) ** 2 if have_errors else np.ones(len(places))
    centre = float(weights @ places / weights.sum())
    sensitivity = weights * (places - centre) / (weights @ (places - centre) ** 2)
    slope = float(sensitivity @ values)
    line = float(weights @ values / weights.sum()) + slope * (places - centre)
    flags = tuple(dict.fromkeys(flag for mean in means for flag in mean.flags))
    if have_errors and _leaves_line(float((values - line) ** 2 @ weights), len(places)):
        flags += ("not_linear",)
    estimate = Estimate(
        slope,
        float(np.sqrt(sensitivity**2 @ (1.0 / weights))) if have_errors else None,
        min(mean.n_independent for mean in means),
        1.0,
        0,
        flags if have_errors or flags else ("few_samples",),
    )
    return Line(places, line, estimate)


def disagree(one: Estimate, other: Estimate, n_errors: float = 3.0) -> bool:
    """Whether two independent estimates differ by more than `n_errors` combined standard errors."""
    if one.stderr is None or other.stderr is None:
        return False
    return abs(one.mean - other.mean) > n_errors * float(np.hypot(one.stderr, other.stderr))


def _leaves_line(chi_squared: float, n_points: int) -> bool:
    """Chi-squared test of the residuals."""
    from scipy import stats

    return n_points > 2 and float(stats.chi2.sf(chi_squared, n_points - 2)) < SIGNIFICANCE
