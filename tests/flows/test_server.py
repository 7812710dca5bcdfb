"""A Prefect server that is not configured, does not answer, or refuses us, is one sentence and no hang."""

import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_server import Server

from flows.polymer import run_polymer
from flows.server import ANSWER_TIMEOUT_S, check_server, outlasting_the_server
from polyomics.errors import ServerUnavailable, UserError
from polyomics.spec import StudySpec


def test_none_configured(tmp_path: Path, tiny_spec: StudySpec) -> None:
    with temporary_settings(restore_defaults={PREFECT_API_URL}), pytest.raises(ServerUnavailable) as refused:
        run_polymer(tiny_spec, home=tmp_path)
    assert isinstance(refused.value, UserError)
    assert "prefect server start" in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_nobody_listens(tmp_path: Path, tiny_spec: StudySpec) -> None:
    started = time.monotonic()
    with using("http://someone:hunter2@127.0.0.1:9/api"), pytest.raises(ServerUnavailable) as refused:
        run_polymer(tiny_spec, home=tmp_path)
    assert time.monotonic() - started < ANSWER_TIMEOUT_S
    assert "127.0.0.1:9" in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_somebody_listens_but_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.server.ANSWER_TIMEOUT_S", 1.0)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        started = time.monotonic()
        with using(f"http://127.0.0.1:{deaf.getsockname()[1]}/api"), pytest.raises(ServerUnavailable):
            check_server()
    assert time.monotonic() - started < ANSWER_TIMEOUT_S


@pytest.mark.parametrize("address", ["not a url", "http://", "ftp://127.0.0.1/api"])
def test_no_address(address: str) -> None:
    with using(address), pytest.raises(ServerUnavailable):
        check_server()


@pytest.mark.parametrize(("status", "advice"), [(401, "PREFECT_API_AUTH_STRING"), (404, "/api")])
def test_it_refuses_us(status: int, advice: str, refusing_server: "RefusingServer") -> None:
    refusing_server.status = status
    with using(f"http://127.0.0.1:{refusing_server.server_port}/api"), pytest.raises(ServerUnavailable, match=advice):
        check_server()


def test_a_server_that_goes_away_costs_no_result() -> None:
    with outlasting_the_server(lambda: True):
        raise httpx.ConnectError("refused")
    with pytest.raises(ServerUnavailable, match="checkpoint"), outlasting_the_server(lambda: False):
        raise httpx.ConnectError("refused")


def test_a_server_that_answers(on_server: Server) -> None:
    assert check_server() == on_server.api_url


class RefusingServer(HTTPServer):
    """Answers every request with one status."""

    status = 500


class _Refuse(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, RefusingServer)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def refusing_server() -> Iterator[RefusingServer]:
    with RefusingServer(("127.0.0.1", 0), _Refuse) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def using(address: str) -> AbstractContextManager[Any]:
    return temporary_settings({PREFECT_API_URL: address})
