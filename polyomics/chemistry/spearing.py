"""Bonds that pass through rings: no force in the force field ever takes them out again.

A ring is spanned by the triangles between its centre and its bonds; a bond that has no atom in the ring and
crosses a triangle spears it (segment-triangle test of Möller and Trumbore, J. Graph. Tools 2 (1997) 21,
doi:10.1080/10867651.1997.10487468).
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def find_spearings(
    positions_nm: ArrayLike,
    rings: Sequence[Sequence[int]],
    bonds: ArrayLike,
    box_nm: ArrayLike | None = None,
) -> list[tuple[int, int]]:
    """Pairs (ring, bond), by their place in `rings` and `bonds`, where the bond passes through the ring.

    Args:
        positions_nm: Positions [nm], whole molecules or wrapped, shape (n_atoms, 3).
        rings: Atoms of each ring, in order around it.
        bonds: Bonded pairs of atoms, shape (n_bonds, 2).
        box_nm: Edges of an orthorhombic periodic box [nm], shape (3,); None for open space.
    """
    positions = np.asarray(positions_nm, dtype=float)
    pairs = np.asarray(bonds, dtype=np.int64).reshape(-1, 2)
    if not len(rings) or not len(pairs):
        return []
    box = None if box_nm is None else np.asarray(box_nm, dtype=float)
    start = positions[pairs[:, 0]]
    step = _nearest_image(positions[pairs[:, 1]] - start, box)
    found: list[tuple[int, int]] = []
    for size, numbers in _by_size(rings).items():
        atoms = np.array([rings[number] for number in numbers], dtype=np.int64).reshape(-1, size)
        for ring, bond in _spearings_of_size(positions, atoms, pairs, start, step, box):
            found.append((numbers[ring], bond))
    return sorted(found)


def _by_size(rings: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = defaultdict(list)
    for number, ring in enumerate(rings):
        groups[len(ring)].append(number)
    return groups


def _nearest_image(vectors: Floats, box: Floats | None) -> Floats:
    return vectors if box is None else vectors - box * np.round(vectors / box)


def _spearings_of_size(
    positions: Floats, atoms: Ints, pairs: Ints, start: Floats, step: Floats, box: Floats | None
) -> list[tuple[int, int]]:
    corners = positions[atoms[:, :1]] + _nearest_image(positions[atoms] - positions[atoms[:, :1]], box)
    centres = corners.mean(axis=1)
    ring, bond = _near(centres, corners, start, step, box)
    apart = ~(atoms[ring][:, :, None] == pairs[bond][:, None, :]).any(axis=(1, 2))
    ring, bond = ring[apart], bond[apart]
    middle = start[bond] + step[bond] / 2 - centres[ring]
    origin = _nearest_image(middle, box) - step[bond] / 2
    spokes = corners[ring] - centres[ring][:, None, :]
    hits = _crosses(origin[:, None, :], step[bond][:, None, :], spokes, np.roll(spokes, -1, axis=1)).any(axis=1)
    return list(zip(ring[hits].tolist(), bond[hits].tolist(), strict=True))


def _near(centres: Floats, corners: Floats, start: Floats, step: Floats, box: Floats | None) -> tuple[Ints, Ints]:
    """Pairs of ring and bond close enough to meet."""
    middles = start + step / 2
    reach = np.linalg.norm(corners - centres[:, None, :], axis=2).max() + np.linalg.norm(step, axis=1).max() / 2
    if box is not None and reach >= box.min() / 2:
        grid = np.indices((len(centres), len(middles))).reshape(2, -1)
        return grid[0], grid[1]
    if box is not None:
        centres, middles = _wrapped(centres, box), _wrapped(middles, box)
    trees = cKDTree(centres, boxsize=box), cKDTree(middles, boxsize=box)
    near = trees[0].sparse_distance_matrix(trees[1], reach, output_type="ndarray")
    return near["i"].astype(np.int64), near["j"].astype(np.int64)


def _wrapped(points: Floats, box: Floats) -> Floats:
    inside = points - box * np.floor(points / box)
    return np.where(inside >= box, 0.0, inside)


def _crosses(origin: Floats, step: Floats, first: Floats, second: Floats) -> NDArray[np.bool_]:
    """Whether segments from `origin` along `step` cross the triangles (0, first, second)."""
    normal = np.cross(step, second)
    volume = np.einsum("...k,...k", first, normal)
    parallel = np.abs(volume) < 1e-12
    scale = 1.0 / np.where(parallel, 1.0, volume)
    u = np.einsum("...k,...k", origin, normal) * scale
    lifted = np.cross(origin, first)
    v = np.einsum("...k,...k", step, lifted) * scale
    t = np.einsum("...k,...k", second, lifted) * scale
    slack = 1e-9
    inside = (u >= -slack) & (v >= -slack) & (u + v <= 1 + slack)
    return np.asarray(~parallel & inside & (t >= -slack) & (t <= 1 + slack))
