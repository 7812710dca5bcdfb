"""The results: studies go in step by step, whole records come out.

Every method that writes is one transaction and may be run twice: the second time leaves the same rows.
Writers of one study wait for each other, and so do all writers of one SQLite file; none is refused.
"""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import Connection, Engine, Row, Select, delete, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL

from polyomics.database import tables
from polyomics.database.connection import (
    make_engine,
    make_folder,
    masked,
    parse_url,
    reading,
    sqlite_path,
    writing,
)
from polyomics.database.rows import (
    Artifact,
    Polymer,
    StageRecord,
    StoredFailure,
    StudyRow,
    StudyStatus,
    StudySummary,
    relative_path,
)
from polyomics.database.schema import prepare
from polyomics.errors import InvalidSettings, StorageUnavailable, StudyNotFound
from polyomics.records import Criterion, Failure, Measurement

CANDIDATES = 2000
"""How many of the newest studies are looked through for a key like a misspelt one."""


class Store:
    """The results in one database. Made by `Store.open`; use it in a `with` statement, or `close` it."""

    def __init__(self, engine: Engine, url: URL, *, read_only: bool) -> None:
        self._engine = engine
        self._url = url
        self.read_only = read_only

    @classmethod
    def open(cls, url: str | URL, *, read_only: bool = False) -> Self:
        """Open the database, making or upgrading its tables where needed (see `schema`).

        Args:
            url: `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/DATABASE`.
            read_only: Make nothing, change nothing; the database itself refuses writes.

        Raises:
            StorageUnavailable: Not there, not readable, not writable, or not ours.
            DatabaseTooNew: Made by a newer polyomics.
        """
        parsed = parse_url(url)
        if parsed.drivername == "sqlite" and read_only and not sqlite_path(parsed).exists():
            raise StorageUnavailable(f"there is no database at {masked(parsed)} yet; run a polymer first")
        if not read_only:
            make_folder(parsed)
        engine = make_engine(parsed, read_only=read_only)
        try:
            prepare(engine, parsed, read_only=read_only)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, parsed, read_only=read_only)

    def close(self) -> None:
        """Give back the connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where the results are, without password."""
        return masked(self._url)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the results, for queries of your own."""
        with reading(self._engine, self._url) as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        if self.read_only:
            raise StorageUnavailable(f"the database {self.url} was opened for reading only")
        with writing(self._engine, self._url) as connection:
            yield connection

    # ---------------------------------------------------------------- studies

    def add_study(
        self,
        *,
        key: str,
        polymer: Polymer,
        spec: Mapping[str, Any],
        preset: str,
        seed: int,
        replicate: int,
        temperature_k: float,
        pressure_bar: float,
        run_folder: str,
    ) -> bool:
        """Enter a study as queued, and its polymer; True if it is new, False if its key was there already."""
        row = {
            "key": key,
            "spec": _plain_json(spec, "spec"),
            "preset": preset,
            "status": "queued",
            "seed": seed,
            "replicate": replicate,
            "temperature_k": temperature_k,
            "pressure_bar": pressure_bar,
            "run_folder": _relative_path(run_folder),
            "schema_version": tables.RECORD_SCHEMA_VERSION,
            "created": _now(),
        }
        with self._writing() as connection:
            _insert_new(connection, tables.Polymer, {**polymer.model_dump(), "created": row["created"]})
            polymer_id = connection.scalars(select(tables.Polymer.id).where(tables.Polymer.key == polymer.key)).one()
            return _insert_new(connection, tables.Study, {**row, "polymer_id": polymer_id})

    def start_study(self, key: str) -> bool:
        """Mark a study as running and forget its earlier failures; False, and no change, if it is done.

        A study that is still marked as running (its process was killed) keeps its first starting time.
        """
        with self._writing() as connection:
            study = _lock(connection, key)
            if study.status == "done":
                return False
            started = study.started if study.status == "running" else _now()
            _set_study(connection, study.id, status="running", started=started, ended=None)
            connection.execute(delete(tables.FailureRow).where(tables.FailureRow.study_id == study.id))
            return True

    def finish_study(
        self,
        key: str,
        measurements: Iterable[Measurement] = (),
        *,
        criteria: Iterable[Criterion] = (),
        failures: Iterable[Failure] = (),
        provenance: Mapping[str, object] | None = None,
        artifacts: Iterable[Artifact] = (),
    ) -> None:
        """Mark a study as done together with its results: all in one transaction, or nothing.

        Args:
            key: The study.
            measurements: Its results; one of the same name and conditions is replaced.
            criteria: Tests of equilibrium, the overall one last; they replace all that were stored before.
            failures: Properties that gave no value although the study went through.
            provenance: As in `record_provenance`.
            artifacts: As in `record_artifacts`.
        """
        with self._writing() as connection:
            study = _lock(connection, key)
            _put_measurements(connection, study.id, measurements)
            _put_criteria(connection, study.id, criteria)
            _put_failures(connection, study.id, failures)
            _put_provenance(connection, study.id, provenance or {})
            _put_artifacts(connection, study.id, artifacts)
            _set_study(connection, study.id, status="done", ended=_end(study, "done"))

    def requeue_study(self, key: str) -> None:
        """Mark a running study as waiting again: its process was asked to stop; the run folder keeps its work."""
        with self._writing() as connection:
            study = _lock(connection, key)
            if study.status == "running":
                _set_study(connection, study.id, status="queued")

    def fail_study(self, key: str, failure: Failure) -> None:
        """Mark a study as failed and store why; what it had measured before stays."""
        with self._writing() as connection:
            study = _lock(connection, key)
            _put_failures(connection, study.id, [failure])
            _set_study(connection, study.id, status="failed", ended=_end(study, "failed"))

    # ---------------------------------------------------------------- what a study leaves

    def record_stage(self, key: str, stage: StageRecord) -> None:
        """Store a step of a study, in place of the one stored at the same place in the sequence."""
        row = stage.model_dump() | {"detail": _plain_json(stage.detail, f"detail of stage {stage.name!r}")}
        with self._writing() as connection:
            study = _lock(connection, key)
            _replace(connection, tables.Stage, [row | {"study_id": study.id}], unique=("study_id", "sequence"))

    def record_measurements(self, key: str, measurements: Iterable[Measurement]) -> None:
        """Store results, in place of those of the same name and conditions."""
        with self._writing() as connection:
            _put_measurements(connection, _lock(connection, key).id, measurements)

    def record_failure(self, key: str, failure: Failure) -> None:
        """Store a failure, in place of the one of the same stage and kind; the study goes on."""
        with self._writing() as connection:
            _put_failures(connection, _lock(connection, key).id, [failure])

    def record_provenance(self, key: str, provenance: Mapping[str, object]) -> None:
        """Store versions, checksums, the platform; a value that is not text is stored as its JSON."""
        with self._writing() as connection:
            _put_provenance(connection, _lock(connection, key).id, provenance)

    def record_artifacts(self, key: str, artifacts: Iterable[Artifact]) -> None:
        """Store which files a study left, in place of those at the same path."""
        with self._writing() as connection:
            _put_artifacts(connection, _lock(connection, key).id, artifacts)

    # ---------------------------------------------------------------- looking up

    def study(self, key: str) -> StudyRow:
        """A study with everything stored of it.

        Args:
            key: Its key, or the beginning of it if no other key begins so.

        Raises:
            StudyNotFound: None, or several; the message lists keys that come close.
        """
        with self.reading() as connection:
            full_key = _full_key(connection, key.strip())
            row = connection.execute(study_query().where(tables.Study.key == full_key)).one()
            return StudyRow(
                **summary_fields(row),
                spec=row.spec,
                measurements=_measurements(connection, row.id),
                criteria=_criteria(connection, row.id),
                failures=_failures(connection, row.id),
                stages=_stages(connection, row.id),
                provenance=_provenance(connection, row.id),
                artifacts=_artifacts(connection, row.id),
            )

    def studies(
        self,
        *,
        status: StudyStatus | None = None,
        polymer: str | None = None,
        preset: str | None = None,
        limit: int | None = None,
    ) -> list[StudySummary]:
        """Studies without their children, newest first.

        Args:
            status: Only these.
            polymer: Only of this polymer: its key or its canonical SMILES.
            preset: Only from this preset.
            limit: At most so many.
        """
        query = study_query().order_by(tables.Study.created.desc(), tables.Study.id.desc()).limit(limit)
        if status is not None:
            query = query.where(tables.Study.status == status)
        if polymer is not None:
            query = query.where((tables.Polymer.key == polymer) | (tables.Polymer.psmiles == polymer))
        if preset is not None:
            query = query.where(tables.Study.preset == preset)
        with self.reading() as connection:
            return [StudySummary(**summary_fields(row)) for row in connection.execute(query)]

    def counts(self) -> dict[str, int]:
        """Number of studies of each status."""
        query = select(tables.Study.status, func.count().label("n")).group_by(tables.Study.status)
        with self.reading() as connection:
            found = {row.status: row.n for row in connection.execute(query)}
        return {status: found.get(status, 0) for status in tables.STUDY_STATUSES}

    def property_names(self) -> list[str]:
        """Names of all properties that have a value; one index look-up each, however many rows there are."""
        names: list[str] = []
        column = tables.MeasurementRow.name
        with self.reading() as connection:
            name = connection.scalar(select(func.min(column)))
            while name is not None:
                names.append(name)
                name = connection.scalar(select(func.min(column)).where(column > name))
        return sorted(names)


# -------------------------------------------------------------------- writing


def _now() -> datetime:
    return datetime.now(UTC)


def _dialect_insert(connection: Connection, table: type[tables.Base]) -> Any:
    """INSERT of the dialect; both have the same ON CONFLICT."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(table)


