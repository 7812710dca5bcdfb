import numpy as np
import pytest

from polyomics.cell.cell import Cell
from polyomics.md.masses import repartitioned_masses_amu


def test_every_molecule_keeps_its_mass(polyethylene_cell: Cell) -> None:
    cell = polyethylene_cell
    masses = repartitioned_masses_amu(cell, 3.0)
    before = np.bincount(cell.molecule_of_atom, cell.masses_amu)
    after = np.bincount(cell.molecule_of_atom, masses)
    assert after == pytest.approx(before, rel=1e-14)
    assert masses[cell.atomic_numbers == 1] == pytest.approx(3.0)
    assert (masses > 0).all()


def test_a_heavier_isotope_is_left_alone(polyethylene_cell: Cell) -> None:
    from dataclasses import replace

    heavy = polyethylene_cell.masses_amu.copy()
    first_hydrogen = int(np.flatnonzero(polyethylene_cell.atomic_numbers == 1)[0])
    heavy[first_hydrogen] = 3.016
    masses = repartitioned_masses_amu(replace(polyethylene_cell, masses_amu=heavy), 3.0)
    assert masses[first_hydrogen] == 3.016
