"""The real command, as a process of its own, and a database with real records."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import polyomics
from polyomics.cli import main
from polyomics.cli.options import spec_of
from polyomics.database import Artifact, StageRecord, Store
from polyomics.database.queue import Queue
from polyomics.database.rows import Holder
from polyomics.records import Criterion, Failure, Measurement
from polyomics.spec import StudySpec

COMMAND = [sys.executable, "-m", "polyomics.cli"]
TINY = """
name: tiny
nonbonded: {cutoff_nm: 0.5, pme_force_error: 5.0e-3}
stages:
- {kind: minimise, name: minimise, max_iterations: 100}
- {kind: nvt, name: spread, temperature_k: 400, duration_ps: 1, timestep_fs: 2, friction_per_ps: 10, segment_ps: 0.4}
- {kind: npt, name: sample, temperature_k: 400, pressure_bar: 1, duration_ps: DURATION, timestep_fs: 2,
   segment_ps: 0.4, report_ps: 0.2, frame_ps: 0.4}
"""


@dataclass(frozen=True)
class Answer:
    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def errors(self) -> list[str]:
        return [line for line in self.stderr.splitlines() if line.startswith("error: ")]


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """A clean environment whose home folder does not exist yet."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("POLYOMICS", "PREFECT"))}
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        kept.pop(name, None)
    root = str(Path(polyomics.__file__).parents[1])
    return {**kept, "PYTHONPATH": root, "POLYOMICS_HOME": str(home / "polyomics"), "HOME": str(home)}


@pytest.fixture
def polyomics_home(home: Path) -> Path:
    """The home folder of `environment`; nothing has made it yet."""
    return home / "polyomics"


@pytest.fixture
def cli(
    environment: dict[str, str], home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """Runs `polyomics` in this process, in an empty folder; a process each would take minutes."""
    (home / "work").mkdir()
    monkeypatch.chdir(home / "work")
    for name in [name for name in os.environ if name.startswith(("POLYOMICS", "PREFECT", "COLUMNS"))]:
        monkeypatch.delenv(name)

    def run(*arguments: str, **changes: str) -> Answer:
        capfd.readouterr()
        with monkeypatch.context() as patch:
            for name in ("POLYOMICS_HOME", *changes):
                patch.setenv(name, changes.get(name, environment.get(name, "")))
            code = main(arguments)
        written = capfd.readouterr()
        return Answer(code, written.out, written.err)

    return run


@pytest.fixture
def process(environment: dict[str, str], home: Path) -> Callable[..., Answer]:
    """Runs `polyomics` as a process of its own."""

    def run(*arguments: str, stdout: Any = subprocess.PIPE, **changes: str) -> Answer:
        done = subprocess.run(
            [*COMMAND, *arguments],
            env=environment | changes,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
        return Answer(done.returncode, done.stdout or "", done.stderr)

    return run


@pytest.fixture
def start(environment: dict[str, str], home: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts `polyomics` and does not wait; what still runs at the end is killed."""
    started = []

    def launch(*arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            env=environment,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield launch
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def tiny_protocol(home: Path) -> Callable[[float], str]:
    """Writes a protocol of a few picoseconds and returns its path."""

    def write(sampling_ps: float) -> str:
        path = home / f"tiny{sampling_ps:g}.yaml"
        path.write_text(TINY.replace("DURATION", str(sampling_ps)), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def filled(polyomics_home: Path) -> dict[str, str]:
    """A database with one finished study of polystyrene and one failed of polyethylene; their keys."""
    with Store.open(f"sqlite:///{polyomics_home / 'polyomics.db'}") as store:
        done, failed = spec_of("*CC(*)c1ccccc1", {}), spec_of("*CC*", {"temperature_k": 450.0})
        for spec in (done, failed):
            _enter(store, spec)
        store.record_stage(
            done.key,
            StageRecord(sequence=3, name="sample", kind="npt", status="done", detail={"ps": 120.0, "ns_per_day": 91.5}),
        )
        common: dict[str, Any] = {"temperature_k": 300.0, "pressure_bar": 1.01325, "flags": ("demo_quality",)}
        store.finish_study(
            done.key,
            [
                Measurement(name="density", value=1.02, stderr=0.004, unit="g/cm3", n_independent=31, **common),
                Measurement(name="radius_of_gyration", value=1.1, stderr=0.1, unit="nm", n_independent=3, **common),
            ],
            criteria=[
                Criterion(
                    name="no_voids",
                    verdict="pass",
                    value=0.42,
                    threshold=0.9,
                    unit="nm",
                    message="the largest hole is 0.42 nm across",
                ),
                Criterion(
                    name="equilibrium", verdict="pass", value=0.0, threshold=0.0, unit="1", message="1 of 1 passed"
                ),
            ],
            provenance={"openmm": "8.6.1"},
            artifacts=[
                Artifact(kind="spec", path=f"runs/{done.key}/spec.json", size_bytes=10, sha256="0" * 64),
            ],
        )
        store.fail_study(failed.key, Failure(stage="charges", kind="ChargesNotConverged", message="no charges"))
    return {"done": done.key, "failed": failed.key}


def _enter(store: Store, spec: StudySpec) -> None:
    from polyomics.study import new_study

    store.add_study(new_study(spec))
    Queue(store).claim(spec.key, Holder(host="here"))


@pytest.fixture
def finished(polyomics_home: Path) -> Callable[..., StudySpec]:
    """Puts a finished study into the database: what `run` with the same options finds and does not do again.

    Called as (psmiles, options of the study, values as name -> (value, stderr), flags); a value of None is a failure.
    """

    def finish(
        psmiles: str,
        options: dict[str, Any],
        values: dict[str, tuple[float, float | None] | None],
        flags: tuple[str, ...] = ("demo_quality",),
    ) -> StudySpec:
        from polyomics.properties import PROPERTIES

        spec = spec_of(psmiles, options)
        state = {"temperature_k": spec.conditions.temperature_k, "pressure_bar": spec.conditions.pressure_bar}
        measurements = [
            Measurement(
                name=name,
                value=value[0],
                stderr=value[1],
                unit=PROPERTIES[name].unit,
                n_independent=20,
                flags=flags,
                **state,
            )
            for name, value in values.items()
            if value is not None
        ]
        failures = [
            Failure(stage=name, kind="NotEnoughData", message="too short")
            for name, value in values.items()
            if value is None
        ]
        with Store.open(f"sqlite:///{polyomics_home / 'polyomics.db'}") as store:
            _enter(store, spec)
            store.finish_study(spec.key, measurements, failures=failures)
        return spec

    return finish
