"""`polyomics up` for real: the server, the worker, Ctrl-C, and what happens when one of them dies."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from polyomics.database import Store
from polyomics.database.queue import Queue
from polyomics.md.protocol import Protocol
from polyomics.request import make_spec
from polyomics.study import new_study

COMMAND = [sys.executable, "-m", "polyomics.cli", "up", "--no-benchmark", "--platform", "CPU", "--threads", "1"]
LIMIT_S = 180.0


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def up(environment: dict[str, str], port: int, folder: Path) -> Iterator["Running"]:
    """Runs `polyomics up` in a session of its own; whatever goes wrong, it is gone at the end."""
    with (folder / "up.out").open("ab") as stream:
        process = subprocess.Popen(
            [*COMMAND, "--port", str(port)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        yield Running(process, folder / "up.out")
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(LIMIT_S)


class Running:
    def __init__(self, process: "subprocess.Popen[bytes]", output: Path) -> None:
        self.process = process
        self._output = output

    @property
    def said(self) -> str:
        return self._output.read_text()

    def wait_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < deadline, self.said
            assert self.process.poll() is None, self.said
            time.sleep(0.1)

    def children(self) -> dict[str, int]:
        """Process ids of the server and the worker."""
        found = {}
        for pid, words in command_lines().items():
            if parent_of(pid) == self.process.pid:
                found["server" if "prefect" in words else "worker"] = pid
        return found


def command_lines() -> dict[int, list[str]]:
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found[int(folder.name)] = (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
    return found


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def processes_of(home: Path) -> list[int]:
    """Processes that have this home folder in their environment."""
    mark = f"POLYOMICS_HOME={home}\0".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes() + b"\0":
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def submit(store: Store, protocol: str, seed: int) -> str:
    spec = make_spec(
        "*CC*",
        preset="smoke",
        n_chains=2,
        atoms_per_chain=80,
        start_density_g_cm3=0.1,
        protocol=Protocol.from_file(Path(protocol)),
        properties=("density",),
        temperature_k=400,
        pressure_bar=1,
        seed=seed,
    )
    store.add_study(new_study(spec))
    return spec.key


@pytest.mark.slow
def test_studies_are_done_and_ctrl_c_leaves_nothing_running(
    environment: dict[str, str], polyomics_home: Path, home: Path, port: int, tiny_protocol: Callable[[float], str]
) -> None:
    """Twice in a row; the second time with an endless study, which goes back to the queue with its checkpoint."""
    with Store.open(f"sqlite:///{polyomics_home / 'polyomics.db'}") as store:
        first = submit(store, tiny_protocol(1), seed=1)
        with up(environment, port, home) as running:
            running.wait_until(lambda: store.study(first).status == "done")
            second = submit(store, tiny_protocol(1), seed=2)
            running.wait_until(lambda: store.study(second).status == "done")
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
                assert b"Prefect" in page.read()
            os.kill(running.process.pid, signal.SIGINT)
            assert running.process.wait(LIMIT_S) == 0
        assert f"export PREFECT_API_URL=http://127.0.0.1:{port}/api" in running.said
        assert running.said.rstrip().endswith("nothing is left running")
        assert processes_of(polyomics_home) == []
        assert is_free(port)

        endless = submit(store, tiny_protocol(100_000), seed=3)
        with up(environment, port, home) as running:
            segments = polyomics_home / "runs" / endless / "stages"
            running.wait_until(lambda: list(segments.glob("03-*/manifest.json")))
            os.kill(running.process.pid, signal.SIGTERM)
            assert running.process.wait(LIMIT_S) == 0
        assert processes_of(polyomics_home) == []
        assert is_free(port)
        assert store.study(endless).status == "queued"
        assert Queue(store).attempts(endless)[-1].outcome == "released"


@pytest.mark.slow
def test_what_dies_is_started_again_and_nothing_outlives_it(
    environment: dict[str, str], polyomics_home: Path, home: Path, port: int
) -> None:
    with up(environment, port, home) as running:
        running.wait_until(lambda: "takes studies" in running.said)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=10) as answer:
            assert answer.status == 200
        before = running.children()
        assert set(before) == {"server", "worker"}
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        running.wait_until(lambda: set(running.children()) == {"server", "worker"})
        after = running.children()
        assert not set(after.values()) & set(before.values())
        assert running.said.count("ended with signal SIGKILL; it is started again") == 2
        running.wait_until(lambda: running.said.count("takes studies") == 2)
        running.wait_until(lambda: not is_free(port))
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
        deadline = time.monotonic() + LIMIT_S
        while processes_of(polyomics_home) or not is_free(port):
            assert time.monotonic() < deadline, processes_of(polyomics_home)
            time.sleep(0.1)


def test_a_taken_port_is_one_sentence_that_says_by_whom(cli: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = cli("up", "--port", str(port))
    assert answer.code == 2
    (error,) = answer.errors
    assert f"port {port} is taken by " in error
    assert f"(process {os.getpid()})" in error
    assert f"--port {port + 1}" in error


def test_one_for_each_home_folder(cli: Callable[..., Any], polyomics_home: Path, port: int) -> None:
    import fcntl

    polyomics_home.mkdir()
    with (polyomics_home / "up.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        json.dump({"pid": 4711, "dashboard": "http://127.0.0.1:4200"}, other)
        other.flush()
        answer = cli("up", "--port", str(port))
    assert answer.code == 2
    assert "'polyomics up' already runs" in answer.errors[0]
    assert "process 4711, http://127.0.0.1:4200" in answer.errors[0]


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_other_machines_are_let_in_with_a_password_only(cli: Callable[..., Any], host: str, port: int) -> None:
    answer = cli("up", "--host", host, "--port", str(port))
    assert answer.code == 2
    assert "PREFECT_SERVER_API_AUTH_STRING" in answer.errors[0]
    assert is_free(port)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--host", "no-such-host.invalid"), "give an address of this machine"),
        (("--host", "192.0.2.1"), "password"),
        (("--pool", "a/b"), "letters, digits"),
        (("--slots", "0"), "--slots"),
        (("--port", "70000"), "--port"),
    ],
)
def test_bad_settings_are_one_sentence(cli: Callable[..., Any], arguments: tuple[str, ...], reason: str) -> None:
    answer = cli("up", *arguments)
    assert answer.code == 2
    assert len(answer.errors) == 1
    assert reason in answer.errors[0]


def test_an_unusable_database_is_said_before_anything_is_started(cli: Callable[..., Any], port: int) -> None:
    answer = cli("up", "--port", str(port), POLYOMICS_DATABASE_URL="postgresql://u:hidden@127.0.0.1:1/x")
    assert answer.code == 2
    assert "hidden" not in answer.stdout + answer.stderr
    assert is_free(port)
