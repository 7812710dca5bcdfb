"""Results column by column, for those who want many at once: Arrow tables instead of a record a row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, Text, cast, func, select
from sqlalchemy.dialects import sqlite

from polyomics.database.connection import sqlite_path
from polyomics.database.listing import is_one_of
from polyomics.database.selection import Selection, chosen_studies, similarities_of, value_tests
from polyomics.database.store import Store
from polyomics.database.submission import whole_spec
from polyomics.database.tables import MeasurementRow, Polymer, Protocol, Study
from polyomics.errors import StorageUnavailable
from polyomics.replicates import replicate_group

if TYPE_CHECKING:
    import pyarrow

ROWS_AT_A_TIME = 65_536
"""Values read at once."""
STUDIES_AT_A_TIME = 5000
"""Studies whose values are asked for in one statement."""
DENSE = 0.25
"""Part of the studies from which on the values of all are read, and what is not wanted is left out afterwards."""

IDENTITY: Mapping[str, Any] = {
    "psmiles": Polymer.psmiles,
    "study_key": Study.key,
    "polymer_key": Polymer.key,
    "formula": Polymer.formula,
    "polymer_class": Polymer.polymer_class,
    "source": Study.source,
    "preset": Study.preset,
    "status": Study.status,
    "temperature_k": Study.temperature_k,
    "pressure_bar": Study.pressure_bar,
    "replicate": Study.replicate,
    "seed": Study.seed,
    "created": Study.created,
}
"""What says which study a row is about, in this order."""


def _or_inf(column: Any) -> Any:
    """Infinite instead of none: a driver that takes the type of a column from its first rows needs numbers there."""
    return func.coalesce(column, math.inf)


VALUE: Mapping[str, Any] = {
    "study_id": MeasurementRow.study_id,
    "property": MeasurementRow.name,
    "value": MeasurementRow.value,
    "stderr": _or_inf(MeasurementRow.stderr),
    "unit": MeasurementRow.unit,
    "n_independent": MeasurementRow.n_independent,
    "flags": cast(MeasurementRow.flags, Text),
    "temperature_k": _or_inf(MeasurementRow.temperature_k),
    "pressure_bar": _or_inf(MeasurementRow.pressure_bar),
}
"""What is stored of a value. Numbers that there are not are infinite; `flags` is the text of a JSON list."""
_TEXTS = ("property", "unit", "flags")


@dataclass(frozen=True)
class StudyColumns:
    """The studies that fit, in the order they were entered."""

    ids: NDArray[np.int64]
    """Ascending, shape=(n_studies,)."""
    polymer_ids: NDArray[np.int64]
    """Shape=(n_studies,)."""
    identity: dict[str, Sequence[Any]]
    """The columns of `IDENTITY`, and `similarity` where that was asked for."""


def count_studies(store: Store, selection: Selection) -> int:
    """How many studies fit."""
    chosen = chosen_studies(select(Study.id), store, selection)
    with store.reading() as connection:
        return connection.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()


def units_of(store: Store, name: str) -> list[str]:
    """Unit of a property, or none where nothing is stored of it; one look-up in an index."""
    query = select(MeasurementRow.unit).where(MeasurementRow.name == name).limit(1)
    with store.reading() as connection:
        return list(connection.scalars(query))


def read_studies(store: Store, selection: Selection, *, limit: int | None = None, offset: int = 0) -> StudyColumns:
    """The studies that fit, or a part of them; `limit` and `offset` of the selection may be of values instead."""
    similar = similarities_of(store, selection)
    columns = (Study.id, Study.polymer_id, *IDENTITY.values())
    chosen = chosen_studies(select(*columns).join(Polymer, Polymer.id == Study.polymer_id), store, selection, similar)
    with store.reading() as connection:
        rows = connection.execute(chosen.order_by(Study.id).limit(limit).offset(offset)).all()
    ids, polymer_ids, *found = zip(*rows, strict=True) if rows else ((),) * len(columns)
    identity: dict[str, Sequence[Any]] = dict(zip(IDENTITY, found, strict=True))
    if selection.similar_to is not None:
        identity["similarity"] = [similar.get(one) for one in polymer_ids]
    return StudyColumns(np.array(ids, dtype=np.int64), np.array(polymer_ids, dtype=np.int64), identity)


def read_values(
    store: Store,
    ids: NDArray[np.int64],
    selection: Selection,
    columns: Sequence[str],
    *,
    properties: Sequence[str] | None = None,
    ordered: bool = False,
) -> Iterator[pyarrow.Table]:
    """The values of some studies, a table of at most `ROWS_AT_A_TIME` rows at a time.

    Args:
        store: Where they are.
        ids: Whose values, ascending; where these are most of the studies there are rows of the others too.
        selection: What each value must satisfy.
        columns: Of `VALUE`; `study_id` comes before them.
        properties: Only these.
        ordered: By study, property and state; else in any order.
    """
    names = ("study_id", *columns)
    statement = select(*(VALUE[name].label(name) for name in names)).where(*value_tests(selection))
    if properties is not None:
        statement = statement.where(MeasurementRow.name.in_(properties))
    if ordered:
        statement = statement.order_by(MeasurementRow.study_id, MeasurementRow.name, MeasurementRow.conditions)
    is_of_few = selection.property is not None or properties is not None
    read = _read_sqlite if store.parsed_url.drivername == "sqlite" else _read_postgresql
    yield from read(store, names, _parts(store, statement, ids, ordered=ordered, is_of_few=is_of_few))


def _parts(
    store: Store, statement: Select[*tuple[Any, ...]], ids: NDArray[np.int64], *, ordered: bool, is_of_few: bool
) -> Iterator[Select[*tuple[Any, ...]]]:
    """One statement for the values of all studies, or several for those of some each.

    All at once where the order does not matter, or where only few properties are wanted: the database can sort those,
    and would otherwise look at all values of them once for each range of studies.
    """
    with store.reading() as connection:
        n_studies = connection.execute(select(func.count()).select_from(Study)).scalar_one()
    if len(ids) and (is_of_few or not ordered) and len(ids) >= DENSE * n_studies:
        yield statement
        return
    for start in range(0, len(ids), STUDIES_AT_A_TIME):
        some = ids[start : start + STUDIES_AT_A_TIME]
        first, last = int(some[0]), int(some[-1])
        if not is_of_few and len(some) >= DENSE * (last - first + 1):
            yield statement.where(MeasurementRow.study_id.between(first, last))
        else:
            yield statement.where(is_one_of(MeasurementRow.study_id, some))


def _schema(names: Sequence[str]) -> pyarrow.Schema:
    import pyarrow

    types = {"study_id": pyarrow.int64()} | dict.fromkeys(_TEXTS, pyarrow.string())
    return pyarrow.schema([(name, types.get(name, pyarrow.float64())) for name in names])


def _read_sqlite(
    store: Store, names: Sequence[str], statements: Iterator[Select[*tuple[Any, ...]]]
) -> Iterator[pyarrow.Table]:
    """Through Arrow's own driver, on a connection that cannot write: a quarter of the time of rows as objects."""
    import adbc_driver_sqlite.dbapi as driver
    import pyarrow

    schema = _schema(names)
    address = f"{sqlite_path(store.parsed_url).as_uri()}?mode=ro"
    try:
        with driver.connect(address) as connection, connection.cursor() as cursor:
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(ROWS_AT_A_TIME)})
            for statement in statements:
                compiled = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"render_postcompile": True})
                values = compiled.construct_params()
                cursor.execute(str(compiled), [values[name] for name in compiled.positiontup or ()])
                for batch in cursor.fetch_record_batch():
                    if batch.num_rows:
                        yield pyarrow.Table.from_batches([batch]).cast(schema)
    except driver.Error as error:
        raise StorageUnavailable(f"the values in {store.url} cannot be read: {error}") from error


