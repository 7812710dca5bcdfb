"""Rigid models of small molecules that dissolve in polymers: what they look like, and how they move.

A model is a set of sites. In dynamics a linear molecule cannot be three atoms with three constraints on one line:
their forces are not independent. It moves as two mass points at a fixed distance, chosen so that mass and moment of
inertia are those of the sites; sites without a mass of their own there are virtual, which is exact for a line.
The data and their sources: `forcefields/gases`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyomics.errors import UnknownName
from polyomics.forcefield.data import read_data
from polyomics.units import GAS_CONSTANT_KJ_MOL_K

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

GAS_FORMULAS = {"he": "He", "h2": "H2", "co2": "CO2", "n2": "N2", "o2": "O2", "ch4": "CH4", "h2o": "H2O"}
"""Gases there are models of: name -> formula."""
GAS_NAMES = tuple(GAS_FORMULAS)

_ON_A_LINE = 1e-9


@dataclass(frozen=True, eq=False)
class Particles:
    """A molecule as an MD engine steps it: massive particles, rigid distances, sites that follow."""

    positions_nm: Array
    """Positions about the centre of mass [nm], shape=(n_particles, 3): the sites, then added mass points."""
    masses_amu: Array
    """Masses [amu], nought where a particle only follows others, shape=(n_particles,)."""
    constraints: tuple[tuple[int, int, float], ...]
    """Pairs of particles and their distance [nm]."""
    followers: tuple[tuple[int, int, int, float, float], ...]
    """Particles without mass: particle, the two it follows, and the weight of each."""


@dataclass(frozen=True, eq=False)
class GasModel:
    """One rigid molecule."""

    name: str
    """Name of the gas, as in `GAS_NAMES`."""
    source: str
    """Where the numbers are from."""
    positions_nm: Array
    """Positions of the sites about the centre of mass [nm], shape=(n_sites, 3)."""
    sigma_nm: Array
    """Lennard-Jones diameters [nm], shape=(n_sites,)."""
    epsilon_kj_mol: Array
    """Lennard-Jones well depths [kJ/mol], shape=(n_sites,)."""
    charges_e: Array
    """Charges [e], shape=(n_sites,)."""
    masses_amu: Array
    """Masses [amu], shape=(n_sites,)."""
    atomic_numbers: Ints
    """Atomic numbers, 0 for a site that is no atom, shape=(n_sites,)."""

    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return len(self.sigma_nm)

    @property
    def mass_amu(self) -> float:
        """Mass of the molecule [amu]."""
        return float(self.masses_amu.sum())

    @property
    def inertia_amu_nm2(self) -> Array:
        """Principal moments of inertia [amu nm²], ascending, shape=(3,)."""
        return principal_moments_amu_nm2(self.positions_nm, self.masses_amu)

    @cached_property
    def particles(self) -> Particles:
        """The molecule as an MD engine steps it."""
        massive = np.flatnonzero(self.masses_amu > 0)
        if len(massive) == 1:
            return Particles(self.positions_nm, self.masses_amu, (), ())
        if self.inertia_amu_nm2[0] < _ON_A_LINE:
            return _linear(self.positions_nm, self.masses_amu)
        pairs = [(int(i), int(j)) for n, i in enumerate(massive) for j in massive[n + 1 :]]
        lengths = [float(np.linalg.norm(self.positions_nm[i] - self.positions_nm[j])) for i, j in pairs]
        constraints = tuple((i, j, length) for (i, j), length in zip(pairs, lengths, strict=True))
        return Particles(self.positions_nm, self.masses_amu, constraints, ())


@cache
def gas_model(name: str) -> GasModel:
    """The model of a gas.

    Raises:
        UnknownName: There is no model of it.
        CorruptFile: The data are damaged.
    """
    if name not in GAS_NAMES:
        near = difflib.get_close_matches(str(name).lower(), GAS_NAMES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownName(f"{name!r} is not a known gas{hint} (known: {', '.join(GAS_NAMES)})")
    content: Mapping[str, Any] = read_data("gases", "models.json")["gases"][name]
    sites: Sequence[Mapping[str, Any]] = content["sites"]
    masses = np.array([site["mass_amu"] for site in sites], dtype=np.float64)
    positions = np.array([site["position_nm"] for site in sites], dtype=np.float64)
    return GasModel(
        name=name,
        source=content["source"],
        positions_nm=positions - masses @ positions / masses.sum(),
        sigma_nm=np.array([site["sigma_nm"] for site in sites], dtype=np.float64),
        epsilon_kj_mol=GAS_CONSTANT_KJ_MOL_K * np.array([site["epsilon_k"] for site in sites], dtype=np.float64),
        charges_e=np.array([site["charge_e"] for site in sites], dtype=np.float64),
        masses_amu=masses,
        atomic_numbers=np.array([site["atomic_number"] for site in sites], dtype=np.int64),
    )


def principal_moments_amu_nm2(positions_nm: Array, masses_amu: Array) -> Array:
    """Principal moments of inertia about the centre of mass [amu nm²], ascending, shape=(3,)."""
    arms = positions_nm - masses_amu @ positions_nm / masses_amu.sum()
    tensor = (masses_amu @ (arms**2).sum(axis=1)) * np.eye(3) - np.einsum("a,ai,aj->ij", masses_amu, arms, arms)
    moments: Array = np.linalg.eigvalsh(tensor)
    return moments


def _linear(positions_nm: Array, masses_amu: Array) -> Particles:
    """Two mass points on the line of the sites: the two massive sites, else points of half the mass each."""
    massive = np.flatnonzero(masses_amu > 0)
    axis = positions_nm[massive[-1]] - positions_nm[massive[0]]
    axis /= np.linalg.norm(axis)
    along = positions_nm @ axis
    if len(massive) == 2:
        one, other = int(massive[0]), int(massive[1])
        positions, masses = positions_nm, masses_amu
    else:
        one, other = len(along), len(along) + 1
        arm = float(np.sqrt(masses_amu @ along**2 / masses_amu.sum()))
        positions = np.concatenate([positions_nm, np.outer([-arm, arm], axis)])
        masses = np.concatenate([np.zeros(len(along)), np.full(2, masses_amu.sum() / 2.0)])
    places = positions @ axis
    length = float(places[other] - places[one])
    weights = (places - places[one]) / length
    followers = tuple(
        (i, one, other, float(1.0 - weights[i]), float(weights[i])) for i in range(len(along)) if masses[i] == 0.0
    )
    return Particles(positions, masses, ((one, other, length),), followers)
