"""One polymer, one key: however it is cut, turned, repeated or numbered."""

import random
from itertools import pairwise

import pytest
from example_polymers import COMMON, UNUSUAL
from rdkit import Chem

from polyomics.chemistry import canonical, parse_repeat_unit
from polyomics.chemistry.psmiles import read_psmiles

SAME = {
    "cut and direction": ["*CC(*)c1ccccc1", "*C(c1ccccc1)C*", "[*]C(C[*])c1ccccc1", "[2*]CC([1*])c1ccccc1"],
    "dimer": ["*CC(*)c1ccccc1", "*CC(c1ccccc1)CC(*)c1ccccc1"],
    "atom maps": ["*CC(*)Cl", "[*:1][CH2:7]C([*:2])Cl"],
    "three cuts": ["*CCO*", "*COC*", "*OCC*", "*CCOCCO*"],
    "single atom": ["*CC*", "*C*", "*CCC*", "*CCCC*", "*C([H])([H])C*"],
    "single atom with fluorine": ["*C(F)(F)C(*)(F)F", "*C(*)(F)F"],
    "PET": [
        "*CCOC(=O)c1ccc(C(=O)O*)cc1",
        "*OCCOC(=O)c1ccc(cc1)C(*)=O",
        "*c1ccc(cc1)C(=O)OCCOC(=O)*",
        "*C(=O)c1ccc(cc1)C(=O)OCCO*",
        "*COC(=O)c1ccc(cc1)C(=O)OC*",
    ],
    "head to tail order": ["*CC(*)C(=O)OC", "*C(C(=O)OC)C*"],
    "isotactic from either end": ["*C[C@H](*)C", "*C[C@@H](*)C", "*C[C@H](C)C[C@@H](*)C"],
    "syndiotactic": ["*C[C@H](C)C[C@H](*)C", "*C[C@@H](C)C[C@@H](*)C"],
    "isotactic, one atom": ["*[C@H](*)F", "*[C@@H](*)F"],
    "cis polyisoprene": ["*C/C=C(/C)C*", "*/C=C(/C)CC*", "*/C(C)=C\\CC*", "*C/C(C)=C\\C*"],
    "trans polyacetylene": ["*/C=C/*", "*/C=C/C=C/*", "*\\C=C\\*"],
    "cut through the double bond": ["*=CC=*", "*C=C*"],
    "kekule or aromatic": ["*C1=CC=C(*)C=C1", "*c1ccc(*)cc1"],
    "nitro either way": ["*CC(*)N(=O)=O", "*CC(*)[N+](=O)[O-]"],
}
DIFFERENT = [
    ["*CC(*)C", "*C[C@H](*)C", "*C[C@H](C)C[C@H](*)C"],
    ["*O[C@@H](C)C(*)=O", "*O[C@H](C)C(*)=O", "*OC(C)C(*)=O"],
    ["*C/C=C(/C)C*", "*C/C=C(\\C)C*", "*CC=C(C)C*"],
    ["*/C=C/*", "*/C=C\\*", "*C=C*"],
    ["*C/C=C/C*", "*C/C=C\\C*"],
    ["*[C@H]1CC[C@@H](*)CC1", "*[C@H]1CC[C@H](*)CC1", "*C1CCC(*)CC1"],
    ["*CC*", "*[13CH2]C*", "*C([2H])([2H])C*", "*C([2H])([2H])C([2H])([2H])*"],
    ["*CC(*)[C@H](F)Cl", "*CC(*)[C@@H](F)Cl"],
    ["*CC(C)C(C)C*", "*CC(C)C(*)C", "*CC(*)C"],
]


