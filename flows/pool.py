"""What stands for our workers in Prefect: a work pool with its queues, the deployment in it, their heartbeats."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.workers.process import ProcessWorker

from flows.deployments import DEPLOYMENT, deployment

QUEUES = {2: "high", 1: "normal", 0: "low"}
"""Work queue of each priority of a study."""
ENTRYPOINT = "flows.polymer.polymer"


def ensure_pool(client: SyncPrefectClient, name: str) -> None:
    """Make the work pool, of type process, and its queues, unless they are there.

    Args:
        client: Of the server.
        name: Name of the pool.
    """
    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        with suppress(ObjectAlreadyExists):
            client.create_work_pool(WorkPoolCreate(name=name, type="process", base_job_template=template))
    there = {queue.name for queue in client.read_work_queues(work_pool_name=name)}
    for place, queue in enumerate(QUEUES.values(), start=1):
        if queue not in there:
            with suppress(ObjectAlreadyExists):
                client.create_work_queue(queue, priority=place, work_pool_name=name)


def ensure_deployment(client: SyncPrefectClient, pool: str) -> UUID:
    """The deployment of the flow; made in this pool unless it is there already, in whichever.

    Args:
        client: Of the server.
        pool: Name of a work pool that is there.
    """
    try:
        found = client.read_deployment_by_name(f"polymer/{DEPLOYMENT}")
    except ObjectNotFound:
        found = None
    if found is not None and found.work_pool_name and found.entrypoint == ENTRYPOINT:
        return found.id
    made = deployment(pool, QUEUES[1]).apply()
    if not isinstance(made, UUID):
        raise TypeError(f"the deployment has the identity {made!r}")
    return made


def queues_of(client: SyncPrefectClient, deployment_id: UUID) -> frozenset[str]:
    """Names of the work queues in the deployment's pool, for runs to be put into."""
    pool = client.read_deployment(deployment_id).work_pool_name
    return frozenset(queue.name for queue in client.read_work_queues(work_pool_name=pool)) if pool else frozenset()


def show_as_polled(client: SyncPrefectClient, pool: str) -> None:
    """Say that somebody looks after the queues of a pool, which are shown as unhealthy otherwise."""
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)  # so that the server has nothing to look for
    client.get_scheduled_flow_runs_for_work_pool(pool, list(QUEUES.values()), scheduled_before=long_ago)
