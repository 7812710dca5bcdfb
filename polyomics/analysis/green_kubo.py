"""Shear viscosity from the fluctuations of the shear stress at equilibrium.

    η = V/kT ∫ <σ(0) σ(t)> dt,

the mean over the five independent components of the symmetric, traceless stress, which in isotropic matter are as good
as five systems (Daivis & Evans 1994, DOI 10.1063/1.466970). Every component of every piece of the record gives one
running integral; their mean grows to η, their spread grows without end, and the art is where to stop.

It is done in the way of Zhang, Otani & Maginn 2015 (DOI 10.1021/acs.jctc.5b00351): the standard deviation between
pieces is fitted with A t^b; the integral is used up to where that is 40 % of the mean; up to there two exponentials,
weighted with the inverse variance, are fitted to it, and their plateau is η. Two things differ. All five components of
all pieces count as series of their own. And the fit begins at a thirtieth of the time where it ends: two exponentials
cannot follow a stress that relaxes over four decades, but they can follow the last one and a half, and what relaxes
before is in the integral all the same. The times of the exponentials are chosen from a grid, all pairs of them,
amplitudes being positive: so there is one best fit, and no start to choose. Positive amplitudes follow noise upwards
rather than down, which costs a third of a standard error on average (`tests/analysis/test_green_kubo.py`). The standard
error is that of leaving out one series at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyomics.analysis.statistics import FEW_SAMPLES, Estimate
from polyomics.errors import NotEnoughData
from polyomics.units import BOLTZMANN_J_K

Array = NDArray[np.float64]

LARGEST_SPREAD = 0.4
"""The integral is used until the standard deviation between pieces is this part of its mean."""
LONGEST_LAG = 0.5
"""Correlations are taken up to this part of a piece."""
FIT_BEGINS = 1.0 / 30.0
"""The fit begins at this part of the time where it ends."""
FEWEST_PIECES = 3
"""Fewer pieces have no spread to speak of."""
FEWEST_LAGS = 20
"""With fewer samples of the stress in a piece, or before the noise takes over, there is nothing to fit."""

_BAR2_NM3_PS_IN_J_S = 1e10 * 1e-27 * 1e-12
_N_FIT_POINTS = 60
_N_TIMES = 24
_SHORTEST_TIME, _LONGEST_TIME = 0.2, 0.5
"""Shortest time of an exponential over the begin of the fit, where it is as good as a constant, and longest over its
end: with a longer one, noise would be extrapolated."""


@dataclass(frozen=True, eq=False)
class RunningIntegrals:
    """Running Green-Kubo integrals, one a component and piece."""

    times_ps: Array
    """Upper limits [ps], shape=(n_times,); the first is 0."""
    viscosity_pa_s: Array
    """The integrals [Pa s], shape=(n_series, n_times)."""
    n_components: int
    """Components of the stress: as many series are of one piece."""
    first_step_pa_s: float
    """Half of the first interval times the value at 0, mean [Pa s]: what the interval between samples does not
    resolve."""

    @property
    def mean_pa_s(self) -> Array:
        """Mean over series [Pa s], shape=(n_times,)."""
        mean: Array = self.viscosity_pa_s.mean(axis=0)
        return mean

    @property
    def spread_pa_s(self) -> Array:
        """Standard deviation between pieces, components being averaged in each [Pa s], shape=(n_times,)."""
        spread: Array = self.viscosity_pa_s.std(axis=0, ddof=1) / np.sqrt(self.n_components)
        return spread

    @property
    def stderr_pa_s(self) -> Array:
        """Standard error of the mean [Pa s], shape=(n_times,)."""
        error: Array = self.viscosity_pa_s.std(axis=0, ddof=1) / np.sqrt(len(self.viscosity_pa_s))
        return error


@dataclass(frozen=True, eq=False)
class GreenKubo:
    """A viscosity and the fit behind it."""

    viscosity_pa_s: Estimate
    """Viscosity [Pa s]. Flags: `few_samples`: the error bar is uncertain."""
    cutoff_ps: float
    """Up to where the integral was used [ps]."""
    extrapolated: float
    """Part of the viscosity that the fit adds beyond the cut-off."""
    unresolved: float
    """Part of the viscosity that lies within half the first interval: what the samples are too coarse for."""
    fitted_ps: Array
    """Times of the fit [ps]."""
    fit_pa_s: Array
    """The fit there [Pa s]."""


def autocorrelations(series: ArrayLike, n_lags: int) -> Array:
    """<x(0) x(t)> of series whose mean is nought by symmetry, without subtracting the mean that chance gave them.

    Args:
        series: Equally spaced values, shape=(..., n_samples).
        n_lags: Number of lags, 0 being the first.

    Returns:
        Means over all pairs of samples that far apart, shape=(..., n_lags).
    """
    from scipy.fft import next_fast_len

    values = np.asarray(series, dtype=np.float64)
    n_samples = values.shape[-1]
    length = next_fast_len(n_samples + n_lags, real=True)
    spectrum = np.fft.rfft(values, length, axis=-1)
    products = np.fft.irfft(np.abs(spectrum) ** 2, length, axis=-1)[..., :n_lags]
    found: Array = products / (n_samples - np.arange(n_lags))
    return found


def running_integrals(
    pieces: Sequence[Array], interval_ps: float, volume_nm3: float, temperature_k: float
) -> RunningIntegrals:
    """Green-Kubo integrals of the shear stress, by the trapezoidal rule.

    Args:
        pieces: Shear stress of every piece [bar], shape=(n_samples, n_components); those shorter than the longest are
            left out.
        interval_ps: Time between samples [ps].
        volume_nm3: Volume of the cell [nm³].
        temperature_k: Temperature [K].

    Raises:
        NotEnoughData: There are fewer than three whole pieces, too few samples in them, or values that are not finite.
    """
    longest = max((len(piece) for piece in pieces), default=0)
    whole = [np.asarray(piece, dtype=np.float64).T for piece in pieces if len(piece) == longest]
    n_lags = int(LONGEST_LAG * longest)
    if len(whole) < FEWEST_PIECES or n_lags < FEWEST_LAGS:
        raise NotEnoughData(
            f"{len(whole)} piece(s) of {longest} samples of the stress do not give a viscosity with an error; at least "
            f"{FEWEST_PIECES} pieces of {int(FEWEST_LAGS / LONGEST_LAG)} samples are needed"
        )
    series = np.concatenate(whole)
    if not np.isfinite(series).all():
        raise NotEnoughData(
            "the stress holds values that are not finite; the stage is damaged: delete its folder and run the study "
            "again"
        )
    correlation = autocorrelations(series, n_lags)
    factor = volume_nm3 * _BAR2_NM3_PS_IN_J_S / (BOLTZMANN_J_K * temperature_k)
    steps = 0.5 * interval_ps * (correlation[:, 1:] + correlation[:, :-1])
    integrals = np.concatenate([np.zeros((len(series), 1)), np.cumsum(steps, axis=1)], axis=1)
    first_step = 0.5 * interval_ps * float(correlation[:, 0].mean())
    return RunningIntegrals(
        np.arange(n_lags) * np.float64(interval_ps), factor * integrals, whole[0].shape[0], factor * first_step
    )


def viscosity(integrals: RunningIntegrals) -> GreenKubo:
    """Plateau of the running integrals.

    Raises:
        NotEnoughData: The integral is lost in noise before there is anything to fit.
    """
    times, mean = integrals.times_ps, integrals.mean_pa_s
    power = _power_of_spread(times, integrals.spread_pa_s)
    last = _last_usable(times, mean, power)
    if last < FEWEST_LAGS:
        raise NotEnoughData(
            f"the running integral is lost in noise within {times[last]:.3g} ps, where the pieces differ by "
            f"{LARGEST_SPREAD:.0%} of their mean; longer or more pieces are needed"
        )
    chosen = np.unique(np.geomspace(max(1.0, FIT_BEGINS * last), last, _N_FIT_POINTS).astype(int))
    fit = _TwoExponentials(times[chosen], times[chosen] ** (1.0 - 2.0 * power[1]))
    values = integrals.viscosity_pa_s[:, chosen]
    n_series = len(values)
    all_of_them = values.mean(axis=0)
    plateau, curve = fit.plateaus(all_of_them[None])
    left_out, _ = fit.plateaus((n_series * all_of_them - values) / (n_series - 1.0))
    stderr = float(np.sqrt((n_series - 1.0) * left_out.var()))
    value = float(plateau[0])
    flags = ("few_samples",) if n_series < FEW_SAMPLES else ()
    return GreenKubo(
        Estimate(value, stderr, float(n_series), 1.0, 0, flags),
        float(times[last]),
        1.0 - float(curve[0, -1]) / value,
        integrals.first_step_pa_s / value,
        times[chosen],
        curve[0],
    )


def _power_of_spread(times: Array, spread: Array) -> tuple[float, float]:
    """Ln A and b of A t^b, the standard deviation between pieces; every factor of time weighs the same."""
    chosen = np.unique(np.geomspace(1, len(times) - 1, _N_FIT_POINTS).astype(int))
    known = chosen[spread[chosen] > 0]
    if len(known) < 2:
        return -np.inf, 0.5
    slope, level = np.polyfit(np.log(times[known]), np.log(spread[known]), 1)
    return float(level), float(slope)


def _last_usable(times: Array, mean: Array, power: tuple[float, float]) -> int:
    """Index of the last time before the spread is too large a part of the mean."""
    with np.errstate(divide="ignore"):
        spread = np.exp(power[0] + power[1] * np.log(times[1:]))
    too_much = np.flatnonzero(spread > LARGEST_SPREAD * mean[1:])
    return int(too_much[0]) if len(too_much) else len(times) - 1


class _TwoExponentials:
    """Weighted least squares of a (1 - exp(-t/τ)) + b (1 - exp(-t/τ')) with a, b ≥ 0, over all pairs of times."""

    def __init__(self, times: Array, weights: Array) -> None:
        self._weights = weights / weights.sum()
        scales = np.geomspace(_SHORTEST_TIME * times[0], _LONGEST_TIME * times[-1], _N_TIMES)
        self._basis = -np.expm1(-times / scales[:, None])
        gram = (self._basis * self._weights) @ self._basis.T
        self._one, self._other = np.triu_indices(_N_TIMES, 1)
        self._own = np.diagonal(gram)
        self._cross = gram[self._one, self._other]
        self._determinant = self._own[self._one] * self._own[self._other] - self._cross**2

    def plateaus(self, curves: Array) -> tuple[Array, Array]:
        """Plateaus and fits of many curves, shapes (n_curves,) and (n_curves, n_times)."""
        moments = (curves * self._weights) @ self._basis.T
        single = np.maximum(moments / self._own, 0.0)
        gain_of_single = single * moments
        first, second = moments[:, self._one], moments[:, self._other]
        a = (first * self._own[self._other] - second * self._cross) / self._determinant
        b = (second * self._own[self._one] - first * self._cross) / self._determinant
        gain_of_pair = np.where((a > 0) & (b > 0), a * first + b * second, -np.inf)
        rows = np.arange(len(curves))
        pair, alone = gain_of_pair.argmax(axis=1), gain_of_single.argmax(axis=1)
        amplitudes = np.zeros((len(curves), _N_TIMES))
        use_pair = gain_of_pair[rows, pair] > gain_of_single[rows, alone]
        amplitudes[rows, self._one[pair]] = np.where(use_pair, a[rows, pair], 0.0)
        amplitudes[rows, self._other[pair]] += np.where(use_pair, b[rows, pair], 0.0)
        amplitudes[rows, alone] += np.where(use_pair, 0.0, single[rows, alone])
        return amplitudes.sum(axis=1), amplitudes @ self._basis
