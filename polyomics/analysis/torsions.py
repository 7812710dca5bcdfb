"""Torsion angles of main chains: which there are, and what they are.

The sign is that of IUPAC (DOI 10.1351/goldbook.T06406): looking along the middle bond, an angle is positive if the
front bond has to be turned clockwise to cover the rear one; 0 is cis and ±180 is trans.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.backbone import Index, MainChains, neighbour_lists, rings_of_atoms

Array = NDArray[np.float64]

TRANS_WITHIN_DEG = 60.0
"""A torsion is trans if it is nearer than this to 180 degrees."""
_VALENCES = {5: 3, 6: 4, 7: 3, 8: 2, 14: 4}
"""Bonds of the elements that form double bonds within a chain. Those of S and P in higher states go to oxygen."""
_MONOVALENT = (1, 9, 17, 35, 53)


def main_chain_torsions(
    chains: MainChains, bonds: Index, atomic_numbers: Index, rings: Sequence[Sequence[int]]
) -> Index:
    """Quadruples of consecutive main-chain atoms about whose middle bond the chain can turn.

    Left out are middle bonds in rings and multiple ones, and quadruples with an atom where the main chain has two equal
    ways around a ring. Multiple bonds are found from free valences; a cell of united atoms, without
    hydrogen or halogen, has none. All molecules are alike, so the first decides.

    Returns:
        Atoms, shape=(n_chains, n_torsions, 4).
    """
    n_atoms = len(atomic_numbers) // len(chains.atoms)
    rings = [ring for ring in rings if max(ring) < n_atoms]
    stiff = _multiple_bonds(bonds[(bonds < n_atoms).all(axis=1)], atomic_numbers[:n_atoms], rings)
    in_rings = rings_of_atoms(rings)
    path = chains.atoms[0].tolist()
    empty: frozenset[int] = frozenset()
    turning = []
    for start in range(len(path) - 3):
        one, other = path[start + 1], path[start + 2]
        in_ring = bool(in_rings.get(one, empty) & in_rings.get(other, empty))
        if not in_ring and frozenset((one, other)) not in stiff and chains.is_only_way[start : start + 4].all():
            turning.append(start)
    places = np.array(turning, dtype=np.int64)[:, None] + np.arange(4)
    return chains.atoms[:, places]


def torsions_deg(positions_nm: Array, quadruples: Index) -> Array:
    """Torsion angles of quadruples of atoms.

    Args:
        positions_nm: Unwrapped atom positions [nm], shape=(n_frames, n_atoms, 3).
        quadruples: Atoms, shape=(..., 4).

    Returns:
        Angles from -180 to 180 [degree], shape=(n_frames, ...).
    """
    first, second, third, fourth = np.moveaxis(np.asarray(positions_nm, dtype=np.float64)[:, quadruples], -2, 0)
    front, middle, rear = second - first, third - second, fourth - third
    before, after = np.cross(front, middle), np.cross(middle, rear)
    sine = np.linalg.norm(middle, axis=-1) * np.einsum("...x,...x->...", front, after)
    angles: Array = np.degrees(np.arctan2(sine, np.einsum("...x,...x->...", before, after)))
    return angles


def is_trans(angles_deg: Array) -> NDArray[np.bool_]:
    """Whether torsions are within 60 degrees of 180."""
    return np.asarray(np.abs(angles_deg) > 180.0 - TRANS_WITHIN_DEG)


def count_torsions(angles_deg: Array, n_bins: int) -> Index:
    """How many torsions of every chain are in each of `n_bins` equal intervals from -180 to 180 degrees.

    Args:
        angles_deg: Angles [degree], shape=(n_frames, n_chains, n_torsions).
        n_bins: Number of intervals.

    Returns:
        Counts, shape=(n_chains, n_bins).
    """
    numbers = np.floor((angles_deg + 180.0) / 360.0 * n_bins).astype(np.int64) % n_bins
    n_chains = angles_deg.shape[1]
    shifted = numbers + n_bins * np.arange(n_chains)[None, :, None]
    return np.bincount(shifted.ravel(), minlength=n_chains * n_bins).reshape(n_chains, n_bins)


def _multiple_bonds(bonds: Index, atomic_numbers: Index, rings: Sequence[Sequence[int]]) -> set[frozenset[int]]:
    """Bonds of order two or three outside conjugated rings, by pairing atoms with free valences.

    Atoms with one partner to choose go first. Where there are none, a ring with an even number of free valences
    pairs them within itself, so that the bonds between aromatic rings and a chain are single.
    """
    if not np.isin(atomic_numbers, _MONOVALENT).any():
        return set()
    near = neighbour_lists(bonds, len(atomic_numbers))
    free = {
        atom: _VALENCES[number] - len(near[atom])
        for atom, number in enumerate(atomic_numbers.tolist())
        if number in _VALENCES and len(near[atom]) < _VALENCES[number]
    }
    found: set[frozenset[int]] = set()
    while True:
        partners = {atom: [other for other in near[atom] if other in free] for atom in free}
        paired = [atom for atom in free if partners[atom]]
        if not paired:
            return found
        atom = min(paired, key=lambda one: (len(partners[one]), one))
        in_rings = [[one for one in ring if one in free] for ring in rings]
        even = [ring for ring in in_rings if ring and len(ring) % 2 == 0]
        if len(partners[atom]) > 1 and even:
            for one in max(even, key=len):
                del free[one]
            continue
        other = min(partners[atom], key=lambda one: len(partners[one]))
        found.add(frozenset((atom, other)))
        order = min(free[atom], free[other])
        for one in (atom, other):
            free[one] -= order
            if not free[one]:
                del free[one]
