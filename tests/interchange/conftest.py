"""A file of RadonPy, rows as PolyOmics has them, and databases to enter them in."""

import csv
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from polyomics.database import Store

ROW: dict[str, Any] = {
    "UUID": "00000000-0000-0000-0000-000000000001",
    "monomer_ID": "PI82",
    "smiles_list": "*CC(*)c1ccccc1",
    "smiles_1": "*CC(*)c1ccccc1",
    "smiles_2": "",
    "qm_method": "wb97m-d3bj",
    "charge": "RESP",
    "forcefield": "GAFF2_mod",
    "temp": 300,
    "press": 1,
    "tacticity": "atactic",
    "n_mol": 10,
    "DP": 60,
    "Mn": 6279.0,
    "Mw": 6279.0,
    "mol_weight_monomer1": 104.152,
    "check_eq": True,
    "check_tc": True,
    "do_TC": True,
    "remarks": "",
    "RadonPy_ver": "0.2.10",
    "class_PSTR": True,
    "density": 1.0,
    "Rg": 17.0,
    "r2": 16.0,
    "static_dielectric_const": 1.1,
    "refractive_index": 1.5,
    "dielectric_const_dc": 2.35,
    "Cp": 3000.0,
    "compressibility": 4e-10,
    "bulk_modulus": 2.5e9,
    "thermal_conductivity": 0.21,
    "thermal_diffusivity": 7e-8,
    "TC_ke": 0.01,
    "tg": 410.0,
    "tg_rmse": 0.03,
    "tg_thermal_expansion_coef(upper_tg)": -6e-4,
    "sp_ced": 289.0,
    "sp_total": 17.0,
    "cell_volume": 104265.0,
    "vdw_volume_bulk": 64000.0,
    "qm_total_energy_monomer1": -311.0,
}
"""A row in the columns of PolyOmics' general polymers; numbers like those of polystyrene."""


@pytest.fixture
def polystyrene_row() -> dict[str, Any]:
    """A row of PolyOmics."""
    return dict(ROW)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with tables and nothing in them; making one takes longer than copying it."""
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def store(tmp_path: Path, empty_database: Path) -> Iterator[Store]:
    shutil.copy(empty_database, tmp_path / "results.db")
    with Store.open(f"sqlite:///{tmp_path}/results.db") as opened:
        yield opened


@pytest.fixture
def polyomics_csv(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows that differ from `ROW` in what is given, each a record of its own."""

    def write(*changes: Mapping[str, Any], name: str = "general.csv") -> Path:
        rows = [ROW | {"UUID": f"{number:032x}"} | dict(change) for number, change in enumerate(changes, start=1)]
        path = tmp_path / name
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), restval="")
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write
