"""What is in the database, in numbers: properties with their ranges, classes, presets, sources, flags."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Connection, Text, cast, func, select

from polyomics.database.store import Store
from polyomics.database.tables import FlagSet, MeasurementRow, Polymer, Study

MOST_FLAGS = 200
"""Flags that are listed; there are some dozens."""


@dataclass(frozen=True, slots=True)
class PropertyFacts:
    """A property that is stored."""

    name: str
    unit: str
    n_values: int
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Facts:
    """The database in numbers."""

    n_polymers: int
    n_studies: int
    n_values: int
    properties: tuple[PropertyFacts, ...]
    """By name."""
    classes: dict[str, int]
    """Polymers by class, most frequent first; one that is of several counts for each."""
    presets: dict[str, int]
    """Studies by preset."""
    sources: dict[str, int]
    """Studies by the data set they are from; "" computed here."""
    flags: tuple[str, ...]
    """By name."""


def facts(store: Store) -> Facts:
    """Count; takes about a second at millions of values, so keep what it says for a while."""
    value = MeasurementRow
    with store.reading() as connection:
        by_property = (
            select(value.name, func.count(), func.min(value.value), func.max(value.value))
            .group_by(value.name)
            .order_by(value.name)
        )  # from the index alone, so without the unit
        properties = tuple(
            PropertyFacts(name, _unit(connection, name), n_values, minimum, maximum)
            for name, n_values, minimum, maximum in connection.execute(by_property).all()
        )
        return Facts(
            n_polymers=connection.scalar(select(func.count()).select_from(Polymer)) or 0,
            n_studies=connection.scalar(select(func.count()).select_from(Study)) or 0,
            n_values=sum(one.n_values for one in properties),
            properties=properties,
            classes=_by_class(connection),
            presets=_counts(connection, Study.preset),
            sources=_counts(connection, Study.source),
            flags=_flags(connection),
        )


def _unit(connection: Connection, name: str) -> str:
    value = MeasurementRow
    return str(connection.scalar(select(value.unit).where(value.name == name).limit(1)))


def _counts(connection: Connection, column: object) -> dict[str, int]:
    query = select(column, func.count()).group_by(column).order_by(func.count().desc(), column)  # type: ignore[call-overload]
    return {str(name): int(number) for name, number in connection.execute(query)}


def _by_class(connection: Connection) -> dict[str, int]:
    """Polymers of each class: there are few different sets of classes. One of no class counts for its primary one."""
    sets = select(Polymer.polymer_class, cast(Polymer.classes, Text), func.count())
    counted: Counter[str] = Counter()
    for primary, classes, number in connection.execute(sets.group_by(*sets.selected_columns[:2])):
        for name in {primary, *json.loads(classes)}:
            counted[name] += number
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def _flags(connection: Connection) -> tuple[str, ...]:
    """All flags: there are few different sets of them."""
    sets = connection.scalars(select(FlagSet.flags).distinct().limit(10_000))
    counted = Counter(flag for one in sets for flag in json.loads(one))
    return tuple(sorted(flag for flag, _ in counted.most_common(MOST_FLAGS)))
