"""How volume and enthalpy fluctuate together at constant pressure, and error bars for whatever follows from that.

One estimator serves all response functions, so that relations between them (a bulk modulus is one over a
compressibility) hold exactly in every run and errors that come from the same frames are propagated as such.

**Values.** The covariance of T correlated frames is too small on average: E[S] = C - Cov(m), where m are the means
of the run. Cov(m) is estimated from the means of n blocks, B / (n - 1) with B the covariance of the block means, and
added. That is the bias-corrected jackknife over blocks written out; every element is corrected for its own
correlation time, and the corrected matrix S + B / (n - 1) stays positive. A block is two statistical
inefficiencies long. (With one inefficiency g for all elements it reduces to S n / (n - 1) with n = T / g.)
On AR(1) series nothing is left of the bias at 15 independent samples (1 % at most); leaving out starts that look
unrelaxed then costs 3 % of a variance, an eighth of its standard error.

**Errors.** To first order a function f of the moments θ is the mean of the series z(t) = Σ ∂f/∂θ_k x_k(t) with
x = (V, δV², δV δH, δH²). Its error is that of the mean of a correlated series, and z brings its own correlation
time: products decorrelate about twice as fast as their factors. Deviations are from the mean of the run, not from the
true one, so the variance of a product comes out too small, by 5 / (2 n) for Gaussian fluctuations that forget
exponentially; and correcting the value enlarges its error by 1 / n. Both together: products are scaled by
1 + 9 / (4 n). On pairs of AR(1) series the stated error is then the spread between runs within 10 %, from 15
independent samples on. Deleting one block at a time is no better: 10 % too small with blocks of one inefficiency,
at any length of run, and equal with blocks of three.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyomics.analysis.statistics import (
    FEW_SAMPLES,
    FEWEST_SAMPLES,
    Estimate,
    drift,
    estimate_mean,
    first_relaxed_frame,
    statistical_inefficiency,
)
from polyomics.errors import NotEnoughData

Array = NDArray[np.float64]

_BLOCK_INEFFICIENCIES = 2.0
_FINITE_SAMPLE_WIDENING = 9.0 / 4.0
_RELATIVE_STEP = 1e-5
_ROUNDING = 1e-12
_INFLUENCE_ROUNDING = 1e-9


@dataclass(frozen=True)
class Moments:
    """Mean volume, and how volume and enthalpy vary."""

    volume_nm3: float
    """Mean volume [nm³]."""
    volume_variance_nm6: float
    """Variance of the volume [nm⁶]."""
    covariance_nm3_kj_mol: float
    """Covariance of volume and enthalpy [nm³ kJ/mol]."""
    enthalpy_variance_kj2_mol2: float
    """Variance of the enthalpy [(kJ/mol)²]."""


@dataclass(frozen=True, eq=False)
class Fluctuations:
    """Moments of a run at constant pressure, and the series that any function of them has its error from."""

    moments: Moments
    """The moments, without the bias of a finite run."""
    n_independent: float
    """Independent samples of the slower of volume and enthalpy."""
    first_used: int
    """Index of the first frame used; those before it are still relaxing."""
    flags: tuple[str, ...]
    """`few_samples`: as that of a mean. `drifting`: the frames used drift, or more than half of the run is not used
    because it relaxes."""
    _series: Array
    """V, δV², δV δH, δH² of every frame used, products widened as the module says, shape=(4, n_used)."""

    def estimate(self, function: Callable[[Moments], float]) -> Estimate:
        """The value of a smooth function of the moments, with its standard error.

        Args:
            function: Called with the moments, and with moments close to them for its slopes.
        """
        value = function(self.moments)
        influence = self._slopes(function) @ self._series
        if np.ptp(influence) <= _INFLUENCE_ROUNDING * abs(value):
            return Estimate(value, None, self.n_independent, 1.0, self.first_used, ("constant",))
        of_mean = estimate_mean(influence, discard_start=False)
        n_independent = min(self.n_independent, of_mean.n_independent)
        flags = self.flags
        if n_independent < FEW_SAMPLES and "few_samples" not in flags:
            flags = ("few_samples", *flags)
        return replace(of_mean, mean=value, n_independent=n_independent, first_used=self.first_used, flags=flags)

    def _slopes(self, function: Callable[[Moments], float]) -> Array:
        """Derivatives with respect to every moment, by central differences, shape=(4,)."""
        moments = self.moments
        spread = np.sqrt([moments.volume_variance_nm6, moments.enthalpy_variance_kj2_mol2])
        scales = (moments.volume_nm3, spread[0] ** 2, spread[0] * spread[1], spread[1] ** 2)
        slopes = []
        for name, scale in zip(vars(moments), scales, strict=True):
            step = _RELATIVE_STEP * float(scale)
            at = getattr(moments, name)
            above, below = (function(replace(moments, **{name: at + sign * step})) for sign in (1, -1))
            slopes.append((above - below) / (2.0 * step))
        return np.array(slopes)


def fluctuations(volume_nm3: ArrayLike, enthalpy_kj_mol: ArrayLike) -> Fluctuations:
    """Moments of volume and enthalpy, from the frames after both have relaxed.

    Args:
        volume_nm3: Volume of the cell in every frame [nm³], shape=(n_frames,).
        enthalpy_kj_mol: Enthalpy, or its configurational part U + PV [kJ/mol], shape=(n_frames,).

    Raises:
        NotEnoughData: A value is not finite; one of the series does not move; or fewer than three independent
            samples, of which no variance can be told.
    """
    series = np.array([volume_nm3, enthalpy_kj_mol], dtype=np.float64)
    first = max(first_relaxed_frame(one) for one in series)
    used = series[:, first:]
    inefficiency = max(statistical_inefficiency(one) for one in used)
    n_independent = used.shape[1] / inefficiency
    if n_independent < FEWEST_SAMPLES:
        raise NotEnoughData(
            f"{n_independent:.1f} independent samples in {used.shape[1]} frames; fluctuations take at least "
            f"{FEWEST_SAMPLES:g}, and {FEW_SAMPLES:g} to be trusted: sample longer"
        )
    for name, one in zip(("volume", "enthalpy"), used, strict=True):
        if np.ptp(one) <= _ROUNDING * np.abs(one).max():
            raise NotEnoughData(
                f"the {name} is the same in all {used.shape[1]} frames used, so it has no fluctuations to measure; "
                "sample longer, at constant pressure"
            )
    flags: tuple[str, ...] = ("few_samples",) if n_independent < FEW_SAMPLES else ()
    if first > series.shape[1] / 2 or any(drift(one).is_significant for one in used):
        flags += ("drifting",)
    deviations = used - used.mean(axis=1, keepdims=True)
    covariance = unbiased_covariance(used, _BLOCK_INEFFICIENCIES * inefficiency)
    products = np.array([used[0], deviations[0] ** 2, deviations[0] * deviations[1], deviations[1] ** 2])
    products[1:] *= 1.0 + _FINITE_SAMPLE_WIDENING / n_independent
    moments = Moments(float(used[0].mean()), float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1]))
    return Fluctuations(moments, n_independent, first, flags, products)


def unbiased_covariance(series: Array, block_frames: float) -> Array:
    """Covariance matrix of correlated series, without the bias of their finite length.

    Args:
        series: The series, shape=(n_series, n_frames).
        block_frames: Frames in a block, which must be longer than the correlation time; there are at least two blocks.

    Returns:
        Covariances, shape=(n_series, n_series); positive semidefinite.
    """
    n_frames = series.shape[1]
    n_blocks = max(2, int(n_frames / max(1.0, block_frames)))
    edges = np.linspace(0, n_frames, n_blocks + 1).astype(int)
    lengths = np.diff(edges)
    deviations = series - series.mean(axis=1, keepdims=True)
    of_blocks = np.add.reduceat(deviations, edges[:-1], axis=1) / lengths
    between = (of_blocks * lengths) @ of_blocks.T / n_frames
    covariance: Array = deviations @ deviations.T / n_frames + between / (n_blocks - 1)
    return covariance
