"""Studies that were done elsewhere enter the database whole, many at a time, each once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, func, select

from polyomics.database import tables
from polyomics.database.rows import Polymer
from polyomics.database.submission import ENTERING_LOCK, split_spec, whole_spec
from polyomics.database.writes import checked_run_folder, conditions_text, dialect_insert, keep_flag_sets, now, storable
from polyomics.records import Criterion, Failure, Measurement

if TYPE_CHECKING:
    from polyomics.chemistry.structure import StructureKeys
    from polyomics.database.store import Store

KEYS_AT_A_TIME = 500
"""Keys in one statement; databases limit its length."""


@dataclass(frozen=True)
class FinishedStudy:
    """A study with everything that is known of it."""

    key: str
    """Its key: the same whenever it is entered again."""
    source: str
    """Data set it is from."""
    polymer: Polymer
    """Which polymer."""
    spec: Mapping[str, Any]
    """What is known of the request."""
    temperature_k: float
    """Temperature [K]."""
    pressure_bar: float
    """Pressure [bar]."""
    run_folder: str
    """Path below the home folder; there need be nothing."""
    preset: str = "imported"
    """Name its rows are found by."""
    seed: int = 0
    """Seed, where it is known."""
    replicate: int = 0
    """Number of the independent repetition, from 0."""
    measurements: Sequence[Measurement] = ()
    """Its values, at most one a property and state."""
    criteria: Sequence[Criterion] = ()
    """Tests of equilibrium."""
    failures: Sequence[Failure] = ()
    """What gave no value, at most one a property and kind."""
    provenance: Mapping[str, str] = field(default_factory=dict)
    """What made the values."""
    structure: StructureKeys | None = None
    """What its polymer is found by."""


def put_finished(store: Store, studies: Sequence[FinishedStudy]) -> set[str]:
    """Enter studies as done, with their polymers and values, in one transaction; the keys of those that are new.

    Those whose key is there already stay as they are. At most some hundred at a time.

    Args:
        store: A database open for writing.
        studies: What to enter.
    """
    wanted = {study.key: study for study in studies}
    if not wanted:
        return set()
    with store.writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(ENTERING_LOCK)))
        there = set(connection.scalars(select(tables.Study.key).where(tables.Study.key.in_(wanted))))
        new = [study for key, study in wanted.items() if key not in there]
        if not new:
            return set()
        study_ids = _put_studies(connection, new)
        _put_children(connection, [(study_ids[study.key], study) for study in new])
    return {study.key for study in new}


def provenance_values(store: Store, name: str, keys: Iterable[str]) -> dict[str, str]:
    """One line of the provenance of many studies, by key; studies that are not there, or lack it, are left out.

    Args:
        store: Where to look.
        name: Name of the line.
        keys: Keys of studies.
    """
    study, line = tables.Study, tables.Provenance
    columns = select(study.key, line.value).join(line, line.study_id == study.id).where(line.name == name)
    found: dict[str, str] = {}
    with store.reading() as connection:
        for some in _some(list(keys)):
            found.update((key, value) for key, value in connection.execute(columns.where(study.key.in_(some))))
    return found


def known_keys(store: Store, keys: Iterable[str]) -> set[str]:
    """Those of the keys that studies of the database have."""
    found: set[str] = set()
    with store.reading() as connection:
        for some in _some(list(keys)):
            found.update(connection.scalars(select(tables.Study.key).where(tables.Study.key.in_(some))))
    return found


@dataclass(frozen=True)
class StudyFacts:
    """What is known of a study besides its values."""

    spec: Mapping[str, Any]
    """The request."""
    classes: Sequence[str]
    """Classes of its polymer."""
    molar_mass_g_mol: float
    """Molar mass of its repeat unit [g/mol]."""
    provenance: dict[str, str] = field(default_factory=dict)
    """What made its values."""
    verdict: str | None = None
    """Whether its cell is in equilibrium: pass, fail or unknown; none where it was not judged."""


def facts_of(store: Store, keys: Sequence[str]) -> dict[str, StudyFacts]:
    """What is known of studies, by key."""
    study, polymer, line, test = tables.Study, tables.Polymer, tables.Provenance, tables.CriterionRow
    columns = (study.key, study.spec, tables.Protocol.content, polymer.classes, polymer.molar_mass_g_mol)
    requests = (
        select(*columns)
        .join(tables.Protocol, tables.Protocol.id == study.protocol_id)
        .join(polymer, polymer.id == study.polymer_id)
    )
    lines = select(study.key, line.name, line.value).join(line, line.study_id == study.id)
    verdicts = select(study.key, test.verdict).join(test, test.study_id == study.id).where(test.name == "equilibrium")
    found: dict[str, StudyFacts] = {}
    with store.reading() as connection:
        for some in _some(keys):
            judged = {row.key: row.verdict for row in connection.execute(verdicts.where(study.key.in_(some)))}
            for key, rest, protocol, classes, mass in connection.execute(requests.where(study.key.in_(some))):
                found[key] = StudyFacts(whole_spec(rest, protocol), classes, mass, {}, judged.get(key))
            for key, name, value in connection.execute(lines.where(study.key.in_(some))):
                found[key].provenance[name] = value
    return found


def sources(store: Store) -> list[str]:
    """Names of the data sets that studies were imported from; one index look-up each."""
    names: list[str] = []
    column = tables.Study.source
    with store.reading() as connection:
        name = connection.scalar(select(func.min(column)).where(column > ""))
        while name is not None:
            names.append(name)
            name = connection.scalar(select(func.min(column)).where(column > name))
    return names


def presets(store: Store) -> list[str]:
    """Names of the presets that studies are from."""
    with store.reading() as connection:
        return sorted(connection.scalars(select(tables.Study.preset).distinct()))


def property_names_of(store: Store, **side: str) -> list[str]:
    """Names of the properties that some studies have values of.

    Args:
        store: Where to look.
        side: study= or polymer= its key, preset= or source= its name.
    """
    value = tables.MeasurementRow
    query = select(value.name).distinct().join(tables.Study, tables.Study.id == value.study_id)
    return _column_of(store, query, side)


def polymer_keys_of(store: Store, **side: str) -> list[str]:
    """Keys of the polymers of some studies; see `property_names_of`."""
    query = select(tables.Polymer.key).distinct().join(tables.Study, tables.Study.polymer_id == tables.Polymer.id)
    return _column_of(store, query, side)


def _column_of(store: Store, query: Select[str], side: Mapping[str, str]) -> list[str]:
    ((kind, name),) = side.items()
    study = tables.Study
    if kind == "polymer":
        found = select(tables.Polymer.id).where(tables.Polymer.key == name)
        query = query.where(study.polymer_id.in_(found))
    elif kind == "source":
        query = query.where(study.source == ("" if name == "computed" else name))
    else:
        query = query.where((study.key if kind == "study" else study.preset) == name)
    with store.reading() as connection:
        return sorted(connection.scalars(query))


def _some(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    return (keys[start : start + KEYS_AT_A_TIME] for start in range(0, len(keys), KEYS_AT_A_TIME))


def _put_studies(connection: Connection, studies: Sequence[FinishedStudy]) -> dict[str, int]:
    """Rows of polymers, structures, requests and studies; the ids of the studies by key."""
    moment = now(connection)
    polymers = {study.polymer.key: study for study in studies}
    fields = {key: study.polymer.model_dump() | {"created": moment} for key, study in polymers.items()}
    polymer_ids = _ids(connection, tables.Polymer, fields)
    structures = [
        {"polymer_id": polymer_ids[key], **vars(study.structure)}
        for key, study in polymers.items()
        if study.structure is not None
    ]
    if structures:
        connection.execute(dialect_insert(connection, tables.Structure).on_conflict_do_nothing(), structures)
    specs = {study.key: split_spec(study.spec) for study in studies}
    protocols = {key: {"key": key, "content": content} for _, key, content in specs.values()}
    protocol_ids = _ids(connection, tables.Protocol, protocols)
    rows = [
        {
            "key": study.key,
            "polymer_id": polymer_ids[study.polymer.key],
            "spec": specs[study.key][0],
            "protocol_id": protocol_ids[specs[study.key][1]],
            "preset": study.preset,
            "status": "done",
            "seed": study.seed,
            "replicate": study.replicate,
            "temperature_k": study.temperature_k,
            "pressure_bar": study.pressure_bar,
            "run_folder": checked_run_folder(study.run_folder),
            "schema_version": tables.RECORD_SCHEMA_VERSION,
            "created": moment,
            "ended": moment,
            "source": study.source,
        }
        for study in studies
    ]
    return _ids(connection, tables.Study, {study.key: row for study, row in zip(studies, rows, strict=True)})


def _put_children(connection: Connection, studies: Sequence[tuple[int, FinishedStudy]]) -> None:
    moment = now(connection)
    measurements = [_measurement(number, item) for number, study in studies for item in study.measurements]
    criteria = [item.model_dump() | {"study_id": number} for number, study in studies for item in study.criteria]
    failures = [
        {
            "study_id": number,
            "stage": item.stage,
            "kind": item.kind,
            "message": storable(item.message),
            "workdir": item.workdir,
            "created": moment,
        }
        for number, study in studies
        for item in study.failures
    ]
    provenance = [
        {"study_id": number, "name": name, "value": storable(value)}
        for number, study in studies
        for name, value in study.provenance.items()
    ]
    children: tuple[tuple[type[tables.Base], list[dict[str, Any]]], ...] = (
        (tables.MeasurementRow, measurements),
        (tables.CriterionRow, criteria),
        (tables.FailureRow, failures),
        (tables.Provenance, provenance),
    )
    for table, rows in children:
        if rows:
            connection.execute(dialect_insert(connection, table), rows)
    keep_flag_sets(connection, [number for number, _ in studies])


def _measurement(study_id: int, item: Measurement) -> dict[str, Any]:
    return {
        "study_id": study_id,
        "name": item.name,
        "value": item.value + 0.0,  # SQLite keeps no negative zero
        "stderr": item.stderr,
        "unit": item.unit,
        "n_independent": item.n_independent,
        "flags": list(item.flags),
        "temperature_k": item.temperature_k,
        "pressure_bar": item.pressure_bar,
        "conditions": conditions_text(item.temperature_k, item.pressure_bar),
    }


def _ids(connection: Connection, table: Any, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Ids of rows by their key, which are inserted where they are not there, in order: no two writers are here."""
    statement = dialect_insert(connection, table).on_conflict_do_nothing(index_elements=["key"])
    connection.execute(statement, list(rows.values()))
    return {row.key: row.id for row in connection.execute(select(table.key, table.id).where(table.key.in_(rows)))}
