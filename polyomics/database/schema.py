"""Which version the tables are in, and the way from one version to another.

Opening a database for writing makes the tables in an empty one. An older SQLite file is copied beside itself
and then upgraded; an older PostgreSQL database is left alone, because other machines may be writing to it
with the older code: upgrade it on purpose with `upgrade(url)`. A newer database is never touched.
"""

import io
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Engine, inspect, text
from sqlalchemy.engine import URL, Connection

from polyomics.database.connection import (
    BUSY_TIMEOUT_S,
    make_engine,
    make_folder,
    masked,
    parse_url,
    reading,
    sqlite_path,
    storage_errors,
    writing,
)
from polyomics.database.tables import Base
from polyomics.errors import DatabaseTooNew, StorageUnavailable
from polyomics.records import Record

if TYPE_CHECKING:
    from alembic.config import Config

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
"""Every version of the tables, oldest first; the last is what this code reads and writes."""
VERSION_TABLE = "polyomics_version"
"""Ours alone, so that other programs' tables may live in the same PostgreSQL database."""
SCRIPTS = Path(__file__).parent / "migrations"

_LOCK_NUMBER = 7_065_796_579
_State = Literal["missing", "empty", "foreign", "older", "current", "newer"]


class SchemaState(Record):
    """What a database holds, as far as polyomics is concerned."""

    url: str
    """Where, without password."""
    status: _State
    """missing (no such file), empty, foreign (tables, but not ours), older, current, or newer."""
    revision: str | None
    """Version of the tables found."""
    newest: str
    """Version this code works with."""


def inspect_schema(url: str | URL) -> SchemaState:
    """Look at a database without changing it."""
    parsed = parse_url(url)
    revision: str | None = None
    status: _State = "missing"
    if parsed.drivername != "sqlite" or sqlite_path(parsed).exists():
        engine = make_engine(parsed, read_only=True)
        try:
            with reading(engine, parsed) as connection:
                status, revision = _state(connection)
        finally:
            engine.dispose()
    return SchemaState(url=masked(parsed), status=status, revision=revision, newest=REVISIONS[-1])


def upgrade(url: str | URL, revision: str = "head") -> None:
    """Bring the tables to a version, in one transaction; a SQLite file with results is copied first."""
    _migrate(parse_url(url), lambda config: _alembic_upgrade(config, revision))


def downgrade(url: str | URL, revision: str) -> None:
    """Bring the tables back to an earlier version ("base": remove them, results included)."""
    from alembic import command

    _migrate(parse_url(url), lambda config: command.downgrade(config, revision), may_be_current=True)


def check(url: str | URL) -> None:
    """Raise Alembic's error if the tables in the code differ from those the migrations make."""
    from alembic import command

    _migrate(parse_url(url), command.check, may_be_current=True, backup=False)


def draft_migration(message: str, revision: str, scripts: Path | None = None) -> Path:
    """For developers: write the script from the newest migration to the tables in the code.

    Alembic sees neither changed nor missing CHECK constraints, and is not shown the indexes that only one of the two
    databases has (`VALUE_INDEXES`): add those by hand.
    """
    import tempfile

    from alembic import command

    drafted: list[Path] = []

    def draft(config: "Config") -> None:
        command.upgrade(config, "head")
        script = command.revision(config, message, autogenerate=True, rev_id=revision)
        drafted.extend(Path(item.path) for item in (script if isinstance(script, list) else [script]) if item)

    with tempfile.TemporaryDirectory() as folder:
        url = parse_url(f"sqlite:///{folder}/draft.db")
        _migrate(url, draft, may_be_current=True, backup=False, scripts=scripts)
    return drafted[0]


def prepare(engine: Engine, url: URL, *, read_only: bool) -> None:
    """Make sure that the database has the tables this code works with, as the module's text says.

    Raises:
        DatabaseTooNew: A newer polyomics made it.
        StorageUnavailable: It is older and may not be changed here, or is somebody else's.
    """
    if not read_only and url.drivername == "sqlite":
        _use_write_ahead_log(engine, url)
    with reading(engine, url) as connection:
        status, revision = _state(connection)
    if status == "current":
        return
    if status == "newer":
        raise _too_new(url, revision)
    if status == "foreign":
        raise _foreign(url)
    if read_only and status == "empty":
        raise StorageUnavailable(f"the database {masked(url)} has no results yet; run a polymer first")
    if read_only or (status == "older" and url.drivername != "sqlite"):
        raise _too_old(url, revision)
    upgrade(url)


