"""A program that is kept running: started, followed, started again when it dies, ended with all it started."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from polyomics.errors import InvalidSettings

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
"""Pauses before a program is started again: twice as long each time, up to this."""
SETTLED_S = 60.0
"""A program that ran so long has recovered: its next pause is the first one again."""
LARGEST_LOG_BYTES = 20_000_000
REFUSED = 2
"""Exit code of a program whose settings are wrong: starting it again does not help."""

_SET_PARENT_DEATH_SIGNAL = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Program:
    """What to keep running."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    """All of it; passwords go here and never into the command, which every user of the machine can read."""
    log: Path
    """Where its output goes."""
    stop_s: float
    """How long it may take to end after SIGTERM [s]."""
    shows_log: bool = False
    """Whether what it writes is news."""


class KeptProgram:
    """A program that is started again when it dies, until it is asked to end.

    It runs in a process group of its own, so that Ctrl-C in the terminal is not its business, and gets SIGTERM from the
    kernel when this process dies of whatever (Linux).

    Args:
        program: What to run.
        say: Takes one line at a time.
    """

    def __init__(self, program: Program, say: Callable[[str], None]) -> None:
        self.program = program
        self.n_deaths = 0
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._next_start = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._is_ending = False
        self._force_at = float("inf")
        self._read: BinaryIO | None = None

    @property
    def is_running(self) -> bool:
        """Whether it runs, as far as was seen at the last look."""
        return self._process is not None

    def look(self) -> None:
        """Start it if that is due, pass on what it wrote, notice its death.

        Raises:
            InvalidSettings: It ended at once, saying that its settings are wrong.
        """
        now = time.monotonic()
        if self._process is None:
            if not self._is_ending and now >= self._next_start:
                self._start()
            return
        code = self._process.poll()
        self._show_news()
        if code is None:
            if now > self._force_at:
                self._say(f"{self.program.name}: does not end; it is killed")
                self.kill()
            return
        self._end_rest_of_group()
        self._process = None
        if self._is_ending:
            return
        if code == REFUSED and self.n_deaths == 0 and now - self._started < SETTLED_S:
            raise InvalidSettings(f"the {self.program.name} cannot work: {self.last_line().removeprefix('error: ')}")
        self.n_deaths += 1
        if now - self._started > SETTLED_S:
            self._pause_s = FIRST_PAUSE_S
        self._next_start = now + self._pause_s
        self._say(
            f"{self.program.name}: ended with {ending(code)}; it is started again in {self._pause_s:.0f} s "
            f"(its log: {self.program.log})"
        )
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def ask_to_end(self) -> None:
        """SIGTERM; again for every further call. It is killed once it takes longer than it may."""
        self._is_ending = True
        if self._process is not None:
            if self._force_at == float("inf"):
                self._force_at = time.monotonic() + self.program.stop_s
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it now, with its process group."""
        self._is_ending = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._show_news()
            self._end_rest_of_group()
            self._process = None

    def last_line(self) -> str:
        """The last line of its log."""
        with self.program.log.open("rb") as log:
            log.seek(max(0, self.program.log.stat().st_size - 4096))
            lines = log.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    # ---------------------------------------------------------------- inside

    def _start(self) -> None:
        log = self.program.log
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > LARGEST_LOG_BYTES:
            log.replace(log.with_suffix(f"{log.suffix}.1"))
        parent = os.getpid()
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                self.program.command,
                env=dict(self.program.environment),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: _end_with(parent),  # this process has one thread
            )
        self._started = time.monotonic()
        if self._read is not None:
            self._read.close()
        self._read = log.open("rb")
        self._read.seek(0, os.SEEK_END)

    def _show_news(self) -> None:
        if self._read is None or not self.program.shows_log:
            return
        while line := self._read.readline():
            if not line.endswith(b"\n") and self._process is not None and self._process.returncode is None:
                self._read.seek(-len(line), os.SEEK_CUR)
                break
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                self._say(f"{self.program.name}: {text}")

    def _end_rest_of_group(self) -> None:
        assert self._process is not None
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def ending(code: int) -> str:
    """How a process ended, in words."""
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def _end_with(parent_pid: int) -> None:
    """In the new process: ask the kernel for SIGTERM when its parent dies."""
    if _LIBC is not None:
        _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != parent_pid:
        os._exit(1)
