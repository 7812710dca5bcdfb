"""Several ask the queue at the same moment: threads, transactions held open on purpose, and real processes."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import insert, text, update

from polyomics.database import NewStudy, Polymer, Store, schema, tables
from polyomics.database.queue import Queue
from polyomics.database.rows import Claim, Holder
from polyomics.database.submission import put_studies
from polyomics.database.writes import now
from polyomics.errors import StorageUnavailable

HERE = Holder(host="here")
DEADLINE_S = 30.0


@pytest.fixture
def postgres_store(store: Store) -> Store:
    if store.url.startswith("sqlite"):
        pytest.skip("writers of one SQLite file follow each other")
    return store


def some_studies(n: int) -> list[NewStudy]:
    polymers = [
        Polymer(key=f"p{i % 7}", psmiles=f"*{'C' * (i % 7 + 1)}*", formula="C", molar_mass_g_mol=14.0) for i in range(n)
    ]
    return [
        NewStudy(
            key=f"s{i:05d}",
            polymer=polymer,
            spec={"seed": i, "protocol": {"name": f"protocol{i % 3}"}},
            preset="demo",
            seed=i,
            replicate=0,
            temperature_k=300.0,
            pressure_bar=1.0,
            run_folder=f"runs/s{i:05d}",
        )
        for i, polymer in enumerate(polymers)
    ]


def enter(store: Store, studies: Sequence[NewStudy]) -> list[str]:
    with store.writing() as connection:
        return put_studies(connection, studies)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def someone_waits_for_a_lock(store: Store) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with store.reading() as connection:
        return bool(connection.scalar(text(waiting)))


# -------------------------------------------------------------------- threads


def test_claims_at_once_get_different_studies(store: Store) -> None:
    n = 24
    enter(store, some_studies(n))
    start = threading.Barrier(6)

    def take(_number: int) -> list[Claim]:
        start.wait()
        found = []
        while (claim := Queue(store).claim_next(HERE)) is not None:
            found.append(claim)
        return found

    with ThreadPoolExecutor(6) as threads:
        claims = [claim for found in threads.map(take, range(6)) for claim in found]
    assert sorted(claim.key for claim in claims) == [f"s{i:05d}" for i in range(n)]
    assert len({claim.attempt_id for claim in claims}) == n
    assert all(claim.number == 1 for claim in claims)


def test_a_lease_that_ran_out_goes_to_one_of_many(store: Store) -> None:
    enter(store, some_studies(1))
    Queue(store, lease_s=-1.0).claim_next(HERE)
    start = threading.Barrier(6)

    def take(_number: int) -> Claim | None:
        start.wait()
        return Queue(store).claim_next(HERE)

    with ThreadPoolExecutor(6) as threads:
        found = [claim for claim in threads.map(take, range(6)) if claim is not None]
    # Those that met the study while it was being taken went away with nothing; a later look finds it if all did.
    assert len(found) <= 1
    last = found[0] if found else Queue(store).claim_next(HERE)
    assert last is not None
    assert last.number == 2
    assert Queue(store).claim_next(HERE) is None
    assert [item.outcome for item in Queue(store).attempts("s00000")] == ["lost", None]


def test_the_same_studies_entered_at_once_in_different_order(store: Store) -> None:
    studies = some_studies(300)
    known = enter(store, studies[:21])  # all polymers and protocols, or everybody would wait at the first of them
    orders = [studies, studies[::-1], studies[100:] + studies[:100], studies[200:] + studies[:200]]
    start = threading.Barrier(len(orders))

    def enter_all(order: list[NewStudy]) -> list[str]:
        start.wait()
        with store.writing() as connection:  # two batches in one transaction
            return put_studies(connection, order[:150]) + put_studies(connection, order[150:])

    with ThreadPoolExecutor(len(orders)) as threads:
        inserted = [key for keys in threads.map(enter_all, orders) for key in keys]
    assert sorted(known + inserted) == [study.key for study in studies]
    with store.reading() as connection:
        counts = [connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in ("study", "polymer", "protocol")]
    assert counts == [300, 7, 3]


# -------------------------------------------------------------------- transactions held open


def test_a_study_another_transaction_holds_is_passed_over(postgres_store: Store) -> None:
    enter(postgres_store, some_studies(2))
    with ThreadPoolExecutor(1) as thread, postgres_store.writing() as connection:
        connection.execute(text("SELECT 1 FROM study WHERE key = 's00000' FOR UPDATE"))
        claim = thread.submit(Queue(postgres_store).claim_next, HERE).result(DEADLINE_S)
        assert claim is not None
        assert claim.key == "s00001"
        assert thread.submit(Queue(postgres_store).claim_next, HERE).result(DEADLINE_S) is None


def test_a_study_just_put_into_a_campaign_is_not_passed_over(postgres_store: Store) -> None:
    """A row that refers to the study locks its key, and nothing else of it."""
    enter(postgres_store, some_studies(1))
    with ThreadPoolExecutor(1) as thread, postgres_store.writing() as connection:
        connection.execute(insert(tables.Campaign).values(name="c", created=now(connection)))
        connection.execute(insert(tables.CampaignStudy).values(campaign_id=1, study_id=1))
        claim = thread.submit(Queue(postgres_store).claim_next, HERE).result(DEADLINE_S)
        assert claim is not None
        assert claim.key == "s00000"


def test_a_lease_renewed_at_the_moment_it_is_taken_is_kept(postgres_store: Store) -> None:
    enter(postgres_store, some_studies(1))
    held = Queue(postgres_store, lease_s=-1.0).claim_next(HERE)
    assert held is not None
    attempt = tables.Attempt
    with ThreadPoolExecutor(1) as thread:
        with postgres_store.writing() as connection:
            later = text("lease_until + interval '1 hour'")
            connection.execute(update(attempt).where(attempt.id == held.attempt_id).values(lease_until=later))
            taking = thread.submit(Queue(postgres_store).take_from_the_dead)
            until(lambda: someone_waits_for_a_lock(postgres_store))
        assert taking.result(DEADLINE_S) == 0
    assert Queue(postgres_store).renew(held.attempt_id) == "held"


def test_a_study_cancelled_at_the_moment_it_is_claimed_is_not_run(postgres_store: Store) -> None:
    enter(postgres_store, some_studies(1))
    study = tables.Study
    with ThreadPoolExecutor(1) as thread:
        with postgres_store.writing() as connection:
            connection.execute(update(study).values(status="cancelled", ended=now(connection)))
            claim = thread.submit(Queue(postgres_store).claim, "s00000", HERE)
            until(lambda: someone_waits_for_a_lock(postgres_store))
            assert Queue(postgres_store).claim_next(HERE) is None
        assert claim.result(DEADLINE_S).number == 1  # by its name it may be run whatever its status


def test_nothing_is_claimed_while_the_tables_change(postgres_store: Store) -> None:
    enter(postgres_store, some_studies(1))
    with ThreadPoolExecutor(1) as thread:
        with postgres_store.writing() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": schema._LOCK_NUMBER})
            connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
            claiming = thread.submit(Queue(postgres_store).claim_next, HERE)
            until(lambda: someone_waits_for_a_lock(postgres_store))
        with pytest.raises(StorageUnavailable, match="newer than the"):
            claiming.result(DEADLINE_S)
    assert Queue(postgres_store).attempts("s00000") == []


# -------------------------------------------------------------------- processes

WORK = """
import os, sys
from polyomics.database import StageRecord, Store
from polyomics.database.queue import Queue
from polyomics.database.rows import Holder
from polyomics.records import Measurement
with Store.open(sys.argv[1]) as store:
    queue = Queue(store)
    print("ready", flush=True)
    sys.stdin.readline()
    while (claim := queue.claim_next(Holder(host="here", pid=os.getpid()))) is not None:
        held = claim.attempt_id
        for sequence in range(2):
            step = StageRecord(sequence=sequence, name="npt", kind="npt", status="done", detail={"pid": os.getpid()})
            store.record_stage(claim.key, step, attempt_id=held)
        assert queue.renew(held, {"done_ps": 1.0}) == "held"
        values = [Measurement(name=f"p{i}", value=i, stderr=0.1, unit="1", n_independent=5) for i in range(5)]
        store.finish_study(claim.key, values, provenance={"pid": str(os.getpid())}, attempt_id=held)
        print(claim.key, flush=True)
