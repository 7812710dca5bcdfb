"""The queue: who holds which study, for how long, and what became of it.

A study is held by an **attempt**, whose lease the holder renews. Whoever finds a lease that has run out may give the
study to another; the attempt then has an end, and everything its former holder still tries to write is refused
(`writes.locked_study`). Times are those of the database, so that no worker's clock matters. Every method is one
transaction and may be called again when nobody knows whether it was carried out.
"""

import platform
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, exists, insert, select, true, update

from polyomics import __version__
from polyomics.database import tables
from polyomics.database.rows import Attempt, Claim, Holder
from polyomics.database.schema import check_revision
from polyomics.database.store import Store
from polyomics.database.submission import whole_spec
from polyomics.database.writes import end_attempt, fail, locked_study, now, plain_json, set_study
from polyomics.errors import LeaseLost, StudyBusy, StudyNotFound
from polyomics.records import Failure

LEASE_S = 180.0
"""How long a study stays with a holder that is not heard of."""
MOST_DEATHS = 5
"""How many times in a row a study may take its process with it at the same place before it is given up."""
MOST_ERRORS = 3
"""How many times in a row the same trouble of the machine may meet a study before it is given up."""
EXPIRED_AT_A_TIME = 20

Renewal = Literal["held", "cancelled", "lost"]


