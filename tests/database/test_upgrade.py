"""Databases of earlier versions, with rows, brought up and down again."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from polyomics.database import Store, downgrade, inspect_schema, query_studies, schema, upgrade
from polyomics.database.queue import Queue
from polyomics.database.rows import Holder
from polyomics.database.workers import enter_worker, take_duty
from polyomics.errors import StorageUnavailable
from polyomics.records import digest

PROTOCOL = {"name": "short", "stages": [{"kind": "npt", "ps": 10.0, "tiny": 1e-300, "big": 1e16}]}
OTHER = {"name": "long", "stages": []}
MOMENT = "2026-01-02 03:04:05.678901"
SPECS: dict[str, dict[str, Any]] = {
    "waits": {"seed": 1, "protocol": PROTOCOL, "polymer": {"psmiles": "*CC*"}},
    "runs": {"seed": 2, "protocol": PROTOCOL},
    "done": {"seed": 3, "protocol": OTHER, "x": 0.1},
    "failed": {"seed": 4},
}
STUDIES = {  # key: status, started, ended
    "waits": ("queued", None, None),
    "runs": ("running", MOMENT, None),
    "done": ("done", MOMENT, MOMENT),
    "failed": ("failed", MOMENT, MOMENT),
}


def engine_of(url: str) -> Engine:
    return create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def old_database(url: str, revision: str, times: int = 1) -> None:
    """Tables of an earlier version with rows as that version wrote them."""
    upgrade(url, revision)
    zone = "+00" if url.startswith("postgresql") else ""
    engine = engine_of(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO polymer (key, psmiles, formula, molar_mass_g_mol, created) VALUES (:k, :p, 'C2H4', 28, :c)"
            ),
            {"k": "a1b2", "p": "*CC*", "c": MOMENT + zone},
        )
        statement = text(
            "INSERT INTO study (key, polymer_id, spec, preset, status, seed, replicate, temperature_k, pressure_bar, "
            "run_folder, schema_version, created, started, ended) VALUES (:key, 1, :spec, 'demo', :status, 7, 0, 300, "
            "1.01325, :folder, 1, :created, :started, :ended)"
        )
        for number in range(times):
            for name, (status, started, ended) in STUDIES.items():
                key = name if number == 0 else f"{name}{number}"
                row = {"key": key, "spec": json.dumps(SPECS[name]), "status": status, "folder": f"runs/{key}"}
                row |= {
                    "created": MOMENT + zone,
                    "started": started and started + zone,
                    "ended": ended and ended + zone,
                }
                connection.execute(statement, row)
        connection.execute(
            text(
                "INSERT INTO measurement (study_id, name, value, stderr, unit, n_independent, flags, conditions) "
                "VALUES (3, 'density', 0.85, 0.01, 'g/cm3', 20, '[]', '')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO failure (study_id, stage, kind, message, created) "
                f"VALUES (4, 'melt', 'SimulationUnstable', 'it exploded', '{MOMENT + zone}')"
            )
        )
    engine.dispose()


def raw_specs(url: str) -> dict[str, Any]:
    engine = engine_of(url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT key, spec FROM study")).all()
    engine.dispose()
    return {row.key: row.spec if isinstance(row.spec, dict) else json.loads(row.spec) for row in rows}


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_a_database_from_before_the_queue(
    url: str, revision: str, rows_of: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    """Protocols are kept once, specs come back whole, results stay, and what nobody runs any more can be taken."""
    old_database(url, revision)
    with pytest.raises(StorageUnavailable, match="polyomics db upgrade"):
        Store.open(url, read_only=True)
    upgrade(url)
    with Store.open(url) as store:
        for key, spec in SPECS.items():
            found = store.study(key)
            assert found.spec == spec
            assert digest(found.spec) == digest(spec)
            assert found.created.isoformat() == "2026-01-02T03:04:05.678901+00:00"
        assert len(rows_of("protocol")) == 3  # two, and the empty one
        assert [item.value for item in store.study("done").measurements] == [0.85]
        assert [item.key for item in query_studies(store, unflagged=True)] == ["done"]
        assert query_studies(store, with_flags=("drifting",)) == []
        assert [item.kind for item in store.study("failed").failures] == ["SimulationUnstable"]
        assert store.counts() == {"queued": 2, "running": 0, "done": 1, "failed": 1, "cancelled": 0}
        queue = Queue(store)
        claims = [queue.claim_next(Holder(host="here")) for _ in range(3)]
        assert [claim and (claim.key, claim.spec) for claim in claims] == [
            ("waits", SPECS["waits"]),
            ("runs", SPECS["runs"]),
            None,
        ]
        assert store.study("runs").started is not None
        assert store.study("runs").started == store.study("done").started  # its first start is kept
    schema.check(url)


def test_back_to_before_the_queue_and_up_again(
    url: str, add_study: Callable[..., str], rows_of: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    with Store.open(url) as store:
        for key, spec in SPECS.items():
            add_study(store, key, spec=spec)
        worker_id = enter_worker(store, "w1", host="h", pid=1, pool="gpu", slots=1)
        claim = Queue(store).claim("runs", Holder(host="h", worker_id=worker_id))
        store.finish_study("done")
        take_duty(store, "feed", "w1", 60.0)
        with store.writing() as connection:
            connection.execute(text("INSERT INTO campaign (name, created) SELECT 'c', created FROM polymer"))
            connection.execute(text("INSERT INTO campaign_study VALUES (1, 1)"))
            connection.execute(text("UPDATE study SET status = 'cancelled', ended = created WHERE key = 'failed'"))
    assert claim.number == 1
    downgrade(url, "0002")
    assert inspect_schema(url).status == "older"
    assert raw_specs(url) == SPECS
    statuses = {row[1]: row[5] for row in rows_of("study")}
    assert statuses == {"waits": "queued", "runs": "running", "done": "done", "failed": "failed"}
    assert [row[2:5] for row in rows_of("failure")] == [("run", "StudyCancelled", "it was cancelled")]
    upgrade(url)
    with Store.open(url) as store:
        assert {key: store.study(key).spec for key in SPECS} == SPECS
        assert store.counts() == {"queued": 2, "running": 0, "done": 1, "failed": 1, "cancelled": 0}
        assert rows_of("attempt") == rows_of("campaign") == rows_of("worker") == rows_of("duty") == []
    schema.check(url)


UPGRADE = """
import sys
from polyomics.database import upgrade
import sqlalchemy, alembic.command
print("ready", flush=True)
sys.stdin.readline()
upgrade(sys.argv[1])
"""


def test_several_processes_upgrade_at_once(
    url: str,
    start_python: Callable[..., "subprocess.Popen[str]"],
    rows_of: Callable[[str], list[tuple[Any, ...]]],
) -> None:
    """One does it and the others find it done: a second time would meet tables that are there already."""
    old_database(url, "0002", times=300)
    processes = [start_python(UPGRADE, url) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert inspect_schema(url).status == "current"
    assert len(rows_of("study")) == 1200
    assert len(rows_of("protocol")) == 3
    with Store.open(url) as store:
        assert store.study("done299").spec == SPECS["done"]
    schema.check(url)
