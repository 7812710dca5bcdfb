"""A real Prefect server on the loopback, for tests, and processes that are ended with all their children."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from flows import WITHOUT_ASKING

STARTUP_LIMIT_S = 120.0


@dataclass(frozen=True)
class Server:
    """A Prefect server that answers."""

    api_url: str
    environment: dict[str, str]
    """Environment of a process that is to use it."""
    process: subprocess.Popen[bytes]

    @contextmanager
    def used(self) -> Iterator[None]:
        """Make it the server this process uses."""
        from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, PREFECT_HOME, temporary_settings

        settings = {PREFECT_API_URL: self.api_url, PREFECT_HOME: Path(self.environment["PREFECT_HOME"])}
        password = self.environment.get("PREFECT_API_AUTH_STRING")
        with temporary_settings(settings | ({PREFECT_API_AUTH_STRING: password} if password else {})):
            yield


@contextmanager
def prefect_server(folder: Path, *, port: int | None = None, password: str | None = None) -> Iterator[Server]:
    """`prefect server start` with SQLite in `folder`; gone at the end, with its children."""
    port = port or free_port()
    api_url = f"http://127.0.0.1:{port}/api"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment = {**clean, **WITHOUT_ASKING, "PREFECT_HOME": str(folder), "PREFECT_API_URL": api_url}
    environment["PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED"] = "false"
    if password is not None:
        environment |= {"PREFECT_SERVER_API_AUTH_STRING": password, "PREFECT_API_AUTH_STRING": password}
    command = ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with own_process(command, environment, folder / "server.log") as process:
        _wait_until_healthy(api_url, process, folder / "server.log")
        yield Server(api_url, environment, process)


@contextmanager
def own_process(arguments: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`python ARGUMENTS` as the leader of a process group of its own, which is ended as a whole."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=environment,
            cwd=Path(__file__).parents[2],
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for asked, patience_s in ((signal.SIGTERM, 15), (signal.SIGKILL, 15)):
        try:
            os.killpg(process.pid, asked)
        except ProcessLookupError:
            break
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_healthy(api_url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTUP_LIMIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{api_url}/health", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise RuntimeError(f"the Prefect server did not start:\n{log.read_text()[-3000:]}")
