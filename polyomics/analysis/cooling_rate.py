"""The glass transition at a slower cooling than was simulated.

A cell leaves equilibrium where its relaxation time τ(T) has grown to what the cooling rate q leaves it: τ ∝ 1/q at
Tg. With the Vogel-Fulcher-Tammann law, log10 τ = log10 τ_0 + B/(T - T_0), the transition is at

    Tg(q) = T_0 + B / (log10 q_0 - log10 q).

q_0 is the rate at which a cell would fall out of equilibrium on the time scale of its vibrations. It is the least
certain of the three, and a few rates within two decades say nothing of it. But it is nearly the same in all polymers:
the constant C_1 of Williams, Landel & Ferry (1955, DOI 10.1021/ja01619a008) is log10 (q_0/q) at the calorimetric Tg,
17.44 on average, which puts q_0 at about 5e7 K/ns. With q_0 given, Tg is a straight line in 1/(log10 q_0 - log10 q),
and half the difference that two decades more or less of q_0 make is added to the error.

A straight line in log10 q has as many parameters, but no reason: rates of simulations are 9 to 12 decades from those
of a calorimeter, over which the dependence weakens to a fraction. It is given beside as what it is, a lower bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyomics.analysis.statistics import Estimate
from polyomics.errors import NotEnoughData, NotIdentifiable

Array = NDArray[np.float64]

CALORIMETRIC_K_PER_NS = 10.0 / 60.0 * 1e-9
"""10 K/min, the usual rate of calorimetry [K/ns]."""
WLF_C1 = 17.44
"""log10 of the rate q_0 over the calorimetric rate; the universal C_1 of Williams, Landel & Ferry."""
WLF_C1_RANGE = 2.0
"""How far C_1 of a polymer is taken to be from that."""
FEWEST_RATES = 3
FAR = 3.0
"""An extrapolation over more than so many times the decades that were simulated is `far_extrapolation`."""
FEWEST_RATES_FOR_FREE_VFT = 5
_SIGNIFICANT = 2.0
_N_FREE = 200


@dataclass(frozen=True, eq=False)
class RateExtrapolation:
    """Tg at another rate."""

    vft_k: Estimate
    """From the Vogel-Fulcher-Tammann law [K]. Flags: `few_rates`: three rates, so that one bad Tg would not be noticed;
    `far_extrapolation`: over more than three times the decades simulated; `not_linear`: the transitions leave the
    law by more than their errors, which the error bar counts; `attempt_rate_fitted`: q_0 is from these data."""
    linear_k: Estimate
    """From a straight line in log10 q [K]."""
    vogel_k: float
    """T_0 [K]."""
    strength_k: float
    """B [K]."""
    log10_attempt_rate: float
    """log10 of q_0 in K/ns."""
    per_decade_k: Estimate
    """Slope of the straight line: rise of Tg per decade of rate [K]."""

    def vft_at(self, rate_k_per_ns: ArrayLike) -> Array:
        """Tg of the law at other rates [K], shape as the rates [K/ns]."""
        decades = self.log10_attempt_rate - np.log10(np.asarray(rate_k_per_ns, dtype=np.float64))
        return np.asarray(self.vogel_k + self.strength_k / decades)


@dataclass(frozen=True)
class _Line:
    """A weighted line and its value somewhere else."""

    intercept: float
    slope: float
    slope_stderr: float
    value: float
    stderr: float
    chi_squared: float


def extrapolated(
    rates_k_per_ns: ArrayLike, transitions_k: Sequence[Estimate], to_k_per_ns: float = CALORIMETRIC_K_PER_NS
) -> RateExtrapolation:
    """Tg at a rate that was not simulated, from transitions at rates that were.

    Args:
        rates_k_per_ns: Cooling rates [K/ns], shape=(n,).
        transitions_k: Tg at each, with an error bar [K].
        to_k_per_ns: Rate wanted [K/ns].

    Raises:
        NotEnoughData: Fewer than three different rates, or a transition without an error bar.
        NotIdentifiable: Tg does not rise with the rate by more than the errors, so its rise cannot be extrapolated.
    """
    rates = np.asarray(rates_k_per_ns, dtype=np.float64)
    errors = [one.stderr for one in transitions_k if one.stderr]
    if len(set(rates.tolist())) < FEWEST_RATES or len(errors) < len(rates):
        raise NotEnoughData(
            f"an extrapolation takes transitions with error bars at {FEWEST_RATES} rates; found {len(errors)} at "
            f"{', '.join(f'{rate:.4g}' for rate in rates) or 'no'} K/ns"
        )
    values, sigma, decades = np.array([one.mean for one in transitions_k]), np.array(errors), np.log10(rates)
    target = float(np.log10(to_k_per_ns))
    linear = _line(decades, values, sigma, target)
    attempt, is_fitted = _attempt_rate(decades, values, sigma, target)
    curve = _vft(decades, values, sigma, target, attempt)
    if curve.slope < _SIGNIFICANT * curve.slope_stderr:
        raise NotIdentifiable(
            f"Tg rises by {linear.slope:.3g} ± {linear.slope_stderr:.2g} K a decade of cooling rate from "
            f"{rates.min():.4g} to {rates.max():.4g} K/ns, which is less than two errors; simulate rates further "
            "apart, or a larger cell"
        )
    if is_fitted:
        stderr = curve.stderr
    else:
        sides = [_vft(decades, values, sigma, target, attempt + side * WLF_C1_RANGE).value for side in (-1, 1)]
        stderr = float(np.hypot(curve.stderr, abs(sides[1] - sides[0]) / 2.0))
    flags = _flags(decades, target, curve, len(rates)) + (("attempt_rate_fitted",) if is_fitted else ())
    n_independent = float(len(rates))
    base = Estimate(curve.value, stderr, n_independent, 1.0, 0, flags)
    return RateExtrapolation(
        base,
        replace(base, mean=linear.value, stderr=linear.stderr, flags=_flags(decades, target, linear, len(rates))),
        curve.intercept,
        curve.slope,
        attempt,
        replace(base, mean=linear.slope, stderr=linear.slope_stderr, flags=()),
    )


def _attempt_rate(decades: Array, values: Array, sigma: Array, target: float) -> tuple[float, bool]:
    """Exponent of q_0, and whether the data tell it: only if far smaller and far larger ones fit worse (95 %)."""
    usual = float(np.log10(CALORIMETRIC_K_PER_NS)) + WLF_C1
    if len(set(decades.tolist())) < FEWEST_RATES_FOR_FREE_VFT:
        return usual, False
    candidates = decades.max() + np.geomspace(0.3, 100.0, _N_FREE)
    chi_squared = np.array([_vft(decades, values, sigma, target, one).chi_squared for one in candidates])
    best = int(chi_squared.argmin())
    excess = max(1.0, float(chi_squared[best]) / (len(decades) - 3))
    allowed = np.flatnonzero(chi_squared <= chi_squared[best] + 3.84 * excess)
    if allowed[0] == 0 or candidates[allowed[-1]] - candidates[allowed[0]] > 2.0 * WLF_C1_RANGE:
        return usual, False
    return float(candidates[best]), True


def _vft(decades: Array, values: Array, sigma: Array, target: float, attempt: float) -> _Line:
    return _line(1.0 / (attempt - decades), values, sigma, 1.0 / (attempt - target))


def _line(x: Array, y: Array, sigma: Array, target: float) -> _Line:
    """Weighted least squares; errors are enlarged where the points scatter by more than theirs."""
    weights = 1.0 / sigma**2
    centre = float(weights @ x / weights.sum())
    spread = float(weights @ (x - centre) ** 2)
    mean = float(weights @ y / weights.sum())
    slope = float(weights @ ((x - centre) * y)) / spread
    residuals = y - mean - slope * (x - centre)
    chi_squared = float(weights @ residuals**2)
    excess = max(1.0, np.sqrt(chi_squared / (len(x) - 2)))
    slope_stderr = float(excess / np.sqrt(spread))
    stderr = float(np.hypot(excess / np.sqrt(weights.sum()), (target - centre) * slope_stderr))
    return _Line(mean - slope * centre, slope, slope_stderr, mean + slope * (target - centre), stderr, chi_squared)


def _flags(decades: Array, target: float, line: _Line, n_rates: int) -> tuple[str, ...]:
    from scipy import stats

    flags: tuple[str, ...] = ()
    if n_rates <= FEWEST_RATES:
        flags += ("few_rates",)
    if decades.min() - target > FAR * np.ptp(decades):
        flags += ("far_extrapolation",)
    if stats.chi2.sf(line.chi_squared, n_rates - 2) < 0.01:
        flags += ("not_linear",)
    return flags
