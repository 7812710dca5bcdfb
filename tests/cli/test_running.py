"""The real thing, end to end, in seconds: run, run again, kill, go on."""

import fcntl
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyomics.cli.options import spec_of
from polyomics.files import read_json

OPTIONS = (
    "--chains", "2", "--atoms-per-chain", "80", "--charges", "gasteiger", "--start-density", "0.1", "--threads", "1",
    "--property", "density", "--property", "radius_of_gyration",
)  # fmt: skip
PATIENCE_S = 100.0


def segments_done(home: Path, stage: str) -> int:
    """Segments of a stage that count, whichever study it belongs to."""
    manifests = list(home.glob(f"runs/*/stages/*-{stage}/manifest.json"))
    return len(read_json(manifests[0])["segments"]) if manifests else 0


def wait_until(holds: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_a_run_gives_values_and_running_again_does_nothing(
    cli: Callable[..., Any], process: Callable[..., Any], tiny_protocol: Callable[..., str], polyomics_home: Path
) -> None:
    command = ["run", "*CC*", *OPTIONS, "--protocol", tiny_protocol(6)]
    answer = process(*command, "--json")
    assert (answer.code, answer.errors) == (0, [])
    study = answer.json[0]
    assert study["status"] == "done"
    assert {item["name"] for item in study["measurements"]} == {"density", "radius_of_gyration"}
    assert all("demo_quality" in item["flags"] for item in study["measurements"])
    assert Path(study["run_folder"], "spec.json").is_file()
    assert "3/3 sample" in answer.stderr
    assert study["equilibrium"]["verdict"] in ("fail", "unknown")  # 6 ps
    again = cli(*command)
    assert again.code == 0
    assert f"equilibrium {study['equilibrium']['verdict']}" in again.stdout
    assert "nothing to do" in again.stdout
    assert "demo_quality: " in again.stdout
    assert study["run_folder"] in again.stdout
    rows = cli("query", "--json").json
    assert [row["value"] for row in rows] == [item["value"] for item in study["measurements"]]
    shown = cli("show", study["key"], "--json").json
    assert [stage["status"] for stage in shown["stages"]] == ["done"] * 6
    assert all((polyomics_home / item["path"]).is_file() for item in shown["artifacts"])


def test_whatever_stops_it_the_same_command_goes_on(
    cli: Callable[..., Any],
    start: Callable[..., "subprocess.Popen[str]"],
    tiny_protocol: Callable[..., str],
    polyomics_home: Path,
) -> None:
    command = ["run", "*CC*", *OPTIONS, "--protocol", tiny_protocol(12)]
    for number, status in ((signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)):
        before = segments_done(polyomics_home, "sample")
        process = start(*command)
        wait_until(lambda before=before: segments_done(polyomics_home, "sample") > before, process)  # type: ignore[misc]
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, stdout) == (status, "")
        assert "Traceback" not in stderr
        if number == signal.SIGKILL:
            assert "stopped" in cli("list").stdout
        else:
            assert stderr.splitlines()[-1] == "stopped; run the same command to go on from the last checkpoint"
            assert cli("list", "--json").json[0]["status"] == "queued"
    done = segments_done(polyomics_home, "sample")
    answer = cli(*command, "--json")
    assert (answer.code, answer.json[0]["status"]) == (0, "done")
    assert f"resumed after segment {done}" in answer.stderr
    assert len(answer.json[0]["measurements"]) == 2


def test_one_that_fails_does_not_stop_the_others(
    cli: Callable[..., Any], tiny_protocol: Callable[..., str], polyomics_home: Path
) -> None:
    """A wild protocol explodes, another process holds the second study, the third is fine."""
    Path("wild.yaml").write_text(
        "name: wild\nnonbonded: {cutoff_nm: 0.5}\nstages:\n"
        "- {kind: compress, name: wild, temperature_k: 2000, packing_fraction: 0.75, duration_ps: 0.4}\n"
        "- {kind: npt, name: sample, temperature_k: 400, duration_ps: 1, frame_ps: 1}\n",
        encoding="utf-8",
    )
    calm = tiny_protocol(2)
    Path("polymers.csv").write_text(
        f"psmiles,protocol,seed\n*CC*,wild.yaml,1\n*CC*,{calm},2\n*CC*,{calm},3\n", encoding="utf-8"
    )
    asked = cli("run", "polymers.csv", *OPTIONS, "--dry-run", "--json").json
    held = polyomics_home / "runs" / asked[1]["study_key"] / "lock"
    held.parent.mkdir(parents=True)
    with held.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = cli("run", "polymers.csv", *OPTIONS, "--json")
    assert answer.code == 1
    assert [study["status"] for study in answer.json] == ["failed", "busy", "done"]
    assert [study["line"] for study in answer.json] == [2, 3, 4]
    assert answer.json[0]["failures"][0]["kind"] == "SimulationUnstable"
    assert answer.json[1]["failures"][0]["kind"] == "StudyBusy"
    table = cli("run", "polymers.csv", *OPTIONS)
    assert table.code == 1
    assert "summary" in table.stdout
    assert "SimulationUnstable" in table.stdout


def test_a_protocol_file_brings_its_own_state(tiny_protocol: Callable[..., str]) -> None:
    options = {"protocol": tiny_protocol(2), "n_chains": 2, "atoms_per_chain": 80}
    assert spec_of("*CC*", options).conditions.temperature_k == pytest.approx(400.0)
