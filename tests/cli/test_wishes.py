"""`polyomics cancel`, `retry`, `priority`, `logs`, by hand and with a worker at work."""

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from polyomics.cli.options import spec_of
from polyomics.database import Store, tables
from polyomics.database.queue import Queue, this_host
from polyomics.database.rows import Holder
from polyomics.database.workers import enter_worker
from polyomics.md.engine import Hardware
from polyomics.md.protocol import Protocol
from polyomics.request import make_spec
from polyomics.study import new_study, run_study
from polyomics.work.worker import log_file

PATIENCE_S = 240.0
PROTOCOL = """
name: tiny
nonbonded: {cutoff_nm: 0.5, pme_force_error: 5.0e-3}
stages:
- {kind: minimise, name: minimise, max_iterations: 100}
- {kind: npt, name: sample, role: sample, temperature_k: 400, pressure_bar: 1, duration_ps: 24, timestep_fs: 2,
   segment_ps: 0.4, report_ps: 0.2, frame_ps: 0.4}
"""


@pytest.fixture
def store(polyomics_home: Path) -> Iterator[Store]:
    """The database the commands use."""
    with Store.open(f"sqlite:///{polyomics_home / 'polyomics.db'}") as opened:
        yield opened


@pytest.fixture
def queued(store: Store) -> list[str]:
    """Keys of three studies of polypropylene that wait."""
    specs = [spec_of("*CC(*)C", {"seed": seed}) for seed in (1, 2, 3)]
    for spec in specs:
        store.add_study(new_study(spec))
    return [spec.key for spec in specs]


def statuses(store: Store) -> dict[str, str]:
    return {study.key: study.status for study in store.studies()}


def in_campaign(store: Store, name: str, *keys: str) -> None:
    """Enter a campaign of these studies."""
    with store.writing() as connection:
        row = {"name": name, "created": datetime.now(UTC)}
        number = connection.execute(insert(tables.Campaign).values(row).returning(tables.Campaign.id)).scalar_one()
        ids = connection.scalars(select(tables.Study.id).where(tables.Study.key.in_(keys))).all()
        connection.execute(insert(tables.CampaignStudy), [{"campaign_id": number, "study_id": one} for one in ids])


def test_cancel_and_retry_by_key_and_campaign(
    cli: Callable[..., Any], store: Store, queued: list[str], filled: dict[str, str]
) -> None:
    in_campaign(store, "mine", queued[1], filled["done"])
    answer = cli("cancel", queued[0][:10], "mine")
    assert answer.code == 0
    assert answer.stdout.splitlines() == ["2 studies cancelled (2 queued)", "1 study left alone (1 done)"]
    assert statuses(store) == {
        queued[0]: "cancelled",
        queued[1]: "cancelled",
        queued[2]: "queued",
        filled["done"]: "done",
        filled["failed"]: "failed",
    }
    told = cli("retry", "--campaign", "mine", "--json").json
    assert told == {"changed": {"cancelled": 1}, "left_alone": {"done": 1}, "n_changed": 1, "dry_run": False}
    told = cli("retry", "--error", "chargesnot", "--json").json
    assert told["changed"] == {"failed": 1}
    assert cli("retry", "--error", "chargesnot", "--json").json["left_alone"] == {"queued": 1}
    assert cli("retry", "--error", "never seen").stdout == "no study fits; nothing was changed\n"
    assert statuses(store)[queued[0]] == "cancelled"
    assert cli("list", "--status", "cancelled", "--json").json[0]["key"] == queued[0]


def test_a_dry_run_changes_nothing(cli: Callable[..., Any], store: Store, queued: list[str]) -> None:
    for command in (["cancel"], ["priority", "high"]):
        answer = cli(*command, "--all", "--dry-run")
        assert answer.stdout.startswith("3 studies would be ")
        assert "dry_run" in cli(*command, "--all", "--dry-run", "--json").stdout
    assert set(statuses(store).values()) == {"queued"}


def test_filters(cli: Callable[..., Any], store: Store, queued: list[str], filled: dict[str, str]) -> None:
    def chosen(*arguments: str) -> int:
        told = cli("cancel", "--dry-run", "--json", *arguments).json
        return int(told["n_changed"] + sum(told["left_alone"].values()))

    assert chosen("--all") == 5
    assert chosen("--polymer", "*C(C)C*") == 3
    assert chosen("--polymer", "*C(C)C*", "--status", "done") == 0
    assert chosen("--status", "failed") == 1
    assert chosen("--error", "NO CHARGES") == 1


