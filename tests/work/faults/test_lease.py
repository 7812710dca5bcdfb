"""The lease's thread beside a computation, on a real database."""

import threading
import time
from pathlib import Path

import pytest
from disturbed import disturbed_spec, wait_until

from polyomics.database.queue import Queue
from polyomics.database.rows import Holder
from polyomics.database.store import Store
from polyomics.errors import LeaseLost, StorageUnavailable
from polyomics.md.progress import Progress
from polyomics.study import new_study
from polyomics.work.lease import Lease, patiently

HOLDER = Holder(host="here")
SPEC = disturbed_spec()


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    store = Store.open(f"sqlite:///{tmp_path / 'polyomics.db'}")
    store.add_study(new_study(SPEC))
    return Queue(store, lease_s=0.4)


def test_its_own_end_is_not_taken_for_a_loss(queue: Queue) -> None:
    heard: list[str] = []
    claim = queue.claim(SPEC.key, HOLDER)
    with Lease(queue, claim, on_end=heard.append) as lease:
        lease.end_by(lambda: slowly_finish(queue, claim.attempt_id))
        time.sleep(0.5)  # the page is written meanwhile; the thread would have renewed several times
    assert heard == []
    assert [a.outcome for a in queue.attempts(SPEC.key)] == ["done"]


def slowly_finish(queue: Queue, attempt_id: int) -> None:
    queue.store.finish_study(SPEC.key, attempt_id=attempt_id)
    time.sleep(0.5)  # stored, and the answer is on its way


def test_a_study_taken_away_is_heard_of(queue: Queue) -> None:
    heard, ended = [], threading.Event()

    def hear(how: str) -> None:
        heard.append(how)
        ended.set()

    claim = queue.claim(SPEC.key, HOLDER)
    with pytest.raises(LeaseLost), Lease(queue, claim, on_end=hear) as lease:
        other = queue.claim(SPEC.key, HOLDER, holder_before_is_dead=True)
        assert ended.wait(60)
        lease.refuse_if_over()
    assert heard == ["lost"]
    assert [(a.id, a.outcome) for a in queue.attempts(SPEC.key)] == [
        (claim.attempt_id, "lost"),
        (other.attempt_id, None),
    ]


def test_a_number_that_is_none_does_not_stand_in_the_way_of_a_renewal(queue: Queue) -> None:
    with Lease(queue, queue.claim(SPEC.key, HOLDER)) as lease:
        lease.report(Progress(step="melt", done_ps=3.0, density_g_cm3=float("nan"), ns_per_day=float("inf")))
        wait_until(lambda: queue.attempts(SPEC.key)[0].reached_ps == 3.0, "the progress is stored")
        assert queue.attempts(SPEC.key)[0].progress["density_g_cm3"] is None


def test_left_with_an_error_the_study_waits_again_and_says_why(queue: Queue) -> None:
    with pytest.raises(ZeroDivisionError), Lease(queue, queue.claim(SPEC.key, HOLDER)):
        raise ZeroDivisionError("of a defect")
    (attempt,) = queue.attempts(SPEC.key)
    assert (attempt.outcome, attempt.error_kind, attempt.error_message) == ("error", "ZeroDivisionError", "of a defect")
    assert queue.store.study(SPEC.key).status == "queued"


def test_patience_waits_for_a_database_and_has_an_end() -> None:
    calls = 0

    def answer_at_last() -> str:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise StorageUnavailable("away")
        return "here"

    assert patiently(answer_at_last, 600.0) == "here"
    calls = -(10**6)
    with pytest.raises(StorageUnavailable):
        patiently(answer_at_last, 0.0)
