"""What `status` is made of: every study is counted once, and each thing somebody has to see to is found."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from polyomics.database import Store, tables
from polyomics.database.control import Chosen, cancel
from polyomics.database.overview import overview
from polyomics.database.queue import Queue
from polyomics.database.rows import Claim, Holder
from polyomics.database.workers import SILENT_S, enter_worker, worker_is_seen
from polyomics.errors import CampaignNotFound
from polyomics.records import Failure

Adder = Callable[..., str]
HALFWAY = {
    "step": "melt",
    "stage_index": 2,
    "n_stages": 5,
    "done_ps": 500.0,
    "total_ps": 1000.0,
    "ns_per_day": 86.4,
    "seconds_left": 500.0,
    "density_g_cm3": 0.9,
}


def in_campaign(store: Store, name: str, *keys: str) -> None:
    """Enter a campaign of these studies."""
    with store.writing() as connection:
        row = {"name": name, "created": datetime.now(UTC)}
        number = connection.execute(insert(tables.Campaign).values(row).returning(tables.Campaign.id)).scalar_one()
        ids = connection.scalars(select(tables.Study.id).where(tables.Study.key.in_(keys))).all()
        rows = [{"campaign_id": number, "study_id": study_id} for study_id in ids]
        if rows:
            connection.execute(insert(tables.CampaignStudy), rows)


def set_study(store: Store, key: str, **values: Any) -> None:
    with store.writing() as connection:
        connection.execute(update(tables.Study).where(tables.Study.key == key).values(**values))


def taken(store: Store, worker_id: int | None = None, device: str = "") -> Claim:
    claim = Queue(store).claim_next(Holder(host="node7", pid=11, worker_id=worker_id, device=device), pools=("", "gpu"))
    assert claim is not None
    return claim


def worker(store: Store, name: str = "w1", pool: str = "gpu") -> int:
    return enter_worker(store, name, host="node7", pid=4, pool=pool, slots=2)


def failed(store: Store, key: str, kind: str, message: str = "why") -> None:
    Queue(store).claim(key, Holder(host="node7"))
    store.fail_study(key, Failure(stage="charges", kind=kind, message=message))


def test_an_empty_queue_is_over(store: Store) -> None:
    now = overview(store)
    assert now.counts == dict.fromkeys(tables.STUDY_STATUSES, 0)
    assert now.is_over
    assert (now.running, now.workers, now.waiting, now.failures, now.seconds_left) == ((), (), (), (), None)


def test_every_study_is_counted_once(store: Store, add_study: Adder) -> None:
    keys = [add_study(store, f"5eed{number:04d}", gpu_hours=2.0) for number in range(5)]
    first = taken(store)
    assert first.key == keys[0]
    failed(store, keys[1], "ChargesNotConverged")
    cancel(store, Chosen(keys=(keys[2],)))
    Queue(store).claim(keys[3], Holder(host="node7"))
    store.finish_study(keys[3])
    now = overview(store)
    assert now.counts == {"queued": 1, "running": 1, "done": 1, "failed": 1, "cancelled": 1}
    assert (now.gpu_hours_done, now.gpu_hours_remaining, now.n_without_estimate) == (2.0, 4.0, 0)


def test_a_running_study_tells_how_far_it_is(store: Store, add_study: Adder) -> None:
    add_study(store, gpu_hours=2.0)
    claim = taken(store, worker(store), device="3")
    (before,) = overview(store).running
    assert (before.stage, before.progress, before.ns_per_day, before.attempt) == ("", 0.0, None, 1)
    assert overview(store).seconds_left is None
    Queue(store).renew(claim.attempt_id, HALFWAY)
    (study,) = overview(store).running
    assert (study.key, study.psmiles, study.preset) == (claim.key, "*CC*", "demo")
    assert (study.worker, study.host, study.pid, study.device) == ("w1", "node7", 11, "3")
    assert (study.stage, study.stage_index, study.n_stages) == ("melt", 2, 5)
    assert (study.progress, study.ns_per_day, study.density_g_cm3, study.seconds_left) == (0.5, 86.4, 0.9, 500.0)
    assert not study.is_overdue


def test_costs_and_time_left_follow_from_what_runs(store: Store, add_study: Adder) -> None:
    for number in range(4):
        add_study(store, f"5eed{number:04d}", gpu_hours=2.0)
    add_study(store, "5eed0009")
    for _ in range(2):
        Queue(store).renew(taken(store).attempt_id, HALFWAY)
    now = overview(store)
    assert now.gpu_hours_done == pytest.approx(2 * 0.5 * 2.0)
    assert now.gpu_hours_remaining == pytest.approx(2 * 0.5 * 2.0 + 2 * 2.0)
    assert now.n_without_estimate == 1
    # 1 ns a study at 86.4 ns/day is 1000 s for 2 GPU-hours each; two run at once and 6 GPU-hours are left
    assert now.seconds_left == pytest.approx(6.0 / (2 * 2.0 / 1000.0))


def test_the_last_study_is_waited_for(store: Store, add_study: Adder) -> None:
    add_study(store, gpu_hours=1e-6)
    Queue(store).renew(taken(store).attempt_id, HALFWAY | {"seconds_left": 7000.0})
    assert overview(store).seconds_left == 7000.0


def test_a_campaign_has_only_its_own(store: Store, add_study: Adder) -> None:
    mine = [add_study(store, f"aaaa{number}", gpu_hours=1.0) for number in range(3)]
    other = [add_study(store, f"bbbb{number}", gpu_hours=1.0, preset="smoke") for number in range(3)]
    in_campaign(store, "mine", *mine)
    in_campaign(store, "both", *mine, *other)
    in_campaign(store, "none")
    failed(store, mine[0], "SimulationUnstable")
    failed(store, other[0], "ChargesNotConverged")
    Queue(store).claim(other[1], Holder(host="node7"))
    now = overview(store, "mine")
    assert now.counts == {"queued": 2, "running": 0, "done": 0, "failed": 1, "cancelled": 0}
    assert [item.kind for item in now.failures] == ["SimulationUnstable"]
    assert now.running == ()
    assert now.gpu_hours_remaining == 2.0
    assert overview(store, "both").counts == overview(store).counts
    assert sum(overview(store, "none").counts.values()) == 0
    with pytest.raises(CampaignNotFound, match=r"'mime'.*mine"):
        overview(store, "mime")


def test_an_unknown_campaign_where_there_is_none(store: Store) -> None:
    with pytest.raises(CampaignNotFound, match="there are none yet"):
        overview(store, "mine")


def test_failures_are_grouped_by_class(store: Store, add_study: Adder) -> None:
    for number, kind in enumerate(("ChargesNotConverged", "SimulationUnstable", "SimulationUnstable")):
        failed(store, add_study(store, f"5eed{number}"), kind, message=f"message {number}")
    failed(store, add_study(store, "5eed7"), "SimulationUnstable")
    store.record_failure("5eed7", Failure(stage="density", kind="SimulationUnstable", message="twice in one study"))
    done = add_study(store, "5eed8")
    Queue(store).claim(done, Holder(host="node7"))
    store.finish_study(done, failures=[Failure(stage="density", kind="NotEnoughData", message="no failed study")])
    found = overview(store).failures
    assert [(item.kind, item.count) for item in found] == [("SimulationUnstable", 3), ("ChargesNotConverged", 1)]
    assert (found[1].example_key, found[1].example_message) == ("5eed0", "message 0")


def test_who_waits_for_which_workers(store: Store, add_study: Adder) -> None:
    for number, pool in enumerate(("", "gpu", "gpu", "big")):
        set_study(store, add_study(store, f"5eed{number}"), pool=pool)
    assert [(share.pool, share.count, share.n_workers) for share in overview(store).waiting] == [
        ("", 1, 0),
        ("big", 1, 0),
        ("gpu", 2, 0),
    ]
    worker(store, "w1")
    quarantined = worker(store, "w2")
    worker_is_seen(store, quarantined, state="quarantined", note="no driver")
    stopped = worker(store, "w3", pool="big")
    worker_is_seen(store, stopped, state="stopped")
    now = overview(store)
    assert [(share.pool, share.n_workers) for share in now.waiting] == [("", 1), ("big", 0), ("gpu", 1)]
    assert [(item.name, item.state, item.note) for item in now.workers] == [
        ("w1", "working", ""),
        ("w2", "quarantined", "no driver"),
    ]


def test_a_worker_that_fell_silent_does_not_count(store: Store, add_study: Adder) -> None:
    add_study(store)
    for name, silent_s in (("w1", SILENT_S + 60.0), ("w2", 10 * 86400.0)):
        number = worker(store, name)
        with store.writing() as connection:
            seen = datetime.now(UTC) - timedelta(seconds=silent_s)
            connection.execute(update(tables.Worker).where(tables.Worker.id == number).values(seen=seen))
    now = overview(store)
    assert [item.name for item in now.workers] == ["w1"]
    assert now.is_silent(now.workers[0])
    assert now.waiting[0].n_workers == 0


def test_leases_that_have_run_out(store: Store, add_study: Adder) -> None:
    for number in range(5):
        Queue(store, lease_s=-1.0).claim(add_study(store, f"5eed{number}"), Holder(host="node7"))
    add_study(store, "5eed7")
    Queue(store).claim("5eed7", Holder(host="node7"))
    now = overview(store)
    assert now.overdue.count == 5
    assert set(now.overdue.keys) < {f"5eed{number}" for number in range(5)}
    assert {study.key for study in now.running if not study.is_overdue} == {"5eed7"}


def test_cancelled_studies_that_have_not_stopped(store: Store, add_study: Adder) -> None:
    claim = Queue(store).claim(add_study(store), Holder(host="node7"))
    cancel(store, Chosen(keys=(claim.key,)))
    assert (overview(store).stopping.count, overview(store).stopping.keys) == (1, (claim.key,))
    Queue(store).release(claim.attempt_id)
    assert overview(store).stopping.count == 0


def test_studies_that_nobody_has_ever_held(store: Store, add_study: Adder) -> None:
    set_study(store, add_study(store), status="running", started=datetime.now(UTC))
    now = overview(store)
    assert (now.unheld.count, now.unheld.keys) == (1, ("5eed0001",))
    (study,) = now.running
    assert (study.attempt, study.worker, study.host, study.progress) == (None, None, None, 0.0)
