"""Chains in 3D: whole, without overlap or speared rings, reproducible."""

import numpy as np
import pytest
from example_polymers import COMMON, UNUSUAL
from rdkit import Chem

from polyomics.chemistry import build_chain, chain_graph, find_spearings, parse_repeat_unit
from polyomics.chemistry.contact import CLOSEST_CONTACT, RADIUS_NM, RELAXED_CONTACT
from polyomics.chemistry.growth import _draw_stereo, _Grower, _Sequence
from polyomics.errors import ChainNotBuilt, InvalidSettings

ALL = {**COMMON, **UNUSUAL}


def check_geometry(mol: Chem.Mol, positions_nm: np.ndarray, least_contact: float = CLOSEST_CONTACT) -> None:
    """Bond lengths near sums of covalent radii, angles open, far atoms apart, rings not speared."""
    table = Chem.GetPeriodicTable()
    for bond in mol.GetBonds():
        i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        length = np.linalg.norm(positions_nm[i] - positions_nm[j])
        radii = sum(table.GetRcovalent(mol.GetAtomWithIdx(k).GetAtomicNum()) for k in (i, j)) / 10
        assert 0.75 * radii < length < 1.15 * radii
    for atom in mol.GetAtoms():
        arms = np.array([positions_nm[n.GetIdx()] - positions_nm[atom.GetIdx()] for n in atom.GetNeighbors()])
        arms /= np.linalg.norm(arms, axis=1)[:, None]
        cosines = (arms @ arms.T)[np.triu_indices(len(arms), 1)]
        assert (cosines < np.cos(np.radians(55 if atom.IsInRingSize(3) else 80))).all()
    apart = Chem.GetDistanceMatrix(mol)
    radii = np.array([RADIUS_NM[atom.GetAtomicNum()] for atom in mol.GetAtoms()])
    distance = np.linalg.norm(positions_nm[:, None] - positions_nm, axis=2)
    contact = distance / (radii[:, None] + radii)
    assert contact[apart > 3].min(initial=1.0) >= least_contact
    rings = [tuple(ring) for ring in mol.GetRingInfo().AtomRings()]
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in mol.GetBonds()]
    assert find_spearings(positions_nm, rings, bonds) == []


@pytest.mark.parametrize("text", ALL.values(), ids=ALL.keys())
def test_short_chains_of_many_polymers(text: str) -> None:
    unit = parse_repeat_unit(text)
    chain = build_chain(unit, 5, seed=4)
    assert chain.n_atoms == chain.mol.GetNumAtoms() == 5 * unit.n_atoms + 8
    assert np.allclose(chain.mol.GetConformer().GetPositions() / 10, chain.positions_nm)
    check_geometry(chain.mol, chain.positions_nm)


@pytest.mark.parametrize("text", [COMMON["PS"], COMMON["PMMA"], COMMON["PE"]])
def test_long_chains(text: str) -> None:
    unit = parse_repeat_unit(text)
    chain = build_chain(unit, 1000 // unit.n_atoms, seed=1)
    check_geometry(chain.mol, chain.positions_nm)


@pytest.mark.parametrize("text", ["*CC(*)C(C)(C)C", "*CC(*)(c1ccccc1)c1ccccc1"])
def test_crowded_chains_are_relaxed(text: str) -> None:
    """Side groups that leave no room for rigid pieces."""
    chain = build_chain(parse_repeat_unit(text), 10, seed=2)
    check_geometry(chain.mol, chain.positions_nm, RELAXED_CONTACT)


def test_same_seed_same_bits_and_other_seeds_differ() -> None:
    unit = parse_repeat_unit(COMMON["PS"])
    first, again, other = (build_chain(unit, 10, seed=seed) for seed in (5, 5, 6))
    assert first.positions_nm.tobytes() == again.positions_nm.tobytes()
    assert not np.allclose(first.positions_nm, other.positions_nm)


def test_chains_of_one_polymer_share_one_topology() -> None:
    unit = parse_repeat_unit(COMMON["PMMA"])
    chains = [build_chain(unit, 6, tacticity=kind, seed=seed) for kind, seed in (("isotactic", 1), ("atactic", 2))]
    elements = [[atom.GetAtomicNum() for atom in chain.mol.GetAtoms()] for chain in chains]
    bonds = [
        [(b.GetBeginAtomIdx(), b.GetEndAtomIdx(), b.GetBondType()) for b in chain.mol.GetBonds()] for chain in chains
    ]
    assert elements[0] == elements[1]
    assert bonds[0] == bonds[1]
    assert (chains[0].template_atom == chains[1].template_atom).all()


def test_one_unit_and_odd_ends() -> None:
    unit = parse_repeat_unit(COMMON["PVC"])
    for head, tail in (("*[H]", "*[H]"), ("*O", "*c1ccccc1"), ("*[H]", "*C(=O)C")):
        chain = build_chain(unit, 1, head_end=head, tail_end=tail, seed=1)
        check_geometry(chain.mol, chain.positions_nm)
        assert chain.is_meso is not None
        assert len(chain.is_meso) == 0


def test_large_rings_in_side_groups_are_not_threaded() -> None:
    unit = parse_repeat_unit("*CC(*)C1CCCCCCCCCCC1")
    chain = build_chain(unit, 6, seed=3)
    check_geometry(chain.mol, chain.positions_nm)


def test_speared_unit_is_found_for_repair() -> None:
    unit = parse_repeat_unit(COMMON["PS"])
    graph = chain_graph(unit, 8)
    rng = np.random.default_rng(1)
    grower = _Grower(_Sequence(graph, _draw_stereo(unit, 8, "atactic", 0.5, rng)[0]), rng, CLOSEST_CONTACT)
    grower.grow()
    assert grower._first_speared() is None
    ring = [i for i in np.nonzero(graph.unit_of_atom == 3)[0] if graph.mol().GetAtomWithIdx(int(i)).GetIsAromatic()]
    points = grower.positions[ring]
    normal = np.cross(points[1] - points[0], points[2] - points[0])
    normal /= np.linalg.norm(normal)
    last = int(graph.first_atom[9])
    grower.positions[last] = points.mean(axis=0) + 0.03 * normal
    grower.positions[last + 1] = points.mean(axis=0) - 0.08 * normal
    back_to = grower._first_speared()
    assert back_to is not None
    assert 9 >= back_to >= 4


def test_no_room_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANTED_CONTACT", "CLOSEST_CONTACT", "SQUEEZED_CONTACT"):
        monkeypatch.setattr(f"polyomics.chemistry.growth.{name}", 3.0)
    monkeypatch.setattr("polyomics.chemistry.growth._VISITS_AT_LEAST", 5)
    monkeypatch.setattr("polyomics.chemistry.growth._VISITS_PER_PIECE", 1)
    with pytest.raises(ChainNotBuilt, match=r"\*CC\*, chain of 4 units"):
        build_chain(parse_repeat_unit("*CC*"), 4)


@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"seed": 1.5}, {"tacticity": "random"}, {"meso_probability": 1.5}, {"n_units": 0}]
)
def test_settings_that_make_no_chain(wrong: dict) -> None:
    with pytest.raises(InvalidSettings):
        build_chain(parse_repeat_unit("*CC(*)C"), **{"n_units": 3, **wrong})
