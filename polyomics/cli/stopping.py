"""Ctrl-C and SIGTERM during a run: stop now, since everything up to the last checkpoint is on disk."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from polyomics.cli.ending import STOPPED, Stopped, say

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE_S = 5.0
"""How long a call into compiled code may take to come back before the process is ended regardless."""

_SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into `Stopped`.

    Python only acts on a signal between two of its own instructions, and one call into compiled code (a
    minimisation, say) can take minutes. So a thread that the signal wakes up waits `GRACE_S` and then ends the
    process, which a run survives like any kill.
    """
    before = {number: signal.signal(number, _raise) for number in SIGNALS}
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    wakeup = signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    ended = threading.Event()
    threading.Thread(target=_watch, args=(readable, ended), daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(writable)


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Stopped(number)


def _watch(readable: int, ended: threading.Event) -> None:
    with os.fdopen(readable, "rb", buffering=0) as signals:
        while byte := signals.read(1):
            if byte[0] in SIGNALS and not ended.wait(GRACE_S):
                if sys.stderr.isatty():
                    sys.stderr.write(_SHOW_CURSOR + "\n")
                say(STOPPED)
                os._exit(128 + byte[0])
