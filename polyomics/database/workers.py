"""Who takes studies from the queue, and who looks after what only one may."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import select, update

from polyomics import __version__
from polyomics.database import tables
from polyomics.database.rows import WorkerRow
from polyomics.database.store import Store
from polyomics.database.writes import dialect_insert, now

WorkerState = Literal["working", "draining", "quarantined", "stopped"]

SILENT_S = 120.0
"""A worker not heard of for so long counts as gone."""


def enter_worker(
    store: Store, name: str, *, host: str, pid: int, pool: str, slots: int, devices: Sequence[str] = ()
) -> int:
    """Enter a worker, or take over the row of an earlier one of this name; the id of its row."""
    worker = tables.Worker
    with store.writing() as connection:
        moment = now(connection)
        row = {
            "name": name,
            "host": host,
            "pid": pid,
            "pool": pool,
            "slots": slots,
            "devices": list(devices),
            "version": __version__,
            "state": "working",
            "note": "",
            "ns_per_day": None,
            "started": moment,
            "seen": moment,
        }
        statement = dialect_insert(connection, worker).values(row)
        changed = {column: statement.excluded[column] for column in row if column != "name"}
        statement = statement.on_conflict_do_update(index_elements=["name"], set_=changed)
        return int(connection.execute(statement.returning(worker.id)).scalar_one())


def worker_is_seen(
    store: Store, worker_id: int, *, state: WorkerState, note: str = "", ns_per_day: float | None = None
) -> None:
    """Say that a worker is there, and how it is.

    Args:
        store: Where it is entered.
        worker_id: Its row.
        state: What it does.
        note: Why.
        ns_per_day: Speed it has measured; none leaves what was said before.
    """
    worker = tables.Worker
    with store.writing() as connection:
        values: dict[str, Any] = {"seen": now(connection), "state": state, "note": note}
        if ns_per_day is not None:
            values["ns_per_day"] = ns_per_day
        connection.execute(update(worker).where(worker.id == worker_id).values(**values))


def workers(store: Store, *, pool: str | None = None, alive: bool = True) -> list[WorkerRow]:
    """Workers by name.

    Args:
        store: Where they are entered.
        pool: Only those of this pool.
        alive: Only those heard of lately that have not stopped.
    """
    worker = tables.Worker
    query = select(*worker.__table__.columns).order_by(worker.name)
    if pool is not None:
        query = query.where(worker.pool == pool)
    with store.reading() as connection:
        if alive:
            silent = now(connection) - timedelta(seconds=SILENT_S)
            query = query.where(worker.state != "stopped", worker.seen >= silent)
        return [WorkerRow(**row) for row in connection.execute(query).mappings()]


def take_duty(store: Store, name: str, holder: str, for_s: float) -> bool:
    """Whether `holder` is the one that does a duty from now on for so long; again while it has it, prolongs it."""
    duty = tables.Duty
    with store.writing() as connection:
        moment = now(connection)
        row = {"name": name, "holder": holder, "until": moment + timedelta(seconds=for_s)}
        statement = dialect_insert(connection, duty).values(row)
        changed = {"holder": statement.excluded.holder, "until": statement.excluded.until}
        free = (duty.until < moment) | (duty.holder == holder)
        statement = statement.on_conflict_do_update(index_elements=["name"], set_=changed, where=free)
        return connection.execute(statement.returning(duty.name)).first() is not None
