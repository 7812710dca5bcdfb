"""Nothing is lost whatever dies: `python benchmarks/soak.py [--studies 30] [--workers 4] [--kills 100] [--prefect]`.

Small studies on PostgreSQL, workers that carry them out, and `kill -9` at random moments: of the processes of studies,
of workers, of both at once, of PostgreSQL, of the Prefect server if it is asked for. What is killed besides the studies
is started again. In the end every study must be done, with the rows and files of one that nobody disturbed.
"""

import argparse
import os
import random
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests" / "work" / "faults"))

from disturbed import Place, assert_as_undisturbed, disturbed_spec, kill, run_undisturbed  # noqa: E402
from postgres import PostgresServer  # noqa: E402

from polyomics.database.store import Store  # noqa: E402

WEIGHTS = {"study": 70, "worker": 17, "worker and study": 8, "PostgreSQL": 5, "Prefect server": 10}
"""How often each is killed."""
HOURS_AT_MOST = 3.0


@dataclass
class Soak:
    """What was done, and what came of it."""

    n_workers: int
    kills: list[tuple[float, str]] = field(default_factory=list)
    """Seconds since the start, and what was killed."""
    attempts: dict[str, list[str]] = field(default_factory=dict)
    """Of every study: how its attempts ended."""
    wall_s: float = 0.0
    undisturbed_s: float = 0.0
    """Time of the same studies, one by one on two cores, with nobody disturbing them."""


