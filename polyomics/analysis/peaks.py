"""The position of a maximum of a noisy curve, with its error bar."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.statistics import Estimate, estimate_mean
from polyomics.errors import NotEnoughData

Array = NDArray[np.float64]

SIGNIFICANCE_SIGMA = 8.0
"""A maximum counts when it stands out by this many standard errors of the smoothed curve. Pure noise has maxima of five
and six, the highest of some dozen ups over the deepest of the downs beside it."""
_N_BLOCKS = 5
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


def noise_of_mean(curves: Array, frame_noise: Array) -> Array:
    """Standard error of the mean of a curve over frames, with the part that does not average out.

    In a glass every frame shows the same disorder, so its noise is in the mean and does not show between frames. What
    one frame has by counting alone is known; the share of it that is not seen to fluctuate counts in full.

    Args:
        curves: One curve a frame, shape=(n_frames, n_points).
        frame_noise: Standard deviation of a point of one frame by counting alone, shape=(n_points,).

    Returns:
        Standard errors, shape=(n_points,).
    """
    if len(curves) < 2:
        return frame_noise
    fluctuating = curves.var(axis=0, ddof=1)
    between = block_errors(curves)
    of_mean = np.maximum(fluctuating if between is None else len(curves) * between**2, frame_noise**2) / len(curves)
    counted = frame_noise > 0.0
    share = float(np.median(fluctuating[counted] / frame_noise[counted] ** 2)) if counted.any() else 1.0
    errors: Array = np.sqrt(of_mean + max(0.0, 1.0 - share) * frame_noise**2)
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
    beside it (prominence) by eight standard errors. A parabola is fitted by least squares to the points around it, not
    smoothed. Its coefficients are linear in the curve, so the position is to first order the mean of a series, one
    position a frame, x_f = x* - (b_f + 2 c_f x*) / 2c; the error is that of this mean, correlation counted.

    Args:
        x: Places, ascending, about equally spaced, shape=(n_points,).
        curves: One curve a frame, shape=(n_frames, n_points).
        frame_noise: Standard deviation of a point of one frame by counting alone, shape=(n_points,).
        which: The first maximum along x, or the one that stands out most.
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
    noise = gaussian_filter1d(noise_of_mean(curves, frame_noise), width, mode="nearest")
    noise /= np.sqrt(max(1.0, 2.0 * np.sqrt(np.pi) * width))
    peaks, found = find_peaks(smoothed, prominence=0.0)
    significant = (x[peaks] >= between[0]) & (x[peaks] <= between[1])
    significant &= found["prominences"] > SIGNIFICANCE_SIGMA * noise[peaks]
    if not significant.any():
        raise NotEnoughData(
            f"no maximum between {between[0]:g} and {between[1]:g} stands out from the noise of {len(curves)} "
            "frame(s); sample longer or a larger cell"
        )
    chosen = peaks[significant]
    start = chosen[0] if which == "first" else chosen[np.argmax(found["prominences"][significant])]
    return estimate_mean(_positions(x, curves, float(x[start]), half_width))


def _positions(x: Array, curves: Array, start: float, half_width: float) -> Array:
    """A position for every frame whose mean is that of the vertex of the parabola, shape=(n_frames,)."""
    centre = start
    for _ in range(10):
        near = np.abs(x - centre) <= half_width
        offsets = (x - centre)[near]
        if len(offsets) < 4:
            break
        coefficients = np.linalg.lstsq(np.vander(offsets, 3, increasing=True), curves[:, near].T, rcond=None)[0]
        slope, curvature = coefficients[1].mean(), coefficients[2].mean()
        if curvature >= 0.0 or abs(slope) > 2.0 * half_width * abs(curvature):
            break
        vertex = -slope / (2.0 * curvature)
        if abs(vertex) < 0.05 * half_width:
            influence = coefficients[1] - slope + 2.0 * vertex * (coefficients[2] - curvature)
            positions: Array = centre + vertex - influence / (2.0 * curvature)
            return positions
        centre += 0.7 * vertex
        if abs(centre - start) > half_width:
            break
    raise NotEnoughData(f"the maximum near {start:.3g} is too flat for a parabola to have a position")
