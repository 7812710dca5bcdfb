"""Which studies of the queue Prefect shows as runs to come: a window, since it bears thousands of runs, not 100,000."""

from __future__ import annotations

from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType

from flows import states
from flows.mirror import Mirror
from polyomics.database.dashboard import next_in_line, shown
from polyomics.database.store import Store
from polyomics.database.workers import workers

SMALLEST_WINDOW = 50
MOST_UNFINISHED = 1000
"""Unfinished runs that Prefect may hold."""
PER_SLOT = 2
"""Runs to come for each slot of a worker."""
PAGE = 200
"""Runs the server lists in one call."""
UNFINISHED = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING, StateType.PAUSED]


def window_size(store: Store) -> int:
    """How many studies of the queue are shown."""
    n_slots = sum(worker.slots for worker in workers(store))
    return min(max(SMALLEST_WINDOW, PER_SLOT * n_slots), MOST_UNFINISHED)


def feed(mirror: Mirror, size: int) -> int:
    """Make runs of the studies that are next in line; how many were made.

    Args:
        mirror: Shows studies.
        size: How many of the queue are to be shown.
    """
    missing = [key for key, flow_run_id in next_in_line(mirror.store, size).items() if flow_run_id is None]
    if not missing:
        return 0
    unfinished = FlowRunFilterState(type=FlowRunFilterStateType(any_=UNFINISHED))
    room = MOST_UNFINISHED - mirror.client.count_flow_runs(
        flow_run_filter=FlowRunFilter(deployment_id=_of(mirror.deployment_id), state=unfinished)
    )
    return len(mirror.make_runs(shown(mirror.store, missing[: max(room, 0)])))


def unfinished_runs(client: SyncPrefectClient, deployment_id: UUID) -> list[FlowRun]:
    """The runs of the deployment that have no end, at most as many as there may be."""
    unfinished = FlowRunFilterState(type=FlowRunFilterStateType(any_=UNFINISHED))
    return _all(client, FlowRunFilter(deployment_id=_of(deployment_id), state=unfinished))


def runs_wished_for(client: SyncPrefectClient, deployment_id: UUID) -> list[FlowRun]:
    """The runs of the deployment that somebody else has scheduled, or renamed."""
    scheduled = FlowRunFilterState(
        type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]),
        name=FlowRunFilterStateName(not_any_=[states.QUEUED]),
    )
    return _all(client, FlowRunFilter(deployment_id=_of(deployment_id), state=scheduled))


def runs_that_do_not_wait(client: SyncPrefectClient, flow_run_ids: list[str]) -> list[FlowRun]:
    """Those of some runs that are in another state than scheduled."""
    elsewhere = FlowRunFilterState(type=FlowRunFilterStateType(not_any_=[StateType.SCHEDULED]))
    found: list[FlowRun] = []
    for start in range(0, len(flow_run_ids), PAGE):
        some = FlowRunFilterId(any_=[UUID(each) for each in flow_run_ids[start : start + PAGE]])
        found += client.read_flow_runs(flow_run_filter=FlowRunFilter(id=some, state=elsewhere), limit=PAGE)
    return found


def _of(deployment_id: UUID) -> FlowRunFilterDeploymentId:
    return FlowRunFilterDeploymentId(any_=[deployment_id])


def _all(client: SyncPrefectClient, wanted: FlowRunFilter) -> list[FlowRun]:
    found: list[FlowRun] = []
    while len(found) < MOST_UNFINISHED:
        page = client.read_flow_runs(flow_run_filter=wanted, limit=PAGE, offset=len(found))
        found += page
        if len(page) < PAGE:
            break
    return found
