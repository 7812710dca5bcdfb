"""How long a worker may stay, as people and Slurm write it."""

import math
import time
from datetime import datetime, timedelta

import pytest
from site_of_work import Node

from polyomics.errors import InvalidSettings
from polyomics.work.walltime import parse_duration_s, slurm_left_s

DAY = 86400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3600", 3600),
        ("0.5", 0.5),
        ("05:30", 330),
        ("23:50:00", 85800),
        ("100:00:00", 360000),
        ("1-02:03:04", DAY + 7384),
        ("2-12", 2 * DAY + 12 * 3600),
        ("2-12:30", 2 * DAY + 12 * 3600 + 1800),
        (" 60 ", 60),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "1:2:3:4", "1-", "-1:00", "1:00.5", "5m", "0", "0:00:00", "nan"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidSettings, match=r"is no .*HH:MM:SS"):
        parse_duration_s(text)


def environment(node: Node, **variables: str) -> dict[str, str]:
    return {"PATH": str(node.folder), "SLURM_JOB_ID": "77", **variables}


def test_the_end_slurm_puts_into_the_environment(node: Node) -> None:
    end = str(int(time.time()) + 5000)
    assert slurm_left_s(environment(node, SLURM_JOB_END_TIME=end)) == pytest.approx(5000, abs=60)


def test_squeue_is_asked_where_the_environment_does_not_say(node: Node) -> None:
    node.add("squeue", "1-00:10:00\n")
    assert slurm_left_s(environment(node)) == DAY + 600
    (call,) = node.calls("squeue")
    assert call["arguments"] == ["--noheader", "--jobs", "77", "--format", "%L"]


@pytest.mark.parametrize("said", ["INVALID", "NOT_SET", ""])
def test_scontrol_is_asked_where_squeue_does_not_know(node: Node, said: str) -> None:
    end = (datetime.now() + timedelta(hours=2)).isoformat(timespec="seconds")
    node.add("squeue", f"{said}\n")
    node.add("scontrol", f"JobId=77 JobName=x\n   StartTime=2026-01-01T00:00:00 EndTime={end} Deadline=N/A\n")
    assert slurm_left_s(environment(node)) == pytest.approx(7200, abs=60)
    assert node.calls("scontrol")[0]["arguments"] == ["show", "job", "77"]


def test_a_job_without_limit(node: Node) -> None:
    node.add("squeue", "UNLIMITED\n")
    assert slurm_left_s(environment(node)) == math.inf


def test_slurm_that_does_not_answer(node: Node) -> None:
    node.add("squeue", error="slurm_load_jobs error: Unable to contact slurm controller", code=1)
    node.add("scontrol", "JobId=77 EndTime=Unknown Deadline=N/A\n")
    with pytest.raises(InvalidSettings, match=r"does not say when job 77 ends.*--walltime"):
        slurm_left_s(environment(node))


def test_outside_slurm(node: Node) -> None:
    with pytest.raises(InvalidSettings, match="no Slurm job"):
        slurm_left_s({"PATH": str(node.folder)})
