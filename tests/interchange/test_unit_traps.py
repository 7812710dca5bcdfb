"""Units are told by the numbers, whatever a document says."""

import csv
import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from polyomics.interchange.columns import BY_NAME, plain_name
from polyomics.interchange.units import MOST, NEEDED, TRAPS, Evidence, Trap, UnitFound

SAMPLE = Path(__file__).parents[1] / "data" / "radonpy_sample.csv"
Rows = list[dict[str, float]]


@pytest.fixture(scope="module")
def real_rows() -> Rows:
    """Rows of RadonPy in the units that we store, made whole by physics where RadonPy has no such column."""
    with SAMPLE.open(newline="") as file:
        rows = [{plain_name(k): float(v) for k, v in row.items() if _is_number(v)} for row in csv.DictReader(file)]
    for row in rows:
        row["Rg"] *= 0.1
        row["qm_total_energy_monomer1"] /= 2625.4996
        row["cell_volume"] = row["n_mol"] * row["Mn"] / row["density"] / 6.02214076e23 * 1e24
        row["sp_ced"] = 280.0
        for name in ("bulk_modulus",):
            row[name] *= 1e-9
        row["compressibility"] *= 1e9
    return rows


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def told(rows: Rows, columns: list[str]) -> Mapping[str, UnitFound]:
    evidence = Evidence()
    for row in rows:
        assert evidence.wants_next()
        evidence.add([row.get(name) for name in NEEDED])
    return evidence.units(columns)


@pytest.mark.parametrize(
    ("trap", "unit"), [pytest.param(t, u, id=f"{t.columns[0]} in {u}") for t in TRAPS for u in t.units]
)
def test_every_unit_is_told_from_real_numbers_written_in_it(real_rows: Rows, trap: Trap, unit: str) -> None:
    column = trap.columns[0]
    written = [row | {column: row[column] / trap.units[unit]} for row in real_rows if column in row]
    if column != "Rg":  # all others are in the documented units
        written = [row | {"Rg": row["Rg"] * 10.0} for row in written]
    for name, other in (("compressibility", 1e9), ("bulk_modulus", 1e-9)):
        written = [row if name == column else row | {name: row.get(name, 1.0) / other} for row in written]
    found = told(written, [column, "Rg"])[column]
    assert (found.unit, found.is_told) == (unit, True), found.reason
    assert found.factor == trap.units[unit]


def test_the_end_to_end_distance_of_radonpy_is_a_trap() -> None:
    with SAMPLE.open(newline="") as file:
        rows = [{k: float(v) for k, v in row.items() if _is_number(v)} for row in csv.DictReader(file)]
    found = told(rows, ["Rg", "r2"])
    assert (found["Rg"].unit, found["Rg"].is_trap) == ("A", False)
    assert (found["r2"].unit, found["r2"].documented, found["r2"].is_trap) == ("nm2", "A2", True)
    assert "median of 13 rows" in found["r2"].reason


def test_an_energy_is_told_by_the_chain_where_the_mass_of_the_unit_is_missing() -> None:
    rows = [{"qm_total_energy_monomer1": -209676.7, "Mn": 4658.98, "DP": 165.0}]  # polyethylene, as RadonPy has it
    assert told(rows, ["qm_total_energy_monomer1"])["qm_total_energy_monomer1"].unit == "kJ/mol"


def test_a_column_shares_the_unit_of_its_fellow() -> None:
    rows = [{"bulk_modulus": 2.5 + number, "isentropic_bulk_modulus": 3.0} for number in range(5)]
    found = told(rows, ["bulk_modulus", "isentropic_bulk_modulus"])
    assert {one.unit for one in found.values()} == {"GPa"}


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([{"r2": 20.0}] * 9, "no row tells"),
        ([{"r2": 20.0, "Rg": 500.0}] * 9, "fits none of A2, nm2"),
    ],
)
def test_what_the_numbers_do_not_tell_is_as_in_their_files_and_said(rows: Rows, reason: str) -> None:
    found = told(rows, ["r2", "Rg"])["r2"]
    assert (found.unit, found.factor, found.is_told) == ("nm2", 1.0, False)
    assert reason in found.reason


def test_an_empty_column_is_not_spoken_of() -> None:
    assert told([{"density": 1.0}] * 5, ["density", "sp_ced"]).keys() == {"density"}


def test_few_bad_rows_do_not_change_the_unit() -> None:
    rows = [{"density": 1.1}] * 8 + [{"density": 1100.0}] * 5
    assert told(rows, ["density"])["density"].unit == "g/cm3"


def test_rows_kept_are_spread_over_a_long_file() -> None:
    evidence = Evidence()
    for number in range(10 * MOST):
        if evidence.wants_next():
            evidence.add([float(number)])
    kept = [row[0] or 0.0 for row in evidence.rows]
    assert len(kept) < MOST
    steps = {b - a for a, b in itertools.pairwise(kept)}
    assert len(steps) == 1
    assert kept[-1] > 9 * MOST


def test_documented_units_are_among_those_looked_for() -> None:
    for trap in TRAPS:
        for column in trap.columns:
            documented = BY_NAME[column]
            assert trap.units[documented.their_unit] == documented.factor


def test_a_row_like_those_of_polyomics_is_as_documented_but_for_r2(polystyrene_row: dict[str, Any]) -> None:
    numbers = {name: float(value) for name, value in polystyrene_row.items() if _is_number(str(value))}
    found = told([numbers], [name for name in polystyrene_row if name in BY_NAME])
    assert {name for name, one in found.items() if one.is_trap} == {"r2"}
    assert all(one.is_told for one in found.values())
