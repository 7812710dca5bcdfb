"""One experimental number, and tables of them in CSV."""

import csv
import io
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from polyomics.errors import InvalidInputFile
from polyomics.records import Record

State = Literal["glass", "rubber/liquid"]

FIELD_OF_COLUMN = {
    "polymer": "polymer",
    "abbreviation": "abbreviation",
    "psmiles": "psmiles",
    "state_300K": "state",
    "property": "property",
    "experiment": "value",
    "unit": "unit",
    "comparable": "comparable",
    "confidence": "confidence",
    "radonpy_md": "radonpy_md",
    "source": "source",
}
"""Column of a table -> field of `ExperimentalValue`."""
OPTIONAL_COLUMNS = frozenset({"radonpy_md"})
_COLUMN_OF_FIELD = {field: column for column, field in FIELD_OF_COLUMN.items()}
TRUSTED = frozenset({"high", "medium"})
"""Confidence from which a number is good enough to hold a result against."""


class ExperimentalValue(Record):
    """One number from the literature."""

    polymer: str
    """Name of the polymer."""
    abbreviation: str = Field(min_length=1)
    """Its usual short name."""
    psmiles: str = Field(min_length=1)
    """Its repeat unit, as the collection writes it."""
    property: str = Field(min_length=1)
    """Name of the property; thermal expansion has two, `_glass` and `_rubber`."""
    value: float
    """Value in `unit`."""
    unit: str
    """Unit, as the property of this name uses it."""
    state: State
    """What the amorphous polymer is at 300 K."""
    confidence: Literal["high", "medium", "low"]
    """How far the collector trusts the number."""
    comparable: bool
    """Whether the sample is one that an amorphous cell stands for."""
    radonpy_md: float | None = None
    """What RadonPy's published simulations give, in `unit`; none where they give nothing."""
    source: str
    """Where the number is printed."""

    def is_fit_for_comparison(self) -> bool:
        """Whether the sample is comparable and the number trusted."""
        return self.comparable and self.confidence in TRUSTED


def read_table(path: Path) -> list[tuple[int, ExperimentalValue]]:
    """The rows of a CSV file of experimental values, with their line numbers.

    Raises:
        InvalidInputFile: Not there, not CSV, a column missing, or a field that cannot be; the message has the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidInputFile(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInputFile(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    return parse_table(text, str(path))


def parse_table(text: str, source: str) -> list[tuple[int, ExperimentalValue]]:
    """The rows of a CSV text of experimental values, with their line numbers.

    Args:
        text: The table, with a header.
        source: What the text is, for messages.

    Raises:
        InvalidInputFile: As `read_table`.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: list[tuple[int, list[str]]] = []
    try:
        for fields in reader:
            if any(map(str.strip, fields)):
                lines.append((reader.line_num, [field.strip() for field in fields]))
    except csv.Error as error:
        raise InvalidInputFile(f"{source}, line {reader.line_num}: not CSV: {error}") from error
    if not lines:
        raise InvalidInputFile(f"{source} is empty; it needs a header line with the columns {_columns()}")
    header = lines[0][1]
    _check_header(header, source, lines[0][0])
    if len(lines) == 1:
        raise InvalidInputFile(f"{source} has a header but no values")
    return [(number, _value(header, fields, f"{source}, line {number}")) for number, fields in lines[1:]]


def _columns() -> str:
    return ", ".join(FIELD_OF_COLUMN)


def _check_header(header: list[str], source: str, line: int) -> None:
    missing = [name for name in FIELD_OF_COLUMN if name not in header and name not in OPTIONAL_COLUMNS]
    if missing:
        raise InvalidInputFile(
            f"{source}, line {line}: the header lacks the column{'s' if len(missing) > 1 else ''} "
            f"{', '.join(missing)}; a table of experimental values has {_columns()} (radonpy_md may be left out)"
        )
    twice = [name for name in FIELD_OF_COLUMN if header.count(name) > 1]
    if twice:
        raise InvalidInputFile(f"{source}, line {line}: the column {twice[0]} is there twice")


def _value(header: list[str], fields: list[str], where: str) -> ExperimentalValue:
    if len(fields) != len(header):
        raise InvalidInputFile(f"{where}: {len(fields)} fields where the header has {len(header)}")
    row: dict[str, Any] = {
        FIELD_OF_COLUMN[name]: text for name, text in zip(header, fields, strict=True) if name in FIELD_OF_COLUMN
    }
    row["radonpy_md"] = row.get("radonpy_md") or None
    try:
        return ExperimentalValue.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        column = _COLUMN_OF_FIELD.get(field, field)
        raise InvalidInputFile(
            f"{where}: the column {column} has {first['input']!r}: {first['msg'].lower()}"
        ) from error
