"""The cell as a 3D scene: atoms, bonds and box of one frame, small enough to stand in a page."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.shape import centres_of_mass_nm
from polyomics.cell.cell import Cell

Array = NDArray[np.float64]

MOST_ATOMS = 20_000
"""Larger cells are shown by some of their molecules; a browser turns this many smoothly."""
_SYMBOLS = {
    1: "H", 5: "B", 6: "C", 7: "N", 8: "O", 9: "F", 14: "Si", 15: "P", 16: "S", 17: "Cl", 35: "Br", 53: "I",
}  # fmt: skip
_PER_NM = 1000


def symbols(atomic_numbers: NDArray[np.int64]) -> list[str]:
    """Symbols of elements; X for one that force fields do not have."""
    return [_SYMBOLS.get(number, "X") for number in atomic_numbers.tolist()]


def wrapped_by_molecule_nm(cell: Cell, positions_nm: Array, box_nm: Array) -> Array:
    """Positions with every molecule, whole, moved to where its centre of mass lies in the box from 0 to its edges.

    Args:
        cell: Masses and molecules.
        positions_nm: Unwrapped positions [nm], shape=(n_atoms, 3).
        box_nm: Edges of the box [nm], shape=(3,).
    """
    centres = centres_of_mass_nm(positions_nm[None], cell.masses_amu, cell.molecule_of_atom)[0]
    shifts = -np.floor(centres / box_nm) * box_nm
    wrapped: Array = positions_nm + shifts[cell.molecule_of_atom]
    return wrapped


def shown_molecules(cell: Cell, most_atoms: int = MOST_ATOMS) -> NDArray[np.int64]:
    """Numbers of the molecules that are shown: all, or as many as fit, evenly spread over their numbers."""
    size = cell.n_atoms / cell.n_molecules
    count = max(1, min(cell.n_molecules, int(most_atoms / size)))
    return np.unique(np.linspace(0, cell.n_molecules - 1, count).round().astype(np.int64))


def scene(cell: Cell, positions_nm: Array, box_nm: Array, most_atoms: int = MOST_ATOMS) -> dict[str, Any]:
    """Everything that the viewer in the page draws, as plain JSON values; lengths in thousandths of a nanometre.

    Bonds are those of the topology, so that close contacts between molecules are not taken for bonds. No text format
    of molecular structures that browsers read keeps bonds of thousands of atoms (an MDL V2000 table ends at 999, the
    numbers of a PDB file at 99,999).

    Args:
        cell: Elements, bonds, molecules.
        positions_nm: Unwrapped positions [nm], shape=(n_atoms, 3).
        box_nm: Edges of the box [nm], shape=(3,).
        most_atoms: Show some of the molecules only where there are more atoms than this.
    """
    molecules = shown_molecules(cell, most_atoms)
    kept = np.flatnonzero(np.isin(cell.molecule_of_atom, molecules))
    place = np.full(cell.n_atoms, -1)
    place[kept] = np.arange(len(kept))
    bonds = place[cell.bonds]
    wrapped = wrapped_by_molecule_nm(cell, positions_nm, box_nm)[kept]
    return {
        "elements": symbols(cell.atomic_numbers[kept]),
        "molecules": np.searchsorted(molecules, cell.molecule_of_atom[kept]).tolist(),
        "positions": np.rint(wrapped * _PER_NM).astype(int).ravel().tolist(),
        "bonds": bonds[(bonds >= 0).all(axis=1)].ravel().tolist(),
        "box": np.rint(box_nm * _PER_NM).astype(int).tolist(),
        "shown": len(molecules),
        "total": cell.n_molecules,
    }
