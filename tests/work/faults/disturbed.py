"""Small studies, real workers that carry them out, and what must be true of a study whatever was done to them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyomics.database.queue import Queue
from polyomics.database.rows import Attempt, StudyRow
from polyomics.database.store import Store
from polyomics.files import is_intact, read_json, sha256
from polyomics.md.engine import Hardware
from polyomics.md.protocol import Protocol
from polyomics.request import make_spec
from polyomics.spec import StudySpec
from polyomics.study import new_study, run_study

HERE = Path(__file__).parent
HARDWARE = {"platform": "CPU", "threads": 1}
"""Repeats bit for bit."""
PATIENCE_S = 240.0
"""How long anything here may take on a machine that does much else."""
PROTOCOL = """
name: disturbed
nonbonded: {cutoff_nm: 0.5, pme_force_error: 5.0e-3}
stages:
- {kind: minimise, name: minimise, max_iterations: 100}
- {kind: npt, name: melt, temperature_k: 450, duration_ps: 0.8, timestep_fs: 2, friction_per_ps: 10,
   segment_ps: 0.4, report_ps: 0.2}
- {kind: npt, name: sample, role: sample, temperature_k: 300, duration_ps: 2.4, timestep_fs: 2, segment_ps: 0.4,
   report_ps: 0.2, frame_ps: 0.2}
"""


def disturbed_spec(seed: int = 0) -> StudySpec:
    """Two short chains of polyethylene, 9 segments of a fraction of a second each."""
    return make_spec(
        "*CC*",
        preset="smoke",
        n_chains=2,
        atoms_per_chain=60,
        charges="gasteiger",
        start_density_g_cm3=0.1,
        protocol=Protocol.from_yaml(PROTOCOL),
        properties=("density", "radius_of_gyration"),
        seed=seed,
    )


@dataclass
class Place:
    """A home folder and a database with studies in them, and the workers that carry these out."""

    home: Path
    url: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    extra: dict[str, str] = field(default_factory=dict)
    """More of the environment."""

    @property
    def environment(self) -> dict[str, str]:
        """Of the processes that work here."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        return (
            clean
            | self.extra
            | {
                "POLYOMICS_HOME": str(self.home),
                "POLYOMICS_DATABASE_URL": self.url,
                "FAULTS": str(self.home / "faults"),
                "PYTHONPATH": str(HERE),
            }
        )

    def submit(self, *specs: StudySpec) -> None:
        """Enter studies."""
        with Store.open(self.url) as store:
            for spec in specs:
                store.add_study(new_study(spec))

    def add_fault(
        self, at: str, when: str = "before", *, call: int = 1, match: str = "", of: str = "child", kind: str = "SIGKILL"
    ) -> None:
        """One more process, of a study or a worker, is to be struck at the `call`-th call whose arguments `match`."""
        folder = self.home / "faults" / of
        folder.mkdir(parents=True, exist_ok=True)
        number = len(list(folder.iterdir()))
        fault = {"at": at, "when": when, "call": call, "match": match, "signal": kind}
        (folder / f"{number:02d}.json").write_text(json.dumps(fault))

    def faults_left(self) -> list[str]:
        """Faults that have struck nobody yet."""
        return [path.read_text() for path in sorted((self.home / "faults").rglob("*.json"))]

    def start_worker(
        self, *, faulty: bool = True, environment: dict[str, str] | None = None, **settings: Any
    ) -> subprocess.Popen[bytes]:
        """A worker with one slot; `faulty`: the faults that wait are for it and for its children."""
        number = len(self.processes)
        fields = {
            "name": f"worker-{number}",
            "pool": "test",
            "lease_s": 4.0,
            "grace_s": 30.0,
            "most_deaths": 1000,
            "most_troubles": 0,
            "hardware": HARDWARE,
            "child_module": "faulty_process" if faulty else "polyomics.work.child",
        }
        modules = ["faulty_process", "plain_worker"] if faulty else ["plain_worker"]
        with (self.home / f"worker-{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *modules, json.dumps(fields | settings)],
                env=self.environment | {"FAULTS_OF": "worker"} | (environment or {}),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        return process

    def kill_all(self) -> None:
        """End every worker, and every process of a study that a live attempt names."""
        for process in self.processes:
            process.kill()
            process.wait()
        for pid in self.children():
            kill(pid)

    def children(self) -> list[int]:
        """Processes of studies that run here."""
        return [pid for pid, words in running_python() if words.get("POLYOMICS_HOME") == str(self.home)]

    def attempts(self, key: str) -> list[Attempt]:
        """The attempts at a study, oldest first."""
        with Store.open(self.url) as store:
            return Queue(store).attempts(key)

    def study(self, key: str) -> StudyRow:
        """A study with all that is stored of it."""
        with Store.open(self.url, read_only=True) as store:
            return store.study(key)

    def status(self, key: str) -> str:
        """How far a study is."""
        return self.study(key).status

    def folder(self, key: str) -> Path:
        """The run folder of a study."""
        return self.home / "runs" / key

    def n_segments(self, key: str) -> int:
        """Segments of a study that count."""
        manifests = self.folder(key).glob("stages/*/manifest.json")
        return sum(len(json.loads(path.read_text())["segments"]) for path in manifests)

    def log(self) -> str:
        """What the workers and the processes of the studies said: for the message of an assertion."""
        files = [*sorted(self.home.glob("worker-*.log")), *sorted(self.home.glob("runs/*/logs/*.log"))]
        return "\n".join(f"==> {path.name}\n{path.read_text(errors='replace')}" for path in files)[-20000:]


def running_python() -> list[tuple[int, dict[str, str]]]:
    """Processes of studies on this machine that we may look at, with their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().split(b"\0")
            environment = (path / "environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(word.startswith(b'{"attempt_id"') for word in words):
            found.append((int(path.name), dict(item.split("=", 1) for item in environment if "=" in item)))
    return found


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> bool:
    """Send a signal to a process that may be gone; whether it was there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition: Callable[[], bool], what: str, place: Place | None = None) -> None:
    """Wait for something that must come, however slow the machine is."""
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up, f"waited in vain until {what}\n{place.log() if place else ''}"
        time.sleep(0.1)