def test_priority_orders_the_queue(cli: Callable[..., Any], store: Store, queued: list[str]) -> None:
    assert cli("priority", "high", queued[2]).stdout == "1 study given priority high (1 queued)\n"
    assert "1 study left alone (1 is so already)" in cli("priority", "high", queued[2]).stdout
    claim = Queue(store).claim_next(Holder(host="here"))
    assert claim is not None
    assert claim.key == queued[2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cancel"], "say which studies"),
        (["retry"], "say which studies"),
        (["priority", "high"], "say which studies"),
        (["priority", "urgent", "--all"], "'urgent' is not a priority (known: low, normal, high)"),
        (["cancel", "--all", "KEY"], "--all means every study"),
        (["cancel", "nylon"], "no campaign is called 'nylon'; close to it: nylons"),
        (["cancel", "--campaign", "nylon"], "no campaign is called 'nylon'; close to it: nylons"),
        (["cancel", "000000"], "no study has a key that begins with '000000'"),
        (["cancel", "--status", "gone", "--all"], "'gone' is not a known status"),
        (["cancel", "--polymer", "*CC(", "--all"], "*CC("),
        (["logs", "000000"], "no study has a key that begins with '000000'"),
        (["logs", "KEY"], "has not been begun"),
    ],
)
def test_what_is_not_understood_changes_nothing(
    cli: Callable[..., Any], store: Store, queued: list[str], arguments: list[str], words: str
) -> None:
    in_campaign(store, "nylons", *queued)
    answer = cli(*(queued[0] if word == "KEY" else word for word in arguments))
    assert answer.code == 2
    assert len(answer.errors) == 1
    assert words in answer.errors[0]
    assert set(statuses(store).values()) == {"queued"}


def test_a_key_wins_over_a_campaign_of_that_name(cli: Callable[..., Any], store: Store, queued: list[str]) -> None:
    name = queued[0][:12]
    in_campaign(store, name, queued[1])
    answer = cli("cancel", name)
    assert "the study was taken" in answer.stderr
    assert statuses(store)[queued[0]] == "cancelled"
    assert statuses(store)[queued[1]] == "queued"
    assert cli("cancel", "--campaign", name).stderr == ""
    assert statuses(store)[queued[1]] == "cancelled"


def test_cancel_all_on_a_terminal_wants_a_yes(environment: dict[str, str], store: Store, queued: list[str]) -> None:
    def typed(*arguments: str) -> int:
        ours, theirs = pty.openpty()
        done = subprocess.run(
            [sys.executable, "-m", "polyomics.cli", *arguments],
            env=environment,
            stdin=theirs,
            capture_output=True,
            timeout=60,
        )
        os.close(ours)
        os.close(theirs)
        return done.returncode

    assert typed("cancel", "--all") == 2
    assert set(statuses(store).values()) == {"queued"}
    assert typed("cancel", "--all", "--yes") == 0
    assert set(statuses(store).values()) == {"cancelled"}


# -------------------------------------------------------------------- logs


def begin(store: Store, key: str, host: str, *, by_worker: bool = True) -> int:
    """A new attempt at a study, in place of the one before."""
    number = enter_worker(store, "worker7", host=host, pid=4, pool="gpu", slots=1)
    queue = Queue(store)
    for attempt in queue.attempts(key):
        queue.release(attempt.id)
    return queue.claim(key, Holder(host=host, worker_id=number if by_worker else None)).attempt_id


def test_logs_of_any_attempt(cli: Callable[..., Any], store: Store, queued: list[str], polyomics_home: Path) -> None:
    for number, text in ((1, "first\nended\n"), (2, "second\nmelt\nsample é \x00 \udcff\n")):
        begin(store, queued[0], this_host())
        path = log_file(polyomics_home, queued[0], number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(errors="surrogateescape"))
    assert cli("logs", queued[0][:10]).stdout.startswith("second\nmelt\nsample é ")
    assert cli("logs", queued[0], "--attempt", "1").stdout == "first\nended\n"
    assert cli("logs", queued[0], "--attempt", "1", "--lines", "1").stdout == "ended\n"
    assert "the latest is 2" in cli("logs", queued[0], "--attempt", "3").errors[0]


def test_logs_that_are_elsewhere(cli: Callable[..., Any], store: Store, queued: list[str]) -> None:
    begin(store, queued[0], "node77")
    (error,) = cli("logs", queued[0]).errors
    assert "node77" in error
    assert f"runs/{queued[0]}/logs/attempt-001.log" in error
    begin(store, queued[1], this_host())
    assert "POLYOMICS_HOME" in cli("logs", queued[1]).errors[0]
    begin(store, queued[2], this_host(), by_worker=False)
    assert "by hand" in cli("logs", queued[2]).errors[0]


