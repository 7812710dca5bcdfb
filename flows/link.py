"""What keeps Prefect's picture and our queue alike, beside a worker that does not wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from polyomics.database.store import Store


@contextmanager
def linked(store: Store, *, pool: str, worker_name: str, slots: int) -> Iterator[None]:
    """Keep the dashboard in step with the queue in a thread while the block runs; a server that is away is waited for.

    Args:
        store: Where the queue is.
        pool: Work pool that stands for the workers.
        worker_name: This worker, as shown in the pool.
        slots: Studies it runs at a time.
    """
    yield
