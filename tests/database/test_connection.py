"""Whatever is wrong with the place, the user reads one clear sentence, and never a password."""

import sqlite3
import subprocess
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from polyomics.database import NewStudy, Polymer, Store, inspect_schema
from polyomics.database.connection import masked, parse_url
from polyomics.errors import StorageUnavailable

SECRET = "s3cr3t"


def refused(url: str, *, read_only: bool = False) -> str:
    with pytest.raises(StorageUnavailable) as caught:
        Store.open(url, read_only=read_only)
    assert caught.value.exit_code == 2
    message = str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "not a database URL"),
        ("", "not a database URL"),
        (f"postgresql://me:{SECRET}@host:port/x", "not a database URL"),
        (f"postgresql://me:{SECRET}/x@no.such.host.invalid/db", "check that the server runs"),
        (f"postgresql://me:a@{SECRET}@host/db", "%40"),
        (f"mysql://me:{SECRET}@host/db", "'mysql'"),
        (f"no+such://me:{SECRET}@host/db", "'no'"),
        (f"postgresql+asyncpg://me:{SECRET}@host/db", "'asyncpg'"),
        ("sqlite+aiosqlite:///x.db", "'aiosqlite'"),
        ("sqlite://", "does not name a file"),
        ("sqlite:///:memory:", "does not name a file"),
        (f"postgresql://me:{SECRET}@127.0.0.1:1/db", "check that the server runs"),
        (f"postgresql://me@127.0.0.1:1/db?password={SECRET}", "check that the server runs"),
        (f"postgres://me:{SECRET}@/db?host=/nowhere", "check that the server runs"),
        ("sqlite:////proc/polyomics.db", "may be written"),
        ("sqlite:////proc/polyomics/polyomics.db", "cannot be made"),
    ],
)
def test_bad_place(url: str, says: str) -> None:
    assert says in refused(url)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=4))
def test_password_is_masked(password: str) -> None:
    shown = masked(f"postgresql://user:{password}@host/db")
    assert shown == "postgresql://user:***@host/db"


@given(st.text())
def test_any_text_is_a_url_or_refused(value: str) -> None:
    with suppress(StorageUnavailable):
        assert parse_url(value).drivername in ("sqlite", "postgresql+psycopg")


def test_missing_server_database(postgres_url: str) -> None:
    assert "does not exist" in refused(postgres_url.replace("/postgres?", "/elsewhere?"))


def test_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be made" in refused(f"sqlite:///{tmp_path}/file/results.db")


def test_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("these are my notes\n" * 300)
    assert "no (whole) SQLite database" in refused(f"sqlite:///{path}")
    assert path.read_text() == "these are my notes\n" * 300


def test_reading_makes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/none/results.db"
    assert "no database" in refused(url, read_only=True)
    assert inspect_schema(url).status == "missing"
    assert list(tmp_path.iterdir()) == []


def test_reading_an_empty_database(new_url: Callable[[], str]) -> None:
    url = new_url()
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).touch()
    assert "no results yet" in refused(url, read_only=True)
    assert inspect_schema(url).status == "empty"


def test_read_only_cannot_write(url: str, add_study: Callable[..., str]) -> None:
    with Store.open(url) as store:
        add_study(store)
    with Store.open(url, read_only=True) as store:
        with pytest.raises(StorageUnavailable, match="reading only"):
            add_study(store, "other")
        for statement in ("DELETE FROM study", "CREATE TABLE x (y INTEGER)", "UPDATE study SET seed = 0"):
            with pytest.raises(StorageUnavailable, match="not written"), store.reading() as connection:
                connection.execute(text(statement))
        assert len(store.studies()) == 1


def test_reading_beside_a_writer_in_a_folder_that_may_not_be_written(
    tmp_path: Path, add_study: Callable[..., str]
) -> None:
    """As on a shared disk: the reader cannot make the files a WAL database wants beside itself."""
    folder = tmp_path / "shared"
    url = f"sqlite:///{folder}/results.db"
    with Store.open(url) as store:
        add_study(store)
    assert [path.name for path in folder.iterdir()] == ["results.db"]
    folder.chmod(0o555)
    try:
        with Store.open(url, read_only=True) as store:
            assert len(store.studies()) == 1
    finally:
        folder.chmod(0o755)


FULL = """
import resource, sys
from polyomics.database import Store
from polyomics.errors import StorageUnavailable
from polyomics.records import Measurement
url = sys.argv[1]
store = Store.open(url)
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
try:
    for i in range(100_000):
        one = dict(value=i, stderr=1, unit="1", n_independent=1)
        values = [Measurement(name=f"p{i}_{j}", **one) for j in range(99)]
        store.record_measurements("5eed0001", values)
except StorageUnavailable as error:
    print(error)
"""


def test_disk_full(
    tmp_path: Path,
    add_study: Callable[..., str],
    start_python: Callable[..., "subprocess.Popen[str]"],
) -> None:
    """The limit on the size of a file stops SQLite as a full disk does; what was committed stays whole."""
    url = f"sqlite:///{tmp_path}/results.db"
    with Store.open(url) as store:
        add_study(store)
        out, err = start_python(FULL, url).communicate(timeout=60)
        assert "free some space" in out, err
        assert len(store.study("5eed0001").measurements) % 99 == 0
    with sqlite3.connect(tmp_path / "results.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_defects_are_not_called_storage_trouble(store: Store) -> None:
    with pytest.raises(DBAPIError), store.reading() as connection:
        connection.execute(text("SELECT * FROM no_such_table"))


@pytest.mark.parametrize("new_url", ["postgresql"], indirect=True)
def test_server_restart_is_survived(store: Store, url: str, add_study: Callable[..., str]) -> None:
    """A study holds its store open for hours; connections lost meanwhile are made anew."""
    add_study(store)
    with Store.open(url) as other, other.reading() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    assert len(store.studies()) == 1


def test_sqlite_waits_and_shares(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/results.db") as store, store.reading() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "foreign_keys")
        }
        assert pragmas == {"journal_mode": "wal", "foreign_keys": 1}
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() == 30_000


def test_path_with_odd_characters(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/my results #1 50%?.db"
    with Store.open(url.replace("?", "%3F")) as store:
        polymer = Polymer(key="k", psmiles="*CC*", formula="C2H4", molar_mass_g_mol=28.0)
        assert store.add_study(
            NewStudy(
                key="s",
                polymer=polymer,
                spec={},
                preset="demo",
                seed=0,
                replicate=0,
                temperature_k=300,
                pressure_bar=1,
                run_folder="runs/s",
            )
        )
    assert any(path.name.startswith("my results #1 50%") for path in tmp_path.iterdir())
