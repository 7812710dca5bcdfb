"""Two studies, polymers, presets or data sets side by side, with the error of each difference."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from polyomics.analysis.replicates import combine
from polyomics.errors import InvalidSettings, NoResults, UnknownName

if TYPE_CHECKING:
    from polyomics.database import ResultRow, Store

Kind = Literal["study", "polymer", "preset", "source"]
Verdict = Literal["agree", "unclear", "differ", "no error", "other state", "other unit"]

AGREE_BELOW, DIFFER_ABOVE = 2.0, 3.0
"""Differences in combined standard errors up to which values agree, and from which they differ."""
SAME_TEMPERATURE_K = 10.0
"""Temperatures no further apart are one state; liquids and glasses expand by less than 1 % over it."""
SAME_PRESSURE_BAR = 10.0
"""Pressures no further apart are one state."""
MOST_VALUES = 500_000
"""Values that are compared at once: memory is bounded."""
COMPUTED = "computed"
"""Name of everything that polyomics ran itself."""


@dataclass(frozen=True)
class Side:
    """One of the two things that are compared."""

    text: str
    """As it was asked for."""
    kind: Kind
    """What it is."""
    name: str
    """Key of the study or polymer, or name of the preset or data set."""


@dataclass(frozen=True)
class Value:
    """A property of one side: one value, or several studies' put together."""

    value: float
    stderr: float | None
    unit: str
    n_studies: int
    temperature_k: float | None
    pressure_bar: float | None
    flags: tuple[str, ...]


@dataclass(frozen=True)
class ComparedValue:
    """A property on both sides."""

    psmiles: str
    """The polymer; both, where they are two."""
    property: str
    a: Value
    b: Value
    difference: float | None
    """b - a; none where the units differ."""
    stderr: float | None
    """Combined standard error of the difference; none where a side has no error."""
    z: float | None
    """The difference in its standard errors."""
    verdict: Verdict


@dataclass(frozen=True)
class ComparedProperty:
    """A property over all polymers that both sides have."""

    property: str
    unit: str
    n: int
    """Polymers compared."""
    bias: float
    """Mean of b - a."""
    mean_absolute_difference: float
    r_squared: float | None
    """Squared correlation between the sides; none for fewer than three polymers."""
    n_agree: int
    n_differ: int


@dataclass(frozen=True)
class ComparedSides:
    """Two sides, value by value."""

    a: Side
    b: Side
    values: tuple[ComparedValue, ...]
    properties: tuple[ComparedProperty, ...]
    """Summaries, where there are several polymers."""
    only_a: tuple[str, ...]
    """Properties that only the first has."""
    only_b: tuple[str, ...]
    """Properties that only the second has."""


def compare(
    store: Store, a: str, b: str, *, properties: Collection[str] = (), known_presets: Collection[str] = ()
) -> ComparedSides:
    """Compare two studies, polymers, presets or data sets.

    Studies of one polymer on one side are put together as replicates are, with what they differ by in the error. Two
    polymers (or studies of them) are compared property by property; presets and data sets polymer by polymer, as far as
    both have them. Only values of one state are held against each other, within 10 K and 10 bar.

    Args:
        store: Where the results are.
        a: Key of a study or the beginning of it, a polymer's SMILES or key, the name of a preset or of a data set
            ("computed": what polyomics ran itself).
        b: Another.
        properties: Only these; all unless given.
        known_presets: Names that are presets although no study is from them.

    Raises:
        UnknownName: One of them, or a property, is not there.
        StudyNotFound: No study, or several, has a key that begins so.
        NoResults: There is nothing that both have.
        InvalidSettings: They are the same, or there are too many values.
    """
    sides = (_side(store, a, known_presets), _side(store, b, known_presets))
    if (sides[0].kind, sides[0].name) == (sides[1].kind, sides[1].name):
        raise InvalidSettings(f"{a!r} and {b!r} are the same {sides[0].kind}; there is nothing to compare")
    names = [set(_property_names(store, side)) for side in sides]
    for side, found in zip(sides, names, strict=True):
        if not found:
            raise NoResults(f"the {side.kind} {side.text!r} has no values to compare")
    _check_properties(properties, names[0] | names[1])
    wanted = sorted(set(properties) or names[0] | names[1])
    polymers = [_polymers(store, side) for side in sides]
    pairs = _pairs(*polymers)
    if not pairs:
        raise NoResults(f"{a!r} and {b!r} have no polymer in common, so there is nothing to compare")
    values: list[ComparedValue] = []
    rows_a, rows_b = _rows_of_property(store, sides[0]), _rows_of_property(store, sides[1])
    for name in wanted:
        if name in names[0] and name in names[1]:
            values += _compared(pairs, _by_polymer(rows_a(name)), _by_polymer(rows_b(name)))
            if len(values) > MOST_VALUES:
                raise InvalidSettings(f"more than {MOST_VALUES:,} values to compare; say which by --property {name}")
    if not values:
        raise NoResults(f"{a!r} and {b!r} have no property in common, so there is nothing to compare")
    values.sort(key=lambda item: (item.psmiles, item.property))
    return ComparedSides(
        *sides,
        tuple(values),
        tuple(_summaries(values)) if len(pairs) > 1 else (),
        tuple(name for name in wanted if name in names[0] - names[1]),
        tuple(name for name in wanted if name in names[1] - names[0]),
    )