@pytest.mark.parametrize("text", [*COMMON.values(), *UNUSUAL.values()])
def test_moving_the_ends_gives_the_texts_of_the_assembled_windows(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick way, for units without stereo, writes what the general way does."""
    mol = read_psmiles(text)
    quickly = sorted(set(canonical._texts(mol)))
    monkeypatch.setattr(canonical, "has_stereo", lambda _: True)
    assert sorted(set(canonical._texts(mol))) == quickly


@pytest.mark.parametrize("texts", SAME.values(), ids=SAME.keys())
def test_ways_to_write_one_polymer_share_a_key(texts: list[str]) -> None:
    units = [parse_repeat_unit(text) for text in texts]
    assert {unit.key for unit in units} == {units[0].key}
    assert set(units) == {units[0]}


@pytest.mark.parametrize("texts", DIFFERENT)
def test_stereo_isotopes_and_constitution_are_kept(texts: list[str]) -> None:
    assert len({parse_repeat_unit(text).key for text in texts}) == len(texts)


@pytest.mark.parametrize("text", [*COMMON.values(), *UNUSUAL.values()])
def test_canonical_form_is_its_own_canonical_form(text: str) -> None:
    unit = parse_repeat_unit(text)
    again = parse_repeat_unit(unit.psmiles)
    assert again.psmiles == unit.psmiles
    assert again.formula == unit.formula


@pytest.mark.parametrize("text", [*COMMON.values(), *UNUSUAL.values()])
def test_order_of_atoms_does_not_matter(text: str) -> None:
    key = parse_repeat_unit(text).key
    mol = read_psmiles(text)
    Chem.SetDoubleBondNeighborDirections(mol)
    for seed in range(8):
        order = list(range(mol.GetNumAtoms()))
        random.Random(seed).shuffle(order)
        shuffled = Chem.MolToSmiles(Chem.RenumberAtoms(mol, order), canonical=False)
        assert parse_repeat_unit(shuffled.replace("[1*]", "*").replace("[2*]", "*")).key == key


@pytest.mark.parametrize("text", [text for text in COMMON.values() if not set("/\\@") & set(text)])
def test_cut_and_number_of_units_do_not_matter(text: str) -> None:
    key = parse_repeat_unit(text).key
    for seed in range(6):
        assert parse_repeat_unit(cut_elsewhere(text, seed)).key == key


def cut_elsewhere(text: str, seed: int) -> str:
    """The polymer cut at a random main-chain bond, with 1 to 3 units, read in a random direction (no stereo)."""
    rng = random.Random(seed)
    unit = read_psmiles(text)
    copies = rng.randint(1, 3)
    big = Chem.RWMol(unit)
    for _ in range(copies):
        big = Chem.RWMol(Chem.CombineMols(big, unit))
    n = unit.GetNumAtoms()
    star = {atom.GetIsotope(): atom.GetIdx() for atom in unit.GetAtoms() if atom.GetAtomicNum() == 0}
    near = {label: unit.GetAtomWithIdx(index).GetNeighbors()[0].GetIdx() for label, index in star.items()}
    for k in range(copies):
        big.RemoveBond(k * n + near[2], k * n + star[2])
        big.RemoveBond((k + 1) * n + near[1], (k + 1) * n + star[1])
        big.AddBond(k * n + near[2], (k + 1) * n + near[1], Chem.BondType.SINGLE)
    path = Chem.GetShortestPath(unit, star[1], star[2])
    begin, end = rng.choice([pair for pair in pairwise(path) if _is_open_single(unit, *pair)])
    if begin == star[1]:
        pairs = [(star[1], near[1]), ((copies - 1) * n + near[2], copies * n + near[1])]
    elif end == star[2]:
        pairs = [(near[2], n + near[1]), (copies * n + near[2], copies * n + star[2])]
    else:
        pairs = [(begin, end), (copies * n + begin, copies * n + end)]
    labels = []
    for (a, b), inside in zip(pairs, (1, 0), strict=True):
        big.RemoveBond(a, b)
        number = big.AddAtom(Chem.Atom(0))
        big.AddBond((a, b)[inside], number, Chem.BondType.SINGLE)
        labels.append(number)
    parts = Chem.GetMolFrags(big.GetMol(), asMols=True, sanitizeFrags=False)
    indices = Chem.GetMolFrags(big.GetMol())
    kept = next(part for part, numbers in zip(parts, indices, strict=True) if set(labels) <= set(numbers))
    for atom in kept.GetAtoms():
        if atom.GetAtomicNum() == 0:
            atom.SetIsotope(0)
    Chem.SanitizeMol(kept)
    return Chem.MolToSmiles(kept, doRandom=True)


def _is_open_single(mol: Chem.Mol, a: int, b: int) -> bool:
    bond = mol.GetBondBetweenAtoms(a, b)
    return bond.GetBondType() == Chem.BondType.SINGLE and not bond.IsInRing()


def test_field_conventions() -> None:
    written = {
        "*C*": "*CC*",
        "*C(*)(F)F": "*C(F)(F)C(*)(F)F",
        "*C(C*)c1ccccc1": "*CC(*)c1ccccc1",
        "*COC*": "*CCO*",
        "*C(C)(C(=O)OC)C*": "*CC(*)(C)C(=O)OC",
    }
    assert {text: parse_repeat_unit(text).psmiles for text in written} == written
