"""Every polymer of the collection is found however its repeat unit is written."""

import csv
from importlib.resources import files

import pytest

from polyomics.chemistry import parse_repeat_unit
from polyomics.reference import experimental_value, experimental_values


@pytest.mark.parametrize(
    "text", ["*CC(*)c1ccccc1", "*C(c1ccccc1)C*", "*CC(c1ccccc1)CC(*)c1ccccc1", "[*]CC([*])c1ccccc1"]
)
def test_polystyrene(text: str) -> None:
    found = experimental_value(text, "density")
    assert found is not None
    assert found.abbreviation == "PS"
    assert found == experimental_value(parse_repeat_unit(text).key, "density")
    assert found.value == pytest.approx(1.05, abs=0.02)
    assert found.unit == "g/cm3"
    assert found.source


def test_only_rows_fit_for_comparison() -> None:
    found = [experimental_value(item.psmiles, item.property) == item for item in experimental_values()]
    fit = [item.comparable and item.confidence in ("high", "medium") for item in experimental_values()]
    assert found == fit
    assert sum(found) == 164


def test_silicon_is_looked_up_as_written() -> None:
    found = experimental_value("*O[Si](*)(C)C", "density")
    assert found is not None
    assert found.abbreviation == "PDMS"


@pytest.mark.parametrize("text", ["*CC(*)O[Si](C)(C)C", "no polymer", "*", "", "***", "5eed0001"])
def test_unknown_polymer_has_no_value(text: str) -> None:
    assert experimental_value(text, "density") is None


def test_far_from_room_temperature_only_temperatures_compare() -> None:
    assert experimental_value("*CC*", "density", 300.0) is not None
    assert experimental_value("*CC*", "density", None) is not None
    assert experimental_value("*CC*", "density", 450.0) is None
    assert experimental_value("*CC(*)c1ccccc1", "glass_transition_temperature", 500.0) is not None


def test_each_polymer_has_one_key_and_each_value_one_row() -> None:
    by_abbreviation = {item.abbreviation: item.psmiles for item in experimental_values()}
    assert len(set(by_abbreviation.values())) == len(by_abbreviation)
    rows = [(item.psmiles, item.property) for item in experimental_values()]
    assert len(set(rows)) == len(rows)


def test_every_row_names_its_source() -> None:
    text = files("polyomics.reference").joinpath("experiment.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == len(experimental_values())
    assert all(len(row["source"]) > 10 for row in rows)


@pytest.mark.parametrize("name", ["volume_expansion", "volume_expansion_finite_difference"])
def test_expansion_is_that_of_the_glass_or_of_the_rubber(name: str) -> None:
    for psmiles, in_table in (("*CC(*)c1ccccc1", "volume_expansion_glass"), ("*CC(*)(C)C", "volume_expansion_rubber")):
        found = experimental_value(psmiles, name)
        assert found is not None
        assert found.property == in_table
        assert found == experimental_value(psmiles, in_table)
    assert experimental_value("*CC(*)c1ccccc1", "volume_expansion_rubber") is None


def test_expansion_of_a_rubber_below_its_glass_transition_is_not_that_of_a_rubber() -> None:
    """PTFE is a rubber in the table but its only expansion is that of the glass: nothing to compare with."""
    teflon = "*C(F)(F)C(*)(F)F"
    assert any(item.property == "volume_expansion_glass" for item in experimental_values() if item.psmiles == teflon)
    assert experimental_value(teflon, "volume_expansion") is None


def test_heat_capacity_from_two_temperatures_is_held_against_the_same_value() -> None:
    one, other = (
        experimental_value("*CC*", f"specific_heat_capacity_cp{ending}") for ending in ("", "_finite_difference")
    )
    assert one is not None
    assert one == other
    assert experimental_value("*CC*", "specific_heat_capacity_cp_classical") is None
