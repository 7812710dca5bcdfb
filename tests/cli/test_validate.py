"""Predictions beside experiment. The studies are finished already, so no MD runs, except in the slow test."""

import csv
import fcntl
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polyomics.analysis.replicates import combine
from polyomics.reference import experimental_value

HEADER = "polymer,abbreviation,psmiles,state_300K,property,experiment,unit,comparable,confidence,radonpy_md,source\n"
TABLE = (
    HEADER
    + """polyethylene,PE,*CC*,rubber/liquid,density,855,kg/m3,True,high,838,a book
polyethylene,PE,*CC*,rubber/liquid,volume_expansion_rubber,0.0007,1/K,True,medium,,a book
polyethylene,PE,*CC*,rubber/liquid,glass_transition_temperature,195,K,True,high,,a book
polystyrene,PS,*C(c1ccccc1)C*,glass,density,1.05,g/cm3,True,high,0.98,another book
polystyrene,PS,*CC(*)c1ccccc1,glass,volume_expansion_glass,0.0002,1/K,True,high,,another book
polypropylene,PP,*CC(*)C,rubber/liquid,density,0.85,g/cm3,True,low,,a guess
silicone,PDMS,*O[Si](*)(C)C,rubber/liquid,density,0.97,g/cm3,True,high,,a book
"""
)
ASKED = ("--property", "density", "--property", "volume_expansion")
PE, PS = "*CC*", "*CC(*)c1ccccc1"


@pytest.fixture
def table() -> str:
    Path("set.csv").write_text(TABLE, encoding="utf-8")
    return "set.csv"


@pytest.fixture
def validate(cli: Callable[..., Any], table: str) -> Callable[..., Any]:
    """Runs `validate` on the table; made after `cli`, which changes the folder."""
    return lambda *arguments: cli("validate", "--set", table, *arguments)


@pytest.fixture
def table_in(cli: Callable[..., Any]) -> Callable[[str], str]:
    def write(text: str) -> str:
        Path("bad.csv").write_text(text, encoding="utf-8")
        return "bad.csv"

    return write


@pytest.fixture
def both(validate: Callable[..., Any], finished: Callable[..., Any]) -> None:
    finished(PE, {}, {"density": (0.83, 0.002), "volume_expansion": (0.0008, 0.0001)})
    finished(PS, {}, {"density": (1.0, 0.004), "volume_expansion": (0.0003, None)})


def rows_of(answer: Any, name: str) -> dict[str, dict[str, Any]]:
    return {row["abbreviation"]: row for row in answer.json["comparisons"] if row["property"] == name}


def test_polymers_are_joined_by_key_and_values_by_state_and_unit(validate: Callable[..., Any], both: None) -> None:
    answer = validate(*ASKED, "--json")
    assert (answer.code, answer.errors) == (0, [])
    density, expansion = rows_of(answer, "density"), rows_of(answer, "volume_expansion")
    assert list(density) == ["PE", "PS", "PDMS"]
    assert density["PE"]["experiment"] == pytest.approx(0.855)
    assert density["PE"]["radonpy_md"] == pytest.approx(0.838)
    assert density["PE"]["deviation_percent"] == pytest.approx(100 * (0.83 / 0.855 - 1))
    assert density["PE"]["radonpy_deviation_percent"] == pytest.approx(100 * (0.838 / 0.855 - 1))
    assert (density["PS"]["predicted"], density["PS"]["stderr"], density["PS"]["flags"]) == (
        *(1.0, 0.004, ["demo_quality"]),
    )
    assert (expansion["PE"]["experiment"], expansion["PS"]["experiment"]) == (0.0007, 0.0002)
    assert density["PDMS"]["status"] == "skipped"
    assert "Si" in density["PDMS"]["reason"]
    assert answer.json["not_compared"] == {"glass_transition_temperature": 1}


