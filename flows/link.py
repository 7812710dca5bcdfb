"""What keeps Prefect's picture and our queue alike, beside a worker that does not wait for it.

Every worker shows its own studies and hears when one of them is cancelled. One of all the workers, which has the duty,
keeps the runs to come filled, takes what is asked for in the dashboard, and repairs what a worker that died has left.
No process that computes calls Prefect, so a server that is slow, away or was never there costs no time of MD; what was
missed is shown from the database when the server answers again.
"""

from __future__ import annotations

import logging
import re
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows import states
from flows.dashboard import campaign_markdown
from flows.feed import MOST_UNFINISHED, feed, runs_that_do_not_wait, runs_wished_for, unfinished_runs, window_size
from flows.mirror import Mirror
from flows.pool import ensure_deployment, ensure_pool, queues_of, show_as_polled
from flows.server import check_server
from flows.wishes import hear_cancels, take
from polyomics import config
from polyomics.database.dashboard import (
    CampaignState,
    ShownStudy,
    campaign_state,
    campaigns_at_work,
    held_by,
    next_in_line,
    over_since,
    shown,
    statuses_of_runs,
)
from polyomics.database.store import Store
from polyomics.database.workers import take_duty
from polyomics.errors import PolyomicsError, ServerUnavailable

EVERY_S = 5.0
"""Time between two looks at the queue and at Prefect."""
HEARTBEAT_S = 10.0
CAMPAIGNS_S = 30.0
SWEEP_S = 60.0
DUTY = "prefect"
DUTY_S = 30.0
"""How long the duty stays with a worker that is not heard of."""
ANSWER_S = 10.0
"""How long the server may take for one answer."""
RETRIES = 2
"""How often a call is tried again when the server is busy: on SQLite it often is."""
LATE_S = 86400.0
"""Studies that ended longer ago than this without a run get none."""
CANCELLED_LATELY_S = 120.0
AT_A_TIME = 20
"""Studies that are repaired in one look."""
MOST_CAMPAIGNS = 20
NOT_TAKEN = (400, 409, 413, 422)
"""What the server answers to something it will never take."""
LAST_LOOK_S = 20.0
"""How long a worker that leaves may take to show what it gave back."""

logger = logging.getLogger(__name__)


@contextmanager
def linked(store: Store, *, pool: str, worker_name: str, slots: int) -> Iterator[None]:
    """Keep the dashboard in step with the queue in a thread while the block runs; a server that is away is waited for.

    Args:
        store: Where the queue is.
        pool: Work pool that stands for the workers.
        worker_name: This worker, as shown in the pool.
        slots: Studies it runs at a time.
    """
    link = Link(store, config.home(), pool=pool, worker_name=worker_name, slots=slots)
    link.start()
    try:
        yield
    finally:
        link.stop()


@dataclass
class _Server:
    """What is known of a server that answers."""

    client: SyncPrefectClient
    mirror: Mirror


@dataclass
class _Last:
    """When something was done last, to be done again after a while."""

    every_s: float
    at: float = field(default=float("-inf"))

    def is_due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() - self.at >= self.every_s

    def note(self) -> None:
        """It was done."""
        self.at = time.monotonic()


