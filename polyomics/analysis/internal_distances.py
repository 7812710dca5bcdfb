"""How the distance between two atoms of a chain grows with the number of bonds between them.

The characteristic ratio of a subchain of n bonds is C_n = <R²(n)> / (n l²) with l² the mean squared bond length
(Flory 1969); it grows to C∞ as C∞ (1 - a/n) once n is beyond the bonds that know of each other's direction. The
freely rotating chain and the worm-like chain both have this form with a correction that decays exponentially, over
a bonds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyomics.analysis.backbone import Index
from polyomics.analysis.statistics import Estimate, estimate_mean_over_molecules

Array = NDArray[np.float64]

SHORTEST_FITTED = 3
"""Fewest bonds of a subchain that the extrapolation to C∞ uses."""
MEMORIES = 3.0
"""The fit starts at this many times a, where the exponential rest is 5 %."""
FITTED_RANGE = 3.0
"""The longest subchain must have this many times the bonds of the shortest fitted: less leaves C∞ undecided."""
IDEAL_WITHIN = 0.05
"""Internal distances that leave the line by more than this part of C∞ and three errors are flagged `not_ideal`."""
_FEWEST_POINTS = 4


@dataclass(frozen=True, eq=False)
class CharacteristicRatio:
    """C∞, or C_N where the chain is too short for an extrapolation."""

    estimate: Estimate
    """Its value. Flags, besides those of a mean: `chain_too_short`: it is C_N of the whole chain. `not_ideal`: the
    internal distances leave the line, as those of collapsed or stretched chains do."""
    fitted: Index
    """Separations of the fit; empty where there is none."""
    fit: Array
    """The fit at those separations, C∞ (1 - a/n)."""


def separations(n_bonds: int, n_points: int = 30) -> Index:
    """Numbers of bonds from 1 to `n_bonds`, about equally spaced on a logarithmic axis."""
    spaced = np.geomspace(1, n_bonds, min(n_points, n_bonds))
    return np.unique(np.rint(spaced).astype(np.int64))


def mean_squared_internal_distances(positions_nm: Array, chains: Index, separations: Index) -> Array:
    """Squared distance between atoms of a main chain n bonds apart, averaged over all such pairs of a chain.

    Args:
        positions_nm: Unwrapped atom positions [nm], shape=(n_frames, n_atoms, 3).
        chains: Atoms of the main chains, shape=(n_chains, n_chain_atoms).
        separations: Numbers of bonds, each from 1 to n_chain_atoms - 1, shape=(n_separations,).

    Returns:
        R²(n) [nm²], shape=(n_frames, n_chains, n_separations).
    """
    places = np.asarray(positions_nm, dtype=np.float64)[:, chains]
    squared = np.empty((len(places), len(chains), len(separations)))
    for column, n in enumerate(np.asarray(separations).tolist()):
        steps = places[:, :, n:] - places[:, :, :-n]
        squared[:, :, column] = np.einsum("fcax,fcax->fc", steps, steps) / steps.shape[2]
    return squared


def end_to_end_correlation(vectors: ArrayLike) -> Array:
    """Autocorrelation of end-to-end vectors, C(t) = <R(s)·R(s+t)> / <R²>, over chains and all origins s.

    Nothing is subtracted: C decays to zero for chains that forget their direction, and stays at 1 for frozen ones.

    Args:
        vectors: End-to-end vectors, shape=(n_frames, n_chains, 3).

    Returns:
        C at lags 0, 1, ..., n_frames - 1, shape=(n_frames,). The longest lags are averages over few origins.
    """
    values = np.asarray(vectors, dtype=np.float64)
    n_frames = len(values)
    products = np.zeros(n_frames)
    for chain in range(values.shape[1]):
        spectrum = np.fft.rfft(values[:, chain], 2 * n_frames, axis=0)
        products += np.fft.irfft((np.abs(spectrum) ** 2).sum(axis=1), 2 * n_frames)[:n_frames]
    averages = products / (n_frames - np.arange(n_frames))
    correlation: Array = averages / averages[0]
    return correlation


def characteristic_ratio(internal_nm2: Array, separations: Index, squared_bond_nm2: float) -> CharacteristicRatio:
    """C∞ by extrapolation of C_n against 1/n, or C_N where the chain is too short for that.

    The line C∞ - B/n is fitted by least squares with weights 1/n, since the variance of C_n grows in proportion to
    n. It starts at the shortest n that is at least three times its own a = B/C∞. For given separations C∞ is a linear
    function of R²(n), so it is computed for every frame and chain, and its error bar is that of a mean over both.

    Args:
        internal_nm2: R²(n) [nm²], shape=(n_frames, n_chains, n_separations).
        separations: Numbers of bonds n, in order, the last being that of the whole chain, shape=(n_separations,).
        squared_bond_nm2: Mean squared bond length [nm²].

    Raises:
        NotEnoughData: There are no frames, or numbers that are not finite.
    """
    ratios = internal_nm2 / (separations * squared_bond_nm2)
    means = ratios.mean(axis=(0, 1))
    for first in np.flatnonzero(separations >= SHORTEST_FITTED).tolist():
        n = separations[first:].astype(np.float64)
        if len(n) < _FEWEST_POINTS or n[-1] < FITTED_RANGE * n[0]:
            break
        to_line = _line_against_inverse(n)
        limit, slope = (to_line @ means[first:]).tolist()
        if limit > 0.0 and n[0] >= MEMORIES * abs(slope) / limit:
            estimate = estimate_mean_over_molecules(ratios[:, :, first:] @ to_line[0])
            fit = limit + slope / n
            if _leaves(ratios[:, :, first:], fit, IDEAL_WITHIN * limit):
                estimate = replace(estimate, flags=(*estimate.flags, "not_ideal"))
            return CharacteristicRatio(estimate, separations[first:], fit)
    whole = estimate_mean_over_molecules(ratios[:, :, -1])
    flagged = replace(whole, flags=(*whole.flags, "chain_too_short"))
    return CharacteristicRatio(flagged, separations[:0], np.empty(0))


def _leaves(ratios: Array, fit: Array, tolerance: float) -> bool:
    """Whether means leave the fit somewhere, by more than the tolerance and three times their spread between chains."""
    of_chains = ratios.mean(axis=0)
    if len(of_chains) < 2:
        return False
    errors = of_chains.std(axis=0, ddof=1) / np.sqrt(len(of_chains))
    return bool((np.abs(of_chains.mean(axis=0) - fit) > tolerance + 3.0 * errors).any())


def _line_against_inverse(n: Array) -> Array:
    """The matrix that gives limit and slope of the weighted least squares line against 1/n, shape=(2, n_points)."""
    design = np.column_stack([np.ones(len(n)), 1.0 / n])
    weighted = design / n[:, None]
    return np.asarray(np.linalg.solve(weighted.T @ design, weighted.T), dtype=np.float64)
