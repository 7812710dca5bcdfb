"""A database of the size of PolyOmics: how fast it is filled, asked and taken away, beside pandas on the same file.

    python benchmarks/results_at_scale.py make RADONPY.csv made.csv [--rows 100000]
    polyomics import made.csv --source made                  # prints rows per second; SQLite or PostgreSQL by URL
    python benchmarks/results_at_scale.py time made.csv [--url URL]
    python benchmarks/results_at_scale.py pages [--url URL]

`make` writes rows in PolyOmics' columns: tens of thousands of polymers put together from linking groups and pieces of
chains, with values drawn around those of RadonPy's published table, and with the failures that PolyOmics has (fits of
Tg and heat conductivities out of any range, runs not in equilibrium).

`time` asks the database that `POLYOMICS_DATABASE_URL` or `--url` names, each question in a process of its own (cold)
and a second time in it (warm), CPU and wall seconds and the largest memory; pandas reads and filters the same CSV.

`pages` starts `polyomics explore` on it and asks what the web page asks, three times in turn: the first time and the
least of the others, CPU of the server and wall, in ms. CPU is read from /proc, so that it takes Linux.
"""

import argparse
import csv
import itertools
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from statistics import median
from urllib.parse import urlencode
from urllib.request import urlopen

PIECES = (
    *("C" * n for n in range(1, 11)),
    *("CC(C)", "CC(C)C", "CC(C)(C)C", "C1CCC(CC1)", "c1ccc(cc1)", "c1cccc(c1)", "Cc1ccc(cc1)C", "CC(F)", "CC(F)(F)C"),
    *(
        "CC(Cl)C",
        "CC(c1ccccc1)C",
        "CCOCC",
        "CCOCCOCC",
        "CCSCC",
        "c1ccc(cc1)Oc1ccc(cc1)",
        "CC=CC",
        "CC(C#N)C",
        "CC(OC)C",
    ),
    *("c1ccc(cc1)C(C)(C)c1ccc(cc1)", "c1ccc2cc(ccc2c1)"),
)
PATTERNS = (
    *("*OC(=O){}C(=O)O{}*", "*NC(=O){}C(=O)N{}*", "*OC(=O)N{}NC(=O)O{}*", "*O{}O{}*", "*S{}S{}*", "*N(C){}C(=O){}*"),
    *("*NC(=O)N{}NC(=O)N{}*", "*OC(=O)O{}OC(=O)O{}*", "*C(=O){}S(=O)(=O){}*", "*CC(*)C(=O)O{}C(=O)O{}"),
)
SETTINGS = {
    "forcefield": "GAFF2_mod",
    "charge": "RESP",
    "temp": "300",
    "press": "1",
    "tacticity": "atactic",
    "n_mol": "10",
}
QUESTIONS = {
    "substructure c1ccccc1": {"smarts": "c1ccccc1"},
    "substructure [CX3](=O)[OX2]": {"smarts": "[CX3](=O)[OX2]"},
    "substructure c1ccc2ccccc2c1": {"smarts": "c1ccc2ccccc2c1"},
    "similar to PET": {"similar_to": "*CCOC(=O)c1ccc(C(=O)O*)cc1", "similarity": 0.5},
    "density above 1.2": {"property": "density", "minimum": 1.2},
    "class polyester, in equilibrium": {"polymer_class": "polyester", "equilibrated": True},
}