def test_the_summary_is_that_of_the_rows(validate: Callable[..., Any], both: None) -> None:
    summary = {
        (row["property"], row["states"], row["method"]): row for row in validate(*ASKED, "--json").json["summary"]
    }
    ours, radonpy = summary["density", "all", "polyomics"], summary["density", "all", "RadonPy"]
    assert (ours["n"], radonpy["n"]) == (2, 2)
    assert ours["bias"] == pytest.approx((0.83 - 0.855 + 1.0 - 1.05) / 2)
    assert radonpy["bias"] == pytest.approx((0.838 - 0.855 + 0.98 - 1.05) / 2)
    assert ours["r_squared"] == pytest.approx(1 - (0.025**2 + 0.05**2) / (2 * (0.195 / 2) ** 2))
    glass = summary["density", "glass", "polyomics"]
    assert (glass["n"], glass["r_squared"], glass["bias"]) == (1, None, pytest.approx(-0.05))
    assert summary["density", "rubber/liquid", "polyomics"]["bias"] == pytest.approx(-0.025)
    assert ("volume_expansion", "all", "RadonPy") not in summary


def test_the_tables_are_printed(validate: Callable[..., Any], both: None) -> None:
    answer = validate(*ASKED)
    assert answer.code == 0
    for part in ("density [g/cm3]", "0.8300 ± 0.0020", "-2.9", "0.8380", "agreement with experiment", "RadonPy"):
        assert part in answer.stdout
    assert "skipped: PDMS" in answer.stdout
    assert "demo_quality" in answer.stdout


def test_one_that_fails_is_a_row_and_the_others_are_compared(
    validate: Callable[..., Any], both: None, finished: Callable[..., Any], polyomics_home: Path
) -> None:
    """The first study is held by another process, the second could not give one property."""
    spec = finished(PE, {"seed": 2}, {"density": (0.8, 0.1)})
    finished(PS, {"seed": 2}, {"density": (1.0, 0.004), "volume_expansion": None})
    held = polyomics_home / "runs" / spec.key / "lock"
    held.parent.mkdir(parents=True)
    with held.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = validate(*ASKED, "--seed", "2", "--json")
    assert answer.code == 1
    density, expansion = rows_of(answer, "density"), rows_of(answer, "volume_expansion")
    assert (density["PE"]["status"], density["PS"]["status"]) == ("failed", "compared")
    assert "StudyBusy" in density["PE"]["reason"]
    assert expansion["PS"]["status"] == "failed"
    assert expansion["PS"]["reason"] == "volume_expansion: NotEnoughData: too short"
    assert [item["abbreviation"] for item in answer.json["failures"]] == ["PE", "PS"]
    assert {row["n"] for row in answer.json["summary"]} == {1}
    assert "failed: PS (volume_expansion)" in validate(*ASKED, "--seed", "2", "--only", "PS").stdout


def test_reuse_only_takes_the_newest_studies_of_the_preset(
    validate: Callable[..., Any], both: None, finished: Callable[..., Any]
) -> None:
    """Replicates of the newest request are combined; an older request and another preset are left alone."""
    values, errors = (0.84, 0.86, 0.85), (0.002, 0.003, 0.002)
    for number, (value, error) in enumerate(zip(values, errors, strict=True)):
        finished(PE, {"charges": "gasteiger", "replicate": number}, {"density": (value, error)})
    finished(PE, {"preset": "standard"}, {"density": (9.9, 0.1)})
    answer = validate("--reuse-only", "--json")
    assert answer.code == 0
    density = rows_of(answer, "density")
    expected = combine(values, errors)
    assert density["PE"]["predicted"] == pytest.approx(expected.value)
    assert density["PE"]["stderr"] == pytest.approx(expected.stderr)
    assert density["PE"]["n_replicates"] == 3
    assert density["PS"]["predicted"] == 1.0
    newest = rows_of(validate("--reuse-only", "--replicates", "1", "--json"), "density")
    assert newest["PE"]["predicted"] == values[-1]
    assert rows_of(validate("--reuse-only", "--preset", "standard", "--json"), "density")["PS"]["status"] == "skipped"
    assert "(3)" in validate("--reuse-only", "--property", "density").stdout


