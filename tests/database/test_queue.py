"""Who holds which study: every rule of the queue, on both databases."""

import datetime as datetimes
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text, update

from polyomics.database import StageRecord, Store, schema, tables
from polyomics.database import writes as writes_module
from polyomics.database.queue import Queue
from polyomics.database.rows import Attempt, Claim, Holder
from polyomics.database.tables import Base
from polyomics.errors import DatabaseTooNew, LeaseLost, StorageUnavailable, StudyBusy, StudyCancelled, StudyNotFound
from polyomics.records import Failure, Measurement

HERE = Holder(host="node1", pid=11)
THERE = Holder(host="node2", pid=22)
STAGE = StageRecord(sequence=0, name="melt", kind="npt", status="done")
FAILURE = Failure(stage="melt", kind="SimulationUnstable", message="it exploded")


@pytest.fixture
def queue(store: Store) -> Queue:
    return Queue(store)


@pytest.fixture
def run_out(store: Store) -> Queue:
    """The same queue, whose leases have run out as soon as they are given."""
    return Queue(store, lease_s=-1.0)


@pytest.fixture
def everything(rows_of: Callable[[str], list[tuple[Any, ...]]]) -> Callable[[], dict[str, Any]]:
    return lambda: {table: rows_of(table) for table in Base.metadata.tables}


def taken(claim: Claim | None) -> Claim:
    assert claim is not None
    return claim


def set_status(store: Store, key: str, status: str) -> None:
    """As a user's wish does it, which takes no part in the lease."""
    study = tables.Study
    with store.writing() as connection:
        over = writes_module.now(connection) if status in tables.OVER else None
        connection.execute(update(study).where(study.key == key).values(status=status, ended=over))


def last_attempt(queue: Queue, key: str) -> Attempt:
    return queue.attempts(key)[-1]


# -------------------------------------------------------------------- from claim to end


def test_life_of_a_claim(
    store: Store, queue: Queue, add_study: Callable[..., str], density: Callable[..., Measurement]
) -> None:
    spec = {"seed": 7, "protocol": {"name": "short", "stages": [1, 2.5]}}
    key = add_study(store, spec=spec)
    claim = taken(queue.claim_next(HERE))
    assert (claim.key, claim.number, claim.spec, claim.flow_run_id) == (key, 1, spec, None)
    assert store.study(key).status == "running"
    assert queue.claim_next(THERE) is None
    assert queue.adopt(claim.attempt_id, pid=33) == claim
    assert queue.renew(claim.attempt_id, {"done_ps": 12.5, "step": "melt"}) == "held"
    store.record_stage(key, STAGE, attempt_id=claim.attempt_id)
    store.finish_study(key, [density()], attempt_id=claim.attempt_id)
    (attempt,) = queue.attempts(key)
    assert (attempt.outcome, attempt.pid, attempt.host, attempt.number) == ("done", 33, "node1", 1)
    assert (attempt.reached_ps, attempt.progress) == (12.5, {"done_ps": 12.5, "step": "melt"})
    assert attempt.ended is not None
    assert attempt.claimed <= attempt.seen <= attempt.ended < attempt.lease_until
    assert store.study(key).started == attempt.claimed
    assert queue.claim_next(HERE) is None
    assert store.counts()["done"] == 1


def test_priority_before_age(store: Store, queue: Queue, add_study: Callable[..., str]) -> None:
    wanted = {"old-low": 0, "old-normal": 1, "normal": 1, "high": 2, "low": 0, "new-high": 2}
    for key, priority in wanted.items():
        add_study(store, key)
        with store.writing() as connection:
            connection.execute(update(tables.Study).where(tables.Study.key == key).values(priority=priority))
    found = [taken(queue.claim_next(HERE)).key for _ in wanted]
    assert found == ["high", "new-high", "old-normal", "normal", "old-low", "low"]


