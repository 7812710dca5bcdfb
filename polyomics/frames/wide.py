"""One row a study, two columns a property: its value and its standard error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polyomics.database.columns import StudyColumns, read_studies, read_values, units_of
from polyomics.database.page import check_names
from polyomics.database.selection import Selection
from polyomics.database.store import Store
from polyomics.frames.flags import joined_flags
from polyomics.frames.identity import identity_table, rows_of
from polyomics.frames.naming import column_name, unused_name

if TYPE_CHECKING:
    import pyarrow

_NO_STATE = 1e30
_NOTHING = np.inf


def wide_table(
    store: Store, selection: Selection, properties: Sequence[str] | None = None, *, flags: bool = False
) -> tuple[pyarrow.Table, dict[str, str]]:
    """The studies that fit as an Arrow table, and the unit of every column of values and errors.

    Args:
        store: Where they are.
        selection: Which studies; a property and its range say which studies, what it says of flags holds for every
            value in the table.
        properties: Which, in this order; by default all that these studies have, by name.
        flags: With a third column a property, its flags.

    Raises:
        UnknownName: No such property.
    """
    check_names(store, properties or ())
    studies = read_studies(store, selection, limit=selection.limit, offset=selection.offset)
    of_values = Selection(
        unflagged=selection.unflagged, with_flags=selection.with_flags, without_flags=selection.without_flags
    )
    filling = _Filling(studies, properties or store.property_names(), flags=flags)
    columns = ["property", "unit", "value", "stderr", "temperature_k", *(["flags"] if flags else [])]
    for values in read_values(store, studies.ids, of_values, columns, properties=properties):
        filling.add(values)
    return filling.table(_pairs(store, filling, properties))


def _pairs(store: Store, filling: _Filling, properties: Sequence[str] | None) -> list[tuple[str, str]]:
    """Properties with their units: several where one was stored so, and that of other studies where these have none."""
    there = sorted(filling.place)
    if properties is None:
        return there
    found: list[tuple[str, str]] = []
    for name in properties:
        own = [pair for pair in there if pair[0] == name]
        found += own or [(name, unit) for unit in units_of(store, name)]
    return found


class _Filling:
    """The table while it is filled: one row a property and unit, one column a study."""

    def __init__(self, studies: StudyColumns, names: Sequence[str], *, flags: bool) -> None:
        self.studies = studies
        self.own_k = np.array(studies.identity["temperature_k"], dtype=np.float64)
        self.place: dict[tuple[str, str], int] = {}
        shape = (max(len(names), 1), len(studies.ids))
        self.value = np.full(shape, np.nan)
        self.stderr = np.full(shape, np.nan)
        self.away = np.full(shape, _NOTHING, dtype=np.float32)
        self.flags = np.full(shape, -1, dtype=np.int32) if flags else None
        self.flag_texts: dict[str, int] = {}

    def add(self, values: pyarrow.Table) -> None:
        """Fill in values; of several of one property that nearest to the temperature of its study stays."""
        places, known = rows_of(self.studies.ids, values["study_id"].to_numpy())
        rows = self._rows(values)
        number, stderr, state_k = (values[name].to_numpy() for name in ("value", "stderr", "temperature_k"))
        flags = self._flags(values) if self.flags is not None else None
        if not known.all():
            places, rows, number, stderr, state_k = (one[known] for one in (places, rows, number, stderr, state_k))
            flags = None if flags is None else flags[known]
        away = np.where(np.isinf(state_k), _NO_STATE, np.abs(state_k - self.own_k[places])).astype(np.float32)
        order = np.flatnonzero(away < self.away[rows, places])
        if away.any():
            order = order[::-1]
            order = order[np.argsort(-away[order], kind="stable")]
        target = rows[order], places[order]
        self.away[target] = away[order]
        self.value[target] = number[order]
        self.stderr[target] = np.where(np.isinf(stderr[order]), np.nan, stderr[order])
        if self.flags is not None and flags is not None:
            self.flags[target] = flags[order]

    def _rows(self, values: pyarrow.Table) -> NDArray[np.int64]:
        """Row of each value, shape=(n_values,)."""
        names, name_codes = _encoded(values["property"])
        units, unit_codes = _encoded(values["unit"])
        pairs, inverse = np.unique(name_codes * len(units) + unit_codes, return_inverse=True)
        found = [self._row(names[pair // len(units)], units[pair % len(units)]) for pair in pairs.tolist()]
        return np.array(found, dtype=np.int64)[inverse]

    def _row(self, name: str, unit: str) -> int:
        row = self.place.setdefault((name, unit), len(self.place))
        if row == len(self.value):
            more = ((0, len(self.value)), (0, 0))
            self.value = np.pad(self.value, more, constant_values=np.nan)
            self.stderr = np.pad(self.stderr, more, constant_values=np.nan)
            self.away = np.pad(self.away, more, constant_values=_NOTHING)
            self.flags = None if self.flags is None else np.pad(self.flags, more, constant_values=-1)
        return row

    def _flags(self, values: pyarrow.Table) -> NDArray[np.int32]:
        texts, codes = _encoded(values["flags"])
        own = [self.flag_texts.setdefault(text, len(self.flag_texts)) for text in texts]
        return np.array(own, dtype=np.int32)[codes]

    def table(self, wanted: Sequence[tuple[str, str]]) -> tuple[pyarrow.Table, dict[str, str]]:
        """What was filled in of these properties and units, and units by column."""
        import pyarrow

        table = identity_table(self.studies.identity)
        columns = dict(zip(table.column_names, table.columns, strict=True))
        units: dict[str, str] = {}
        for name, unit in wanted:
            column = unused_name(column_name(name, unit), columns)
            row = self.place.get((name, unit))
            for ending, numbers in (("", self.value), ("_stderr", self.stderr)):
                found = np.full(len(self.studies.ids), np.nan) if row is None else numbers[row]
                columns[column + ending] = pyarrow.array(found, from_pandas=True)
                units[column + ending] = unit
            if self.flags is not None:
                columns[f"{column}_flags"] = self._flag_column(row)
        return pyarrow.table(columns), units

    def _flag_column(self, row: int | None) -> Any:
        import pyarrow

        texts = joined_flags(list(self.flag_texts))
        codes = None if row is None or self.flags is None else self.flags[row]
        if codes is None:
            return pyarrow.nulls(len(self.studies.ids), pyarrow.string())
        return pyarrow.array(texts, pyarrow.string()).take(pyarrow.array(codes, mask=codes < 0))


def _encoded(texts: Any) -> tuple[list[str], NDArray[np.int64]]:
    """Different texts of a column, and which of them each row has, shape=(n_rows,)."""
    encoded = texts.combine_chunks().dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)
