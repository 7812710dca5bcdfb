"""Polymers from a CSV file, line by line: however long the file is, little of it is in memory."""

from __future__ import annotations

import csv
import difflib
import io
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, cast

from polyomics.errors import InvalidInputFile, InvalidSettings

STANDARD_INPUT = "the standard input"
LONGEST_LINE = 100_000
"""Characters of a line above which it is no line of polymers."""
TOO_LONG = "(a line that is too long)"
"""In place of such a line."""
MOST_LINES_OF_A_RECORD = 20
"""A quoted field may hold line ends; one that is not closed within so many lines never is."""
LIKE_AN_OPTION = 0.85
"""A column name this close to an option is a typing error rather than a label."""

TYPES: dict[str, Any] = {
    "preset": str,
    "n_chains": int,
    "n_units": int,
    "atoms_per_chain": int,
    "total_atoms": int,
    "start_density_g_cm3": float,
    "tacticity": str,
    "meso_probability": float,
    "head_end": str,
    "tail_end": str,
    "family": str,
    "charges": str,
    "protocol": str,
    "temperature_k": float,
    "pressure_bar": float,
    "properties": list[str],
    "probes": list[str],
    "seed": int,
    "replicate": int,
}
"""Argument of `make_spec` -> type of its value."""

SHORT_NAMES: dict[str, str] = {
    "n_chains": "chains",
    "n_units": "units",
    "start_density_g_cm3": "start_density",
    "family": "force_field",
    "temperature_k": "temperature",
    "pressure_bar": "pressure",
    "properties": "property",
    "probes": "probe",
}
"""Argument of `make_spec` -> name of its option and its column, where that is another."""

ARGUMENT_OF_COLUMN: dict[str, str] = {
    **{SHORT_NAMES.get(name, name): name for name in TYPES},
    **{name: name for name in TYPES},
}
"""Name of a column -> argument of `make_spec`."""


@dataclass(frozen=True)
class Line:
    """One polymer of a file, or why it is none."""

    number: int
    """Line of the file, from 1."""
    fields: Mapping[str, str]
    """Its columns by name; of a line that cannot be taken apart, none."""
    error: InvalidInputFile | None = None
    """What is wrong with the line itself."""

    def options(self) -> dict[str, Any]:
        """Arguments of `make_spec` that the line sets; an empty field sets none.

        Raises:
            UserError: The line cannot be taken apart, or a number is none.
        """
        if self.error is not None:
            raise self.error
        found: dict[str, Any] = {}
        for column, text in self.fields.items():
            argument = ARGUMENT_OF_COLUMN.get(_plain(column))
            if argument is not None and text and column != "psmiles":
                found[argument] = _value(column, TYPES[argument], text)
        return found


@dataclass(frozen=True)
class PolymerFile:
    """A file of polymers whose header has been read."""

    name: str
    """What it is called in messages."""
    columns: tuple[str, ...]
    """Its columns; one of them is `psmiles`."""
    ignored: tuple[str, ...]
    """Columns that set no option: labels."""
    lines: Iterator[Line]
    """Its polymers, to be gone through once."""
    fraction: Callable[[], float | None]
    """Tells which part of it has been read; nothing of a stream without a known end."""


@contextmanager
def open_polymers(source: str | Path | IO[bytes] | IO[str]) -> Iterator[PolymerFile]:
    """A CSV file of polymers, read while its lines are gone through.

    The header must have a column `psmiles` (or `smiles`); columns named like an option set it for their line; others
    are labels. A line that is wrong is one with an error, and the next is read.

    Args:
        source: Path, or a stream of bytes or text, which is left open.

    Raises:
        InvalidInputFile: Not there, not readable, empty, a header that does not do, or no polymer below it.
    """
    if isinstance(source, str | Path):
        with _opened(source) as stream, _decoded(stream) as text:
            yield _polymers(text, str(source), _fraction_of(stream))
    else:
        with _decoded(source) as text:
            yield _polymers(text, STANDARD_INPUT, lambda: None)


def _fraction_of(stream: IO[bytes]) -> Callable[[], float | None]:
    found = os.fstat(stream.fileno())
    if not stat.S_ISREG(found.st_mode) or not found.st_size:
        return lambda: None
    return lambda: stream.tell() / found.st_size


def _opened(path: str | Path) -> IO[bytes]:
    try:
        return open(path, "rb")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInputFile(f"cannot read {path}: {reason}") from error


@contextmanager
def _decoded(stream: IO[bytes] | IO[str]) -> Iterator[IO[str]]:
    """The stream as text; what cannot be decoded stays in it as lone surrogates."""
    if isinstance(stream, io.TextIOBase):
        yield stream
        return
    text = io.TextIOWrapper(cast("IO[bytes]", stream), encoding="utf-8-sig", errors="surrogateescape")
    try:
        yield text
    finally:
        text.detach()


def is_file(text: str) -> bool:
    """Whether a text names a CSV file rather than a polymer."""
    return text.lower().endswith(".csv") or ("*" not in text and os.path.isfile(text))


