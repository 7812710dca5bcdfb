"""Constitution and size of chains, without coordinates."""

import numpy as np
import pytest
from example_polymers import COMMON, UNUSUAL
from rdkit.Chem import Descriptors

from polyomics.chemistry import chain_graph, chain_size, parse_repeat_unit, units_for_atoms
from polyomics.chemistry.volume import vdw_volume_nm3
from polyomics.errors import InvalidPolymer, InvalidSettings


@pytest.mark.parametrize("ends", [("*C", "*C"), ("*[H]", "*c1ccccc1"), ("*O", "*C(C)(C)C#N")])
@pytest.mark.parametrize("text", [*COMMON.values(), *UNUSUAL.values()])
def test_the_size_follows_from_the_parts(text: str, ends: tuple[str, str]) -> None:
    unit = parse_repeat_unit(text)
    for n_units in (1, 2, 7):
        size, graph = chain_size(unit, n_units, *ends), chain_graph(unit, n_units, *ends)
        mol = graph.mol()
        assert size.n_atoms == mol.GetNumAtoms()
        assert size.molar_mass_g_mol == graph.molar_mass_g_mol == pytest.approx(Descriptors.MolWt(mol))
        assert size.vdw_volume_nm3 == pytest.approx(vdw_volume_nm3(mol), rel=1e-12)


@pytest.mark.parametrize("text", COMMON.values())
def test_bookkeeping_agrees_with_the_molecule(text: str) -> None:
    unit = parse_repeat_unit(text)
    graph = chain_graph(unit, 4)
    mol = graph.mol()
    assert mol.GetNumAtoms() == graph.n_atoms == 4 * unit.n_atoms + 8
    assert Descriptors.MolWt(mol) == pytest.approx(graph.molar_mass_g_mol)
    bonds = sorted(tuple(sorted((b.GetBeginAtomIdx(), b.GetEndAtomIdx()))) for b in mol.GetBonds())
    assert graph.bonds().tolist() == [list(pair) for pair in bonds]
    assert all(atom.GetNumRadicalElectrons() == 0 for atom in mol.GetAtoms())
    for k in range(4):
        atoms = np.nonzero(graph.unit_of_atom == k)[0]
        assert graph.template_atom[atoms].tolist() == list(range(unit.n_atoms))
        symbols = [mol.GetAtomWithIdx(int(i)).GetSymbol() for i in atoms]
        assert symbols == [atom.GetSymbol() for atom in unit.piece.atoms]


def test_unit_numbers_run_from_head_end_to_tail_end() -> None:
    graph = chain_graph(parse_repeat_unit("*CC(*)Cl"), 3, "*O", "*c1ccccc1")
    assert np.unique(graph.unit_of_atom).tolist() == [-1, 0, 1, 2, 3]
    assert (np.diff(graph.unit_of_atom) >= 0).all()
    assert np.bincount(graph.unit_of_atom + 1).tolist() == [2, 6, 6, 6, 11]


@pytest.mark.parametrize("end", ["*[H]", "*C", "*O", "*C(C)(C)C", "[*]c1ccccc1", "*C(=O)OC"])
def test_end_groups(end: str) -> None:
    graph = chain_graph(parse_repeat_unit("*CC*"), 2, end, "*[H]")
    assert graph.mol().GetNumAtoms() == graph.n_atoms


@pytest.mark.parametrize("end", ["", "C", "*C*", "*=O", "*[Si]", "*[O-]", "*C.C", "*[CH2]", "**"])
def test_end_groups_that_are_none(end: str) -> None:
    with pytest.raises(InvalidPolymer):
        chain_graph(parse_repeat_unit("*CC*"), 2, end)


@pytest.mark.parametrize("target", [1, 50, 600, 1000, 12345])
def test_units_for_atoms_comes_closest(target: int) -> None:
    unit = parse_repeat_unit("*CC(*)c1ccccc1")
    n = units_for_atoms(unit, target)
    sizes = {k: abs(k * 16 + 8 - target) for k in (n - 1, n, n + 1) if k >= 1}
    assert sizes[n] == min(sizes.values())


@pytest.mark.parametrize("wrong", [0, -3, 2.5, "10", True, None])
def test_numbers_of_units_that_are_none(wrong: object) -> None:
    unit = parse_repeat_unit("*CC*")
    with pytest.raises(InvalidSettings, match="at least 1"):
        chain_graph(unit, wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidSettings, match="at least 1"):
        units_for_atoms(unit, wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("absurd", [10**6, 10**12, 10**30])
def test_absurd_sizes_are_refused_with_an_estimate(absurd: int) -> None:
    unit = parse_repeat_unit("*CC*")
    with pytest.raises(InvalidSettings, match="GB"):
        chain_graph(unit, absurd)
    with pytest.raises(InvalidSettings, match="GB"):
        units_for_atoms(unit, absurd)
