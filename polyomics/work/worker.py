"""A worker: takes studies from the queue, runs each in a process of its own, and gives back what it cannot finish."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from polyomics.database.queue import Queue, this_host
from polyomics.database.rows import Claim, Holder
from polyomics.database.store import Store
from polyomics.database.workers import WorkerState, enter_worker, worker_is_seen
from polyomics.errors import StorageUnavailable
from polyomics.work.child import Orders

BEAT_S = 5.0
"""Time between signs of life."""
POLL_S = 1.0
"""Time between looks into an empty queue, and at the children."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkerSettings:
    """How a worker works."""

    name: str
    pool: str
    slots: int = 1
    lease_s: float = 180.0
    grace_s: float = 60.0
    idle_exit_s: float | None = None
    """Leave after so long without work [s]; none stays."""
    child_module: str = "polyomics.work.child"
    """Module that runs a study; `flows.child` shows it in Prefect as well."""
    hardware: dict[str, object] = field(default_factory=dict)


@dataclass
class Slot:
    """A place for one study at a time."""

    number: int
    process: subprocess.Popen[bytes] | None = None
    claim: Claim | None = None


class Worker:
    """Takes studies from the queue of a store until it is told to stop.

    Args:
        store: Where the queue is.
        home: Folder of runs and caches, where the logs of the studies go too.
        settings: How it works.
    """

    def __init__(self, store: Store, home: Path, settings: WorkerSettings) -> None:
        self.settings = settings
        self._store = store
        self._home = home
        self._queue = Queue(store, lease_s=settings.lease_s)
        self._slots = [Slot(number) for number in range(settings.slots)]
        self._draining = False
        self._worker_id = 0

    def run(self) -> None:
        """Work until SIGTERM, SIGINT or idleness; studies at hand then go back with their checkpoints."""
        settings = self.settings
        self._worker_id = enter_worker(
            self._store, settings.name, host=this_host(), pid=os.getpid(), pool=settings.pool, slots=settings.slots
        )
        last_beat = last_work = time.monotonic()
        with self._signals():
            while True:
                self._reap()
                busy = any(slot.process for slot in self._slots)
                now = time.monotonic()
                if busy:
                    last_work = now
                if self._draining and not busy:
                    break
                if not self._draining:
                    self._fill()
                    idle_s = now - last_work
                    if settings.idle_exit_s is not None and idle_s > settings.idle_exit_s:
                        break
                if now - last_beat > BEAT_S:
                    last_beat = now
                    self._beat("draining" if self._draining else "working")
                time.sleep(POLL_S)
        self._beat("stopped")

    def drain(self) -> None:
        """Take nothing more, and ask the studies at hand to stop at their next checkpoint."""
        self._draining = True
        for slot in self._slots:
            if slot.process is not None:
                slot.process.send_signal(signal.SIGTERM)

    # ---------------------------------------------------------------- inside

    def _fill(self) -> None:
        for slot in self._slots:
            if slot.process is None:
                try:
                    claim = self._queue.claim_next(self._holder(), pools=("", self.settings.pool))
                except StorageUnavailable as error:
                    logger.warning("cannot look into the queue: %s", error)
                    return
                if claim is None:
                    return
                self._start(slot, claim)

    def _holder(self) -> Holder:
        return Holder(host=this_host(), worker_id=self._worker_id)

    def _start(self, slot: Slot, claim: Claim) -> None:
        orders = Orders(
            attempt_id=claim.attempt_id,
            parent_pid=os.getpid(),
            lease_s=self.settings.lease_s,
            grace_s=self.settings.grace_s,
            hardware=dict(self.settings.hardware),
        )
        log = log_file(self._home, claim.key, claim.number)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            slot.process = subprocess.Popen(
                [sys.executable, "-m", self.settings.child_module, orders.model_dump_json()],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        slot.claim = claim
        logger.info("slot %d: study %s, attempt %d", slot.number, claim.key, claim.number)

    def _reap(self) -> None:
        for slot in self._slots:
            if slot.process is None or slot.claim is None:
                continue
            code = slot.process.poll()
            if code is None:
                continue
            message = f"its process ended with {_ending(code)}"
            try:
                self._queue.report_death(slot.claim.attempt_id, message)  # nothing, if the process said how it ended
            except StorageUnavailable as error:
                logger.warning("study %s: its end cannot be told yet: %s", slot.claim.key, error)
            logger.info("slot %d: study %s: %s", slot.number, slot.claim.key, message)
            slot.process = slot.claim = None

    def _beat(self, state: WorkerState) -> None:
        try:
            worker_is_seen(self._store, self._worker_id, state=state)
        except StorageUnavailable as error:
            logger.warning("cannot say that this worker is alive: %s", error)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def hear(_number: int, _frame: FrameType | None) -> None:
            self.drain()

        before = {number: signal.signal(number, hear) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def log_file(home: Path, key: str, number: int) -> Path:
    """Where attempt `number` at a study writes its log."""
    return home / "runs" / key / "logs" / f"attempt-{number:03d}.log"


def _ending(code: int) -> str:
    return f"code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def worker_name(pool: str, parts: Sequence[str] = ()) -> str:
    """A name no other worker has: machine, process, and what else tells it apart."""
    return "-".join((this_host(), pool, *parts, str(os.getpid())))
