"""How far molecules of a gas get in a polymer, and whether that is diffusion.

A guest rattles in a hole and jumps to another now and then. Until it has made many jumps its mean squared displacement
grows more slowly than time, and a sixth of its slope is not a diffusion coefficient but something larger. So the
slope of log MSD against log t is found over the longest lags that still have independent origins, from a twentieth to a
fifth of the run, with an error that counts guests and the correlation of overlapping displacements; where it is not 1
within twice its error there is no coefficient. Nor is there one where it is too uncertain to tell, or where guests have
not moved by the size of a hole.

Both the slope and D = (1/6) d MSD/dt are linear in the squared displacements, so each is a mean over origins and guests
of one number per origin and guest, and has the error of such a mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.displacement import (
    EXPONENT_ERRORS,
    fitted_lags,
    growth,
    mean_squared_displacements_nm2,
    squared_displacements_nm2,
    unwrapped_nm,
    without_common_motion,
)
from polyomics.analysis.statistics import FEW_SAMPLES, Estimate
from polyomics.errors import NotEnoughData

Array = NDArray[np.float64]

FEWEST_RECORDS = 60
"""Fewer records do not resolve the slope."""
LARGEST_EXPONENT_ERROR = 0.15
"""With a larger error of the exponent, diffusion cannot be told from rattling."""
DOUBTFUL_EXPONENT = 0.9
"""A smaller exponent is flagged also where its error allows 1."""
HOLE_NM = 0.5
"""Distance guests must have moved, root mean square, for their motion to be more than rattling [nm]."""

_N_POINTS = 60
_MOST_ORIGINS = 4000


@dataclass(frozen=True, eq=False)
class Displacements:
    """Mean squared displacement against time, of all guests."""

    times_ps: Array
    """Lags [ps], shape=(n,)."""
    means_nm2: Array
    """Mean over origins and guests [nm²], shape=(n,)."""
    stderrs_nm2: Array | None
    """Its standard error, from the spread between guests [nm²]; none for one guest."""


@dataclass(frozen=True, eq=False)
class GuestMotion:
    """What the paths of guests say about their diffusion."""

    coefficient_nm2_ps: Estimate
    """A sixth of the slope of the mean squared displacement [nm²/ps]; a diffusion coefficient only without `trouble`.
    Flags besides those of a mean: `may_be_anomalous`: the exponent is below 0.9, though within two errors of 1."""
    exponent: float
    """Slope of log MSD against log t."""
    exponent_stderr: float | None
    """Its standard error; none with fewer than ten independent displacements, where it cannot be told."""
    fitted_ps: Array
    """Lags of the fit [ps]."""
    fit_nm2: Array
    """MSD of the straight line there [nm²]."""
    trouble: str | None
    """Why the coefficient means nothing; none where it does."""


def paths_beside_polymer_nm(centres_nm: Array, box_nm: Array, masses_amu: Array, n_guests: int) -> Array:
    """Continuous paths of guests relative to the centre of mass of the polymer [nm], shape=(n_records, n_guests, 3).

    Args:
        centres_nm: Centres of mass of all molecules, in whichever image, the guests last [nm],
            shape=(n_records, n_molecules, 3).
        box_nm: Edges of the box [nm], shape=(n_records, 3).
        masses_amu: Masses of the molecules, shape=(n_molecules,).
        n_guests: How many of them are guests.

    Raises:
        NotEnoughData: Molecules move so far between records that their path is not known.
    """
    weights = masses_amu.copy()
    weights[len(weights) - n_guests :] = 0.0
    paths: Array = without_common_motion(unwrapped_nm(centres_nm, box_nm), weights)
    return paths[:, paths.shape[1] - n_guests :]


def displacements(paths_nm: Array, interval_ps: float) -> Displacements:
    """Mean squared displacement up to half the run.

    Args:
        paths_nm: Continuous paths [nm], shape=(n_records, n_guests, 3).
        interval_ps: Time between records [ps].
    """
    n_records, n_guests = paths_nm.shape[:2]
    lags = np.unique(np.rint(np.geomspace(1, max(1, n_records // 2), _N_POINTS)).astype(int))
    lags = lags[lags < n_records]
    squared = mean_squared_displacements_nm2(paths_nm)[lags]
    errors = squared.std(axis=1, ddof=1) / np.sqrt(n_guests) if n_guests > 1 else None
    return Displacements(lags * interval_ps, squared.mean(axis=1), errors)


def guest_motion(paths_nm: Array, interval_ps: float) -> GuestMotion:
    """Diffusion coefficient of guests that do not see each other, and whether it is one.

    Args:
        paths_nm: Continuous paths relative to the polymer [nm], shape=(n_records, n_guests, 3).
        interval_ps: Time between records [ps].

    Raises:
        NotEnoughData: There are too few records, or nothing moves.
    """
    n_records = len(paths_nm)
    if n_records < FEWEST_RECORDS:
        raise NotEnoughData(
            f"{n_records} records of where the guests are do not show diffusion; at least {FEWEST_RECORDS} are needed: "
            "simulate longer, or record more often"
        )
    lags = fitted_lags(n_records)
    squared = squared_displacements_nm2(paths_nm, lags, _MOST_ORIGINS)
    if not squared.mean(axis=(0, 1)).min() > 0.0:
        raise NotEnoughData("the guests do not move at all")
    found = growth(squared, lags, interval_ps)
    coefficient, spread = found.coefficient_nm2_ps, found.exponent_spread
    if found.exponent < DOUBTFUL_EXPONENT:
        coefficient = replace(coefficient, flags=(*coefficient.flags, "may_be_anomalous"))
    stderr = spread.stderr if spread.n_independent >= FEW_SAMPLES else None
    trouble = _trouble(found.exponent, stderr, found.times_ps, float(found.means_nm2[-1]))
    return GuestMotion(coefficient, found.exponent, stderr, found.times_ps, found.line_nm2, trouble)


def _trouble(exponent: float, stderr: float | None, times_ps: Array, moved_nm2: float) -> str | None:
    error = "" if stderr is None else f" ± {stderr:.2f}"
    found = (
        f"from {times_ps[0]:.3g} to {times_ps[-1]:.3g} ps the mean squared displacement grows as time to the power "
        f"{exponent:.2f}{error}"
    )
    if stderr is None or stderr > LARGEST_EXPONENT_ERROR:
        return f"{found}, too uncertain to tell whether this is diffusion; more guests or a longer run are needed"
    if exponent < 1.0 - EXPONENT_ERRORS * stderr:
        return f"{found}, so guests still rattle in their holes (anomalous diffusion); a longer run is needed"
    if exponent > 1.0 + EXPONENT_ERRORS * stderr:
        return f"{found}, so guests fly or drift; a longer run is needed"
    if moved_nm2 < HOLE_NM**2:
        return (
            f"within {times_ps[-1]:.3g} ps guests move {np.sqrt(moved_nm2):.2g} nm, less than the {HOLE_NM:g} nm from "
            "hole to hole; a longer run is needed"
        )
    return None