class Queue:
    """The studies of a store as work: to be claimed, held, and ended.

    Args:
        store: Where the studies are.
        lease_s: How long a claim lasts without being renewed [s].
        most_deaths: How many processes a study may end in a row without getting further.
    """

    def __init__(self, store: Store, *, lease_s: float = LEASE_S, most_deaths: int = MOST_DEATHS) -> None:
        self.store = store
        self.lease_s = lease_s
        self.most_deaths = most_deaths

    def claim_next(
        self,
        holder: Holder,
        *,
        pools: Sequence[str] = ("",),
        segment_gpu_s: float | None = None,
        avoid: Sequence[str] = (),
    ) -> Claim | None:
        """Take the study that is next: by priority, then by age; None if there is none.

        Args:
            holder: Who takes it.
            pools: Pools whose studies may be taken; the empty one has those for anybody.
            segment_gpu_s: Only studies whose longest segment is estimated to take at most this long [s].
            avoid: Keys of a few studies to leave to others as long as there is something else.
        """
        with self.store.writing() as connection:
            check_revision(connection, self.store.url)
            moment = now(connection)
            self._take_from_the_dead(connection, moment)
            study_id = _next_study(connection, pools, segment_gpu_s, avoid)
            if study_id is None and avoid:
                study_id = _next_study(connection, pools, segment_gpu_s, ())
            return None if study_id is None else self._hold(connection, study_id, holder, moment)

    def claim(self, key: str, holder: Holder, *, holder_before_is_dead: bool = False) -> Claim:
        """Take one study, whatever its status: a finished one is opened again.

        Args:
            key: Which one.
            holder: Who takes it.
            holder_before_is_dead: Its process is known to have ended, if it was on this machine.

        Raises:
            StudyBusy: Someone holds it.
        """
        with self.store.writing() as connection:
            study = locked_study(connection, key)
            moment = now(connection)
            held = _live_attempt(connection, study.id)
            if held is not None:
                dead = holder_before_is_dead and held.host == holder.host
                if not end_attempt(connection, held.id, "lost", if_silent_at=None if dead else moment):
                    left_s = max((held.lease_until - moment).total_seconds(), 0.0)
                    raise StudyBusy(
                        f"study {key} is being run by process {held.pid} of {held.host}; wait for it, or, if that is "
                        f"gone, {left_s:.0f} s for its lease to run out"
                    )
            return self._hold(connection, study.id, holder, moment)

    def adopt(self, attempt_id: int, *, pid: int | None = None) -> Claim:
        """The claim behind an attempt that was made for this process.

        Raises:
            LeaseLost: It has ended meanwhile.
        """
        attempt = tables.Attempt
        with self.store.writing() as connection:
            statement = update(attempt).where(attempt.id == attempt_id, attempt.ended.is_(None))
            if connection.execute(statement.values(pid=pid)).rowcount == 0:
                raise LeaseLost(f"attempt {attempt_id} has ended; nothing is left to do for it")
            return _claim(connection, attempt_id)

    def renew(self, attempt_id: int, progress: dict[str, Any] | None = None) -> Renewal:
        """Prolong the lease of an attempt, and say how far it is.

        Also one that ran out is prolonged, as long as nobody has taken the study.

        Args:
            attempt_id: Which attempt.
            progress: Plain JSON values; `done_ps` among them says how far MD is.
        """
        attempt = tables.Attempt
        with self.store.writing() as connection:
            moment = now(connection)
            values: dict[str, Any] = {"seen": moment, "lease_until": moment + timedelta(seconds=self.lease_s)}
            if progress is not None:
                values["progress"] = plain_json(progress, "progress")
                if progress.get("done_ps") is not None:
                    values["reached_ps"] = progress["done_ps"]
            statement = update(attempt).where(attempt.id == attempt_id, attempt.ended.is_(None)).values(**values)
            if connection.execute(statement).rowcount == 0:
                return "lost"
            status = select(tables.Study.status).join(attempt, attempt.study_id == tables.Study.id)
            return "cancelled" if connection.scalar(status.where(attempt.id == attempt_id)) == "cancelled" else "held"

    def release(self, attempt_id: int) -> None:
        """Give a study back: it waits again, or stays cancelled if it was."""
        self._end(attempt_id, "released")

    def report_error(self, attempt_id: int, kind: str, message: str) -> None:
        """End an attempt that met trouble of the machine, not of the study: the study waits for another.

        The same kind of trouble several times in a row ends the study as failed.
        """
        self._end(attempt_id, "error", kind, message)

    def report_death(self, attempt_id: int, message: str) -> None:
        """End an attempt whose process is known to be gone; the study waits again.

        A study whose processes die several times in a row without getting further has failed.
        """
        self._end(attempt_id, "lost", "ProcessDied", message)

    def take_from_the_dead(self) -> int:
        """End the attempts whose leases have run out; how many. `claim_next` does it too."""
        with self.store.writing() as connection:
            return self._take_from_the_dead(connection, now(connection))

    def attempts(self, key: str) -> list[Attempt]:
        """The attempts at a study, oldest first."""
        attempt, worker = tables.Attempt, tables.Worker
        query = (
            select(*attempt.__table__.columns, worker.name.label("worker"))
            .join(worker, worker.id == attempt.worker_id, isouter=True)
            .join(tables.Study, tables.Study.id == attempt.study_id)
            .where(tables.Study.key == key)
        )
        with self.store.reading() as connection:
            found = connection.execute(query.order_by(attempt.number)).mappings()
            return [Attempt(**{name: row[name] for name in Attempt.model_fields}) for row in found]

    # ---------------------------------------------------------------- inside

    def _hold(self, connection: Connection, study_id: int, holder: Holder, moment: datetime) -> Claim:
        attempt, study = tables.Attempt, tables.Study
        latest = (
            select(study.status, study.started, attempt.number, attempt.reached_ps)
            .join(attempt, attempt.study_id == study.id, isouter=True)
            .where(study.id == study_id)
            .order_by(attempt.number.desc())
            .limit(1)
        )
        before = connection.execute(latest).one()
        row = {
            "study_id": study_id,
            "number": 1 + (before.number or 0),
            "reached_ps": before.reached_ps or 0.0,
            **holder.model_dump(),
            "version": __version__,
            "claimed": moment,
            "seen": moment,
            "lease_until": moment + timedelta(seconds=self.lease_s),
            "progress": {},
        }
        attempt_id = connection.execute(insert(attempt).values(row).returning(attempt.id)).scalar_one()
        goes_on = before.status in ("queued", "running") and before.started is not None
        started = before.started if goes_on else moment
        set_study(connection, study_id, status="running", started=started, ended=None)
        connection.execute(delete(tables.FailureRow).where(tables.FailureRow.study_id == study_id))
        return _claim(connection, attempt_id)

    def _end(self, attempt_id: int, outcome: str, kind: str | None = None, message: str | None = None) -> None:
        attempt = tables.Attempt
        with self.store.writing() as connection:
            study_key = select(tables.Study.key).join(attempt, attempt.study_id == tables.Study.id)
            key = connection.scalar(study_key.where(attempt.id == attempt_id))
            if key is None:
                raise StudyNotFound(f"there is no attempt {attempt_id}")
            self._end_and_requeue(connection, locked_study(connection, key), attempt_id, outcome, kind, message)

    def _end_and_requeue(
        self,
        connection: Connection,
        study: Row[*tuple[Any, ...]],
        attempt_id: int,
        outcome: str,
        kind: str | None,
        message: str | None,
        if_silent_at: datetime | None = None,
    ) -> bool:
        if study.status == "cancelled" and outcome != "lost":
            outcome = "cancelled"
        error = {"error_kind": kind, "error_message": message}
        if not end_attempt(connection, attempt_id, outcome, **error, if_silent_at=if_silent_at):
            return False
        if study.status != "running":
            return True
        if _hopeless(connection, study, outcome, self.most_deaths):
            fail(connection, study, Failure(stage="run", kind=kind or "ProcessDied", message=message or ""))
        else:
            set_study(connection, study.id, status="queued")
        return True

    def _take_from_the_dead(self, connection: Connection, moment: datetime) -> int:
        attempt, study = tables.Attempt, tables.Study
        query = (
            select(study.id, study.status, study.started, study.ended, attempt.id.label("attempt_id"), attempt.host)
            .join(attempt, attempt.study_id == study.id)
            .where(attempt.ended.is_(None), attempt.lease_until < moment)
            .limit(EXPIRED_AT_A_TIME)
        )
        rows = connection.execute(query.with_for_update(of=study, key_share=True, skip_locked=True)).all()
        silent = "its process was not heard of until its lease ran out"
        return sum(
            self._end_and_requeue(
                connection, row, row.attempt_id, "lost", "ProcessDied", f"{silent} ({row.host})", if_silent_at=moment
            )
            for row in rows
        )


