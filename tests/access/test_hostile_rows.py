"""A row of the database that names a place outside the home folder: refused in one sentence, and nothing is written."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from polyomics import config
from polyomics.cli import main
from polyomics.database import Store
from polyomics.database.queue import Queue
from polyomics.errors import StorageUnavailable
from polyomics.spec import StudySpec
from polyomics.study import new_study

OUTSIDE = (
    "../..",
    "../elsewhere",
    "runs/../../elsewhere",
    "/tmp/elsewhere",
    "..\\elsewhere",
    "C:/elsewhere",
    "",
    "x\0y",
)
Seen = dict[str, bytes]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder three folders deep, so that what leaves it is still seen."""
    folder = tmp_path / "a" / "b" / "home"
    folder.mkdir(parents=True)
    monkeypatch.setenv("POLYOMICS_HOME", str(folder))
    monkeypatch.delenv("POLYOMICS_DATABASE_URL", raising=False)
    return folder


@pytest.fixture
def edit(home: Path) -> Callable[[str], None]:
    """Runs SQL on the database by hand, without its constraints."""

    def run(statement: str, *values: str) -> None:
        with closing(sqlite3.connect(home / "polyomics.db")) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            connection.execute(statement, values)
            connection.commit()

    return run


@pytest.fixture
def outside(home: Path, tmp_path: Path) -> Callable[[], Seen]:
    """Everything below the test's folder that is not below the home folder."""

    def look() -> Seen:
        files = (path for path in tmp_path.rglob("*") if home not in path.parents and path != home)
        return {str(path): path.read_bytes() if path.is_file() else b"" for path in files}

    return look


@pytest.fixture
def queued(home: Path, short_spec: StudySpec) -> str:
    """A study that waits; its key."""
    with Store.open(config.database_url()) as store:
        store.add_study(new_study(short_spec))
    return short_spec.key


def work(home: Path) -> str:
    """Lets a worker go through the queue; what it says."""
    command = [sys.executable, "-m", "polyomics.cli", "worker", "--once", "--no-benchmark", "--no-prefect"]
    done = subprocess.run([*command, "--platform", "CPU"], capture_output=True, text=True, cwd=home, timeout=120)
    return done.stdout + done.stderr


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_that_leaves_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(StorageUnavailable, match="leads out of it"):
        config.below(tmp_path, path)


@pytest.mark.parametrize("path", ["a", "runs/0123abcd", "runs/..a", "runs/a.b"])
def test_one_that_stays_is_not(tmp_path: Path, path: str) -> None:
    assert config.below(tmp_path, path) == tmp_path / path


@pytest.mark.parametrize("folder", ["../..", "/etc", "runs/../../elsewhere"])
def test_a_run_folder_elsewhere(
    queued: str,
    folder: str,
    edit: Callable[..., None],
    outside: Callable[[], Seen],
    capsys: pytest.CaptureFixture[str],
    home: Path,
) -> None:
    edit("UPDATE study SET run_folder = ?, status = 'done', started = created, ended = created", folder)
    before = outside()
    for command in ("report", "plot"):
        assert main([command, queued]) == 2
        said = capsys.readouterr().err
        assert said.count("error: ") == 1
        assert "leads out of it" in said
    for command in (["list"], ["show", queued], ["status"], ["query"]):
        main(command)
        assert "unexpected" not in capsys.readouterr().err
    assert outside() == before


@pytest.mark.parametrize("key", ["../../escaped", "/escaped", "..", "runs/../../../escaped"])
def test_a_key_that_is_a_path(
    queued: str, key: str, edit: Callable[..., None], outside: Callable[[], Seen], home: Path
) -> None:
    edit("UPDATE study SET key = ?", key)
    before = outside()
    said = work(home)
    with Store.open(config.database_url()) as store:
        study = store.study(key)
        assert study.status == "failed", said
        assert "leads out of it" in Queue(store).attempts(key)[-1].error_message
    assert main(["logs", key]) == 2
    assert outside() == before


@pytest.mark.parametrize("name", ["../../../../escaped", "/escaped", "a/b", ""])
def test_a_stage_whose_name_is_a_path(
    queued: str, name: str, edit: Callable[..., None], outside: Callable[[], Seen], home: Path
) -> None:
    with closing(sqlite3.connect(home / "polyomics.db")) as connection:
        (text,) = connection.execute("SELECT content FROM protocol").fetchone()
    content = json.loads(text)
    content["stages"][-1]["name"] = name
    edit("UPDATE protocol SET content = ?", json.dumps(content))
    before = outside()
    said = work(home)
    with Store.open(config.database_url()) as store:
        assert store.study(queued).status == "failed", said
    assert outside() == before
    assert not list(home.rglob("*escaped*"))


def test_a_spec_that_is_not_the_studys(
    queued: str, edit: Callable[..., None], outside: Callable[[], Seen], home: Path
) -> None:
    """The spec was edited, so that its digest is another study's: that one gets no results by this way."""
    edit("UPDATE study SET key = ?", "0123abcd")
    said = work(home)
    with Store.open(config.database_url()) as store:
        study = store.study("0123abcd")
        assert study.status == "failed", said
        assert [failure.kind for failure in study.failures] == ["OtherStudy"]
        assert len(Queue(store).attempts("0123abcd")) == 1
        assert all(study.status != "done" for study in store.studies())


@pytest.mark.parametrize("name", ["../../escaped", "/escaped", "a\nb", "'; DROP TABLE study; --", "%s%n", "é" * 500])
def test_the_name_of_a_campaign_is_no_path(
    name: str, home: Path, outside: Callable[[], Seen], tmp_path: Path, queued: str
) -> None:
    """As a process, as a user would; whatever the answer, it is no defect and nothing lies outside."""
    before = outside()
    command = [sys.executable, "-m", "polyomics.cli", "submit", "*CCO*", "--preset", "smoke", "--campaign", name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=home, timeout=60)
    assert done.returncode in (0, 2), done.stderr
    assert "unexpected" not in done.stderr
    assert outside() == before
    with Store.open(config.database_url()) as store:
        assert store.study(queued).status == "queued"
