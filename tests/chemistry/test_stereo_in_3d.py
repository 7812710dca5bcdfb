"""Stereo as asked, read back from coordinates only."""

import numpy as np
import pytest
from rdkit import Chem

from polyomics.chemistry import Chain, RepeatUnit, build_chain, parse_repeat_unit


def measured_handedness(chain: Chain, unit: RepeatUnit) -> np.ndarray:
    """Sign of the volume spanned by the next main-chain atoms and the heavier side group of each tactic centre."""
    order = [chain_atom for k in range(chain.n_units) for chain_atom in backbone_atoms(chain, unit, k)]
    place = {atom: number for number, atom in enumerate(order)}
    signs = []
    for k in range(chain.n_units):
        start = int(np.nonzero(chain.unit_of_atom == k)[0][0])
        for centre in unit.tactic_centres:
            atom = chain.mol.GetAtomWithIdx(start + centre)
            number = place[atom.GetIdx()]
            near = [n.GetIdx() for n in atom.GetNeighbors()]
            before = order[number - 1] if number else next(i for i in near if chain.unit_of_atom[i] == -1)
            last = number == len(order) - 1
            after = next(i for i in near if chain.unit_of_atom[i] == chain.n_units) if last else order[number + 1]
            side = max((i for i in near if i not in (before, after)), key=lambda i: weight(chain, i))
            x = chain.positions_nm[[before, after, side]] - chain.positions_nm[atom.GetIdx()]
            signs.append(np.sign(np.linalg.det(x)))
    return np.array(signs)


def backbone_atoms(chain: Chain, unit: RepeatUnit, k: int) -> list[int]:
    start = int(np.nonzero(chain.unit_of_atom == k)[0][0])
    return [start + i for i in unit.backbone]


def weight(chain: Chain, index: int) -> tuple[int, int]:
    atom = chain.mol.GetAtomWithIdx(index)
    return atom.GetAtomicNum(), sum(n.GetAtomicNum() for n in atom.GetNeighbors())


@pytest.mark.parametrize("text", ["*CC(*)c1ccccc1", "*CC(*)(C)C(=O)OC", "*CC(*)C", "*OC(C)C(*)=O", "*C(*)F"])
@pytest.mark.parametrize(("tacticity", "meso"), [("isotactic", True), ("syndiotactic", False)])
def test_tacticity(text: str, tacticity: str, meso: bool) -> None:
    unit = parse_repeat_unit(text)
    chain = build_chain(unit, 12, tacticity=tacticity, seed=1)
    signs = measured_handedness(chain, unit)
    assert chain.is_meso is not None
    assert chain.is_meso.tolist() == [meso] * 11
    assert ((signs[1:] == signs[:-1]) == meso).all()


def test_isotactic_substituents_are_on_one_side_of_the_stretched_chain() -> None:
    """The textbook picture, independent of any sign convention."""
    unit = parse_repeat_unit("*CC(*)Cl")
    sides = {}
    for tacticity in ("isotactic", "syndiotactic"):
        chain = build_chain(unit, 3, tacticity=tacticity, seed=1)
        mol = Chem.Mol(chain.mol)
        path = [0, *(i for k in range(3) for i in backbone_atoms(chain, unit, k)), chain.n_atoms - 4]
        for quad in zip(path, path[1:], path[2:], path[3:], strict=False):
            Chem.rdMolTransforms.SetDihedralDeg(mol.GetConformer(), *quad, 180.0)
        x = mol.GetConformer().GetPositions()
        plane = np.linalg.svd(x[path] - x[path].mean(axis=0))[2][2]
        chlorine = [a.GetIdx() for a in mol.GetAtoms() if a.GetSymbol() == "Cl"]
        sides[tacticity] = np.sign((x[chlorine] - x[path].mean(axis=0)) @ plane)
    assert len(set(sides["isotactic"].tolist())) == 1
    assert sides["syndiotactic"].tolist() in ([1, -1, 1], [-1, 1, -1])


