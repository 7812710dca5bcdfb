"""Pictures of repeat units: whole SVG, legible on light and dark, and nothing that takes for ever."""

import time
import xml.etree.ElementTree as ElementTree

import pytest

from polyomics.chemistry.drawing import LONGEST, MOST_ATOMS, structure_svg
from polyomics.errors import InvalidPolymer, InvalidSettings

SVG = "{http://www.w3.org/2000/svg}"


def bonds(text: str) -> set[str]:
    root = ElementTree.fromstring(text)
    classes = [path.get("class", "") for path in root.iter(f"{SVG}path")]
    return {name for one in classes for name in one.split() if name.startswith("bond-")}


@pytest.mark.parametrize(("psmiles", "n_bonds"), [("*CC*", 3), ("*CC(*)c1ccccc1", 10), ("*CC(*)C(=O)OC", 7)])
def test_a_picture_has_every_bond_and_both_ends(psmiles: str, n_bonds: int) -> None:
    text = structure_svg(psmiles)
    assert len(bonds(text)) == n_bonds
    assert "*" not in text
    root = ElementTree.fromstring(text)
    assert (root.get("width"), root.get("height")) == ("240px", "160px")
    assert [item.tag for item in root.iter() if item.tag in (f"{SVG}script", f"{SVG}foreignObject", f"{SVG}rect")] == []


def test_lines_are_dark_on_light_and_light_on_dark() -> None:
    assert "#000000" in structure_svg("*CC*")
    assert "#000000" not in structure_svg("*CC*", dark=True)


@pytest.mark.parametrize("text", ["", "not a SMILES", "*C(", "C" * (MOST_ATOMS + 1), "C" * (LONGEST + 1), "<script>"])
def test_what_cannot_be_drawn_is_refused(text: str) -> None:
    with pytest.raises(InvalidPolymer):
        structure_svg(text)


@pytest.mark.parametrize("edges", [(10, 160), (240, 5000), (-1, -1)])
def test_a_picture_has_a_size_that_can_be_looked_at(edges: tuple[int, int]) -> None:
    with pytest.raises(InvalidSettings, match="pixels"):
        structure_svg("*CC*", width=edges[0], height=edges[1])


@pytest.mark.parametrize(
    "text",
    [
        "C" * MOST_ATOMS,
        "*" + "C(C)" * 80 + "*",
        "*" + "c1ccc(cc1)" * 25 + "*",
        "C12C3C4C1C5C2C3C45" + "C6CC7CC6CC7" * 10,
        "Br" + "[C@@](F)(Cl)" * 40 + "I",
    ],
)
def test_the_largest_that_is_drawn_takes_no_longer_than_a_moment(text: str) -> None:
    structure_svg("*CC*")
    began = time.perf_counter()
    structure_svg(text)
    assert time.perf_counter() - began < 2.0
