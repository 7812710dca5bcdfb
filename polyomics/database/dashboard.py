"""What a dashboard shows of the queue: the studies held, those next in line, how campaigns stand.

A study has at most one run in the dashboard, whose identity is kept with it. The dashboard is a picture: it is drawn
from here, may be late, and can be drawn again.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select, update
from sqlalchemy.orm import aliased

from polyomics.database import tables
from polyomics.database.rows import StudyStatus
from polyomics.database.store import Store
from polyomics.database.submission import whole_spec
from polyomics.database.writes import now
from polyomics.records import Record

PRIORITIES = (2, 1, 0)


class ShownStudy(Record):
    """A study as the dashboard has to show it."""

    key: str
    """The study."""
    status: StudyStatus
    """How far it is."""
    priority: int
    """0 low, 1 normal, 2 high."""
    flow_run_id: str | None
    """Its run in the dashboard, if it has one."""
    spec: dict[str, Any]
    """The whole request."""
    campaigns: tuple[str, ...]
    """Names of the campaigns it is of."""
    attempt: int
    """Number of its latest attempt; 0 if there was none."""
    worker: str | None
    """Worker of that attempt; none of a run by hand."""
    claimed: datetime | None
    """When that attempt began (UTC)."""
    outcome: str | None
    """How that attempt ended; none while it lasts."""
    error: str | None
    """What ended it, if that was trouble."""
    progress: dict[str, Any]
    """What that attempt last said of itself."""


class CampaignState(Record):
    """How far a campaign is."""

    name: str
    """Its name."""
    counts: dict[str, int]
    """Number of studies by status."""
    gpu_hours_left: float
    """Estimated cost of those that are queued or running [h]."""


def shown(store: Store, keys: Sequence[str]) -> list[ShownStudy]:
    """These studies, as the dashboard has to show them; one that is not there is left out."""
    study, attempt, worker = tables.Study, tables.Attempt, tables.Worker
    numbered = aliased(attempt)
    latest = select(func.max(numbered.number)).where(numbered.study_id == study.id).correlate(study).scalar_subquery()
    columns = (
        study.id,
        study.key,
        study.status,
        study.priority,
        study.flow_run_id,
        study.spec,
        tables.Protocol.content,
        attempt.number,
        attempt.claimed,
        attempt.outcome,
        attempt.error_message,
        attempt.progress,
        worker.name.label("worker"),
    )
    query = (
        select(*columns)
        .join(tables.Protocol, tables.Protocol.id == study.protocol_id)
        .join(attempt, (attempt.study_id == study.id) & (attempt.number == latest), isouter=True)
        .join(worker, worker.id == attempt.worker_id, isouter=True)
        .where(study.key.in_(keys))
    )
    named = (
        select(tables.CampaignStudy.study_id, tables.Campaign.name)
        .join(tables.Campaign, tables.Campaign.id == tables.CampaignStudy.campaign_id)
        .join(study, study.id == tables.CampaignStudy.study_id)
        .where(study.key.in_(keys))
        .order_by(tables.Campaign.name)
    )
    with store.reading() as connection:
        rows = connection.execute(query).all()
        campaigns: dict[int, list[str]] = {}
        for study_id, name in connection.execute(named):
            campaigns.setdefault(study_id, []).append(name)
    found = {
        row.key: ShownStudy(
            key=row.key,
            status=row.status,
            priority=row.priority,
            flow_run_id=row.flow_run_id,
            spec=whole_spec(row.spec, row.content),
            campaigns=tuple(campaigns.get(row.id, ())),
            attempt=row.number or 0,
            worker=row.worker,
            claimed=row.claimed,
            outcome=row.outcome,
            error=row.error_message,
            progress=row.progress or {},
        )
        for row in rows
    }
    return [found[key] for key in keys if key in found]


def held_by(store: Store, worker_name: str) -> list[str]:
    """Keys of the studies that a worker holds."""
    attempt, worker = tables.Attempt, tables.Worker
    query = (
        select(tables.Study.key)
        .join(attempt, attempt.study_id == tables.Study.id)
        .join(worker, worker.id == attempt.worker_id)
        .where(attempt.ended.is_(None), worker.name == worker_name)
    )
    with store.reading() as connection:
        return list(connection.scalars(query.order_by(attempt.id)))


def next_in_line(store: Store, limit: int) -> dict[str, str | None]:
    """Keys of the queued studies that are next, in the order they will be claimed, each with its run.

    Args:
        store: Where the queue is.
        limit: How many.
    """
    study = tables.Study
    found: dict[str, str | None] = {}
    with store.reading() as connection:
        pools = _pools(connection)
        for priority in PRIORITIES:
            of_pools: list[Any] = []
            for pool in pools:
                query = select(study.id, study.key, study.flow_run_id)
                query = query.where(study.status == "queued", study.pool == pool, study.priority == priority)
                of_pools += connection.execute(query.order_by(study.id).limit(limit - len(found))).all()
            found |= {row.key: row.flow_run_id for row in sorted(of_pools)[: limit - len(found)]}
    return found


def set_flow_runs(store: Store, flow_run_ids: Mapping[str, str]) -> None:
    """Note the runs of studies.

    Args:
        store: Where the studies are.
        flow_run_ids: Run of each key.
    """
    study = tables.Study
    with store.writing() as connection:
        for key, flow_run_id in sorted(flow_run_ids.items()):
            connection.execute(update(study).where(study.key == key).values(flow_run_id=flow_run_id))


def statuses_of_runs(store: Store, flow_run_ids: Iterable[str]) -> dict[str, tuple[str, StudyStatus]]:
    """Key and status of the study of each run; a run that is nobody's is left out."""
    study = tables.Study
    keys = select(study.flow_run_id, study.key, study.status).where(study.flow_run_id.in_(list(flow_run_ids)))
    with store.reading() as connection:
        return {str(row.flow_run_id): (row.key, row.status) for row in connection.execute(keys)}