def test_atactic_recovers_the_meso_probability() -> None:
    unit = parse_repeat_unit("*CC(*)C#N")
    n = 400
    chain = build_chain(unit, n, meso_probability=0.7, seed=11)
    signs = measured_handedness(chain, unit)
    measured = signs[1:] == signs[:-1]
    assert chain.is_meso is not None
    assert (measured == chain.is_meso).all()
    assert measured.mean() == pytest.approx(0.7, abs=4 * np.sqrt(0.7 * 0.3 / (n - 1)))
    same_again = (measured[1:] & measured[:-1]).mean()
    assert same_again == pytest.approx(0.49, abs=0.12), "diads are not independent"


def test_units_without_open_centres_have_no_diads() -> None:
    for text in ("*CC*", "*CC(*)(F)F", "*O[C@@H](C)C(*)=O"):
        assert build_chain(parse_repeat_unit(text), 3).is_meso is None


@pytest.mark.parametrize("text", ["*O[C@@H](C)C(*)=O", "*O[C@H](C)C(*)=O"])
def test_specified_centres_are_kept(text: str) -> None:
    unit = parse_repeat_unit(text)
    chain = build_chain(unit, 8, seed=3)
    written = Chem.MolFromSmiles(text.replace("*O", "CO").replace("C(*)=O", "C(OC)=O"))
    expected = Chem.FindMolChiralCenters(written)[0][1]
    assert set(labels_from_3d(chain)) == {expected}


def test_mirror_images_differ_and_are_both_built() -> None:
    found = [set(labels_from_3d(build_chain(parse_repeat_unit(f"*O[C{at}H](C)C(*)=O"), 4))) for at in ("@", "@@")]
    assert found[0] != found[1]


def test_tacticity_beside_fixed_centres_keeps_them() -> None:
    """Diastereomers are not mirror images: the side group keeps its handedness in both kinds of unit."""
    unit = parse_repeat_unit("*CC(*)[C@H](C)F")
    chain = build_chain(unit, 12, tacticity="syndiotactic", seed=2)
    side = unit.fixed_centres
    codes = labels_by_template_atom(chain)
    assert len(side) == 1
    assert len(codes[side[0]]) == 1
    signs = measured_handedness(chain, unit)
    assert (signs[1:] != signs[:-1]).all()


def test_ring_stereo_of_cellulose_is_kept() -> None:
    text = "*O[C@@H]1O[C@H](CO)[C@@H](*)[C@H](O)[C@H]1O"
    unit = parse_repeat_unit(text)
    codes = labels_by_template_atom(build_chain(unit, 4, seed=1))
    assert len(unit.fixed_centres) == 5
    inner = [codes[i] for i in unit.fixed_centres]
    assert all(len(code) == 1 for code in inner)


def labels_by_template_atom(chain: Chain) -> dict[int, set[str]]:
    """CIP labels perceived from coordinates, by template atom, of units away from the ends."""
    mol = Chem.Mol(chain.mol)
    Chem.AssignStereochemistryFrom3D(mol, replaceExistingTags=True)
    found: dict[int, set[str]] = {}
    for index, code in Chem.FindMolChiralCenters(mol):
        if 1 <= chain.unit_of_atom[index] < chain.n_units - 1:
            found.setdefault(int(chain.template_atom[index]), set()).add(code)
    return found


def labels_from_3d(chain: Chain) -> list[str]:
    return [code for codes in labels_by_template_atom(chain).values() for code in codes]


@pytest.mark.parametrize(
    ("text", "cis"), [("*C/C=C(/C)C*", True), ("*C/C=C(\\C)C*", False), ("*C/C=C\\C*", True), ("*CC=CC*", False)]
)
def test_double_bonds_in_the_main_chain(text: str, cis: bool) -> None:
    unit = parse_repeat_unit(text)
    chain = build_chain(unit, 8, seed=2)
    path = [i for k in range(8) for i in backbone_atoms(chain, unit, k)]
    angles = [
        Chem.rdMolTransforms.GetDihedralDeg(chain.mol.GetConformer(), *path[i - 1 : i + 3])
        for i in range(1, len(path) - 2)
        if chain.mol.GetBondBetweenAtoms(path[i], path[i + 1]).GetBondType() == Chem.BondType.DOUBLE
    ]
    assert len(angles) >= 7
    assert all((abs(angle) < 30) if cis else (abs(angle) > 150) for angle in angles)
