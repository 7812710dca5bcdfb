"""Frames as files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyomics.errors import InvalidInputFile
from polyomics.files import atomic_path

if TYPE_CHECKING:
    import pyarrow

ROWS_AT_A_TIME = 5000
"""Rows of a JSON file held as Python objects."""


def write_table(table: pyarrow.Table, path: Path, units: Mapping[str, str]) -> int:
    """Write an Arrow table; the file appears when it is complete, in place of an older one. Numbers come back exactly.

    Args:
        table: What to write.
        path: The file; its ending tells the format.
        units: Unit by column, kept in a Parquet file with the column.

    Returns:
        Number of rows.

    Raises:
        InvalidInputFile: The format is not known.
        StorageUnavailable: The file cannot be written.
    """
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        raise InvalidInputFile(f"{str(path)!r} does not end in a known format; use one of {', '.join(_WRITERS)}")
    with atomic_path(path.resolve()) as unfinished:
        write(table, unfinished, units)
    return int(table.num_rows)


def _csv(table: Any, path: Path, _units: Mapping[str, str]) -> None:
    from pyarrow import csv

    created = table.schema.get_field_index("created")
    if created >= 0:
        table = table.set_column(created, "created", _moments(table["created"]))
    csv.write_csv(table, path, csv.WriteOptions(quoting_style="needed"))


def _parquet(table: Any, path: Path, units: Mapping[str, str]) -> None:
    import pyarrow
    from pyarrow import parquet

    fields = [
        field.with_metadata({"unit": units[field.name]}) if field.name in units else field for field in table.schema
    ]
    parquet.write_table(table.cast(pyarrow.schema(fields)), path, compression="zstd")


def _json(table: Any, path: Path, _units: Mapping[str, str]) -> None:
    """An array of objects, one a line."""
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        separator = "\n"
        for batch in table.to_batches(max_chunksize=ROWS_AT_A_TIME):
            for row in batch.to_pylist():
                if row.get("created") is not None:
                    row["created"] = row["created"].isoformat()
                file.write(separator + json.dumps(row, allow_nan=False, ensure_ascii=False))
                separator = ",\n"
        file.write("\n]\n")


def _moments(column: Any) -> Any:
    """Times as in the other exports: ISO 8601 with time zone."""
    import pyarrow

    encoded = column.combine_chunks().dictionary_encode()
    texts = [moment.isoformat() for moment in encoded.dictionary.to_pylist()]
    return pyarrow.array(texts, pyarrow.string()).take(encoded.indices)


_WRITERS: dict[str, Callable[[Any, Path, Mapping[str, str]], None]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".json": _json,
}