def check_revision(connection: Connection, url: str) -> None:
    """Refuse to go on with tables that were changed since the database was opened.

    In PostgreSQL they are not changed before the transaction has ended either, nor is it begun while they are.

    Raises:
        StorageUnavailable: They are older or newer than this code; the message says what to upgrade.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock_shared(:number)"), {"number": _LOCK_NUMBER})
    revision = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()
    if revision != REVISIONS[-1]:
        raise _too_new(parse_url(url), revision) if revision not in REVISIONS else _too_old(parse_url(url), revision)


def _state(connection: Connection) -> tuple[_State, str | None]:
    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE not in tables:
        return ("foreign" if tables & set(Base.metadata.tables) else "empty"), None
    revision = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()
    if revision is None:
        return "empty", None
    if revision not in REVISIONS:
        return "newer", revision
    return ("current" if revision == REVISIONS[-1] else "older"), revision


def _too_new(url: URL, revision: str | None) -> DatabaseTooNew:
    return DatabaseTooNew(
        f"the database {masked(url)} has tables of version {revision}, newer than the {REVISIONS[-1]} of "
        "this polyomics; install the polyomics that made it, or a newer one"
    )


def _too_old(url: URL, revision: str | None) -> StorageUnavailable:
    return StorageUnavailable(
        f"the database {masked(url)} has tables of version {revision}, this polyomics needs "
        f"{REVISIONS[-1]}; make a copy of it, stop what writes to it, and upgrade it with "
        "`polyomics db upgrade` (polyomics.database.upgrade(url) from Python)"
    )


def _foreign(url: URL) -> StorageUnavailable:
    return StorageUnavailable(
        f"the database {masked(url)} has tables of the same names that polyomics did not make; "
        "give it an empty database"
    )


def _use_write_ahead_log(engine: Engine, url: URL) -> None:
    """Readers do not wait for writers; a property of the file, set once, tried again while others hold it."""
    give_up = time.monotonic() + BUSY_TIMEOUT_S
    with storage_errors(url), closing(engine.raw_connection()) as connection:
        while True:
            try:
                mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > give_up:
                    raise
                time.sleep(0.02)
                continue
            if mode != "wal":
                raise StorageUnavailable(
                    f"the disk of {masked(url)} cannot share a SQLite file between processes "
                    "(a network disk?); use a local disk, or PostgreSQL"
                )
            return


def _migrate(
    url: URL,
    run: Callable[["Config"], object],
    *,
    may_be_current: bool = False,
    backup: bool = True,
    scripts: Path | None = None,
) -> None:
    """Run Alembic in one transaction which no other process can be in at the same time."""
    from alembic.config import Config

    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(scripts or SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
    make_folder(url)
    engine = make_engine(url, foreign_keys=False)
    try:
        with writing(engine, url) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
            status, revision = _state(connection)
            if status == "newer":
                raise _too_new(url, revision)
            if status == "foreign":
                raise _foreign(url)
            if status == "current" and not may_be_current:
                return
            if revision is not None and backup and connection.dialect.name == "sqlite":
                _back_up(sqlite_path(url), revision)
            config.attributes["connection"] = connection
            run(config)
            _check_references(connection)
    finally:
        engine.dispose()


def _alembic_upgrade(config: "Config", revision: str) -> None:
    from alembic import command

    command.upgrade(config, revision)


def _check_references(connection: Connection) -> None:
    """SQLite only enforces references outside migrations, so look before committing."""
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise RuntimeError(f"the migration would leave {len(broken)} rows without what they refer to")


def _back_up(path: Path, revision: str) -> Path:
    """Copy a SQLite database, whatever is still in its log included, beside itself."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    copy = path.with_name(f"{path.name}.{revision}-{stamp}.bak")
    unfinished = copy.with_name(f".{copy.name}.tmp")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(unfinished)) as target:
        source.backup(target)
    os.replace(unfinished, copy)
    return copy
