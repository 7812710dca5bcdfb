"""Files to take away hold exactly what the database holds, or do not appear."""

import csv
import json
import math
import tracemalloc
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet
from sqlalchemy import insert

from polyomics.database import Selection, Store, export, query, selection, tables
from polyomics.database.exchange import COLUMNS
from polyomics.errors import InvalidInputFile, StorageUnavailable, UnknownName
from polyomics.records import Measurement

HARD = [0.1 + 0.2, 1 / 3, 1e-310, 5e-324, 1.7976931348623157e308, -2.5e-9, 0.0, 123456789012345680.0, math.pi]


@pytest.fixture
def filled(store: Store, add_study: Callable[..., str]) -> Store:
    key = add_study(store, preset='with "quotes", commas\nand lines')
    store.finish_study(
        key,
        [
            Measurement(
                name=f"p{i}",
                value=value,
                stderr=None if i % 2 else abs(value),
                unit="g/cm3" if i else "J/(kg K)",
                n_independent=i + 0.1,
                flags=("demo_quality", "drifting")[: i % 3] or (("few",) if i % 2 else ()),
                temperature_k=None if i % 2 else 300.0 + i / 7,
                pressure_bar=None if i % 3 else 1.01325,
            )
            for i, value in enumerate(HARD)
        ],
    )
    return store


def from_csv(path: Path) -> list[dict[str, Any]]:
    def number(text: str) -> float | None:
        return float(text) if text else None

    with path.open(newline="", encoding="utf-8") as file:
        return [
            row
            | {
                name: number(row[name])
                for name in ("value", "stderr", "n_independent", "temperature_k", "pressure_bar")
            }
            | {name: int(row[name]) for name in ("replicate", "seed")}
            | {"flags": row["flags"].split(";") if row["flags"] else []}
            | {"created": datetime.fromisoformat(row["created"])}
            for row in csv.DictReader(file)
        ]


def from_json(path: Path) -> list[dict[str, Any]]:
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [row | {"created": datetime.fromisoformat(row["created"])} for row in rows]


def from_parquet(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return rows


READ = {"csv": from_csv, "json": from_json, "parquet": from_parquet}


@pytest.mark.parametrize("ending", READ)
def test_round_trip(filled: Store, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"results.{ending}"
    assert export(filled, path) == len(HARD)
    rows = READ[ending](path)
    assert [list(row) for row in rows] == [list(COLUMNS)] * len(HARD)
    expected = [{name: getattr(row, name) for name in COLUMNS} for row in query(filled)]
    assert rows == [row | {"flags": list(row["flags"])} for row in expected]
    assert [row["value"] for row in rows] == HARD
    assert list(tmp_path.glob(".*")) == []


def test_first_columns(filled: Store, tmp_path: Path) -> None:
    export(filled, tmp_path / "results.csv")
    header = (tmp_path / "results.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header.startswith("psmiles,property,value,stderr,unit,n_independent,flags,study_key,")


@pytest.mark.parametrize("ending", READ)
def test_nothing_to_write_is_a_valid_file(store: Store, tmp_path: Path, ending: str) -> None:
    assert export(store, tmp_path / f"results.{ending}") == 0
    assert READ[ending](tmp_path / f"results.{ending}") == []


def test_selection_and_format(filled: Store, tmp_path: Path) -> None:
    path = tmp_path / "results.txt"
    assert export(filled, path, fmt="JSON", selection=Selection(property="p1")) == 1
    assert from_json(path)[0]["property"] == "p1"


@pytest.mark.parametrize("name", ["results.xlsx", "results", "results.csv.gz", ".csv"])
def test_unknown_format(filled: Store, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInputFile, match=r"\.csv, \.parquet, \.json"):
        export(filled, tmp_path / name)
    assert not (tmp_path / name).exists()


def test_bad_selection_leaves_the_old_file(filled: Store, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("old")
    with pytest.raises(UnknownName):
        export(filled, path, selection=Selection(property="unheard"))
    assert path.read_text() == "old"
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize("ending", READ)
def test_disk_full_leaves_the_old_file(filled: Store, ending: str, tmp_path: Path, monkeypatch: Any) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / f"results.{ending}"
    path.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(StorageUnavailable, match="cannot write"):
            export(filled, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "old"
    assert list(tmp_path.glob(".*")) == []
    assert export(filled, path) == len(HARD)


def test_place_that_cannot_be_written(filled: Store, tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for path in (tmp_path / "folder.csv", Path("/proc/results.csv")):
        with pytest.raises(StorageUnavailable, match="cannot write"):
            export(filled, path)


def test_memory_does_not_grow_with_the_rows(
    store: Store, add_study: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """12,000 rows take more than 10 MB as objects; an export holds the batch it is writing."""
    monkeypatch.setattr(selection, "ROWS_AT_A_TIME", 500)
    for i in range(4):
        add_study(store, f"s{i}")
    fields = {"unit": "1", "n_independent": 5.0, "flags": [], "conditions": "", "stderr": 0.1}
    rows = [
        fields | {"study_id": 1 + i % 4, "name": f"p{i // 4:05}", "value": value}
        for i, value in enumerate(np.random.default_rng(0).normal(size=12_000).tolist())
    ]
    with store.writing() as connection:
        connection.execute(insert(tables.MeasurementRow), rows)
    for ending in READ:
        export(store, tmp_path / f"warm.{ending}", selection=Selection(limit=1))
        tracemalloc.start()
        try:
            assert export(store, tmp_path / f"results.{ending}") == len(rows)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak_bytes < 4e6
