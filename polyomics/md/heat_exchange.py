"""Heat given to one slab of a cell and taken from another, and the temperature in between.

**Slabs.** A box is cut into equal slabs along z. Atoms that constraints hold together (a carbon with its hydrogens)
count for the slab that their centre of mass is in, as one: they carry three degrees of freedom an atom less one a
constraint, without a share to be settled at the border, and constraints stay fulfilled when they are scaled as one.

**Exchange.** The velocities of a slab relative to its centre of mass are scaled, so that its momentum and that of the
cell stay as they are; the kinetic energy that this adds is the heat (Ikeshoji & Hafskjold 1994,
DOI 10.1080/00268979400100171). How much is drawn as in stochastic velocity rescaling (Bussi et al. 2007,
DOI 10.1063/1.2408420): the slab is driven to a temperature without losing its fluctuations, so that two slabs of one
temperature leave the cell in equilibrium.

**Which velocities.** Leapfrog velocities at half steps, for heat and temperature alike. With a step Δt a mode of
frequency ω is seen too hot by a factor 1 + (ωΔt)²/12, and the heat that scaling gives to it is overstated by the same
factor, so that a conductivity, which is the one over the other, is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import openmm
from numpy.typing import NDArray

from polyomics.md.engine import masses_amu
from polyomics.units import GAS_CONSTANT_KJ_MOL_K

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Slabs:
    """A cell cut into equal slabs along z."""

    n_slabs: int
    """Number of slabs."""
    masses_amu: Array
    """Masses of the atoms [amu], shape=(n_atoms,)."""
    group_of_atom: Integers
    """Index of the group of atoms that constraints hold together, shape=(n_atoms,)."""
    degrees_of_group: Array
    """Degrees of freedom of every group: three an atom less one a constraint, shape=(n_groups,)."""

    @classmethod
    def of(cls, system: openmm.System, n_slabs: int) -> Slabs:
        """Slabs of a cell with these masses and constraints."""
        masses = masses_amu(system)
        pairs = np.array(
            [system.getConstraintParameters(i)[:2] for i in range(system.getNumConstraints())], dtype=np.int64
        ).reshape(-1, 2)
        groups = connected_groups(len(masses), pairs)
        n_pairs = np.bincount(groups[pairs[:, 0]], minlength=int(groups.max()) + 1)
        degrees = (3.0 * np.bincount(groups) - n_pairs).astype(np.float64)
        return cls(n_slabs, masses, groups, degrees)

    def slab_of_group(self, positions_nm: Array, edge_nm: float) -> Integers:
        """Slab that the centre of mass of every group is in, shape=(n_groups,).

        Args:
            positions_nm: Positions, groups whole, in whichever image [nm], shape=(n_atoms, 3).
            edge_nm: Edge of the box along z [nm].
        """
        moments = np.bincount(self.group_of_atom, weights=self.masses_amu * positions_nm[:, 2])
        centres = moments / np.bincount(self.group_of_atom, weights=self.masses_amu)
        return np.floor(centres / edge_nm * self.n_slabs).astype(np.int64) % self.n_slabs

    def profile(self, velocities_nm_ps: Array, slab_of_group: Integers) -> tuple[Array, Array]:
        """Kinetic energy [kJ/mol] and degrees of freedom of every slab, each of shape (n_slabs,).

        Those of all slabs together are the cell's: three less than its atoms and constraints leave, for the centre of
        mass rests.
        """
        squared = self.masses_amu * np.einsum("ax,ax->a", velocities_nm_ps, velocities_nm_ps)
        slab_of_atom = slab_of_group[self.group_of_atom]
        kinetic: Array = 0.5 * np.bincount(slab_of_atom, weights=squared, minlength=self.n_slabs).astype(np.float64)
        degrees = np.bincount(slab_of_group, weights=self.degrees_of_group, minlength=self.n_slabs)
        return kinetic, degrees * (1.0 - 3.0 / degrees.sum())

    def rescale(
        self,
        velocities_nm_ps: Array,
        slab_of_group: Integers,
        slab: int,
        temperature_k: float,
        kept: float,
        rng: np.random.Generator,
    ) -> float:
        """Drive a slab to a temperature; changes `velocities_nm_ps` and returns the heat given to it [kJ/mol].

        Args:
            velocities_nm_ps: Velocities [nm/ps], shape=(n_atoms, 3).
            slab_of_group: Slab of every group, shape=(n_groups,).
            slab: Which slab.
            temperature_k: Temperature to drive it to [K].
            kept: Part of its deviation from that temperature that stays, on average: 0 none, 1 all.
            rng: Random numbers: two are drawn.
        """
        members = (slab_of_group == slab)[self.group_of_atom]
        masses, velocities = self.masses_amu[members], velocities_nm_ps[members]
        degrees = float(self.degrees_of_group[slab_of_group == slab].sum()) - 3.0
        normal, others = float(rng.standard_normal()), float(rng.chisquare(max(degrees - 1.0, 1.0)))
        if degrees < 2.0:
            return 0.0
        centre = masses @ velocities / masses.sum()
        relative = velocities - centre
        kinetic = 0.5 * float(masses @ np.square(relative).sum(axis=1))
        wanted = _rescaled(kinetic, 0.5 * GAS_CONSTANT_KJ_MOL_K * temperature_k, kept, normal, others)
        velocities_nm_ps[members] = centre + np.sqrt(wanted / kinetic) * relative
        return wanted - kinetic


def connected_groups(n_atoms: int, pairs: Integers) -> Integers:
    """Index of the group that every atom is in, pairs being in one group, shape=(n_atoms,).

    Args:
        n_atoms: Number of atoms.
        pairs: Pairs of atoms, shape=(n_pairs, 2).
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n_atoms, n_atoms))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def at_rest(velocities_nm_ps: Array, masses_amu: Array) -> Array:
    """Velocities relative to the centre of mass of all atoms [nm/ps], shape=(n_atoms, 3)."""
    relative: Array = velocities_nm_ps - masses_amu @ velocities_nm_ps / masses_amu.sum()
    return relative


def _rescaled(kinetic: float, half_kt: float, kept: float, normal: float, others: float) -> float:
    """Kinetic energy after stochastic rescaling; `others` is the sum of squares of the normal deviates but one."""
    given = (1.0 - kept) * half_kt
    return kept * kinetic + given * (normal**2 + others) + 2.0 * normal * float(np.sqrt(kept * given * kinetic))