def _insert_new(connection: Connection, table: type[tables.Base], row: Mapping[str, Any]) -> bool:
    """Insert a row unless its key is there already; whether it was inserted."""
    statement = _dialect_insert(connection, table).on_conflict_do_nothing(index_elements=["key"])
    return connection.execute(statement.returning(text("id")), row).first() is not None


def _replace(
    connection: Connection,
    table: type[tables.Base],
    rows: Sequence[Mapping[str, Any]],
    *,
    unique: tuple[str, ...],
) -> None:
    """Insert rows; one with the same `unique` columns takes the other values."""
    if not rows:
        return
    statement = _dialect_insert(connection, table)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in unique}
    connection.execute(statement.on_conflict_do_update(index_elements=list(unique), set_=changed), list(rows))


def _lock(connection: Connection, key: str) -> Row[*tuple[Any, ...]]:
    """The study of exactly this key, held against other writers until the transaction ends."""
    study = tables.Study
    query = select(study.id, study.status, study.started, study.ended).where(study.key == key)
    row = connection.execute(query.with_for_update(key_share=True)).one_or_none()
    if row is None:
        raise _not_found(connection, key)
    return row


def _set_study(connection: Connection, study_id: int, **values: object) -> None:
    connection.execute(update(tables.Study).where(tables.Study.id == study_id).values(**values))