"""

StartPython = Callable[..., "subprocess.Popen[str]"]


def together(processes: Sequence["subprocess.Popen[str]"]) -> list[list[str]]:
    """Let processes that said "ready" go on at the same moment; the lines each wrote afterwards."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    lines = []
    for process in processes:
        out, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
        lines.append(out.split())
    return lines


def work_through(url: str, start_python: StartPython, n_processes: int, n_studies: int) -> None:
    with Store.open(url) as store:
        enter(store, some_studies(n_studies))
        done = together([start_python(WORK, url) for _ in range(n_processes)])
        assert sorted(key for keys in done for key in keys) == [f"s{i:05d}" for i in range(n_studies)]
        assert store.counts()["done"] == n_studies
        with store.reading() as connection:
            for table, rows_each in (("attempt", 1), ("stage", 2), ("measurement", 5), ("provenance", 1)):
                found = connection.execute(text(f"SELECT study_id, count(*) FROM {table} GROUP BY study_id")).all()
                assert {n for _, n in found} == {rows_each}
                assert len(found) == n_studies
            held_by = {row.study_id: row.pid for row in connection.execute(text("SELECT study_id, pid FROM attempt"))}
            for row in connection.execute(text("SELECT study_id, value FROM provenance")):
                assert int(row.value) == held_by[row.study_id]
            for row in connection.execute(text("SELECT study_id, detail FROM stage")):
                told = row.detail if isinstance(row.detail, dict) else json.loads(row.detail)
                assert told["pid"] == held_by[row.study_id]
            outcomes = connection.execute(text("SELECT DISTINCT outcome, number FROM attempt")).all()
            assert [tuple(row) for row in outcomes] == [("done", 1)]


