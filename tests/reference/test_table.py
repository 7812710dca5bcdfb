"""Tables of experimental values: what is read, what is refused and where, and units."""

import csv
import math
from importlib.resources import files
from pathlib import Path

import pytest

from polyomics.errors import InvalidInputFile, InvalidSettings
from polyomics.properties import PROPERTIES
from polyomics.reference import experimental_values
from polyomics.reference.experiment import name_in_table
from polyomics.reference.table import FIELD_OF_COLUMN, parse_table, read_table
from polyomics.reference.unit_conversion import FACTORS, conversion_factor

HEADER = "polymer,abbreviation,psmiles,state_300K,property,experiment,unit,comparable,confidence,source\n"
ROW = "polyethylene,PE,*CC*,rubber/liquid,density,0.855,g/cm3,True,high,a book\n"


def test_rows_keep_their_lines_and_optional_column() -> None:
    [(line, value), (other, _)] = parse_table(f"{HEADER}\n{ROW}{ROW}", "here")
    assert (line, other) == (3, 4)
    assert (value.value, value.unit, value.state, value.comparable) == (0.855, "g/cm3", "rubber/liquid", True)
    assert value.radonpy_md is None
    header = HEADER.replace("source", "radonpy_md,source,note")
    [(_, value)] = parse_table(header + ROW.replace("a book", "0.84,a book,mine"), "here")
    assert (value.radonpy_md, value.source) == (0.84, "a book")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "here is empty"),
        (HEADER, "no values"),
        (HEADER.replace("unit,", "") + ROW, "line 1: the header lacks the column unit"),
        ("psmiles,property\n*CC*,density\n", "line 1: the header lacks the columns polymer"),
        (HEADER.replace("source", "unit") + ROW, "line 1"),
        (HEADER.replace("source", "source,source") + ROW.replace("a book", "a,b"), "source is there twice"),
        (HEADER + ROW.replace("0.855", "0,855"), "line 2: 11 fields where the header has 10"),
        (HEADER + ROW + ROW.replace("0.855", "about one"), "line 3: the column experiment has 'about one'"),
        (HEADER + ROW.replace("0.855", "nan"), "line 2: the column experiment"),
        (HEADER + ROW.replace("0.855", ""), "line 2: the column experiment"),
        (HEADER + ROW.replace("rubber/liquid", "soft"), "line 2: the column state_300K has 'soft'"),
        (HEADER + ROW.replace("True", "perhaps"), "line 2: the column comparable"),
        (HEADER + ROW.replace("high", "sure"), "line 2: the column confidence"),
        (HEADER + ROW.replace("*CC*", " "), "line 2: the column psmiles"),
        (HEADER + '"polyethylene\n', "line 2: not CSV"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_with_the_line(text: str, says: str) -> None:
    with pytest.raises(InvalidInputFile, match="here") as caught:
        parse_table(text, "here")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputFile, match=r"gone\.csv"):
        read_table(tmp_path / "gone.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInputFile, match="UTF-8"):
        read_table(tmp_path / "binary.csv")


def test_the_bundled_table_has_every_column() -> None:
    text = files("polyomics.reference").joinpath("experiment.csv").read_text(encoding="utf-8")
    assert next(csv.reader([text.splitlines()[0]])) == list(FIELD_OF_COLUMN)


def test_radonpy_is_there_where_it_can_be_and_of_the_size_of_experiment() -> None:
    beside = [item for item in experimental_values() if item.radonpy_md is not None]
    assert len(beside) > 100
    assert all(item.radonpy_md is None for item in experimental_values() if item.abbreviation == "PDMS")
    assert all(0.1 < (item.radonpy_md or 0.0) / item.value < 4.0 for item in beside)
    densities = [(item.radonpy_md or 0.0) / item.value for item in beside if item.property == "density"]
    assert 0.85 < min(densities) < max(densities) < 1.1


def test_units_of_the_bundled_table_are_those_of_the_properties() -> None:
    """A property that changes its unit would otherwise lose its experimental values without a word."""
    compared = 0
    for item in experimental_values():
        for name, kind in PROPERTIES.items():
            if name_in_table(name, item.state) == item.property:
                assert kind.unit == item.unit
                compared += 1
    assert compared > 60


@pytest.mark.parametrize(("from_unit", "to_unit"), FACTORS)
def test_conversions_go_both_ways(from_unit: str, to_unit: str) -> None:
    assert conversion_factor(from_unit, to_unit) * conversion_factor(to_unit, from_unit) == pytest.approx(1.0)


def test_conversions_by_hand() -> None:
    assert 1050.0 * conversion_factor("kg/m3", "g/cm3") == pytest.approx(1.05)
    assert 3300.0 * conversion_factor("MPa", "GPa") == pytest.approx(3.3)
    assert 9.1 * conversion_factor("(cal/cm3)^0.5", "MPa^0.5") == pytest.approx(18.6, abs=0.05)
    assert conversion_factor("J/(g K)", "J/(kg K)") * 1.2 == pytest.approx(1200.0)
    assert math.isclose(conversion_factor("1", "1"), 1.0)


@pytest.mark.parametrize(("from_unit", "to_unit"), [("lb/ft3", "g/cm3"), ("GPa", "1/GPa"), ("K", "1/K"), ("", "1")])
def test_a_unit_that_is_not_listed_is_refused(from_unit: str, to_unit: str) -> None:
    with pytest.raises(InvalidSettings, match="cannot be converted"):
        conversion_factor(from_unit, to_unit)
