"""Backbone classes: of known polymers, and the same however the unit is cut, turned, repeated or closed."""

import csv
import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdkit import Chem

from polyomics.chemistry import canonical, parse_repeat_unit, polymer_class
from polyomics.chemistry.polymer_class import POLYMER_CLASSES, UNCLASSIFIED, _classes_of, polymer_classes
from polyomics.chemistry.psmiles import HEAD_LABEL, TAIL_LABEL, read_psmiles
from polyomics.reference import experiment

KNOWN = {
    "polyethylene": ("*CC*", "polyolefin"),
    "polypropylene": ("*CC(*)C", "polyolefin"),
    "polyisobutylene": ("*CC(*)(C)C", "polyolefin"),
    "poly(vinylcyclohexane)": ("*CC(*)C1CCCCC1", "polyolefin"),
    "hydrogenated polynorbornene": ("*CCC1CCC(*)C1", "polyolefin"),
    "polystyrene": ("*CC(*)c1ccccc1", "polystyrene"),
    "poly(alpha-methylstyrene)": ("*CC(*)(C)c1ccccc1", "polystyrene"),
    "poly(4-chlorostyrene)": ("*CC(*)c1ccc(Cl)cc1", "polystyrene"),
    "poly(2-vinylnaphthalene)": ("*CC(*)c1ccc2ccccc2c1", "polystyrene"),
    "linear poly(divinylbenzene)": ("*CC(*)c1ccc(C=C)cc1", "polystyrene"),
    "styrene and acrylonitrile, alternating": ("*CC(c1ccccc1)CC(*)C#N", "polystyrene polyacrylic"),
    "PMMA": ("*CC(*)(C)C(=O)OC", "polyacrylic"),
    "poly(acrylic acid)": ("*CC(*)C(=O)O", "polyacrylic"),
    "polyacrylamide": ("*CC(*)C(N)=O", "polyacrylic"),
    "polyacrylonitrile": ("*CC(*)C#N", "polyacrylic"),
    "poly(methyl 2-chloroacrylate)": ("*CC(*)(Cl)C(=O)OC", "polyacrylic polyhalo-olefin"),
    "poly(methacrylic anhydride)": ("*CC1(C)CC(*)(C)C(=O)OC1=O", "polyacrylic"),
    "poly(N-phenylmaleimide)": ("*C1C(*)C(=O)N(c2ccccc2)C1=O", "polyacrylic"),
    "PVC": ("*CC(*)Cl", "polyhalo-olefin"),
    "PVDF": ("*CC(*)(F)F", "polyhalo-olefin"),
    "PTFE": ("*C(F)(F)C(*)(F)F", "polyhalo-olefin"),
    "PCTFE": ("*C(F)(F)C(*)(F)Cl", "polyhalo-olefin"),
    "poly(trifluoropropene)": ("*CC(*)C(F)(F)F", "polyvinyl"),
    "ethylene and tetrafluoroethylene, alternating": ("*CCC(F)(F)C(*)(F)F", "polyhalo-olefin"),
    "poly(vinyl chloride-alt-vinyl acetate)": ("*CC(Cl)CC(*)OC(C)=O", "polyhalo-olefin polyvinyl"),
    "poly(vinyl acetate)": ("*CC(*)OC(C)=O", "polyvinyl"),
    "poly(vinyl alcohol)": ("*CC(*)O", "polyvinyl"),
    "poly(vinyl methyl ether)": ("*CC(*)OC", "polyvinyl"),
    "poly(methyl vinyl ketone)": ("*CC(*)C(C)=O", "polyvinyl"),
    "PVK": ("*CC(*)n1c2ccccc2c2ccccc21", "polyvinyl"),
    "PVP": ("*CC(*)N1CCCC1=O", "polyvinyl"),
    "poly(4-vinylpyridine)": ("*CC(*)c1ccncc1", "polyvinyl"),
    "poly(vinyl butyral)": ("*CC1CC(*)OC(CCC)O1", "polyvinyl"),
    "polyallylbenzene": ("*CC(*)Cc1ccccc1", "polyvinyl"),
    "cis-polybutadiene": ("*C/C=C\\C*", "polydiene"),
    "trans-polybutadiene": ("*C/C=C/C*", "polydiene"),
    "1,2-polybutadiene": ("*CC(*)C=C", "polydiene"),
    "cis-polyisoprene": ("*C/C=C(/C)C*", "polydiene"),
    "polyallene": ("*CC(*)=C", "polydiene"),
    "polychloroprene": ("*CC(Cl)=CC*", "polydiene polyhalo-olefin"),
    "polynorbornene": ("*C=CC1CCC(*)C1", "polydiene"),
    "polyacetylene": ("*/C=C/*", "polydiene"),
    "poly(phenylacetylene)": ("*C=C(*)c1ccccc1", "polydiene polyvinyl"),
    "polydiacetylene": ("*C#CC(C)=C(*)C", "polydiene"),
    "PPP": ("*c1ccc(*)cc1", "polyphenylene"),
    "parylene": ("*CCc1ccc(*)cc1", "polyphenylene"),
    "PPV": ("*/C=C/c1ccc(*)cc1", "polyphenylene"),
    "polyfluorene": ("*c1ccc2c(c1)C(C)(C)c1cc(*)ccc12", "polyphenylene"),
    "imides beside the main chain": ("*c1c2c(c(*)c3c1C(=O)N(C)C3=O)C(=O)N(C)C2=O", "polyphenylene"),
    "PEO": ("*CCO*", "polyoxide"),
    "poly(propylene oxide)": ("*CC(C)O*", "polyoxide"),
    "polyoxymethylene": ("*CO*", "polyoxide"),
    "polyepichlorohydrin": ("*CC(CCl)O*", "polyoxide"),
    "PPO": ("*Oc1c(C)cc(*)cc1C", "polyoxide"),
    "cellulose": ("*O[C@@H]1O[C@H](CO)[C@@H](*)[C@H](O)[C@H]1O", "polyoxide"),
    "polyfuran": ("*c1ccc(*)o1", "polyoxide"),
    "PBO": ("*c1ccc(-c2nc3cc4nc(*)oc4cc3o2)cc1", "polyoxide polyimine"),
    "polybenzoxazole, short way by O": ("*c1ccc(-c2nc3ccc(*)cc3o2)cc1", "polyoxide polyimine"),
    "polybenzoxazole, short way by N": ("*c1ccc(-c2nc3cc(*)ccc3o2)cc1", "polyoxide polyimine"),
    "two shortest ways": ("*C1CCC(*)OC1", "polyoxide"),
    "two shortest ways, the other written first": ("*C1COC(*)CC1", "polyoxide"),
    "polyphosphate": ("*CCOP(=O)(OC)O*", "polyoxide"),
    "PPS": ("*Sc1ccc(*)cc1", "polysulfide"),
    "poly(ethylene disulfide)": ("*CCSS*", "polysulfide"),
    "polysulfur": ("*SS*", "polysulfide"),
    "polythiophene": ("*c1ccc(*)s1", "polysulfide"),
    "PES": ("*Oc1ccc(S(=O)(=O)c2ccc(*)cc2)cc1", "polysulfone polyoxide"),
    "PSU": (
        "*Oc1ccc(C(C)(C)c2ccc(Oc3ccc(S(=O)(=O)c4ccc(*)cc4)cc3)cc2)cc1",
        "polysulfone polyoxide",
    ),
    "poly(hexamethylene sulfone)": ("*CCCCCCS(*)(=O)=O", "polysulfone"),
    "poly(ethylene sulfoxide)": ("*CCS(*)=O", "polysulfone"),
    "polysulfonate": ("*OS(=O)(=O)c1ccc(*)cc1", "polysulfone"),
    "polysulfonamide": ("*CCNS(=O)(=O)c1cccc(S(=O)(=O)N*)c1", "polysulfone"),
    "PEEK": ("*Oc1ccc(Oc2ccc(C(=O)c3ccc(*)cc3)cc2)cc1", "polyketone polyoxide"),
    "ethylene and carbon monoxide, alternating": ("*CCC(*)=O", "polyketone"),
    "PET": ("*CCOC(=O)c1ccc(C(=O)O*)cc1", "polyester"),
    "poly(lactic acid)": ("*OC(C)C(*)=O", "polyester"),
    "polycaprolactone": ("*CCCCCC(=O)O*", "polyester"),
    "poly(ethylene succinate), head to tail cut": ("*OC(=O)CCC(=O)OCC*", "polyester"),
    "poly(ethylene oxalate)": ("*CCOC(=O)C(=O)O*", "polyester"),
    "polydioxanone": ("*CCOCC(=O)O*", "polyester polyoxide"),
    "poly(pyruvate-like ketoester)": ("*CCC(=O)C(=O)O*", "polyester polyketone"),
    "polythioester": ("*SCCSC(=O)CCC(*)=O", "polyester"),
    "bisphenol A polycarbonate": ("*Oc1ccc(C(C)(C)c2ccc(OC(*)=O)cc2)cc1", "polycarbonate"),
    "poly(ethylene carbonate)": ("*CCOC(=O)O*", "polycarbonate"),
    "nylon 6": ("*CCCCCC(=O)N*", "polyamide"),
    "nylon 6,6": ("*CCCCCCNC(=O)CCCCC(=O)N*", "polyamide"),
    "Kevlar": ("*Nc1ccc(NC(=O)c2ccc(C(*)=O)cc2)cc1", "polyamide"),
    "poly(methyl glutamate)": ("*NC(CCC(=O)OC)C(*)=O", "polyamide"),
    "polyhydrazide": ("*CCC(=O)NNC(*)=O", "polyamide"),
    "poly(ester amide)": ("*CCOC(=O)CCC(=O)N*", "polyester polyamide"),
    "polyurethane": ("*CCCCOC(=O)Nc1ccc(Cc2ccc(NC(=O)O*)cc2)cc1", "polyurethane"),
    "poly(ether urethane)": ("*CCOCCOC(=O)NCCCCCCNC(=O)O*", "polyurethane polyoxide"),
    "poly(ester urethane)": ("*CCOC(=O)CCNC(=O)O*", "polyurethane polyester"),
    "polyurea": ("*NC(=O)NCCCCCC*", "polyurea"),
    "poly(urethane urea)": ("*CCOC(=O)NCCNC(=O)N*", "polyurethane polyurea"),
    "Kapton": ("*c1ccc(Oc2ccc(N3C(=O)c4cc5c(cc4C3=O)C(=O)N(*)C5=O)cc2)cc1", "polyimide polyoxide"),
    "Kapton, written aromatic": ("*c1ccc(Oc2ccc(-n3c(=O)c4cc5c(=O)n(*)c(=O)c5cc4c3=O)cc2)cc1", "polyimide polyoxide"),
    "Ultem": (
        "*c1cccc(N2C(=O)c3ccc(Oc4ccc(C(C)(C)c5ccc(Oc6ccc7c(c6)C(=O)N(*)C7=O)cc5)cc4)cc3C2=O)c1",
        "polyimide polyoxide",
    ),
    "poly(amide imide)": ("*c1ccc(Cc2ccc(N3C(=O)c4ccc(C(=O)N*)cc4C3=O)cc2)cc1", "polyimide polyamide"),
    "imide without ring": ("*CCCC(=O)N(C)C(*)=O", "polyimide"),
    "poly(sebacic anhydride)": ("*C(=O)CCCCCCCCC(=O)O*", "polyanhydride"),
    "poly(ester anhydride)": ("*CCC(=O)OC(=O)CCOC(*)=O", "polyanhydride polyester"),
    "poly(dichlorophosphazene)": ("*N=P(*)(Cl)Cl", "polyphosphazene"),
    "poly(bis(trifluoroethoxy)phosphazene)": ("*N=P(*)(OCC(F)(F)F)OCC(F)(F)F", "polyphosphazene"),
    "linear polyethylenimine": ("*CCN*", "polyimine"),
    "poly(2-ethyl-2-oxazoline)": ("*CCN(*)C(=O)CC", "polyimine"),
    "polycarbazole": ("*c1ccc2[nH]c3ccc(*)cc3c2c1", "polyimine"),
    "polyaniline": ("*Nc1ccc(*)cc1", "polyimine"),
    "polyazomethine": ("*N=Cc1ccc(C=Nc2ccc(*)cc2)cc1", "polyimine"),
    "polypyrrole": ("*c1ccc(*)[nH]1", "polyimine"),
    "PBI": ("*c1cccc(-c2nc3cc(-c4ccc5[nH]c(*)nc5c4)ccc3[nH]2)c1", "polyimine"),
    "polyphosphine": ("*CP(*)c1ccccc1", ""),
}
"""Name: p-SMILES and all classes, the primary one first."""


