"""The polymers of a table of experimental values, with the values that a simulation may be held against."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field

from polyomics.chemistry import parse_repeat_unit
from polyomics.errors import InvalidInputFile, InvalidPolymer, InvalidSettings, UnknownName, UnsupportedElement
from polyomics.properties import PROPERTIES
from polyomics.reference import experimental_values
from polyomics.reference.experiment import name_in_table, names_in_table
from polyomics.reference.table import ExperimentalValue, State
from polyomics.reference.unit_conversion import conversion_factor

Row = tuple[int, ExperimentalValue]
"""Line of the table, and its value."""


@dataclass(frozen=True)
class Reference:
    """An experimental value in the unit of our property."""

    value: float
    unit: str
    radonpy_md: float | None
    row: ExperimentalValue


@dataclass(frozen=True)
class ReferencePolymer:
    """A polymer of the table."""

    name: str
    abbreviation: str
    psmiles: str
    state: State
    line: int
    """Line of its first row."""
    key: str | None
    """Key of the polymer; none where it cannot be simulated."""
    problem: str = ""
    """Why it cannot be simulated."""
    values: dict[str, Row] = field(default_factory=dict)
    """Name in the table -> the row that is fit for comparison."""

    def reference(self, property_name: str) -> Reference | None:
        """What to hold a property of this polymer against, or None."""
        found = self.values.get(name_in_table(property_name, self.state))
        if found is None:
            return None
        unit = PROPERTIES[property_name].unit
        factor = conversion_factor(found[1].unit, unit)
        radonpy = found[1].radonpy_md
        return Reference(found[1].value * factor, unit, None if radonpy is None else radonpy * factor, found[1])


def reference_polymers(rows: Sequence[Row], source: str) -> list[ReferencePolymer]:
    """The polymers of a table, in order, found by key however their repeat units are written.

    Two values of one polymer and property that are both fit for comparison are refused, not averaged: where the
    literature disagrees, someone has to choose.

    Args:
        rows: The table.
        source: What it is, for messages.

    Raises:
        InvalidInputFile: A polymer, property or unit that is none, or a value that is there twice, with the line.
    """
    found: dict[str, ReferencePolymer] = {}
    for line, row in rows:
        where = f"{source}, line {line}"
        _check_property(row, where)
        polymer = _polymer(line, row, where)
        polymer = found.setdefault(polymer.key or row.psmiles, polymer)
        if polymer.state != row.state:
            raise InvalidInputFile(
                f"{where}: {row.abbreviation} is a {row.state}, but in line {polymer.line} a {polymer.state}"
            )
        if not row.is_fit_for_comparison():
            continue
        before = polymer.values.setdefault(row.property, (line, row))
        if before[0] != line:
            raise InvalidInputFile(
                f"{where}: {row.property} of {row.abbreviation} is already in line {before[0]}; leave one of them, or "
                "mark it comparable False"
            )
    if not any(polymer.values for polymer in found.values()):
        raise InvalidInputFile(f"{source} has no row that is comparable and of high or medium confidence")
    return list(found.values())


def _check_property(row: ExperimentalValue, where: str) -> None:
    ours = [name for name in PROPERTIES.names() if name_in_table(name, row.state) == row.property]
    known = {name for own in PROPERTIES.names() for name in names_in_table(own)} | set(_bundled_names())
    if row.property not in known:
        near = difflib.get_close_matches(row.property, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InvalidInputFile(
            f"{where}: {row.property!r} is not a known property{hint} (known: {', '.join(sorted(known))})"
        )
    for name in ours:
        try:
            conversion_factor(row.unit, PROPERTIES[name].unit)
        except InvalidSettings as error:
            raise InvalidInputFile(f"{where}: {row.property}: {error}") from error


def _bundled_names() -> set[str]:
    """Names in the collection that ships, also of properties that nothing here can give."""
    return {item.property for item in experimental_values()}


def _polymer(line: int, row: ExperimentalValue, where: str) -> ReferencePolymer:
    key, problem = None, ""
    try:
        key = parse_repeat_unit(row.psmiles).key
    except UnsupportedElement as error:
        problem = str(error)
    except InvalidPolymer as error:
        raise InvalidInputFile(f"{where}: {error}") from error
    return ReferencePolymer(row.polymer, row.abbreviation, row.psmiles, row.state, line, key, problem)


def chosen(polymers: Sequence[ReferencePolymer], abbreviations: Sequence[str]) -> list[ReferencePolymer]:
    """Those with one of the abbreviations, in any case; all if none is given.

    Raises:
        UnknownName: No polymer has that abbreviation.
    """
    known = {polymer.abbreviation.casefold(): polymer.abbreviation for polymer in polymers}
    for text in abbreviations:
        if text.casefold() not in known:
            raise UnknownName(
                f"{text!r} is not the abbreviation of a polymer of the table (known: {', '.join(known.values())})"
            )
    wanted = {text.casefold() for text in abbreviations} or set(known)
    return [polymer for polymer in polymers if polymer.abbreviation.casefold() in wanted]