class Link:
    """The thread of `linked`.

    Args:
        store: Where the queue is.
        home: Folder of the runs.
        pool: Work pool that stands for the workers.
        worker_name: This worker.
        slots: Studies it runs at a time.
    """

    def __init__(self, store: Store, home: Path, *, pool: str, worker_name: str, slots: int) -> None:
        self._store = store
        self._home = home
        self._pool = pool
        self._worker = worker_name
        self._slots = slots
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prefect", daemon=True)
        self._told: dict[str, tuple[Any, ...]] = {}
        """What was shown last of each study this worker holds."""
        self._cancelled: set[str] = set()
        """Studies cancelled lately that are shown so."""
        self._not_shown: set[str] = set()
        """Studies the server does not take."""
        self._campaigns: dict[str, CampaignState] = {}
        self._heartbeat = _Last(HEARTBEAT_S)
        self._progress = _Last(CAMPAIGNS_S)
        self._sweep = _Last(SWEEP_S)
        self._is_away = False

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Show what has changed, and end."""
        self._closed.set()
        self._thread.join(LAST_LOOK_S)

    # ---------------------------------------------------------------- inside

    def _run(self) -> None:
        patience = {PREFECT_API_REQUEST_TIMEOUT: ANSWER_S, PREFECT_CLIENT_MAX_RETRIES: RETRIES}
        with temporary_settings(patience):
            is_last = False
            while not is_last:
                is_last = self._closed.is_set()
                try:
                    check_server()
                    with get_client(sync_client=True) as client:
                        self._serve(self._meet(client))
                except Exception as error:
                    self._complain(error)
                    self._closed.wait(EVERY_S)

    def _meet(self, client: SyncPrefectClient) -> _Server:
        ensure_pool(client, self._pool)
        deployment_id = ensure_deployment(client, self._pool)
        self._heartbeat.at = self._sweep.at = float("-inf")
        mirror = Mirror(client, self._store, self._home, deployment_id, queues_of(client, deployment_id))
        return _Server(client, mirror)

    def _serve(self, server: _Server) -> None:
        """Keep in step until the end, or until the server does not answer."""
        while True:
            is_last = self._closed.is_set()
            self._look(server)
            if self._is_away:
                logger.info("the Prefect server answers again")
                self._is_away = False
            if is_last:
                return
            self._closed.wait(EVERY_S)

    def _look(self, server: _Server) -> None:
        if self._heartbeat.is_due():
            server.client.send_worker_heartbeat(self._pool, self._worker, heartbeat_interval_seconds=3 * HEARTBEAT_S)
            show_as_polled(server.client, self._pool)
            self._heartbeat.note()
        self._hear_and_show_own(server)
        if take_duty(self._store, DUTY, self._worker, DUTY_S):
            self._do_duty(server)

    def _hear_and_show_own(self, server: _Server) -> None:
        held = held_by(self._store, self._worker)
        studies = {study.key: study for study in shown(self._store, list(dict.fromkeys([*held, *self._told])))}
        runs = [study.flow_run_id for study in studies.values() if study.flow_run_id and study.status == "running"]
        cancelled = hear_cancels(server.client, self._store, runs_that_do_not_wait(server.client, runs))
        for key, study in studies.items():
            if key in cancelled:
                continue
            sign = self._sign(study)
            is_shown = self._told.get(key) == sign or self._show(server.mirror, study)
            self._told[key] = sign if is_shown else ()
            if is_shown and key not in held:
                del self._told[key]

    def _sign(self, study: ShownStudy) -> tuple[Any, ...]:
        """What of a study has to change before it is shown again."""
        row = self._store.study(study.key)
        ended = tuple((stage.name, stage.status, stage.ended) for stage in row.stages)
        return study.status, study.attempt, study.campaigns, study.progress.get("step"), ended

    # ---------------------------------------------------------------- the duty

    def _do_duty(self, server: _Server) -> None:
        client, mirror = server.client, server.mirror
        take(mirror, runs_wished_for(client, mirror.deployment_id))
        size = window_size(self._store)
        waiting = {key: run for key, run in next_in_line(self._store, size).items() if run is not None}
        moved = runs_that_do_not_wait(client, list(waiting.values()))
        hear_cancels(client, self._store, moved)
        stale = {str(run.id) for run in moved if states.is_ours(run.state)}
        self._show_all(mirror, [key for key, run in waiting.items() if run in stale])
        feed(mirror, size)
        cancelled = over_since(self._store, CANCELLED_LATELY_S, MOST_UNFINISHED, status="cancelled")
        self._cancelled &= set(cancelled)
        some = [key for key in cancelled if key not in self._cancelled][:AT_A_TIME]
        self._show_all(mirror, some)
        self._cancelled |= set(some)
        if self._progress.is_due():
            self._show_campaigns(client)
            self._progress.note()
        if self._sweep.is_due():
            self._show_all(mirror, over_since(self._store, LATE_S, AT_A_TIME))
            self._repair(server)
            self._sweep.note()

    def _repair(self, server: _Server) -> None:
        """Bring runs that have no end in line with their studies."""
        runs = unfinished_runs(server.client, server.mirror.deployment_id)
        found = statuses_of_runs(self._store, [str(run.id) for run in runs])
        wrong = []
        for run in runs:
            key, status = found.get(str(run.id), ("", ""))
            is_queued = run.state is not None and run.state.is_scheduled()
            is_right = is_queued if status == "queued" else status == "running" and not is_queued
            if key and not is_right and (states.is_ours(run.state) or status in ("done", "failed", "cancelled")):
                wrong.append(key)
        self._show_all(server.mirror, wrong)

    def _show_all(self, mirror: Mirror, keys: list[str]) -> None:
        for study in shown(self._store, keys):
            if self._closed.is_set():
                return
            self._show(mirror, study)

    def _show(self, mirror: Mirror, study: ShownStudy) -> bool:
        """Show one study, now or never; one that cannot be shown does not keep the others from it."""
        if study.key in self._not_shown:
            return True
        try:
            return mirror.show(study)
        except (PrefectHTTPStatusError, LookupError, TypeError, ValueError) as error:
            if isinstance(error, PrefectHTTPStatusError) and error.response.status_code not in NOT_TAKEN:
                raise
            self._not_shown.add(study.key)
            logger.warning("study %s cannot be shown in Prefect: %s", study.key, _without_password(repr(error)))
            return True

    def _show_campaigns(self, client: SyncPrefectClient) -> None:
        now = {campaign.name: campaign for campaign in campaigns_at_work(self._store, MOST_CAMPAIGNS)}
        for name in [name for name in self._campaigns if name not in now]:
            now[name] = campaign_state(self._store, name)
        for name, campaign in now.items():
            if self._campaigns.get(name) != campaign:
                artifact = {
                    "key": f"campaign-{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-') or 'unnamed'}",
                    "type": "markdown",
                    "data": campaign_markdown(campaign),
                    "description": f"Progress of the campaign {name}",
                }
                client.request("POST", "/artifacts/", json=artifact)
        at_work = {name for name, state in now.items() if state.counts.keys() & {"queued", "running"}}
        self._campaigns = {name: now[name] for name in now if name in at_work}

    def _complain(self, error: Exception) -> None:
        """One line for each time that the server stays away."""
        if self._is_away:
            return
        self._is_away = True
        known = error
        if not isinstance(error, PolyomicsError):
            try:
                check_server()
            except ServerUnavailable as unavailable:
                known = unavailable
        what = str(known) if isinstance(known, PolyomicsError) else "".join(traceback.format_exception(known))
        logger.warning("the Prefect dashboard is behind, studies go on: %s", _without_password(what))


def _without_password(text: str) -> str:
    """Text without what stands before the @ of an address."""
    return re.sub(r"://[^/@\s]+@", "://***@", text)
