"""`import`, `export --layout polyomics` and `compare`, as a user calls them."""

import csv
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from polyomics.interchange.import_file import ROWS_AT_A_TIME

SAMPLE = Path(__file__).parents[1] / "data" / "radonpy_sample.csv"

Cli = Callable[..., Any]


@pytest.fixture
def imported(cli: Cli) -> Cli:
    assert cli("import", str(SAMPLE)).code == 0
    return cli


def test_import_says_what_it_did_and_what_was_odd(cli: Cli) -> None:
    answer = cli("import", str(SAMPLE), "--source", "radonpy")
    assert (answer.code, answer.stderr) == (0, "")
    assert "radonpy: 13 rows, 13 inserted, 0 were there" in answer.stdout
    assert "r2 is in nm2, not in A2 as documented" in answer.stdout
    assert "dielectric_constant_static" in answer.stdout
    again = cli("import", str(SAMPLE), "--source", "radonpy", "--json").json
    assert (again["inserted"], again["existing"], again["values"]) == (0, 13, 0)


def test_import_as_json_has_everything(cli: Cli) -> None:
    found = cli("import", str(SAMPLE), "--json").json
    assert found["source"] == "radonpy_sample"
    assert found["rows"] == found["inserted"] == 13
    assert found["values"] > 400
    assert {"property": "dielectric_constant_static", "kind": "NotPhysical", "n": 1} in found["failures"]
    assert {unit["column"] for unit in found["units"] if unit["unit"] != unit["documented"]} == {
        "r2",
        "qm_total_energy_monomer1",
    }
    assert found["not_understood"] == []
    assert found["rows_per_s"] > 0


def test_a_dry_run_leaves_no_database(cli: Cli, polyomics_home: Path) -> None:
    answer = cli("import", str(SAMPLE), "--dry-run")
    assert answer.code == 0
    assert "13 would be inserted" in answer.stdout
    assert not polyomics_home.exists()


@pytest.mark.parametrize(
    ("content", "arguments", "sentence"),
    [
        ("a,b\n1,2\n", (), "smiles_list, smiles_1 or smiles"),
        ("", (), "is empty"),
        ("smiles,density\n*CC*,1\n", ("--source", "no good"), "cannot be the name"),
        (None, (), "No such file"),
    ],
)
def test_bad_input_ends_with_one_sentence_and_no_database(
    cli: Cli, polyomics_home: Path, content: str | None, arguments: tuple[str, ...], sentence: str
) -> None:
    path = Path("bad.csv")
    if content is not None:
        path.write_text(content)
    answer = cli("import", str(path), *arguments)
    assert answer.code == 2
    assert len(answer.errors) == 1
    assert sentence in answer.errors[0]
    assert not polyomics_home.exists()


def test_an_imported_study_can_be_shown_and_found(imported: Cli) -> None:
    rows = imported(
        "query", "--property", "density", "--source", "radonpy_sample", "--smarts", "c1ccccc1", "--json"
    ).json
    assert {row["psmiles"] for row in rows} >= {"*CC(*)c1ccccc1"}
    shown = imported("show", rows[0]["study_key"])
    assert shown.code == 0
    assert "radonpy_sample.csv" in shown.stdout
    assert imported("query", "--property", "density", "--source", "computed", "--json").json == []


def test_code_written_for_radonpy_reads_what_is_exported(imported: Cli) -> None:
    answer = imported("export", "ours.csv", "--layout", "polyomics", "--json")
    assert answer.json == {"path": "ours.csv", "rows": 13}
    with open("ours.csv", newline="") as ours, SAMPLE.open(newline="") as theirs:
        mine = {row["monomer_ID"]: row for row in csv.DictReader(ours)}
        original = {row["monomer_ID"]: row for row in csv.DictReader(theirs)}
    assert mine.keys() == original.keys()
    for name, row in original.items():
        for column in ("density", "Rg", "Cp", "bulk_modulus", "thermal_conductivity", "refractive_index", "temp", "DP"):
            if row[column]:
                assert float(mine[name][column]) == pytest.approx(float(row[column]), rel=1e-12)


def test_ctrl_c_stops_after_a_whole_batch_and_the_rest_follows(
    start: Callable[..., Any], cli: Cli, environment: dict[str, str], tmp_path: Path
) -> None:
    """RDKit swallows the signal while it works, which is nearly all the time."""
    header, *rows = SAMPLE.read_text().splitlines()
    path = tmp_path / "many.csv"
    numbers = range(45)
    many = [f"{row.split(',')[0]}_{number},{row.split(',', 1)[1]}" for number in numbers for row in rows]
    path.write_text("\n".join([header, *many]))
    process = start("import", str(path), "--processes", "1")
    database = Path(environment["POLYOMICS_HOME"]) / "polyomics.db"
    until = time.monotonic() + 60.0
    while not n_studies(database) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.startswith("stopped; what was entered is whole")
    there = n_studies(database)
    assert 0 < there < len(many)
    assert there % ROWS_AT_A_TIME == 0
    found = cli("import", str(path), "--processes", "1", "--json").json
    assert (found["inserted"], found["existing"]) == (len(many) - there, there)


def n_studies(database: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM study").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_compare_two_polymers(imported: Cli) -> None:
    answer = imported("compare", "*CC*", "*CC(*)c1ccccc1")
    assert answer.code == 0
    assert "density" in answer.stdout
    assert "differ" in answer.stdout
    (value,) = imported("compare", "*CC*", "*CC(*)c1ccccc1", "--property", "density", "--json").json["values"]
    assert value["a"]["value"] == pytest.approx(0.837971504)
    assert value["difference"] == pytest.approx(value["b"]["value"] - value["a"]["value"])
    assert value["verdict"] == "differ"


def test_compare_two_data_sets(imported: Cli) -> None:
    assert imported("import", str(SAMPLE), "--source", "again").code == 0
    answer = imported("compare", "radonpy_sample", "again", "--property", "density")
    assert answer.code == 0
    assert "13" in answer.stdout
    found = imported("compare", "radonpy_sample", "again", "--json").json
    assert {item["verdict"] for item in found["values"]} == {"agree", "no error"}
    (density,) = (item for item in found["properties"] if item["property"] == "density")
    assert (density["n"], density["bias"], density["n_differ"]) == (13, 0.0, 0)


@pytest.mark.parametrize("sides", [("nothing", "*CC*"), ("*C(", "*CC*"), ("*CC*", "*CC*"), ("abcdef", "*CC*")])
def test_sides_that_are_none_end_with_one_sentence(imported: Cli, sides: tuple[str, str]) -> None:
    answer = imported("compare", *sides)
    assert answer.code == 2
    assert len(answer.errors) == 1


def test_compare_without_results_says_so(cli: Cli, polyomics_home: Path) -> None:
    answer = cli("compare", "*CC*", "*CCO*")
    assert answer.code == 2
    assert "no results yet" in answer.errors[0]
    assert not polyomics_home.exists()