@pytest.mark.parametrize("name", KNOWN)
def test_of_known_polymers(name: str) -> None:
    text, classes = KNOWN[name]
    unit = parse_repeat_unit(text)
    assert polymer_classes(unit) == tuple(classes.split())
    assert polymer_class.polymer_class(unit) == (classes.split() or [UNCLASSIFIED])[0]


@pytest.mark.parametrize("text", ["*O[Si](*)(C)C", "*[Si](*)(C)C", "*C[Si](C)(C)C*"])
def test_silicon_on_the_main_chain(text: str) -> None:
    """As read without the check of elements."""
    mol = Chem.MolFromSmiles(text)
    stars = [atom for atom in mol.GetAtoms() if atom.GetAtomicNum() == 0]
    for star, label in zip(stars, (HEAD_LABEL, TAIL_LABEL), strict=True):
        star.SetIsotope(label)
    assert _classes_of(mol) == ("polysiloxane",)


def test_every_class_is_the_primary_one_of_a_known_polymer() -> None:
    primary = {classes.split()[0] for _, classes in KNOWN.values() if classes}
    assert primary == set(POLYMER_CLASSES) - {"polysiloxane"}
    assert len(set(POLYMER_CLASSES.values())) == len(POLYMER_CLASSES) == 21


PATTERNS = [
    (name, number)
    for table in (polymer_class._LINKING_GROUPS, polymer_class._SIDE_GROUPS)
    for name, patterns in table.items()
    for number in range(len(patterns))
    if name != "polysiloxane"
]


