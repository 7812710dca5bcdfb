"""One row a value, with everything needed to judge, repeat and cite it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from polyomics.database.columns import IDENTITY, StudyColumns, read_studies, read_values
from polyomics.database.selection import Selection
from polyomics.database.store import Store
from polyomics.frames.flags import joined_flags
from polyomics.frames.identity import identity_table, rows_of

if TYPE_CHECKING:
    import pyarrow

VALUE = ("property", "value", "stderr", "unit", "n_independent", "flags", "temperature_k", "pressure_bar")
"""Columns of the value itself; the state is its own, not that of its study."""
COLUMNS = (
    *("psmiles", "property", "value", "stderr", "unit", "n_independent", "flags", "study_key", "polymer_key"),
    *("formula", "temperature_k", "pressure_bar", "preset", "replicate", "seed", "status", "created"),
    *("polymer_class", "source"),
)
"""Columns in order, as in an exported file; `similarity` comes last where it was asked for."""


def long_tables(store: Store, selection: Selection, rows: int) -> Iterator[pyarrow.Table]:
    """The values that fit, by study and property, an Arrow table of at most `rows` rows at a time."""
    skip, left = selection.offset, selection.limit
    for table in _tables(store, selection):
        if skip >= table.num_rows:
            skip -= table.num_rows
            continue
        kept = table.slice(skip, left)
        skip = 0
        left = None if left is None else left - kept.num_rows
        for start in range(0, kept.num_rows, rows):
            yield kept.slice(start, rows)
        if left == 0:
            return


def empty_long_table(selection: Selection) -> pyarrow.Table:
    """The columns, without a row."""
    import pyarrow

    identity: dict[str, Any] = dict.fromkeys((*IDENTITY, *_similarity(selection)), ())
    values = {name: pyarrow.array([], pyarrow.float64()) for name in VALUE}
    texts = {name: pyarrow.array([], pyarrow.string()) for name in ("property", "unit", "flags")}
    return _joined(identity_table(identity), values | texts)


def studies_of_values(selection: Selection) -> Selection:
    """What a selection of values says of studies: flags are looked at value by value where no property is named."""
    if selection.property is not None:
        return selection
    return selection.model_copy(update={"unflagged": False, "with_flags": (), "without_flags": ()})


def _similarity(selection: Selection) -> tuple[str, ...]:
    return () if selection.similar_to is None else ("similarity",)


def _tables(store: Store, selection: Selection) -> Iterator[pyarrow.Table]:
    studies = read_studies(store, studies_of_values(selection))
    identity = identity_table(studies.identity)
    for values in read_values(store, studies.ids, selection, VALUE, ordered=True):
        yield _with_identity(studies, identity, values)


def _with_identity(studies: StudyColumns, identity: pyarrow.Table, values: pyarrow.Table) -> pyarrow.Table:
    import pyarrow

    places, known = rows_of(studies.ids, values["study_id"].to_numpy())
    if not known.all():
        values, places = values.filter(pyarrow.array(known)), places[known]
    columns = {name: values[name] for name in VALUE}
    for name in ("stderr", "temperature_k", "pressure_bar"):
        columns[name] = _without_inf(values[name])
    encoded = values["flags"].combine_chunks().dictionary_encode()
    texts = joined_flags(encoded.dictionary.to_pylist())
    columns["flags"] = pyarrow.array(texts, pyarrow.string()).take(encoded.indices)
    return _joined(identity.take(pyarrow.array(places)), columns)


def _without_inf(column: Any) -> Any:
    import pyarrow

    numbers = column.to_numpy()
    return pyarrow.array(numbers, mask=np.isinf(numbers))


def _joined(identity: pyarrow.Table, values: dict[str, Any]) -> pyarrow.Table:
    import pyarrow

    columns = dict(zip(identity.column_names, identity.columns, strict=True)) | values
    last = [name for name in identity.column_names if name not in COLUMNS]
    return pyarrow.table({name: columns[name] for name in (*COLUMNS, *last)})
