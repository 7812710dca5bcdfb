"""The space between atoms: where a probe fits, and how large the holes are. Atoms are hard spheres.

Everything follows from the clearance of a point: its distance from the nearest surface of an atom, so the radius of the
largest sphere around it that touches no atom. It changes by at most the distance moved.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Integers = NDArray[np.int64]

_POINTS_AT_ONCE = 200_000
_SAMPLE_EDGE = 20
_UPDATES_PER_ATOM = 500
_FEWEST_UPDATES = 500_000
_CANDIDATES = 12
_REFINEMENTS = 24
_SHRINK = 0.7


@dataclass(frozen=True, eq=False)
class ClearanceGrid:
    """Clearances at the points of a periodic grid."""

    clearance_nm: Single
    """Clearance of every point [nm], exact where not negative; negative in atoms, shape=(n_x, n_y, n_z)."""
    origin_nm: Array
    """Position of the first point [nm], shape=(3,)."""
    box_nm: Array
    """Edges of the box [nm], shape=(3,)."""

    @property
    def spacing_nm(self) -> Array:
        """Distance between neighbouring points along every axis [nm], shape=(3,)."""
        spacing: Array = self.box_nm / np.array(self.clearance_nm.shape)
        return spacing


@dataclass(frozen=True, eq=False)
class Sphere:
    """An empty sphere."""

    centre_nm: Array
    """Centre [nm], shape=(3,)."""
    radius_nm: float
    """Radius [nm]; negative where even the best point lies in an atom."""


class HardSpheres:
    """Atoms of one frame, ready to be asked for clearances."""

    def __init__(self, positions_nm: Array, radii_nm: Array, box_nm: Array) -> None:
        """Sort the atoms by radius.

        Args:
            positions_nm: Positions, wrapped or not [nm], shape=(n_atoms, 3).
            radii_nm: Radius of every atom [nm], shape=(n_atoms,).
            box_nm: Edges of the box [nm], shape=(3,).
        """
        from scipy.spatial import cKDTree

        self.box_nm = np.asarray(box_nm, dtype=np.float64)
        self.n_atoms = len(positions_nm)
        self.centroid_nm: Array = positions_nm.mean(axis=0)
        wrapped = wrap(positions_nm, self.box_nm)
        radii, numbers = np.unique(radii_nm, return_counts=True)
        order = np.argsort(-numbers * radii**3, kind="stable")
        self._trees = [(float(r), cKDTree(wrapped[radii_nm == r], boxsize=self.box_nm)) for r in radii[order]]

    def clearance_nm(self, points_nm: Array) -> Array:
        """Clearance of points [nm], shape=(n_points,).

        Exact where it is not negative; in atoms, some negative number.

        Args:
            points_nm: Positions, wrapped or not [nm], shape=(n_points, 3).
        """
        points = wrap(points_nm, self.box_nm)
        clearance = np.full(len(points), np.inf)
        outside = np.arange(len(points))
        for radius, tree in self._trees:
            distances = tree.query(points[outside])[0] - radius
            clearance[outside] = np.minimum(clearance[outside], distances)
            outside = outside[clearance[outside] >= 0.0]
        return clearance

    def grid(self, spacing_nm: float) -> ClearanceGrid:
        """Clearances on a grid.

        The grid hangs on the centroid of the atoms, so that a shifted frame gives the same.

        Args:
            spacing_nm: Distance between neighbouring points [nm], at most.
        """
        counts = np.ceil(self.box_nm / spacing_nm - 1e-9).astype(int)
        return self._grid(counts)

    def spacing_nm(self, smallest_nm: float, probe_nm: float) -> float:
        """A spacing with which `pore_diameters_nm` stays affordable [nm].

        The work goes with the volume of the spheres around all accessible points, in points of the grid; it is
        limited per atom. Dense polymers are below the limit; where pores are far larger than atoms the grid is coarser.

        Args:
            smallest_nm: Spacing to use where there is no reason against it [nm].
            probe_nm: Radius of the smallest sphere of interest [nm].
        """
        clearance = self._grid(np.full(3, _SAMPLE_EDGE)).clearance_nm
        volume_nm3 = float(np.prod(self.box_nm))
        spheres_nm6 = (
            volume_nm3 * 4.0 / 3.0 * np.pi * float((clearance[clearance >= probe_nm] ** 3).sum()) / clearance.size
        )
        updates = max(_FEWEST_UPDATES, _UPDATES_PER_ATOM * self.n_atoms)
        return max(smallest_nm, float((spheres_nm6 / updates) ** (1.0 / 6.0)))

    def _grid(self, counts: Integers) -> ClearanceGrid:
        step = self.box_nm / counts
        clearance = np.empty(tuple(counts.tolist()), dtype=np.float32)
        _, y, z = np.meshgrid([0], *(np.arange(n) for n in counts[1:]), indexing="ij")
        slab = np.column_stack([np.zeros(y.size), y.ravel(), z.ravel()]) * step + self.centroid_nm
        layers = max(1, _POINTS_AT_ONCE // len(slab))
        for first in range(0, counts[0], layers):
            indices = np.arange(first, min(first + layers, counts[0]))
            points = slab[None] + np.outer(indices * step[0], [1.0, 0.0, 0.0])[:, None]
            clearance[indices] = self.clearance_nm(points.reshape(-1, 3)).reshape(len(indices), *counts[1:])
        return ClearanceGrid(clearance, self.centroid_nm, self.box_nm)

    def largest_sphere(self, grid: ClearanceGrid) -> Sphere:
        """The largest empty sphere, to 1e-4 of the spacing.

        The highest local maxima of the grid, no more than half a diagonal of its cells below the highest, are climbed
        from on ever finer grids.
        """
        starts = _highest(grid)
        offsets = np.stack(np.meshgrid(*[np.linspace(-1.0, 1.0, 5)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        step = grid.spacing_nm.copy()
        heights = np.zeros(len(starts))
        for _ in range(_REFINEMENTS):
            points = starts[:, None] + offsets * step
            clearance = self.clearance_nm(points.reshape(-1, 3)).reshape(len(starts), -1)
            best = clearance.argmax(axis=1)
            rows = np.arange(len(starts))
            starts, heights = points[rows, best], clearance[rows, best]
            step *= _SHRINK
        return Sphere(starts[heights.argmax()], float(heights.max()))


def _highest(grid: ClearanceGrid) -> Array:
    """Positions of the highest local maxima [nm], shape=(n, 3), n at most 12."""
    from scipy.ndimage import maximum_filter

    values = grid.clearance_nm
    is_local = values >= maximum_filter(values, size=3, mode="wrap")
    is_local &= values >= values.max() - np.linalg.norm(grid.spacing_nm) / 2.0
    places = np.argwhere(is_local)
    order = np.argsort(-values[tuple(places.T)], kind="stable")[:_CANDIDATES]
    positions: Array = grid.origin_nm + places[order] * grid.spacing_nm
    return positions


def accessible_fractions(grid: ClearanceGrid, probe_radii_nm: Array) -> Array:
    """Fraction of the box in which the centre of a spherical probe touches no atom.

    Args:
        grid: Clearances.
        probe_radii_nm: Radii of probes [nm], ascending, shape=(n_probes,).

    Returns:
        Fractions, shape=(n_probes,).
    """
    outside = np.sort(grid.clearance_nm[grid.clearance_nm >= 0.0])
    n_smaller = np.searchsorted(outside, np.asarray(probe_radii_nm, dtype=np.float32))
    fractions: Array = (len(outside) - n_smaller) / grid.clearance_nm.size
    return fractions


def pore_diameters_nm(grid: ClearanceGrid, probe_radius_nm: float, largest: Sphere | None = None) -> Single:
    """Diameter of the largest empty sphere that contains a point, for every point of the grid.

    The sphere's centre may be anywhere, not only at the point (Gelb & Gubbins 1999, DOI 10.1021/la981422v); here, at
    any point of the grid, and at the centre of `largest`. That makes sizes too small by a part of the spacing. Points
    that no sphere as large as the probe contains have none.

    Args:
        grid: Clearances.
        probe_radius_nm: Radius of the smallest sphere that counts [nm], not negative.
        largest: The largest empty sphere, from `HardSpheres.largest_sphere`.

    Returns:
        Diameters [nm], 0 where there is none, in the shape of the grid.
    """
    shape, spacing = grid.clearance_nm.shape, grid.spacing_nm
    radii = np.zeros(shape, dtype=np.float32)
    centres = np.argwhere(grid.clearance_nm >= max(probe_radius_nm, 1e-6))
    if len(centres):
        heights = grid.clearance_nm[tuple(centres.T)]
        order = np.argsort(-heights, kind="stable")
        centres, heights = centres[order], heights[order]
        flat = radii.reshape(-1)
        for offset, distance in _offsets_within(float(heights[0]), spacing):
            reaching = np.searchsorted(-heights, -distance, side="right")
            target = np.ravel_multi_index(tuple((centres[:reaching] + offset).T), shape, mode="wrap")
            flat[target] = np.maximum(flat[target], heights[:reaching])
    if largest is not None and largest.radius_nm >= max(probe_radius_nm, 1e-6):
        _paint(radii, grid, largest)
    return 2.0 * radii


def _offsets_within(radius_nm: float, spacing_nm: Array) -> list[tuple[Integers, float]]:
    """Steps of the grid no longer than a radius, and their lengths [nm]."""
    reach = (radius_nm / spacing_nm).astype(int)
    steps = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in reach], indexing="ij"), axis=-1).reshape(-1, 3)
    lengths = np.linalg.norm(steps * spacing_nm, axis=1)
    near = lengths <= radius_nm
    return list(zip(steps[near], lengths[near].tolist(), strict=True))


def _paint(radii_nm: Single, grid: ClearanceGrid, sphere: Sphere) -> None:
    """Raise the radius of every point in the sphere to that of the sphere."""
    squared = []
    for axis, (n, step) in enumerate(zip(radii_nm.shape, grid.spacing_nm, strict=True)):
        gaps = grid.origin_nm[axis] + np.arange(n) * step - sphere.centre_nm[axis]
        squared.append((gaps - grid.box_nm[axis] * np.rint(gaps / grid.box_nm[axis])) ** 2)
    distances = squared[0][:, None, None] + squared[1][:, None] + squared[2]
    np.maximum(radii_nm, np.float32(sphere.radius_nm), out=radii_nm, where=distances <= sphere.radius_nm**2)


def wrap(positions_nm: Array, box_nm: Array) -> Array:
    """Positions in the box, from 0 up to and without its edges [nm], in the shape of `positions_nm`."""
    wrapped = np.asarray(positions_nm, dtype=np.float64) % box_nm
    return np.where(wrapped >= box_nm, 0.0, wrapped)
