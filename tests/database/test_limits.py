"""A question that takes too long is given up, by SQLite and by PostgreSQL, and leaves nothing behind."""

import time
from collections.abc import Callable

import pytest

from polyomics.database import Store
from polyomics.database.limits import time_limit
from polyomics.errors import TookTooLong

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
LIMIT_S = 0.3


@pytest.fixture
def reader(store: Store, url: str, add_study: Callable[..., str]) -> Store:
    add_study(store)
    return Store.open(url, read_only=True)


def test_what_takes_too_long_is_given_up_and_the_next_is_answered(reader: Store) -> None:
    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(TookTooLong, match=r"0\.3 s"), time_limit(LIMIT_S), reader.reading() as connection:
            connection.exec_driver_sql(ENDLESS)
        assert time.monotonic() - began < 5 * LIMIT_S
        with time_limit(30.0):
            assert reader.counts()["queued"] == 1
    reader.close()


def test_the_limit_is_for_all_that_is_asked_together(reader: Store) -> None:
    with time_limit(LIMIT_S):
        assert reader.counts()["queued"] == 1
        time.sleep(LIMIT_S)
        with pytest.raises(TookTooLong):
            reader.counts()
    assert reader.counts()["queued"] == 1, "a limit ends with its block"
    reader.close()


def test_a_connection_that_was_limited_is_free_afterwards(reader: Store) -> None:
    with time_limit(LIMIT_S):
        assert reader.counts()["queued"] == 1
    time.sleep(LIMIT_S)
    with reader.reading() as connection:
        numbers = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT count(*) FROM n"
        )
        assert connection.exec_driver_sql(numbers).scalar_one() == 300_000
    reader.close()


def test_an_inner_limit_does_not_outlive_its_block(reader: Store) -> None:
    with time_limit(30.0):
        with time_limit(1e-9), pytest.raises(TookTooLong):
            reader.counts()
        assert reader.counts()["queued"] == 1
    reader.close()
