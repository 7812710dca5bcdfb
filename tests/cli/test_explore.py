"""`polyomics explore` for real: it answers soon, says where, and ends when asked."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from polyomics.cli import main
from polyomics.database import NewStudy, Polymer, Store

PATIENCE_S = 60.0
TOKEN = "a-token-of-24-characters"
ETHYLENE = Polymer(key="a1b2", psmiles="*CC*", formula="C2H4", molar_mass_g_mol=28.054)


@pytest.fixture
def filled(home: Path) -> Path:
    """A home folder whose database has a study."""
    with Store.open(f"sqlite:///{home / 'polyomics.db'}") as store:
        store.add_study(
            NewStudy(
                key="5eed0001",
                polymer=ETHYLENE,
                spec={},
                preset="demo",
                seed=1,
                replicate=0,
                temperature_k=300.0,
                pressure_bar=1.0,
                run_folder="runs/5eed0001",
            )
        )
    return home


@contextmanager
def exploring(home: Path, *options: str) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """The running command, once it answers, and its address; whatever goes wrong, it is gone at the end."""
    output = home / "explore.out"
    command = [sys.executable, "-m", "polyomics.cli", "explore", "--port", "0", "--no-browser", *options]
    with output.open("wb") as stream:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while (said := re.search(r"http://\S+", output.read_text())) is None:
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.05)
        yield process, said[0]
    finally:
        process.kill()
        process.wait()


def get(address: str, **headers: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=PATIENCE_S) as answer:
        return json.load(answer)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_answers_until_it_is_asked_to_end(filled: Path, number: signal.Signals) -> None:
    with exploring(filled) as (process, address):
        found = get(f"{address}api/v1/studies/5eed")
        assert found["psmiles"] == "*CC*"
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 0
    said = (filled / "explore.out").read_text()
    assert "Traceback" not in said
    assert said.splitlines()[-1] == "stopped"


def test_it_ends_although_a_connection_is_open(filled: Path) -> None:
    with exploring(filled) as (process, address):
        host, port = address.removeprefix("http://").rstrip("/").split(":")
        with socket.create_connection((host, int(port))):
            process.terminate()
            assert process.wait(20.0) == 0


def test_with_a_token_only_who_has_it_is_answered(filled: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    with exploring(filled, "--token-file", str(token), "--host", "0.0.0.0") as (process, address):
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(f"{address}api/v1/studies/5eed")
        assert refused.value.code == 401
        refused.value.close()
        assert get(f"{address}api/v1/studies/5eed", Authorization=f"Bearer {TOKEN}")["psmiles"] == "*CC*"
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert TOKEN.encode() not in words
    assert TOKEN not in (filled / "explore.out").read_text()


def test_it_changes_nothing(filled: Path) -> None:
    before = (filled / "polyomics.db").read_bytes()
    with exploring(filled) as (process, address):
        get(f"{address}api/v1/values")
        process.terminate()
        process.wait(PATIENCE_S)
    assert (filled / "polyomics.db").read_bytes() == before
    assert [path.name for path in filled.iterdir() if not path.name.startswith(("polyomics.db", "explore.out"))] == []


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    code = main(["explore", "--no-browser", *words])
    assert code == 2
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0
    return said


def test_other_machines_are_not_served_without_a_token(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--token-file" in refused(capsys, "--host", "0.0.0.0")


def test_a_token_file_that_cannot_be_used_is_refused(
    filled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "short").write_text("secret")
    assert "cannot be read" in refused(capsys, "--token-file", str(tmp_path / "none"))
    said = refused(capsys, "--token-file", str(tmp_path / "short"))
    assert "6 characters" in said
    assert "secret" not in said


def test_a_taken_port_is_said_to_be(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"port {port} is taken" in refused(capsys, "--port", str(port))


def test_without_results_it_says_what_to_do(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "run a polymer first" in refused(capsys)
    assert os.listdir(home) == []
