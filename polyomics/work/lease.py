"""Holding a study: the lease is renewed beside the computation, which never waits for the database."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self, TypeVar

from polyomics.database.queue import Queue, Renewal
from polyomics.database.rows import Claim
from polyomics.errors import (
    DatabaseTooNew,
    LeaseLost,
    PolyomicsError,
    StorageUnavailable,
    StudyCancelled,
    StudyNotFound,
)
from polyomics.md.progress import Interrupted, Progress, Report, silent

RENEW_S = 5.0
"""Time between renewals: how soon a holder hears that its study was cancelled."""
RETRY_S = 1.0
"""Time between attempts to reach a database that does not answer."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


def patiently(write: Callable[[], T], patience_s: float) -> T:
    """What `write` returns, tried again while the database is away.

    Args:
        write: Talks to the database; may be called again when nobody knows whether it was carried out.
        patience_s: How long to try [s].

    Raises:
        StorageUnavailable: It was away for longer, or will not be there by waiting.
    """
    give_up = time.monotonic() + patience_s
    while True:
        try:
            return write()
        except DatabaseTooNew:
            raise
        except StorageUnavailable as error:
            if time.monotonic() > give_up:
                raise
            logger.warning("waiting for the database: %s", error)
            time.sleep(RETRY_S)


class Lease:
    """A study held from `with` to its end; left early, the study goes back to the queue.

    A thread renews the lease and says how far the study is. OpenMM lets threads run while it steps. When the
    database does not answer, the thread tries again and the computation goes on: whether the study is still ours is
    decided where something is written, by the run folder's token and by the fence in the database.

    Args:
        queue: Where the study is from.
        claim: The study and the attempt that holds it.
        report: Takes progress reports as well.
        patience_s: How long to wait for a database that is away, where something must be written [s].
        requeues_errors: What goes wrong with the machine sends the study to another, instead of ending it.
        on_end: Called in the thread when the study is found to be cancelled or lost.
    """

    def __init__(
        self,
        queue: Queue,
        claim: Claim,
        *,
        report: Report = silent,
        patience_s: float = 0.0,
        requeues_errors: bool = False,
        on_end: Callable[[Renewal], None] = lambda _how: None,
    ) -> None:
        self.queue = queue
        self.claim = claim
        self.requeues_errors = requeues_errors
        self.state: Renewal = "held"
        self._report = report
        self._patience_s = patience_s
        self._on_end = on_end
        self._progress: Progress | None = None
        self._pending: list[Callable[[], None]] = []
        self._database_is_away = False
        self._ending = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join(timeout=RENEW_S)
        if error is None:
            return
        try:
            self.give_back(error)
        except (StorageUnavailable, StudyNotFound) as trouble:
            logger.warning("study %s could not be given back, its lease will run out: %s", self.claim.key, trouble)

    def report(self, progress: Progress) -> None:
        """Take a progress report: pass it on, and keep it for the next renewal."""
        self._progress = progress
        self._report(progress)

    def patiently(self, write: Callable[[], T]) -> T:
        """What `write` returns, tried again while the database is away, as long as this holder has patience."""
        return patiently(write, self._patience_s)

    def when_possible(self, write: Callable[[], None]) -> None:
        """Store something now, or, if the database is away, when something is stored later."""
        self._pending.append(write)
        if self._database_is_away:
            return
        try:
            self._catch_up()
        except StorageUnavailable as error:
            logger.warning("study %s goes on, its rows are stored later: %s", self.claim.key, error)

    def end_by(self, write: Callable[[], None]) -> None:
        """Store how the study ended, which ends the attempt, and before it what has been waiting.

        From here on the fence in the database alone says whether the study is ours: the thread would take the end
        that is being written for a loss.
        """
        self._ending.set()
        self.patiently(self._catch_up)
        self.patiently(write)
        self._closed.set()

    def confirm(self) -> None:
        """Renew the lease, waiting for the answer.

        Raises:
            StudyCancelled: The study is not wanted any more.
            LeaseLost: It was taken away.
        """
        self.state = self.patiently(lambda: self.queue.renew(self.claim.attempt_id))
        self.refuse_if_over()

    def is_over(self) -> bool:
        """Whether the study was cancelled or taken away."""
        return self.state != "held"

    def refuse_if_over(self) -> None:
        """Raise what ended the lease, if something did.

        Raises:
            StudyCancelled: The study is not wanted any more.
            LeaseLost: It was taken away.
        """
        if self.state == "cancelled":
            raise StudyCancelled(f"study {self.claim.key} was cancelled; its run folder keeps what was done")
        if self.state == "lost":
            raise LeaseLost(f"study {self.claim.key} was taken away: its lease ran out, or it was asked for anew")

    def give_back(self, error: BaseException) -> None:
        """End the attempt, by what ended the computation: trouble, or a wish to stop."""
        attempt_id = self.claim.attempt_id
        if isinstance(error, Exception) and not isinstance(error, StudyCancelled | LeaseLost | Interrupted):
            kind = error.kind if isinstance(error, PolyomicsError) else type(error).__name__
            self.patiently(lambda: self.queue.report_error(attempt_id, kind, str(error)))
        else:
            self.patiently(lambda: self.queue.release(attempt_id))

    # ---------------------------------------------------------------- inside

    def _catch_up(self) -> None:
        while self._pending:
            self._pending[0]()
            del self._pending[0]

    def _keep(self) -> None:
        interval_s = min(RENEW_S, self.queue.lease_s / 4.0)
        while not self._closed.wait(interval_s):
            try:
                state = self.queue.renew(self.claim.attempt_id, self._progress_so_far())
            except Exception as error:
                self._database_is_away = True
                logger.warning("the lease of study %s could not be renewed: %s", self.claim.key, error)
                continue
            self._database_is_away = False
            if self._ending.is_set() or self._closed.is_set():
                continue
            if state != "held":
                self.state = state
                self._on_end(state)
                return

    def _progress_so_far(self) -> dict[str, Any] | None:
        """What JSON takes of the last report; a number that is none must not stand in the way of the renewal."""
        if self._progress is None:
            return None
        values = asdict(self._progress).items()
        return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values}
