"""What the queue holds and what runs, for people who watch: a handful of queries, however many studies there are."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, exists, func, select

from polyomics.database import tables
from polyomics.database.rows import WorkerRow
from polyomics.database.store import Store
from polyomics.database.workers import SILENT_S
from polyomics.database.writes import now
from polyomics.errors import CampaignNotFound
from polyomics.records import Record

FORGET_WORKERS_S = 86400.0
"""A worker that fell silent is shown for so long."""
EXAMPLES = 3
"""Keys named where there may be many."""


class RunningStudy(Record):
    """A study somebody works on, with what its process last said of itself."""

    key: str
    """The study."""
    psmiles: str
    """Its polymer."""
    preset: str
    """Its preset."""
    priority: int
    """0 low, 1 normal, 2 high."""
    gpu_hours: float | None
    """Its estimated cost."""
    attempt: int | None
    """Number of the attempt; none if nobody holds it."""
    worker: str | None
    """Name of the worker; none of a run by hand."""
    host: str | None
    """Machine."""
    pid: int | None
    """Process."""
    device: str
    """What it computes on; empty on a CPU."""
    claimed: datetime | None
    """When it was taken (UTC)."""
    seen: datetime | None
    """When it was last heard of (UTC)."""
    is_overdue: bool
    """Its lease has run out, so that any worker may take it."""
    stage: str
    """Step it is at; empty before its first report."""
    stage_index: int
    """Number of the stage, from 1; 0 outside MD."""
    n_stages: int
    """Number of stages; 0 outside MD."""
    done_ps: float
    """Simulated time done [ps]."""
    total_ps: float
    """Simulated time of all stages [ps]; 0 before MD."""
    ns_per_day: float | None
    """Speed."""
    density_g_cm3: float | None
    """Density so far."""
    seconds_left: float | None
    """Estimated time to the end of MD, from when it was last heard of [s]."""

    @property
    def progress(self) -> float:
        """How much of its MD is done, 0 to 1."""
        return min(self.done_ps / self.total_ps, 1.0) if self.total_ps else 0.0

    @property
    def gpu_hours_per_s(self) -> float | None:
        """Estimated cost it works off in a second; unknown before it has said how fast it is."""
        if not (self.total_ps and self.ns_per_day and self.gpu_hours):
            return None
        return self.gpu_hours * self.ns_per_day * 1000.0 / 86400.0 / self.total_ps


class FailureClass(Record):
    """Studies that failed for the same reason."""

    kind: str
    """Class of the error."""
    count: int
    """How many studies."""
    example_key: str
    """One of them."""
    example_message: str
    """What went wrong there."""


class Waiting(Record):
    """Studies that wait for workers of one pool."""

    pool: str
    """The pool; empty: any worker may take them."""
    count: int
    """How many."""
    n_workers: int
    """Workers at work that may take them."""


class Some(Record):
    """How many studies something holds for, and the keys of a few."""

    count: int = 0
    """How many."""
    keys: tuple[str, ...] = ()
    """Some of them."""


class Overview(Record):
    """The queue at one moment."""

    moment: datetime
    """When this was so, by the clock of the database (UTC)."""
    campaign: str | None
    """Only studies of this campaign are counted; none counts all."""
    counts: dict[str, int]
    """Number of studies by status."""
    running: tuple[RunningStudy, ...]
    """Studies somebody works on, the furthest first."""
    workers: tuple[WorkerRow, ...]
    """Workers that have not stopped, by name; also those that fell silent in the last day."""
    waiting: tuple[Waiting, ...]
    """Queued studies by pool."""
    failures: tuple[FailureClass, ...]
    """Failed studies by the class of their error, the most frequent first."""
    overdue: Some
    """Running studies whose lease has run out."""
    unheld: Some
    """Studies that are marked as running, which no process has ever claimed."""
    stopping: Some
    """Cancelled studies whose process is still there."""
    gpu_hours_done: float
    """Estimated cost of what is done."""
    gpu_hours_remaining: float
    """Estimated cost of what is queued or running and not done yet."""
    n_without_estimate: int
    """Studies queued or running of unknown cost; they count nothing in the above."""

    @property
    def is_over(self) -> bool:
        """Whether nothing is queued or running."""
        return not (self.counts["queued"] or self.counts["running"])

    @property
    def seconds_left(self) -> float | None:
        """Time to the end of everything at the speed of what runs now [s]; unknown while nothing has said its speed."""
        rates = [rate for rate in (study.gpu_hours_per_s for study in self.running) if rate is not None]
        if not rates or self.is_over:
            return None
        rate = len(self.running) * sum(rates) / len(rates)
        last = max((study.seconds_left or 0.0 for study in self.running), default=0.0)
        return max(self.gpu_hours_remaining / rate, last)

    def is_silent(self, worker: WorkerRow) -> bool:
        """Whether a worker has not been heard of for too long."""
        return (self.moment - worker.seen).total_seconds() > SILENT_S


@dataclass(frozen=True)
class _Share:
    """Studies of one status and pool."""

    status: str
    pool: str
    count: int
    gpu_hours: float
    n_estimated: int


def overview(store: Store, campaign: str | None = None) -> Overview:
    """The queue now.

    Args:
        store: Where it is.
        campaign: Count only the studies of this campaign.

    Raises:
        CampaignNotFound: There is none of this name.
    """
    with store.reading() as connection:
        campaign_id = None if campaign is None else find_campaign(connection, campaign)
        moment = now(connection)
        shares = _shares(connection, campaign_id)
        running = _running(connection, campaign_id, moment)
        workers = _workers(connection, moment)
        overdue = [study.key for study in running if study.is_overdue]
        unheld = [study.key for study in running if study.attempt is None]
        return Overview(
            moment=moment,
            campaign=campaign,
            counts={
                status: sum(share.count for share in shares if share.status == status)
                for status in tables.STUDY_STATUSES
            },
            running=tuple(sorted(running, key=lambda study: (-study.progress, study.key))),
            workers=tuple(workers),
            waiting=tuple(_waiting(shares, workers, moment)),
            failures=tuple(_failures(connection, campaign_id)),
            overdue=Some(count=len(overdue), keys=tuple(overdue[:EXAMPLES])),
            unheld=Some(count=len(unheld), keys=tuple(unheld[:EXAMPLES])),
            stopping=_stopping(connection, campaign_id),
            **_gpu_hours(shares, running),
        )


def find_campaign(connection: Connection, name: str) -> int:
    """Row of the campaign of exactly this name.

    Raises:
        CampaignNotFound: There is none; the message lists names that come close.
    """
    campaign = tables.Campaign
    found = connection.scalar(select(campaign.id).where(campaign.name == name))
    if found is not None:
        return int(found)
    names = list(connection.scalars(select(campaign.name).order_by(campaign.created.desc()).limit(1000)))
    if not names:
        raise CampaignNotFound(f"no campaign is called {name!r}; there are none yet: polyomics submit --campaign NAME")
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"close to it: {', '.join(near)}" if near else f"the newest: {', '.join(names[:3])}"
    raise CampaignNotFound(f"no campaign is called {name!r}; {hint}")


# -------------------------------------------------------------------- inside


def _within(query: Select[*tuple[Any, ...]], campaign_id: int | None) -> Select[*tuple[Any, ...]]:
    """Only studies of the campaign; SQLite looks each up in the index, and so goes on from whatever is fewer."""
    if campaign_id is None:
        return query
    member = tables.CampaignStudy
    return query.where(exists().where(member.campaign_id == campaign_id, member.study_id == tables.Study.id))


def _shares(connection: Connection, campaign_id: int | None) -> list[_Share]:
    study = tables.Study
    query = select(
        study.status,
        study.pool,
        func.count().label("count"),
        func.coalesce(func.sum(study.gpu_hours), 0.0).label("gpu_hours"),
        func.count(study.gpu_hours).label("n_estimated"),
    )
    query = _within(query, campaign_id).group_by(study.status, study.pool)
    return [_Share(**row) for row in connection.execute(query).mappings()]


def _running(connection: Connection, campaign_id: int | None, moment: datetime) -> list[RunningStudy]:
    study, attempt, worker = tables.Study, tables.Attempt, tables.Worker
    query = (
        select(
            study.key,
            tables.Polymer.psmiles,
            study.preset,
            study.priority,
            study.gpu_hours,
            attempt.number.label("attempt"),
            worker.name.label("worker"),
            attempt.host,
            attempt.pid,
            func.coalesce(attempt.device, "").label("device"),
            attempt.claimed,
            attempt.seen,
            attempt.lease_until,
            attempt.reached_ps,
            attempt.progress,
        )
        .join(tables.Polymer, tables.Polymer.id == study.polymer_id)
        .join(attempt, (attempt.study_id == study.id) & attempt.ended.is_(None), isouter=True)
        .join(worker, worker.id == attempt.worker_id, isouter=True)
        .where(study.status == "running")
    )
    rows = connection.execute(_within(query, campaign_id)).mappings()
    return [_running_study(dict(row), moment) for row in rows]


def _running_study(row: dict[str, Any], moment: datetime) -> RunningStudy:
    said = row.pop("progress") or {}
    lease_until, reached_ps = row.pop("lease_until"), row.pop("reached_ps")
    return RunningStudy(
        **row,
        is_overdue=lease_until is not None and lease_until < moment,
        stage=said.get("step") or "",
        stage_index=said.get("stage_index") or 0,
        n_stages=said.get("n_stages") or 0,
        done_ps=reached_ps or 0.0,
        total_ps=said.get("total_ps") or 0.0,
        ns_per_day=said.get("ns_per_day"),
        density_g_cm3=said.get("density_g_cm3"),
        seconds_left=said.get("seconds_left"),
    )


def _workers(connection: Connection, moment: datetime) -> list[WorkerRow]:
    worker = tables.Worker
    since = moment - timedelta(seconds=FORGET_WORKERS_S)
    query = select(*worker.__table__.columns).where(worker.state != "stopped", worker.seen >= since)
    return [WorkerRow(**row) for row in connection.execute(query.order_by(worker.name)).mappings()]


def _waiting(shares: Sequence[_Share], workers: Sequence[WorkerRow], moment: datetime) -> list[Waiting]:
    heard_since = moment - timedelta(seconds=SILENT_S)
    pools = [worker.pool for worker in workers if worker.state == "working" and worker.seen >= heard_since]
    return [
        Waiting(
            pool=share.pool,
            count=share.count,
            n_workers=len(pools) if share.pool == "" else pools.count(share.pool),
        )
        for share in sorted(shares, key=lambda share: share.pool)
        if share.status == "queued"
    ]


def _failures(connection: Connection, campaign_id: int | None) -> list[FailureClass]:
    study, failure = tables.Study, tables.FailureRow
    query = (
        select(
            failure.kind,
            func.count(failure.study_id.distinct()).label("count"),
            func.max(failure.id).label("example"),
        )
        .join(study, study.id == failure.study_id)
        .where(study.status == "failed")
        .group_by(failure.kind)
    )
    groups = connection.execute(_within(query, campaign_id)).all()
    messages = select(failure.id, failure.message, study.key).join(study, study.id == failure.study_id)
    messages = messages.where(failure.id.in_([group.example for group in groups]))
    examples = {row.id: row for row in connection.execute(messages)}
    found = [
        FailureClass(
            kind=group.kind,
            count=group._mapping["count"],
            example_key=examples[group.example].key,
            example_message=examples[group.example].message,
        )
        for group in groups
    ]
    return sorted(found, key=lambda item: (-item.count, item.kind))


def _stopping(connection: Connection, campaign_id: int | None) -> Some:
    study, attempt = tables.Study, tables.Attempt
    query = (
        select(study.key)
        .join(attempt, attempt.study_id == study.id)
        .where(study.status == "cancelled", attempt.ended.is_(None))
        .order_by(study.key)
    )
    keys = list(connection.scalars(_within(query, campaign_id)))
    return Some(count=len(keys), keys=tuple(keys[:EXAMPLES]))


def _gpu_hours(shares: Sequence[_Share], running: Sequence[RunningStudy]) -> dict[str, Any]:
    """Costs done and remaining: a running study counts to both, by how far it is."""
    begun = sum((study.gpu_hours or 0.0) * study.progress for study in running)
    hours = {
        status: sum(share.gpu_hours for share in shares if share.status == status)
        for status in ("queued", "running", "done")
    }
    ahead = [share for share in shares if share.status in ("queued", "running")]
    return {
        "gpu_hours_done": hours["done"] + begun,
        "gpu_hours_remaining": max(hours["queued"] + hours["running"] - begun, 0.0),
        "n_without_estimate": sum(share.count - share.n_estimated for share in ahead),
    }
