"""How long whoever asks may keep the database busy: a server answers many, and one question must not stop all."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError

from polyomics.errors import TookTooLong

_STEPS = 20_000
"""Instructions of SQLite's machine between two looks at the clock; about a millisecond."""
_CANCELED_STATE = "57014"


@dataclass(frozen=True)
class _Limit:
    seconds: float
    ends: float


_LIMIT: ContextVar[_Limit | None] = ContextVar("limit", default=None)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Let all that is read inside take no longer than this [s], together; what takes longer is given up.

    It holds for the thread or task it is set in, and for those started from there with its context. In PostgreSQL each
    statement may take as long as was left when its transaction began.

    Raises:
        TookTooLong: Inside, by the statement that was given up.
    """
    token = _LIMIT.set(_Limit(seconds, time.monotonic() + seconds))
    try:
        yield
    finally:
        _LIMIT.reset(token)


def check() -> None:
    """Raise if the limit that is set is over; for reading that does not go through `Store.reading`, piece by piece.

    Raises:
        TookTooLong: It is over.
    """
    limit = _LIMIT.get()
    if limit is not None and time.monotonic() > limit.ends:
        raise _too_long(limit)


@contextmanager
def limited(connection: Connection, url: URL) -> Iterator[None]:
    """Hold a transaction that reads to the limit that is set, if one is."""
    limit = _LIMIT.get()
    if limit is None:
        yield
        return
    check()
    try:
        if url.drivername == "sqlite":
            with _watched(connection, limit.ends):
                yield
        else:
            left_ms = max(1, int(1000 * (limit.ends - time.monotonic())))
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {left_ms:d}")
            yield
    except (DBAPIError, sqlite3.OperationalError) as error:
        original = error.orig if isinstance(error, DBAPIError) else error
        if str(original) == "interrupted" or getattr(original, "sqlstate", None) == _CANCELED_STATE:
            raise _too_long(limit) from error
        raise


@contextmanager
def _watched(connection: Connection, ends: float) -> Iterator[None]:
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.set_progress_handler(lambda: time.monotonic() > ends, _STEPS)
    try:
        yield
    finally:
        raw.set_progress_handler(None, 0)


def _too_long(limit: _Limit) -> TookTooLong:
    return TookTooLong(
        f"this was not answered within {limit.seconds:g} s and was given up; ask for less (one property, fewer "
        "conditions, a simpler pattern)"
    )
