from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from polyomics.cell.cell import ARRAYS_FILE, SYSTEM_FILE, Cell
from polyomics.errors import CorruptFile


def test_a_saved_cell_comes_back_bit_for_bit(polyethylene_cell: Cell, tmp_path: Path) -> None:
    polyethylene_cell.save(tmp_path)
    again = Cell.load(tmp_path)
    for field in fields(Cell):
        before, after = getattr(polyethylene_cell, field.name), getattr(again, field.name)
        if isinstance(before, np.ndarray):
            np.testing.assert_array_equal(before, after)
        else:
            assert before == after


def test_rings_survive(tmp_path: Path, polyethylene_cell: Cell) -> None:
    from dataclasses import replace

    replace(polyethylene_cell, rings=((0, 1, 2), (3, 4, 5, 6))).save(tmp_path)
    assert Cell.load(tmp_path).rings == ((0, 1, 2), (3, 4, 5, 6))


@pytest.mark.parametrize("name", [ARRAYS_FILE, SYSTEM_FILE])
def test_a_damaged_file_is_named(polyethylene_cell: Cell, tmp_path: Path, name: str) -> None:
    polyethylene_cell.save(tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CorruptFile, match=str(tmp_path)):
        Cell.load(tmp_path)
