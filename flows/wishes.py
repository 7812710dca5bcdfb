"""What somebody asks for in the dashboard: that a study ends, that one is computed, that one is tried again."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from pydantic import ValidationError

from flows import states
from flows.dashboard import summary
from flows.mirror import Mirror, result_of
from flows.pool import QUEUES
from polyomics.database.control import Chosen, cancel, retry
from polyomics.database.dashboard import set_flow_runs, shown, statuses_of_runs
from polyomics.database.rows import NewStudy
from polyomics.database.store import Store
from polyomics.database.submission import put_studies
from polyomics.errors import PolyomicsError
from polyomics.spec import StudySpec
from polyomics.study import new_study

logger = logging.getLogger(__name__)


def hear_cancels(client: SyncPrefectClient, store: Store, runs: Iterable[FlowRun]) -> list[str]:
    """Cancel the studies of those runs that somebody cancelled in the dashboard; their keys.

    Args:
        client: Of the server.
        store: Where the studies are.
        runs: To look at, as they are now.
    """
    wishes = [run for run in runs if states.is_wish_to_cancel(run.state)]
    found = statuses_of_runs(store, [str(run.id) for run in wishes])
    keys = []
    for run in wishes:
        key, status = found.get(str(run.id), ("", ""))
        if status in ("queued", "running"):
            logger.info("study %s was cancelled in the dashboard", key)
            cancel(store, Chosen(keys=(key,)))
            keys.append(key)
        if key and status != "done":
            client.set_flow_run_state(run.id, states.cancelled(), force=True)
    return keys


def take(mirror: Mirror, runs: Iterable[FlowRun]) -> None:
    """Enter what somebody scheduled in the dashboard into the queue.

    Args:
        mirror: Shows studies.
        runs: Scheduled, and not by us.
    """
    now = datetime.now(UTC)
    for run in runs:
        if run.state is None or (run.state.state_details.scheduled_time or now) > now:
            continue
        try:
            spec, study = _read(run.parameters)
        except (PolyomicsError, LookupError, TypeError, ValueError) as error:
            sentence = _first_of(error) if isinstance(error, ValidationError) else str(error)
            wanted = states.failed(f"the parameter spec is not a study: {sentence}")
            mirror.client.set_flow_run_state(run.id, wanted, force=True)
            continue
        with mirror.store.writing() as connection:
            put_studies(connection, [study], priority=_priority(run))
        _settle(mirror, run, spec.key)


def _settle(mirror: Mirror, run: FlowRun, key: str) -> None:
    """Bring a study and the run that somebody wants of it together."""
    client, store = mirror.client, mirror.store
    (study,) = shown(store, [key])
    is_its_run = study.flow_run_id == str(run.id)
    if study.status == "done":
        sentence = "all of it was there already; " + summary(result_of(store.study(key), mirror.home))
        client.set_flow_run_state(run.id, states.done(sentence, existing=True), force=True)
        return
    if study.status == "running" and study.worker is None and not is_its_run:
        sentence = f"study {key} is being run by another process"
        client.set_flow_run_state(run.id, states.cancelled(sentence), force=True)
        return
    if study.status in ("queued", "running") and study.flow_run_id is not None and not is_its_run:
        sentence = f"study {key} has a run already: {study.flow_run_id}"
        client.set_flow_run_state(run.id, states.cancelled(sentence), force=True)
        return
    if study.status in ("failed", "cancelled"):
        retry(store, Chosen(keys=(key,)))
    if not is_its_run:
        set_flow_runs(store, {key: str(run.id)})
    if not is_its_run or (run.state is not None and run.state.name not in states.WAITING):
        client.set_flow_run_state(run.id, states.queued(), force=True)
    for again in shown(store, [key]):
        mirror.show(again)


def _read(parameters: dict[str, Any]) -> tuple[StudySpec, NewStudy]:
    spec = StudySpec.model_validate(parameters.get("spec"))
    return spec, new_study(spec)


def _priority(run: FlowRun) -> int:
    of_queue = {name: priority for priority, name in QUEUES.items()}
    return of_queue.get(run.work_queue_name or "", 1)


def _first_of(error: ValidationError) -> str:
    """The first thing that is wrong, in one sentence."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "spec"
    return f"{where}: {first['msg']}"
