"""The folder of a study, which one process at a time may change, whoever believes to hold the study."""

from __future__ import annotations

import fcntl
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

from polyomics.errors import LeaseLost, StorageUnavailable
from polyomics.files import read_json, write_json, writing_to

TOKEN = "holder.json"
"""Who has the folder; replaced by everyone who takes it."""
RUNNING_LOCK = "lock"
"""Locked as long as a process works in the folder."""
CHANGING_LOCK = "lock.change"
"""Locked for moments: while something in the folder is made to count, and while the folder changes hands."""
CHANGE_S = 60.0
"""How long another may take to change something in the folder [s]."""
_LOOK_S = 0.02


class RunFolder:
    """The folder of one study, seen from one run of it.

    Two locks and a token. The first lock says whether another process of this machine works in the folder. The token
    says who took it last: a process that slept while its study was given to another finds another token and changes
    nothing. The second lock keeps the look at the token and the change that follows it together, so that the folder
    does not change hands in between.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._token = ""

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Make the folder, and lock it against other processes of this machine while the block runs.

        Yields:
            Whether no other process of this machine has it.

        Raises:
            StorageUnavailable: The folder cannot be made, written or locked.
        """
        with self._open(RUNNING_LOCK) as lock:
            yield self._is_locked(lock)

    def take(self, confirm: Callable[[], None] = lambda: None) -> None:
        """Become the one who may change the folder, and remove what writers that were killed left half-written.

        Args:
            confirm: Raises if the study is not this process's any more; asked while nobody else can take the folder.

        Raises:
            StorageUnavailable: The folder cannot be written, or a process keeps changing it.
        """
        with self._changing():
            confirm()
            token = uuid4().hex
            write_json(self.path / TOKEN, {"token": token, "host": platform.node(), "pid": os.getpid()})
            self._token = token
            for folder in (self.path, self.path / "cell", self.path / "results"):
                for path in folder.glob(".*"):
                    with writing_to(path):
                        path.unlink(missing_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """The right to change the folder while the block runs; keep it short. A folder that was not taken is free.

        Raises:
            LeaseLost: Another has taken it since.
            StorageUnavailable: The folder cannot be written, or a process keeps changing it.
        """
        if not self._token:
            yield
            return
        with self._changing():
            if self.is_taken_away():
                raise LeaseLost(f"the run folder {self.path} was taken by another process; it is left to that")
            yield

    def is_taken_away(self) -> bool:
        """Whether another process has taken the folder since."""
        return bool(self._token) and bool(read_json(self.path / TOKEN)["token"] != self._token)

    # ---------------------------------------------------------------- inside

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._open(CHANGING_LOCK) as lock:
            give_up = time.monotonic() + CHANGE_S
            while not self._is_locked(lock):
                if time.monotonic() > give_up:
                    raise StorageUnavailable(
                        f"another process has been changing the run folder {self.path} for {CHANGE_S:.0f} s; "
                        f"see {TOKEN} there, and end it if it hangs"
                    )
                time.sleep(_LOOK_S)
            yield

    def _open(self, name: str) -> IO[str]:
        with writing_to(self.path / name):
            self.path.mkdir(parents=True, exist_ok=True)
            return (self.path / name).open("w")

    def _is_locked(self, lock: IO[str]) -> bool:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise StorageUnavailable(
                f"the file system of {self.path} has no file locks ({error.strerror}); mount it with them (flock)"
            ) from error
        return True