class Killer:
    """Kills one thing at a time, and starts again what must be there."""

    def __init__(self, place: Place, postgres: PostgresServer, n_workers: int, prefect: "PrefectServer | None") -> None:
        self.place = place
        self.postgres = postgres
        self.prefect = prefect
        self.workers: list[subprocess.Popen[bytes]] = []
        self.n_workers = n_workers
        self.random = random.Random(4)

    def keep_workers(self) -> None:
        """As many workers as there should be."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < self.n_workers:
            module = "flows.child" if self.prefect else "polyomics.work.child"
            self.workers.append(self.place.start_worker(faulty=False, lease_s=20.0, child_module=module))

    def strike(self) -> str | None:
        """Kill something; what, or None if it was not there."""
        names = [name for name in WEIGHTS if self.prefect or name != "Prefect server"]
        (what,) = self.random.choices(names, [WEIGHTS[name] for name in names])
        acts: dict[str, Callable[[], bool]] = {
            "study": self._study,
            "worker": self._worker,
            "worker and study": self._both,
            "PostgreSQL": self._postgres,
            "Prefect server": self._prefect,
        }
        return what if acts[what]() else None

    def _study(self) -> bool:
        children = self.place.children()
        return bool(children) and kill(self.random.choice(children))

    def _worker(self) -> bool:
        worker = self.random.choice(self.workers)
        worker.kill()
        worker.wait()
        return True

    def _both(self) -> bool:
        worker = self.random.choice(self.workers)
        children = [pid for pid in self.place.children() if _parent(pid) == worker.pid]
        if not children:
            return False
        for pid in [worker.pid, *children]:
            kill(pid)
        worker.wait()
        return True

    def _postgres(self) -> bool:
        self.postgres.kill()
        time.sleep(self.random.uniform(0.5, 8.0))
        self.postgres.restart()
        return True

    def _prefect(self) -> bool:
        assert self.prefect is not None
        self.prefect.kill()
        time.sleep(self.random.uniform(0.5, 8.0))
        self.prefect.start()
        return True


class PrefectServer:
    """A Prefect server on the loopback that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        self.environment = {
            "PREFECT_HOME": str(folder),
            "PREFECT_API_URL": f"http://127.0.0.1:{self.port}/api",
            "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it answers some seconds later."""
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=os.environ | self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """`kill -9` of the server with its children."""
        assert self.process is not None
        os.killpg(self.process.pid, 9)
        self.process.wait()


def soak(
    folder: Path, *, n_studies: int, n_workers: int, n_kills: int, interval_s: float = 3.0, with_prefect: bool = False
) -> Soak:
    """Carry studies out while things are killed; raises AssertionError if anything is lost.

    Args:
        folder: Where; must be empty.
        n_studies: How many studies.
        n_workers: How many workers, of one slot each.
        n_kills: How many kills.
        interval_s: Mean time between two [s].
        with_prefect: With a Prefect server, which the studies are shown in, and which is killed as well.
    """
    specs = {spec.key: spec for spec in (disturbed_spec(seed) for seed in range(n_studies))}
    report = Soak(n_workers)
    started = time.monotonic()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        homes = [folder / "undisturbed" / key for key in specs]
        for home in homes:
            home.mkdir(parents=True)
        undisturbed = dict(zip(specs, pool.map(run_undisturbed, homes, specs.values()), strict=True))
    report.undisturbed_s = time.monotonic() - started
    postgres = PostgresServer.start()
    prefect = PrefectServer(folder / "prefect") if with_prefect else None
    (folder / "home").mkdir()
    place = Place(folder / "home", postgres.new_database(), extra=prefect.environment if prefect else {})
    try:
        if prefect:
            prefect.start()
        place.submit(*specs.values())
        _disturb(Killer(place, postgres, n_workers, prefect), report, n_kills, interval_s)
        for key in specs:
            assert_as_undisturbed(place, key, undisturbed[key])
            report.attempts[key] = [attempt.outcome or "" for attempt in place.attempts(key)]
    finally:
        place.kill_all()
        if prefect:
            prefect.kill()
        postgres.remove()
    return report


def _disturb(killer: Killer, report: Soak, n_kills: int, interval_s: float) -> None:
    started = time.monotonic()
    next_s = 10.0
    while True:
        killer.keep_workers()
        now = time.monotonic() - started
        assert now < HOURS_AT_MOST * 3600, f"not done after {HOURS_AT_MOST} hours\n{killer.place.log()}"
        with Store.open(killer.place.url) as store:
            counts = store.counts()
        if counts["queued"] + counts["running"] == 0:
            break
        if now >= next_s and len(report.kills) < n_kills:
            what = killer.strike()
            if what:
                report.kills.append((now, what))
            next_s = now + killer.random.uniform(0.2, 2.0) * interval_s
        time.sleep(0.1)
    report.wall_s = time.monotonic() - started


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def as_markdown(report: Soak, command: str) -> str:
    """The report that is kept."""
    n_attempts = [len(outcomes) for outcomes in report.attempts.values()]
    killed = Counter(what for _, what in report.kills)
    ends = Counter(outcome for outcomes in report.attempts.values() for outcome in outcomes)
    summary = (
        f"`{command}` on {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}: "
        f"{len(report.attempts)} studies of 9 segments each on PostgreSQL, {report.n_workers} workers, "
        f"{len(report.kills)} times `kill -9`. All are done; "
        "measurements, criteria, trajectories, cells and curves are bit for bit those of the same studies that nobody "
        "disturbed (CPU platform, one thread); every file has the checksum its manifest states; every study has one "
        "attempt that ended as done and none that is open."
    )
    lines = [
        "# Soak: small studies, random kills",
        "",
        textwrap.fill(summary, 120, break_on_hyphens=False),
        "",
        f"Wall time {report.wall_s:.0f} s; undisturbed, two at a time, {report.undisturbed_s:.0f} s.",
        "",
        "| killed | times |",
        "|---|---|",
        *(f"| {what} | {n} |" for what, n in killed.most_common()),
        "",
        "| attempts ended as | times |",
        "|---|---|",
        *(f"| {outcome} | {n} |" for outcome, n in ends.most_common()),
        "",
        f"Attempts per study: {min(n_attempts)} to {max(n_attempts)}, {sum(n_attempts)} in all.",
        "",
        "| study | attempts |",
        "|---|---|",
        *(f"| {key} | {', '.join(outcomes)} |" for key, outcomes in report.attempts.items()),
        "",
        "| s | killed |",
        "|---|---|",
        *(f"| {moment_s:.1f} | {what} |" for moment_s, what in report.kills),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=30)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--interval", type=float, default=3.0, help="mean time between kills [s]")
    parser.add_argument("--prefect", action="store_true", help="show the studies in a Prefect server, and kill it too")
    parser.add_argument("--report", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak") as folder:
        report = soak(
            Path(folder),
            n_studies=options.studies,
            n_workers=options.workers,
            n_kills=options.kills,
            interval_s=options.interval,
            with_prefect=options.prefect,
        )
    words = " ".join(["python benchmarks/soak.py", *sys.argv[1:]])
    options.report.write_text(as_markdown(report, words))
    print(f"{len(report.attempts)} studies done in spite of {len(report.kills)} kills; see {options.report}")


if __name__ == "__main__":
    main()
