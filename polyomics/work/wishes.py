"""Signals that ask a worker to stop, and a sleep that anything can end."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)
"""SIGUSR1 is what Slurm sends before the end of a job, if it is asked to."""


class Wishes:
    """How often a worker was asked to stop.

    A handler only counts and writes a byte to a pipe, so that it does no harm wherever it interrupts.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.last = ""
        self._out, self._in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def is_asked(self) -> bool:
        """Whether to stop."""
        return self.asked > 0

    def wake(self) -> None:
        """End the present `wait`, or the next; from any thread."""
        with suppress(BlockingIOError):  # a full pipe wakes as well
            os.write(self._in, b"!")

    def wait(self, seconds: float) -> None:
        """Sleep until something happens, at most so long [s]."""
        if select.select([self._out], [], [], max(0.0, seconds))[0]:
            os.read(self._out, 65536)

    @contextmanager
    def heeding(self) -> Iterator[None]:
        """Hear these signals while the block runs, and the end of a child."""
        heard = {number: signal.signal(number, self._hear) for number in STOP}
        heard[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: self.wake())
        try:
            yield
        finally:
            for number, handler in heard.items():
                signal.signal(number, handler)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self.asked += 1
        self.last = signal.Signals(number).name
        self.wake()
