"""How the process of a study stops: at the next checkpoint if that is near, else now, and in any case in time."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

LEAVE_S = 5.0
"""How long a call into compiled code may take to come back before the process is ended regardless."""
FAREWELL_S = 10.0
"""How long the last words of a process that is ended so may take."""
GIVEN_BACK = 75
"""Exit code of a process that gave its study back: EX_TEMPFAIL of sysexits.h."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""What asks a process to stop."""
_LOOK_S = 0.1


class StopNow(BaseException):
    """Stop between two instructions: the segment at hand is lost, everything before it is on disk.

    No Exception, so that nothing on the way takes it for a failure of a study.
    """


class Stopping:
    """Signals and other wishes to stop, turned into a flag, then an exception, then the end of the process.

    Signals are heard by a thread of their own: Python calls handlers in the main thread only, which may be in compiled
    code for minutes, or in the hands of a library with handlers of its own. A wish only sets a number: a signal can
    come while the lock of anything cleverer is held.

    Args:
        grace_s: How long to wait for the end of a segment [s].
        before_exit: Called when the process is ended in the middle of compiled code.
    """

    def __init__(self, grace_s: float, before_exit: Callable[[], None] = lambda: None) -> None:
        self._grace_s = grace_s
        self._before_exit = before_exit
        self._deadline = math.inf
        self._ended = threading.Event()

    def is_asked(self) -> bool:
        """Whether to stop at the next checkpoint."""
        return self._deadline < math.inf

    def ask(self, grace_s: float | None = None) -> None:
        """Stop at the next checkpoint, or now if that takes longer than the grace; from any thread.

        Asked again, the earlier deadline counts.

        Args:
            grace_s: How long that may take [s]; what was said at first by default.
        """
        wait_s = self._grace_s if grace_s is None else grace_s
        self._deadline = min(self._deadline, time.monotonic() + wait_s)

    @contextmanager
    def heeding(self, *numbers: signal.Signals) -> Iterator[None]:
        """Take these signals as a wish to stop, while the block runs; a second one as a wish to stop now.

        Signals that were kept waiting (`waiting_signals`) are taken when the block begins. Where the system cannot wait
        for signals (macOS), they are heard when the main thread comes back from compiled code.
        """
        before = {number: signal.signal(number, self._hear) for number in numbers}
        signal.signal(signal.SIGUSR2, _raise)
        can_wait = hasattr(signal, "sigtimedwait")
        mask = signal.pthread_sigmask(signal.SIG_BLOCK if can_wait else signal.SIG_UNBLOCK, numbers)
        heard = numbers if can_wait else ()
        watching = threading.Thread(target=self._watch, args=(heard,), name="stopping", daemon=True)
        watching.start()
        try:
            yield
        finally:
            self._ended.set()
            signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # for good: the thread may just be sending one
            watching.join(timeout=LEAVE_S)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, *_signal: object) -> None:
        self.ask(0.0 if self.is_asked() else None)

    def _watch(self, numbers: Sequence[signal.Signals]) -> None:
        while time.monotonic() < self._deadline:
            if self._ended.is_set():
                return
            if not numbers:
                self._ended.wait(_LOOK_S)
            elif signal.sigtimedwait(numbers, _LOOK_S):
                self._hear()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR2)
        if self._ended.wait(LEAVE_S):
            return
        farewell = threading.Thread(target=self._before_exit, daemon=True)
        farewell.start()
        farewell.join(FAREWELL_S)
        os._exit(GIVEN_BACK)


@contextmanager
def waiting_signals(*numbers: signal.Signals) -> Iterator[None]:
    """Keep these signals waiting while the block runs; a process started in it keeps them waiting until it heeds them.

    Else one that comes before the handlers are there ends a process that had only to give its study back.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _raise(_number: int, _frame: FrameType | None) -> None:
    raise StopNow
