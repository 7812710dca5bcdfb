"""How rows are written: inside a transaction that the caller has opened, and so that writing twice changes nothing."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Text, cast, delete, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from polyomics.database import tables
from polyomics.database.keys import not_found
from polyomics.database.listing import is_one_of
from polyomics.database.rows import Artifact, relative_path
from polyomics.errors import InvalidSettings, LeaseLost, StudyCancelled
from polyomics.records import Criterion, Failure, Measurement


def now(connection: Connection) -> datetime:
    """The time of the database, which counts for all: clocks of workers may be wrong.

    SQLite has none of its own, but all who use one file are on one machine.
    """
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    moment: datetime = connection.execute(select(func.now())).scalar_one()
    return moment.astimezone(UTC)


def dialect_insert(connection: Connection, table: type[tables.Base]) -> Any:
    """INSERT of the dialect; both have the same ON CONFLICT."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(table)


def insert_new(connection: Connection, table: type[tables.Base], row: Mapping[str, Any]) -> bool:
    """Insert a row unless its key is there already; whether it was inserted."""
    statement = dialect_insert(connection, table).on_conflict_do_nothing(index_elements=["key"])
    return connection.execute(statement.returning(text("id")), row).first() is not None


def replace(
    connection: Connection,
    table: type[tables.Base],
    rows: Sequence[Mapping[str, Any]],
    *,
    unique: tuple[str, ...],
) -> None:
    """Insert rows; one with the same `unique` columns takes the other values."""
    if not rows:
        return
    statement = dialect_insert(connection, table)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in unique}
    connection.execute(statement.on_conflict_do_update(index_elements=list(unique), set_=changed), list(rows))


def locked_study(
    connection: Connection, key: str, attempt_id: int | None = None, *, ending: str | None = None
) -> Row[*tuple[Any, ...]]:
    """The study of exactly this key, held against other writers until the transaction ends.

    Args:
        connection: In a transaction that may write.
        key: The study.
        attempt_id: The attempt the writer holds.
        ending: How the writer is about to end it. If it has ended so already, and nobody has taken the study since,
            the same may be written again: the writer may not have heard that it was.

    Raises:
        StudyNotFound: There is none.
        LeaseLost: The attempt has ended: someone else may hold the study.
        StudyCancelled: The attempt is still held, but the study is not wanted any more.
    """
    study = tables.Study
    query = select(study.id, study.status, study.started, study.ended).where(study.key == key)
    row = connection.execute(query.with_for_update(key_share=True)).one_or_none()
    if row is None:
        raise not_found(connection, key)
    if attempt_id is not None:
        _check_fence(connection, key, row, attempt_id, ending)
    return row


def _check_fence(
    connection: Connection, key: str, study: Row[*tuple[Any, ...]], attempt_id: int, ending: str | None
) -> None:
    attempt = tables.Attempt
    query = select(attempt.id, attempt.outcome).where(attempt.study_id == study.id)
    latest = connection.execute(query.order_by(attempt.number.desc()).limit(1)).one_or_none()
    if latest is None or latest.id != attempt_id or latest.outcome not in (None, ending):
        raise LeaseLost(f"study {key} is not this process's any more; its results are left to the one that holds it")
    if latest.outcome is None and study.status == "cancelled":
        raise StudyCancelled(f"study {key} was cancelled; its run folder keeps what was done")


def end_attempt(
    connection: Connection,
    attempt_id: int,
    outcome: str,
    *,
    error_kind: str | None = None,
    error_message: str | None = None,
    if_silent_at: datetime | None = None,
) -> bool:
    """Give an attempt its end; False if it had one already.

    Args:
        connection: In a transaction that may write and holds the study.
        attempt_id: The attempt.
        outcome: How it ends.
        error_kind: Class of what ended it.
        error_message: What that said.
        if_silent_at: Only if its lease had run out by then: it may be renewed at this very moment.
    """
    attempt = tables.Attempt
    statement = update(attempt).where(attempt.id == attempt_id, attempt.ended.is_(None))
    if if_silent_at is not None:
        statement = statement.where(attempt.lease_until < if_silent_at)
    values = {"ended": now(connection), "outcome": outcome, "error_kind": error_kind}
    return connection.execute(statement.values(**values, error_message=storable(error_message))).rowcount == 1


def set_study(connection: Connection, study_id: int, **values: object) -> None:
    """Change columns of a study."""
    connection.execute(update(tables.Study).where(tables.Study.id == study_id).values(**values))


def fail(connection: Connection, study: Row[*tuple[Any, ...]], failure: Failure) -> None:
    """Mark a study as failed, and store why."""
    put_failures(connection, study.id, [failure])
    set_study(connection, study.id, status="failed", ended=end_of(connection, study, "failed"))