# -------------------------------------------------------------------- which rows


def _side(store: Store, text: str, known_presets: Collection[str]) -> Side:
    from polyomics.database.imports import presets, sources

    if "*" in text:
        from polyomics.chemistry import parse_repeat_unit

        return Side(text, "polymer", parse_repeat_unit(text).key)
    there, data_sets = presets(store), sources(store)
    if text == COMPUTED or text in data_sets:
        return Side(text, "source", text)
    if text in there or text in known_presets:
        return Side(text, "preset", text)
    if re.fullmatch(r"[0-9a-f]{4,64}", text):
        if any(True for _ in store.studies(polymer=text, limit=1)):
            return Side(text, "polymer", text)
        return Side(text, "study", store.study(text).key)
    known = ", ".join([*data_sets, COMPUTED, *there])
    raise UnknownName(
        f"{text!r} is no key of a study, no SMILES with '*', and neither a data set nor a preset that has results "
        f"(those are: {known})"
    )


def _rows_of_property(store: Store, side: Side) -> Callable[[str], list[ResultRow]]:
    """Gives the values of one property: what is small is read once, what is large as it is asked for."""
    from polyomics.database import query

    if side.kind in ("preset", "source"):
        return lambda name: query(store, property=name, **{side.kind: side.name})
    rows = _rows_of_study(store, side.name) if side.kind == "study" else query(store, polymer=side.name)
    return lambda name: [row for row in rows if row.property == name]


def _property_names(store: Store, side: Side) -> list[str]:
    from polyomics.database.imports import property_names_of

    return property_names_of(store, **{side.kind: side.name})


def _polymers(store: Store, side: Side) -> list[str]:
    from polyomics.database.imports import polymer_keys_of

    return polymer_keys_of(store, **{side.kind: side.name})


def _rows_of_study(store: Store, key: str) -> list[ResultRow]:
    from polyomics.database import ResultRow

    study = store.study(key)
    return [
        ResultRow(
            psmiles=study.polymer.psmiles,
            property=item.name,
            value=item.value,
            stderr=item.stderr,
            unit=item.unit,
            n_independent=item.n_independent,
            flags=item.flags,
            study_key=study.key,
            polymer_key=study.polymer.key,
            formula=study.polymer.formula,
            temperature_k=item.temperature_k,
            pressure_bar=item.pressure_bar,
            preset=study.preset,
            replicate=study.replicate,
            seed=study.seed,
            status=study.status,
            created=study.created,
            polymer_class=study.polymer.polymer_class,
            source=study.source,
        )
        for item in study.measurements
    ]


def _check_properties(asked: Iterable[str], there: Collection[str]) -> None:
    for name in asked:
        if name not in there:
            raise UnknownName(f"neither side has the property {name!r} (there are: {', '.join(sorted(there))})")


# -------------------------------------------------------------------- side by side


def _compared(
    pairs: Iterable[tuple[str, str]], a: Mapping[str, Sequence[ResultRow]], b: Mapping[str, Sequence[ResultRow]]
) -> list[ComparedValue]:
    """One property of all polymers that both sides have it of."""
    return [item for one, other in pairs if one in a and other in b for item in _compared_polymers(a[one], b[other])]


