"""The main chain of molecules whose main chain is plain to see, found with RDKit as second opinion."""

from itertools import pairwise

import numpy as np
import pytest
from rdkit import Chem

from polyomics.analysis.backbone import MainChains, joints, main_chains
from polyomics.analysis.torsions import main_chain_torsions
from polyomics.errors import NotEnoughData


def molecule(smiles: str) -> tuple[Chem.Mol, dict[str, np.ndarray]]:
    """A molecule with hydrogens whose head and tail atoms are those mapped :1 and :2; end hydrogens go with them."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    units = np.zeros(mol.GetNumAtoms(), dtype=int)
    for atom in mol.GetAtoms():
        if atom.GetAtomMapNum():
            units[atom.GetIdx()] = {1: -1, 2: 1}[atom.GetAtomMapNum()]
    arrays = {
        "bonds": np.array([(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()]),
        "molecule_of_atom": np.zeros(mol.GetNumAtoms(), dtype=int),
        "unit_of_atom": units,
        "template_atom": np.arange(mol.GetNumAtoms()),
        "atomic_numbers": np.array([a.GetAtomicNum() for a in mol.GetAtoms()]),
    }
    return mol, arrays


def rings_of(mol: Chem.Mol) -> tuple[tuple[int, ...], ...]:
    return tuple(mol.GetRingInfo().AtomRings())


POLYMERS = {
    "polyethylene": "[CH3:1]CCCCCC[CH3:2]",
    "polystyrene": "[CH3:1]CC(c1ccccc1)CC(c1ccccc1)[CH3:2]",
    "polybutadiene": "[CH3:1]CC=CCCC=CC[CH3:2]",
    "poly(ethylene oxide)": "[CH3:1]OCCOCCO[CH3:2]",
    "nylon 6": "[CH3:1]CCCCC(=O)NCCCCCC(=O)N[CH3:2]",
    "a diyne": "[CH3:1]CC#CCCC#CC[CH3:2]",
    "an imine": "[CH3:1]CC=NCCC=N[CH3:2]",
    "an azo compound": "[CH3:1]CN=NCCN=NC[CH3:2]",
    "meta-phenylenes": "[CH3:1]COc1cccc(OCCOc2cccc(OC[CH3:2])c2)c1",
    "an acetylene of meta rings": "[CH3:1]c1cccc(C=Cc2cccc([CH3:2])c2)c1",
    "thiophenes": "[CH3:1]c1ccc(CCc2ccc([CH3:2])s2)s1",
    "a sulfone": "[CH3:1]CCS(=O)(=O)CCC[CH3:2]",
    "an imide": "[CH3:1]CCN1C(=O)CC(CC[CH3:2])C1=O",
    "a siloxane": "[CH3:1][Si](C)(C)O[Si](C)(C)O[Si](C)(C)O[CH3:2]",
    "a methacrylate": "[CH3:1]CC(C)(C(=O)OC)CC(C)(C(=O)OC)[CH3:2]",
    "a perfluoroalkene": "[C:1](F)(F)(F)C(F)=C(F)C(F)(F)C(F)=C(F)[C:2](F)(F)F",
}


@pytest.mark.parametrize("smiles", POLYMERS.values(), ids=POLYMERS)
def test_path_and_torsions_are_those_of_rdkit(smiles: str) -> None:
    mol, arrays = molecule(smiles)
    head, tail = (
        int(np.flatnonzero((arrays["unit_of_atom"] == unit) & (arrays["atomic_numbers"] > 1))[0]) for unit in (-1, 1)
    )
    chains = main_chains(**arrays)
    expected = Chem.GetShortestPath(mol, head, tail)
    assert len(expected) == chains.n_bonds + 1
    path = chains.atoms[0].tolist()
    assert [path[0], path[-1]] == [head, tail]
    assert all(mol.GetBondBetweenAtoms(one, other) for one, other in pairwise(path))
    if not chains.is_only_way.all():
        return
    assert path == list(expected)
    turning = []
    for one, other in pairwise(path[1:-1]):
        bond = mol.GetBondBetweenAtoms(one, other)
        if bond.GetBondType() == Chem.BondType.SINGLE and not bond.IsInRing():
            turning.append((one, other))
    found = main_chain_torsions(chains, arrays["bonds"], arrays["atomic_numbers"], rings_of(mol))
    assert [tuple(q[1:3].tolist()) for q in found[0]] == turning


def test_both_sides_of_a_para_ring_are_marked() -> None:
    """Ring atoms 1 and 4 are on every path, 2 and 3 are not; the ring bends the chain nowhere inside."""
    mol, arrays = molecule("[CH3:1]Cc1ccc(CCc2ccc(C[CH3:2])cc2)cc1")
    chains = main_chains(**arrays)
    assert chains.n_bonds + 1 == len(Chem.GetShortestPath(mol, int(chains.atoms[0, 0]), int(chains.atoms[0, -1])))
    assert chains.is_only_way.tolist() == [True] * 3 + [False] * 2 + [True] * 4 + [False] * 2 + [True] * 3
    assert joints(chains, rings_of(mol)).tolist() == [0, 1, 2, 5, 6, 7, 8, 11, 12, 13]
    found = main_chain_torsions(chains, arrays["bonds"], arrays["atomic_numbers"], rings_of(mol))
    assert [chains.atoms[0].tolist().index(q[0]) for q in found[0]] == [5]


def test_a_branched_end_group_ends_where_it_hangs_on_the_chain() -> None:
    mol, arrays = molecule("[CH3:1][C:1]([CH3:1])([CH3:1])CCCO[CH2:2][CH3:2]")
    path = main_chains(**arrays).atoms[0].tolist()
    assert [mol.GetAtomWithIdx(atom).GetSymbol() for atom in path] == ["C", "C", "C", "C", "O", "C"]
    assert mol.GetAtomWithIdx(path[0]).GetDegree() == 4
    assert mol.GetAtomWithIdx(path[-1]).GetTotalNumHs(includeNeighbors=True) == 2


def test_hydrogen_ends_give_way_to_the_atoms_that_bear_them() -> None:
    mol, arrays = molecule("[H]CCCC[H]")
    hydrogens = [n.GetIdx() for a in (0, 3) for n in mol.GetAtomWithIdx(a).GetNeighbors() if n.GetAtomicNum() == 1]
    arrays["unit_of_atom"][hydrogens[0]] = -1
    arrays["unit_of_atom"][hydrogens[-1]] = 1
    assert main_chains(**arrays).atoms.tolist() == [[0, 1, 2, 3]]


def test_the_order_of_atoms_does_not_matter() -> None:
    mol, arrays = molecule(POLYMERS["nylon 6"])
    order = np.random.default_rng(1).permutation(mol.GetNumAtoms())
    new = np.argsort(order)
    shuffled = {name: values[order] for name, values in arrays.items() if name != "bonds"}
    path = main_chains(bonds=new[arrays["bonds"]][::-1], **shuffled).atoms[0]
    np.testing.assert_array_equal(order[path], main_chains(**arrays).atoms[0])


@pytest.mark.parametrize("smiles", ["C", "CCO"])
def test_molecules_without_ends_have_no_main_chain(smiles: str) -> None:
    _, arrays = molecule(smiles)
    with pytest.raises(NotEnoughData, match="no end groups"):
        main_chains(**arrays)


def test_ends_that_only_a_hydrogen_joins_have_no_main_chain() -> None:
    arrays = {
        "bonds": np.array([[0, 1], [1, 2]]),
        "molecule_of_atom": np.zeros(3, dtype=int),
        "unit_of_atom": np.array([-1, 0, 1]),
        "template_atom": np.zeros(3, dtype=int),
        "atomic_numbers": np.array([6, 1, 6]),
    }
    with pytest.raises(NotEnoughData, match="no path of heavy atoms"):
        main_chains(**arrays)


def test_united_atoms_turn_about_every_bond() -> None:
    chains = MainChains(np.arange(12).reshape(2, 6), np.ones(6, dtype=bool))
    bonds = np.array([(i, i + 1) for i in range(11) if i != 5])
    assert main_chain_torsions(chains, bonds, np.full(12, 6), ()).shape == (2, 3, 4)
