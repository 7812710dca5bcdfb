"""A worker as a process of its own: `python -m plain_worker SETTINGS` with the fields of `WorkerSettings` as JSON."""

import json
import logging
import sys

from polyomics import config
from polyomics.database.store import Store
from polyomics.work.worker import Worker, WorkerSettings

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    with Store.open(config.database_url()) as store:
        Worker(store, config.home(), WorkerSettings(**json.loads(sys.argv[1]))).run()