def over_since(store: Store, since_s: float, limit: int, *, status: str | None = None) -> list[str]:
    """Keys of studies that workers ended lately, or that were cancelled, newest first.

    Args:
        store: Where they are.
        since_s: How long ago at most [s].
        limit: At most so many.
        status: Only these, whether or not they have a run; without, those that have no run yet.
    """
    study, attempt = tables.Study, tables.Attempt
    by_worker = exists().where(attempt.study_id == study.id, attempt.worker_id.is_not(None))
    wanted: ColumnElement[bool]
    if status is None:
        wanted = study.status.in_(tables.OVER) & study.flow_run_id.is_(None) & by_worker
    else:
        wanted = (study.status == status) & study.flow_run_id.is_not(None)
    with store.reading() as connection:
        since = now(connection) - timedelta(seconds=since_s)
        query = select(study.key).where(wanted, study.ended >= since)
        return list(connection.scalars(query.order_by(study.ended.desc()).limit(limit)))


def campaigns_at_work(store: Store, limit: int) -> list[CampaignState]:
    """The campaigns that have studies left to do, newest first.

    Args:
        store: Where they are.
        limit: At most so many.
    """
    study, campaign, of = tables.Study, tables.Campaign, tables.CampaignStudy
    left = study.status.in_(("queued", "running"))
    unfinished = exists().where(of.campaign_id == campaign.id, of.study_id == study.id, left)
    with store.reading() as connection:
        names = select(campaign.id, campaign.name).where(unfinished).order_by(campaign.id.desc()).limit(limit)
        rows = connection.execute(names).all()
        return [_state(row.name, connection.execute(_counted(row.id)).all()) for row in rows]


def campaign_state(store: Store, name: str) -> CampaignState:
    """How far a campaign is; one without studies has no counts."""
    with store.reading() as connection:
        campaign_id = connection.scalar(select(tables.Campaign.id).where(tables.Campaign.name == name)) or 0
        return _state(name, connection.execute(_counted(campaign_id)).all())


def _counted(campaign_id: int) -> Select[*tuple[Any, ...]]:
    study, of = tables.Study, tables.CampaignStudy
    query = select(study.status, func.count(study.id).label("n"), func.sum(study.gpu_hours).label("gpu_hours"))
    return query.join(of, of.study_id == study.id).where(of.campaign_id == campaign_id).group_by(study.status)


def _state(name: str, rows: Sequence[Any]) -> CampaignState:
    left = [row.gpu_hours or 0.0 for row in rows if row.status in ("queued", "running")]
    counts = {row.status: row.n for row in rows}
    return CampaignState(
        name=name,
        counts={status: counts[status] for status in tables.STUDY_STATUSES if status in counts},
        gpu_hours_left=sum(left),
    )


def _pools(connection: Any) -> list[str]:
    """Names of the pools that have queued studies; one index look-up each."""
    study = tables.Study
    names: list[str] = []
    query = select(func.min(study.pool)).where(study.status == "queued")
    name = connection.scalar(query)
    while name is not None:
        names.append(name)
        name = connection.scalar(query.where(study.pool > name))
    return names
