"""Whether a series is stationary: no drift that is both real and large enough to matter."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.statistics import (
    FEW_SAMPLES,
    SIGNIFICANCE,
    drift,
    first_relaxed_frame,
    statistical_inefficiency,
)
from polyomics.errors import NotEnoughData
from polyomics.records import Verdict

Array = NDArray[np.float64]

LARGEST_DRIFT = 0.5
"""Largest drift over the stage, in standard deviations of the series: it adds 2 % (1/48) to the variance."""
LONGEST_START = 0.5
"""Part of the stage that may still relax; it is left out by every average."""
_ERRORS = 3.0
_FEWEST_VALUES = 4
_WORST = {"pass": 0, "unknown": 1, "fail": 2}


@dataclass(frozen=True)
class Stationarity:
    """What a series does over a stage."""

    verdict: Verdict
    """pass: it does not drift, or by too little to matter. unknown: too few independent values to tell."""
    drift: float
    """Change over the used part of the stage, in standard deviations of the series; always positive."""
    message: str
    """The numbers behind the verdict."""


def stationarity(series: Array, *, significance: float = SIGNIFICANCE, spread: float | None = None) -> Stationarity:
    """Whether a series drifts.

    A start that differs from the rest is left out, up to half of the series; if more than half would have to go, the
    means of its third and fourth quarter must agree. The rest fails if a straight line through it has a slope that
    correlated noise would hardly have, and it changes along that line by more than half of its standard deviation.
    Significance alone would fail every long run in the end, size alone every short one. With fewer than 10 independent
    values the test has no power; only a drift that is small including three errors passes.

    Args:
        series: One value per row or frame, equally spaced in time, shape=(n,).
        significance: How rarely chance may fail a stationary series.
        spread: What a drift is held against, where that is larger than the standard deviation about the line.

    Raises:
        NotEnoughData: The series is empty or has values that are not finite.
    """
    found = first_relaxed_frame(series)
    if len(series) < _FEWEST_VALUES:
        return Stationarity("unknown", 0.0, f"has {len(series)} value(s), too few to tell; sample longer")
    first = min(found, int(LONGEST_START * len(series)))
    used = series[first:]
    line = drift(used)
    residuals = used - used.mean() - line.slope_per_frame * (np.arange(len(used)) - (len(used) - 1) / 2)
    scale = max(float(residuals.std()), spread or 0.0)
    if scale == 0.0 and line.slope_per_frame == 0.0:
        return Stationarity("pass", 0.0, "does not change")
    if scale == 0.0:
        return Stationarity("fail", _no_noise(line.slope_per_frame, len(used)), "changes steadily, without any noise")
    n_independent = len(used) / statistical_inefficiency(residuals)
    change = abs(line.slope_per_frame) * len(used) / scale
    error = line.stderr * len(used) / scale
    half = len(used) // 2
    early = 2.0 * abs(float(used[:half].mean() - used[half:].mean())) / scale if half else 0.0
    numbers = f"drifts by {change:.2g} standard deviations over {len(used)} values ({n_independent:.0f} independent)"
    if found > first and early > LARGEST_DRIFT:
        return Stationarity("fail", max(change, early), f"{numbers}; still relaxing after half of the stage")
    if line.p_value < significance and change > LARGEST_DRIFT:
        return Stationarity("fail", change, f"{numbers}, p = {line.p_value:.1g}")
    if n_independent >= FEW_SAMPLES or change + _ERRORS * error <= LARGEST_DRIFT:
        return Stationarity("pass", change, f"{numbers}, p = {line.p_value:.2g}")
    return Stationarity("unknown", change, f"{numbers}; too few to tell, sample longer")


def worst_of(series: Mapping[str, Array]) -> tuple[str, Stationarity]:
    """The series that is least stationary, and how; chance may fail one of all as rarely as it may fail one alone."""
    found = {name: stationarity(values, significance=SIGNIFICANCE / len(series)) for name, values in series.items()}
    return max(found.items(), key=lambda item: (_WORST[item[1].verdict], item[1].drift))


def column(table: Mapping[str, Array], name: str) -> Array:
    """A column of a thermodynamic table.

    Raises:
        NotEnoughData: The table has no rows, or lacks the column.
    """
    values = table.get(name)
    if values is None or not len(values):
        raise NotEnoughData(f"the stage recorded no {name}; set its report_ps")
    return values


def _no_noise(slope_per_frame: float, n_frames: int) -> float:
    """A steady change in its own standard deviations: √12 whatever the slope."""
    return float(np.sqrt(12.0)) if slope_per_frame and n_frames else 0.0
