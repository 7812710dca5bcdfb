"""The programs of one machine, and their order: server first and last, the worker in between."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from polyomics.box.address import api_url, refuse_taken
from polyomics.box.dashboard import CLIENT_PASSWORD, SERVER_PASSWORD, answers, server_program, without_a_server
from polyomics.box.program import KeptProgram, Program
from polyomics.errors import InvalidSettings, ServerUnavailable, StorageUnavailable

LOOK_S = 0.25
"""Time between looks at the programs."""
STARTUP_S = 180.0
"""How long the server may take to answer; its first start makes its tables."""
MOST_FAILED_STARTS = 3
WORKER_STOP_S = 120.0
"""How long the worker may take to give its studies back [s]; longer than it lets a study run to its checkpoint."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class BoxSettings:
    """What runs on the machine."""

    home: Path
    host: str = "127.0.0.1"
    port: int = 4200
    pool: str = "local"
    worker_options: tuple[str, ...] = ()
    """Further options of `polyomics worker`."""


class Box:
    """A Prefect server and a worker, until a signal ends both.

    Args:
        settings: What runs.
        environment: That of this process; passwords are in it.
        say: Takes one line at a time.
    """

    def __init__(self, settings: BoxSettings, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        self.address = api_url(settings.host, settings.port)
        self._settings = settings
        self._say = say
        server = server_program(settings.home, settings.host, settings.port, environment)
        self._server = KeptProgram(server, say)
        self._worker = KeptProgram(_worker_program(settings, self.address, environment), say)
        self._asked = threading.Event()
        self._n_signals = 0

    def run(self, when_ready: Callable[[], None]) -> None:
        """Run both until SIGINT, SIGTERM or SIGHUP, then end the worker, then the server.

        Args:
            when_ready: Called once the server answers.

        Raises:
            InvalidSettings: The port is taken, or the worker refuses its settings.
            ServerUnavailable: The server does not start.
            StorageUnavailable: The home folder is in use, or cannot be written.
        """
        with self._alone(), self._heeding_signals():
            refuse_taken(self._settings.host, self._settings.port)
            try:
                self._wait_for_server()
                if not self._asked.is_set():
                    when_ready()
                while not self._asked.wait(LOOK_S):
                    self._server.look()
                    self._worker.look()
            finally:
                self._end()

    # ---------------------------------------------------------------- inside

    def _wait_for_server(self) -> None:
        give_up = time.monotonic() + STARTUP_S
        while not self._asked.is_set():
            self._server.look()
            if self._server.is_running and answers(self.address):
                return
            if self._server.n_deaths >= MOST_FAILED_STARTS or time.monotonic() > give_up:
                raise ServerUnavailable(
                    f"the Prefect server does not start: {self._server.last_line()} "
                    f"(all of it: {self._server.program.log}); without a dashboard: polyomics worker"
                )
            self._asked.wait(LOOK_S)

    def _end(self) -> None:
        """The worker first, since it tells the server how its studies stand."""
        if self._worker.is_running:
            self._say("stopping: studies go back to the queue with their checkpoints (Ctrl-C again hurries)")
        heard = self._n_signals
        for program in (self._worker, self._server):
            program.ask_to_end()
            while program.is_running:
                program.look()
                if self._n_signals > heard:
                    heard = self._n_signals
                    program.ask_to_end()
                time.sleep(LOOK_S)
        self._say("stopped; nothing is left running")

    @contextmanager
    def _heeding_signals(self) -> Iterator[None]:
        def hear(_number: int, _frame: FrameType | None) -> None:
            self._n_signals += 1
            self._asked.set()

        before = {number: signal.signal(number, hear) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the home folder: one box for each."""
        path = self._settings.home / "up.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise StorageUnavailable(f"cannot write {path}: {error.strerror}; set POLYOMICS_HOME") from error
        with stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StorageUnavailable(
                    f"'polyomics up' already runs for {path.parent}{_holder(path)}; use that, or set POLYOMICS_HOME "
                    "to another folder and choose another --port"
                ) from error
            stream.truncate(0)
            json.dump({"pid": os.getpid(), "dashboard": self.address.removesuffix("/api")}, stream)
            stream.flush()
            yield


def _holder(path: Path) -> str:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return f" (process {int(found['pid'])}, {found['dashboard']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _worker_program(settings: BoxSettings, address: str, environment: Mapping[str, str]) -> Program:
    mine = without_a_server(environment)
    if mine.get(SERVER_PASSWORD):
        mine.setdefault(CLIENT_PASSWORD, mine[SERVER_PASSWORD])
    mine.pop(SERVER_PASSWORD, None)
    own = {
        "POLYOMICS_HOME": str(settings.home),
        "PREFECT_API_URL": address,
        "PREFECT_HOME": str(settings.home / "prefect"),
    }
    return Program(
        name="worker",
        command=(sys.executable, "-m", "polyomics.cli", "worker", "--pool", settings.pool, *settings.worker_options),
        environment={**mine, **own},
        log=settings.home / "logs" / "worker.log",
        stop_s=WORKER_STOP_S,
        shows_log=True,
    )


def checked_pool(name: str) -> str:
    """A name of a pool that every part takes.

    Raises:
        InvalidSettings: It is empty, or has other characters than letters, digits, '-' and '_'.
    """
    if not name or not name.replace("-", "").replace("_", "").isalnum():
        raise InvalidSettings(f"--pool {name!r}: a pool's name has letters, digits, '-' and '_' only")
    return name
