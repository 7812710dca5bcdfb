"""A study carried out in peace, and places to carry it out in spite of faults, on both databases."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from disturbed import Place, disturbed_spec, run_undisturbed
from postgres import PostgresServer

from polyomics.spec import StudySpec

_numbers = itertools.count()


@pytest.fixture(scope="session")
def spec() -> StudySpec:
    """The study that everything is done to."""
    return disturbed_spec()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, spec: StudySpec) -> Place:
    """Where it was carried out in peace."""
    return run_undisturbed(tmp_path_factory.mktemp("undisturbed"), spec)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of our own."""
    server = PostgresServer.start()
    yield server
    server.remove()


@pytest.fixture
def sqlite_place(tmp_path: Path) -> Iterator[Place]:
    """An empty home folder with SQLite."""
    place = Place(tmp_path, f"sqlite:///{tmp_path / 'polyomics.db'}")
    yield place
    place.kill_all()


@pytest.fixture
def postgres_place(tmp_path: Path, postgres: PostgresServer) -> Iterator[Place]:
    """An empty home folder with PostgreSQL."""
    place = Place(tmp_path, postgres.new_database())
    yield place
    place.kill_all()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest) -> Place:
    """Both, one after the other."""
    found: Place = request.getfixturevalue("sqlite_place" if request.param == "sqlite" else "postgres_place")
    return found
