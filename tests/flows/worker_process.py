"""A worker with its link to Prefect as a process: `worker_process.py POOL NAME [SLOTS]`, and the environment."""

import logging
import os
import sys

from flows import link
from flows.link import linked
from polyomics import config
from polyomics.database.store import Store
from polyomics.work.worker import Worker, WorkerSettings


def main(pool: str, name: str, slots: str = "1") -> None:
    """Work until SIGTERM."""
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("flows").setLevel(logging.INFO)
    link.EVERY_S = 0.5
    link.SWEEP_S = 5.0
    link.CAMPAIGNS_S = 1.0
    settings = WorkerSettings(
        name=name,
        pool=pool,
        slots=int(slots),
        lease_s=float(os.environ.get("LEASE_S", "30")),
        grace_s=20.0,
        hardware={"platform": "CPU", "threads": 1},
    )
    with (
        Store.open(config.database_url()) as store,
        linked(store, pool=pool, worker_name=name, slots=settings.slots),
    ):
        Worker(store, config.home(), settings).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
