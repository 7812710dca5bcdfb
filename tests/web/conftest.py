"""A database with some dozens of studies, one with files, and clients that ask about it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from made_results import HERE, REPORT, UNITS, add_report, add_study, key_of, url_of
from starlette.testclient import TestClient

from polyomics.database import Store
from polyomics.web.application import make_application


@pytest.fixture(scope="session")
def results_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder: 19 polymers, a study of each, a replicate of the first, and its report. Only look at it."""
    home = tmp_path_factory.mktemp("results")
    with Store.open(url_of(home)) as store:
        for number in range(len(UNITS)):
            add_study(store, number)
        add_study(store, 0, replicate=1)
        add_report(store, home, key_of(0), REPORT)
    return home


@pytest.fixture(scope="session")
def application(results_home: Path) -> FastAPI:
    return make_application(url_of(results_home), results_home)


@pytest.fixture(scope="session")
def client(application: FastAPI) -> Iterator[TestClient]:
    """Asks the application about `results_home`, as a program on this machine would."""
    with TestClient(application, base_url=HERE) as opened:
        yield opened


@pytest.fixture
def changeable(results_home: Path, tmp_path: Path) -> Path:
    """A copy of `results_home` that a test may change."""
    home = tmp_path / "home"
    shutil.copytree(results_home, home)
    return home


@pytest.fixture
def asking() -> Iterator[Callable[..., TestClient]]:
    """Makes clients of applications of their own: `asking(home, token=None)`."""
    opened: list[TestClient] = []

    def ask(home: Path, token: str | None = None) -> TestClient:
        client = TestClient(make_application(url_of(home), home, token), base_url=HERE)
        opened.append(client.__enter__())
        return client

    yield ask
    for client in opened:
        client.__exit__(None, None, None)
