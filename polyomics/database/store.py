"""The results: studies go in step by step, whole records come out.

Every method that writes is one transaction and may be run twice: the second time leaves the same rows.
Writers of one study wait for each other, and so do all writers of one SQLite file; none is refused.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Connection, Engine, Row, Select, func, select
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
from polyomics.database.keys import full_key
from polyomics.database.rows import (
    Artifact,
    NewStudy,
    Polymer,
    StageRecord,
    StoredFailure,
    StudyRow,
    StudyStatus,
    StudySummary,
)
from polyomics.database.schema import prepare
from polyomics.database.structures import StructureIndex
from polyomics.database.submission import put_studies, whole_spec
from polyomics.database.writes import (
    end_attempt,
    end_of,
    fail,
    locked_study,
    plain_json,
    put_artifacts,
    put_criteria,
    put_failures,
    put_measurements,
    put_provenance,
    replace,
    set_study,
)
from polyomics.errors import StorageUnavailable
from polyomics.records import Criterion, Failure, Measurement

if TYPE_CHECKING:
    from polyomics.frames import Search


class Store:
    """The results in one database. Made by `Store.open`; use it in a `with` statement, or `close` it."""

    def __init__(self, engine: Engine, url: URL, *, read_only: bool) -> None:
        self._engine = engine
        self._url = url
        self.read_only = read_only
        self.structures = StructureIndex()

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

    @property
    def parsed_url(self) -> URL:
        """Where the results are, with everything needed to open them."""
        return self._url

    def search(self, **settings: Any) -> "Search":
        """Some of the results, to be had as frames; settings as in `polyomics.frames.Search`.

        Raises:
            InvalidSettings: A setting that does not exist or has no meaningful value.
        """
        from polyomics.frames import Search

        return Search.of(self, settings)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the results, for queries of your own."""
        with reading(self._engine, self._url) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that may write; committed at the end, or nothing of it stays."""
        if self.read_only:
            raise StorageUnavailable(f"the database {self.url} was opened for reading only")
        with writing(self._engine, self._url) as connection:
            yield connection

    # ---------------------------------------------------------------- studies

    def add_study(self, study: NewStudy) -> bool:
        """Enter a study as queued, and its polymer; True if it is new, False if its key was there already."""
        with self.writing() as connection:
            return bool(put_studies(connection, [study]))

    def finish_study(
        self,
        key: str,
        measurements: Iterable[Measurement] = (),
        *,
        criteria: Iterable[Criterion] = (),
        failures: Iterable[Failure] = (),
        provenance: Mapping[str, object] | None = None,
        artifacts: Iterable[Artifact] = (),
        attempt_id: int | None = None,
    ) -> None:
        """Mark a study as done together with its results: all in one transaction, or nothing.

        Args:
            key: The study.
            measurements: Its results; one of the same name and conditions is replaced.
            criteria: Tests of equilibrium, the overall one last; they replace all that were stored before.
            failures: Properties that gave no value although the study went through.
            provenance: As in `record_provenance`.
            artifacts: As in `record_artifacts`.
            attempt_id: The attempt that has the results; it ends with them.

        Raises:
            LeaseLost: The attempt has ended, so somebody else has the study.
            StudyCancelled: The study is not wanted any more.
        """
        with self.writing() as connection:
            study = locked_study(connection, key, attempt_id, ending="done")
            put_measurements(connection, study.id, measurements)
            put_criteria(connection, study.id, criteria)
            put_failures(connection, study.id, failures)
            put_provenance(connection, study.id, provenance or {})
            put_artifacts(connection, study.id, artifacts)
            set_study(connection, study.id, status="done", ended=end_of(connection, study, "done"))
            if attempt_id is not None:
                end_attempt(connection, attempt_id, "done")

    def fail_study(self, key: str, failure: Failure, *, attempt_id: int | None = None) -> None:
        """Mark a study as failed and store why; what it had measured before stays. See `finish_study`."""
        with self.writing() as connection:
            study = locked_study(connection, key, attempt_id, ending="failed")
            fail(connection, study, failure)
            if attempt_id is not None:
                end_attempt(connection, attempt_id, "failed", error_kind=failure.kind, error_message=failure.message)

    # ---------------------------------------------------------------- what a study leaves

    def record_stage(self, key: str, stage: StageRecord, *, attempt_id: int | None = None) -> None:
        """Store a step of a study, in place of the one stored at the same place in the sequence."""
        row = stage.model_dump() | {"detail": plain_json(stage.detail, f"detail of stage {stage.name!r}")}
        with self.writing() as connection:
            study = locked_study(connection, key, attempt_id)
            replace(connection, tables.Stage, [row | {"study_id": study.id}], unique=("study_id", "sequence"))

    def record_measurements(self, key: str, measurements: Iterable[Measurement]) -> None:
        """Store results, in place of those of the same name and conditions."""
        with self.writing() as connection:
            put_measurements(connection, locked_study(connection, key).id, measurements)

    def record_failure(self, key: str, failure: Failure) -> None:
        """Store a failure, in place of the one of the same stage and kind; the study goes on."""
        with self.writing() as connection:
            put_failures(connection, locked_study(connection, key).id, [failure])

    def record_provenance(self, key: str, provenance: Mapping[str, object]) -> None:
        """Store versions, checksums, the platform; a value that is not text is stored as its JSON."""
        with self.writing() as connection:
            put_provenance(connection, locked_study(connection, key).id, provenance)

    def record_artifacts(self, key: str, artifacts: Iterable[Artifact]) -> None:
        """Store which files a study left, in place of those at the same path."""
        with self.writing() as connection:
            put_artifacts(connection, locked_study(connection, key).id, artifacts)

    # ---------------------------------------------------------------- looking up

    def study(self, key: str) -> StudyRow:
        """A study with everything stored of it.

        Args:
            key: Its key, or the beginning of it if no other key begins so.

        Raises:
            StudyNotFound: None, or several; the message lists keys that come close.
        """
        with self.reading() as connection:
            whole_key = full_key(connection, key.strip())
            query = study_query().add_columns(tables.Study.spec, tables.Protocol.content).join(tables.Protocol)
            row = connection.execute(query.where(tables.Study.key == whole_key)).one()
            return StudyRow(
                **summary_fields(row),
                spec=whole_spec(row.spec, row.content),
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
        column = tables.MeasurementRow.name
        first = select(func.min(column).label("name")).cte("names", recursive=True)
        following = select(func.min(column)).where(column > first.c.name).scalar_subquery()
        names = first.union_all(select(following).where(first.c.name.is_not(None)))
        with self.reading() as connection:
            return sorted(connection.scalars(select(names.c.name).where(names.c.name.is_not(None))))


# -------------------------------------------------------------------- reading


_SUMMARY_COLUMNS = {"id", *StudySummary.model_fields}


def study_query() -> Select[*tuple[Any, ...]]:
    """Columns of a study and of its polymer."""
    return select(
        *(column for column in tables.Study.__table__.columns if column.name in _SUMMARY_COLUMNS),
        tables.Polymer.key.label("polymer_key"),
        tables.Polymer.psmiles,
        tables.Polymer.formula,
        tables.Polymer.molar_mass_g_mol,
        tables.Polymer.polymer_class,
        tables.Polymer.classes,
    ).join(tables.Polymer, tables.Polymer.id == tables.Study.polymer_id)


def summary_fields(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    """Fields of a `StudySummary` from a row of `study_query`."""
    values = row._mapping
    polymer = Polymer(
        key=row.polymer_key,
        psmiles=row.psmiles,
        formula=row.formula,
        molar_mass_g_mol=row.molar_mass_g_mol,
        polymer_class=row.polymer_class,
        classes=tuple(row.classes),
    )
    names = [name for name in StudySummary.model_fields if name != "polymer"]
    return {"polymer": polymer, **{name: values[name] for name in names}}


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