COLUMNS = {"columns": "density,glass_transition_temperature,bulk_modulus_isothermal,refractive_index"}
BOTH = {"x": "density", "y": "glass_transition_temperature"}
PAGES: dict[str, tuple[str, dict[str, object]]] = {
    "the facts (properties, classes, flags)": ("facts", {}),
    "the table as entered": ("studies", COLUMNS),
    "sorted by density": ("studies", COLUMNS | {"sort": "-density"}),
    "the same at row 90,000": ("studies", COLUMNS | {"sort": "-density", "offset": 90_000}),
    "by repeat unit": ("studies", COLUMNS | {"sort": "psmiles"}),
    "500 rows": ("studies", COLUMNS | {"limit": 500}),
    "of a class, sorted by density": ("studies", COLUMNS | {"class": "polyester", "sort": "density"}),
    "density within a range": ("studies", COLUMNS | {"property": "density", "minimum": 1.1, "maximum": 1.2}),
    "a condition on two properties": ("studies", COLUMNS | {"where": "density > 1 and bulk_modulus_isothermal < 5"}),
    "in equilibrium": ("studies", COLUMNS | {"equilibrated": "true"}),
    "density without flags": ("studies", COLUMNS | {"property": "density", "unflagged": "true"}),
    "any value with a flag": ("studies", COLUMNS | {"flag": "imported"}),
    "any value without a flag": ("studies", COLUMNS | {"without_flag": "drifting"}),
    "a pattern, c1ccccc1": ("studies", COLUMNS | {"smarts": "c1ccccc1"}),
    "another, [CX3](=O)[OX2]": ("studies", COLUMNS | {"smarts": "[CX3](=O)[OX2]", "sort": "density"}),
    "similar to PET": (
        "studies",
        COLUMNS | {"similar_to": "*CCOC(=O)c1ccc(C(=O)O*)cc1", "similarity": 0.4, "sort": "-similarity"},
    ),
    "scatter of 3,000 points": ("scatter", BOTH),
    "scatter of a class": ("scatter", BOTH | {"class": "polyester"}),
    "download of all densities, CSV": ("download", {"property": "density"}),
}


def make(seed_file: Path, out: Path, n_rows: int) -> None:
    """Write the rows."""
    rng = random.Random(1)
    base = list(csv.DictReader(seed_file.open(encoding="utf-8")))
    longer = [a + b for a in PIECES[:12] for b in PIECES[10:] if not a.endswith(")")]
    units = list(
        dict.fromkeys(p.format(a, b) for p in PATTERNS for a, b in itertools.product((*PIECES, *longer), PIECES))
    )
    units += [p.format(a, b) for p in PATTERNS for a, b in itertools.product(longer, longer[:40])]
    rng.shuffle(units)
    values = [
        name for name in base[0] if not name.endswith(("_min", "_max", "_std", "_count")) and _is_number(base, name)
    ]
    head = ["UUID", "smiles_list", "smiles_1", *SETTINGS, "DP", "Mn", "check_eq", "check_tc", "tg", "tg_rmse"]
    head += [name for name in values if name not in head]
    with out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, head)
        writer.writeheader()
        for number in range(n_rows):
            row = rng.choice(base)
            made = {name: repr(float(row[name]) * rng.gauss(1, 0.03)) for name in values if row[name]}
            made |= {name: row[name] for name in ("DP", "Mn")} | SETTINGS
            unit = units[number % len(units)]
            made |= {"UUID": str(uuid.UUID(int=rng.getrandbits(128))), "smiles_list": unit, "smiles_1": unit}
            made |= {"check_eq": str(rng.random() > 0.1), "check_tc": str(rng.random() > 0.16)}
            made |= {"tg": repr(rng.gauss(480, 100)), "tg_rmse": repr(abs(rng.gauss(0.03, 0.02)))}
            if rng.random() < 0.06:
                made["tg"] = repr(rng.choice([1.08e6, -50.0, 40.0, 3000.0]))
            if rng.random() < 0.02:
                made["thermal_conductivity"] = "43.4"
            if made.get("thermal_diffusivity"):
                product = 1000.0 * float(made["density"]) * float(made["Cp"])
                made["thermal_diffusivity"] = repr(float(made["thermal_conductivity"]) / product)
            if made.get("refractive_index"):
                epsilon = float(made["static_dielectric_const"])
                made["dielectric_const_dc"] = repr(epsilon - 1 + float(made["refractive_index"]) ** 2)
            writer.writerow({name: made.get(name, "") for name in head})
    print(f"{n_rows} rows, {min(n_rows, len(units))} different repeat units as written")


def _is_number(rows: list[dict[str, str]], name: str) -> bool:
    try:
        return name not in ("DP", "Mn", "temp", "press", "n_mol", "tacticity", "polymer_class") and bool(
            median(float(row[name]) for row in rows if row[name])
        )
    except ValueError:
        return False


def ask(url: str | None, question: str) -> None:
    """One question twice, as JSON: in a process of its own."""
    import polyomics

    begun = time.perf_counter()
    db = polyomics.open_database(url)
    seconds, n = [time.perf_counter() - begun], 0
    for _ in range(2):
        cpu, wall = time.process_time(), time.perf_counter()
        n = len(db.search().wide()) if question == "wide" else db.search(**QUESTIONS[question]).count()
        seconds += [time.process_time() - cpu, time.perf_counter() - wall]
    print(json.dumps([n, *seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3]))