def test_processes_work_a_queue_off(url: str, start_python: StartPython) -> None:
    work_through(url, start_python, n_processes=4, n_studies=30)


@pytest.mark.slow
def test_as_many_processes_as_are_promised(url: str, start_python: StartPython) -> None:
    """32 on PostgreSQL, 8 on SQLite."""
    work_through(url, start_python, n_processes=8 if url.startswith("sqlite") else 32, n_studies=320)


CLAIM = """
import sys
from polyomics.database import Store
from polyomics.database.queue import Queue
from polyomics.database.rows import Holder
with Store.open(sys.argv[1]) as store:
    claim = Queue(store).claim_next(Holder(host="there"))
    print(claim.key if claim else "nothing")
    if claim:
        print(Queue(store).renew(claim.attempt_id))
"""


@pytest.mark.parametrize("wrong_by", ["+400d", "-400d"])
def test_a_machine_whose_clock_is_wrong(postgres_store: Store, url: str, wrong_by: str) -> None:
    """It neither takes what others hold nor gets a lease that is over at once or lasts for ever."""
    faketime = shutil.which("faketime")
    if faketime is None:
        pytest.skip("the Debian package faketime, which gives a process a wrong clock, is not installed")
    enter(postgres_store, some_studies(1))
    queue = Queue(postgres_store)
    held = queue.claim_next(HERE)
    assert held is not None

    def ask() -> list[str]:
        command = [faketime, "-f", wrong_by, sys.executable, "-W", "ignore", "-c", CLAIM, url]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ, check=False)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.split()

    assert ask() == ["nothing"]
    queue.release(held.attempt_id)
    assert ask() == ["s00000", "held"]
    assert queue.take_from_the_dead() == 0
    (_, attempt) = queue.attempts("s00000")
    with postgres_store.reading() as connection:
        left_s = (attempt.lease_until - now(connection)).total_seconds()
    assert 0 < left_s <= queue.lease_s