def test_a_study_given_back_keeps_its_place(store: Store, queue: Queue, add_study: Callable[..., str]) -> None:
    for key in ("a", "b"):
        add_study(store, key)
    first = taken(queue.claim_next(HERE))
    started = store.study("a").started
    queue.release(first.attempt_id)
    assert last_attempt(queue, "a").outcome == "released"
    again = taken(queue.claim_next(THERE))
    assert (again.key, again.number) == ("a", 2)
    assert store.study("a").started == started


def test_pools(store: Store, queue: Queue, add_study: Callable[..., str]) -> None:
    for key, pool in (("any", ""), ("gpu", "gpu"), ("cpu", "cpu")):
        add_study(store, key)
        with store.writing() as connection:
            connection.execute(update(tables.Study).where(tables.Study.key == key).values(pool=pool))
    assert taken(queue.claim_next(HERE, pools=("", "gpu"))).key == "any"
    assert taken(queue.claim_next(HERE, pools=("", "gpu"))).key == "gpu"
    assert queue.claim_next(HERE, pools=("", "gpu")) is None
    assert queue.claim_next(HERE) is None
    assert taken(queue.claim_next(HERE, pools=("cpu", "cpu"))).key == "cpu"


def test_the_oldest_of_several_pools_is_next(store: Store, queue: Queue, add_study: Callable[..., str]) -> None:
    for i, pool in enumerate(["gpu", "", "gpu", ""]):
        add_study(store, f"s{i}")
        with store.writing() as connection:
            connection.execute(update(tables.Study).where(tables.Study.key == f"s{i}").values(pool=pool))
    assert [taken(queue.claim_next(HERE, pools=("", "gpu"))).key for _ in range(4)] == ["s0", "s1", "s2", "s3"]


def test_only_studies_with_short_segments(store: Store, queue: Queue, add_study: Callable[..., str]) -> None:
    for key, segment_gpu_s in (("long", 900.0), ("short", 60.0), ("unknown", None)):
        add_study(store, key, segment_gpu_s=segment_gpu_s)
    assert taken(queue.claim_next(HERE, segment_gpu_s=60.0)).key == "short"
    assert taken(queue.claim_next(HERE, segment_gpu_s=60.0)).key == "unknown"
    assert queue.claim_next(HERE, segment_gpu_s=60.0) is None
    assert taken(queue.claim_next(HERE)).key == "long"


def test_a_study_that_is_held_is_not_taken(store: Store, queue: Queue, add_study: Callable[..., str]) -> None:
    key = add_study(store)
    claim = queue.claim(key, HERE)
    with pytest.raises(StudyBusy, match="process 11 of node1"):
        queue.claim(key, THERE)
    with pytest.raises(StudyBusy):
        queue.claim(key, THERE, holder_before_is_dead=True)  # it cannot know that of another machine
    assert [item.id for item in queue.attempts(key)] == [claim.attempt_id]
    again = queue.claim(key, HERE, holder_before_is_dead=True)
    assert again.number == 2
    assert [item.outcome for item in queue.attempts(key)] == ["lost", None]


def test_a_finished_study_may_be_opened_again(store: Store, queue: Queue, add_study: Callable[..., str]) -> None:
    key = add_study(store)
    first = queue.claim(key, HERE)
    store.finish_study(key, attempt_id=first.attempt_id)
    before = store.study(key)
    second = queue.claim(key, HERE)
    after = store.study(key)
    assert (after.status, after.ended) == ("running", None)
    assert before.started is not None
    assert after.started is not None
    assert after.started > before.started
    with pytest.raises(LeaseLost):  # although it has ended as "done", the study is another's now
        store.finish_study(key, attempt_id=first.attempt_id)
    store.finish_study(key, attempt_id=second.attempt_id)
    with pytest.raises(LeaseLost):
        store.finish_study(key, attempt_id=first.attempt_id)


