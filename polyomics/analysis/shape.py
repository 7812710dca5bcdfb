"""The size and shape of molecules.

Positions are unwrapped and molecules whole: nothing here knows of a periodic box. The atoms of a molecule
are contiguous and molecules are numbered 0, 1, 2, ... in order.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def centres_of_mass_nm(positions_nm: Array, masses_amu: Array, molecule_of_atom: NDArray[np.int64]) -> Array:
    """Centre of mass of every molecule.

    Args:
        positions_nm: Unwrapped atom positions [nm], shape=(n_frames, n_atoms, 3).
        masses_amu: Atomic masses [amu], shape=(n_atoms,).
        molecule_of_atom: Index of the molecule of each atom, shape=(n_atoms,).

    Returns:
        Centres [nm], shape=(n_frames, n_molecules, 3).
    """
    starts = _starts(molecule_of_atom)
    masses = np.add.reduceat(masses_amu, starts)
    weighted = np.asarray(positions_nm, dtype=np.float64) * masses_amu[None, :, None]
    centres: Array = np.add.reduceat(weighted, starts, axis=1) / masses[None, :, None]
    return centres


def squared_radius_of_gyration_nm2(
    positions_nm: Array, masses_amu: Array, molecule_of_atom: NDArray[np.int64]
) -> Array:
    """Mass-weighted squared radius of gyration of every molecule, S² = Σ m |r - r_com|² / Σ m.

    Args:
        positions_nm: Unwrapped atom positions [nm], shape=(n_frames, n_atoms, 3).
        masses_amu: Atomic masses [amu], shape=(n_atoms,).
        molecule_of_atom: Index of the molecule of each atom, shape=(n_atoms,).

    Returns:
        S² [nm²], shape=(n_frames, n_molecules).
    """
    centres = centres_of_mass_nm(positions_nm, masses_amu, molecule_of_atom)
    distances = positions_nm - centres[:, molecule_of_atom]
    weighted = np.einsum("fax,fax,a->fa", distances, distances, masses_amu)
    starts = _starts(molecule_of_atom)
    squared: Array = np.add.reduceat(weighted, starts, axis=1) / np.add.reduceat(masses_amu, starts)
    return squared


def gyration_tensors_nm2(positions_nm: Array, masses_amu: Array, molecule_of_atom: NDArray[np.int64]) -> Array:
    """Mass-weighted gyration tensor of every molecule; its trace is S².

    Args:
        positions_nm: Unwrapped atom positions [nm], shape=(n_frames, n_atoms, 3).
        masses_amu: Atomic masses [amu], shape=(n_atoms,).
        molecule_of_atom: Index of the molecule of each atom, shape=(n_atoms,).

    Returns:
        Tensors [nm²], shape=(n_frames, n_molecules, 3, 3).
    """
    centres = centres_of_mass_nm(positions_nm, masses_amu, molecule_of_atom)
    distances = positions_nm - centres[:, molecule_of_atom]
    products = np.einsum("fax,fay,a->faxy", distances, distances, masses_amu)
    starts = _starts(molecule_of_atom)
    masses = np.add.reduceat(masses_amu, starts)
    tensors: Array = np.add.reduceat(products, starts, axis=1) / masses[None, :, None, None]
    return tensors


def _starts(molecule_of_atom: NDArray[np.int64]) -> NDArray[np.int64]:
    """First atom of every molecule."""
    steps = np.diff(molecule_of_atom)
    if not len(molecule_of_atom) or molecule_of_atom[0] != 0 or not np.isin(steps, (0, 1)).all():
        raise ValueError("molecule_of_atom must count 0, 0, ..., 1, 1, ... without gaps")
    return np.concatenate(([0], np.flatnonzero(steps) + 1))