def run_undisturbed(home: Path, spec: StudySpec) -> Place:
    """Carry out a study with nobody disturbing it."""
    place = Place(home, f"sqlite:///{home / 'polyomics.db'}")
    run_study(spec, home=home, database_url=place.url, hardware=Hardware(**HARDWARE))
    return place


def assert_as_undisturbed(place: Place, key: str, undisturbed: Place, like: str | None = None) -> None:
    """What was done to the workers has left no trace in a study's rows and files.

    Args:
        place: Where it was carried out.
        key: The study.
        undisturbed: Where the same study was carried out in peace.
        like: Key of the study there; the same by default.
    """
    found, wanted = place.study(key), undisturbed.study(like or key)
    assert found.status == "done", f"{found.failures}\n{place.log()}"
    assert found.measurements == wanted.measurements
    assert found.criteria == wanted.criteria
    assert [(f.stage, f.kind, f.message) for f in found.failures] == [
        (f.stage, f.kind, f.message) for f in wanted.failures
    ]
    assert [(s.sequence, s.name, s.status) for s in found.stages] == [
        (s.sequence, s.name, s.status) for s in wanted.stages
    ]
    attempts = place.attempts(key)
    assert [a.number for a in attempts] == list(range(1, len(attempts) + 1))
    assert [a.outcome for a in attempts].count("done") == 1, attempts
    assert all(a.ended for a in attempts), attempts
    _assert_same_files(place.folder(key), undisturbed.folder(like or key))
    for artifact in found.artifacts:
        assert sha256(place.home / artifact.path) == artifact.sha256, artifact.path


def _assert_same_files(folder: Path, wanted: Path) -> None:
    manifests = sorted(path.relative_to(wanted) for path in wanted.glob("stages/*/manifest.json"))
    assert sorted(path.relative_to(folder) for path in folder.glob("stages/*/manifest.json")) == manifests
    for name in manifests:
        segments = read_json(folder / name)["segments"]
        assert [s["files"] for s in segments] == [s["files"] for s in read_json(wanted / name)["segments"]]
        listed = {file: checksum for segment in segments for file, checksum in segment["files"].items()}
        for file, checksum in listed.items():
            assert is_intact(folder / name.parent / file, checksum), file
        assert {path.name for path in (folder / name).parent.iterdir()} == {*listed, "manifest.json"}
    for name in ("cell/cell.npz", "cell/system.xml.gz", "results/curves.json", "spec.json"):
        assert (folder / name).exists() == (wanted / name).exists(), name
        if (wanted / name).exists():
            assert (folder / name).read_bytes() == (wanted / name).read_bytes(), name


def checksums(folder: Path, *, without: tuple[str, ...] = ()) -> dict[str, str]:
    """Checksums of all files below a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: sha256(path) for name, path in names.items() if not name.startswith(without)}