def end_of(connection: Connection, study: Row[*tuple[Any, ...]], status: str) -> datetime:
    """The end stays what it was when the same end is reported twice."""
    return study.ended if study.status == status and study.ended else now(connection)


def conditions_text(temperature_k: float | None, pressure_bar: float | None) -> str:
    """How the conditions of a value are spelt out: "300.0 K, 1.01325 bar", "" for none."""
    parts = []
    if temperature_k is not None:
        parts.append(f"{float(temperature_k)!r} K")
    if pressure_bar is not None:
        parts.append(f"{float(pressure_bar) + 0.0!r} bar")
    return ", ".join(parts)


def put_measurements(connection: Connection, study_id: int, measurements: Iterable[Measurement]) -> None:
    """Store results, in place of those of the same name and conditions."""
    rows = {}
    for item in measurements:
        conditions = conditions_text(item.temperature_k, item.pressure_bar)
        rows[item.name, conditions] = item.model_dump() | {
            "study_id": study_id,
            "conditions": conditions,
            "value": float(item.value) + 0.0,  # SQLite keeps no negative zero
            "n_independent": float(item.n_independent),
            "flags": list(item.flags),
        }
    unique = ("study_id", "name", "conditions")
    replace(connection, tables.MeasurementRow, [rows[name] for name in sorted(rows)], unique=unique)
    if rows:
        keep_flag_sets(connection, [study_id])


def keep_flag_sets(connection: Connection, study_ids: Iterable[int]) -> None:
    """Note which sets of flags the values of some studies carry now; after every change of values."""
    value, kept, ids = tables.MeasurementRow, tables.FlagSet, list(study_ids)
    connection.execute(delete(kept).where(is_one_of(kept.study_id, ids)))
    found = select(value.study_id, cast(value.flags, Text)).where(is_one_of(value.study_id, ids)).distinct()
    connection.execute(insert(kept).from_select(["study_id", "flags"], found))


def put_criteria(connection: Connection, study_id: int, criteria: Iterable[Criterion]) -> None:
    """The tests of one judgement; any of an earlier one that is not among them goes."""
    rows = {item.name: item.model_dump() | {"study_id": study_id} for item in criteria}
    table = tables.CriterionRow
    connection.execute(delete(table).where(table.study_id == study_id, table.name.not_in(list(rows))))
    replace(connection, table, list(rows.values()), unique=("study_id", "name"))


def put_failures(connection: Connection, study_id: int, failures: Iterable[Failure]) -> None:
    """A failure must be stored whatever is in its message, so what no database takes is replaced."""
    rows = {}
    for item in failures:
        fields = {name: storable(value) for name, value in item.model_dump(include=_FAILURE_FIELDS).items()}
        rows[fields["stage"], fields["kind"]] = fields | {"study_id": study_id, "created": now(connection)}
    unique = ("study_id", "stage", "kind")
    replace(connection, tables.FailureRow, list(rows.values()), unique=unique)


_FAILURE_FIELDS = set(Failure.model_fields)


def storable(value: str | None) -> str | None:
    """Text without NUL (PostgreSQL) and lone surrogates (UTF-8)."""
    return value and value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def put_provenance(connection: Connection, study_id: int, provenance: Mapping[str, object]) -> None:
    """Store versions and the like; a value that is not text is stored as its JSON."""
    rows = [
        {
            "study_id": study_id,
            "name": name,
            "value": value if isinstance(value, str) else json.dumps(value, sort_keys=True),
        }
        for name, value in sorted(provenance.items())
    ]
    replace(connection, tables.Provenance, rows, unique=("study_id", "name"))


def put_artifacts(connection: Connection, study_id: int, artifacts: Iterable[Artifact]) -> None:
    """Store which files a study left, in place of those at the same path."""
    rows = {item.path: item.model_dump() | {"study_id": study_id} for item in artifacts}
    replace(connection, tables.ArtifactRow, [rows[path] for path in sorted(rows)], unique=("study_id", "path"))


def plain_json(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    """A copy that is what the database will give back; NaN and foreign types are refused here."""
    try:
        copy: dict[str, Any] = json.loads(json.dumps(dict(value), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InvalidSettings(f"the {what} does not fit into JSON: {error}") from error
    return copy


def checked_run_folder(path: str) -> str:
    """The path itself, if it stays below the home folder.

    Raises:
        InvalidSettings: It does not.
    """
    try:
        return relative_path(path)
    except ValueError as error:
        raise InvalidSettings(f"run_folder: {error}") from error
