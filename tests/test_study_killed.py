"""A PMMA study killed twenty times gives the table of one left alone: values, errors, flags, criteria, curves."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from polyomics.database.rows import StudyRow
from polyomics.database.store import Store
from polyomics.md.engine import Hardware
from polyomics.md.protocol import Protocol
from polyomics.md.stages.npt import Npt
from polyomics.request import make_spec
from polyomics.spec import StudySpec
from polyomics.study import run_study

N_KILLS = 20
RUN = """
import json, sys
from polyomics.md.engine import Hardware
from polyomics.spec import StudySpec
from polyomics.study import run_study
run_study(StudySpec.model_validate(json.loads(sys.argv[1])), hardware=Hardware(platform="CPU", threads=1))
"""


def pmma() -> StudySpec:
    """The smallest protocol with every kind of stage, its melt and its sampling prolonged where they need it."""
    spec = make_spec("*CC(*)(C)C(=O)OC", preset="smoke")
    extended = {"melt": {"max_extensions": 1, "raise_k": 50.0}, "sample": {"max_extensions": 1}}
    stages = tuple(
        stage.model_copy(update=extended.get(stage.name, {})) if isinstance(stage, Npt) else stage
        for stage in spec.protocol.stages
    )
    protocol = Protocol(name="smoke_extended", nonbonded=spec.protocol.nonbonded, stages=stages)
    return make_spec("*CC(*)(C)C(=O)OC", preset="smoke", protocol=protocol)


@pytest.mark.slow
def test_twenty_kills_change_nothing(tmp_path: Path) -> None:
    spec = pmma()
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    started = time.monotonic()
    run_study(spec, home=alone, database_url=url(alone), hardware=Hardware(platform="CPU", threads=1))
    whole_s = time.monotonic() - started
    n_kills = run_with_kills(spec, killed, whole_s, np.random.default_rng(20))
    assert n_kills == N_KILLS
    assert table(killed, spec) == table(alone, spec)


def run_with_kills(spec: StudySpec, home: Path, whole_s: float, rng: np.random.Generator) -> int:
    """Start the study again and again; kill it at random moments, `N_KILLS` times, then let it end."""
    environment = os.environ | {"POLYOMICS_HOME": str(home), "POLYOMICS_DATABASE_URL": url(home)}
    arguments = [sys.executable, "-c", RUN, json.dumps(spec.model_dump(mode="json"))]
    for n_kills in range(N_KILLS):
        process = subprocess.Popen(arguments, env=environment)
        try:
            # Long enough to import and to get a little further, most times; sometimes not even that.
            process.wait(timeout=float(rng.uniform(0.5, 4.0 + whole_s / 12)))
            return n_kills
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    assert subprocess.run(arguments, env=environment, check=False).returncode == 0
    return N_KILLS


def url(home: Path) -> str:
    return f"sqlite:///{home / 'polyomics.db'}"


def table(home: Path, spec: StudySpec) -> tuple[object, ...]:
    """Everything a user sees of a study's results."""
    with Store.open(url(home), read_only=True) as store:
        row: StudyRow = store.study(spec.key)
    curves = (home / row.run_folder / "results" / "curves.json").read_bytes()
    failures = [(f.stage, f.kind, f.message) for f in row.failures]
    return row.status, row.measurements, failures, row.criteria, curves
