"""How the dipole of a cell forgets: its correlation, its relaxation time, and the permittivity over frequency.

Linear response under conducting boundaries (Ewald summation), with the sign convention ε = ε' - iε'':

    ε(ω) - ε∞ = -A <M²> ∫ φ'(t) e^{-iωt} dt,  t from 0 on,  A = 1 / (3 ε0 V k_B T),

φ being the correlation of the dipole M (Neumann & Steinhauser 1983, DOI 10.1016/0009-2614(83)87455-7). With
<|M(t) - M(0)|²> = 2 <M²> (1 - φ(t)) this is an integral over the growth of the squared displacement of the dipole,

    ε(ω) - ε∞ = (A / 2) ∫ d<|M(t) - M(0)|²>/dt e^{-iωt} dt,

which needs neither the mean dipole nor how far it fluctuates in the end. So it holds at high frequencies also where
the dipole turns too slowly for the run, as in a glass.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyomics.analysis.dielectric import dielectric_per_e2_nm2
from polyomics.analysis.displacement import mean_squared_displacements_nm2
from polyomics.analysis.statistics import FEW_SAMPLES, SIGNIFICANCE, Estimate
from polyomics.errors import NotEnoughData, NotIdentifiable, OutOfReach

Array = NDArray[np.float64]

FEWEST_PERIODS = 18.0
"""Periods in the run from which on a frequency is given: six blocks of three."""
STEPS_PER_PERIOD = 8.0
"""Records a period down to which a frequency is given; with fewer, what is faster than the records is folded in."""
FORGOTTEN = math.exp(-2.0)
"""A dipole with less correlation than this has forgotten its direction."""
LARGEST_LAG = 0.1
"""Part of the run within which the dipole must forget, that is about twenty relaxation times in the run."""
IDENTIFIED_SIGMA = 2.0
"""A loss that is fewer standard errors than this from zero is not told from zero."""

_PERIODS = 3.0
_WINDOW = 1.5
_MOST_LEVELS = 4
_FEWEST_BLOCKS = 6
_PER_DECADE = 10
_N_BLOCKS = 10
_FEWEST_RECORDS = 2 * _N_BLOCKS
_LARGEST_STRETCHING = 1.6
_GAUSSIAN_ERROR = 2.0
_EXCESS_LAGS = 20
_LARGEST_EXCESS, _EXCESS_SIGMA = 0.2, 3.0
_FIT_FROM, _FIT_POINTS = 0.7, 30


@dataclass(frozen=True, eq=False)
class Correlation:
    """Correlation of the dipole with itself at a later time."""

    interval_ps: float
    """Time between lags [ps]."""
    sums_e2_nm2: Array
    """Σ M(s)·M(s+t) over origins s of a block [e² nm²], shape=(n_blocks, n_lags)."""
    counts: Array
    """Origins, as many."""
    run_ps: float
    """Length of the run [ps]."""
    squared_mean_e2_nm2: float
    """Squared mean dipole over the run [e² nm²]."""

    @property
    def time_ps(self) -> Array:
        """Lags [ps], shape=(n_lags,)."""
        lags: Array = self.interval_ps * np.arange(self.sums_e2_nm2.shape[1], dtype=np.float64)
        return lags

    @property
    def squared_e2_nm2(self) -> float:
        """Mean squared dipole [e² nm²]."""
        return float(self.sums_e2_nm2[:, 0].sum() / self.counts[:, 0].sum())

    @property
    def values(self) -> Array:
        """φ(t), 1 at lag 0, shape=(n_lags,)."""
        return _normalised(self.sums_e2_nm2.sum(axis=0), self.counts.sum(axis=0))

    @property
    def stderr(self) -> Array:
        """Standard error of φ(t) by leaving out one block after the other, shape=(n_lags,)."""
        stderr: Array = _jackknife_error(np.array([_normalised(*one) for one in self.without_each()]))
        return stderr

    def without_each(self) -> list[tuple[Array, Array]]:
        """Sums and counts without one block, one pair for each block."""
        sums, counts = self.sums_e2_nm2.sum(axis=0), self.counts.sum(axis=0)
        return [(sums - mine, counts - n) for mine, n in zip(self.sums_e2_nm2, self.counts, strict=True)]


@dataclass(frozen=True, eq=False)
class Relaxation:
    """A relaxation time and the curve that closes its integral."""

    time: Estimate
    """∫ φ dt [ps]."""
    stretching: float
    """Exponent β of the stretched exponential that fits the slow part; 1 for a single time."""
    fitted_ps: Array
    """Times of the fit [ps], shape=(n,)."""
    fit: Array
    """The fit there, shape=(n,)."""


@dataclass(frozen=True, eq=False)
class Permittivity:
    """What dipoles add to the permittivity, ε - ε∞ = ε' - ε∞ - iε'', at some frequencies."""

    frequency_ghz: Array
    """Frequencies [GHz], ascending, shape=(n,)."""
    storage: Array
    """ε' - ε∞, shape=(n,)."""
    loss: Array
    """ε'', shape=(n,)."""
    covariance: Array
    """Covariance of the means of storage and loss, from blocks of the run, shape=(n, 2, 2)."""
    n_blocks: NDArray[np.int64]
    """Blocks of the run at each frequency, shape=(n,)."""

    @property
    def storage_stderr(self) -> Array:
        """Standard error of ε' - ε∞, shape=(n,)."""
        stderr: Array = np.sqrt(self.covariance[:, 0, 0])
        return stderr

    @property
    def loss_stderr(self) -> Array:
        """Standard error of ε'', shape=(n,)."""
        stderr: Array = np.sqrt(self.covariance[:, 1, 1])
        return stderr

    def loss_tangent(self, infinite: float) -> tuple[Array, Array]:
        """The loss tangent, tan δ = ε''/ε' and its standard error, each of shape=(n,).

        Args:
            infinite: ε∞, what electrons add: the squared refractive index.
        """
        storage = infinite + self.storage
        tangent = self.loss / storage
        covariance = self.covariance
        variance = covariance[:, 1, 1] + tangent**2 * covariance[:, 0, 0] - 2.0 * tangent * covariance[:, 0, 1]
        return tangent, np.sqrt(np.maximum(variance, 0.0)) / storage