def _by_polymer(rows: Iterable[ResultRow]) -> dict[str, list[ResultRow]]:
    found: dict[str, list[ResultRow]] = {}
    for row in rows:
        found.setdefault(row.polymer_key, []).append(row)
    return found


def _pairs(a: Collection[str], b: Collection[str]) -> list[tuple[str, str]]:
    """Which polymers are compared: each with itself; but two that stand alone with each other."""
    if len(a) == len(b) == 1:
        return [(next(iter(a)), next(iter(b)))]
    return [(key, key) for key in a if key in b]


def _compared_polymers(rows_a: Sequence[ResultRow], rows_b: Sequence[ResultRow]) -> list[ComparedValue]:
    texts = dict.fromkeys((rows_a[0].psmiles, rows_b[0].psmiles))
    values_a, values_b = _values(rows_a), _values(rows_b)
    found = []
    for name in sorted(values_a.keys() & values_b.keys()):
        one, other = _nearest(values_a[name], values_b[name])
        found.append(_difference(" / ".join(texts), name, one, other))
    return found


def _values(rows: Sequence[ResultRow]) -> dict[str, list[Value]]:
    """Values of one polymer by property; studies of one state are put together."""
    groups: dict[tuple[str, float | None, float | None, str], list[ResultRow]] = {}
    for row in rows:
        groups.setdefault((row.property, row.temperature_k, row.pressure_bar, row.unit), []).append(row)
    found: dict[str, list[Value]] = {}
    for (name, temperature_k, pressure_bar, unit), some in groups.items():
        flags = tuple(dict.fromkeys(flag for row in some for flag in row.flags))
        together = combine([row.value for row in some], [row.stderr for row in some])
        value = Value(together.value, together.stderr, unit, together.n, temperature_k, pressure_bar, flags)
        found.setdefault(name, []).append(value)
    return found


def _nearest(a: Sequence[Value], b: Sequence[Value]) -> tuple[Value, Value]:
    """The two values whose states are nearest."""

    def apart(pair: tuple[Value, Value]) -> tuple[float, float]:
        one, other = pair
        return _apart(one.temperature_k, other.temperature_k), _apart(one.pressure_bar, other.pressure_bar)

    return min(((one, other) for one in a for other in b), key=apart)


def _apart(a: float | None, b: float | None) -> float:
    return abs(a - b) if a is not None and b is not None else 0.0


def _difference(psmiles: str, name: str, a: Value, b: Value) -> ComparedValue:
    if a.unit != b.unit:
        return ComparedValue(psmiles, name, a, b, None, None, None, "other unit")
    difference = b.value - a.value
    stderr = None if a.stderr is None or b.stderr is None else math.hypot(a.stderr, b.stderr)
    z = difference / stderr if stderr else None
    far = _apart(a.temperature_k, b.temperature_k) > SAME_TEMPERATURE_K
    far = far or _apart(a.pressure_bar, b.pressure_bar) > SAME_PRESSURE_BAR
    return ComparedValue(psmiles, name, a, b, difference, stderr, z, "other state" if far else _verdict(z))


def _verdict(z: float | None) -> Verdict:
    if z is None:
        return "no error"
    if abs(z) <= AGREE_BELOW:
        return "agree"
    return "unclear" if abs(z) <= DIFFER_ABOVE else "differ"


def _summaries(values: Sequence[ComparedValue]) -> list[ComparedProperty]:
    from polyomics.analysis.agreement import agreement

    groups: dict[tuple[str, str], list[ComparedValue]] = {}
    for item in values:
        if item.verdict not in ("other state", "other unit"):
            groups.setdefault((item.property, item.a.unit), []).append(item)
    found = []
    for (name, unit), some in sorted(groups.items()):
        agreed = agreement([item.b.value for item in some], [item.a.value for item in some])
        found.append(
            ComparedProperty(
                property=name,
                unit=unit,
                n=agreed.n,
                bias=agreed.bias,
                mean_absolute_difference=agreed.mean_absolute_error,
                r_squared=agreed.pearson_r_squared,
                n_agree=sum(item.verdict == "agree" for item in some),
                n_differ=sum(item.verdict == "differ" for item in some),
            )
        )
    return found
