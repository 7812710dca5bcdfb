"""Studies entered under campaigns, in both databases."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from polyomics.database import NewStudy, Polymer, Store, tables
from polyomics.database.campaigns import Entered, enter, enter_nothing

PROTOCOL: dict[str, Any] = {"name": "shared", "stages": [{"kind": "npt", "duration_ps": 1e16}]}


def study(key: str, protocol: dict[str, Any] = PROTOCOL) -> NewStudy:
    return NewStudy(
        key=key,
        polymer=Polymer(key=f"p{key}", psmiles=f"*CC(*)C{key}", formula="C3H6", molar_mass_g_mol=42.0),
        spec={"seed": 7, "protocol": protocol},
        preset="demo",
        seed=7,
        replicate=0,
        temperature_k=300.0,
        pressure_bar=1.0,
        run_folder=f"runs/{key}",
        gpu_hours=0.5,
        segment_gpu_s=20.0,
    )


def count(store: Store, table: Any) -> int:
    with store.reading() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_new_ones_go_in_and_all_join(store: Store) -> None:
    assert enter(store, [study("a"), study("b")], campaign="one") == Entered(inserted=("a", "b"))
    entered = enter(store, [study("b"), study("c")], campaign="two", priority=2, pool="gpu")
    assert entered == Entered(inserted=("c",), existing={"b": "queued"})
    assert enter(store, [study("b"), study("c")], campaign="two").inserted == ()
    assert (count(store, tables.Campaign), count(store, tables.CampaignStudy)) == (2, 4)
    with store.reading() as connection:
        rows = connection.execute(select(tables.Study.key, tables.Study.priority, tables.Study.pool)).all()
    assert sorted(map(tuple, rows)) == [("a", 1, ""), ("b", 1, ""), ("c", 2, "gpu")]


def test_without_a_campaign_there_is_none(store: Store) -> None:
    enter(store, [study("a")])
    assert (count(store, tables.Study), count(store, tables.Campaign)) == (1, 0)


def test_a_protocol_is_kept_once_and_comes_back_as_it_was(store: Store) -> None:
    other = {"name": "other", "stages": []}
    enter(store, [study("a"), study("b", dict(PROTOCOL)), study("c", other)])
    assert count(store, tables.Protocol) == 2
    assert store.study("b").spec == {"seed": 7, "protocol": PROTOCOL}
    assert store.study("c").spec == {"seed": 7, "protocol": other}


def test_a_batch_in_trouble_leaves_nothing(store: Store) -> None:
    bad = study("c").model_copy(update={"run_folder": "/tmp"})
    with pytest.raises(Exception, match="run_folder"):
        enter(store, [study("a"), bad], campaign="one")
    assert (count(store, tables.Study), count(store, tables.Campaign)) == (0, 0)


def test_what_would_be_is_told_without_writing(store: Store) -> None:
    enter(store, [study("a")])
    wanted = [study("a"), study("b"), study("b")]
    assert enter_nothing(store, wanted) == Entered(inserted=("b",), existing={"a": "queued"})
    assert enter_nothing(None, wanted) == Entered(inserted=("a", "b"))
    assert count(store, tables.Study) == 1


def test_several_who_enter_the_same_in_different_order_enter_each_once(url: str, store: Store) -> None:
    keys = [f"k{number:03d}" for number in range(120)]
    results: list[Entered] = []
    failures: list[BaseException] = []

    def run(order: Callable[[list[str]], list[str]]) -> None:
        try:
            with Store.open(url) as mine:
                mixed = order(list(keys))
                for first in range(0, len(mixed), 30):
                    batch = [study(key) for key in mixed[first : first + 30]]
                    results.append(enter(mine, batch, campaign="together"))
        except BaseException as error:
            failures.append(error)

    orders = [sorted, lambda all_: all_[::-1], lambda all_: all_[60:] + all_[:60], lambda all_: all_[::2] + all_[1::2]]
    threads = [threading.Thread(target=run, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert sorted(key for entered in results for key in entered.inserted) == keys
    assert (count(store, tables.Study), count(store, tables.CampaignStudy)) == (120, 120)
