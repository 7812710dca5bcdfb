"""How far molecules move, and whether that is diffusion.

**Unwrapping.** A Monte Carlo barostat moves molecules back into the box and scales their positions there, so distances
between frames are taken between positions in the box and to the nearest image, and then added up (the
toroidal view: Bülow et al. 2020, DOI 10.1063/5.0008316). Unwrapping by lattice jumps instead would multiply the
fluctuation of the box by the number of boxes a molecule has crossed.

**Diffusion.** The mean squared displacement must grow in proportion to time. Over lags from a twentieth to a fifth of
the run, its slope on logarithmic axes and D = (1/6) d MSD/dt are both least squares lines, and so both linear
in the squared displacements. Each is therefore a mean over origins and molecules of one number per origin and
molecule, with the error bar of such a mean: it sees that overlapping displacements are correlated, and how
much molecules differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.statistics import Estimate, estimate_mean_over_molecules
from polyomics.errors import NotEnoughData

Array = NDArray[np.float64]

FIRST_LAG, LAST_LAG = 0.05, 0.2
"""The fit is over lags between these parts of the run."""
FEWEST_FRAMES = 60
"""Fewer frames do not resolve the slope."""
LARGEST_EXPONENT_ERROR = 0.2
"""With a larger error of the exponent, diffusion cannot be told from anything else."""
EXPONENT_ERRORS = 2.0
"""How many errors the exponent may be from 1."""
LARGEST_STEP = 0.12
"""Largest root mean squared step between frames, over the box edge: with more, the nearest image may be another."""
_N_LAGS = 12


@dataclass(frozen=True, eq=False)
class Diffusion:
    """A diffusion coefficient and the fit behind it."""

    coefficient_nm2_ps: Estimate
    """Self-diffusion coefficient [nm²/ps]."""
    exponent: float
    """Slope of log MSD against log t."""
    exponent_stderr: float
    """Its standard error."""
    fitted_ps: Array
    """Lags of the fit [ps]."""
    fit_nm2: Array
    """MSD of the fit there [nm²]."""


@dataclass(frozen=True, eq=False)
class Growth:
    """How displacements grow over the fitted lags: the power of time, and the straight line."""

    times_ps: Array
    """Lags of the fit [ps], shape=(n_lags,)."""
    means_nm2: Array
    """MSD there [nm²]."""
    exponent: float
    """Slope of log MSD against log t."""
    exponent_spread: Estimate
    """What its standard error and the number of independent displacements follow from."""
    coefficient_nm2_ps: Estimate
    """A sixth of the slope of MSD against t [nm²/ps]."""
    line_nm2: Array
    """MSD of the straight line [nm²]."""


def unwrapped_nm(positions_nm: Array, box_nm: Array) -> Array:
    """Paths of particles, continued from frame to frame by their nearest image.

    Args:
        positions_nm: Positions [nm], in whichever image, shape=(n_frames, n_particles, 3).
        box_nm: Edges of the box [nm], shape=(n_frames, 3).

    Raises:
        NotEnoughData: The steps between frames are so long that the nearest image may be another.
    """
    boxes = box_nm[:, None, :]
    steps = np.diff(positions_nm - boxes * np.floor(positions_nm / boxes), axis=0)
    steps -= boxes[1:] * np.rint(steps / boxes[1:])
    if len(steps):
        relative = float(
            np.sqrt(np.mean(((steps - steps.mean(axis=1, keepdims=True)) / boxes[1:]) ** 2, axis=(0, 1)).max())
        )
        if relative > LARGEST_STEP:
            raise NotEnoughData(
                f"molecules move {relative:.2f} of the box edge from frame to frame, so that their path between frames "
                "is not known; set a shorter frame_ps"
            )
    return np.concatenate([positions_nm[:1], positions_nm[:1] + np.cumsum(steps, axis=0)])


def without_common_motion(positions_nm: Array, masses_amu: Array) -> Array:
    """Positions relative to the centre of mass of all particles.

    Args:
        positions_nm: Positions [nm], shape=(n_frames, n_particles, 3).
        masses_amu: Masses, shape=(n_particles,).
    """
    centre = np.einsum("fpx,p->fx", positions_nm, masses_amu) / masses_amu.sum()
    relative: Array = positions_nm - centre[:, None]
    return relative


def mean_squared_displacements_nm2(positions_nm: Array) -> Array:
    """Squared displacement of every particle as a function of lag, averaged over all origins.

    |r(s+t) - r(s)|² is split into squares, which are running sums, and a correlation, which is one of Fourier
    transforms: O(T log T) for all lags.

    Args:
        positions_nm: Unwrapped positions [nm], shape=(n_frames, n_particles, 3).

    Returns:
        MSD [nm²] at lags 0, 1, ..., n_frames - 1, shape=(n_frames, n_particles).
    """
    n_frames, n_particles = positions_nm.shape[:2]
    displacements = np.empty((n_frames, n_particles))
    counts = n_frames - np.arange(n_frames)
    for particle in range(n_particles):
        path = positions_nm[:, particle] - positions_nm[:, particle].mean(axis=0)
        spectrum = np.fft.rfft(path, 2 * n_frames, axis=0)
        products = np.fft.irfft((np.abs(spectrum) ** 2).sum(axis=1), 2 * n_frames)[:n_frames]
        sums = np.concatenate(([0.0], np.cumsum((path**2).sum(axis=1))))
        squares = sums[counts] + sums[-1] - sums[:n_frames]
        displacements[:, particle] = np.maximum(squares - 2.0 * products, 0.0) / counts
    displacements[0] = 0.0
    return displacements


def self_diffusion(positions_nm: Array, interval_ps: float, size_nm2: float) -> Diffusion:
    """Self-diffusion coefficient of identical molecules, or an error where they do not diffuse.

    Relative to the centre of mass of n independent molecules, each moves 1 - 1/n of its mean squared displacement;
    that is made good.

    Args:
        positions_nm: Unwrapped centres of mass, common motion removed [nm], shape=(n_frames, n_molecules, 3).
        interval_ps: Time between frames [ps].
        size_nm2: Mean squared radius of gyration [nm²]; a molecule that has not moved as far has not diffused.

    Raises:
        NotEnoughData: There is one molecule, the run is too short, or the motion is not diffusive; the message
            says how long a run is needed.
    """
    n_frames, n_molecules = positions_nm.shape[:2]
    if n_molecules < 2:
        raise NotEnoughData("one molecule has no motion relative to its cell; diffusion needs at least two")
    if n_frames < FEWEST_FRAMES:
        raise NotEnoughData(f"{n_frames} frames are too few for diffusion; at least {FEWEST_FRAMES} are needed")
    lags = fitted_lags(n_frames)
    squared = squared_displacements_nm2(positions_nm, lags) * (n_molecules / (n_molecules - 1.0))
    if not squared.mean(axis=(0, 1)).min() > 0.0:
        raise NotEnoughData("not diffusive: the molecules do not move")
    found = growth(squared, lags, interval_ps)
    times, means, exponent, stderr = found.times_ps, found.means_nm2, found.exponent, found.exponent_spread.stderr
    fitted = f"exponent {exponent:.2f}" + ("" if stderr is None else f" ± {stderr:.2f}")
    longer = _longer_run(n_frames * interval_ps, float(times[-1]), float(means[-1]), exponent, size_nm2)
    if stderr is None or stderr > LARGEST_EXPONENT_ERROR:
        raise NotEnoughData(
            f"{fitted} of the mean squared displacement from {times[0]:.3g} to {times[-1]:.3g} ps: too uncertain to "
            f"tell whether the motion is diffusive; {longer}"
        )
    if abs(exponent - 1.0) > EXPONENT_ERRORS * stderr:
        raise NotEnoughData(
            f"not diffusive: {fitted} instead of 1 of the mean squared displacement from {times[0]:.3g} to "
            f"{times[-1]:.3g} ps; {longer}"
        )
    if means[-1] < size_nm2:
        raise NotEnoughData(
            f"not diffusive: within {times[-1]:.3g} ps the centres of mass move {np.sqrt(means[-1]):.2g} nm, less than "
            f"the radius of gyration of {np.sqrt(size_nm2):.2g} nm; {longer}"
        )
    return Diffusion(found.coefficient_nm2_ps, exponent, stderr, times, found.line_nm2)


def fitted_lags(n_frames: int) -> NDArray[np.int64]:
    """Lags that growth is looked at over, in frames, shape=(n_lags,)."""
    return np.unique(np.rint(np.geomspace(FIRST_LAG * n_frames, LAST_LAG * n_frames, _N_LAGS)).astype(int))


def squared_displacements_nm2(positions_nm: Array, lags: NDArray[np.int64], most_origins: int | None = None) -> Array:
    """Squared displacements over every lag, from origins that have them all.

    Args:
        positions_nm: Continuous paths [nm], shape=(n_frames, n_molecules, 3).
        lags: Lags in frames, in rising order, shape=(n_lags,).
        most_origins: At most so many origins, equally spaced; all by default.

    Returns:
        Squared displacements [nm²], shape=(n_origins, n_molecules, n_lags).
    """
    n_origins = len(positions_nm) - int(lags[-1])
    n_used = n_origins if most_origins is None else min(n_origins, most_origins)
    origins = np.unique(np.linspace(0, n_origins - 1, n_used).astype(int))
    squared = np.empty((len(origins), positions_nm.shape[1], len(lags)))
    for column, lag in enumerate(lags.tolist()):
        steps = positions_nm[origins + lag] - positions_nm[origins]
        squared[:, :, column] = np.einsum("fmx,fmx->fm", steps, steps)
    return squared


def growth(squared_nm2: Array, lags: NDArray[np.int64], interval_ps: float) -> Growth:
    """Least squares lines through the mean squared displacements, on logarithmic and on plain axes.

    Args:
        squared_nm2: Squared displacements, none of their means nought [nm²], shape=(n_origins, n_molecules, n_lags).
        lags: Lags in frames, shape=(n_lags,).
        interval_ps: Time between frames [ps].
    """
    means: Array = squared_nm2.mean(axis=(0, 1))
    times: Array = np.asarray(lags * interval_ps, dtype=np.float64)
    weights: Array = np.asarray(1.0 / lags, dtype=np.float64)
    log_slope = _slope_weights(np.log(times))
    spread = estimate_mean_over_molecules(squared_nm2 @ (log_slope / means) + 1.0, discard_start=False)
    slope = estimate_mean_over_molecules(squared_nm2 @ _slope_weights(times, weights) / 6.0, discard_start=False)
    flags = tuple(flag for flag in slope.flags if flag != "drifting")
    centre = float(weights @ times / weights.sum())
    line = float(weights @ means / weights.sum()) + 6.0 * slope.mean * (times - centre)
    return Growth(times, means, float(log_slope @ np.log(means)), spread, replace(slope, flags=flags), line)


def _slope_weights(x: Array, weights: Array | None = None) -> Array:
    """Weights w of a least squares line, slope = w · y, shape=(n,)."""
    given = np.ones(len(x)) if weights is None else weights
    away = x - given @ x / given.sum()
    solved: Array = given * away / (given @ away**2)
    return solved


def _longer_run(run_ps: float, lag_ps: float, moved_nm2: float, exponent: float, size_nm2: float) -> str:
    """How long a run lets molecules move their own size within the fitted lags, if they go on as they do."""
    if exponent < 0.1:
        return "the molecules are trapped: no run at this temperature that can be afforded will show diffusion"
    needed = run_ps * max(2.0, (size_nm2 / moved_nm2) ** (1.0 / min(exponent, 1.0)))
    if needed > 1e9:
        return "a run of more than a millisecond would be needed"
    return f"a run of about {float(f'{needed:.1g}'):,.0f} ps is needed"
