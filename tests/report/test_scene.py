"""The 3D scene shows the molecules that are there, whole, in their box."""

import json
from dataclasses import replace

import numpy as np
import pytest

from polyomics.analysis.shape import centres_of_mass_nm
from polyomics.cell.cell import Cell
from polyomics.report.scene import scene, shown_molecules, wrapped_by_molecule_nm


def many(cell: Cell, copies: int) -> Cell:
    """The cell's molecules several times over."""
    shift = np.repeat(np.arange(copies), cell.n_atoms)
    return replace(
        cell,
        positions_nm=np.tile(cell.positions_nm, (copies, 1)),
        atomic_numbers=np.tile(cell.atomic_numbers, copies),
        masses_amu=np.tile(cell.masses_amu, copies),
        molecule_of_atom=np.tile(cell.molecule_of_atom, copies) + shift * cell.n_molecules,
        bonds=np.concatenate([cell.bonds + number * cell.n_atoms for number in range(copies)]),
    )


def test_molecules_are_moved_whole_to_where_their_centre_is_in_the_box(polyethylene_cell: Cell) -> None:
    cell = polyethylene_cell
    moves = np.array([[3.0, -2.0, 0.0], [0.0, 5.0, -1.0]]) * cell.box_nm
    moved = cell.positions_nm + moves[cell.molecule_of_atom]
    wrapped = wrapped_by_molecule_nm(cell, moved, cell.box_nm)
    assert wrapped == pytest.approx(wrapped_by_molecule_nm(cell, cell.positions_nm, cell.box_nm), abs=1e-9)
    centres = centres_of_mass_nm(wrapped[None], cell.masses_amu, cell.molecule_of_atom)[0]
    assert ((centres >= 0) & (centres < cell.box_nm)).all()
    lengths = np.linalg.norm(wrapped[cell.bonds[:, 0]] - wrapped[cell.bonds[:, 1]], axis=1)
    assert lengths.max() < 0.2


def test_the_scene_has_every_atom_and_bond_once(polyethylene_cell: Cell) -> None:
    cell = polyethylene_cell
    made = json.loads(json.dumps(scene(cell, cell.positions_nm, cell.box_nm)))
    assert made["elements"].count("C") == (cell.atomic_numbers == 6).sum()
    assert made["elements"].count("H") == (cell.atomic_numbers == 1).sum()
    assert np.array(made["bonds"]).reshape(-1, 2).tolist() == cell.bonds.tolist()
    assert (made["shown"], made["total"]) == (2, 2)
    positions = np.array(made["positions"]).reshape(-1, 3) / 1000.0
    assert positions == pytest.approx(wrapped_by_molecule_nm(cell, cell.positions_nm, cell.box_nm), abs=6e-4)
    assert np.array(made["box"]) / 1000.0 == pytest.approx(cell.box_nm, abs=6e-4)


def test_of_a_large_cell_whole_molecules_are_shown_up_to_the_limit(polyethylene_cell: Cell) -> None:
    cell = many(polyethylene_cell, 10)
    size = cell.n_atoms // cell.n_molecules
    made = scene(cell, cell.positions_nm, cell.box_nm, most_atoms=7 * size + 5)
    assert (made["shown"], made["total"]) == (7, 20)
    assert len(made["elements"]) == 7 * size
    bonds = np.array(made["bonds"]).reshape(-1, 2)
    assert len(bonds) == 7 * len(cell.bonds) // 20
    molecules = np.array(made["molecules"])
    assert (molecules[bonds[:, 0]] == molecules[bonds[:, 1]]).all()
    assert sorted(set(molecules.tolist())) == list(range(7))
    assert len(shown_molecules(cell, most_atoms=1)) == 1
