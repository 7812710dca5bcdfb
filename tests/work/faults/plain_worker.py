"""A worker as a process of its own: `python -m plain_worker SETTINGS` with the fields of `WorkerSettings` as JSON.

With PREFECT_API_URL set it keeps that server in step, as `polyomics worker` does.
"""

import json
import logging
import os
import sys
from contextlib import AbstractContextManager, nullcontext

from polyomics import config
from polyomics.database.store import Store
from polyomics.work.worker import Worker, WorkerSettings


def shown(store: Store, settings: WorkerSettings) -> AbstractContextManager[None]:
    """What runs beside the worker."""
    if "PREFECT_API_URL" not in os.environ:
        return nullcontext()
    from flows.link import linked

    return linked(store, pool=settings.pool, worker_name=settings.name, slots=settings.slots)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    settings = WorkerSettings(**json.loads(sys.argv[1]))
    with Store.open(config.database_url()) as store, shown(store, settings):
        Worker(store, config.home(), settings).run()
