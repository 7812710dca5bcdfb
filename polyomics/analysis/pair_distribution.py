"""How often atoms of different molecules are a distance apart, relative to an ideal gas."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyomics.errors import NotEnoughData

Array = NDArray[np.float64]

_PAIRS_AT_ONCE = 400_000


@dataclass(frozen=True, eq=False)
class PairDistribution:
    """The pair distribution of one frame."""

    g: Array
    """Pairs found over pairs of an ideal gas, shape=(n_bins,); not a number beyond half the smallest edge of the
    box, where shells of nearest images are not whole."""
    expected_pairs: Array
    """Pairs that an ideal gas of these molecules would have had in every bin, shape=(n_bins,)."""


def intermolecular_pair_distribution(
    positions_nm: Array,
    box_nm: Array,
    molecule_of_atom: NDArray[np.int64],
    edges_nm: Array,
    most_pairs: int = 20_000_000,
) -> PairDistribution:
    """Pair distribution g(r) between atoms of different molecules in one frame.

    g(r) = n(r) V / (N_pairs 4/3 π (r_2³ - r_1³)), n the pairs at a distance between r_1 and r_2 by nearest images.
    N_pairs counts pairs of different molecules only, so molecules that are placed at random give 1 at every distance,
    whatever their shape and number. An atom and an image of its own molecule are not a pair.

    Args:
        positions_nm: Positions, wrapped or not [nm], shape=(n_atoms, 3).
        box_nm: Edges of the box [nm], shape=(3,).
        molecule_of_atom: Index of the molecule of every atom, in ascending order, shape=(n_atoms,).
        edges_nm: Edges of the bins [nm], ascending, shape=(n_bins + 1,).
        most_pairs: Where there are more, only every second, third, ... atom is the first of a pair.

    Raises:
        NotEnoughData: There are fewer than two molecules.
    """
    steps = np.diff(molecule_of_atom)
    if (steps < 0).any():
        raise ValueError("molecule_of_atom must be in ascending order")
    ends = np.append(np.flatnonzero(steps) + 1, len(molecule_of_atom))
    if len(ends) < 2:
        raise NotEnoughData("a pair distribution between molecules needs two molecules with atoms that count")
    sizes = np.diff(ends, prepend=0)
    stride = max(1, int(np.ceil((sizes * (ends[-1] - ends)).sum() / most_pairs)))
    counts = np.zeros(len(edges_nm) - 1)
    n_pairs = 0
    for start, end in zip(ends[:-1] - sizes[:-1], ends[:-1], strict=True):
        own, later = positions_nm[start:end:stride], positions_nm[end:]
        n_pairs += len(own) * len(later)
        size = max(1, _PAIRS_AT_ONCE // len(later))
        for first in range(0, len(own), size):
            distances = _distances_nm(own[first : first + size], later, box_nm)
            counts += _histogram(distances, edges_nm)
    expected = n_pairs * 4.0 / 3.0 * np.pi * np.diff(edges_nm**3) / float(np.prod(box_nm))
    whole = edges_nm[1:] <= box_nm.min() / 2.0 + 1e-9
    return PairDistribution(np.where(whole, counts / expected, np.nan), expected)


def _distances_nm(own: Array, others: Array, box_nm: Array) -> Array:
    """Distances between nearest images [nm], shape=(n_own, n_others)."""
    squared = np.zeros((len(own), len(others)))
    for axis, edge in enumerate(box_nm):
        gaps = np.subtract.outer(own[:, axis], others[:, axis])
        gaps -= edge * np.rint(gaps / edge)
        squared += gaps * gaps
    return np.sqrt(squared)


def _histogram(distances: Array, edges: Array) -> NDArray[np.int64]:
    """Numbers in bins, the upper edge of each left out, shape=(n_bins,)."""
    inside = distances[distances < edges[-1]]
    bins = np.searchsorted(edges, inside, side="right") if not _equally_spaced(edges) else _bin_of(inside, edges)
    counted: NDArray[np.int64] = np.bincount(bins, minlength=len(edges) + 1)[1 : len(edges)]
    return counted


def _equally_spaced(edges: Array) -> bool:
    widths = np.diff(edges)
    return bool(np.ptp(widths) <= 1e-9 * widths[0])


def _bin_of(values: Array, edges: Array) -> NDArray[np.int64]:
    """One more than the index of the bin, 0 below the first edge."""
    scaled = (values - edges[0]) / ((edges[-1] - edges[0]) / (len(edges) - 1))
    bins: NDArray[np.int64] = np.clip(np.floor(scaled), -1, len(edges) - 2).astype(np.int64) + 1
    return bins
