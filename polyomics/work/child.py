"""The process of one study: a worker starts it for an attempt, and it ends with that.

`python -m polyomics.work.child ORDERS` with the orders as JSON. Home and database, whose address may have a password,
come from the environment.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import Field

from polyomics import __version__, config
from polyomics.database.queue import LEASE_S, Queue
from polyomics.database.rows import Claim
from polyomics.database.store import Store
from polyomics.errors import LeaseLost, PolyomicsError, StudyCancelled
from polyomics.md.engine import Hardware
from polyomics.md.progress import Interrupted, Progress
from polyomics.records import Failure, Record
from polyomics.spec import StudySpec
from polyomics.study import StudyResult, run_study
from polyomics.work.hold import Hold
from polyomics.work.stopping import GIVEN_BACK, STOP_SIGNALS, StopNow, Stopping

CANCEL_GRACE_S = 5.0
"""How long a cancelled study may take to reach its next checkpoint."""
LOG_EVERY_S = 30.0
"""Time between lines of the log in a long step."""

logger = logging.getLogger(__name__)


class Orders(Record):
    """What a worker tells the process of a study."""

    attempt_id: int
    """The attempt it holds the study by."""
    parent_pid: int
    """The worker: without it, the process stops."""
    lease_s: float = LEASE_S
    """How long its lease lasts without being renewed [s]."""
    grace_s: float = 60.0
    """How long it may take to reach a checkpoint when it is asked to stop [s]."""
    patience_s: float = 3600.0
    """How long it waits for a database that is away [s]."""
    hardware: dict[str, Any] = Field(default_factory=dict)
    """Fields of `Hardware`."""


Carry = Callable[..., StudyResult]
"""`run_study`, or what shows it in a dashboard as well: called as (claim, spec, **arguments of run_study)."""


def plainly(_claim: Claim, spec: StudySpec, **where: Any) -> StudyResult:
    """Carry a study out without showing it anywhere."""
    return run_study(spec, **where)


def main(arguments: Sequence[str] | None = None, carry: Carry = plainly) -> int:
    """Run the study of the orders; 0 if it ended, 75 if it was given back, 1 if this process met trouble."""
    (text,) = sys.argv[1:] if arguments is None else arguments
    orders = Orders.model_validate_json(text)
    _log_to_stderr()
    stopping = Stopping(orders.grace_s, lambda: _give_back(orders))
    try:
        with stopping.heeding(*STOP_SIGNALS):
            _end_with(orders.parent_pid, stopping)
            if stopping.is_asked():
                _give_back(orders)
                return GIVEN_BACK
            return _run(orders, stopping, carry)
    except StopNow:
        return GIVEN_BACK


def _run(orders: Orders, stopping: Stopping, carry: Carry) -> int:
    hold = Hold(
        attempt_id=orders.attempt_id,
        lease_s=orders.lease_s,
        patience_s=orders.patience_s,
        requeues_errors=True,
        on_end=lambda how: stopping.ask(CANCEL_GRACE_S if how == "cancelled" else 0.0),
    )
    try:
        claim = _adopt(orders, hold)
        spec = StudySpec.model_validate(claim.spec)
        logger.info("study %s, attempt %d, process %d", claim.key, claim.number, os.getpid())
        if spec.key != claim.key:
            _fail_as_another(hold, claim, spec)
            return 0
        result = carry(
            claim,
            spec,
            hardware=Hardware(**orders.hardware),
            report=LogReport(),
            should_stop=stopping.is_asked,
            hold=hold,
        )
    except (Interrupted, StopNow):
        logger.info("stopped; the study is given back with its checkpoint")
        return GIVEN_BACK
    except (StudyCancelled, LeaseLost) as error:
        logger.info("%s", error)
        return GIVEN_BACK
    except PolyomicsError as error:
        logger.error("%s: %s", error.kind, error)
        return 1
    except Exception:
        logger.exception("unexpected trouble; the study is given back")
        return 1
    logger.info("the study is %s", result.status)
    return 0


def _adopt(orders: Orders, hold: Hold) -> Claim:
    with hold.patiently(lambda: Store.open(config.database_url())) as store:
        return hold.patiently(lambda: Queue(store).adopt(orders.attempt_id, pid=os.getpid()))


def _fail_as_another(hold: Hold, claim: Claim, spec: StudySpec) -> None:
    """A request that is another study here is one at every worker of this version: nobody need try it again."""
    failure = Failure(
        stage="spec",
        kind="OtherStudy",
        message=f"what is stored as study {claim.key} is study {spec.key} to polyomics {__version__}: it was submitted "
        "with another version, or changed by hand; submit it again",
    )
    logger.error("%s: %s", failure.kind, failure.message)
    with hold.patiently(lambda: Store.open(config.database_url())) as store:
        hold.patiently(lambda: store.fail_study(claim.key, failure, attempt_id=claim.attempt_id))


def _give_back(orders: Orders) -> None:
    """Through a connection of its own: another thread may be stuck in the middle of a statement."""
    with Store.open(config.database_url()) as store:
        Queue(store).release(orders.attempt_id)


class LogReport:
    """Writes a line at every change of step, and now and then in between."""

    def __init__(self) -> None:
        self._step = ""
        self._last = float("-inf")

    def __call__(self, progress: Progress) -> None:
        """Take a progress report."""
        now = time.monotonic()
        if progress.step == self._step and not progress.message and now - self._last < LOG_EVERY_S:
            return
        self._step, self._last = progress.step, now
        parts = [progress.message] if progress.message else []
        if progress.total_ps:
            parts.append(f"{progress.done_ps:.1f} of {progress.total_ps:g} ps")
        if progress.ns_per_day:
            parts.append(f"{progress.ns_per_day:.3g} ns/day")
        if progress.density_g_cm3:
            parts.append(f"{progress.density_g_cm3:.4f} g/cm3")
        logger.info("%s: %s", progress.step, ", ".join(parts))


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)


def _end_with(parent_pid: int, stopping: Stopping) -> None:
    """Ask the kernel for SIGTERM when the worker dies, so that no study runs on where nobody counts it (Linux)."""
    set_parent_death_signal = 1
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)
    if os.getppid() != parent_pid:
        stopping.ask()


if __name__ == "__main__":
    sys.exit(main())
