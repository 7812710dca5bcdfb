"""Files of a study: those it registered, and nothing else whatever is tried."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from made_results import REPORT, add_file, key_of, register, url_of
from starlette.testclient import TestClient

from polyomics.database import Store

KEY = key_of(0)
OTHER = key_of(1)


def test_the_report_comes_as_a_page_with_an_origin_of_its_own(client: TestClient) -> None:
    answer = client.get(f"/api/v1/studies/{KEY}/report")
    assert answer.status_code == 200
    assert answer.text == REPORT
    policy = answer.headers["content-security-policy"].split("; ")
    sandbox = next(part for part in policy if part.startswith("sandbox"))
    assert "allow-scripts" in sandbox
    assert "allow-same-origin" not in sandbox
    assert {"default-src 'none'", "frame-ancestors 'self'"} <= set(policy)
    assert "connect-src" not in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"


def test_a_study_without_a_report_says_how_to_make_one(client: TestClient) -> None:
    answer = client.get(f"/api/v1/studies/{OTHER}/report")
    assert answer.status_code == 404
    assert answer.json()["error"] == "FileNotThere"
    assert "polyomics report" in answer.json()["message"]


def test_a_study_lists_its_files_and_each_is_given_out_whole(
    changeable: Path, asking: Callable[..., TestClient]
) -> None:
    content = os.urandom(700_000)
    with Store.open(url_of(changeable)) as store:
        add_file(store, changeable, KEY, "cell/a b+ü.xtc", content)
    client = asking(changeable)
    listed = {item["path"]: item for item in client.get(f"/api/v1/studies/{KEY}").json()["files"]}
    one = listed[f"runs/{KEY}/cell/a b+ü.xtc"]
    answer = client.get(one["url"])
    assert answer.content == content
    assert hashlib.sha256(answer.content).hexdigest() == one["sha256"]
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "content-encoding" not in answer.headers


def test_what_is_not_registered_is_not_given_out(client: TestClient, results_home: Path) -> None:
    assert (results_home / "polyomics.db").is_file()
    tried = (
        *(
            "polyomics.db",
            "../polyomics.db",
            "../../polyomics.db",
            "..%2f..%2fpolyomics.db",
            "%2e%2e/%2e%2e/etc/passwd",
        ),
        *("/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd", "....//....//etc/passwd", "..\\..\\polyomics.db"),
        *(f"runs/{KEY}", f"runs/{KEY}/results", f"runs/{KEY}/results/report.html%00.txt", "~/.ssh/id_rsa", ""),
        f"runs/{KEY}/results/%2e%2e/results/report.html",
    )
    for path in (*tried, *(path.replace(".", "%2e").replace("/", "%2f") for path in tried)):
        answer = client.get(f"/api/v1/studies/{KEY}/files/{path}")
        assert answer.status_code == 404, path
        assert set(answer.json()) == {"error", "message"}
    whole = f"/api/v1/studies/{OTHER}/files/runs/{KEY}/results/report.html"
    assert client.get(whole).status_code == 404, "a file of another study"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file outside the home folder that must not come out."""
    path = tmp_path / "secret.txt"
    path.write_text("do not tell")
    return path


def _link(home: Path, secret: Path) -> None:
    (home / f"runs/{KEY}/results/innocent.json").symlink_to(secret)


def _linked_folder(home: Path, secret: Path) -> None:
    (home / f"runs/{KEY}/innocent").symlink_to(secret.parent)


def _link_to_database(home: Path, _secret: Path) -> None:
    os.mkfifo(home / f"runs/{KEY}/results/innocent.json")


def _circle(home: Path, _secret: Path) -> None:
    path = home / f"runs/{KEY}/results/innocent.json"
    path.symlink_to(path)


def _folder(home: Path, _secret: Path) -> None:
    (home / f"runs/{KEY}/results/innocent.json").mkdir()


@pytest.mark.parametrize(
    ("prepare", "name"),
    [
        (_link, "results/innocent.json"),
        (_linked_folder, "innocent/secret.txt"),
        (_link_to_database, "results/innocent.json"),
        (_circle, "results/innocent.json"),
        (_folder, "results/innocent.json"),
    ],
    ids=["link", "linked folder", "pipe", "circle", "folder"],
)
def test_a_registered_path_that_is_no_file_below_the_home_folder_is_not_given_out(
    changeable: Path,
    secret: Path,
    asking: Callable[..., TestClient],
    prepare: Callable[[Path, Path], None],
    name: str,
) -> None:
    with Store.open(url_of(changeable)) as store:
        prepare(changeable, secret)
        register(store, KEY, f"runs/{KEY}/{name}", b"do not tell")
    answer = asking(changeable).get(f"/api/v1/studies/{KEY}/files/runs/{KEY}/{name}")
    assert answer.status_code == 404
    assert "do not tell" not in answer.text
    assert answer.json()["error"] == "FileNotThere"


@pytest.mark.parametrize("path", ["../secret.txt", "/etc/hostname", "runs/../../secret.txt"])
def test_a_row_that_was_changed_by_hand_leads_nowhere(
    changeable: Path, secret: Path, asking: Callable[..., TestClient], path: str
) -> None:
    """Others may write to the database: paths in it are checked when they are used, not only when they are stored."""
    import sqlite3

    assert secret.exists()
    database = sqlite3.connect(changeable / "polyomics.db")
    database.execute("PRAGMA ignore_check_constraints = ON")
    with database:
        changed = database.execute("UPDATE artifact SET path = ?", (path,)).rowcount
    database.close()
    assert changed
    client = asking(changeable)
    written = path.replace(".", "%2e")
    for address in (
        f"/api/v1/studies/{KEY}/files/{written}",
        f"/api/v1/studies/{KEY}/report",
        f"/api/v1/studies/{KEY}",
    ):
        answer = client.get(address)
        assert answer.status_code in (404, 500), address
        assert answer.json()["error"] in ("FileNotThere", "SpoiltRow")
        assert "do not tell" not in answer.text


def test_a_link_that_stays_below_the_home_folder_is_followed(
    changeable: Path, asking: Callable[..., TestClient]
) -> None:
    """Run folders on a cluster are often links to larger disks below the same folder."""
    with Store.open(url_of(changeable)) as store:
        add_file(store, changeable, KEY, "results/true.json", b"{}")
        (changeable / f"runs/{KEY}/results/link.json").symlink_to("true.json")
        register(store, KEY, f"runs/{KEY}/results/link.json", b"{}")
    answer = asking(changeable).get(f"/api/v1/studies/{KEY}/files/runs/{KEY}/results/link.json")
    assert answer.content == b"{}"


def test_a_file_that_is_elsewhere_is_said_to_be(changeable: Path, asking: Callable[..., TestClient]) -> None:
    (changeable / f"runs/{KEY}/results/report.html").unlink()
    client = asking(changeable)
    answer = client.get(f"/api/v1/studies/{KEY}/report")
    assert answer.status_code == 404
    assert "not on this machine" in answer.json()["message"]
    assert client.get(f"/api/v1/studies/{KEY}").json()["has_report"] is False
