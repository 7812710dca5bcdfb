"""Studies as a table, a page at a time, and two properties against each other: what a web page asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, case, distinct, func, literal, select
from sqlalchemy.orm import aliased

from polyomics.database.listing import is_one_of
from polyomics.database.rows import StudySummary
from polyomics.database.selection import Selection, chosen_studies, refuse_unknown, similarities_of
from polyomics.database.store import Store, study_query, summary_fields
from polyomics.database.tables import MeasurementRow, Polymer, Study
from polyomics.errors import InvalidSettings

SORTED_BY = ("created", "psmiles", "similarity")
"""What rows may be sorted by beside properties."""
MOST_RANKED = 1000
"""Polymers that are put in the order of their similarity; all others come after them."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A value in the table."""

    value: float
    stderr: float | None
    unit: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PageRow:
    """A study in the table."""

    study: StudySummary
    similarity: float | None
    """To what was asked for; none where nothing was."""
    values: dict[str, Cell]
    """The wanted properties that it has."""


@dataclass(frozen=True, slots=True)
class StudyPage:
    """Some of the studies that fit."""

    total: int
    """How many fit."""
    rows: tuple[PageRow, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """A study with both properties."""

    study_key: str
    psmiles: str
    polymer_class: str
    x: float
    x_stderr: float | None
    y: float
    y_stderr: float | None


@dataclass(frozen=True, slots=True)
class Scatter:
    """Two properties of the studies that have both."""

    total: int
    x_unit: str
    y_unit: str
    points: tuple[Point, ...]


def study_page(
    store: Store,
    selection: Selection,
    columns: Sequence[str] = (),
    *,
    sort: str = "created",
    descending: bool = True,
    offset: int = 0,
    limit: int = 50,
) -> StudyPage:
    """A page of the studies that fit, in a stable order; those without what is sorted by come last.

    Where a study has a property at several conditions, the value at its own temperature counts, or else the first.

    Args:
        store: Where to look.
        selection: Which studies; its `limit` and `offset` are not used.
        columns: Properties whose values are wanted.
        sort: A property, "created", "psmiles" or, where `similar_to` is asked for, "similarity".
        descending: Largest first.
        offset: Rows to leave out.
        limit: Rows at most.

    Raises:
        UnknownName: No such property.
        InvalidSettings: Sorted by a similarity to nothing.
    """
    check_names(store, (*columns, *(() if sort in SORTED_BY else (sort,))))
    if sort == "similarity" and selection.similar_to is None:
        raise InvalidSettings("rows can be sorted by similarity only where similar_to says to what")
    similarities = similarities_of(store, selection)
    chosen = chosen_studies(select(Study.id), store, selection, similarities)
    with store.reading() as connection:
        total = connection.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
        if sort in SORTED_BY:
            ordered = chosen.order_by(*_order(sort, descending, similarities))
            ids = list(connection.scalars(ordered.offset(offset).limit(limit)))
        else:
            ids = _by_value(connection, chosen, sort, descending, offset, limit)
        wanted = study_query().add_columns(Study.id, Study.polymer_id).where(is_one_of(Study.id, ids))
        rows = {row.id: row for row in connection.execute(wanted)}
        values = _values(connection, ids, columns)
    found = [
        PageRow(StudySummary(**summary_fields(rows[one])), similarities.get(rows[one].polymer_id), values.get(one, {}))
        for one in ids
    ]
    return StudyPage(total, tuple(found))


def _order(sort: str, descending: bool, similarities: Mapping[int, float]) -> list[Any]:
    if sort == "similarity":
        ranks = {one: rank for rank, one in enumerate(list(similarities)[:MOST_RANKED])}
        rank = case(ranks, value=Study.polymer_id, else_=len(ranks)) if ranks else literal(0)
        return [rank if descending else -rank, Study.id]
    columns = (Study.created if sort == "created" else Polymer.psmiles, Study.id)
    return [column.desc() if descending else column.asc() for column in columns]


def _by_value(
    connection: Connection, chosen: Select[Any], name: str, descending: bool, offset: int, limit: int
) -> list[int]:
    """Ids of a page of studies by the value of a property, along its index; then those without."""
    value = MeasurementRow
    is_own = value.temperature_k.is_(None) | (value.temperature_k == Study.temperature_k)
    having = (
        select(value.study_id)
        .join(Study, Study.id == value.study_id)
        .where(value.name == name, is_own, value.study_id.in_(chosen))
    )
    order = (value.value.desc(), value.study_id.desc()) if descending else (value.value, value.study_id)
    ids = list(dict.fromkeys(connection.scalars(having.order_by(*order).offset(offset).limit(limit))))
    if len(ids) < limit:
        n_having = connection.execute(select(func.count(distinct(having.subquery().c.study_id)))).scalar_one()
        without = chosen.where(Study.id.not_in(having)).order_by(Study.id.desc() if descending else Study.id)
        ids += connection.scalars(without.offset(max(0, offset - n_having)).limit(limit - len(ids)))
    return ids


def _values(connection: Connection, ids: Sequence[int], columns: Sequence[str]) -> dict[int, dict[str, Cell]]:
    found: dict[int, dict[str, Cell]] = {}
    if not columns or not ids:
        return found
    table = MeasurementRow
    query = (
        select(table.study_id, table.name, table.value, table.stderr, table.unit, table.flags)
        .join(Study, Study.id == table.study_id)
        .where(is_one_of(table.study_id, ids), table.name.in_(columns))
        .order_by(table.temperature_k.is_distinct_from(Study.temperature_k), table.id)
    )
    for study_id, name, value, stderr, unit, flags in connection.execute(query):
        found.setdefault(study_id, {}).setdefault(name, Cell(value, stderr, unit, tuple(flags)))
    return found


def scatter(store: Store, selection: Selection, x: str, y: str, *, limit: int = 5000) -> Scatter:
    """Two properties of the studies that have both; where these are too many, the same part of them every time.

    Args:
        store: Where to look.
        selection: Which studies.
        x: Property along x.
        y: Property along y.
        limit: Points at most.

    Raises:
        UnknownName: No such property.
    """
    check_names(store, (x, y))
    a, b = aliased(MeasurementRow), aliased(MeasurementRow)
    chosen = chosen_studies(select(Study.id), store, selection)
    both = (
        select(Study.id)
        .join(a, (a.study_id == Study.id) & (a.name == x))
        .join(b, (b.study_id == Study.id) & (b.name == y))
        .where(Study.id.in_(chosen))
        .group_by(Study.id)
    )
    with store.reading() as connection:
        ids = list(connection.scalars(both.order_by(Study.id)))
        total = len(ids)
        if total > limit:
            ids = [ids[i * total // limit] for i in range(limit)]
        values = _values(connection, ids, (x, y))
        columns = select(Study.id, Study.key, Polymer.psmiles, Polymer.polymer_class).join(Polymer)
        about = {row.id: row for row in connection.execute(columns.where(is_one_of(Study.id, ids)))}
    points = []
    units = {x: "1", y: "1"}
    for one in ids:
        along, up, row = values[one][x], values[one][y], about[one]
        units = {x: along.unit, y: up.unit}
        points.append(Point(row.key, row.psmiles, row.polymer_class, along.value, along.stderr, up.value, up.stderr))
    return Scatter(total, units[x], units[y], tuple(points))


def check_names(store: Store, names: Sequence[str]) -> None:
    """Refuse names of properties that are not stored.

    Raises:
        UnknownName: One of them is not.
    """
    known = set(store.property_names()) if names else set()
    for name in names:
        refuse_unknown(name, known)