def with_pandas(path: Path) -> None:
    """The same file with pandas alone."""
    import pandas

    cpu, wall = time.process_time(), time.perf_counter()
    frame = pandas.read_csv(path)
    took = time.process_time() - cpu, time.perf_counter() - wall
    cpu = time.process_time()
    n = int((frame["density"] > 1.2).sum())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"| pandas: read the CSV, {len(frame):,} rows | {took[0]:.2f} ({took[1]:.2f}) | | {peak:.0f} |")
    print(f"| pandas: density above 1.2, {n:,} rows | {time.process_time() - cpu:.3f} | | |")


def pages(url: str | None) -> None:
    """What the page asks, of a server of its own."""
    environment = os.environ | ({"POLYOMICS_DATABASE_URL": url} if url else {})
    began = time.perf_counter()
    command = ["polyomics", "explore", "--no-browser", "--port", "0"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as server:
        assert server.stderr is not None
        said = server.stderr.readline().decode()
        if not said.startswith("http"):
            sys.exit(said + server.stderr.read().decode())
        try:
            _pages(server, said.split()[0] + "api/v1/", began)
        finally:
            server.send_signal(signal.SIGTERM)


def _pages(server: subprocess.Popen[bytes], base: str, began: float) -> None:
    urlopen(base + "openapi.json").read()
    print("| page | first: CPU ms (wall ms) | again: CPU ms (wall ms) | found |\n|---|---|---|---|")
    print(f"| start until it answers | {_cpu_ms(server):.0f} ({1e3 * (time.perf_counter() - began):.0f}) | | |")
    for name, (path, settings) in PAGES.items():
        taken = [_asked(server, f"{base}{path}?{urlencode(settings)}") for _ in range(3)]
        (cpu, wall, found), again = taken[0], [min(column) for column in list(zip(*taken[1:], strict=True))[:2]]
        print(f"| {name} | {cpu:.0f} ({wall:.0f}) | {again[0]:.0f} ({again[1]:.0f}) | {found} |", flush=True)
    status = Path(f"/proc/{server.pid}/status").read_text(encoding="ascii")
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    print(f"\nLargest memory of the server: {int(peak) / 1e3:.0f} MB.")


def _asked(server: subprocess.Popen[bytes], address: str) -> tuple[float, float, str]:
    cpu, wall = _cpu_ms(server), time.perf_counter()
    with urlopen(address) as response:
        body = response.read()
        is_table = response.headers["Content-Type"] == "application/json"
    took = _cpu_ms(server) - cpu, 1e3 * (time.perf_counter() - wall)
    total = json.loads(body).get("total") if is_table else None
    return *took, f"{len(body) / 1e6:.1f} MB" if total is None else f"{total:,}"


def _cpu_ms(server: subprocess.Popen[bytes]) -> float:
    """CPU time of a process so far, in steps of the kernel's clock, mostly 10 ms."""
    fields = Path(f"/proc/{server.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return 1e3 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make")
    making.add_argument("seed", type=Path)
    making.add_argument("out", type=Path)
    making.add_argument("--rows", type=int, default=100_000)
    timing = commands.add_parser("time")
    timing.add_argument("csv", type=Path)
    timing.add_argument("--url")
    asking = commands.add_parser("ask")
    asking.add_argument("question")
    asking.add_argument("--url")
    paging = commands.add_parser("pages")
    paging.add_argument("--url")
    asked = parser.parse_args()
    if asked.command == "pages":
        pages(asked.url)
    elif asked.command == "make":
        make(asked.seed, asked.out, asked.rows)
    elif asked.command == "ask":
        ask(asked.url, asked.question)
    else:
        print("| question, found | cold: CPU s (wall s) | warm: CPU s (wall s) | memory MB |\n|---|---|---|---|")
        for question in (*QUESTIONS, "wide"):
            command = [sys.executable, __file__, "ask", question, *(["--url", asked.url] if asked.url else [])]
            n, _, cpu, wall, again, again_wall, peak = json.loads(subprocess.check_output(command))
            found = f"{question}, {n:,}"
            print(f"| {found} | {cpu:.2f} ({wall:.2f}) | {again:.2f} ({again_wall:.2f}) | {peak:.0f} |", flush=True)
        with_pandas(asked.csv)


if __name__ == "__main__":
    main()
