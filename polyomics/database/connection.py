"""Engines for SQLite and PostgreSQL that several processes can write through, and their failures."""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from polyomics.config import DATABASE_VARIABLE
from polyomics.database.limits import limited
from polyomics.errors import StorageUnavailable

BUSY_TIMEOUT_S = 30.0
"""How long a writer waits for the other writers of a SQLite file."""
CONNECT_TIMEOUT_S = 10
"""How long to wait for a PostgreSQL server to answer."""

EXAMPLES = "sqlite:////data/polyomics.db or postgresql://user:password@host/database"
_WRITES = "polyomics_writes"
_NO_SPACE_STATES = ("53",)
_DEFECTS = {"IntegrityError", "ProgrammingError", "DataError", "InternalError", "NotSupportedError"}
_REFUSED_STATES = ("42501", "25006")


def parse_url(text: str | URL) -> URL:
    """The URL of a SQLite file or a PostgreSQL database, checked, with our driver filled in.

    Raises:
        StorageUnavailable: Not a URL, a dialect we do not speak, or a driver that is not ours.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise StorageUnavailable(
            f"{masked(text)!r} is not a database URL; write for example {EXAMPLES}, "
            "with '@', ':' and '/' of a password percent-encoded"
        ) from error
    dialect, _, driver = url.drivername.partition("+")
    if dialect == "sqlite":
        return _checked_sqlite(url, driver)
    if dialect in ("postgresql", "postgres"):
        return _checked_postgresql(url, driver)
    raise StorageUnavailable(
        f"{masked(url)!r} names the database kind {dialect!r}; polyomics keeps results in "
        f"sqlite or postgresql: write for example {EXAMPLES}"
    )


def _checked_sqlite(url: URL, driver: str) -> URL:
    if driver not in ("", "pysqlite"):
        raise StorageUnavailable(f"{masked(url)!r} asks for the driver {driver!r}; write sqlite:///FILE")
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise StorageUnavailable(
            f"{masked(url)!r} does not name a file, and results kept in memory end with the process; "
            "write sqlite:///FILE"
        )
    return url.set(drivername="sqlite")


def _checked_postgresql(url: URL, driver: str) -> URL:
    if driver not in ("", "psycopg"):
        raise StorageUnavailable(
            f"{masked(url)!r} asks for the driver {driver!r}; polyomics uses psycopg: write postgresql://..."
        )
    if url.host and "@" in url.host:
        raise StorageUnavailable(
            f"{masked(url)!r} has more than one '@'; write an '@' inside a password as %40 (and '/' as %2F)"
        )
    return url.set(drivername="postgresql+psycopg")


def masked(url: str | URL) -> str:
    """The URL as it may be shown: no password, wherever it is written."""
    text = url.render_as_string(hide_password=False) if isinstance(url, URL) else str(url)
    text = text.replace("postgresql+psycopg://", "postgresql://")
    text = re.sub(r"(://[^:/@]*:).*@", r"\1***@", text, flags=re.DOTALL)
    return re.sub(r"((?:^|[?&])\w*password=)[^&]*", r"\1***", text, flags=re.IGNORECASE)


def sqlite_path(url: URL) -> Path:
    """File of a SQLite URL."""
    return Path(url.database or "").absolute()


def make_folder(url: URL) -> None:
    """Make the folder of a SQLite file, if it is not there."""
    if url.drivername != "sqlite":
        return
    folder = sqlite_path(url).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageUnavailable(
            f"the folder {folder} of the database cannot be made: {error.strerror}; "
            f"set {DATABASE_VARIABLE} to another place"
        ) from error


def make_engine(url: URL, *, read_only: bool = False, foreign_keys: bool = True) -> Engine:
    """An engine whose transactions are ready for several writing processes.

    SQLite: WAL, and `BEGIN IMMEDIATE` for every transaction started through `writing`, so that a read is
    never upgraded to a write, which no time-out can wait for. PostgreSQL: psycopg, connections checked
    before use.

    Args:
        url: As `parse_url` returns it.
        read_only: Refuse every write, by the database itself.
        foreign_keys: Enforce them in SQLite; only migrations turn them off, to rebuild a table.
    """
    if url.drivername == "sqlite":
        return _sqlite_engine(url, read_only=read_only, foreign_keys=foreign_keys)
    return _postgresql_engine(url, read_only=read_only)


def _sqlite_engine(url: URL, *, read_only: bool, foreign_keys: bool) -> Engine:
    path = sqlite_path(url)
    arguments: dict[str, Any] = {
        "timeout": BUSY_TIMEOUT_S,
        "isolation_level": None,
        "check_same_thread": False,
        "uri": True,
    }
    uri = path.as_uri() + ("?mode=ro" if read_only else "")
    if read_only and not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists():
        uri += "&immutable=1"  # a reader of a WAL database must else make files beside it
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(uri, **arguments), poolclass=QueuePool)

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        connection.execute("PRAGMA synchronous = NORMAL")
        if read_only:
            connection.execute("PRAGMA query_only = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql_engine(url: URL, *, read_only: bool) -> Engine:
    arguments = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_TIMEOUT_S}
    try:
        engine = create_engine(url, pool_pre_ping=True, connect_args=arguments)
    except ImportError as error:
        raise StorageUnavailable(
            f"{masked(url)!r} needs the PostgreSQL driver: pip install 'psycopg[binary]'"
        ) from error
    if read_only:

        @event.listens_for(engine, "connect")
        def _refuse_writes(connection: Any, _record: Any) -> None:
            connection.execute("SET default_transaction_read_only = on")
            connection.commit()

    return engine


@contextmanager
def writing(engine: Engine, url: URL) -> Iterator[Connection]:
    """A transaction that may write; committed at the end, or nothing of it stays."""
    with storage_errors(url), engine.execution_options(**{_WRITES: True}).begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine, url: URL) -> Iterator[Connection]:
    """A transaction that sees one state of the database, whatever others write meanwhile."""
    options: dict[str, Any] = {}
    if url.drivername != "sqlite":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with storage_errors(url), engine.connect() as connection:
        connection = connection.execution_options(**options)
        with limited(connection, url):
            yield connection


@contextmanager
def storage_errors(url: URL) -> Iterator[None]:
    """Turn what the database refuses for reasons outside the program into `StorageUnavailable`."""
    try:
        yield
    except (DBAPIError, PoolTimeout, sqlite3.OperationalError, sqlite3.DatabaseError) as error:
        if not _is_storage_trouble(error):
            raise
        raise StorageUnavailable(_sentence(url, error)) from error


def _is_storage_trouble(error: SQLAlchemyError | sqlite3.Error) -> bool:
    """Whether the place is at fault; a refused value or a wrong statement is a defect and stays as it is."""
    original: BaseException = (error.orig or error) if isinstance(error, DBAPIError) else error
    if isinstance(original, PoolTimeout):
        return True
    names = {cls.__name__ for cls in type(original).__mro__}
    if names & _DEFECTS:
        return getattr(original, "sqlstate", None) in _REFUSED_STATES
    message = str(original)
    if isinstance(original, sqlite3.OperationalError):
        return not re.search(r"no such (table|column)|syntax error|too many|ambiguous", message)
    return bool(names & {"OperationalError", "InterfaceError", "DatabaseError"})


def _sentence(url: URL, error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    lines = str(original).strip().splitlines()
    reason = masked(lines[0].strip()) if lines else type(original).__name__
    password = url.password
    if password:
        reason = reason.replace(str(password), "***")
    return f"the database {masked(url)} cannot be used: {reason}; {_advice(url, reason, original)}"


def _advice(url: URL, reason: str, original: BaseException) -> str:
    state = getattr(original, "sqlstate", None) or ""
    lowered = reason.lower()
    if "full" in lowered or "disk i/o" in lowered or state.startswith(_NO_SPACE_STATES):
        return "free some space there and run the same command again"
    if "readonly" in lowered or "read-only" in lowered or state in _REFUSED_STATES:
        return f"it may be read but not written; ask for the right to, or set {DATABASE_VARIABLE} to another"
    if "locked" in lowered:
        return f"another process has held it for {BUSY_TIMEOUT_S:.0f} s; on a network disk use PostgreSQL"
    if "not a database" in lowered or "malformed" in lowered:
        return f"the file is no (whole) SQLite database; set {DATABASE_VARIABLE} to another file"
    if url.drivername == "sqlite":
        return f"check that the folder exists and may be written, or set {DATABASE_VARIABLE} to another place"
    return f"check that the server runs and that {DATABASE_VARIABLE} has the right host, port, user and database"
