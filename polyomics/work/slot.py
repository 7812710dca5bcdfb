"""A place for one study at a time, and how its process ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from polyomics.database.rows import Claim
from polyomics.work.ending import ending
from polyomics.work.gpus import Place
from polyomics.work.stopping import GIVEN_BACK, STOP_SIGNALS, waiting_signals


@dataclass(frozen=True)
class Ending:
    """A process that has ended, until the database knows."""

    claim: Claim
    place: Place
    how: Literal["orderly", "died", "not started"]
    what: str
    ran_s: float
    at_s: float

    @property
    def may_be_neighbours_fault(self) -> bool:
        """Whether a fault of another process on the same GPU can have ended it."""
        return self.how == "died" and self.place.is_shared


@dataclass
class Slot:
    """A place for one study at a time."""

    number: int
    place: Place
    process: subprocess.Popen[bytes] | None = None
    claim: Claim | None = None
    runs_at: Place = field(default_factory=Place)
    """Where the present process computes: the place, or beside its MPS server."""
    started_s: float = 0.0
    kill_at_s: float | None = None
    """When a process that was asked to stop is killed; none was not asked."""

    def start(self, claim: Claim, place: Place, command: Sequence[str], log: Path) -> None:
        """Start the process of a study.

        Args:
            claim: The study.
            place: Where it computes.
            command: A module of ours and its arguments.
            log: File that its output is appended to.

        Raises:
            OSError: It cannot be started.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream, waiting_signals(*STOP_SIGNALS):
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env={**os.environ, **place.environment},
                start_new_session=True,
            )
        self.claim, self.runs_at, self.started_s, self.kill_at_s = claim, place, time.monotonic(), None

    def ask_to_stop(self, kill_at_s: float) -> None:
        """Ask for the next checkpoint; asked a second time, a process stops at once."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.kill_at_s = kill_at_s

    def kill(self) -> None:
        """Kill the process and what it has called; it leads a session of its own."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def ended(self) -> Ending | None:
        """How the process ended, if it has since the last look; the slot is free then."""
        if self.process is None or self.claim is None:
            return None
        code = self.process.poll()
        if code is None:
            return None
        self.kill()  # programs it has called and left behind
        said = {0: "its process is done", GIVEN_BACK: "given back"}
        orderly = code in said or code == -signal.SIGTERM or self.kill_at_s is not None
        now = time.monotonic()
        found = Ending(
            claim=self.claim,
            place=self.runs_at,
            how="orderly" if orderly else "died",
            what=said.get(code, f"its process ended with {ending(code)}"),
            ran_s=now - self.started_s,
            at_s=now,
        )
        self.process = self.claim = self.kill_at_s = None
        return found