def _end(study: Row[*tuple[Any, ...]], status: str) -> datetime:
    """The end stays what it was when the same end is reported twice."""
    return study.ended if study.status == status and study.ended else _now()


def _conditions(temperature_k: float | None, pressure_bar: float | None) -> str:
    parts = []
    if temperature_k is not None:
        parts.append(f"{float(temperature_k)!r} K")
    if pressure_bar is not None:
        parts.append(f"{float(pressure_bar) + 0.0!r} bar")
    return ", ".join(parts)


def _put_measurements(connection: Connection, study_id: int, measurements: Iterable[Measurement]) -> None:
    rows = {}
    for item in measurements:
        conditions = _conditions(item.temperature_k, item.pressure_bar)
        rows[item.name, conditions] = item.model_dump() | {
            "study_id": study_id,
            "conditions": conditions,
            "value": float(item.value) + 0.0,  # SQLite keeps no negative zero
            "n_independent": float(item.n_independent),
            "flags": list(item.flags),
        }
    unique = ("study_id", "name", "conditions")
    _replace(connection, tables.MeasurementRow, [rows[name] for name in sorted(rows)], unique=unique)


def _put_criteria(connection: Connection, study_id: int, criteria: Iterable[Criterion]) -> None:
    """The tests of one judgement; any of an earlier one that is not among them goes."""
    rows = {item.name: item.model_dump() | {"study_id": study_id} for item in criteria}
    table = tables.CriterionRow
    connection.execute(delete(table).where(table.study_id == study_id, table.name.not_in(list(rows))))
    _replace(connection, table, list(rows.values()), unique=("study_id", "name"))


def _put_failures(connection: Connection, study_id: int, failures: Iterable[Failure]) -> None:
    """A failure must be stored whatever is in its message, so what no database takes is replaced."""
    rows = {}
    for item in failures:
        fields = {name: _storable(value) for name, value in item.model_dump(include=_FAILURE_FIELDS).items()}
        rows[fields["stage"], fields["kind"]] = fields | {"study_id": study_id, "created": _now()}
    unique = ("study_id", "stage", "kind")
    _replace(connection, tables.FailureRow, list(rows.values()), unique=unique)


_FAILURE_FIELDS = set(Failure.model_fields)


def _storable(value: str | None) -> str | None:
    """Text without NUL (PostgreSQL) and lone surrogates (UTF-8)."""
    return value and value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _put_provenance(connection: Connection, study_id: int, provenance: Mapping[str, object]) -> None:
    rows = [
        {
            "study_id": study_id,
            "name": name,
            "value": value if isinstance(value, str) else json.dumps(value, sort_keys=True),
        }
        for name, value in sorted(provenance.items())
    ]
    _replace(connection, tables.Provenance, rows, unique=("study_id", "name"))


def _put_artifacts(connection: Connection, study_id: int, artifacts: Iterable[Artifact]) -> None:
    rows = {item.path: item.model_dump() | {"study_id": study_id} for item in artifacts}
    _replace(connection, tables.ArtifactRow, [rows[path] for path in sorted(rows)], unique=("study_id", "path"))


