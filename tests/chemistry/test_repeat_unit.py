"""The record of a repeat unit, and every way to be refused."""

import pytest
from example_polymers import COMMON, UNUSUAL
from rdkit.Chem import Descriptors, MolFromSmiles

from polyomics.chemistry import parse_repeat_unit
from polyomics.errors import InvalidPolymer, UnsupportedElement


def test_polystyrene() -> None:
    unit = parse_repeat_unit("*C(c1ccccc1)C*")
    assert unit.as_written == "*C(c1ccccc1)C*"
    assert unit.formula == "C8H8"
    assert unit.molar_mass_g_mol == pytest.approx(Descriptors.MolWt(MolFromSmiles("C=Cc1ccccc1")))
    assert (unit.n_atoms, unit.n_heavy_atoms, unit.n_backbone, unit.n_stereocentres) == (16, 8, 2, 1)


@pytest.mark.parametrize("text", [*COMMON.values(), *UNUSUAL.values()])
def test_numbers_agree_with_each_other(text: str) -> None:
    unit = parse_repeat_unit(text)
    assert unit.backbone[0] == unit.head
    assert unit.backbone[-1] == unit.tail
    assert unit.piece.n_atoms == unit.n_atoms
    assert len(unit.key) >= 16
    assert int(unit.key, 16) >= 0
    assert set(unit.tactic_centres) <= set(unit.backbone)
    assert not set(unit.tactic_centres) & set(unit.fixed_centres)


@pytest.mark.parametrize(
    ("text", "tactic", "free", "fixed"),
    [
        ("*CC*", 0, 0, 0),
        ("*CC(*)(C)C", 0, 0, 0),
        ("*CC(*)C", 1, 0, 0),
        ("*C(F)C(*)Cl", 2, 0, 0),
        ("*O[C@@H](C)C(*)=O", 0, 0, 1),
        ("*CC(*)C(C)CC", 1, 1, 0),
        ("*C1CCC(*)C1", 0, 2, 0),
        ("*CC(*)[C@H](C)CC", 1, 0, 1),
    ],
)
def test_stereocentres_are_sorted_by_who_decides_them(text: str, tactic: int, free: int, fixed: int) -> None:
    unit = parse_repeat_unit(text)
    assert (len(unit.tactic_centres), len(unit.free_centres), len(unit.fixed_centres)) == (tactic, free, fixed)


def test_deuterium_is_in_formula_and_mass() -> None:
    light, heavy = parse_repeat_unit("*CC*"), parse_repeat_unit("*C([2H])([2H])C([2H])([2H])*")
    assert heavy.formula == "C2D4"
    assert heavy.molar_mass_g_mol - light.molar_mass_g_mol == pytest.approx(4 * (2.0141 - 1.0079), abs=1e-3)


REFUSED = {
    "": "empty",
    "   ": "empty",
    "polystyrene": "not a SMILES",
    "*CC(": "not a SMILES",
    "*C C*": "character",
    "CCO": "0 of the 2",
    "*CC": "1 of the 2",
    "*CC(*)*": "3 of the 2",
    "**": "bonded to '\\*'",
    "*1CC1*": "neighbours",
    "*[*]C*": "3 of the 2",
    "*C(C)(C)(C)*": "valence",
    "*CF*": "valence",
    "*CI*": "more than one bond",
    "*CC(*)Cl(=O)(=O)=O": "valence",
    "*c1cccc1*": "not a possible",
    "*=CC*": "double bond at one",
    "*=C=*": "no single bond",
    "*:c1ccc(*)cc1": "single bond at the other|aromatic bond",
    "*C[N+](C)(C)C*": "net charge of \\+1",
    "*CC(*)C(=O)[O-]": "net charge of -1",
    "*[CH]C*": "electrons",
    "*CC(*)[O]": "electrons",
    "*CC*.Cl": "2 disconnected",
    "*C.C*": "2 disconnected",
    "*C->C*": "bond of type",
    "*C~C*": "bond of type|not a SMILES",
    "[*H]CC*": "plain",
    "*C:C*": "aromatic",
    "*" + "C" * 301 + "*": "301 heavy atoms",
    "*" + "C" * 6000 + "*": "6,002 characters",
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_refused_in_one_sentence(text: str, reason: str) -> None:
    with pytest.raises(InvalidPolymer, match=reason) as caught:
        parse_repeat_unit(text)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "symbol"), [("*O[Si](*)(C)C", "Si"), ("*CC(*)B(O)O", "B"), ("*[Sn](*)(C)C", "Sn"), ("*CC(*)[Na]", "Na")]
)
def test_elements_without_parameters_are_named(text: str, symbol: str) -> None:
    with pytest.raises(UnsupportedElement, match=rf"has {symbol},"):
        parse_repeat_unit(text)


def test_only_text_is_read() -> None:
    with pytest.raises(InvalidPolymer, match="NoneType"):
        parse_repeat_unit(None)  # type: ignore[arg-type]


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    for text in ("*CC(", "*c1cccc1*", "*C[H]*", "*[H]"):
        with pytest.raises(InvalidPolymer):
            parse_repeat_unit(text)
    assert capfd.readouterr() == ("", "")
