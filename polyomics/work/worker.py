"""A worker: takes studies from the queue, runs each in a process of its own, and gives back what it cannot finish."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from polyomics.config import below
from polyomics.database.queue import MOST_DEATHS, Queue, this_host
from polyomics.database.rows import Attempt, Claim, Holder
from polyomics.database.store import Store
from polyomics.database.workers import WorkerState, enter_worker, worker_is_seen, workers
from polyomics.errors import DatabaseTooNew, InvalidSettings, PolyomicsError, StorageUnavailable
from polyomics.work.child import Orders
from polyomics.work.clerk import Clerk
from polyomics.work.gpus import Place
from polyomics.work.mps import alone
from polyomics.work.quarantine import MOST_TROUBLES, Quarantine
from polyomics.work.slot import Ending, Slot
from polyomics.work.stopping import FAREWELL_S
from polyomics.work.stopping import LEAVE_S as CHILD_LEAVE_S
from polyomics.work.wishes import Wishes

BEAT_S = 5.0
"""Time between signs of life."""
POLL_S, LONGEST_POLL_S = 1.0, 5.0
"""Time between looks into a queue that has just become empty, and into one that stays so."""
START_S = 30.0
"""Time a process needs before its first segment, at the end of a walltime [s]."""
LEAVE_S = CHILD_LEAVE_S + FAREWELL_S + 5.0
"""Time a process may take beyond its grace before it is killed [s]."""
TELL_WITHIN_S = 15.0
"""Time a leaving worker gives the database to take its last words [s]."""
EARLY_S = 30.0
"""A process that dies so soon [s], before it has done anything, tells of its machine rather than of its study."""
NEIGHBOUR_S = 5.0
"""Processes that share a GPU through one MPS server and die so close together [s] have died of one fault."""

MPS_FAULT = "MpsFault"
ISOLATED = (MPS_FAULT, "EngineFailed")
"""Trouble on a shared GPU after which a study runs beside the MPS server: was it the study's own?"""

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
    """Leave after so long without work [s]; none stays, 0 leaves when the queue is empty."""
    child_module: str = "polyomics.work.child"
    """Module that runs a study, called with its orders."""
    hardware: dict[str, object] = field(default_factory=dict)
    places: tuple[Place, ...] = ()
    """Where each slot computes; on the CPU unless given."""
    ends_at_s: float | None = None
    """When its walltime ends, by `time.monotonic` [s]; none has no end."""
    ns_per_day: float | None = None
    """Speed of all slots together, measured when it started [ns/day]."""
    relative_speed: float = 1.0
    """Speed of one slot over that of the GPU by which the cost of studies is estimated."""
    most_deaths: int = MOST_DEATHS
    """How many processes a study may end in a row before it has failed."""
    most_troubles: int = MOST_TROUBLES
    """How many studies in a row may meet trouble of the machine before the worker stops; 0 never stops."""