def _read_postgresql(
    store: Store, names: Sequence[str], statements: Iterator[Select[*tuple[Any, ...]]]
) -> Iterator[pyarrow.Table]:
    """From a cursor on the server."""
    import pyarrow

    schema = _schema(names)
    with store.reading() as connection:
        for statement in statements:
            result = connection.execution_options(yield_per=ROWS_AT_A_TIME).execute(statement)
            for rows in result.partitions():
                columns = zip(*rows, strict=True)
                arrays = [pyarrow.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)]
                yield pyarrow.Table.from_arrays(arrays, schema=schema)


def read_groups(store: Store, studies: StudyColumns) -> NDArray[np.int64]:
    """A number for each study that its replicates share, shape=(n_studies,).

    Only studies of one polymer can be replicates of each other, so a polymer with one study needs no look.
    """
    numbers = np.arange(len(studies.ids), dtype=np.int64)
    _, polymer, n_studies = np.unique(studies.polymer_ids, return_inverse=True, return_counts=True)
    several = np.flatnonzero(n_studies[polymer] > 1)
    first: dict[str, int] = {}
    with store.reading() as connection:
        protocols: dict[int, dict[str, Any]] = {}
        for start in range(0, len(several), STUDIES_AT_A_TIME):
            part = studies.ids[several[start : start + STUDIES_AT_A_TIME]]
            query = select(Study.id, Study.key, Study.spec, Study.protocol_id).where(is_one_of(Study.id, part))
            for study_id, key, rest, protocol_id in connection.execute(query.order_by(Study.id)).all():
                if protocol_id not in protocols:
                    protocols[protocol_id] = _protocol(connection, protocol_id)
                group = replicate_group(whole_spec(rest, protocols[protocol_id]), key)
                place = int(np.searchsorted(studies.ids, study_id))
                numbers[place] = first.setdefault(group, place)
    return numbers


def _protocol(connection: Connection, protocol_id: int) -> dict[str, Any]:
    content: dict[str, Any] = connection.execute(
        select(Protocol.content).where(Protocol.id == protocol_id)
    ).scalar_one()
    return content
