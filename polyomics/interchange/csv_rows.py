"""The rows of a CSV file with a header, one after the other, with what is wrong with a row instead of an end."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from polyomics.errors import InvalidInputFile

LONGEST_FIELD = 1_000_000
"""Characters of a field; the column of RadonPy with the mass of every chain is long."""


@dataclass(frozen=True)
class CsvRow:
    """One row, or why it is none."""

    line: int
    """Line of the file where it ends, from 1."""
    fields: list[str]
    """Its fields; empty where it cannot be taken apart."""
    problem: str = ""
    """What is wrong with it."""


def read_header(path: Path) -> list[str]:
    """The names of the columns.

    Raises:
        InvalidInputFile: Not there, not readable, not text, empty, or two columns of one name.
    """
    rows = _rows(path)
    first = next(rows, None)
    if first is None:
        raise InvalidInputFile(f"{path} is empty; it needs a header line with the names of the columns")
    if first.problem:
        raise InvalidInputFile(f"{path}, line {first.line}: {first.problem}; is it a CSV file?")
    names = [name.strip() for name in first.fields]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise InvalidInputFile(f"{path}: the column {twice[0]!r} is there twice")
    return names


def read_rows(path: Path, n_columns: int) -> Iterator[CsvRow]:
    """The rows below the header; blank lines are left out."""
    rows = _rows(path)
    next(rows, None)
    for row in rows:
        if not row.problem and len(row.fields) != n_columns:
            yield CsvRow(row.line, [], f"{len(row.fields)} fields where the header has {n_columns}")
        else:
            yield row


def sha256_of(path: Path) -> str:
    """Checksum of a file as it is.

    Raises:
        InvalidInputFile: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidInputFile(f"cannot read {path}: {error.strerror}") from error


def _rows(path: Path) -> Iterator[CsvRow]:
    csv.field_size_limit(LONGEST_FIELD)
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return
            reader = csv.reader(file, strict=True)
            while True:
                try:
                    fields = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield CsvRow(reader.line_num, [], f"not CSV: {error}")
                    continue
                if any(fields):
                    yield CsvRow(reader.line_num, fields)
    except UnicodeDecodeError as error:
        raise InvalidInputFile(f"{path} is not UTF-8 text: {error.reason}") from error
    except OSError as error:
        raise InvalidInputFile(f"cannot read {path}: {error.strerror}") from error
