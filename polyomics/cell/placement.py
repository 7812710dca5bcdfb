"""Rigid molecules placed in a periodic box at random, without overlap.

Random sequential addition: molecule after molecule gets a random rotation and a random place among those
that are free. At the densities wanted here only one place in millions is free for a whole coil, so places
are not tried one by one: for a given rotation, the overlaps at all places of a grid are counted at once, as
the correlation of two occupancy grids, by FFT. When no place is free under any of the rotations tried, the least
overlapped one is taken and all molecules are pushed apart as rigid bodies.

Orientations: rotations are drawn uniformly on SO(3). Which of them find a place depends on the box, but
the three axes of a cube are alike, and a tensor of rank two with the symmetry of a cube is isotropic: no
rule that treats the axes alike can make a net nematic order.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfftn, next_fast_len, rfftn
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

N_ROTATIONS = 24
"""Rotations tried for one molecule before an overlapped place is taken."""
N_PUSHES = 400
"""Rounds of pushing overlapping molecules apart before an attempt is given up."""

_SPACING_NM = 0.1
_MOST_GRID_POINTS = 128
_PLACES_CHECKED = 20
_LARGEST_PUSH_NM = 0.03
_EXCESS = 1.05
_PROGRESS = 0.98
_MOST_IDLE_PUSHES = 60
_SKIN_NM = 0.12


class Crowd:
    """Rigid molecules in a cubic periodic box.

    All effort is counted in tries, not in seconds, so that the outcome depends on the seed alone.

    Args:
        edge_nm: Edge of the box [nm].
        minimum_distance_nm: Smallest distance between atoms of two molecules or periodic images [nm].
    """

    def __init__(self, edge_nm: float, minimum_distance_nm: float) -> None:
        self.edge_nm = edge_nm
        self.minimum_distance_nm = minimum_distance_nm
        self.placed: dict[int, Array] = {}
        """Positions of whole molecules [nm], by the number they were added under."""
        wanted = min(_MOST_GRID_POINTS, max(4, round(edge_nm / _SPACING_NM)))
        self._n_grid = next_fast_len(wanted, real=True)
        self._spacing_nm = edge_nm / self._n_grid
        self._taken: NDArray[np.float32] | None = None
        self._taken_waves: NDArray[np.complex64] | None = None

    def fill(self, molecules: Sequence[Array], rng: np.random.Generator) -> bool:
        """Add all molecules, the most extended first, under their index; False when one found no place.

        The molecules added up to then stay, the last of them with overlaps.
        """
        order = np.argsort([-_squared_size(positions) for positions in molecules], kind="stable")
        return all(self.add(int(index), molecules[index], rng) for index in order)

    def add(self, number: int, positions_nm: Array, rng: np.random.Generator) -> bool:
        """Place one molecule with a random rotation at a random free place; False when there is none."""
        centred = positions_nm - positions_nm.mean(axis=0)
        best: tuple[int, Array] | None = None
        for rotation in Rotation.random(N_ROTATIONS, rng=rng):
            turned = rotation.apply(centred)
            own = self._n_contacts(turned)
            n_overlaps, place = self._best_place(turned, rng)
            if own == n_overlaps == 0:
                self.placed[number] = place
                self._mark_taken(place)
                return True
            if best is None or own + n_overlaps < best[0]:
                best = own + n_overlaps, place
        assert best is not None
        self.placed[number] = best[1]
        self._taken = None
        return self._push_apart()

    def remove(self, number: int) -> None:
        """Take a molecule out again."""
        del self.placed[number]
        self._taken = None

    def contacts(self) -> Ints:
        """Pairs of atoms of two molecules or images that are too close, numbered in order of addition."""
        positions, molecule = self._joined()
        return _contacts(positions, molecule, self.edge_nm, self.minimum_distance_nm)

    def _joined(self) -> tuple[Array, Ints]:
        """All placed atoms, and the molecule of each."""
        sizes = [len(positions) for positions in self.placed.values()]
        return np.concatenate(list(self.placed.values())), np.repeat(np.arange(len(sizes)), sizes)

    def _n_contacts(self, positions: Array) -> int:
        """Contacts of one molecule with its own images."""
        if np.ptp(positions, axis=0).max() < self.edge_nm - self.minimum_distance_nm:
            return 0
        molecule = np.zeros(len(positions), dtype=np.int64)
        return len(_contacts(positions, molecule, self.edge_nm, self.minimum_distance_nm))

    def _best_place(self, turned: Array, rng: np.random.Generator) -> tuple[int, Array]:
        """Number of overlaps and positions of the molecule at a random free place, else at the emptiest."""
        if not self.placed:
            return 0, turned + rng.random(3) * self.edge_nm
        offset = (rng.random(3) - 0.5) * self._spacing_nm
        overlaps = self._overlaps(turned + offset).ravel()
        free = np.flatnonzero(overlaps == 0)
        for flat in rng.choice(free, min(_PLACES_CHECKED, len(free)), replace=False):
            positions = turned + offset + self._shift(flat)
            if not self._touches(positions):
                return 0, positions
        emptiest = int(np.argmin(overlaps))
        return max(1, int(overlaps[emptiest])), turned + offset + self._shift(emptiest)

    def _shift(self, flat: int) -> Array:
        cell = np.array(np.unravel_index(flat, (self._n_grid,) * 3), dtype=np.float64)
        return np.asarray(cell * self._spacing_nm)

    def _overlaps(self, turned: Array) -> Ints:
        """Number of atoms of a molecule that fall in taken cells, for every shift of it on the grid."""
        if self._taken is None:
            self._mark_taken(self._joined()[0])
        if self._taken_waves is None:
            self._taken_waves = rfftn(self._taken, workers=1)
            self._tree = _periodic_tree(self._joined()[0], self.edge_nm)
        mine = np.zeros((self._n_grid,) * 3, dtype=np.float32)
        np.add.at(mine, tuple(self._cells(turned).T % self._n_grid), 1.0)
        counts = irfftn(self._taken_waves * rfftn(mine, workers=1).conj(), mine.shape, workers=1)
        return np.asarray(np.rint(counts).astype(np.int64))

    def _mark_taken(self, atoms: Array) -> None:
        """Set grid points closer than the minimum distance to any of the atoms to 1."""
        if self._taken is None:
            self._taken = np.zeros((self._n_grid,) * 3, dtype=np.float32)
        self._taken_waves = None
        reach = int(np.ceil(self.minimum_distance_nm / self._spacing_nm)) + 1
        axis = np.arange(-reach, reach + 1)
        steps = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
        cells = self._cells(atoms)
        residue = atoms - cells * self._spacing_nm
        for step in steps:
            near = ((step * self._spacing_nm - residue) ** 2).sum(axis=1) < self.minimum_distance_nm**2
            self._taken[tuple(((cells[near] + step) % self._n_grid).T)] = 1.0

    def _cells(self, positions: Array) -> Ints:
        return np.asarray(np.rint(positions / self._spacing_nm).astype(np.int64))

    def _touches(self, positions: Array) -> bool:
        mine = _periodic_tree(positions, self.edge_nm)
        return bool(mine.count_neighbors(self._tree, self.minimum_distance_nm) > 0)

    def _push_apart(self) -> bool:
        """Move all molecules as rigid bodies until none overlap; False if that does not end."""
        positions, molecule = self._joined()
        wanted_nm = _EXCESS * self.minimum_distance_nm
        least_depth_nm, n_idle = np.inf, 0
        listed_at = np.full_like(positions, np.inf)
        for _ in range(N_PUSHES):
            if not np.abs(positions - listed_at).max() < _SKIN_NM / 4:
                listed_at = positions
                listed = _contacts(positions, molecule, self.edge_nm, wanted_nm + _SKIN_NM)
            pairs, separation = _within(positions, listed, self.edge_nm, wanted_nm)
            distance = np.linalg.norm(separation, axis=1)
            if not (distance < self.minimum_distance_nm).any():
                sizes = [len(one) for one in self.placed.values()]
                parts = np.split(positions, np.cumsum(sizes)[:-1])
                self.placed = dict(zip(self.placed, parts, strict=True))
                self._taken = None
                return True
            depth_nm = float((wanted_nm - distance).sum())
            n_idle = n_idle + 1 if depth_nm > _PROGRESS * least_depth_nm else 0
            least_depth_nm = min(least_depth_nm, depth_nm)
            if n_idle > _MOST_IDLE_PUSHES:
                return False
            push = separation * ((wanted_nm - distance) / np.maximum(distance, 1e-6))[:, None]
            positions = _pushed(positions, molecule, pairs, push)
        return False


def _pushed(positions: Array, molecule: Ints, pairs: Ints, push: Array) -> Array:
    """Rigid molecules after one round: each moves and turns as its atoms in contact ask for on average."""
    moved = positions.copy()
    atoms = np.concatenate([pairs[:, 0], pairs[:, 1]])
    wishes = np.concatenate([push, -push]) / 2
    for number in np.unique(molecule[atoms]):
        mine = molecule[atoms] == number
        members = molecule == number
        centre = positions[members].mean(axis=0)
        arms = positions[atoms[mine]] - centre
        shift = _limited(wishes[mine].mean(axis=0), _LARGEST_PUSH_NM)
        torque = np.cross(arms, wishes[mine]).sum(axis=0)
        inertia = (arms**2).sum() * np.eye(3) - arms.T @ arms + 1e-6 * np.eye(3)
        reach = np.linalg.norm(positions[members] - centre, axis=1).max()
        turn = _limited(np.linalg.solve(inertia, torque), 2 * _LARGEST_PUSH_NM / reach)
        arms_of_all = positions[members] - centre
        moved[members] = Rotation.from_rotvec(turn).apply(arms_of_all) + centre + shift
    return moved


def _limited(vector: Array, most: float) -> Array:
    length = float(np.linalg.norm(vector))
    return vector if length <= most else vector * (most / length)


def _contacts(positions: Array, molecule: Ints, edge_nm: float, distance_nm: float) -> Ints:
    """Pairs closer than a distance, of two molecules or of a molecule and its image, shape=(n, 2)."""
    pairs = _periodic_tree(positions, edge_nm).query_pairs(distance_nm, output_type="ndarray")
    direct = positions[pairs[:, 0]] - positions[pairs[:, 1]]
    within = (molecule[pairs[:, 0]] == molecule[pairs[:, 1]]) & (np.abs(direct) < edge_nm / 2).all(axis=1)
    return np.asarray(pairs[~within], dtype=np.int64)


def _within(positions: Array, pairs: Ints, edge_nm: float, distance_nm: float) -> tuple[Ints, Array]:
    """Those of the pairs that are closer than a distance, and their separations [nm]."""
    direct = positions[pairs[:, 0]] - positions[pairs[:, 1]]
    separation = direct - edge_nm * np.round(direct / edge_nm)
    close = (separation**2).sum(axis=1) < distance_nm**2
    return pairs[close], separation[close]


def _periodic_tree(positions: Array, edge_nm: float) -> cKDTree:
    inside = np.mod(positions, edge_nm)
    return cKDTree(np.where(inside >= edge_nm, 0.0, inside), boxsize=edge_nm)


def _squared_size(positions_nm: Array) -> float:
    return float(((positions_nm - positions_nm.mean(axis=0)) ** 2).sum(axis=1).mean())
