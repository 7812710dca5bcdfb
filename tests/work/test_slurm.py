"""The Slurm script, run by bash as Slurm runs it: environment, signal to the batch shell only, programs on the PATH."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from disturbed import Place, assert_as_undisturbed
from site_of_work import ON_CPU, SECOND, Node, Site

from polyomics.spec import StudySpec

SCRIPT = Path(__file__).parents[2] / "deploy" / "slurm" / "worker.sbatch"


def slurm_environment(site: Site, node: Node) -> dict[str, str]:
    """Of the batch shell of a job of an array that was given the second card."""
    (site.home / "database").write_text(f"{site.url}\n")
    clean = {name: value for name, value in site.environment.items() if name != "POLYOMICS_DATABASE_URL"}
    return clean | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{node.path}",
        "POLYOMICS_DATABASE_URL_FILE": str(site.home / "database"),
        "POLYOMICS_POOL": "test",
        "POLYOMICS_SLOTS": "2",
        "SLURM_JOB_ID": "4711",
        "SLURM_ARRAY_JOB_ID": "4700",
        "SLURM_ARRAY_TASK_ID": "3",
        "CUDA_VISIBLE_DEVICES": "1",
    }


def start(site: Site, environment: dict[str, str], *options: str) -> "subprocess.Popen[bytes]":
    with (site.home / f"worker-{len(site.processes)}.log").open("wb") as log:
        command = ["bash", str(SCRIPT), "--no-benchmark", "--threads", "1", *options]
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    site.processes.append(process)
    return process


def test_before_the_job_ends_its_studies_go_back_and_another_worker_finishes_them(
    site: Site, gpu_node: Node, long_spec: StudySpec, long_undisturbed: Place
) -> None:
    gpu_node.add("squeue", "1-00:00:00\n")
    site.submit(long_spec)
    job = start(site, slurm_environment(site, gpu_node))
    site.wait_for_segments(long_spec.key, 4)
    (child,) = site.children()
    assert site.environment_of(child)["CUDA_VISIBLE_DEVICES"] == SECOND
    assert gpu_node.calls("squeue")[0]["arguments"] == ["--noheader", "--jobs", "4711", "--format", "%L"]
    job.send_signal(signal.SIGUSR1)
    assert job.wait(timeout=240) == 0
    (attempt,) = site.attempts(long_spec.key)
    assert (attempt.outcome, attempt.device) == ("released", SECOND)
    assert re.fullmatch(r".*-test-job4711-\d+", attempt.worker or "")
    assert site.status(long_spec.key) == "queued"
    assert [call["input"] for call in gpu_node.calls("nvidia-cuda-mps-control")] == ["", "quit\n"]
    assert site.work("--once", *ON_CPU) == 0
    assert_as_undisturbed(site, long_spec.key, long_undisturbed)


def test_a_job_that_ends_too_soon_takes_nothing(site: Site, gpu_node: Node, long_spec: StudySpec) -> None:
    gpu_node.add("scontrol", "JobId=4711 EndTime=2026-01-01T00:00:00\n")
    site.submit(long_spec)
    end = {"SLURM_JOB_END_TIME": str(int(time.time()) + 120)}  # less than the grace of the script
    job = start(site, slurm_environment(site, gpu_node) | end)
    assert job.wait(timeout=240) == 0
    assert site.attempts(long_spec.key) == []
    assert gpu_node.calls("scontrol") == []


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("POLYOMICS_HOME", "POLYOMICS_HOME: set it to a folder that all nodes see"),
        ("POLYOMICS_DATABASE_URL_FILE", "set POLYOMICS_DATABASE_URL_FILE to a file"),
        ("SLURM_JOB_ID", "this is no Slurm job"),
    ],
)
def test_what_is_missing_is_said(site: Site, gpu_node: Node, missing: str, sentence: str) -> None:
    environment = slurm_environment(site, gpu_node)
    del environment[missing]
    assert start(site, environment).wait(timeout=240) in (1, 2)
    assert sentence in (site.home / "worker-0.log").read_text()


def test_the_signal_reaches_the_worker_with_time_to_drain() -> None:
    """The signal goes to the batch shell alone, and the grace ends before the job does."""
    text = SCRIPT.read_text()
    before_s = int(re.search(r"^#SBATCH --signal=B:USR1@(\d+)$", text, re.MULTILINE)[1])
    assert int(re.search(r"--grace (\d+)", text)[1]) + 30 <= before_s
    assert re.search(r"^exec polyomics worker", text, re.MULTILINE)
    for option in ("--requeue", "--open-mode=append", "--gres=gpu:1", "--array=", "--time="):
        assert re.search(rf"^#SBATCH {re.escape(option)}", text, re.MULTILINE)
