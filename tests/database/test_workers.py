"""Who works, and who does what only one may."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import update

from polyomics import __version__
from polyomics.database import Store, tables
from polyomics.database.queue import Queue
from polyomics.database.rows import Holder
from polyomics.database.workers import SILENT_S, enter_worker, take_duty, worker_is_seen, workers


def enter(store: Store, name: str, *, pool: str = "gpu") -> int:
    return enter_worker(store, name, host="node1", pid=7, pool=pool, slots=4, devices=["H200", "H200"])


def test_a_worker_comes_says_how_it_is_and_goes(store: Store) -> None:
    assert workers(store) == []
    worker_id = enter(store, "w1")
    (row,) = workers(store)
    assert (row.id, row.name, row.host, row.pid, row.pool, row.slots) == (worker_id, "w1", "node1", 7, "gpu", 4)
    assert (row.devices, row.version, row.state, row.note) == (("H200", "H200"), __version__, "working", "")
    assert row.ns_per_day is None
    worker_is_seen(store, worker_id, state="quarantined", note="3 times no GPU", ns_per_day=412.5)
    worker_is_seen(store, worker_id, state="draining", note="asked to stop")
    (row,) = workers(store)
    assert (row.state, row.note, row.ns_per_day) == ("draining", "asked to stop", 412.5)
    worker_is_seen(store, worker_id, state="stopped")
    assert workers(store) == []
    assert [item.name for item in workers(store, alive=False)] == ["w1"]


def test_a_worker_of_the_same_name_takes_over_the_row(store: Store) -> None:
    first = enter(store, "w1")
    worker_is_seen(store, first, state="stopped", note="left", ns_per_day=1.0)
    assert enter(store, "w1") == first
    (row,) = workers(store)
    assert (row.state, row.note, row.ns_per_day) == ("working", "", None)


def test_workers_of_a_pool_in_order_of_name(store: Store) -> None:
    for name, pool in (("b", "gpu"), ("a", "gpu"), ("c", "cpu")):
        enter(store, name, pool=pool)
    assert [item.name for item in workers(store)] == ["a", "b", "c"]
    assert [item.name for item in workers(store, pool="gpu")] == ["a", "b"]
    assert workers(store, pool="tpu") == []


def test_a_silent_worker_counts_as_gone(store: Store) -> None:
    worker_id = enter(store, "w1")
    worker = tables.Worker
    long_ago = workers(store)[0].seen - timedelta(seconds=SILENT_S + 1)
    with store.writing() as connection:
        connection.execute(update(worker).where(worker.id == worker_id).values(seen=long_ago))
    assert workers(store) == []
    assert len(workers(store, alive=False)) == 1
    worker_is_seen(store, worker_id, state="working")
    assert len(workers(store)) == 1


def test_attempts_name_their_worker(store: Store, add_study: Callable[..., str]) -> None:
    key = add_study(store)
    queue = Queue(store)
    queue.release(queue.claim(key, Holder(host="node1")).attempt_id)
    queue.claim(key, Holder(host="node1", worker_id=enter(store, "w1"), device="1"))
    assert [(item.worker, item.device) for item in queue.attempts(key)] == [(None, ""), ("w1", "1")]


def test_a_duty_has_one_holder(store: Store) -> None:
    assert take_duty(store, "feed", "w1", 60.0)
    assert not take_duty(store, "feed", "w2", 60.0)
    assert take_duty(store, "clean", "w2", 60.0)
    assert take_duty(store, "feed", "w1", -1.0)  # it goes on, until a moment that is over
    assert take_duty(store, "feed", "w2", 60.0)
    assert not take_duty(store, "feed", "w1", 60.0)


def test_a_duty_asked_for_at_once_has_one_holder(store: Store) -> None:
    start = threading.Barrier(6)

    def ask(number: int) -> bool:
        start.wait()
        return take_duty(store, "feed", f"w{number}", 60.0)

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(ask, range(6))) == 1
