"""One row a request and property: replicates put together, with what they differ by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.replicates import combine
from polyomics.database.columns import StudyColumns, read_groups, read_studies, read_values
from polyomics.database.selection import Selection
from polyomics.database.store import Store
from polyomics.frames.flags import SEPARATOR, joined_flags
from polyomics.frames.identity import identity_table, rows_of
from polyomics.frames.long import studies_of_values

if TYPE_CHECKING:
    import pyarrow

COLUMNS = (
    *("psmiles", "property", "value", "stderr", "unit", "n_replicates", "spread", "between_variance", "flags"),
    *("study_keys", "polymer_key", "formula", "temperature_k", "pressure_bar", "preset", "polymer_class", "source"),
)
"""Columns in order; `similarity` comes last where it was asked for."""
_READ = ("property", "unit", "value", "stderr", "flags", "temperature_k", "pressure_bar")
_STATE = ("property", "unit", "temperature_k", "pressure_bar")


def combined_table(store: Store, selection: Selection) -> pyarrow.Table:
    """The values that fit as an Arrow table, replicates of a request put together; see `analysis.replicates.combine`.

    A request is a study but for its seed and replicate number. Rows come in the order of the first of each.
    """
    studies = read_studies(store, studies_of_values(selection))
    groups = read_groups(store, studies)
    values = _values(store, studies, selection)
    first, member_of = _places(groups, values)
    found = _combined(first, member_of, values)
    table = _table(studies, values, first, found)
    return table.slice(selection.offset, selection.limit)


def _values(store: Store, studies: StudyColumns, selection: Selection) -> dict[str, Any]:
    """Columns of `_READ` as arrays, by study and property, texts as codes, and `row`, the place of the study."""
    import pyarrow

    parts: list[Any] = []
    for part in read_values(store, studies.ids, selection, _READ, ordered=True):
        places, known = rows_of(studies.ids, part["study_id"].to_numpy())
        part = part.drop_columns(["study_id"]).append_column("row", pyarrow.array(places))
        for name in ("property", "unit", "flags"):
            part = part.set_column(part.schema.get_field_index(name), name, part[name].dictionary_encode())
        parts.append(part.filter(pyarrow.array(known)))
    if not parts:
        return {}
    table = pyarrow.concat_tables(parts).unify_dictionaries().combine_chunks()
    columns: dict[str, Any] = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if name in ("property", "unit", "flags"):
            columns[f"{name}s"] = column.dictionary.to_pylist()
            column = column.indices
        columns[name] = column.to_numpy()
    return columns


def _places(groups: NDArray[np.int64], values: dict[str, Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first value of each row of the result, shape=(n,), and the row of each value, shape=(n_values,)."""
    if not values:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    place = groups[values["row"]]
    for name in _STATE:
        different, codes = np.unique(values[name], return_inverse=True)
        place = place * len(different) + codes
    _, first, member_of = np.unique(place, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[member_of]


def _combined(
    first: NDArray[np.int64], member_of: NDArray[np.int64], values: dict[str, Any]
) -> dict[str, NDArray[Any] | dict[int, NDArray[np.int64]]]:
    """Combined numbers, NaN where there is none; `members` are the values of rows that have several."""
    n_rows = len(first)
    counts = np.bincount(member_of, minlength=n_rows)
    value = values["value"][first] if values else np.zeros(0)
    stderr = np.where(np.isinf(values["stderr"][first]), np.nan, values["stderr"][first]) if values else np.zeros(0)
    spread, between = np.full(n_rows, np.nan), np.full(n_rows, np.nan)
    members: dict[int, NDArray[np.int64]] = {}
    order = np.argsort(member_of, kind="stable")
    ends = np.cumsum(counts)
    for row in np.flatnonzero(counts > 1).tolist():
        several = order[ends[row] - counts[row] : ends[row]]
        errors = [None if np.isinf(error) else float(error) for error in values["stderr"][several]]
        one = combine(values["value"][several], errors)
        value[row] = one.value
        stderr[row], spread[row], between[row] = (
            np.nan if number is None else number for number in (one.stderr, one.spread, one.between_variance)
        )
        members[row] = several
    return {
        "value": value,
        "stderr": stderr,
        "spread": spread,
        "between_variance": between,
        "n_replicates": counts.astype(np.int64),
        "members": members,
    }


def _table(studies: StudyColumns, values: dict[str, Any], first: NDArray[np.int64], found: dict[str, Any]) -> Any:
    import pyarrow

    rows = values["row"][first] if values else first
    identity = identity_table(studies.identity).take(pyarrow.array(rows))
    columns: dict[str, Any] = dict(zip(identity.column_names, identity.columns, strict=True))
    for name in ("value", "stderr", "spread", "between_variance"):
        columns[name] = pyarrow.array(found[name], from_pandas=True)
    columns["n_replicates"] = pyarrow.array(found["n_replicates"])
    for name in ("property", "unit"):
        texts = pyarrow.array(values.get(f"{name}s", []), pyarrow.string())
        columns[name] = texts.take(pyarrow.array(values[name][first] if values else first))
    for name in ("temperature_k", "pressure_bar"):
        state = values[name][first] if values else np.zeros(0)
        columns[name] = pyarrow.array(state, mask=np.isinf(state))
    columns["flags"] = _flags(values, first, found["members"])
    columns["study_keys"] = _study_keys(columns["study_key"], studies, values, found["members"])
    last = [name for name in ("similarity",) if name in columns]
    return pyarrow.table({name: columns[name] for name in (*COLUMNS, *last)})


def _flags(values: dict[str, Any], first: NDArray[np.int64], members: dict[int, NDArray[np.int64]]) -> Any:
    """Flags of any replicate, in the order they come."""
    import pyarrow

    if not values:
        return pyarrow.array([], pyarrow.string())
    texts = joined_flags(values["flagss"])
    joined = {}
    for row, several in members.items():
        flags = [flag for code in values["flags"][several].tolist() for flag in texts[code].split(SEPARATOR) if flag]
        joined[row] = SEPARATOR.join(dict.fromkeys(flags))
    return _replaced(pyarrow.array(texts, pyarrow.string()).take(pyarrow.array(values["flags"][first])), joined)


def _study_keys(keys: Any, studies: StudyColumns, values: dict[str, Any], members: dict[int, NDArray[np.int64]]) -> Any:
    """Keys of all replicates."""
    every = studies.identity["study_key"]
    return _replaced(
        keys,
        {
            row: SEPARATOR.join(every[place] for place in values["row"][several].tolist())
            for row, several in members.items()
        },
    )


def _replaced(texts: Any, others: dict[int, str]) -> Any:
    """A column with other texts at some rows, which ascend."""
    import pyarrow
    from pyarrow import compute

    mask = np.zeros(len(texts), dtype=np.bool_)
    mask[list(others)] = True
    return compute.replace_with_mask(texts, pyarrow.array(mask), pyarrow.array(list(others.values()), pyarrow.string()))