@pytest.mark.parametrize(("name", "number"), PATTERNS)
def test_every_pattern_is_needed(name: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, some known polymer is classified otherwise."""
    for where in ("_LINKING_GROUPS", "_SIDE_GROUPS"):
        table = dict(getattr(polymer_class, where))
        if name in table:
            table[name] = tuple(p for place, p in enumerate(table[name]) if place != number)
        monkeypatch.setattr(polymer_class, where, table)
    assert any(_classes_of(read_psmiles(text)) != tuple(classes.split()) for text, classes in KNOWN.values())


def experiments() -> list[str]:
    """The p-SMILES of the reference values that the parser accepts."""
    table = Path(experiment.__file__).with_name("experiment.csv")
    with table.open(encoding="utf-8") as file:
        return sorted({row["psmiles"] for row in csv.DictReader(file) if "Si" not in row["psmiles"]})


NUMBERED = [
    *["polyolefin", "polystyrene", "polyvinyl", "polyacrylic", "polyhalo-olefin", "polydiene", "polyoxide"],
    *["polysulfide", "polyester", "polyamide", "polyurethane", "polyurea", "polyimide", "polyanhydride"],
    *["polycarbonate", "polyimine", "polysiloxane", "polyphosphazene", "polyketone", "polysulfone", "polyphenylene"],
]
"""Classes in the order of PoLyInfo's numbers, from 1."""


def pi1070_rows() -> list[dict[str, str]]:
    """The rows of RadonPy's PI1070.csv."""
    path = os.environ.get("POLYOMICS_PI1070")
    if path is None:
        pytest.skip("set POLYOMICS_PI1070 to a copy of data/PI1070.csv of github.com/RadonPy/RadonPy")
    with Path(path).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def turned(mol: Chem.Mol) -> Chem.Mol:
    """The unit with head and tail in each other's place."""
    other = Chem.Mol(mol)
    for atom in other.GetAtoms():
        if atom.GetAtomicNum() == 0:
            atom.SetIsotope(HEAD_LABEL + TAIL_LABEL - atom.GetIsotope())
    return other


def halves(mol: Chem.Mol) -> tuple[list[Chem.Atom], list[Chem.Atom]]:
    """First and second half of the atoms."""
    atoms = list(mol.GetAtoms())
    return atoms[: len(atoms) // 2], atoms[len(atoms) // 2 :]


def twice(mol: Chem.Mol) -> Chem.Mol:
    """Two units, joined."""
    both = Chem.RWMol(mol)
    both.InsertMol(mol)
    first, last = ({a.GetIsotope(): a for a in atoms if a.GetAtomicNum() == 0} for atoms in halves(both))
    tail, head = first[TAIL_LABEL], last[HEAD_LABEL]
    both.AddBond(tail.GetNeighbors()[0].GetIdx(), head.GetNeighbors()[0].GetIdx(), tail.GetBonds()[0].GetBondType())
    for index in sorted((tail.GetIdx(), head.GetIdx()), reverse=True):
        both.RemoveAtom(index)
    Chem.SanitizeMol(both)
    return both


def ways_to_write(text: str, at_most: int = 100) -> list[Chem.Mol]:
    """The unit as written, at every cut and in both directions, turned and twice; none in canonical form."""
    written = read_psmiles(text)
    cuts = sorted(set(canonical._texts(written)))
    chosen = random.Random(text).sample(cuts, min(at_most, len(cuts)))
    mols = [written, *map(read_psmiles, chosen)]
    return [*mols, *map(turned, mols), *map(twice, mols[:2])]


@pytest.mark.parametrize("text", [*dict.fromkeys([text for text, _ in KNOWN.values()] + experiments())])
def test_cut_direction_and_repetition_do_not_matter(text: str) -> None:
    expected = polymer_classes(parse_repeat_unit(text))
    assert {_classes_of(mol) for mol in ways_to_write(text)} == {expected}


def test_cut_direction_and_repetition_do_not_matter_for_a_sample_of_pi1070() -> None:
    for text in random.Random(1).sample([row["smiles"] for row in pi1070_rows()], 150):
        expected = _classes_of(read_psmiles(text))
        assert {_classes_of(mol) for mol in ways_to_write(text, at_most=3)} == {expected}, text


@pytest.mark.slow
def test_cut_direction_and_repetition_do_not_matter_for_pi1070() -> None:
    for text in (row["smiles"] for row in pi1070_rows()):
        expected = polymer_classes(parse_repeat_unit(text))
        assert expected, text
        assert {_classes_of(mol) for mol in ways_to_write(text)} == {expected}, text


@pytest.mark.slow
def test_agrees_with_the_classes_given_in_pi1070() -> None:
    """The class of PoLyInfo's curators is among ours for 95 % of them and the primary one for 85 %."""
    rows = pi1070_rows()
    theirs = [NUMBERED[int(row["polymer_class"]) - 1] for row in rows]
    ours = [polymer_classes(parse_repeat_unit(row["smiles"])) for row in rows]
    assert sum(name in names for name, names in zip(theirs, ours, strict=True)) >= 0.95 * len(rows)
    assert sum(name == names[0] for name, names in zip(theirs, ours, strict=True)) >= 0.85 * len(rows)


SYMMETRIC = ["C", "C(C)(C)", "C(=O)", "O", "S", "N", "N(C)", "S(=O)(=O)", "C(F)(F)", "C=C", "C#C", "c1ccc(cc1)"]
DIRECTED = [("N=P(C)(C)", "P(C)(C)=N"), ("N=C", "C=N"), ("C(C)C(Cl)", "C(Cl)C(C)"), ("C(=O)N1CCC1", "C2CCN2C(=O)")]
PARTS = [(part, part) for part in SYMMETRIC] + DIRECTED
"""Parts of a main chain, each as written in one direction and in the other."""


@settings(max_examples=100, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=7), st.integers(0, 6), st.integers(1, 3))
def test_a_word_of_parts_may_be_rotated_reversed_and_repeated(
    word: list[tuple[str, str]], shift: int, times: int
) -> None:
    """The other writings are put together as text, without the code that finds the canonical form."""

    def classes(parts: list[str]) -> tuple[str, ...]:
        return _classes_of(read_psmiles("*" + "".join(parts) + "*"))

    forward = [part for part, _ in word]
    backward = [part for _, part in reversed(word)]
    shift %= len(word)
    expected = classes(forward)
    assert classes(forward[shift:] + forward[:shift]) == expected
    assert classes(backward) == expected
    assert classes(forward * times) == expected


@pytest.mark.parametrize("text", ["*OC*", "*N=P(*)(Cl)Cl", "*C(=O)O*", "*CCC(=O)NC(*)=O", "*C=C*"])
def test_size_of_the_closed_chain_does_not_matter(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = _classes_of(read_psmiles(text))
    for least in (8, 13, 40):
        monkeypatch.setattr(polymer_class, "_MIN_CLOSED", least)
        assert _classes_of(read_psmiles(text)) == usual
