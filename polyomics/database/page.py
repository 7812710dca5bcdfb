"""Studies as a table, a page at a time, and two properties against each other: what a web page asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, select
from sqlalchemy.orm import aliased

from polyomics.database.listing import is_one_of
from polyomics.database.rows import StudySummary
from polyomics.database.selection import Selection, chosen_studies, refuse_unknown, similarities_of
from polyomics.database.store import Store, study_query, summary_fields
from polyomics.database.tables import MeasurementRow, Polymer, Study
from polyomics.errors import InvalidSettings

SORTED_BY = ("created", "psmiles", "similarity")
"""What rows may be sorted by beside properties."""


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
        total = _count(connection, chosen)
        if sort == "similarity":
            ids = _by_similarity(connection, chosen, similarities, descending)[offset : offset + limit]
        elif sort in SORTED_BY:
            ids = list(connection.scalars(_ordered(chosen, sort, descending).offset(offset).limit(limit)))
        else:
            ids = _by_value(connection, chosen, sort, descending, offset, limit)
        wanted = study_query().add_columns(Study.id, Study.polymer_id).where(is_one_of(Study.id, ids))
        rows = {row.id: row for row in connection.execute(wanted)}
        values = _values(connection, {one: row.temperature_k for one, row in rows.items()}, columns)
    page = [
        PageRow(StudySummary(**summary_fields(rows[one])), similarities.get(rows[one].polymer_id), values.get(one, {}))
        for one in ids
    ]
    return StudyPage(total, tuple(page))


def _by_similarity(
    connection: Connection, chosen: Select[Any], similarities: Mapping[int, float], descending: bool
) -> list[int]:
    """Ids of all chosen studies, those of similar polymers first or last; equals as they were entered."""
    sign = -1 if descending else 1
    rows = connection.execute(chosen.add_columns(Study.polymer_id))
    ranked = sorted((sign * similarities.get(polymer_id, 0.0), study_id) for study_id, polymer_id in rows)
    return [study_id for _, study_id in ranked]


def _ordered(chosen: Select[Any], sort: str, descending: bool) -> Select[Any]:
    if sort == "psmiles":
        chosen = chosen.join(Polymer, Polymer.id == Study.polymer_id)
    columns = (Study.created if sort == "created" else Polymer.psmiles, Study.id)
    return chosen.order_by(*(column.desc() if descending else column.asc() for column in columns))


def _by_value(
    connection: Connection, chosen: Select[Any], name: str, descending: bool, offset: int, limit: int
) -> list[int]:
    """Ids of a page of studies by the value of a property that they are shown with; then those without."""
    value = MeasurementRow
    shown = select(value.study_id).where(value.name == name, value.study_id.in_(chosen))
    if _has_several_values(connection, name):
        shown = shown.join(Study, Study.id == value.study_id).where(~_is_hidden())
    order = (value.value.desc(), value.study_id.desc()) if descending else (value.value, value.study_id)
    ids = list(connection.scalars(shown.order_by(*order).offset(offset).limit(limit)))
    if len(ids) < limit:
        without = chosen.where(~select(value.id).where(value.study_id == Study.id, value.name == name).exists())
        without = without.order_by(Study.id.desc() if descending else Study.id)
        before = max(0, offset - _count(connection, shown))
        ids += connection.scalars(without.offset(before).limit(limit - len(ids)))
    return ids


def _has_several_values(connection: Connection, name: str) -> bool:
    """Whether any study has several values of a property; most properties have one a study, which is quick to see."""
    value = MeasurementRow
    several = select(value.study_id).where(value.name == name).group_by(value.study_id).having(func.count() > 1)
    return connection.execute(several.limit(1)).first() is not None


def _is_hidden() -> ColumnElement[bool]:
    """That the study of a value is shown with another one."""
    value, other = MeasurementRow, aliased(MeasurementRow)
    is_better = (_rank(other) < _rank(value)) | ((_rank(other) == _rank(value)) & (other.id < value.id))
    same = (other.study_id == value.study_id, other.name == value.name, other.id != value.id)
    return select(other.id).where(*same, is_better).correlate(value, Study).exists()


def _count(connection: Connection, statement: Select[Any]) -> int:
    return connection.execute(select(func.count()).select_from(statement.subquery())).scalar_one()


def _rank(value: Any) -> Any:
    """Which of several values of a property a study is shown with: the least, and of equals the first."""
    return case((value.temperature_k == Study.temperature_k, 0), else_=1)


def _values(
    connection: Connection, temperatures_k: Mapping[int, float], columns: Sequence[str]
) -> dict[int, dict[str, Cell]]:
    found: dict[int, dict[str, Cell]] = {}
    for row in _shown(connection, temperatures_k, columns, MeasurementRow.flags):
        cell = Cell(row.value, row.stderr, row.unit, tuple(row.flags))
        found.setdefault(row.study_id, {}).setdefault(row.name, cell)
    return found


def _shown(
    connection: Connection, temperatures_k: Mapping[int, float], names: Sequence[str], *more: Any
) -> Sequence[Any]:
    """Study, name, value, error and unit (and `more`) of some properties, what a study is shown with first.

    Args:
        connection: Where to look.
        temperatures_k: Temperatures of the studies [K], by their ids.
        names: The properties.
        more: Further columns.
    """
    if not names or not temperatures_k:
        return []
    table = MeasurementRow
    columns = (table.id, table.study_id, table.name, table.value, table.stderr, table.unit, table.temperature_k)
    wanted = select(*columns, *more).where(is_one_of(table.study_id, temperatures_k), table.name.in_(names))
    rows = connection.execute(wanted).all()
    return sorted(rows, key=lambda row: (row.temperature_k != temperatures_k[row.study_id], row.id))


def scatter(store: Store, selection: Selection, x: str, y: str, *, limit: int = 3000) -> Scatter:
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
    chosen = chosen_studies(select(Study.id), store, selection)
    for name in (x, y):
        chosen = chosen.where(Study.id.in_(select(MeasurementRow.study_id).where(MeasurementRow.name == name)))
    with store.reading() as connection:
        some = connection.execute(_evenly(chosen, limit)).all()
        ids, total = [row.id for row in some], some[0].total if some else 0
        columns = select(Study.id, Study.key, Study.temperature_k, Polymer.psmiles, Polymer.polymer_class)
        about = {row.id: row for row in connection.execute(columns.join(Polymer).where(is_one_of(Study.id, ids))).all()}
        values: dict[tuple[int, str], Any] = {}
        for row in _shown(connection, {one: row.temperature_k for one, row in about.items()}, (x, y)):
            values.setdefault((row.study_id, row.name), row)
    points = []
    units = {x: "1", y: "1"}
    for one in ids:
        along, up, row = values[one, x], values[one, y], about[one]
        units = {x: along.unit, y: up.unit}
        points.append(Point(row.key, row.psmiles, row.polymer_class, along.value, along.stderr, up.value, up.stderr))
    return Scatter(total, units[x], units[y], tuple(points))


def _evenly(chosen: Select[Any], limit: int) -> Select[Any]:
    """Ids of the chosen studies, or of as many as asked for in equal steps, as they were entered; `total` of all.

    Of n studies, number k n // limit is taken for every k below the limit.
    """
    place, total = func.row_number().over(order_by=Study.id) - 1, func.count().over()
    row = chosen.add_columns(place.label("place"), total.label("total")).subquery().c
    is_next = (row.total - row.place * limit % row.total) % row.total < limit
    return select(row.id, row.total).where((row.total <= limit) | is_next).order_by(row.id)


def check_names(store: Store, names: Sequence[str]) -> None:
    """Refuse names of properties that are not stored.

    Raises:
        UnknownName: One of them is not.
    """
    known = set(store.property_names()) if names else set()
    for name in names:
        refuse_unknown(name, known)
