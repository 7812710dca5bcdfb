"""Results by property, range, condition, quality and origin; long rows, or one row a study."""

import difflib
import re
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from sqlalchemy import ColumnElement, Connection, Select, SQLColumnExpression, Text, cast, select

from polyomics.database.condition import study_condition
from polyomics.database.listing import is_one_of
from polyomics.database.rows import StudyStatus, StudySummary
from polyomics.database.store import Store, study_query, summary_fields
from polyomics.database.structures import StructureIndex
from polyomics.database.tables import (
    Campaign,
    CampaignStudy,
    CriterionRow,
    FlagSet,
    MeasurementRow,
    Polymer,
    Provenance,
    Study,
)
from polyomics.errors import InvalidSettings, UnknownName
from polyomics.records import Record

ROWS_AT_A_TIME = 5000
"""Rows held in memory while a result is read."""
OVERALL = "equilibrium"
"""Name of the criterion that sums the others up."""
COMPUTED = "computed"
"""What `source` says for studies that were not imported."""


class Selection(Record):
    """Which results; everything given must hold."""

    property: str | None = None
    """Only values of this property."""
    minimum: float | None = None
    """Only values of `property` of at least this."""
    maximum: float | None = None
    """Only values of `property` of at most this."""
    where: str | None = None
    """Only of studies that satisfy this condition, e.g. "density > 1.0 and radius_of_gyration < 2"."""
    polymer: str | None = None
    """Only of this polymer: its key or its canonical SMILES."""
    preset: str | None = None
    """Only of studies from this preset."""
    status: StudyStatus | None = None
    """Only of studies with this status."""
    temperature_k: float | None = Field(default=None, gt=0)
    """Only of studies at this temperature [K]."""
    polymer_class: str | None = None
    """Only of polymers of this class, by name ("polyester") or code ("PEST"); one polymer may be of several."""
    smarts: str | None = None
    """Only of polymers that contain this pattern (SMARTS), wherever the repeat unit was cut."""
    similar_to: str | None = None
    """Only of polymers that are similar to this one, a p-SMILES."""
    similarity: float = Field(default=0.6, gt=0, le=1)
    """How similar to `similar_to`, as Tanimoto index of the environments of atoms, at least."""
    source: str | None = None
    """Only of studies from this data set; "computed": only those that polyomics ran."""
    campaign: str | None = None
    """Only of studies of this campaign."""
    polyomics_version: str | None = None
    """Only of studies whose values are from this version of polyomics."""
    equilibrated: bool = False
    """Only of studies whose cell was found to be in equilibrium."""
    unflagged: bool = False
    """Only values without any flag."""
    with_flags: tuple[str, ...] = ()
    """Only values that carry all of these flags."""
    without_flags: tuple[str, ...] = ()
    """Only values that carry none of these flags."""
    limit: int | None = Field(default=None, ge=0)
    """At most so many rows."""
    offset: int = Field(default=0, ge=0)
    """Rows to leave out at the beginning."""

    @field_validator("with_flags", "without_flags", mode="after")
    @classmethod
    def _flags_are_words(cls, flags: tuple[str, ...]) -> tuple[str, ...]:
        for flag in flags:
            if not re.fullmatch(r"[A-Za-z0-9_.:+ -]+", flag):
                raise ValueError(f"{flag!r} is not a flag; flags are words such as demo_quality")
        return flags

    @model_validator(mode="after")
    def _range_of_a_property(self) -> Self:
        if self.property is None and (self.minimum is not None or self.maximum is not None):
            raise ValueError("a minimum or maximum needs the property it belongs to")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"the minimum {self.minimum:g} is above the maximum {self.maximum:g}")
        return self


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One value with what is needed to judge, repeat and cite it."""

    psmiles: str
    property: str
    value: float
    stderr: float | None
    unit: str
    n_independent: float
    flags: tuple[str, ...]
    study_key: str
    polymer_key: str
    formula: str
    temperature_k: float | None
    pressure_bar: float | None
    preset: str
    replicate: int
    seed: int
    status: str
    created: datetime
    polymer_class: str = "unclassified"
    source: str = ""


_FLAGS = [field.name for field in fields(ResultRow)].index("flags")


def select_results(**settings: Any) -> Selection:
    """A `Selection` from settings as a user gives them.

    Raises:
        InvalidSettings: A setting that does not exist or has no meaningful value.
    """
    try:
        return Selection(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}: " for part in first["loc"][:1])
        known = ", ".join(Selection.model_fields)
        reason = first["msg"].removeprefix("Value error, ")
        raise InvalidSettings(f"{where}{reason} (a selection may have: {known})") from error


def query(store: Store, *, known_properties: Collection[str] = (), **settings: Any) -> list[ResultRow]:
    """The values that fit, as long rows, by study and property.

    Args:
        store: Where to look.
        known_properties: Names a condition may use although no value of them is stored yet.
        settings: The fields of `Selection`: property=, minimum=, maximum=, where=, polymer=, ...

    Raises:
        UnknownName: No such property.
        InvalidSettings: A condition or setting that is not understood.
    """
    selection = select_results(**settings)
    return [row for rows in result_batches(store, selection, known_properties) for row in rows]


def query_studies(store: Store, *, known_properties: Collection[str] = (), **settings: Any) -> list[StudySummary]:
    """The studies that fit, one row each, newest first; see `query` for the arguments.

    A property, a range or flags select the studies that have such a value.
    """
    selection = select_results(**settings)
    known = _known(store, selection, known_properties)
    statement = _fitting(study_query(), selection, known, polymers_of(store, selection))
    statement = (
        statement.order_by(Study.created.desc(), Study.id.desc()).limit(selection.limit).offset(selection.offset)
    )
    with store.reading() as connection:
        return [StudySummary(**summary_fields(row)) for row in connection.execute(statement)]


def chosen_studies(
    statement: Select[*tuple[Any, ...]],
    store: Store,
    selection: Selection,
    similar: Mapping[int, float] | None = None,
) -> Select[*tuple[Any, ...]]:
    """A statement on studies for those that fit; see `query_studies`.

    Args:
        statement: Selects from studies.
        store: Where to look.
        selection: Which studies.
        similar: What `similarities_of` says, where that is known already.
    """
    return _fitting(statement, selection, _known(store, selection, ()), polymers_of(store, selection, similar))


def _fitting(
    statement: Select[*tuple[Any, ...]], selection: Selection, known: Collection[str], polymers: Sequence[int] | None
) -> Select[*tuple[Any, ...]]:
    """Studies that fit, with a value that does where values are asked about."""
    return _of_study(statement, selection, known, polymers).where(*_has_value(selection))


def result_batches(
    store: Store, selection: Selection | None = None, known_properties: Collection[str] = ()
) -> Generator[Sequence[ResultRow], None, None]:
    """The values that fit, some thousand rows at a time, all from one state of the database."""
    selection = selection or Selection()
    known = _known(store, selection, known_properties)
    statement = _results(selection, known, polymers_of(store, selection))
    with store.reading() as connection:
        yield from _stream(connection, statement)


def _stream(connection: Connection, statement: Select[*tuple[Any, ...]]) -> Generator[Sequence[ResultRow], None, None]:
    result = connection.execution_options(yield_per=ROWS_AT_A_TIME).execute(statement)
    for rows in result.partitions():
        yield [_result(row) for row in rows]


def _result(row: Sequence[Any]) -> ResultRow:
    columns = list(row)
    columns[_FLAGS] = tuple(columns[_FLAGS])
    return ResultRow(*columns)


def similarities_of(store: Store, selection: Selection) -> dict[int, float]:
    """Similarity to what is asked for by the id of the polymer, most similar first; empty where it is not asked about.

    Raises:
        InvalidPolymer: What they are to be similar to is no repeat unit.
    """
    if selection.similar_to is None:
        return {}
    return StructureIndex.of(store).similar(selection.similar_to, selection.similarity)


def polymers_of(store: Store, selection: Selection, similar: Mapping[int, float] | None = None) -> list[int] | None:
    """Ids of the polymers whose structure fits, most similar first; None where structure is not asked about.

    Args:
        store: Where to look.
        selection: Which.
        similar: What `similarities_of` says, where that is known already.

    Raises:
        InvalidSettings: The pattern is no SMARTS.
        InvalidPolymer: What they are to be similar to is no repeat unit.
        OutOfReach: The search takes too long.
    """
    if selection.smarts is None and selection.similar_to is None:
        return None
    found = None if selection.smarts is None else StructureIndex.of(store).substructure(selection.smarts).tolist()
    if selection.similar_to is None:
        return found
    if similar is None:
        similar = similarities_of(store, selection)
    kept = set(similar) if found is None else set(found)
    return [one for one in similar if one in kept]


def _results(selection: Selection, known: Collection[str], polymers: Sequence[int] | None) -> Select[*tuple[Any, ...]]:
    value = MeasurementRow
    statement = (
        select(
            Polymer.psmiles,
            value.name,
            value.value,
            value.stderr,
            value.unit,
            value.n_independent,
            value.flags,
            Study.key,
            Polymer.key,
            Polymer.formula,
            value.temperature_k,
            value.pressure_bar,
            Study.preset,
            Study.replicate,
            Study.seed,
            Study.status,
            Study.created,
            Polymer.polymer_class,
            Study.source,
        )
        .select_from(Study)
        .join(Polymer, Polymer.id == Study.polymer_id)
        .join(value, value.study_id == Study.id)
    )
    ordered = _of_study(statement, selection, known, polymers).where(*value_tests(selection))
    return ordered.order_by(Study.id, value.name, value.conditions).limit(selection.limit).offset(selection.offset)


def _of_study(
    statement: Select[*tuple[Any, ...]],
    selection: Selection,
    known: Collection[str],
    polymers: Sequence[int] | None,
) -> Select[*tuple[Any, ...]]:
    if polymers is not None:
        statement = statement.where(is_one_of(Study.polymer_id, polymers))
    if selection.polymer_class is not None:
        name = class_name(selection.polymer_class)
        classes = cast(Polymer.classes, Text)
        statement = statement.where(
            _of_polymer((Polymer.polymer_class == name) | classes.contains(f'"{name}"', autoescape=True))
        )
    if selection.source is not None:
        statement = statement.where(Study.source == ("" if selection.source == COMPUTED else selection.source))
    if selection.campaign is not None:
        of_campaign = select(CampaignStudy.study_id).join(Campaign, Campaign.id == CampaignStudy.campaign_id)
        statement = statement.where(Study.id.in_(of_campaign.where(Campaign.name == selection.campaign)))
    if selection.polyomics_version is not None:
        made = (Provenance.name == "polyomics", Provenance.value == selection.polyomics_version)
        statement = statement.where(Study.id.in_(select(Provenance.study_id).where(*made)))
    if selection.where is not None:
        statement = statement.where(study_condition(selection.where, known))
    if selection.polymer is not None:
        is_it = (Polymer.key == selection.polymer) | (Polymer.psmiles == selection.polymer)
        statement = statement.where(_of_polymer(is_it))
    if selection.preset is not None:
        statement = statement.where(Study.preset == selection.preset)
    if selection.status is not None:
        statement = statement.where(Study.status == selection.status)
    if selection.temperature_k is not None:
        statement = statement.where(Study.temperature_k == selection.temperature_k)
    if selection.equilibrated:
        passed = (CriterionRow.name == OVERALL, CriterionRow.verdict == "pass")
        statement = statement.where(Study.id.in_(select(CriterionRow.study_id).where(*passed)))
    return statement


def _of_polymer(test: ColumnElement[bool]) -> ColumnElement[bool]:
    """That the polymer of a study satisfies a test."""
    return Study.polymer_id.in_(select(Polymer.id).where(test))


def value_tests(selection: Selection) -> list[ColumnElement[bool]]:
    """What a value must satisfy itself, beside what its study must."""
    tests: list[ColumnElement[bool]] = []
    if selection.property is not None:
        tests.append(MeasurementRow.name == selection.property)
    if selection.minimum is not None:
        tests.append(MeasurementRow.value >= selection.minimum)
    if selection.maximum is not None:
        tests.append(MeasurementRow.value <= selection.maximum)
    return [*tests, *_flag_tests(selection, cast(MeasurementRow.flags, Text))]


def _flag_tests(selection: Selection, flags: SQLColumnExpression[str]) -> list[ColumnElement[bool]]:
    """What the flags of one value, as text of a JSON list, must satisfy."""
    tests = [flags == "[]"] if selection.unflagged else []
    tests.extend(flags.contains(f'"{flag}"', autoescape=True) for flag in selection.with_flags)
    tests.extend(~flags.contains(f'"{flag}"', autoescape=True) for flag in selection.without_flags)
    return tests


def _has_value(selection: Selection) -> list[ColumnElement[bool]]:
    """That a study has a value which satisfies its tests; which flags its values have is kept beside them."""
    if selection.property is not None:
        return [Study.id.in_(select(MeasurementRow.study_id).where(*value_tests(selection)))]
    tests = _flag_tests(selection, FlagSet.flags)
    return [Study.id.in_(select(FlagSet.study_id).where(*tests))] if tests else []


def class_name(text: str) -> str:
    """Name of a polymer class from its name or code.

    Raises:
        UnknownName: There is no such class.
    """
    from polyomics.chemistry.polymer_class import POLYMER_CLASSES, UNCLASSIFIED

    names = {code.lower(): name for name, code in POLYMER_CLASSES.items()}
    known = [*POLYMER_CLASSES, UNCLASSIFIED]
    name = names.get(text.lower(), text.lower())
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownName(f"{text!r} is not a known polymer class{hint} (known: {', '.join(known)})")
    return name


def _known(store: Store, selection: Selection, extra: Collection[str]) -> set[str]:
    if selection.property is None and selection.where is None:
        return set(extra)
    known = {*store.property_names(), *extra}
    if selection.property is not None:
        refuse_unknown(selection.property, known)
    return known


def refuse_unknown(name: str, known: Collection[str]) -> None:
    """Refuse the name of a property that is not among those known.

    Raises:
        UnknownName: It is not; the message has the nearest name.
    """
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        listed = ", ".join(sorted(known)) or "none is stored yet"
        raise UnknownName(f"{name!r} is not a known property{hint} (known: {listed})")