def test_reuse_only_never_runs(validate: Callable[..., Any], polyomics_home: Path) -> None:
    answer = validate("--reuse-only", "--preset", "accurate")
    assert answer.code == 2
    assert "no finished study of preset 'accurate'" in answer.errors[0]
    assert not polyomics_home.exists()


def test_replicates_are_combined(validate: Callable[..., Any], both: None, finished: Callable[..., Any]) -> None:
    finished(PE, {"replicate": 1}, {"density": (0.87, 0.002)})
    row = rows_of(validate("--only", "pe", "--property", "density", "--replicates", "2", "--json"), "density")["PE"]
    expected = combine([0.83, 0.87], [0.002, 0.002])
    assert (row["predicted"], row["stderr"]) == (pytest.approx(expected.value), pytest.approx(expected.stderr))
    assert len(row["study_keys"]) == 2


def test_files_hold_what_was_printed(validate: Callable[..., Any], both: None) -> None:
    answer = validate(*ASKED, "--out", "deep/folder", "--json")
    written = [Path(path).name for path in answer.json["files"]]
    plots = [f"parity_{name}{end}" for name in ("density", "volume_expansion") for end in (".png", ".svg")]
    assert sorted(written) == sorted(["predictions.csv", "summary.csv", "summary.md", *plots])
    folder = Path("deep/folder")
    assert sorted(path.name for path in folder.iterdir()) == sorted(written)
    rows = list(csv.DictReader((folder / "predictions.csv").read_text(encoding="utf-8").splitlines()))
    for row, expected in zip(rows, answer.json["comparisons"], strict=True):
        assert (row["abbreviation"], row["status"], float(row["experiment"])) == (
            *(expected["abbreviation"], expected["status"], expected["experiment"]),
        )
        assert row["predicted"] == ("" if expected["predicted"] is None else str(expected["predicted"]))
    summary = list(csv.DictReader((folder / "summary.csv").read_text(encoding="utf-8").splitlines()))
    assert [float(row["bias"]) for row in summary] == pytest.approx([row["bias"] for row in answer.json["summary"]])
    text = (folder / "summary.md").read_text(encoding="utf-8")
    for part in ("| density | g/cm3 | all | RadonPy | 2 |", "PDMS", "another book", "preset demo"):
        assert part in text
    assert ElementTree.parse(folder / "parity_density.svg").getroot().tag.endswith("svg")
    assert (folder / "parity_density.png").read_bytes().startswith(b"\x89PNG")


def test_the_collection_that_ships_is_the_default(cli: Callable[..., Any], finished: Callable[..., Any]) -> None:
    finished(PS, {}, {"density": (1.0, 0.004)})
    row = rows_of(cli("validate", "--only", "PS", "--property", "density", "--json"), "density")["PS"]
    expected = experimental_value(PS, "density")
    assert expected is not None
    assert (row["experiment"], row["radonpy_md"]) == (expected.value, expected.radonpy_md)