def dipole_correlation(moments_e_nm: ArrayLike, interval_ps: float, n_averaged: int = 1) -> Correlation:
    """Correlation of the dipole up to a tenth of the run, in ten blocks of origins.

    The mean dipole of isotropic matter is zero and is not estimated from the run, so that a run of any length gives
    the correlation without bias.

    Args:
        moments_e_nm: Dipole of the cell, equally spaced in time [e nm], shape=(n, 3).
        interval_ps: Time between them [ps].
        n_averaged: Consecutive records to average before, which takes out vibrations faster than so many records.

    Raises:
        NotEnoughData: There are too few records, one is not finite, or the dipole does not move.
    """
    moments = _checked(moments_e_nm)
    moments = moments[: len(moments) // n_averaged * n_averaged].reshape(-1, n_averaged, 3).mean(axis=1)
    interval_ps *= n_averaged
    n_records = len(moments)
    if n_records < _FEWEST_RECORDS:
        raise NotEnoughData(
            f"{n_records} records of the dipole, {interval_ps:.4g} ps apart, show no relaxation; run longer"
        )
    n_lags = int(LARGEST_LAG * n_records) + 1
    edges = np.linspace(0, n_records, _N_BLOCKS + 1).astype(int)
    sums, counts = np.empty((_N_BLOCKS, n_lags)), np.empty((_N_BLOCKS, n_lags))
    for number, (first, last) in enumerate(itertools.pairwise(edges.tolist())):
        sums[number] = _products(moments[first:last], moments[first : last + n_lags], n_lags)
        counts[number] = np.clip(n_records - np.arange(n_lags) - first, 0, last - first)
    squared_mean = float((moments.mean(axis=0) ** 2).sum())
    return Correlation(interval_ps, sums, counts, n_records * interval_ps, squared_mean)


def relaxation(correlation: Correlation) -> Relaxation:
    """Relaxation time of the dipole, ∫ φ dt, whatever the shape of φ.

    The trapezoidal sum runs to the lag where φ first is below e⁻²; what is beyond is that of a stretched exponential,
    a exp(-(t/τ)^β) (Williams & Watts 1970, DOI 10.1039/TF9706600080), fitted to φ from 0.7 down to there. Noise
    may make β larger than 1; to forbid it would lengthen the time, by 8 % on average in a run of 100 times. The error
    is that of leaving out one of ten blocks of origins after the other, but at least τ √(2 τ/T) in a run of length T,
    where the blocks know of each other. `few_samples` is flagged where it is larger than a third.

    Raises:
        OutOfReach: The dipole keeps its direction for more than a tenth of the run, or keeps some of it for good.
        NotIdentifiable: No stretched exponential fits, with all of the run or with nine tenths of it; or there is a
            slow part that it does not hold; or the dipole changes within a few records.
    """
    phi = correlation.values
    if not (phi < FORGOTTEN).any():
        raise OutOfReach(
            f"the dipole still has a correlation of {phi[-1]:.2f} after {correlation.time_ps[-1]:.4g} ps, a tenth of "
            f"the run of {correlation.run_ps:.4g} ps, where less than {FORGOTTEN:.2f} is needed; run longer, or hotter"
        )
    whole = _integrate(phi, correlation.interval_ps)
    _refuse_frozen(correlation, whole.time_ps)
    parts = [_integrate(_normalised(*one), correlation.interval_ps) for one in correlation.without_each()]
    _refuse_slower(whole, parts, correlation.run_ps)
    between = float(_jackknife_error(np.array([part.time_ps for part in parts])))
    stderr = max(between, whole.time_ps * math.sqrt(_GAUSSIAN_ERROR * whole.time_ps / correlation.run_ps))
    n_independent = (whole.time_ps / stderr) ** 2
    flags = ("few_samples",) if n_independent < FEW_SAMPLES else ()
    inefficiency = 2.0 * whole.time_ps / correlation.interval_ps
    estimate = Estimate(whole.time_ps, stderr, n_independent, inefficiency, 0, flags)
    return Relaxation(estimate, whole.parameters[2], whole.fitted_ps, _stretched(whole.fitted_ps, *whole.parameters))


def reachable_ghz(n_records: int, interval_ps: float) -> tuple[float, float]:
    """Lowest and highest frequency that a run tells [GHz]: 18 periods in the run, eight records a period."""
    return 1e3 * FEWEST_PERIODS / (n_records * interval_ps), 1e3 / (STEPS_PER_PERIOD * interval_ps)


def reachable_frequencies_ghz(n_records: int, interval_ps: float) -> Array:
    """Frequencies that a run tells, ten a decade, both ends among them [GHz], shape=(n,)."""
    lowest, highest = reachable_ghz(n_records, interval_ps)
    if lowest > highest:
        return np.empty(0)
    n_points = 1 + math.ceil(_PER_DECADE * math.log10(highest / lowest))
    return np.geomspace(lowest, highest, max(n_points, 1))


def permittivity(
    moments_e_nm: ArrayLike, interval_ps: float, volume_nm3: float, temperature_k: float, frequency_ghz: ArrayLike
) -> Permittivity:
    """Permittivity of the dipoles at some frequencies, by direct transform of the growth of |M(t) - M(0)|².

    At each frequency f the integral runs over three periods under the window exp(-(f t / 2)⁴), which changes less than
    2 % of a Debye relaxation at any frequency. The run is cut into 6, 12, 24 or 48 blocks, as many as are longer than
    that; the value is the mean over blocks, the error that of the mean.

    Args:
        moments_e_nm: Dipole of the cell, equally spaced in time [e nm], shape=(n, 3).
        interval_ps: Time between them [ps].
        volume_nm3: Volume of the cell [nm³].
        temperature_k: Temperature [K].
        frequency_ghz: Frequencies [GHz], ascending, shape=(n_frequencies,).

    Raises:
        NotEnoughData: There are too few records, one is not finite, or the dipole does not move.
        OutOfReach: The run is too short, or its records too far apart, for a frequency.
    """
    moments = _checked(moments_e_nm)
    frequencies = np.asarray(frequency_ghz, dtype=np.float64)
    refuse_unreachable(frequencies, len(moments), interval_ps)
    scale = 0.5 * dielectric_per_e2_nm2(volume_nm3, temperature_k)
    per_period = 1e3 / (frequencies * interval_ps)
    levels = np.array([_FEWEST_BLOCKS * 2**level for level in range(_MOST_LEVELS)])
    fits = len(moments) / levels[None, :] >= _PERIODS * per_period[:, None] * (1.0 - 1e-9)
    blocks_of = levels[np.maximum(fits.sum(axis=1) - 1, 0)]
    means = np.empty((len(frequencies), 2))
    covariance = np.empty((len(frequencies), 2, 2))
    for n_blocks in np.unique(blocks_of).tolist():
        mine = np.flatnonzero(blocks_of == n_blocks)
        growth = _growth(moments, n_blocks, math.ceil(_PERIODS * per_period[mine].max()) + 1)
        for index in mine.tolist():
            parts = scale * _transform(growth, per_period[index])
            means[index] = parts.mean(axis=0)
            covariance[index] = np.cov(parts.T) / n_blocks
    return Permittivity(frequencies, means[:, 0], means[:, 1], covariance, blocks_of)


def refuse_unreachable(frequency_ghz: Array, n_records: int, interval_ps: float) -> None:
    """Refuse frequencies that a run cannot tell.

    Raises:
        OutOfReach: The message says which it can, and what a run for this one needs.
    """
    lowest, highest = reachable_ghz(n_records, interval_ps)
    for frequency in (float(frequency_ghz.min()), float(frequency_ghz.max())):
        if not lowest * (1.0 - 1e-9) <= frequency <= highest * (1.0 + 1e-9):
            raise OutOfReach(
                f"{frequency:.4g} GHz was asked for; a run of {n_records * interval_ps:.4g} ps with the dipole every "
                f"{1e3 * interval_ps:.4g} fs tells the loss from {lowest:.4g} to {highest:.4g} GHz. It takes "
                f"{1e3 * FEWEST_PERIODS / frequency:.4g} ps, and a record every "
                f"{1e6 / (STEPS_PER_PERIOD * frequency):.4g} fs"
            )


def loss_tangent_at(found: Permittivity, infinite: float, index: int) -> Estimate:
    """The loss tangent at one of the frequencies as an estimate.

    It has as many independent samples as the run has blocks; `few_samples` is flagged where these are six.

    Raises:
        NotIdentifiable: It is not told from zero.
    """
    tangents, errors = found.loss_tangent(infinite)
    value, stderr = float(tangents[index]), float(errors[index])
    if value < IDENTIFIED_SIGMA * stderr:
        raise NotIdentifiable(
            f"the loss tangent at {found.frequency_ghz[index]:.4g} GHz is {value:.2g} ± {stderr:.2g}, which is not "
            f"told from zero: below {max(value, 0.0) + 2.0 * stderr:.2g}; run longer"
        )
    n_blocks = float(found.n_blocks[index])
    return Estimate(value, stderr, n_blocks, 1.0, 0, ("few_samples",) if n_blocks < FEW_SAMPLES else ())


def _checked(moments_e_nm: ArrayLike) -> Array:
    moments = np.asarray(moments_e_nm, dtype=np.float64)
    if moments.ndim != 2 or moments.shape[1] != 3:
        raise ValueError(f"expected dipoles of shape (n, 3), found {moments.shape}")
    if len(moments) < _FEWEST_RECORDS:
        raise NotEnoughData(
            f"{len(moments)} records of the dipole show no relaxation; run longer, or record more often"
        )
    if not np.isfinite(moments).all():
        raise NotEnoughData("a dipole is not finite; the stage is damaged: delete its folder and run the study again")
    if (np.ptp(moments, axis=0) == 0.0).any():
        raise NotEnoughData("the dipole of the cell does not move; check that atoms have charges")
    return moments


def _products(origins: Array, partners: Array, n_lags: int) -> Array:
    """Σ origins(s)·partners(s + t) for every lag t, partners beyond the end counting as zero, shape=(n_lags,)."""
    from scipy.fft import next_fast_len

    length = next_fast_len(len(origins) + n_lags, real=True)
    spectrum = np.fft.rfft(origins, length, axis=0).conj() * np.fft.rfft(partners, length, axis=0)
    products: Array = np.fft.irfft(spectrum.sum(axis=1), length)[:n_lags]
    return products


def _normalised(sums: Array, counts: Array) -> Array:
    means = sums / np.maximum(counts, 1.0)
    scaled: Array = means / means[0]
    return scaled


def _jackknife_error(parts: Array) -> Array:
    n = len(parts)
    error: Array = np.sqrt((n - 1.0) / n * ((parts - parts.mean(axis=0)) ** 2).sum(axis=0))
    return error


def _stretched(time_ps: Array, amplitude: float, log_time: float, stretching: float) -> Array:
    decay: Array = amplitude * np.exp(-((time_ps * math.exp(-log_time)) ** stretching))
    return decay


@dataclass(frozen=True, eq=False)
class _Integral:
    """∫ φ dt and the fit that closes it."""

    time_ps: float
    """The integral [ps]."""
    fitted_ps: Array
    """Times of the fit [ps]."""
    parameters: tuple[float, float, float]
    """Amplitude, logarithm of the time [ps] and stretching."""
    excess_ps: float
    """What φ has more than the fit, up to twenty times the lag from which the fit stands for it [ps]."""
    excess_range_ps: float
    """Range of lags of that [ps]."""


def _integrate(phi: Array, interval_ps: float) -> _Integral:
    from scipy.optimize import curve_fit
    from scipy.special import gamma, gammaincc

    below = np.flatnonzero(phi < FORGOTTEN)
    if not len(below):
        raise NotIdentifiable(
            "the dipole forgets its direction with all of the run but not with nine tenths of it; run longer"
        )
    stop = int(below[0])
    first = max(1, int(np.flatnonzero(phi < _FIT_FROM)[0]))
    lags = np.unique(np.linspace(first, stop, _FIT_POINTS).round().astype(int))
    if len(lags) < 4:
        raise NotIdentifiable(
            f"the dipole changes by more than {1 - FORGOTTEN:.2f} within {stop} steps of {interval_ps:.4g} ps: it "
            "vibrates rather than turns, and has no relaxation time that could be told"
        )
    start = (0.9, math.log(0.5 * stop * interval_ps), 0.9)
    bounds = ([0.05, -30.0, 0.2], [1.3, 40.0, _LARGEST_STRETCHING])
    try:
        found, _ = curve_fit(_stretched, lags * interval_ps, phi[lags], p0=start, bounds=bounds)
    except RuntimeError as error:
        raise NotIdentifiable("no stretched exponential fits the correlation of the dipole; run longer") from error
    amplitude, log_time, stretching = (float(value) for value in found)
    slow_ps, order = math.exp(log_time), 1.0 / stretching
    left = float(gammaincc(order, (stop * interval_ps / slow_ps) ** stretching) * gamma(order))
    seen = phi[stop : _EXCESS_LAGS * stop]
    beyond: Array = interval_ps * np.arange(stop, stop + len(seen), dtype=np.float64)
    excess_ps = float((seen - _stretched(beyond, amplitude, log_time, stretching)).sum()) * interval_ps
    return _Integral(
        float(np.trapezoid(phi[: stop + 1])) * interval_ps + amplitude * slow_ps * order * left,
        lags * interval_ps,
        (amplitude, log_time, stretching),
        excess_ps,
        len(seen) * interval_ps,
    )


def _refuse_slower(whole: _Integral, parts: Sequence[_Integral], run_ps: float) -> None:
    """Refuse a correlation that has, beyond the fit, a slow part that the fit does not know of.

    The error of an integral over the noise of φ, from blocks, is at least that of a Gaussian process with a single
    relaxation time (Bartlett's formula), τ √(4 W / 3 T) over a range of lags W.
    """
    between = float(_jackknife_error(np.array([part.excess_ps for part in parts])))
    error_ps = max(between, whole.time_ps * math.sqrt(4.0 * whole.excess_range_ps / (3.0 * run_ps)))
    if whole.excess_ps > max(_EXCESS_SIGMA * error_ps, _LARGEST_EXCESS * whole.time_ps):
        raise NotIdentifiable(
            f"the dipole has a slow part beside the one of {whole.time_ps:.3g} ps that fits: what is left of its "
            f"correlation adds {whole.excess_ps:.3g} ± {error_ps:.2g} ps, so there is not one relaxation time; run "
            "longer"
        )


def _refuse_frozen(correlation: Correlation, time_ps: float) -> None:
    """Refuse a dipole with a mean over the run that its relaxation does not leave: χ² with three degrees of freedom."""
    from scipy import stats

    expected = correlation.squared_e2_nm2 / 3.0 * 2.0 * time_ps / correlation.run_ps
    ratio = correlation.squared_mean_e2_nm2 / expected
    if float(stats.chi2.sf(ratio, 3)) < SIGNIFICANCE:
        part = math.sqrt(correlation.squared_mean_e2_nm2 / correlation.squared_e2_nm2)
        raise OutOfReach(
            f"the dipole seems to forget its direction in {time_ps:.3g} ps, but its mean over the run of "
            f"{correlation.run_ps:.4g} ps is {part:.2f} of what it fluctuates by, where isotropic matter has none: a "
            "part of it is frozen; run longer, or hotter"
        )


def _growth(moments: Array, n_blocks: int, n_lags: int) -> Array:
    """Growth of <|M(s+t) - M(s)|²> from lag to lag within blocks [e² nm²], shape=(n_blocks, n)."""
    from scipy.fft import prev_fast_len

    size = len(moments) // n_blocks
    used = prev_fast_len(size, real=True)  # within a percent of it, and many times faster than a prime
    squared = [
        mean_squared_displacements_nm2(moments[first : first + used, None, :])[: n_lags + 1, 0]
        for first in range(0, size * n_blocks, size)
    ]
    return np.diff(np.array(squared), axis=1)


def _transform(growth: Array, per_period: float) -> Array:
    """∫ e^{-iωt} under the window over the growth of every block: real part and minus imaginary part, (n_blocks, 2)."""
    n_lags = min(growth.shape[1], math.ceil(_PERIODS * per_period))
    periods = (np.arange(n_lags) + 0.5) / per_period
    window = np.exp(-((_WINDOW * periods / _PERIODS) ** 4))
    phases = 2.0 * np.pi * periods
    weights = np.column_stack([window * np.cos(phases), window * np.sin(phases)])
    transformed: Array = growth[:, :n_lags] @ weights
    return transformed
