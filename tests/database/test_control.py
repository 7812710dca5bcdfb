"""Cancel, retry, priority: what was meant is changed, all else is left, and no process goes on that should not."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from polyomics.database import NewStudy, Polymer, Store, tables
from polyomics.database.control import Chosen, cancel, find_campaigns, find_targets, retry, set_priority
from polyomics.database.queue import Queue
from polyomics.database.rows import Holder
from polyomics.errors import CampaignNotFound, InvalidSettings, LeaseLost, StudyCancelled, StudyNotFound
from polyomics.records import Failure

Adder = Callable[..., str]
HERE = Holder(host="here")


def in_campaign(store: Store, name: str, *keys: str) -> None:
    """Enter a campaign of these studies."""
    with store.writing() as connection:
        row = {"name": name, "created": datetime.now(UTC)}
        number = connection.execute(insert(tables.Campaign).values(row).returning(tables.Campaign.id)).scalar_one()
        ids = connection.scalars(select(tables.Study.id).where(tables.Study.key.in_(keys))).all()
        connection.execute(insert(tables.CampaignStudy), [{"campaign_id": number, "study_id": one} for one in ids])


@pytest.fixture
def five(store: Store, add_study: Adder) -> dict[str, str]:
    """A study of every status, by its status."""
    keys = {status: add_study(store, f"5eed{number}") for number, status in enumerate(tables.STUDY_STATUSES)}
    queue = Queue(store)
    for status in ("running", "done", "failed"):
        queue.claim(keys[status], HERE)
    store.finish_study(keys["done"])
    store.fail_study(keys["failed"], Failure(stage="sample", kind="SimulationUnstable", message="the energy is NaN"))
    cancel(store, Chosen(keys=(keys["cancelled"],)))
    return keys


def statuses(store: Store) -> dict[str, str]:
    return {study.key: study.status for study in store.studies()}


def everything(store: Store) -> list[Any]:
    with store.reading() as connection:
        tables_ = (tables.Study, tables.Attempt, tables.FailureRow)
        return [connection.execute(select(table.__table__).order_by(table.id)).all() for table in tables_]


def test_cancel_takes_what_has_not_ended(store: Store, five: dict[str, str]) -> None:
    before = {study.key: study for study in store.studies()}
    answer = cancel(store, Chosen())
    assert answer.changed == {"queued": 1, "running": 1}
    assert answer.left_alone == {"done": 1, "failed": 1, "cancelled": 1}
    after = {study.key: study for study in store.studies()}
    for status in ("queued", "running"):
        assert after[five[status]].status == "cancelled"
        assert after[five[status]].ended is not None
        assert after[five[status]].started == before[five[status]].started
    for status in ("done", "failed", "cancelled"):
        assert after[five[status]] == before[five[status]]


def test_a_dry_run_answers_the_same_and_changes_nothing(store: Store, five: dict[str, str]) -> None:
    for wish in (cancel, retry, lambda *a, **k: set_priority(*a, "high", **k)):
        before = everything(store)
        asked = wish(store, Chosen(), dry_run=True)
        assert everything(store) == before
        assert asked.n_changed > 0
        assert wish(store, Chosen()) == asked


def test_the_holder_hears_of_it_and_may_write_no_more(store: Store, add_study: Adder) -> None:
    queue = Queue(store)
    claim = queue.claim(add_study(store), HERE)
    cancel(store, Chosen(keys=(claim.key,)))
    assert queue.renew(claim.attempt_id) == "cancelled"
    with pytest.raises(StudyCancelled):
        store.finish_study(claim.key, attempt_id=claim.attempt_id)
    queue.release(claim.attempt_id)
    assert store.study(claim.key).status == "cancelled"
    assert [item.outcome for item in queue.attempts(claim.key)] == ["cancelled"]
    assert queue.claim_next(HERE) is None


def test_retry_queues_what_failed_or_was_cancelled(store: Store, five: dict[str, str]) -> None:
    answer = retry(store, Chosen())
    assert answer.changed == {"failed": 1, "cancelled": 1}
    assert answer.left_alone == {"queued": 1, "running": 1, "done": 1}
    for status in ("failed", "cancelled"):
        study = store.study(five[status])
        assert (study.status, study.started, study.ended) == ("queued", None, None)
    assert {statuses(store)[five[status]] for status in ("running", "done")} == {"running", "done"}
    taken = [Queue(store).claim_next(HERE) for _ in range(3)]
    assert {claim.key for claim in taken if claim} == {five[status] for status in ("queued", "failed", "cancelled")}


def test_retry_takes_the_lease_from_one_that_has_not_stopped(store: Store, add_study: Adder) -> None:
    queue = Queue(store)
    old = queue.claim(add_study(store), HERE)
    cancel(store, Chosen(keys=(old.key,)))
    retry(store, Chosen(keys=(old.key,)))
    assert queue.renew(old.attempt_id) == "lost"
    with pytest.raises(LeaseLost):
        store.finish_study(old.key, attempt_id=old.attempt_id)
    new = queue.claim_next(HERE)
    assert new is not None
    assert (new.key, new.number) == (old.key, 2)
    queue.release(old.attempt_id)
    store.finish_study(new.key, attempt_id=new.attempt_id)
    assert [item.outcome for item in queue.attempts(new.key)] == ["cancelled", "done"]


def test_an_old_holder_may_not_finish_what_was_cancelled_twice(store: Store, add_study: Adder) -> None:
    queue = Queue(store)
    old = queue.claim(add_study(store), HERE)
    only = Chosen(keys=(old.key,))
    cancel(store, only)
    retry(store, only)
    cancel(store, only)
    with pytest.raises((LeaseLost, StudyCancelled)):
        store.finish_study(old.key, attempt_id=old.attempt_id)
    assert store.study(old.key).status == "cancelled"


def test_a_study_that_is_retried_may_die_as_often_as_a_new_one(store: Store, add_study: Adder) -> None:
    queue = Queue(store, most_deaths=3)
    key = add_study(store)

    def deaths() -> int:
        for count in range(1, 10):
            claim = queue.claim_next(HERE)
            assert claim is not None
            queue.report_death(claim.attempt_id, "killed")
            if store.study(key).status == "failed":
                return count
        raise AssertionError("it never failed")

    assert deaths() == 3
    retry(store, Chosen(keys=(key,)))
    assert deaths() == 3


def test_retry_queues_what_is_marked_as_running_and_never_was_claimed(store: Store, add_study: Adder) -> None:
    held, unheld = (add_study(store, key) for key in ("5eed1", "5eed2"))
    Queue(store).claim(held, HERE)
    with store.writing() as connection:
        values = {"status": "running", "started": datetime.now(UTC)}
        connection.execute(update(tables.Study).where(tables.Study.key == unheld).values(**values))
    assert retry(store, Chosen()).changed == {"running": 1}
    assert statuses(store) == {held: "running", unheld: "queued"}


def test_priority_decides_who_is_next(store: Store, add_study: Adder) -> None:
    keys = [add_study(store, f"5eed{number}") for number in range(3)]
    answer = set_priority(store, Chosen(keys=(keys[2],)), "high")
    assert (answer.changed, answer.left_alone) == ({"queued": 1}, {})
    set_priority(store, Chosen(keys=(keys[0],)), "low")
    order = [Queue(store).claim_next(HERE) for _ in range(3)]
    assert [claim and claim.key for claim in order] == [keys[2], keys[1], keys[0]]


def test_priority_leaves_what_has_ended_and_what_is_so(store: Store, five: dict[str, str]) -> None:
    set_priority(store, Chosen(keys=(five["queued"],)), "low")
    answer = set_priority(store, Chosen(), "low")
    assert answer.changed == {"running": 1}
    assert answer.left_alone == {"is so already": 1, "done": 1, "failed": 1, "cancelled": 1}
    with pytest.raises(InvalidSettings, match=r"'urgent'.*low, normal, high"):
        set_priority(store, Chosen(), "urgent")


def test_filters_must_all_hold(store: Store, five: dict[str, str]) -> None:
    styrene = Polymer(key="ps", psmiles="*CC(*)c1ccccc1", formula="C8H8", molar_mass_g_mol=104.15)
    common = {"spec": {}, "preset": "demo", "seed": 1, "replicate": 0, "temperature_k": 300.0, "pressure_bar": 1.0}
    store.add_study(NewStudy(key="abc1", polymer=styrene, run_folder="runs/abc1", **common))
    in_campaign(store, "two", "abc1", five["failed"])

    def chosen(**filters: Any) -> int:
        return cancel(store, Chosen(**filters), dry_run=True).n_chosen

    assert chosen() == 6
    assert chosen(polymer="ps") == chosen(polymer="*CC(*)c1ccccc1") == 1
    assert chosen(polymer="a1b2") == 5
    assert chosen(campaigns=("two",)) == 2
    assert chosen(campaigns=("two",), status="failed") == 1
    assert chosen(campaigns=("two",), polymer="ps", status="failed") == 0
    assert chosen(campaigns=("two",), keys=(five["done"],)) == 3
    assert chosen(keys=("nobody",)) == 0


@pytest.mark.parametrize(
    ("text", "n"), [("NaN", 1), ("nan", 1), ("unstable", 1), ("SimulationUnstable", 1), ("N_N", 0), ("%", 0), ("x", 0)]
)
def test_an_error_is_found_by_its_class_or_message(store: Store, five: dict[str, str], text: str, n: int) -> None:
    assert retry(store, Chosen(error=text)).n_changed == n
    assert (statuses(store)[five["failed"]] == "queued") == bool(n)


def test_texts_are_keys_beginnings_or_campaigns(store: Store, add_study: Adder) -> None:
    for key in ("aaaa1111", "aaaa2222", "bbbb1111"):
        add_study(store, key)
    for name in ("nylons", "bbbb", "aaaa", "c0ffee"):
        in_campaign(store, name, "aaaa1111")
    found = find_targets(store, ["aaaa1", "nylons", "bbbb1111", "aaaa1", "aaaa1111"])
    assert (found.keys, found.campaigns, found.ambiguous) == (("aaaa1111", "bbbb1111"), ("nylons",), ())
    assert find_targets(store, ["bbbb"]).keys == ("bbbb1111",)
    assert find_targets(store, ["bbbb"]).ambiguous == ("bbbb",)
    assert find_targets(store, ["aaaa", "c0ffee"]).campaigns == ("aaaa", "c0ffee")
    with pytest.raises(StudyNotFound, match="'dddd'"):
        find_targets(store, ["dddd"])
    with pytest.raises(CampaignNotFound, match=r"'nylon'.*nylons"):
        find_targets(store, ["aaaa1", "nylon"])
    with pytest.raises(CampaignNotFound, match=r"'nylon'.*nylons"):
        find_campaigns(store, ["nylons", "nylon"])


def test_wishes_and_claims_at_once_lose_nothing(store: Store, add_study: Adder) -> None:
    keys = [add_study(store, f"5eed{number:04d}") for number in range(60)]
    errors: list[BaseException] = []

    def repeatedly(act: Callable[[], object], times: int) -> None:
        try:
            for _ in range(times):
                act()
        except BaseException as error:
            errors.append(error)

    def work() -> None:
        queue = Queue(store)
        claim = queue.claim_next(HERE)
        if claim is not None:
            queue.release(claim.attempt_id)

    threads = [
        threading.Thread(target=repeatedly, args=(act, times))
        for act, times in (
            (lambda: cancel(store, Chosen()), 20),
            (lambda: cancel(store, Chosen()), 20),
            (lambda: retry(store, Chosen()), 20),
            (lambda: retry(store, Chosen()), 20),
            (lambda: set_priority(store, Chosen(), "high"), 4),
            (lambda: set_priority(store, Chosen(), "low"), 4),
            (work, 30),
            (work, 30),
        )
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    retry(store, Chosen())
    assert statuses(store) == dict.fromkeys(keys, "queued")
    with store.reading() as connection:
        assert connection.scalars(select(tables.Attempt.id).where(tables.Attempt.ended.is_(None))).all() == []
