"""How the process of a study stops: at the next checkpoint if that is near, else now, and in any case in time."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

LEAVE_S = 5.0
"""How long a call into compiled code may take to come back before the process is ended regardless."""
GIVEN_BACK = 75
"""Exit code of a process that gave its study back: EX_TEMPFAIL of sysexits.h."""


class StopNow(BaseException):
    """Stop between two instructions: the segment at hand is lost, everything before it is on disk.

    No Exception, so that nothing on the way takes it for a failure of a study.
    """


class Stopping:
    """Signals and other wishes to stop, turned into a flag, then an exception, then the end of the process.

    Args:
        grace_s: How long to wait for the end of a segment [s].
        before_exit: Called when the process is ended in the middle of compiled code.
    """

    def __init__(self, grace_s: float, before_exit: Callable[[], None] = lambda: None) -> None:
        self._grace_s = grace_s
        self._before_exit = before_exit
        self._asked = threading.Event()
        self._ended = threading.Event()
        self._deadline = threading.Thread(target=lambda: None)

    def is_asked(self) -> bool:
        """Whether to stop at the next checkpoint."""
        return self._asked.is_set()

    def ask(self, grace_s: float | None = None) -> None:
        """Stop at the next checkpoint, or now if that takes longer than the grace; from any thread."""
        if self._asked.is_set():
            return
        self._asked.set()
        wait_s = self._grace_s if grace_s is None else grace_s
        self._deadline = threading.Thread(target=self._enforce, args=(wait_s,), daemon=True)
        self._deadline.start()

    @contextmanager
    def heeding(self, *numbers: signal.Signals) -> Iterator[None]:
        """Take these signals as a wish to stop, while the block runs."""
        before = {number: signal.signal(number, self._hear) for number in numbers}
        before[signal.SIGUSR2] = signal.signal(signal.SIGUSR2, _raise)
        try:
            yield
        finally:
            self._ended.set()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self.ask()

    def _enforce(self, grace_s: float) -> None:
        if self._ended.wait(grace_s):
            return
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR2)
        if self._ended.wait(LEAVE_S):
            return
        try:
            self._before_exit()
        finally:
            os._exit(GIVEN_BACK)


def _raise(_number: int, _frame: FrameType | None) -> None:
    raise StopNow
