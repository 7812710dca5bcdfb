"""`polyomics status`: for people, for programs, and for scripts that wait."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from polyomics.cli.options import spec_of
from polyomics.database import Store, tables
from polyomics.database.queue import Queue
from polyomics.database.rows import Holder
from polyomics.database.workers import enter_worker, worker_is_seen
from polyomics.study import new_study

PATIENCE_S = 60.0
RUNNING = {
    "step": "melt",
    "stage_index": 2,
    "n_stages": 5,
    "done_ps": 500.0,
    "total_ps": 2000.0,
    "ns_per_day": 312.0,
    "seconds_left": 4000.0,
    "density_g_cm3": 0.912,
}


@pytest.fixture
def store(polyomics_home: Path, filled: dict[str, str]) -> Iterator[Store]:
    """The database with one study done and one failed, to be changed further."""
    with Store.open(f"sqlite:///{polyomics_home / 'polyomics.db'}") as opened:
        yield opened


@pytest.fixture
def queued(store: Store) -> list[str]:
    """Keys of three studies that wait."""
    specs = [spec_of("*CC(*)C", {"seed": seed}) for seed in (1, 2, 3)]
    for spec in specs:
        store.add_study(new_study(spec))
    return [spec.key for spec in specs]


def set_study(store: Store, key: str, **values: Any) -> None:
    with store.writing() as connection:
        connection.execute(update(tables.Study).where(tables.Study.key == key).values(**values))


def in_campaign(store: Store, name: str, *keys: str) -> None:
    """Enter a campaign of these studies."""
    with store.writing() as connection:
        row = {"name": name, "created": datetime.now(UTC)}
        number = connection.execute(insert(tables.Campaign).values(row).returning(tables.Campaign.id)).scalar_one()
        ids = connection.scalars(select(tables.Study.id).where(tables.Study.key.in_(keys))).all()
        if ids:
            connection.execute(insert(tables.CampaignStudy), [{"campaign_id": number, "study_id": one} for one in ids])


def run_one(store: Store, key: str, worker: str = "worker7", lease_s: float = 180.0) -> int:
    """A worker at work on a study; the attempt."""
    number = enter_worker(store, worker, host="node7", pid=4, pool="gpu", slots=2)
    queue = Queue(store, lease_s=lease_s)
    claim = queue.claim(key, Holder(host="node7", pid=11, worker_id=number, device="3"))
    queue.renew(claim.attempt_id, RUNNING)
    return claim.attempt_id


def test_counts_and_everything_for_programs(cli: Callable[..., Any], store: Store, queued: list[str]) -> None:
    run_one(store, queued[0])
    told = cli("status", "--json").json
    assert told["counts"] == {"queued": 2, "running": 1, "done": 1, "failed": 1, "cancelled": 0}
    (study,) = told["running"]
    assert (study["key"], study["psmiles"], study["stage"], study["worker"]) == (
        queued[0],
        "*CC(*)C",
        "melt",
        "worker7",
    )
    assert (study["progress_percent"], study["ns_per_day"], study["density_g_cm3"]) == (25.0, 312.0, 0.912)
    (worker,) = told["workers"]
    assert (worker["name"], worker["host"], worker["pool"], worker["slots"]) == ("worker7", "node7", "gpu", 2)
    assert (worker["state"], worker["is_silent"]) == ("working", False)
    (failure,) = told["failures"]
    assert (failure["kind"], failure["count"], failure["example_message"]) == ("ChargesNotConverged", 1, "no charges")
    assert failure["retry"] == "polyomics retry --error ChargesNotConverged"
    assert told["gpu_hours"]["remaining"] > 0
    assert (told["warnings"], told["prefect"], told["campaign"]) == ([], None, None)


@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_page_has_it_too(cli: Callable[..., Any], store: Store, queued: list[str], columns: str) -> None:
    run_one(store, queued[0])
    text = cli("status", COLUMNS=columns).stdout
    for words in ("2 queued", "1 running", "1 done", "1 failed", "2/5 melt", "312", "0.912", "67 min", "node7"):
        assert words in text
    assert queued[0][:8] in text
    assert "ChargesNotConverged" in text
    assert "no charges" in text
    assert "polyomics retry --error" in text
    assert max(map(len, text.splitlines())) <= int(columns)


def test_a_campaign_alone(cli: Callable[..., Any], store: Store, queued: list[str], filled: dict[str, str]) -> None:
    in_campaign(store, "the nylons", queued[0], filled["failed"])
    told = cli("status", "--campaign", "the nylons", "--json").json
    assert told["counts"] == {"queued": 1, "running": 0, "done": 0, "failed": 1, "cancelled": 0}
    assert told["campaign"] == "the nylons"
    assert told["failures"][0]["retry"] == "polyomics retry --error ChargesNotConverged --campaign 'the nylons'"
    answer = cli("status", "--campaign", "nylons")
    assert answer.code == 2
    assert answer.errors == ["error: no campaign is called 'nylons'; close to it: the nylons"]


def test_without_a_database_or_studies(cli: Callable[..., Any], polyomics_home: Path) -> None:
    for command in ("status", "cancel", "retry"):
        answer = cli(command, *([] if command == "status" else ["--all"]))
        assert answer.code == 2
        assert len(answer.errors) == 1
        assert "polyomics submit" in answer.errors[0]
        assert not polyomics_home.exists()
    with Store.open(f"sqlite:///{polyomics_home / 'polyomics.db'}") as store:
        in_campaign(store, "empty")
    for arguments in (["status"], ["status", "--watch"], ["status", "--campaign", "empty"]):
        answer = cli(*arguments)
        assert answer.code == 0
    assert "nothing was submitted" in cli("status").stdout


def warning(cli: Callable[..., Any], *arguments: str) -> str:
    (found,) = cli("status", "--json", *arguments).json["warnings"]
    assert found in " ".join(cli("status", *arguments).stdout.split())
    return str(found)


def test_a_queue_without_workers(cli: Callable[..., Any], store: Store, queued: list[str]) -> None:
    assert warning(cli) == "3 studies wait and no worker is at work; start one: polyomics worker"
    set_study(store, queued[0], pool="big mem")
    assert warning(cli).endswith("start one: polyomics worker --pool 'big mem'")


def test_a_pool_without_workers(cli: Callable[..., Any], store: Store, queued: list[str]) -> None:
    enter_worker(store, "worker7", host="node7", pid=4, pool="gpu", slots=2)
    set_study(store, queued[0], pool="big")
    assert warning(cli) == (
        "1 study waits for pool big and no worker of it is at work; start one: polyomics worker --pool big"
    )
    set_study(store, queued[0], pool="gpu")
    assert cli("status", "--json").json["warnings"] == []


def test_a_worker_in_quarantine(cli: Callable[..., Any], store: Store, queued: list[str]) -> None:
    enter_worker(store, "worker8", host="node8", pid=4, pool="gpu", slots=2)
    number = enter_worker(store, "worker7", host="node7", pid=4, pool="gpu", slots=2)
    worker_is_seen(store, number, state="quarantined", note="3 times EngineFailed")
    assert warning(cli).startswith("worker worker7 on node7 takes no more work: 3 times EngineFailed")


def test_a_worker_that_fell_silent(cli: Callable[..., Any], store: Store) -> None:
    number = enter_worker(store, "worker7", host="node7", pid=4, pool="gpu", slots=2)
    with store.writing() as connection:
        seen = datetime.now(UTC) - timedelta(minutes=30)
        connection.execute(update(tables.Worker).where(tables.Worker.id == number).values(seen=seen))
    assert warning(cli) == "worker worker7 on node7 has not been heard of for 30 min; it may be gone"


def test_leases_out_and_studies_that_still_stop(cli: Callable[..., Any], store: Store, queued: list[str]) -> None:
    for key in queued[1:]:
        set_study(store, key, status="cancelled", ended=datetime.now(UTC))
    run_one(store, queued[0], lease_s=-1.0)
    assert warning(cli).startswith(f"1 study ({queued[0][:12]}) was not heard of until the lease ran out")
    assert cli("cancel", queued[0]).code == 0
    assert warning(cli) == f"1 study ({queued[0][:12]}) is cancelled and still stopping"


def test_the_dashboard_is_named_without_its_password(cli: Callable[..., Any], store: Store) -> None:
    def address(**variables: str) -> Any:
        return cli("status", "--json", **variables).json["prefect"]

    assert address(PREFECT_API_URL="http://127.0.0.1:4200/api") == "http://127.0.0.1:4200"
    assert address(PREFECT_API_URL="http://a/api", PREFECT_UI_URL="https://b/ui") == "https://b/ui"
    assert address(PREFECT_API_URL="http://admin:geheim@h:4200/api/") == "http://admin:***@h:4200"


def test_watching_ends_with_the_studies(
    start: Callable[..., "subprocess.Popen[str]"], store: Store, queued: list[str], filled: dict[str, str]
) -> None:
    in_campaign(store, "one", queued[0])
    attempt_id = run_one(store, queued[0])
    watches = [start("status", "--watch", "--campaign", "one", *more) for more in ([], ["--json"])]
    whole = start("status", "--watch")
    lines = [watch.stdout.readline() for watch in watches if watch.stdout]
    assert "0 queued, 1 running, 0 done" in lines[0]
    assert json.loads(lines[1])["counts"]["running"] == 1
    assert all(watch.poll() is None for watch in (*watches, whole))
    store.finish_study(queued[0], attempt_id=attempt_id)
    rest = [watch.communicate(timeout=PATIENCE_S)[0].splitlines() for watch in watches]
    assert [watch.returncode for watch in watches] == [0, 0]
    assert "0 running, 1 done" in rest[0][-1]
    assert json.loads(rest[1][-1])["counts"]["done"] == 1
    for key in queued[1:]:
        set_study(store, key, status="cancelled", ended=datetime.now(UTC))
    assert "1 failed" in whole.communicate(timeout=PATIENCE_S)[0]
    assert whole.returncode == 1


@pytest.mark.parametrize("on_terminal", [True, False])
def test_watching_stops_at_ctrl_c(
    environment: dict[str, str], store: Store, queued: list[str], on_terminal: bool
) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "polyomics.cli", "status", "--watch"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=theirs if on_terminal else subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    source = ours if on_terminal or process.stdout is None else process.stdout.fileno()
    seen = b""
    give_up = time.monotonic() + PATIENCE_S
    while seen.count(b"queued") < (2 if on_terminal else 1) and time.monotonic() < give_up:
        seen += os.read(source, 4096)
    process.send_signal(signal.SIGINT)
    while on_terminal:
        try:
            seen += os.read(ours, 4096)
        except OSError:
            break
    assert process.wait(timeout=PATIENCE_S) == 130
    process.stdout.close() if process.stdout else None
    os.close(ours)
    if on_terminal:
        assert seen.rindex(b"\x1b[?25h") > seen.rindex(b"\x1b[?25l")  # the cursor is back
