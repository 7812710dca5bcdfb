"""Processes that work for this one.

Each has a pipe of its own, which ends with it. A pool of the standard library has one pipe for all answers: where a
process is ended from outside while it writes there, half an answer stays, and the pool waits for ever for the rest.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from polyomics.errors import MachineFailed

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class _Helper:
    process: SpawnProcess
    connection: Connection


class Helpers(Generic[Item, Answer]):
    """Some processes that all do the same work, each on one item at a time. Use it in a `with` statement.

    They are new ones (`spawn`) that leave Ctrl-C to this process, and end with it.

    Args:
        n: How many.
        work: What they do; it, the items and the answers are pickled.
    """

    def __init__(self, n: int, work: Callable[[Item], Answer]) -> None:
        context = multiprocessing.get_context("spawn")
        self._mine = threading.local()
        self._all: list[_Helper] = []
        unclaimed: SimpleQueue[_Helper] = SimpleQueue()
        for _ in range(n):
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, work), daemon=True)
            process.start()
            there.close()  # so that the pipe ends with the process
            self._all.append(_Helper(process, here))
            unclaimed.put(self._all[-1])
        self._threads = ThreadPoolExecutor(n, initializer=lambda: setattr(self._mine, "helper", unclaimed.get()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for helper in self._all:
            helper.process.kill()
        self._threads.shutdown()
        for helper in self._all:
            helper.process.join()
            helper.connection.close()

    def ask(self, item: Item) -> Future[Answer]:
        """What becomes of an item: the answer, what the work raised, or `MachineFailed` if its process has ended."""
        return self._threads.submit(self._ask, item)

    def answers(self, items: Iterable[Item]) -> Iterator[Answer]:
        """The answers in the order of the items, of which a few are read ahead.

        Raises:
            MachineFailed: A process was ended from outside.
        """
        waiting: deque[Future[Answer]] = deque()
        for item in items:
            waiting.append(self.ask(item))
            if len(waiting) > 2 * len(self._all) + 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _ask(self, item: Item) -> Answer:
        helper: _Helper = self._mine.helper
        try:
            helper.connection.send(item)
            is_answer, answer = helper.connection.recv()
        except (EOFError, OSError) as error:
            helper.process.join(1.0)
            raise MachineFailed(
                f"a process that helps this one was ended from outside (exit code {helper.process.exitcode}), for lack "
                "of memory perhaps; do the same again, with --processes 1 if it happens again: what was entered stays"
            ) from error
        if not is_answer:
            raise answer
        return answer  # type: ignore[no-any-return]


def _serve(connection: Connection, work: Callable[[Item], Answer]) -> None:
    """Work until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            item = connection.recv()
        except (EOFError, OSError):
            return
        message: tuple[bool, object]
        try:
            message = True, work(item)
        except Exception as error:
            error.add_note("".join(traceback.format_exception(error)))
            message = False, error
        try:
            connection.send(message)
        except OSError:
            return