def test_a_log_is_followed_to_its_end(
    start: Callable[..., "subprocess.Popen[str]"], store: Store, queued: list[str], polyomics_home: Path
) -> None:
    attempt_id = begin(store, queued[0], this_host())
    path = log_file(polyomics_home, queued[0], 1)
    path.parent.mkdir(parents=True)
    path.write_text("old\nfirst\n")
    process = start("logs", queued[0], "--follow", "--lines", "1")
    assert process.stdout is not None
    assert process.stdout.readline() == "first\n"
    with path.open("a") as log:
        log.write("second\n")
    assert process.stdout.readline() == "second\n"
    with path.open("a") as log:
        log.write("last\n")
    Queue(store).release(attempt_id)
    assert process.communicate(timeout=PATIENCE_S)[0] == "last\n"
    assert process.returncode == 0


def test_show_tells_of_the_attempts(cli: Callable[..., Any], store: Store, queued: list[str]) -> None:
    attempt_id = begin(store, queued[0], "node77")
    Queue(store).report_error(attempt_id, "EngineFailed", "out of memory")
    begin(store, queued[0], "node78")
    told = cli("show", queued[0], "--json").json["attempts"]
    assert [(item["number"], item["host"], item["worker"], item["outcome"]) for item in told] == [
        (1, "node77", "worker7", "error"),
        (2, "node78", "worker7", None),
    ]
    text = cli("show", queued[0]).stdout
    for words in ("node77", "EngineFailed: out of memory", "node78", "worker7"):
        assert words in text


# -------------------------------------------------------------------- a worker at work


@pytest.mark.slow
def test_cancel_stops_the_process_and_retry_goes_on_from_its_checkpoint(
    cli: Callable[..., Any],
    start: Callable[..., "subprocess.Popen[str]"],
    store: Store,
    polyomics_home: Path,
    tmp_path: Path,
) -> None:
    spec = make_spec(
        "*CC*",
        preset="smoke",
        n_chains=2,
        atoms_per_chain=60,
        charges="gasteiger",
        start_density_g_cm3=0.1,
        protocol=Protocol.from_yaml(PROTOCOL),
        properties=("density", "radius_of_gyration"),
        temperature_k=400.0,
        pressure_bar=1.0,
    )
    key = spec.key
    store.add_study(new_study(spec))
    worker = ("worker", "--once", "--no-benchmark", "--no-prefect", "--platform", "CPU", "--threads", "1")
    first = start(*worker)
    wait_until(lambda: len(segments(polyomics_home, key)) >= 5, first)
    (attempt,) = Queue(store).attempts(key)
    assert attempt.pid is not None
    assert is_there(attempt.pid)

    assert "1 study cancelled (1 running)" in cli("cancel", key).stdout
    wait_until(lambda: not is_there(attempt.pid), first)
    first.communicate(timeout=PATIENCE_S)
    (attempt,) = Queue(store).attempts(key)
    cancelled = store.study(key)
    assert (cancelled.status, attempt.outcome) == ("cancelled", "cancelled")
    assert attempt.ended is not None
    assert cancelled.ended is not None
    assert (attempt.ended - cancelled.ended).total_seconds() < 15.0
    kept = segments(polyomics_home, key)
    assert 5 <= len(kept) < 60

    assert "1 study queued again (1 cancelled)" in cli("retry", key).stdout
    second = start(*worker)
    second.communicate(timeout=PATIENCE_S)
    assert store.study(key).status == "done"
    assert [item.outcome for item in Queue(store).attempts(key)] == ["cancelled", "done"]
    assert segments(polyomics_home, key)[: len(kept)] == kept  # with the wall times of then: not done again
    assert "the study is done" in cli("logs", key).stdout
    undisturbed = f"sqlite:///{tmp_path / 'undisturbed' / 'polyomics.db'}"
    result = run_study(
        spec,
        home=tmp_path / "undisturbed",
        database_url=undisturbed,
        hardware=Hardware(platform="CPU", threads=1),
    )
    assert {item.name for item in result.measurements} == {"density", "radius_of_gyration"}
    assert store.study(key).measurements == tuple(sorted(result.measurements, key=lambda item: item.name))


def segments(home: Path, key: str) -> list[Any]:
    """What the manifest of the last stage lists, without the states that are removed when a later one is there."""
    found = sorted((home / "runs" / key).glob("stages/*sample*/manifest.json"))
    listed = json.loads(found[0].read_text())["segments"] if found else []
    return [segment | {"files": _lasting(segment["files"])} for segment in listed]


def _lasting(files: dict[str, str]) -> dict[str, str]:
    return {name: checksum for name, checksum in files.items() if not name.startswith("state")}


def is_there(pid: int | None) -> bool:
    """Whether a process runs."""
    return pid is not None and Path(f"/proc/{pid}").exists()


def wait_until(is_so: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    """Wait for something that a process brings about."""
    give_up = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < give_up, f"it did not come about; the worker ended with {process.poll()}"
        time.sleep(0.1)