class Worker:
    """Takes studies from the queue of a store until it is told to stop.

    The loop never waits for the database: a clerk asks it in a thread. Children hold their studies themselves, so they
    go on while the database is away.

    Args:
        store: Where the queue is.
        home: Folder of runs and caches, where the logs of the studies go too.
        settings: How it works.
        wishes: What is asked of it, where somebody listens already.
    """

    def __init__(self, store: Store, home: Path, settings: WorkerSettings, wishes: Wishes | None = None) -> None:
        self.settings = settings
        self._store = store
        self._home = home
        self._queue = Queue(store, lease_s=settings.lease_s, most_deaths=settings.most_deaths)
        places = settings.places or (Place(),) * settings.slots
        self._slots = [Slot(number, place) for number, place in enumerate(places, start=1)]
        self._wishes = wishes or Wishes()
        self._clerk = Clerk(self._wishes.wake)
        self._quarantine = Quarantine(settings.most_troubles)
        self._state: WorkerState = "working"
        self._note = ""
        self._refusal: DatabaseTooNew | None = None
        self._hurried = False
        self._worker_id = 0
        self._endings: list[Ending] = []
        self._claiming: tuple[Slot, Future[tuple[Claim, Place] | None]] | None = None
        self._telling: tuple[tuple[Ending, ...], Future[list[Attempt]]] | None = None
        self._beating: Future[None] | None = None
        self._is_away = False
        self._ask_after_s = self._look_after_s = 0.0
        self._poll_s = POLL_S
        self._last_beat_s = self._last_work_s = self._drained_s = time.monotonic()
        self._is_empty = False

    def run(self) -> int:
        """Work until it is asked to stop, its time is over, or nothing is left; 0, or 1 after a quarantine.

        Raises:
            DatabaseTooNew: The database was upgraded meanwhile; what was at hand went back.
        """
        settings = self.settings
        with self._wishes.heeding():
            self._worker_id = enter_worker(
                self._store,
                settings.name,
                host=this_host(),
                pid=os.getpid(),
                pool=settings.pool,
                slots=len(self._slots),
                devices=list(dict.fromkeys(str(slot.place.gpu) for slot in self._slots if slot.place.gpu)),
            )
            logger.info(
                "worker %s takes studies of pool %s, %d at a time", settings.name, settings.pool, settings.slots
            )
            self._beat()
            try:
                while not self._is_over():
                    self._wishes.wait(POLL_S)
                    self._look_around()
            except BaseException:
                self._ask_to_stop(settings.grace_s)
                raise
            self._leave()
        if self._refusal:
            raise self._refusal
        return 1 if self._state == "quarantined" else 0

    def drain(self, why: str = "it was asked to") -> None:
        """Take nothing more, and ask the studies at hand to stop at their next checkpoint."""
        if self._state == "working":
            self._state, self._note = "draining", why
        logger.info("draining: %s", why)
        self._last_beat_s, self._drained_s = 0.0, time.monotonic()
        self._ask_to_stop(self.settings.grace_s)

    # ---------------------------------------------------------------- inside

    def _look_around(self) -> None:
        self._heed()
        self._reap()
        self._hear_clerk()
        self._tell()
        self._fill()
        if time.monotonic() - self._last_beat_s > BEAT_S:
            self._beat()

    # ---------------------------------------------------------------- when to stop

    def _heed(self) -> None:
        now = time.monotonic()
        ends_at_s = self.settings.ends_at_s
        if self._wishes.is_asked() and self._state == "working":
            self.drain(f"{self._wishes.last} was received")
        elif self._state == "working" and ends_at_s is not None and now > ends_at_s - self.settings.grace_s - LEAVE_S:
            self.drain("the walltime ends")
        if self._wishes.asked > 1 and not self._hurried:
            self._hurried = True
            logger.info("hurrying: asked again, so nothing waits for its next checkpoint")
            self._ask_to_stop(0.0)
        for slot in self._slots:
            if slot.process is not None and slot.kill_at_s is not None and now > slot.kill_at_s:
                logger.warning("slot %d: the process does not stop and is killed", slot.number)
                slot.kill()
                slot.kill_at_s = now + LEAVE_S

    def _ask_to_stop(self, grace_s: float) -> None:
        """Ask once for the next checkpoint; asked a second time, a process stops at once."""
        for slot in self._slots:
            slot.ask_to_stop(time.monotonic() + grace_s + LEAVE_S)

    def _is_over(self) -> bool:
        if any(slot.process for slot in self._slots):
            return False
        now = time.monotonic()
        unheard = self._claiming or self._endings or self._telling
        if self._state != "working":
            return not unheard or now - max(self._last_work_s, self._drained_s) > TELL_WITHIN_S
        if unheard:
            return False
        budget_s = self._segment_budget_s()
        if budget_s is not None and budget_s <= 0:
            self._note = "the time left is too short for another study"
            return True
        idle_exit_s = self.settings.idle_exit_s
        if self._is_empty and idle_exit_s is not None and now - self._last_work_s >= idle_exit_s:
            self._note = "the queue is empty"
            return True
        return False

    def _leave(self) -> None:
        if self._state != "quarantined":
            self._state = "stopped"
        for ending_ in self._endings:
            logger.warning("study %s: the database does not hear how it ended; its lease runs out", ending_.claim.key)
        self._beat()
        if self._beating is not None:
            wait([self._beating], timeout=TELL_WITHIN_S)
            self._hear_clerk()
        logger.info("worker %s leaves: %s", self.settings.name, self._note)

    # ---------------------------------------------------------------- taking studies

    def _segment_budget_s(self) -> float | None:
        """The longest segment that still fits before the walltime, as the estimate of cost counts it [s]."""
        if self.settings.ends_at_s is None:
            return None
        left_s = self.settings.ends_at_s - time.monotonic() - self.settings.grace_s - LEAVE_S - START_S
        return left_s * self.settings.relative_speed

    def _fill(self) -> None:
        now = time.monotonic()
        if self._claiming or self._state != "working" or now < max(self._ask_after_s, self._look_after_s):
            return
        if any(one.how != "orderly" for one in self._endings):
            return  # first it must be known whether that was the machine
        slot = next((slot for slot in self._slots if slot.process is None), None)
        budget_s = self._segment_budget_s()
        if slot is not None and (budget_s is None or budget_s > 0):
            self._claiming = (
                slot,
                self._clerk.ask(partial(self._claim, slot.place, budget_s, self._quarantine.troubled(now))),
            )

    def _claim(self, place: Place, budget_s: float | None, avoid: Sequence[str]) -> tuple[Claim, Place] | None:
        holder = Holder(host=this_host(), worker_id=self._worker_id, device=place.device)
        pools = ("", self.settings.pool)
        claim = self._queue.claim_next(holder, pools=pools, segment_gpu_s=budget_s, avoid=avoid)
        if claim is None:
            return None
        return claim, alone(place) if place.is_shared and self._fell_on_shared_gpu(claim) else place

    def _fell_on_shared_gpu(self, claim: Claim) -> bool:
        if claim.number == 1:
            return False
        try:
            before = [attempt for attempt in self._queue.attempts(claim.key) if attempt.number < claim.number]
        except StorageUnavailable:
            return False
        return before[-1].error_kind in ISOLATED

    def _start(self, slot: Slot, claim: Claim, place: Place) -> None:
        settings = self.settings
        orders = Orders(
            attempt_id=claim.attempt_id,
            parent_pid=os.getpid(),
            lease_s=settings.lease_s,
            grace_s=settings.grace_s,
            hardware=dict(settings.hardware),
        )
        self._last_work_s = time.monotonic()
        try:
            slot.start(
                claim,
                place,
                [settings.child_module, orders.model_dump_json()],
                log_file(self._home, claim.key, claim.number),
            )
        except (OSError, PolyomicsError) as error:
            what = f"its process cannot be started: {error}"
            logger.error("slot %d: study %s: %s", slot.number, claim.key, what)
            self._endings.append(Ending(claim, place, "not started", what, 0.0, self._last_work_s))
            return
        where = f" on {place.gpu}" if place.gpu else ""
        logger.info("slot %d: study %s, attempt %d%s", slot.number, claim.key, claim.number, where)

    # ---------------------------------------------------------------- ends of studies

    def _reap(self) -> None:
        for slot in self._slots:
            if slot.process is None:
                continue
            self._last_work_s = time.monotonic()
            ended = slot.ended()
            if ended is not None:
                logger.info("slot %d: study %s: %s", slot.number, ended.claim.key, ended.what)
                self._endings.append(ended)
                self._is_empty, self._look_after_s = False, 0.0

    def _tell(self) -> None:
        """Have the clerk tell the database of the ends whose cause is clear."""
        now = time.monotonic()
        if self._telling or now < self._ask_after_s:
            return
        for first in self._endings:
            if not first.may_be_neighbours_fault:
                together = [first]
            elif self._state == "working" and now - first.at_s < NEIGHBOUR_S:
                continue
            else:
                together = [
                    other
                    for other in self._endings
                    if other.may_be_neighbours_fault
                    and other.place.device == first.place.device
                    and other.at_s - first.at_s < NEIGHBOUR_S
                ]
            self._telling = tuple(together), self._clerk.ask(partial(self._tell_now, tuple(together)))
            return

    def _tell_now(self, together: tuple[Ending, ...]) -> list[Attempt]:
        """Tell how studies ended, unless their processes have said so; the attempts as they are then."""
        for one in together:
            attempt_id = one.claim.attempt_id
            if one.how == "orderly":
                self._queue.release(attempt_id)
            elif one.how == "not started":
                self._queue.report_error(attempt_id, "NotStarted", one.what)
            elif len(together) > 1:
                message = f"{one.what}, with {len(together) - 1} more on the same GPU, which they shared through MPS"
                self._queue.report_error(attempt_id, MPS_FAULT, message)
            else:
                self._queue.report_death(attempt_id, one.what)
        return [
            attempt
            for one in together
            for attempt in self._queue.attempts(one.claim.key)
            if attempt.id == one.claim.attempt_id
        ]

    def _judge(self, together: tuple[Ending, ...], attempts: list[Attempt]) -> None:
        """Is it the machine? A fault of several counts once."""
        for one, attempt in zip(together, attempts, strict=False):
            device = one.place.device
            if attempt.outcome in ("done", "failed"):
                self._quarantine.note_success(device)
                continue
            early = attempt.outcome == "lost" and one.ran_s < EARLY_S and attempt.reached_ps == 0.0
            if one.how == "orderly" or not (early or attempt.outcome == "error"):
                continue
            what = f"{attempt.error_kind}: {attempt.error_message}"
            reason = self._quarantine.note_trouble(device, one.claim.key, what, one.at_s)
            if reason and self._state != "quarantined":
                self._state, self._note = "quarantined", reason
                logger.error("this worker takes nothing more: %s", reason)
                self.drain(reason)
            return

    # ---------------------------------------------------------------- the database

    def _hear_clerk(self) -> None:
        if self._claiming and self._claiming[1].done():
            (slot, claimed), self._claiming = self._claiming, None
            self._take(slot, claimed)
        if self._telling and self._telling[1].done():
            (together, told), self._telling = self._telling, None
            if self._is_told(told):
                self._endings = [one for one in self._endings if one not in together]
                self._judge(together, told.result() if told.exception() is None else [])
        if self._beating and self._beating.done():
            beaten, self._beating = self._beating, None
            self._is_answer(beaten)

    def _take(self, slot: Slot, claimed: Future[tuple[Claim, Place] | None]) -> None:
        if not self._is_answer(claimed):
            return
        found = claimed.result()
        now = time.monotonic()
        if found is None:
            self._is_empty = True
            self._look_after_s = now + self._poll_s
            self._poll_s = min(LONGEST_POLL_S, 2.0 * self._poll_s)
            return
        self._is_empty, self._poll_s = False, POLL_S
        claim, place = found
        if self._state == "working":
            self._start(slot, claim, place)
        else:
            self._endings.append(Ending(claim, place, "orderly", "it came too late", 0, now))

    def _is_told(self, told: Future[list[Attempt]]) -> bool:
        """Whether nothing more can be done: the database knows, or will never want to."""
        error = told.exception()
        if isinstance(error, PolyomicsError) and not isinstance(error, StorageUnavailable):
            logger.warning("the end of a study is not taken: %s", error)
            return True
        return self._is_answer(told)

    def _is_answer(self, future: Future[Any]) -> bool:
        """Whether the database has answered; what it said while it was away is logged once."""
        error = future.exception()
        if error is None:
            if self._is_away:
                logger.info("the database answers again")
            self._is_away = False
            return True
        if isinstance(error, DatabaseTooNew) and self._refusal is None:
            self._refusal = error
            self.drain(str(error))
        elif not isinstance(error, StorageUnavailable):
            raise error
        elif not self._is_away:
            logger.warning("the database does not answer; studies at hand go on: %s", error)
        self._is_away = True
        self._ask_after_s = time.monotonic() + POLL_S
        return False

    def _beat(self) -> None:
        self._last_beat_s = time.monotonic()
        if self._beating is None or self._state in ("stopped", "quarantined"):
            seen = partial(worker_is_seen, self._store, self._worker_id, state=self._state, note=self._note)
            self._beating = self._clerk.ask(partial(seen, ns_per_day=self.settings.ns_per_day))


def log_file(home: Path, key: str, number: int) -> Path:
    """Where attempt `number` at a study writes its log."""
    return below(home, f"runs/{key}") / "logs" / f"attempt-{number:03d}.log"


def worker_name(pool: str, parts: Sequence[str] = ()) -> str:
    """A name no other worker has: machine, process, and what else tells it apart."""
    return "-".join((this_host(), pool, *parts, str(os.getpid())))


def refuse_twin(store: Store, name: str) -> None:
    """Refuse the name of a worker that is at work on this machine; the row of one that is gone may be taken over.

    Raises:
        InvalidSettings: It is taken.
    """
    for one in workers(store):
        if one.name == name and one.host == this_host() and one.pid != os.getpid() and _is_alive(one.pid):
            raise InvalidSettings(f"a worker {name!r} is at work here (process {one.pid}); give another --name")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
