"""How well predicted values agree with measured ones, in the numbers that regressions are judged by."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyomics.errors import NotEnoughData

_FEWEST_FOR_CORRELATION = 3
"""A line through two points is always straight."""


@dataclass(frozen=True)
class Agreement:
    """Predicted against measured values, without any fit in between."""

    n: int
    """Number of pairs."""
    r_squared: float | None
    """Coefficient of determination of the line predicted = measured, 1 - Σ(p - m)²/Σ(m - <m>)²; negative where the
    mean of the measured values would predict better; none where they do not differ."""
    pearson_r_squared: float | None
    """Squared correlation coefficient, blind to an offset and to a slope; none below three pairs, or where either
    does not vary."""
    bias: float
    """Mean of predicted minus measured, in their unit."""
    mean_absolute_error: float
    """Mean of |predicted - measured|, in their unit."""
    mean_absolute_percentage_error: float | None
    """Mean of |predicted/measured - 1| [%]; none where a measured value is zero."""


def agreement(predicted: ArrayLike, measured: ArrayLike) -> Agreement:
    """Compare predicted with measured values.

    Args:
        predicted: Predicted values, shape=(n,).
        measured: Measured values in the same unit, shape=(n,).

    Raises:
        NotEnoughData: There are no pairs, or a number is not finite.
    """
    found = np.asarray(predicted, dtype=np.float64)
    truth = np.asarray(measured, dtype=np.float64)
    if found.ndim != 1 or found.shape != truth.shape:
        raise ValueError(f"expected as many predicted as measured values, found shapes {found.shape} and {truth.shape}")
    if not len(found):
        raise NotEnoughData("there are no values to compare")
    if not (np.isfinite(found).all() and np.isfinite(truth).all()):
        raise NotEnoughData("a value to compare is not finite")
    errors = found - truth
    spread = float(((truth - truth.mean()) ** 2).sum())
    return Agreement(
        n=len(found),
        r_squared=None if _is_constant(truth) else 1.0 - float((errors**2).sum()) / spread,
        pearson_r_squared=_pearson_r_squared(found, truth),
        bias=float(errors.mean()),
        mean_absolute_error=float(np.abs(errors).mean()),
        mean_absolute_percentage_error=100.0 * float(np.abs(errors / truth).mean()) if truth.all() else None,
    )


def _pearson_r_squared(found: NDArray[np.float64], truth: NDArray[np.float64]) -> float | None:
    if len(found) < _FEWEST_FOR_CORRELATION or _is_constant(found) or _is_constant(truth):
        return None
    return float(np.corrcoef(found, truth)[0, 1] ** 2)


def _is_constant(values: NDArray[np.float64]) -> bool:
    return bool(np.ptp(values) <= 1e-12 * np.abs(values).max())