def test_a_waiting_study_that_somebody_holds_is_passed_over(
    store: Store, queue: Queue, add_study: Callable[..., str]
) -> None:
    """An UPDATE by hand must not stop the whole queue."""
    for key in ("odd", "plain"):
        add_study(store, key)
    held = taken(queue.claim_next(HERE))
    set_status(store, "odd", "queued")
    assert taken(queue.claim_next(THERE)).key == "plain"
    assert queue.claim_next(THERE) is None
    queue.release(held.attempt_id)
    assert taken(queue.claim_next(THERE)).key == "odd"


# -------------------------------------------------------------------- leases and fences


def test_a_lease_that_ran_out_is_taken_and_its_holder_refused(
    store: Store,
    queue: Queue,
    run_out: Queue,
    add_study: Callable[..., str],
    density: Callable[..., Measurement],
    everything: Callable[[], dict[str, Any]],
) -> None:
    key = add_study(store)
    old = taken(run_out.claim_next(HERE)).attempt_id
    new = taken(queue.claim_next(THERE))
    assert (new.key, new.number) == (key, 2)
    lost, held = queue.attempts(key)
    assert (lost.outcome, lost.error_kind, held.outcome) == ("lost", "ProcessDied", None)
    assert "node1" in (lost.error_message or "")
    before = everything()
    for write in (
        lambda: store.record_stage(key, STAGE, attempt_id=old),
        lambda: store.finish_study(key, [density()], attempt_id=old),
        lambda: store.fail_study(key, FAILURE, attempt_id=old),
        lambda: queue.adopt(old, pid=1),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert queue.renew(old, {"done_ps": 1.0}) == "lost"
    queue.release(old)
    queue.report_death(old, "late news")
    queue.report_error(old, "EngineFailed", "late news")
    assert everything() == before
    store.finish_study(key, [density()], attempt_id=new.attempt_id)
    assert [item.outcome for item in queue.attempts(key)] == ["lost", "done"]


def test_a_holder_refused_stays_refused_when_the_study_has_ended(
    store: Store, queue: Queue, run_out: Queue, add_study: Callable[..., str], everything: Callable[[], dict[str, Any]]
) -> None:
    key = add_study(store)
    old = taken(run_out.claim_next(HERE)).attempt_id
    new = taken(queue.claim_next(THERE)).attempt_id
    store.fail_study(key, FAILURE, attempt_id=new)
    before = everything()
    for write in (
        lambda: store.fail_study(key, FAILURE, attempt_id=old),
        lambda: store.finish_study(key, attempt_id=old),
        lambda: store.finish_study(key, attempt_id=new),  # it has ended, and not so
        lambda: store.record_stage(key, STAGE, attempt_id=new),
        lambda: store.finish_study(key, attempt_id=99),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert everything() == before


def test_an_attempt_writes_for_its_own_study_only(store: Store, queue: Queue, add_study: Callable[..., str]) -> None:
    for key in ("a", "b"):
        add_study(store, key)
    held = queue.claim("a", HERE).attempt_id
    queue.claim("b", HERE)
    with pytest.raises(LeaseLost):
        store.finish_study("b", attempt_id=held)
    assert store.study("b").status == "running"


def test_a_lease_nobody_has_taken_is_prolonged(
    store: Store, queue: Queue, run_out: Queue, add_study: Callable[..., str]
) -> None:
    key = add_study(store)
    held = taken(run_out.claim_next(HERE)).attempt_id
    assert queue.renew(held) == "held"
    assert queue.take_from_the_dead() == 0
    assert queue.claim_next(THERE) is None
    store.finish_study(key, attempt_id=held)
    assert store.study(key).status == "done"


def test_a_claim_by_name_takes_a_lease_that_ran_out(
    store: Store, queue: Queue, run_out: Queue, add_study: Callable[..., str]
) -> None:
    key = add_study(store)
    run_out.claim(key, HERE)
    assert queue.claim(key, THERE).number == 2
    with pytest.raises(StudyBusy):
        run_out.claim(key, HERE)


def test_the_dead_are_ended_once(store: Store, queue: Queue, run_out: Queue, add_study: Callable[..., str]) -> None:
    for i in range(3):
        run_out.claim(add_study(store, f"s{i}"), HERE)
    queue.claim(add_study(store, "alive"), HERE)
    assert queue.take_from_the_dead() == 3
    assert queue.take_from_the_dead() == 0
    assert store.counts() == {"queued": 3, "running": 1, "done": 0, "failed": 0, "cancelled": 0}


def test_ending_twice_is_as_once(
    store: Store,
    queue: Queue,
    add_study: Callable[..., str],
    density: Callable[..., Measurement],
    everything: Callable[[], dict[str, Any]],
) -> None:
    """Whoever did not hear whether the database has committed may say it again."""
    endings: list[Callable[[str, int], object]] = [
        lambda key, held: store.finish_study(key, [density()], attempt_id=held),
        lambda key, held: store.fail_study(key, FAILURE, attempt_id=held),
        lambda _key, held: queue.release(held),
        lambda _key, held: queue.report_error(held, "EngineFailed", "no GPU"),
        lambda _key, held: queue.report_death(held, "signal SIGKILL"),
    ]
    for i, end in enumerate(endings):
        key = add_study(store, f"s{i}")
        held = queue.claim(key, HERE).attempt_id
        end(key, held)
        once = everything()
        end(key, held)
        again = everything()
        if i == 1:  # the failure's row has the time of the later report
            once, again = ({name: rows for name, rows in all_.items() if name != "failure"} for all_ in (once, again))
        assert again == once


def test_clocks_of_clients_do_not_matter(
    store: Store, queue: Queue, add_study: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if store.url.startswith("sqlite"):
        pytest.skip("all who use one SQLite file have the clock of one machine")
    key = add_study(store)
    held = taken(queue.claim_next(HERE))

    class NextYear(datetimes.datetime):
        @classmethod
        def now(cls, tz: datetimes.tzinfo | None = None) -> datetimes.datetime:
            return datetimes.datetime.now(tz) + timedelta(days=365)

    monkeypatch.setattr(writes_module, "datetime", NextYear)
    assert queue.claim_next(THERE) is None
    assert queue.renew(held.attempt_id) == "held"
    until = last_attempt(queue, key).lease_until
    assert abs(until - datetimes.datetime.now(UTC)) < timedelta(hours=1)


def test_progress_must_be_json(store: Store, queue: Queue, add_study: Callable[..., str]) -> None:
    held = queue.claim(add_study(store), HERE).attempt_id
    with pytest.raises(Exception, match="JSON"):
        queue.renew(held, {"density": float("nan")})
    assert queue.renew(held) == "held"


# -------------------------------------------------------------------- wishes and troubles


def test_cancelled_while_it_runs(
    store: Store, queue: Queue, add_study: Callable[..., str], density: Callable[..., Measurement]
) -> None:
    key = add_study(store)
    held = queue.claim(key, HERE).attempt_id
    set_status(store, key, "cancelled")
    assert queue.renew(held) == "cancelled"
    for write in (
        lambda: store.finish_study(key, [density()], attempt_id=held),
        lambda: store.fail_study(key, FAILURE, attempt_id=held),
        lambda: store.record_stage(key, STAGE, attempt_id=held),
    ):
        with pytest.raises(StudyCancelled):
            write()
    queue.release(held)
    study = store.study(key)
    assert (study.status, study.measurements, study.failures) == ("cancelled", (), ())
    assert last_attempt(queue, key).outcome == "cancelled"
    assert queue.claim_next(HERE) is None


@pytest.mark.parametrize("how", ["death", "silence"])
def test_a_cancelled_study_whose_process_dies_stays_cancelled(
    store: Store, queue: Queue, run_out: Queue, add_study: Callable[..., str], how: str
) -> None:
    key = add_study(store)
    held = run_out.claim(key, HERE).attempt_id
    set_status(store, key, "cancelled")
    if how == "death":
        queue.report_death(held, "signal SIGKILL")
    assert queue.claim_next(THERE) is None
    assert last_attempt(queue, key).outcome == "lost"
    assert store.study(key).status == "cancelled"


def die(queue: Queue, done_ps: float | None) -> None:
    held = taken(queue.claim_next(HERE))
    if done_ps is not None:
        queue.renew(held.attempt_id, {"done_ps": done_ps})
    queue.report_death(held.attempt_id, "signal SIGKILL")


def test_dying_at_the_same_place_ends_a_study(store: Store, add_study: Callable[..., str]) -> None:
    queue = Queue(store, most_deaths=3)
    key = add_study(store)
    die(queue, 40.0)
    die(queue, 40.0)
    assert store.study(key).status == "queued"
    die(queue, None)  # killed before it said how far it was: as far as the one before
    study = store.study(key)
    assert study.status == "failed"
    assert [(item.stage, item.kind, item.message) for item in study.failures] == [
        ("run", "ProcessDied", "signal SIGKILL")
    ]
    assert queue.claim_next(HERE) is None


def test_leases_that_run_out_end_a_study_too(store: Store, add_study: Callable[..., str]) -> None:
    queue = Queue(store, lease_s=-1.0, most_deaths=3)
    key = add_study(store)
    claims = [queue.claim_next(HERE) for _ in range(4)]
    assert [claim and claim.number for claim in claims] == [1, 2, 3, None]
    assert [item.kind for item in store.study(key).failures] == ["ProcessDied"]


def test_dying_further_and_further_does_not_end_a_study(store: Store, add_study: Callable[..., str]) -> None:
    queue = Queue(store, most_deaths=3)
    key = add_study(store)
    for step in range(12):
        die(queue, 40.0 * (step // 2))
    assert store.study(key).status == "queued"


def test_giving_back_between_deaths_starts_the_count_anew(store: Store, add_study: Callable[..., str]) -> None:
    queue = Queue(store, most_deaths=3)
    key = add_study(store)
    for _ in range(3):
        die(queue, 40.0)
        die(queue, 40.0)
        queue.release(taken(queue.claim_next(HERE)).attempt_id)
    assert store.study(key).status == "queued"


def test_a_study_tried_again_has_all_its_lives(store: Store, add_study: Callable[..., str]) -> None:
    queue = Queue(store, most_deaths=3)
    key = add_study(store)
    for _ in range(3):
        die(queue, 40.0)
    assert store.study(key).status == "failed"
    with store.writing() as connection:  # what a retry does
        values = {"status": "queued", "started": None, "ended": None}
        connection.execute(update(tables.Study).where(tables.Study.key == key).values(**values))
    die(queue, 40.0)
    die(queue, 40.0)
    assert store.study(key).status == "queued"
    die(queue, 40.0)
    assert store.study(key).status == "failed"


def test_the_same_trouble_again_and_again_ends_a_study(
    store: Store, queue: Queue, add_study: Callable[..., str]
) -> None:
    key = add_study(store)
    for kind in ("EngineFailed", "ToolMissing", "EngineFailed", "ToolMissing", "ToolMissing"):
        queue.report_error(taken(queue.claim_next(HERE)).attempt_id, kind, f"{kind} here")
        assert store.study(key).status == "queued"
    queue.report_error(taken(queue.claim_next(HERE)).attempt_id, "ToolMissing", "no \0 sqm")
    study = store.study(key)
    assert study.status == "failed"
    assert [(item.stage, item.kind) for item in study.failures] == [("run", "ToolMissing")]
    assert [item.outcome for item in queue.attempts(key)] == ["error"] * 6


def test_unknown_attempts_and_studies(store: Store, queue: Queue, add_study: Callable[..., str]) -> None:
    add_study(store)
    assert queue.renew(99) == "lost"
    assert queue.attempts("none") == []
    for ask in (
        lambda: queue.claim("none", HERE),
        lambda: queue.release(99),
        lambda: queue.report_death(99, ""),
        lambda: queue.report_error(99, "x", ""),
    ):
        with pytest.raises(StudyNotFound):
            ask()
    with pytest.raises(LeaseLost):
        queue.adopt(99)


# -------------------------------------------------------------------- versions


@pytest.mark.parametrize(
    ("found", "error", "advice"),
    [("0002", StorageUnavailable, "polyomics db upgrade"), ("9999", DatabaseTooNew, "install the polyomics that")],
)
def test_no_work_from_tables_of_another_version(
    store: Store, queue: Queue, add_study: Callable[..., str], found: str, error: type[Exception], advice: str
) -> None:
    """Also when they change while a worker is at work: what it holds it may finish, more it does not get."""
    for key in ("a", "b"):
        add_study(store, key)
    held = taken(queue.claim_next(HERE))
    with store.writing() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '{found}'"))
    with pytest.raises(error, match=advice) as caught:
        queue.claim_next(HERE)
    assert found in str(caught.value)
    assert schema.REVISIONS[-1] in str(caught.value)
    store.finish_study("a", attempt_id=held.attempt_id)
    with store.writing() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '{schema.REVISIONS[-1]}'"))
    assert taken(queue.claim_next(HERE)).key == "b"


# -------------------------------------------------------------------- plans

MANY = """
INSERT INTO study (key, polymer_id, protocol_id, spec, preset, status, seed, replicate, temperature_k, pressure_bar,
run_folder, schema_version, created, started, ended, segment_gpu_s)
SELECT key || '-' || n, polymer_id, protocol_id, spec, preset, CASE WHEN n <= 4000 THEN 'done' ELSE 'queued' END, seed,
replicate, temperature_k, pressure_bar, run_folder, schema_version, created, CASE WHEN n <= 4000 THEN created END,
CASE WHEN n <= 4000 THEN created END, 600.0 FROM study, numbers
"""
NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 6000) "


def plans(store: Store, ask: Callable[[], object]) -> list[str]:
    """How the database carries out every statement of a question that looks something up."""
    said: list[tuple[str, Any]] = []

    def keep(_connection: object, _cursor: object, statement: str, parameters: Any, *_more: object) -> None:
        if "study" in statement and not statement.startswith("INSERT"):
            said.append((statement, parameters))

    event.listen(store._engine, "before_cursor_execute", keep)
    ask()
    event.remove(store._engine, "before_cursor_execute", keep)
    explain = "EXPLAIN QUERY PLAN" if store.url.startswith("sqlite") else "EXPLAIN"
    with store.writing() as connection:
        return [
            "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters))
            for statement, parameters in said
        ]


def test_a_claim_and_a_renewal_look_into_indexes_only(
    store: Store, queue: Queue, add_study: Callable[..., str]
) -> None:
    """Also where most of what came first has ended: a walk along all of it would grow with the table."""
    add_study(store)
    with store.writing() as connection:
        connection.execute(
            text(
                NUMBERS + MANY
                if store.url.startswith("sqlite")
                else MANY.replace(", numbers", ", generate_series(1, 6000) AS n")
            )
        )
        connection.execute(text("ANALYZE"))

    def ask() -> None:
        claim = taken(queue.claim_next(HERE, pools=("", "gpu"), segment_gpu_s=900.0))
        queue.renew(claim.attempt_id, {"done_ps": 1.0})

    found = plans(store, ask)
    assert len(found) > 5
    assert not any("Seq Scan on study" in plan or "SCAN study" in plan for plan in found)
    claims = [plan for plan in found if "ix_study_waiting" in plan]
    assert len(claims) == 8  # two priorities, two pools, with and without an estimate
    assert not any("Sort" in plan or "TEMP B-TREE" in plan for plan in claims)
