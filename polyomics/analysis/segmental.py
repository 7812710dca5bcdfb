"""How fast segments of chains turn, and the temperature below which they turn too slowly to follow a cooling.

The correlation of the directions u of segments, C(t) = <3 (u(0)·u(t))² - 1>/2, falls from 1 to nought; τ is the time at
which it has fallen to 1/e. In a melt it grows ever faster on cooling, after the law of Vogel, Fulcher and Tammann,
ln τ = A + B/(T - T_0). By convention the glass transition at 10 K/min, the rate of calorimeters, is where τ is 100 s:
the cell is cooled by 17 K while its segments turn once. At a rate q it is where τ is 17 K/q (C. A. Angell, Science
1995, DOI 10.1126/science.267.5206.1924). Directions are counted one by one, so that a cell of a thousand atoms, whose
volume says little, has hundreds of them; and only the melt is needed, no glass. It is the transition of the motion that
turns segments; where other motions go on below it, that of the volume is lower.

τ at the transition is about the longest that can be seen while a temperature is held, so that the law carries it by a
factor of two or so. How far it bends over that depends on A, of which the data say next to nothing. The attempt time
exp(A) is taken to be 0.03 ps, between the 0.0004 ps that go with the universal constant C_1 of Williams, Landel & Ferry
and the 2 ps that go with that of polystyrene; two decades of doubt hold both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyomics.analysis.statistics import FEW_SAMPLES, Estimate
from polyomics.errors import NotIdentifiable

Array = NDArray[np.float64]

ARREST_K = 100.0 * 10.0 / 60.0
"""By how much a cell is cooled while its segments turn once at the transition: 100 s at 10 K/min [K]."""
LOG_ATTEMPT_PS = float(np.log(0.03))
"""A: ln τ far above the transition [ps]."""
ATTEMPT_DECADES = 2.0
"""Half the difference that so many decades more or less of it make is added to the error."""
FEWEST_TEMPERATURES = 3
"""Relaxation times the law is fitted to; it has two parameters."""
FEW_TEMPERATURES = 5
"""Fewer are flagged `few_points`."""
SHORTEST_PART = 1.0 / 20.0
"""Relaxation times of less than this part of that at the transition are left out: the law need not hold so far."""
SHORTEST_ARREST_PS = 70.0
"""Where segments have less time than this, times to be used come near to the longest attempt time in doubt, 3 ps."""
LONGEST_LAG_PART = 0.5
"""Part of a hold that correlations are followed over."""
FURTHEST = 2.0
"""A relaxation time of more than so many times the longest lag is not read off."""
FURTHEST_FALL = 3.0
"""τ at the transition may be so many times the longest one that was seen."""
FEWEST_BLOCKS = 3
"""Blocks that tell an error; below `statistics.FEW_SAMPLES` of them it is flagged `few_samples`."""
BLOCK = 8
"""Neighbouring segments of a chain that are drawn together by the bootstrap, since they turn together."""

_HIGH, _LOW = 0.75, 0.15
_LEAST_FALL = 0.6
_FEWEST_LAGS = 3
_TINY = 1e-3
_LARGEST_STDERR_K = 40.0
_SIGNIFICANT = 2.0
_N_BOOTSTRAP = 400


@dataclass(frozen=True, eq=False)
class Correlations:
    """Correlations of directions at one temperature."""

    temperature_k: float
    """The temperature [K]."""
    lags_ps: Array
    """Times apart [ps], the first one frame, shape=(n_lags,)."""
    blocks: Array
    """C at these lags, of blocks of neighbouring segments, shape=(n_blocks, n_lags)."""


@dataclass(frozen=True, eq=False)
class SegmentalTransition:
    """Where segments fall behind the cooling."""

    estimate: Estimate
    """The temperature [K]. Flags: `not_linear`: relaxation times leave the law by more than their errors, which the
    error bar counts; `few_points`: from three or four temperatures; `few_samples`: from fewer than ten blocks."""
    temperature_k: Array
    """Temperatures with a relaxation time [K], rising, shape=(n,)."""
    relaxation_ps: Array
    """Relaxation times τ [ps], as many."""
    log_stderr: Array
    """Standard errors of ln τ, as many."""
    log_attempt_ps: float
    """A."""
    strength_k: float
    """B [K]."""
    vogel_k: float
    """T_0 [K]."""
    arrest_ps: float
    """τ at the transition [ps]."""

    def relaxation_at(self, temperature_k: ArrayLike) -> Array:
        """τ of the law [ps], shape as the temperatures [K]."""
        above = np.asarray(temperature_k, dtype=np.float64) - self.vogel_k
        return np.asarray(np.exp(self.log_attempt_ps + self.strength_k / above))


def correlations(temperature_k: float, directions: Array, frame_ps: float) -> Correlations:
    """Correlations of directions within one hold, averaged over the times they may start at.

    Args:
        temperature_k: The temperature held [K].
        directions: Unit vectors along chains, evenly spaced in time, shape=(n_frames, n_chains, n_vectors, 3).
        frame_ps: Time between frames [ps].
    """
    n_frames, n_chains, n_vectors = directions.shape[:3]
    n_lags = int(LONGEST_LAG_PART * n_frames)
    found = np.empty((n_lags, n_chains, n_vectors))
    for lag in range(1, n_lags + 1):
        cosine = np.einsum("tcvx,tcvx->tcv", directions[:-lag], directions[lag:])
        found[lag - 1] = (1.5 * cosine**2 - 0.5).mean(axis=0)
    n_blocks = max(1, n_vectors // BLOCK)
    blocks = [part.mean(axis=2) for part in np.array_split(found, n_blocks, axis=2)]
    lags_ps: Array = frame_ps * np.arange(1, n_lags + 1, dtype=np.float64)
    return Correlations(temperature_k, lags_ps, np.concatenate(blocks, axis=1).T)


def segmental_transition(
    holds: Sequence[Correlations], rate_k_per_ns: float, *, seed: int = 1, n_bootstrap: int = _N_BOOTSTRAP
) -> SegmentalTransition:
    """The temperature at which segments fall behind a cooling, with its error.

    The error is that of a bootstrap over blocks of segments, each with all its temperatures.

    Args:
        holds: Correlations at every temperature that was held.
        rate_k_per_ns: Rate of the cooling [K/ns].
        seed: Of the bootstrap.
        n_bootstrap: Number of its draws.

    Raises:
        NotIdentifiable: Too few temperatures have a relaxation time that can be read off, τ does not rise on cooling,
            the transition is too far below them, or its error is too large.
    """
    ordered = sorted(holds, key=lambda one: one.temperature_k)
    n_blocks = len(ordered[0].blocks)
    if n_blocks < FEWEST_BLOCKS:
        raise NotIdentifiable(
            f"the cell has {n_blocks} blocks of {BLOCK} neighbouring segments, and {FEWEST_BLOCKS} are needed for an "
            "error: take more or longer chains"
        )
    arrest_ps = ARREST_K / rate_k_per_ns * 1e3
    if arrest_ps < SHORTEST_ARREST_PS:
        raise NotIdentifiable(
            f"at {rate_k_per_ns:.4g} K/ns segments have {arrest_ps:.2g} ps to turn, hardly more than vibrations take: "
            f"cool at {ARREST_K / SHORTEST_ARREST_PS * 1e3:.0f} K/ns or more slowly"
        )
    seen = _near(ordered, arrest_ps)
    if len(seen) < FEWEST_TEMPERATURES:
        raise NotIdentifiable(
            f"{len(seen)} of {len(ordered)} temperatures have a relaxation time of segments that can be read off and "
            f"is near the {arrest_ps:.3g} ps of the transition, {FEWEST_TEMPERATURES} are needed: "
            f"{_advice(ordered, seen)}"
        )
    x, y = np.array([one.temperature_k for one in seen]), _log_times(seen, _all_alike(n_blocks))[:, 0]
    drawn = np.random.default_rng(seed).multinomial(n_blocks, _all_alike(n_blocks)[0], size=n_bootstrap) / n_blocks
    draws = _log_times(seen, drawn)
    sigma = draws.std(axis=1, ddof=1) * np.sqrt(n_blocks / (n_blocks - 1.0))
    law, drawn_laws = _fit(x, y[:, None], sigma), _fit(x, draws, sigma)
    n_free = len(x) - 2
    widened = np.sqrt(n_blocks / (n_blocks - 1.0) * max(1.0, law.chi_squared[0] / n_free))
    if not law.slope_per_k[0] > _SIGNIFICANT * widened * drawn_laws.slope_per_k.std(ddof=1):
        raise NotIdentifiable(
            f"segments do not turn more slowly on cooling from {x[-1]:.0f} to {x[0]:.0f} K, or hardly: "
            f"{_advice(ordered, seen)}"
        )
    tg_k = float(law.temperature_k(arrest_ps)[0])
    longest_ps = float(np.exp(y.max()))
    if arrest_ps > FURTHEST_FALL * longest_ps:
        raise NotIdentifiable(
            f"segments would fall behind the cooling where they take {arrest_ps:.3g} ps to turn; the longest time seen "
            f"is {longest_ps:.3g} ps at {x[int(y.argmax())]:.0f} K: {_advice(ordered, seen)}"
        )
    drawn_k = drawn_laws.temperature_k(arrest_ps)
    sides = [
        _fit(x, y[:, None], sigma, LOG_ATTEMPT_PS + side * ATTEMPT_DECADES * np.log(10.0)).temperature_k(arrest_ps)[0]
        for side in (-1, 1)
    ]
    stderr = float(np.hypot(drawn_k.std(ddof=1) * widened, 0.5 * (sides[1] - sides[0])))
    if not stderr < _LARGEST_STDERR_K:
        raise NotIdentifiable(
            f"segments fall behind the cooling at {tg_k:.0f} K with an error of {stderr:.0f} K, more than "
            f"{_LARGEST_STDERR_K:.0f} K: hold every temperature longer, or take a larger cell"
        )
    estimate = Estimate(tg_k, stderr, float(n_blocks), 1.0, 0, _flags(law, n_free, n_blocks))
    strength_k = float(1.0 / law.slope_per_k[0])
    vogel_k = float(-law.intercept[0] * strength_k)
    return SegmentalTransition(estimate, x, np.exp(y), sigma, law.log_attempt, strength_k, vogel_k, arrest_ps)


def _near(holds: Sequence[Correlations], arrest_ps: float) -> list[Correlations]:
    """Those whose relaxation time can be read off, and is near that of the transition."""
    read = [one for one in holds if _readable(one).any()]
    if not read:
        return []
    times_ps = np.exp(_log_times(read, _all_alike(len(read[0].blocks)))[:, 0])
    shortest_ps = SHORTEST_PART * arrest_ps
    return [
        one
        for one, time_ps in zip(read, times_ps, strict=True)
        if max(one.lags_ps[0], shortest_ps) <= time_ps <= FURTHEST * one.lags_ps[-1]
    ]


def _all_alike(n_blocks: int) -> Array:
    return np.full((1, n_blocks), 1.0 / n_blocks)


def _flags(law: _Law, n_free: int, n_blocks: int) -> tuple[str, ...]:
    from scipy import stats

    flags: tuple[str, ...] = ()
    if stats.chi2.sf(law.chi_squared[0], n_free) < 0.01:
        flags += ("not_linear",)
    if n_free + 2 < FEW_TEMPERATURES:
        flags += ("few_points",)
    return flags if n_blocks >= FEW_SAMPLES else (*flags, "few_samples")


def _readable(hold: Correlations) -> NDArray[np.bool_]:
    """Which lags τ is read off at: those where C is between 0.75 and 0.15; none where it has not fallen far enough."""
    mean = hold.blocks.mean(axis=0)
    falls = (mean < _HIGH) & (mean > _LOW)
    enough = falls.sum() >= _FEWEST_LAGS and mean[falls].min() < _LEAST_FALL
    return falls if enough else np.zeros_like(falls)


def _log_times(holds: Sequence[Correlations], weights: Array) -> Array:
    """Logarithm of τ of every hold by weights of the blocks, shape=(n_holds, n_sets).

    The curve of ln(-ln C) is nearly straight in ln t, as it is for a stretched exponential, and its slope nearly the
    same at all temperatures: parallel lines, one a hold, cross 0 at τ.

    Args:
        holds: Those that can be read.
        weights: Weights of the blocks, that sum to 1, shape=(n_sets, n_blocks).
    """
    x, y, centred = [], [], []
    for hold in holds:
        falls = _readable(hold)
        x.append(float(np.log(hold.lags_ps[falls]).mean()))
        centred.append(np.log(hold.lags_ps[falls]) - x[-1])
        y.append(np.log(-np.log(np.clip(weights @ hold.blocks[:, falls], _TINY, 1.0 - _TINY))))
    slope = sum(one @ lags for one, lags in zip(y, centred, strict=True)) / sum(lags @ lags for lags in centred)
    return np.array([place - one.mean(axis=1) / slope for place, one in zip(x, y, strict=True)])


@dataclass(frozen=True, eq=False)
class _Law:
    """The best law of every set of relaxation times, 1/(ln τ - A) = (T - T_0)/B; each shape=(n_sets,)."""

    log_attempt: float
    intercept: Array
    """-T_0/B."""
    slope_per_k: Array
    """1/B; not above 0 where τ does not rise on cooling."""
    chi_squared: Array

    def temperature_k(self, relaxation_ps: float) -> Array:
        """Where τ is so long [K]."""
        found: Array = (1.0 / (np.log(relaxation_ps) - self.log_attempt) - self.intercept) / self.slope_per_k
        return found


def _fit(x: Array, y: Array, sigma: Array, log_attempt: float = LOG_ATTEMPT_PS) -> _Law:
    """The best law of every column of ln τ, shape=(n, n_sets): a straight line in T."""
    z = 1.0 / (y - log_attempt)
    weights = (y[:, 0] - log_attempt) ** 2 / sigma
    design = np.stack([np.ones_like(x), x], axis=1) * weights[:, None]
    target = z * weights[:, None]
    intercept, slope = np.linalg.lstsq(design, target, rcond=None)[0]
    chi_squared = ((target - design @ np.array([intercept, slope])) ** 2).sum(axis=0)
    return _Law(log_attempt, intercept, slope, chi_squared)


def _advice(ordered: Sequence[Correlations], seen: Sequence[Correlations]) -> str:
    """Whether it was too hot, too cold or too short."""
    coldest, hottest = ordered[0], ordered[-1]
    if coldest.blocks.mean(axis=0)[-1] < _LEAST_FALL:
        return f"the window is too hot, cool below {coldest.temperature_k:.0f} K"
    if hottest.blocks.mean(axis=0)[-1] > _LEAST_FALL:
        return f"the window is too cold, start above {hottest.temperature_k:.0f} K"
    if seen and seen[0].temperature_k > coldest.temperature_k:
        return "hold every temperature longer"
    return "take smaller steps, or hold every temperature longer"
