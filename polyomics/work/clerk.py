"""What a worker asks of the database, one thing after the other, in a thread: the worker itself never waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Clerk:
    """A thread that carries out what it is asked, in order. It ends with the process, whatever it waits for.

    Args:
        on_done: Called in the thread after everything that was done.
    """

    def __init__(self, on_done: Callable[[], None]) -> None:
        self._on_done = on_done
        self._asked: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = SimpleQueue()
        threading.Thread(target=self._work, name="clerk", daemon=True).start()

    def ask(self, work: Callable[[], T]) -> Future[T]:
        """Have `work` done; the future has what it returned or raised."""
        future: Future[T] = Future()
        self._asked.put((work, future))
        return future

    def _work(self) -> None:
        while True:
            work, future = self._asked.get()
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)
            self._on_done()
