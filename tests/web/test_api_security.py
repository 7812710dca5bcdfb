"""Who may ask, what browsers are told, and what keeps one question from stopping all others."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from made_results import HERE, key_of, url_of
from starlette.testclient import TestClient

from polyomics.database import Store, limits
from polyomics.database.limits import time_limit
from polyomics.errors import InvalidSettings, StorageUnavailable, TookTooLong
from polyomics.web.application import make_application

TOKEN = "a-token-of-24-characters"
ADDRESSES = ("/api/v1/values", f"/api/v1/studies/{key_of(0)}/report", "/api/v1/openapi.json", "/api/v1/nothing")


def test_without_the_token_nothing_is_told(results_home: Path, asking: Callable[..., TestClient]) -> None:
    client = asking(results_home, TOKEN)
    for address in ADDRESSES:
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": TOKEN},
            {"Cookie": f"polyomics={TOKEN}"},
        ):
            answer = client.get(address, headers=headers)
            assert answer.status_code == 401, (address, headers)
            assert answer.headers["www-authenticate"] == "Bearer"
            assert set(answer.json()) == {"error", "message"}
    for page in ("/app.js", "/index.html", "/vendor/3Dmol-min.js"):
        assert client.get(page).status_code == 401


def test_a_program_shows_the_token_in_a_header(results_home: Path, asking: Callable[..., TestClient]) -> None:
    client = asking(results_home, TOKEN)
    assert client.get("/api/v1/values", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert client.get("/api/v1/values", headers={"Authorization": f"bearer  {TOKEN}"}).status_code == 200


def test_a_browser_gets_a_cookie_that_scripts_cannot_read_and_that_is_not_the_token(
    results_home: Path, asking: Callable[..., TestClient]
) -> None:
    client = asking(results_home, TOKEN)
    first = client.get("/", follow_redirects=False)
    assert (first.status_code, first.headers["location"]) == (303, "/login")
    assert "<form" in client.get("/login").text
    refused = client.get("/login", params={"token": "wrong"})
    assert refused.status_code == 401
    assert "set-cookie" not in refused.headers
    accepted = client.get("/login", params={"token": TOKEN}, follow_redirects=False)
    assert (accepted.status_code, accepted.headers["location"]) == (303, "/")
    cookie = accepted.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert client.get("/api/v1/values").status_code == 200


@pytest.mark.parametrize(
    "token", ["", "short", "fifteen-letters", "with spaces in it, though long", "nicht-ascii-zeichen-ä"]
)
def test_a_token_that_guards_nothing_is_refused(results_home: Path, token: str) -> None:
    with pytest.raises(InvalidSettings, match="token"):
        make_application(url_of(results_home), results_home, token)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "10.0.0.1"])
def test_a_name_that_somebody_else_points_at_us_is_not_served(client: TestClient, host: str) -> None:
    answer = client.get("/api/v1/values", headers={"Host": host})
    assert answer.status_code == 403
    assert set(answer.json()) == {"error", "message"}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8787", "127.0.0.1:8787", "127.0.1.1", "[::1]:8787"])
def test_this_machine_is_served_by_each_of_its_names(client: TestClient, host: str) -> None:
    assert client.get("/api/v1/values?limit=1", headers={"Host": host}).status_code == 200


def test_every_answer_tells_browsers_to_be_careful(client: TestClient) -> None:
    for address in (*ADDRESSES, "/", "/api/v1/values?minimum=1", "/api/v1/structures.svg?psmiles=*CC*"):
        headers = client.get(address).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors" in policy
        assert headers["x-frame-options"] == ("SAMEORIGIN" if address.endswith("/report") else "DENY")
        assert ("'unsafe-inline'" in policy.partition("script-src")[2].partition(";")[0]) == address.endswith("/report")


def test_other_origins_are_told_nothing(client: TestClient) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    for answer in (client.get("/api/v1/values", headers=headers), client.options("/api/v1/values", headers=headers)):
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_changed(client: TestClient, method: str) -> None:
    for address in ("/api/v1/studies", f"/api/v1/studies/{key_of(0)}", "/api/v1/download"):
        answer = client.request(method, address)
        assert answer.status_code == 405
        assert "GET" in answer.headers["allow"]


def test_the_database_itself_refuses_writes(results_home: Path) -> None:
    store = make_application(url_of(results_home), results_home).state.results.store
    with pytest.raises(StorageUnavailable, match="reading only"), store.writing():
        pass
    with pytest.raises(StorageUnavailable, match="read"), store.reading() as connection:
        connection.exec_driver_sql("DELETE FROM study")
    store.close()


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def test_a_question_that_takes_too_long_is_given_up_and_the_next_is_answered(results_home: Path) -> None:
    with Store.open(url_of(results_home), read_only=True) as store:
        began = time.monotonic()
        with pytest.raises(TookTooLong, match=r"0\.2 s"), time_limit(0.2), store.reading() as connection:
            connection.exec_driver_sql(ENDLESS)
        assert time.monotonic() - began < 1.5
        with time_limit(5.0):
            assert store.counts()["done"] == 20


def test_a_limit_that_is_over_lets_nothing_begin(results_home: Path) -> None:
    with Store.open(url_of(results_home), read_only=True) as store, time_limit(1e-9), pytest.raises(TookTooLong):
        store.counts()


def test_without_a_limit_nothing_watches(results_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_watched", None)
    with Store.open(url_of(results_home), read_only=True) as store:
        assert store.counts()["done"] == 20


def test_the_limit_holds_for_every_address(results_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polyomics.web.security.ANSWER_S", 1e-9)
    with TestClient(make_application(url_of(results_home), results_home), base_url=HERE) as client:
        answer = client.get("/api/v1/values")
    assert (answer.status_code, answer.json()["error"]) == (422, "TookTooLong")


def test_a_database_that_is_gone_is_said_to_be(changeable: Path, asking: Callable[..., TestClient]) -> None:
    client = asking(changeable)
    sqlite3.connect(changeable / "polyomics.db").close()
    (changeable / "polyomics.db").write_bytes(b"not a database at all" * 100)
    answer = client.get("/api/v1/values")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.json()["error"] == "StorageUnavailable"