def _plain_json(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    """A copy that is what the database will give back; NaN and foreign types are refused here."""
    try:
        copy: dict[str, Any] = json.loads(json.dumps(dict(value), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InvalidSettings(f"the {what} does not fit into JSON: {error}") from error
    return copy


def _relative_path(path: str) -> str:
    try:
        return relative_path(path)
    except ValueError as error:
        raise InvalidSettings(f"run_folder: {error}") from error


# -------------------------------------------------------------------- reading


def study_query() -> Select[*tuple[Any, ...]]:
    """Columns of a study and of its polymer."""
    return select(
        *tables.Study.__table__.columns,
        tables.Polymer.key.label("polymer_key"),
        tables.Polymer.psmiles,
        tables.Polymer.formula,
        tables.Polymer.molar_mass_g_mol,
    ).join(tables.Polymer, tables.Polymer.id == tables.Study.polymer_id)


def summary_fields(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    """Fields of a `StudySummary` from a row of `study_query`."""
    values = row._mapping
    polymer = Polymer(
        key=row.polymer_key,
        psmiles=row.psmiles,
        formula=row.formula,
        molar_mass_g_mol=row.molar_mass_g_mol,
    )
    names = [name for name in StudySummary.model_fields if name != "polymer"]
    return {"polymer": polymer, **{name: values[name] for name in names}}


def _full_key(connection: Connection, key: str) -> str:
    column = tables.Study.key
    exact = connection.scalar(select(column).where(column == key))
    if exact is not None:
        return str(exact)
    if not key:
        raise _not_found(connection, key)
    begins = func.substr(column, 1, len(key)) == key
    found = list(connection.scalars(select(column).where(begins).order_by(column).limit(6)))
    if len(found) == 1:
        return str(found[0])
    if found:
        shown = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
        raise StudyNotFound(f"several studies have a key that begins with {key!r}: {shown}; write more of it")
    raise _not_found(connection, key)


def _not_found(connection: Connection, key: str) -> StudyNotFound:
    newest = select(tables.Study.key).order_by(tables.Study.created.desc()).limit(CANDIDATES)
    keys = list(connection.scalars(newest))
    if not keys:
        return StudyNotFound(f"no study has the key {key!r}; the database holds none yet")
    close = difflib.get_close_matches(key, keys, n=3, cutoff=0.5)
    if not close:
        width = max(len(key), 1)
        close = [full for full in keys if difflib.SequenceMatcher(None, key, full[:width]).ratio() > 0.6][:3]
    hint = f"close to it: {', '.join(close)}" if close else f"the newest: {', '.join(keys[:3])}"
    return StudyNotFound(f"no study has a key that begins with {key!r}; {hint}")


def _children(connection: Connection, table: type[Any], study_id: int, *order: Any) -> Iterator[dict[str, Any]]:
    columns = [column for column in table.__table__.columns if column.name not in ("id", "study_id")]
    query = select(*columns).where(table.study_id == study_id).order_by(*order)
    for row in connection.execute(query):
        yield dict(row._mapping)


def _measurements(connection: Connection, study_id: int) -> tuple[Measurement, ...]:
    table = tables.MeasurementRow
    rows = _children(connection, table, study_id)
    found = [Measurement(**{name: row[name] for name in Measurement.model_fields}) for row in rows]
    return tuple(sorted(found, key=lambda item: (item.name, item.temperature_k or 0.0, item.pressure_bar or 0.0)))


def _criteria(connection: Connection, study_id: int) -> tuple[Criterion, ...]:
    rows = _children(connection, tables.CriterionRow, study_id, tables.CriterionRow.id)
    return tuple(Criterion(**row) for row in rows)


def _failures(connection: Connection, study_id: int) -> tuple[StoredFailure, ...]:
    table = tables.FailureRow
    rows = _children(connection, table, study_id, table.created, table.id)
    return tuple(StoredFailure(**row) for row in rows)


def _stages(connection: Connection, study_id: int) -> tuple[StageRecord, ...]:
    rows = _children(connection, tables.Stage, study_id, tables.Stage.sequence)
    return tuple(StageRecord(**row) for row in rows)


def _provenance(connection: Connection, study_id: int) -> dict[str, str]:
    rows = _children(connection, tables.Provenance, study_id)
    return dict(sorted((row["name"], row["value"]) for row in rows))


def _artifacts(connection: Connection, study_id: int) -> tuple[Artifact, ...]:
    rows = _children(connection, tables.ArtifactRow, study_id)
    return tuple(sorted((Artifact(**row) for row in rows), key=lambda item: item.path))
