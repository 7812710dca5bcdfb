"""Small real systems that several test folders share."""

from pathlib import Path

import pytest

from polyomics.cell.cell import Cell
from polyomics.chemistry import build_chain, parse_repeat_unit


@pytest.fixture(scope="session")
def polyethylene_cell() -> Cell:
    """Two chains of ten units of polyethylene, 128 atoms, quick charges, loosely packed."""
    from polyomics.cell.packing import pack
    from polyomics.forcefield.parameterize import parameterize

    unit = parse_repeat_unit("*CC*")
    chains = [build_chain(unit, 10, seed=seed) for seed in (1, 2)]
    parameterized = parameterize(chains[0], charges="gasteiger")
    return pack(chains, parameterized, density_g_cm3=0.15, seed=3)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, the one polyomics uses in this test."""
    monkeypatch.setenv("POLYOMICS_HOME", str(tmp_path))
    monkeypatch.delenv("POLYOMICS_DATABASE_URL", raising=False)
    return tmp_path
