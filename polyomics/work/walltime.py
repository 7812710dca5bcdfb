"""How long a worker may stay: a time it is told, or the end of its Slurm job."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from datetime import datetime

from polyomics.errors import InvalidSettings

JOB, JOB_END = "SLURM_JOB_ID", "SLURM_JOB_END_TIME"
ASK_WITHIN_S = 60.0
"""How long Slurm's programs may take to answer [s]."""
FORMS = "seconds (3600), MM:SS, HH:MM:SS, D-HH, D-HH:MM or D-HH:MM:SS (1-12:00:00)"

_FORM = re.compile(r"(?:(?P<days>\d+)-)?(?P<rest>\d+(?::\d+){0,2})(?P<fraction>\.\d+)?")


def parse_duration_s(text: str) -> float:
    """A duration [s] from a number of seconds or from what Slurm writes.

    Raises:
        InvalidSettings: It is neither, or no time at all.
    """
    found = _FORM.fullmatch(text.strip())
    numbers = [int(part) for part in found["rest"].split(":")] if found else []
    if not found or (found["fraction"] and (found["days"] or len(numbers) > 1)):
        raise InvalidSettings(f"{text!r} is no duration; write {FORMS}")
    if found["days"]:
        hours, minutes, seconds = (*numbers, 0, 0)[:3]
    else:
        hours, minutes, seconds = (0, 0, *numbers)[-3:]
    total_s = ((int(found["days"] or 0) * 24 + hours) * 60 + minutes) * 60 + seconds + float(found["fraction"] or 0)
    if total_s <= 0:
        raise InvalidSettings(f"{text!r} is no time at all; write {FORMS}")
    return total_s


def slurm_left_s(environment: Mapping[str, str] = os.environ) -> float:
    """Time to the end of the Slurm job this process is part of [s]; infinite where the job has no limit.

    From `SLURM_JOB_END_TIME`, else from squeue, else from scontrol.

    Raises:
        InvalidSettings: This is no Slurm job, or Slurm does not say when it ends.
    """
    if JOB not in environment:
        raise InvalidSettings(f"this is no Slurm job: {JOB} is not set; give the time as --walltime {FORMS}")
    for ask in (_from_environment, _from_squeue, _from_scontrol):
        left_s = ask(environment)
        if left_s is not None:
            return left_s
    raise InvalidSettings(
        f"Slurm does not say when job {environment[JOB]} ends ({JOB_END}, squeue, scontrol); give it as --walltime"
    )


def _from_environment(environment: Mapping[str, str]) -> float | None:
    value = environment.get(JOB_END, "")
    return float(value) - time.time() if value.isdigit() else None


def _from_squeue(environment: Mapping[str, str]) -> float | None:
    text = _said(environment, "squeue", "--noheader", "--jobs", environment[JOB], "--format", "%L").strip()
    if text in ("UNLIMITED", "INVALID", "NOT_SET"):
        return math.inf if text == "UNLIMITED" else None
    return parse_duration_s(text) if _FORM.fullmatch(text) else None


def _from_scontrol(environment: Mapping[str, str]) -> float | None:
    text = _said(environment, "scontrol", "show", "job", environment[JOB])
    if re.search(r"\bTimeLimit=UNLIMITED\b", text):
        return math.inf
    found = re.search(r"\bEndTime=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)", text)
    return (datetime.fromisoformat(found[1]) - datetime.now()).total_seconds() if found else None


def _said(environment: Mapping[str, str], name: str, *arguments: str) -> str:
    program = shutil.which(name, path=environment.get("PATH"))
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, *arguments],
            capture_output=True,
            text=True,
            timeout=ASK_WITHIN_S,
            env=dict(environment),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
