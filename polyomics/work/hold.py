"""How a run comes to hold its study: it claims it, or a worker has claimed it for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from polyomics.database.queue import LEASE_S, Queue, Renewal, this_host
from polyomics.database.rows import Holder
from polyomics.database.store import Store
from polyomics.errors import StudyBusy
from polyomics.md.progress import Report, silent
from polyomics.work.lease import Lease, patiently

T = TypeVar("T")


@dataclass(frozen=True)
class Hold:
    """How a study is held while it runs. The defaults are those of a run by hand."""

    attempt_id: int | None = None
    """The attempt a worker has made; none claims the study."""
    lease_s: float = LEASE_S
    """How long the lease lasts without being renewed [s]."""
    patience_s: float = 0.0
    """How long to wait for a database that is away [s]."""
    requeues_errors: bool = False
    """Trouble of the machine sends the study to another, instead of ending it."""
    on_end: Callable[[Renewal], None] = lambda _how: None
    """Called in another thread when the study is found to be cancelled or lost."""

    def patiently(self, write: Callable[[], T]) -> T:
        """What `write` returns, tried again while the database is away, as long as this holder has patience."""
        return patiently(write, self.patience_s)

    def lease(self, store: Store, key: str, *, is_alone: bool, report: Report = silent) -> Lease:
        """The lease of a study, to be entered.

        Args:
            store: Where the study is.
            key: Which one.
            is_alone: No other process of this machine has its folder, so a holder on this machine is dead.
            report: Takes progress reports.

        Raises:
            StudyBusy: Another process holds it.
            LeaseLost: The attempt made for this process has ended.
        """
        queue = Queue(store, lease_s=self.lease_s)
        if self.attempt_id is not None:
            attempt_id = self.attempt_id
            claim = self.patiently(lambda: queue.adopt(attempt_id, pid=os.getpid()))
        else:
            holder = Holder(host=this_host(), pid=os.getpid())
            claim = queue.claim(key, holder, holder_before_is_dead=is_alone)
            if not is_alone and claim.number == 1:
                queue.release(claim.attempt_id)
                raise StudyBusy(f"study {key} is being run by another process; wait for it, or use another seed")
        return Lease(
            queue,
            claim,
            report=report,
            patience_s=self.patience_s,
            requeues_errors=self.requeues_errors,
            on_end=self.on_end,
        )