PE_ROW = "polyethylene,PE,*CC*,rubber/liquid,density,0.855,g/cm3,True,high,,a book\n"
TABLES = {
    "missing-column": ("psmiles,density\n*CC*,1\n", "line 1: the header lacks the columns"),
    "unreadable-number": (HEADER + PE_ROW.replace("0.855", "abc"), "line 2: the column experiment has 'abc'"),
    "unknown-property": (HEADER + PE_ROW.replace("density", "densty"), "line 2: 'densty'"),
    "wrong-unit": (HEADER + PE_ROW.replace("g/cm3", "lb/ft3"), "line 2: density: the unit 'lb/ft3'"),
    "no-polymer": (HEADER + PE_ROW.replace("*CC*", "*CC"), "line 2: '*CC' has 1 of the 2"),
    "nothing-comparable": (HEADER + PE_ROW.replace("True", "False"), "no row that is comparable"),
    "nothing-trusted": (HEADER + PE_ROW.replace("high", "low"), "no row that is comparable"),
    "duplicate": (HEADER + PE_ROW + PE_ROW.replace("*CC*", "*CCCC*"), "line 3: density of PE is already in line 2"),
    "two-states": (HEADER + PE_ROW + PE_ROW.replace("rubber/liquid", "glass"), "line 3: PE is a glass"),
    "nothing-simulated": (HEADER + PE_ROW.replace("*CC*", "*O[Si](*)(C)C"), "no value to compare"),
    "nothing-measured": (
        HEADER + PE_ROW.replace("density", "yield_stress").replace("g/cm3", "MPa"),
        "where --probe or",
    ),
}
COMMANDS = {
    "no-such-file": (["--set", "gone.csv"], "cannot read gone.csv"),
    "no-such-property": (["--property", "densty"], "did you mean 'density'"),
    "no-such-polymer": (["--only", "PSS"], "'PSS' is not the abbreviation"),
    "no-such-preset": (["--preset", "dmeo"], "did you mean 'demo'"),
    "nothing-to-compare": (["--property", "radius_of_gyration"], "no value to compare"),
    "far-from-room-temperature": (["--temperature", "450"], "298.15 K"),
    "reuse-and-build": (["--reuse-only", "--chains", "4"], "n_chains"),
    "reuse-nothing": (["--reuse-only"], "no finished study"),
    "out-is-a-file": (["--out", "set.csv", "--only", "PE", "--property", "density"], "cannot make the folder set.csv"),
}


@pytest.mark.parametrize(("text", "says"), TABLES.values(), ids=TABLES)
def test_a_table_that_cannot_be_used_is_one_sentence(
    cli: Callable[..., Any], table_in: Callable[[str], str], polyomics_home: Path, text: str, says: str
) -> None:
    answer = cli("validate", "--set", table_in(text))
    assert (answer.code, answer.stdout, len(answer.errors)) == (2, "", 1)
    assert says in answer.errors[0]
    assert not polyomics_home.exists()


def test_a_duplicate_that_is_not_fit_for_comparison_does_no_harm(
    cli: Callable[..., Any], table_in: Callable[[str], str], finished: Callable[..., Any]
) -> None:
    finished(PE, {}, {"density": (0.83, 0.002)})
    path = table_in(HEADER + PE_ROW + PE_ROW.replace("0.855,g/cm3,True", "0.95,g/cm3,False"))
    answer = cli("validate", "--set", path, "--property", "density", "--json")
    assert [row["experiment"] for row in answer.json["comparisons"]] == [0.855]


@pytest.mark.parametrize(("arguments", "says"), COMMANDS.values(), ids=COMMANDS)
def test_a_command_that_cannot_be_carried_out_is_one_sentence(
    validate: Callable[..., Any], polyomics_home: Path, arguments: list[str], says: str
) -> None:
    answer = validate(*arguments)
    assert (answer.code, answer.stdout, len(answer.errors)) == (2, "", 1)
    assert says in answer.errors[0]
    assert not polyomics_home.exists()


@pytest.mark.slow
def test_a_real_study_is_run_and_then_reused(process: Callable[..., Any], polyomics_home: Path) -> None:
    command = ["validate", "--only", "PE", "--property", "density", "--preset", "smoke", "--threads", "1"]
    answer = process(*command, "--json")
    assert answer.code == 0
    row = answer.json["comparisons"][0]
    assert row["status"] == "compared"
    assert np.isfinite(row["predicted"])
    assert "smoke_test" in row["flags"]
    assert "[0:0" in answer.stderr
    again = process("validate", "--only", "PE", "--property", "density", "--preset", "smoke", "--reuse-only", "--json")
    assert again.json["comparisons"] == answer.json["comparisons"]
