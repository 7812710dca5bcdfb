"""The results as a file: CSV, Parquet or JSON, one row a value, written whole or not at all."""

import csv
import io
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO

from polyomics.database.selection import ResultRow, Selection, result_batches
from polyomics.database.store import Store
from polyomics.errors import InvalidInputFile
from polyomics.files import atomic_path

COLUMNS = tuple(field.name for field in fields(ResultRow))
"""Columns of every format, in order. A CSV has flags joined by ';' and nothing where there is no number."""

_VALUES = attrgetter(*COLUMNS)
_Batches = Iterator[Sequence[ResultRow]]


def export(
    store: Store,
    path: str | Path,
    *,
    fmt: str | None = None,
    selection: Selection | None = None,
    known_properties: Collection[str] = (),
) -> int:
    """Write results to a file; the file appears when it is complete, in place of an older one.

    Numbers come back from each format bit for bit. Memory does not grow with the number of rows.

    Args:
        store: Where the results are.
        path: The file; its ending tells the format.
        fmt: csv, parquet or json, whatever the file is called.
        selection: Which results (see `select_results`); all without it.
        known_properties: As in `query`.

    Returns:
        Number of rows written.

    Raises:
        InvalidInputFile: The format is not known.
        StorageUnavailable: The file cannot be written, or the database not read.
    """
    target = Path(path)
    name = fmt if fmt is not None else target.suffix.removeprefix(".")
    write = FORMATS.get(name.lower())
    if write is None:
        endings = ", ".join(f".{ending}" for ending in FORMATS)
        raise InvalidInputFile(f"{str(path)!r} does not end in a known format; use one of {endings}")
    batches = result_batches(store, selection, known_properties)
    with closing(batches), atomic_path(target.resolve()) as unfinished, unfinished.open("wb") as file:
        return write(batches, file)


def _write_csv(batches: _Batches, file: BinaryIO) -> int:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    n_rows = 0
    for rows in batches:
        writer.writerows(_plain(row, flags=";".join(row.flags)) for row in rows)
        n_rows += len(rows)
    text.detach()
    return n_rows


def _write_json(batches: _Batches, file: BinaryIO) -> int:
    """An array of objects, one a line."""
    n_rows = 0
    file.write(b"[")
    for rows in batches:
        for row in rows:
            record = dict(zip(COLUMNS, _plain(row, flags=list(row.flags)), strict=True))
            file.write(b",\n" if n_rows else b"\n")
            file.write(json.dumps(record, allow_nan=False, ensure_ascii=False).encode())
            n_rows += 1
    file.write(b"\n]\n")
    return n_rows


def _plain(row: ResultRow, *, flags: object) -> list[Any]:
    values = dict(zip(COLUMNS, _VALUES(row), strict=True))
    return list((values | {"flags": flags, "created": row.created.isoformat()}).values())


def _write_parquet(batches: _Batches, file: BinaryIO) -> int:
    import pyarrow
    from pyarrow import parquet

    types = {"flags": pyarrow.list_(pyarrow.string()), "created": pyarrow.timestamp("us", tz="UTC")}
    types |= dict.fromkeys(("value", "stderr", "n_independent", "temperature_k", "pressure_bar"), pyarrow.float64())
    types |= dict.fromkeys(("replicate", "seed"), pyarrow.int64())
    schema = pyarrow.schema([(name, types.get(name, pyarrow.string())) for name in COLUMNS])
    n_rows = 0
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in batches:
            columns = [[getattr(row, name) for row in rows] for name in COLUMNS]
            arrays = [pyarrow.array(column, type=schema.field(i).type) for i, column in enumerate(columns)]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
            n_rows += len(rows)
    return n_rows


FORMATS: dict[str, Callable[[_Batches, BinaryIO], int]] = {
    "csv": _write_csv,
    "parquet": _write_parquet,
    "json": _write_json,
}
