"""Everything arrives in the other database, and the other database can go on from there."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text

from polyomics.database import Artifact, NewStudy, Polymer, StageRecord, Store, schema, tables, transfer, upgrade
from polyomics.database.queue import Queue
from polyomics.database.rows import Holder
from polyomics.database.transfer import copy_database
from polyomics.database.workers import enter_worker, take_duty, workers
from polyomics.database.writes import now
from polyomics.errors import DatabaseTooNew, InvalidSettings, LeaseLost, StorageUnavailable
from polyomics.records import Criterion, Failure, Measurement

N_STUDIES = 12


@pytest.fixture(params=["to postgresql", "to sqlite"])
def two_urls(request: pytest.FixtureRequest, tmp_path: Path, new_postgres_url: Callable[[], str]) -> tuple[str, str]:
    """URLs of two databases of different kinds with nothing in them."""
    file, server = f"sqlite:///{tmp_path}/one.db", new_postgres_url()
    return (file, server) if request.param == "to postgresql" else (server, file)


def fill(url: str) -> int:
    """Rows in every table, and the attempt that is alive."""
    with Store.open(url) as store:
        queue = Queue(store)
        worker_id = enter_worker(store, "w1", host="node1", pid=7, pool="gpu", slots=2, devices=["H200"])
        for i in range(N_STUDIES):
            polymer = Polymer(key=f"p{i % 3}", psmiles=f"*{'C' * (i % 3 + 1)}*", formula="C", molar_mass_g_mol=14.027)
            spec = {
                "i": i,
                "x": 0.1 + i * 1e-17,
                "text": "\N{GREEK SMALL LETTER RHO} \u2028 '\"",
                "protocol": {"n": i % 2},
            }
            new = NewStudy(
                key=f"s{i}",
                polymer=polymer,
                spec=spec,
                preset="demo",
                seed=2**62 + i,
                replicate=i,
                temperature_k=300.0,
                pressure_bar=1.01325,
                run_folder=f"runs/s{i}",
                gpu_hours=0.1 * i if i % 2 else None,
            )
            store.add_study(new)
        done, failed, alive, given_back = (
            queue.claim(f"s{i}", Holder(host="node1", worker_id=worker_id, device="0")).attempt_id for i in range(4)
        )
        stage = StageRecord(sequence=0, name="melt", kind="npt", status="done", started=datetime.now(UTC))
        store.record_stage("s0", stage, attempt_id=done)
        value = {"name": "density", "value": 0.1 + 0.2, "unit": "g/cm3", "n_independent": 3.5}
        store.finish_study(
            "s0",
            [
                Measurement(**value, stderr=5e-324, flags=("few_samples",)),
                Measurement(**value, stderr=None, flags=("few_samples",), temperature_k=300),
            ],
            criteria=[Criterion(name="no_voids", verdict="pass", value=None, threshold=1.0, unit="nm", message="none")],
            provenance={"openmm": "8.6"},
            artifacts=[Artifact(kind="cell", path="runs/s0/cell.npz", size_bytes=2**40, sha256="0" * 64)],
            attempt_id=done,
        )
        store.fail_study("s1", Failure(stage="melt", kind="SimulationUnstable", message="NaN"), attempt_id=failed)
        queue.renew(alive, {"done_ps": 12.5, "density": 0.85})
        queue.release(given_back)
        take_duty(store, "feed", "w1", 60.0)
        with store.writing() as connection:
            for name in ("first", "removed", "third"):
                connection.execute(insert(tables.Campaign).values(name=name, created=now(connection)))
            connection.execute(text("DELETE FROM campaign WHERE name = 'removed'"))  # ids have holes
            connection.execute(insert(tables.CampaignStudy), [{"campaign_id": 3, "study_id": i} for i in (2, 1)])
        return alive


def all_rows(url: str) -> dict[str, list[dict[str, Any]]]:
    """As Python sees them, times in UTC, in order of their keys."""
    with Store.open(url, read_only=True) as store, store.reading() as connection:
        return {
            table.name: [
                dict(row) for row in connection.execute(table.select().order_by(*table.primary_key)).mappings()
            ]
            for table in tables.Base.metadata.sorted_tables
        }


def test_every_row_arrives(two_urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "ROWS_AT_A_TIME", 5)
    source, target = two_urls
    fill(source)
    before = all_rows(source)
    assert all(before.values()), "a table has no row to copy"
    told: dict[str, int] = {}
    counts = copy_database(source, target, report=told.__setitem__)
    assert all_rows(target) == before == all_rows(source)
    assert counts == told == {name: len(rows) for name, rows in before.items()}
    with Store.open(source) as one, Store.open(target) as other:
        assert [other.study(f"s{i}") for i in range(N_STUDIES)] == [one.study(f"s{i}") for i in range(N_STUDIES)]


def test_the_copy_goes_on(two_urls: tuple[str, str]) -> None:
    """New rows get ids of their own, and who holds a study goes on holding it."""
    source, target = two_urls
    alive = fill(source)
    copy_database(source, target)
    with Store.open(target) as store:
        queue = Queue(store)
        claim = queue.claim_next(Holder(host="node2"))
        assert claim is not None
        assert (claim.key, claim.number) == ("s3", 2)
        assert claim.attempt_id > alive
        assert queue.renew(alive) == "held"
        store.finish_study("s2", attempt_id=alive)
        polymer = Polymer(key="new", psmiles="*CCO*", formula="C2H4O", molar_mass_g_mol=44.0)
        fields: dict[str, Any] = {"preset": "demo", "seed": 1, "replicate": 0, "temperature_k": 300.0}
        fields |= {"pressure_bar": 1.0, "run_folder": "runs/new", "spec": {"protocol": {"new": 1}}}
        assert store.add_study(NewStudy(key="new", polymer=polymer, **fields))
        enter_worker(store, "w2", host="h", pid=1, pool="gpu", slots=1)
        assert [item.name for item in workers(store)] == ["w1", "w2"]
        value = Measurement(name="tg", value=373.0, stderr=5.0, unit="K", n_independent=3)
        store.finish_study("s3", [value], provenance={"a": "b"}, attempt_id=claim.attempt_id)
        with store.writing() as connection:
            connection.execute(insert(tables.Campaign).values(name="fourth", created=now(connection)))
        assert max(row["id"] for row in all_rows(target)["campaign"]) == 4
    with Store.open(source) as store:  # the source knows nothing of all that
        assert store.counts()["queued"] == N_STUDIES - 3
        with pytest.raises(LeaseLost):
            Queue(store).adopt(claim.attempt_id)


def test_a_target_must_be_empty_and_another(two_urls: tuple[str, str], tmp_path: Path) -> None:
    source, target = two_urls
    fill(source)
    with pytest.raises(InvalidSettings, match="is the database to copy"):
        copy_database(source, source)
    upgrade(target)
    with Store.open(target) as store:
        take_duty(store, "feed", "w1", 60.0)
    with pytest.raises(InvalidSettings, match="rows in its table duty"):
        copy_database(source, target)
    assert sum(len(rows) for rows in all_rows(target).values()) == 1
    with pytest.raises(StorageUnavailable, match="no database at"):
        copy_database(f"sqlite:///{tmp_path}/none.db", target)
    assert not (tmp_path / "none.db").exists()


def test_the_same_file_by_another_name(tmp_path: Path) -> None:
    Store.open(f"sqlite:///{tmp_path}/one.db").close()
    (tmp_path / "alias.db").symlink_to(tmp_path / "one.db")
    with pytest.raises(InvalidSettings, match="is the database to copy"):
        copy_database(f"sqlite:///{tmp_path}/one.db", f"sqlite:///{tmp_path}/alias.db")


@pytest.mark.parametrize(("found", "error"), [("0002", StorageUnavailable), ("9999", DatabaseTooNew)])
@pytest.mark.parametrize("which", ["source", "target"])
def test_tables_of_another_version_are_refused(
    two_urls: tuple[str, str], found: str, error: type[Exception], which: str
) -> None:
    source, target = two_urls
    fill(source)
    upgrade(target)
    with Store.open(source if which == "source" else target) as store, store.writing() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '{found}'"))
    with pytest.raises(error, match=found):
        copy_database(source, target)
    assert schema.inspect_schema(source if which == "source" else target).revision == found


def test_a_copy_that_is_broken_off_leaves_nothing(two_urls: tuple[str, str]) -> None:
    source, target = two_urls
    fill(source)

    def stop(table: str, _n_rows: int) -> None:
        if table == "measurement":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_database(source, target, report=stop)
    assert not any(all_rows(target).values())
    assert copy_database(source, target)["study"] == N_STUDIES


def test_what_is_written_meanwhile_is_not_in_the_copy(two_urls: tuple[str, str]) -> None:
    """The copy is of one moment, not of a different one for each table."""
    source, target = two_urls
    fill(source)
    before = all_rows(source)

    def write(table: str, _n_rows: int) -> None:
        if table == "polymer":
            with Store.open(source) as store:
                Queue(store).claim_next(Holder(host="late"))

    copy_database(source, target, report=write)
    assert all_rows(target) == before
    assert all_rows(source) != before


def test_copying_from_the_command_line(two_urls: tuple[str, str], tmp_path: Path) -> None:
    """The target's address may come from the environment, and its password is shown nowhere."""
    source, target = two_urls
    fill(source)
    environment = os.environ | {"POLYOMICS_DATABASE_URL": source, "POLYOMICS_HOME": str(tmp_path)}
    secret = target.replace("postgres@/", "postgres:hunter2@/")
    command = [sys.executable, "-m", "polyomics.cli", "db", "copy"]

    def run(*arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*command, *arguments], env=environment | more, capture_output=True, text=True, timeout=120, check=False
        )

    missing = run()
    assert missing.returncode == 2
    assert "POLYOMICS_TARGET_DATABASE_URL" in missing.stderr
    first = run("--json", POLYOMICS_TARGET_DATABASE_URL=secret)
    assert first.returncode == 0, first.stderr
    answer = json.loads(first.stdout)
    assert answer["rows"]["study"] == N_STUDIES
    assert answer["running"] == 1
    second = run("--to", secret)
    assert second.returncode == 2
    assert "a copy needs an empty one" in second.stderr
    assert "Traceback" not in second.stderr
    assert not any("hunter2" in text_ for answer_ in (first, second) for text_ in (answer_.stdout, answer_.stderr))
    assert all_rows(target) == all_rows(source)


def test_a_moment_survives_to_the_microsecond(two_urls: tuple[str, str]) -> None:
    source, target = two_urls
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    with Store.open(source) as store, store.writing() as connection:
        connection.execute(insert(tables.Duty).values(name="d", holder="w", until=moment - timedelta(microseconds=1)))
    copy_database(source, target)
    (row,) = all_rows(target)["duty"]
    assert row["until"] == moment - timedelta(microseconds=1)
