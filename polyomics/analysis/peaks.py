"""The position of a maximum of a noisy curve, with its error bar."""

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.statistics import Estimate, estimate_mean
from polyomics.errors import NotEnoughData

Array = NDArray[np.float64]

SIGNIFICANCE_SIGMA = 7.0
"""A maximum counts when it stands out by this many standard errors of the smoothed curve. Pure noise has maxima of five
and six, the highest of some dozen ups over the deepest of the downs beside it."""
_N_BLOCKS = 5
_INDISTINCT_SHARE = 0.2
_SHARE_WIDTHS = 2.0
_FEWEST_FRAMES = 2 * _N_BLOCKS


def block_errors(curves: Array) -> Array | None:
    """Standard errors of the mean of a curve over frames, from five blocks of frames.

    Args:
        curves: One curve a frame, shape=(n_frames, n_points).

    Returns:
        Standard errors, shape=(n_points,); none with fewer than ten frames.
    """
    if len(curves) < _FEWEST_FRAMES:
        return None
    means = np.array([block.mean(axis=0) for block in np.array_split(curves, _N_BLOCKS)])
    errors: Array = means.std(axis=0, ddof=1) / np.sqrt(_N_BLOCKS)
    return errors


def frozen_share(curves: Array, frame_noise: Array, width_points: float) -> Array:
    """Share of the noise at every point that is the same in all frames, from 0 to 1, shape=(n_points,).

    In a glass every frame shows the same disorder, so its noise is in the mean and does not show between frames. What
    one frame has by counting alone is known; frozen is what of this, averaged over points nearby, is not seen to
    fluctuate. Up to a fifth is not told from none.

    Args:
        curves: One curve a frame, shape=(n_frames, n_points).
        frame_noise: Standard deviation of a point of one frame by counting alone, shape=(n_points,).
        width_points: Standard deviation of the Gaussian that averages, in points.
    """
    from scipy.ndimage import gaussian_filter1d

    if len(curves) < 2:
        return np.zeros(len(frame_noise))
    seen = gaussian_filter1d(curves.var(axis=0, ddof=1), width_points, mode="nearest")
    expected = gaussian_filter1d(frame_noise**2, width_points, mode="nearest")
    share = 1.0 - np.divide(seen, expected, out=np.ones_like(seen), where=expected > 0.0)
    return np.where(share > _INDISTINCT_SHARE, share, 0.0)


def noise_of_mean(curves: Array, frame_noise: Array, share: Array) -> Array:
    """Standard error of the mean of a curve over frames, with the frozen part, which does not average out.

    Args:
        curves: One curve a frame, shape=(n_frames, n_points).
        frame_noise: Standard deviation of a point of one frame by counting alone, shape=(n_points,).
        share: Share of it that is frozen (`frozen_share`), shape=(n_points,).

    Returns:
        Standard errors, shape=(n_points,).
    """
    if len(curves) < 2:
        return frame_noise
    between = block_errors(curves)
    fluctuating = curves.var(axis=0, ddof=1) if between is None else len(curves) * between**2
    errors: Array = np.sqrt(np.maximum(fluctuating, frame_noise**2) / len(curves) + share * frame_noise**2)
    return errors


def peak_position(
    x: Array,
    curves: Array,
    frame_noise: Array,
    *,
    which: Literal["first", "highest"],
    between: tuple[float, float],
    smooth: float,
    half_width: float,
) -> Estimate:
    """Position of a maximum of the mean of a curve over frames, with its standard error.

    The curve is smoothed with a Gaussian, and a maximum is one that stands out from the higher of the two minima
    beside it (prominence) by seven standard errors. A parabola is fitted by least squares to the points around it, not
    smoothed. Its coefficients are linear in the curve, so the position is to first order the mean of a series, one
    position a frame, x_f = x* - (b_f + 2 c_f x*) / 2c; the error is that of this mean, correlation counted, and of the
    frozen part of the noise, which is in all frames alike. Where this is most of the noise, `structure_not_relaxed` is
    flagged.

    Args:
        x: Places, ascending, about equally spaced, shape=(n_points,).
        curves: One curve a frame, shape=(n_frames, n_points).
        frame_noise: Standard deviation of a point of one frame by counting alone, shape=(n_points,).
        which: The first maximum along x that stands out from the noise, or the one that stands out most of all; where
            noise may have made that one, there is none.
        between: Range of x to search in.
        smooth: Standard deviation of the Gaussian, in units of x.
        half_width: Half the range of x of the parabola.

    Raises:
        NotEnoughData: There is no maximum that stands out, or it is too flat to have a position.
    """
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks

    mean = curves.mean(axis=0)
    width = smooth / float(np.median(np.diff(x)))
    smoothed = gaussian_filter1d(mean, width, mode="nearest")
    share = frozen_share(curves, frame_noise, _SHARE_WIDTHS * width)
    noise = gaussian_filter1d(noise_of_mean(curves, frame_noise, share), width, mode="nearest")
    noise /= np.sqrt(max(1.0, 2.0 * np.sqrt(np.pi) * width))
    peaks, found = find_peaks(smoothed, prominence=0.0)
    prominences = found["prominences"]
    inside = (x[peaks] >= between[0]) & (x[peaks] <= between[1])
    significant = inside & (prominences > SIGNIFICANCE_SIGMA * noise[peaks])
    if which == "highest":
        significant &= prominences == prominences[inside].max(initial=0.0)
    if not significant.any():
        raise NotEnoughData(
            f"no maximum between {between[0]:g} and {between[1]:g} stands out from the noise of {len(curves)} "
            "frame(s); sample longer or a larger cell"
        )
    positions, slopes = _positions(x, curves, float(x[peaks[significant][0]]), half_width)
    estimate = estimate_mean(positions)
    frozen = float(np.linalg.norm(slopes * frame_noise * np.sqrt(share)))
    return replace(
        estimate,
        stderr=None if estimate.stderr is None else float(np.hypot(estimate.stderr, frozen)),
        flags=(*estimate.flags, "structure_not_relaxed") if share[peaks[significant][0]] > 0.5 else estimate.flags,
    )


def _positions(x: Array, curves: Array, start: float, half_width: float) -> tuple[Array, Array]:
    """A position for every frame whose mean is that of the vertex of the parabola, shape=(n_frames,).

    And how the vertex changes with every point of the curve, shape=(n_points,).
    """
    centre = start
    for _ in range(10):
        near = np.abs(x - centre) <= half_width
        offsets = (x - centre)[near]
        if len(offsets) < 4:
            break
        fit = np.linalg.pinv(np.vander(offsets, 3, increasing=True))
        coefficients = fit @ curves[:, near].T
        slope, curvature = coefficients[1].mean(), coefficients[2].mean()
        if curvature >= 0.0 or abs(slope) > 2.0 * half_width * abs(curvature):
            break
        vertex = -slope / (2.0 * curvature)
        if abs(vertex) < 0.05 * half_width:
            to_vertex = -(fit[1] + 2.0 * vertex * fit[2]) / (2.0 * curvature)
            slopes = np.zeros(len(x))
            slopes[near] = to_vertex
            return centre + vertex + (curves - curves.mean(axis=0)) @ slopes, slopes
        centre += 0.7 * vertex
        if abs(centre - start) > half_width:
            break
    raise NotEnoughData(f"the maximum near {start:.3g} is too flat for a parabola to have a position")