def this_host() -> str:
    """Name of this machine, as stored with attempts."""
    return platform.node()


def _next_study(
    connection: Connection, pools: Sequence[str], segment_gpu_s: float | None, avoid: Sequence[str]
) -> int | None:
    """An index look-up per priority and pool, so that it takes as long in a queue of ten as of a million.

    A study that waits although someone still holds it, as after an UPDATE by hand, is passed over until it is free.
    """
    study, attempt = tables.Study, tables.Attempt
    free = ~exists().where(attempt.study_id == study.id, attempt.ended.is_(None))
    query = select(study.id).where(study.status == "queued", free)
    if avoid:
        query = query.where(study.key.not_in(avoid))
    # By `id` alone, or with `priority = ...`, PostgreSQL may walk along the ids of all that has ended.
    query = query.order_by(study.priority, study.id).limit(1)
    query = query.with_for_update(of=study, key_share=True, skip_locked=True)
    short = (study.segment_gpu_s <= segment_gpu_s, study.segment_gpu_s.is_(None)) if segment_gpu_s is not None else ()
    for priority in (2, 1, 0):
        of_priority = query.where(study.priority.between(priority, priority))
        found = [
            study_id
            for pool in dict.fromkeys(pools)
            for is_short in short or (true(),)
            for study_id in connection.scalars(of_priority.where(study.pool == pool, is_short))
        ]
        if found:
            return min(found)
    return None


def _live_attempt(connection: Connection, study_id: int) -> Row[*tuple[Any, ...]] | None:
    attempt = tables.Attempt
    query = select(attempt.id, attempt.host, attempt.pid, attempt.lease_until)
    return connection.execute(query.where(attempt.study_id == study_id, attempt.ended.is_(None))).one_or_none()


def _hopeless(connection: Connection, study: Row[*tuple[Any, ...]], outcome: str, most_deaths: int) -> bool:
    """Whether the latest attempts since it was last started anew all ended alike: in one trouble, or at one place."""
    most = {"lost": most_deaths, "error": MOST_ERRORS}.get(outcome)
    if most is None:
        return False
    attempt = tables.Attempt
    query = select(attempt.outcome, attempt.error_kind, attempt.reached_ps)
    query = query.where(attempt.study_id == study.id, attempt.claimed >= study.started)
    latest = connection.execute(query.order_by(attempt.number.desc()).limit(most)).all()
    alike = {(row.outcome, row.reached_ps if outcome == "lost" else row.error_kind) for row in latest}
    return len(latest) == most and len(alike) == 1


def _claim(connection: Connection, attempt_id: int) -> Claim:
    attempt, study = tables.Attempt, tables.Study
    query = (
        select(attempt.number, study.key, study.spec, study.flow_run_id, study.run_folder, tables.Protocol.content)
        .join(study, study.id == attempt.study_id)
        .join(tables.Protocol, tables.Protocol.id == study.protocol_id)
    )
    row = connection.execute(query.where(attempt.id == attempt_id)).one()
    return Claim(
        attempt_id=attempt_id,
        number=row.number,
        key=row.key,
        spec=whole_spec(row.spec, row.content),
        flow_run_id=row.flow_run_id,
    )
