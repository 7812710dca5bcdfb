"""Energy of a small rigid molecule at any place in a frame, and where in the frame it can be at all.

**Lennard-Jones**: Lorentz-Berthelot, cut off without a switch, and the tail beyond the cut-off as if the atoms were
evenly spread there, as the cells' own forces have it.

**Electrostatics**: Ewald's sum over all periodic images. The part in real space is summed over pairs. The structure
factor of the atoms is exact; the potential it makes is the same smooth function for all places, so it is made once a
frame on a grid, by a Fourier transform, and interpolated by quintic splines. A molecule does not see its own images:
what is computed is its energy with the atoms alone.

**Maps**: the energy of single sites on a coarse grid, with a shorter cut-off, tells at little cost which places are
worth an exact energy.

**Cavities**: a site cannot be where one atom alone repels it by more than some energy. Small cubes that lie wholly
within such a distance of one atom are closed; all places of all other cubes stay open, so leaving closed cubes out
changes an average of Boltzmann factors by no more than that of this energy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.voids import wrap
from polyomics.errors import InvalidSettings, NotEnoughData
from polyomics.units import AVOGADRO_PER_MOL, ELEMENTARY_CHARGE_C, VACUUM_PERMITTIVITY_F_M

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

COULOMB_KJ_MOL_NM = ELEMENTARY_CHARGE_C**2 * AVOGADRO_PER_MOL / (4e-9 * np.pi * VACUUM_PERMITTIVITY_F_M) / 1e3
"""Energy of two charges of 1 e at 1 nm [kJ/mol]."""
CUBE_NM = 0.07
"""Edge of the cubes that are open or closed, at most [nm]; points of maps are their centres."""
MAP_CUTOFF_NM = 0.6
"""Cut-off of the energies in maps [nm]."""

_EWALD_TOLERANCE = 1e-6
_OVERSAMPLING = 2.5
_SPLINE_ORDER = 5
_PAIRS_AT_ONCE = 2_000_000
_ATOMS_AT_ONCE = 20_000
_CLOSEST_NM = 1e-3
_CLOSEST_IN_MAPS_NM = 0.15


@dataclass(frozen=True, eq=False)
class Sites:
    """Centres of force: the atoms of a cell, or the sites of a molecule."""

    sigma_nm: Array
    """Lennard-Jones diameters [nm], shape=(n,)."""
    epsilon_kj_mol: Array
    """Lennard-Jones well depths [kJ/mol], shape=(n,)."""
    charges_e: Array
    """Charges [e], shape=(n,)."""

    def __len__(self) -> int:
        return len(self.sigma_nm)

    def joined(self, other: Sites) -> Sites:
        """These and others after them."""
        return Sites(
            np.concatenate([self.sigma_nm, other.sigma_nm]),
            np.concatenate([self.epsilon_kj_mol, other.epsilon_kj_mol]),
            np.concatenate([self.charges_e, other.charges_e]),
        )


@dataclass(frozen=True, eq=False)
class Guest:
    """A rigid molecule to be put into a cell."""

    positions_nm: Array
    """Positions of its sites about its centre of mass [nm], shape=(n_sites, 3)."""
    sites: Sites
    """Its sites."""

    @property
    def reference(self) -> int:
        """The site whose place is drawn: the one with the strongest repulsion."""
        return int(np.argmax(self.sites.epsilon_kj_mol * self.sites.sigma_nm**12))


class Surroundings:
    """The atoms of one frame, ready to be asked for the energy of a molecule among them.

    Args:
        positions_nm: Positions, wrapped or not [nm], shape=(n_atoms, 3).
        box_nm: Edges of the box [nm], shape=(3,).
        atoms: Their parameters.
        cutoff_nm: Cut-off of Lennard-Jones forces and of the part of Ewald's sum in real space [nm].

    Raises:
        InvalidSettings: An edge of the box is below twice the cut-off.
        NotEnoughData: A position is not finite.
    """

    def __init__(self, positions_nm: Array, box_nm: Array, atoms: Sites, cutoff_nm: float) -> None:
        self.box_nm = np.asarray(box_nm, dtype=np.float64)
        if not (np.isfinite(positions_nm).all() and np.isfinite(self.box_nm).all()):
            raise NotEnoughData("a frame holds a position that is not finite; no molecule can be inserted there")
        if self.box_nm.min() < 2.0 * cutoff_nm:
            raise InvalidSettings(
                f"the shortest edge of the box, {self.box_nm.min():.3f} nm, is below twice the cut-off of "
                f"{cutoff_nm:.3f} nm, so that an inserted molecule would see an atom twice; use a larger cell or a "
                "shorter cut-off"
            )
        self.atoms, self.cutoff_nm = atoms, cutoff_nm
        self.centroid_nm: Array = np.asarray(positions_nm, dtype=np.float64).mean(axis=0)
        self._positions_nm = wrap(positions_nm, self.box_nm)
        parameters = np.column_stack([atoms.sigma_nm, atoms.epsilon_kj_mol])
        self._types, self._type_of_atom = np.unique(parameters, axis=0, return_inverse=True)
        self._type_of_atom = self._type_of_atom.reshape(-1)

    @property
    def volume_nm3(self) -> float:
        """Volume of the box [nm³]."""
        return float(np.prod(self.box_nm))

    # ---------------------------------------------------------------- energies

    def energies_kj_mol(self, sites_nm: Array, sites: Sites) -> Array:
        """Energy of a molecule with all atoms and their images [kJ/mol], shape=(n,), the tail included.

        Args:
            sites_nm: Positions of its sites at n places [nm], shape=(n, n_sites, 3).
            sites: Their parameters.
        """
        n, n_sites = sites_nm.shape[:2]
        energies = np.full(n, self.tail_kj_mol(sites))
        neighbours = len(self.atoms) / self.volume_nm3 * 4.2 * self.cutoff_nm**3 + 1.0
        step = max(1, int(_PAIRS_AT_ONCE / (neighbours * n_sites)))
        for first in range(0, n, step):
            part = sites_nm[first : first + step]
            energies[first : first + step] += sum(self._pairs_kj_mol(part, sites, self.cutoff_nm))
        if self._is_charged(sites):
            potential = self.potential_kj_mol_e(sites_nm.reshape(-1, 3)).reshape(n, n_sites)
            energies += potential @ sites.charges_e
        return energies

    def tail_kj_mol(self, sites: Sites) -> float:
        """Lennard-Jones energy beyond the cut-off, the atoms evenly spread there [kJ/mol]."""
        sigma, epsilon = self._mixed(sites)
        counts = np.bincount(self._type_of_atom, minlength=len(self._types))
        ratio = sigma / self.cutoff_nm
        per_atom = 16.0 * np.pi * epsilon * sigma**3 * (ratio**9 / 9.0 - ratio**3 / 3.0)
        return float((per_atom @ counts).sum() / self.volume_nm3)

    def potential_kj_mol_e(self, points_nm: Array) -> Array:
        """The smooth, long-ranged part of the electrostatic potential [kJ/mol/e], shape=(n,)."""
        from scipy.ndimage import map_coordinates

        coefficients = self._spline
        places = wrap(points_nm, self.box_nm) / self.box_nm * np.array(coefficients.shape)
        found: Array = map_coordinates(coefficients, places.T, order=_SPLINE_ORDER, mode="grid-wrap", prefilter=False)
        return found

    def _pairs_kj_mol(
        self, sites_nm: Array, sites: Sites, cutoff_nm: float, closest_nm: float = _CLOSEST_NM
    ) -> tuple[Array, Array]:
        """Lennard-Jones and electrostatic energies within a cut-off [kJ/mol], each of shape=(n,).

        Charges closer than `closest_nm` count as if they were so far apart.
        """
        from scipy.spatial import cKDTree
        from scipy.special import erfc

        n, n_sites = sites_nm.shape[:2]
        mine = cKDTree(wrap(sites_nm.reshape(-1, 3), self.box_nm), boxsize=self.box_nm)
        pairs = mine.sparse_distance_matrix(self._tree, cutoff_nm, output_type="ndarray")
        row, atom = pairs["i"], pairs["j"]
        site, distance = row % n_sites, np.maximum(pairs["v"], _CLOSEST_NM)
        sigma, epsilon = self._mixed(sites)
        kind = site * len(self._types) + self._type_of_atom[atom]
        square = np.take(sigma**2, kind) / (distance * distance)
        sixth = square * square * square
        repelling = np.take(4.0 * epsilon, kind) * (sixth * sixth - sixth)
        molecule = row // n_sites
        van_der_waals: Array = np.bincount(molecule, weights=repelling, minlength=n).astype(np.float64)
        if not self._is_charged(sites):
            return van_der_waals, np.zeros(n)
        distance = np.maximum(distance, closest_nm)
        products = COULOMB_KJ_MOL_NM * sites.charges_e[site] * self.atoms.charges_e[atom]
        attracting = products * erfc(self._alpha_per_nm * distance) / distance
        electrostatic: Array = np.bincount(molecule, weights=attracting, minlength=n).astype(np.float64)
        return van_der_waals, electrostatic

    def _mixed(self, sites: Sites) -> tuple[Array, Array]:
        """Lorentz-Berthelot σ [nm] and ε [kJ/mol] of every site and type of atom, shape=(n_sites, n_types)."""
        sigma = 0.5 * (sites.sigma_nm[:, None] + self._types[:, 0])
        epsilon = np.sqrt(sites.epsilon_kj_mol[:, None] * self._types[:, 1])
        return sigma, epsilon

    def _is_charged(self, sites: Sites) -> bool:
        return bool(sites.charges_e.any() and self.atoms.charges_e.any())

    @cached_property
    def _tree(self) -> object:
        from scipy.spatial import cKDTree

        return cKDTree(self._positions_nm, boxsize=self.box_nm)

    @property
    def _alpha_per_nm(self) -> float:
        return float(np.sqrt(-np.log(2.0 * _EWALD_TOLERANCE))) / self.cutoff_nm

    @cached_property
    def _spline(self) -> Array:
        """Coefficients of the quintic spline through the smooth potential on a grid."""
        from scipy.ndimage import spline_filter

        grid: Array = spline_filter(self._grid_potential(), order=_SPLINE_ORDER, mode="grid-wrap")
        return grid

    def _grid_potential(self) -> Array:
        """The smooth part of the potential on a grid [kJ/mol/e], from the exact structure factor of the atoms."""
        from scipy.fft import irfftn, next_fast_len

        alpha = self._alpha_per_nm
        longest = 2.0 * alpha * np.sqrt(-np.log(_EWALD_TOLERANCE))
        most = np.ceil(longest * self.box_nm / (2.0 * np.pi)).astype(int)
        orders = [np.arange(-m, m + 1) for m in most[:2]] + [np.arange(most[2] + 1)]
        waves = [2.0 * np.pi * order / edge for order, edge in zip(orders, self.box_nm, strict=True)]
        squared = waves[0][:, None, None] ** 2 + waves[1][:, None] ** 2 + waves[2] ** 2
        squared[most[0], most[1], 0] = np.inf
        damped = 4.0 * np.pi / squared * np.exp(-np.where(np.isinf(squared), 0.0, squared) / (4.0 * alpha**2))
        amplitudes = COULOMB_KJ_MOL_NM / self.volume_nm3 * damped * self._structure_factor(waves)
        shape = [next_fast_len(int(np.ceil(_OVERSAMPLING * (2 * m + 1))), real=True) for m in most]
        spectrum = np.zeros((shape[0], shape[1], shape[2] // 2 + 1), dtype=np.complex128)
        x, y = orders[0] % shape[0], orders[1] % shape[1]
        spectrum[np.ix_(x, y, orders[2])] = amplitudes
        grid: Array = irfftn(spectrum, s=shape, workers=1) * float(np.prod(shape))
        return grid

    def _structure_factor(self, waves: list[Array]) -> NDArray[np.complex128]:
        """Sum over atoms of q exp(-i k r), shape=(n_kx, n_ky, n_kz)."""
        total = np.zeros(tuple(map(len, waves)), dtype=np.complex128)
        for first in range(0, len(self._positions_nm), _ATOMS_AT_ONCE):
            part = slice(first, first + _ATOMS_AT_ONCE)
            positions = self._positions_nm[part]
            x, y, z = (np.exp(-1j * np.outer(positions[:, axis], wave)) for axis, wave in enumerate(waves))
            x *= self.atoms.charges_e[part, None]
            for number in range(x.shape[1]):
                total[number] += (x[:, number, None] * y).T @ z
        return total

    # ---------------------------------------------------------------- cavities

    def energy_map(self, sites: Sites, number: int, energy_kj_mol: float) -> EnergyMap:
        """About what the energy of one site is anywhere; see `open_cubes` for the arguments.

        Repulsion is cut at `energy_kj_mol`, and charges count as no nearer than 0.15 nm, so
        that the sum over the sites of a molecule is finite everywhere.
        """
        cubes = self.open_cubes(sites, number, energy_kj_mol)
        one = Sites(*(values[number : number + 1] for values in vars(sites).values()))
        values = np.full(cubes.is_open.size, energy_kj_mol)
        points = cubes.centres_nm(cubes.open_numbers)
        step = max(1, int(_PAIRS_AT_ONCE / (len(self.atoms) / self.volume_nm3 * 4.2 * MAP_CUTOFF_NM**3 + 1.0)))
        cutoff_nm = min(MAP_CUTOFF_NM, self.cutoff_nm)
        for first in range(0, len(points), step):
            part = slice(first, first + step)
            core, charge = self._pairs_kj_mol(points[part, None, :], one, cutoff_nm, _CLOSEST_IN_MAPS_NM)
            if self._is_charged(one):
                charge += self.potential_kj_mol_e(points[part]) * one.charges_e[0]
            values[cubes.open_numbers[part]] = np.minimum(core, energy_kj_mol) + charge
        return EnergyMap(cubes, values.reshape(cubes.is_open.shape))

    def open_cubes(self, sites: Sites, number: int, energy_kj_mol: float) -> Cubes:
        """The cubes a site can be in: all but those where one atom repels it everywhere by more than an energy.

        Args:
            sites: Sites of the molecule.
            number: Which of them.
            energy_kj_mol: The energy [kJ/mol].
        """
        sigma, epsilon = (mixed[number] for mixed in self._mixed(sites))
        counts = np.ceil(self.box_nm / CUBE_NM - 1e-9).astype(int)
        step = self.box_nm / counts
        half_diagonal = 0.5 * float(np.linalg.norm(step))
        radii = _closest_nm(sigma, epsilon, energy_kj_mol) - half_diagonal
        is_open = np.ones(tuple(counts.tolist()), dtype=bool)
        places = wrap(self._positions_nm - self.centroid_nm, self.box_nm) / step - 0.5
        for kind in np.flatnonzero(radii > 0):
            _close(is_open, places[self._type_of_atom == kind], step, float(radii[kind]))
        return Cubes(is_open, self.centroid_nm, step)


@dataclass(frozen=True, eq=False)
class Cubes:
    """A periodic box cut into cubes (nearly), each open or closed."""

    is_open: Bools
    """Whether a cube is open, shape=(n_x, n_y, n_z)."""
    origin_nm: Array
    """A corner of the first [nm], shape=(3,)."""
    step_nm: Array
    """Edges of a cube [nm], shape=(3,)."""

    @cached_property
    def open_numbers(self) -> Ints:
        """Numbers of the open cubes, shape=(n_open,)."""
        return np.flatnonzero(self.is_open)

    @property
    def open_fraction(self) -> float:
        """Part of the box that is open."""
        return len(self.open_numbers) / self.is_open.size

    def points_nm(self, n: int, rng: np.random.Generator) -> Array:
        """Points drawn evenly from all open cubes [nm], shape=(n, 3)."""
        chosen = rng.choice(self.open_numbers, n)
        corners = np.stack(np.unravel_index(chosen, self.is_open.shape), axis=-1)
        points: Array = self.origin_nm + (corners + rng.random((n, 3))) * self.step_nm
        return points

    def centres_nm(self, numbers: Ints) -> Array:
        """Centres of cubes [nm], shape=(n, 3)."""
        corners = np.stack(np.unravel_index(numbers, self.is_open.shape), axis=-1)
        centres: Array = self.origin_nm + (corners + 0.5) * self.step_nm
        return centres

    def holds(self, points_nm: Array) -> Bools:
        """Whether points are in open cubes, shape=(n,)."""
        places = np.floor((points_nm - self.origin_nm) / self.step_nm).astype(int) % np.array(self.is_open.shape)
        found: Bools = self.is_open[tuple(places.T)]
        return found


@dataclass(frozen=True, eq=False)
class EnergyMap:
    """The energy of one site at the centres of cubes."""

    cubes: Cubes
    """The cubes."""
    values_kj_mol: Array
    """Energies [kJ/mol], shape=(n_x, n_y, n_z)."""

    def at_kj_mol(self, points_nm: Array) -> Array:
        """About the energy at points, between centres linearly [kJ/mol], shape=(n,)."""
        from scipy.ndimage import map_coordinates

        places = (points_nm - self.cubes.origin_nm) / self.cubes.step_nm - 0.5
        found: Array = map_coordinates(self.values_kj_mol, places.T, order=1, mode="grid-wrap")
        return found


def _closest_nm(sigma_nm: Array, epsilon_kj_mol: Array, energy_kj_mol: float) -> Array:
    """Distance at which a Lennard-Jones pair has an energy [nm], nought where it has no well; shape of the arguments.

    4 ε (x² - x) = E with x = (σ/r)⁶.
    """
    has_well = (epsilon_kj_mol > 0.0) & (sigma_nm > 0.0)
    height = energy_kj_mol / np.where(has_well, epsilon_kj_mol, 1.0)
    x = 0.5 * (1.0 + np.sqrt(1.0 + height))
    return np.where(has_well, sigma_nm * x ** (-1.0 / 6.0), 0.0)


def _close(is_open: Bools, places: Array, step_nm: Array, radius_nm: float) -> None:
    """Close the cubes whose centre is nearer than a radius to one of the places, which are in units of cubes."""
    nearest = np.rint(places).astype(int)
    residue = (places - nearest) * step_nm
    reach = np.ceil(radius_nm / step_nm + 0.5).astype(int)
    offsets = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in reach], indexing="ij"), axis=-1).reshape(-1, 3)
    lengths = np.linalg.norm(offsets * step_nm, axis=1)
    slack = 0.5 * float(np.linalg.norm(step_nm))
    surely = offsets[lengths < radius_nm - slack]
    perhaps = offsets[(lengths >= radius_nm - slack) & (lengths < radius_nm + slack)]
    shape = is_open.shape
    flat = is_open.reshape(-1)
    for offset in surely:
        flat[np.ravel_multi_index(tuple((nearest + offset).T), shape, mode="wrap")] = False
    for offset in perhaps:
        near = ((offset * step_nm - residue) ** 2).sum(axis=1) < radius_nm**2
        flat[np.ravel_multi_index(tuple((nearest[near] + offset).T), shape, mode="wrap")] = False