def _polymers(text: IO[str], name: str, fraction: Callable[[], float | None]) -> PolymerFile:
    lines = _records(text, name)
    header = next(lines, None)
    if header is None:
        raise InvalidInputFile(f"{name} is empty; it needs a header line with a column 'psmiles'")
    number, fields, error = header
    if error is not None:
        raise InvalidInputFile(f"{name}, line {number}: {error}")
    columns = tuple("psmiles" if column.lower() == "smiles" else column.lower() for column in fields)
    if columns.count("psmiles") != 1:
        is_polymer = len(fields) == 1 and fields[0].count("*") == 2
        advice = "; put a line 'psmiles' before the first polymer" if is_polymer else ""
        raise InvalidInputFile(
            f"{name}, line {number}: the header is {','.join(columns)[:200]!r}; it needs one column 'psmiles'{advice}"
        )
    ignored = _ignored(columns, name)
    first = next(lines, None)
    if first is None:
        raise InvalidInputFile(f"{name} has a header but no polymers")
    records = chain([first], lines)
    return PolymerFile(name, columns, ignored, (_line(record, columns) for record in records), fraction)


_Record = tuple[int, list[str], InvalidInputFile | None]
"""Line number, fields, and what is wrong with the line."""


def _line(record: _Record, columns: tuple[str, ...]) -> Line:
    number, fields, error = record
    if error is None and len(fields) != len(columns):
        found = f"{len(fields)} field{'s' if len(fields) > 1 else ''} where the header has {len(columns)}"
        quotes = "a field with a comma needs double quotes around it"
        error = InvalidInputFile(
            f"{found}; {quotes if len(fields) > len(columns) else 'leave none out, if only empty'}"
        )
    if error is not None:
        return Line(number, {}, error)
    return Line(number, dict(zip(columns, fields, strict=True)))


def _records(stream: IO[str], name: str) -> Iterator[_Record]:
    """Lines taken apart, blank ones left out."""
    lines = _numbered(stream, name)
    waiting: list[tuple[int, str]] = []
    while line := waiting.pop(0) if waiting else next(lines, None):
        number, text = line
        if not text.strip():
            continue
        try:
            try:
                fields = _fields(text)
            except csv.Error as error:
                waiting += islice(lines, max(0, MOST_LINES_OF_A_RECORD - 1 - len(waiting)))
                fields, n_more = _quoted_over_lines(text, [more for _, more in waiting], error)
                waiting = waiting[n_more:]
            yield number, _checked(fields), None
        except InvalidInputFile as wrong:
            yield number, [], wrong


def _quoted_over_lines(text: str, following: list[str], error: csv.Error) -> tuple[list[str], int]:
    """Fields of a line together with as few of the following as close its quotes, and how many those are.

    Raises:
        InvalidInputFile: None do.
    """
    for count, more in enumerate(following, start=1):
        text += more
        try:
            return _fields(text), count
        except csv.Error:
            continue
    raise InvalidInputFile(f"not CSV: {error}; is a double quote not closed?")


def _fields(text: str) -> list[str]:
    if text is TOO_LONG:
        raise InvalidInputFile(f"more than {LONGEST_LINE:,} characters")
    rows = list(csv.reader([text], strict=True))
    return [field.strip() for field in rows[0]] if rows else []


def _checked(fields: list[str]) -> list[str]:
    for field in fields:
        odd = _UNDECODED.search(field)
        if odd is not None:
            raise InvalidInputFile(f"not UTF-8 text: byte 0x{ord(odd[0]) - 0xDC00:02x} in {_shown(field)}")
    return fields


_UNDECODED = re.compile("[\udc80-\udcff]")


def _shown(field: str) -> str:
    return repr(_UNDECODED.sub("\N{REPLACEMENT CHARACTER}", field[:60]))


def _numbered(text: IO[str], name: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; of one that is far too long, what no CSV can be."""
    number = 0
    try:
        while line := text.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE and not line.endswith("\n"):
                while (rest := text.readline(LONGEST_LINE)) and not rest.endswith("\n"):
                    pass
                line = TOO_LONG
            yield number, line
    except OSError as error:
        raise InvalidInputFile(f"cannot read {name}: {error.strerror}") from error


def _ignored(columns: Iterable[str], name: str) -> tuple[str, ...]:
    """Columns that are labels.

    Raises:
        InvalidInputFile: One is nearly an option, or two set the same.
    """
    ignored = []
    taken: dict[str, str] = {}
    for column in columns:
        argument = ARGUMENT_OF_COLUMN.get(_plain(column))
        if column == "psmiles":
            continue
        if argument is None:
            _refuse_typing_error(column, name)
            ignored.append(column)
        elif argument in taken:
            raise InvalidInputFile(f"{name}: the columns {taken[argument]!r} and {column!r} set the same option")
        else:
            taken[argument] = column
    return tuple(ignored)


def _refuse_typing_error(column: str, name: str) -> None:
    near = difflib.get_close_matches(_plain(column), ARGUMENT_OF_COLUMN, n=1, cutoff=LIKE_AN_OPTION)
    if near:
        raise InvalidInputFile(
            f"{name}: the column {column!r} is no option; did you mean {near[0]!r}? (a label needs another name)"
        )


def _plain(column: str) -> str:
    return column.lower().removeprefix("--").replace("-", "_").replace(" ", "_")


def _value(column: str, kind: Any, text: str) -> Any:
    if kind is str:
        return text
    if kind not in (int, float):
        return [name for name in text.replace(";", " ").split() if name]
    try:
        return kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise InvalidSettings(f"the column {column!r} has {text!r}, which is not {wanted}") from None
