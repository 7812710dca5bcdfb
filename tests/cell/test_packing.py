"""Real chains in a real cell."""

import numpy as np
import openmm
import pytest
from scipy.spatial import cKDTree

from polyomics.cell import packing
from polyomics.cell.cell import Cell
from polyomics.cell.packing import arrange, chains_for_atoms, check_cell_size, pack, packing_flags
from polyomics.chemistry.growth import build_chain
from polyomics.chemistry.repeat_unit import parse_repeat_unit
from polyomics.chemistry.spearing import find_spearings
from polyomics.errors import CellNotPacked, InvalidSettings
from polyomics.forcefield.parameterize import parameterize

N_UNITS = 8
DENSITY_G_CM3 = 0.3


@pytest.fixture(scope="module")
def chains() -> list:
    unit = parse_repeat_unit("*CC(*)c1ccccc1")
    return [build_chain(unit, N_UNITS, seed=seed) for seed in range(4)]


@pytest.fixture(scope="module")
def parameterized(chains: list):
    return parameterize(chains[0], charges="gasteiger")


@pytest.fixture(scope="module")
def cell(chains: list, parameterized) -> Cell:
    return pack(chains, parameterized, density_g_cm3=DENSITY_G_CM3, seed=1)


def test_has_the_density_asked_for(cell: Cell) -> None:
    assert cell.density_g_cm3 == pytest.approx(DENSITY_G_CM3, rel=1e-9)
    assert packing_flags(cell, DENSITY_G_CM3) == ()


def test_molecules_keep_their_distance(cell: Cell) -> None:
    folded = np.mod(cell.positions_nm, cell.box_nm)
    pairs = cKDTree(folded, boxsize=cell.box_nm).query_pairs(0.2, output_type="ndarray")
    assert (cell.molecule_of_atom[pairs[:, 0]] == cell.molecule_of_atom[pairs[:, 1]]).all()
    direct = np.linalg.norm(cell.positions_nm[pairs[:, 0]] - cell.positions_nm[pairs[:, 1]], axis=1)
    assert (direct < 0.2).all(), "an atom is close to an image of its own molecule"


def test_molecules_are_the_chains(cell: Cell, chains: list) -> None:
    """Rigid, whole, not mirrored, in the order given."""
    for number, chain in enumerate(chains):
        mine = cell.positions_nm[cell.molecule_of_atom == number]
        mine = mine - mine.mean(axis=0)
        theirs = chain.positions_nm - chain.positions_nm.mean(axis=0)
        left, _, right = np.linalg.svd(theirs.T @ mine)
        assert np.linalg.det(left @ right) == pytest.approx(1.0), "mirrored"
        np.testing.assert_allclose(theirs @ (left @ right), mine, atol=1e-6)


def test_no_ring_is_speared(cell: Cell) -> None:
    assert len(cell.rings) == 4 * N_UNITS
    assert find_spearings(cell.positions_nm, cell.rings, cell.bonds, cell.box_nm) == []


def test_arrays_agree_with_the_system(cell: Cell) -> None:
    system = openmm.XmlSerializer.deserialize(cell.system_xml)
    assert system.getNumParticles() == cell.n_atoms
    masses = [system.getParticleMass(i).value_in_unit(openmm.unit.dalton) for i in range(cell.n_atoms)]
    np.testing.assert_allclose(cell.masses_amu, masses)
    edges = [v[i].value_in_unit(openmm.unit.nanometer) for i, v in enumerate(system.getDefaultPeriodicBoxVectors())]
    np.testing.assert_allclose(cell.box_nm, edges)
    nonbonded = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    charges = [nonbonded.getParticleParameters(i)[0] for i in range(cell.n_atoms)]
    charges_e = [charge.value_in_unit(openmm.unit.elementary_charge) for charge in charges]
    np.testing.assert_allclose(cell.charges_e, charges_e, atol=1e-9)


def test_bonds_are_within_molecules_and_short(cell: Cell) -> None:
    assert (cell.molecule_of_atom[cell.bonds[:, 0]] == cell.molecule_of_atom[cell.bonds[:, 1]]).all()
    lengths = np.linalg.norm(cell.positions_nm[cell.bonds[:, 0]] - cell.positions_nm[cell.bonds[:, 1]], axis=1)
    assert 0.09 < lengths.min() < lengths.max() < 0.17
    n_rings = len(cell.rings)
    assert len(cell.bonds) == cell.n_atoms - cell.n_molecules + n_rings


def test_labels_repeat_from_chain_to_chain(cell: Cell) -> None:
    for labels in (cell.unit_of_atom, cell.template_atom, cell.atomic_numbers, cell.masses_amu, cell.charges_e):
        table = labels.reshape(cell.n_molecules, -1)
        assert (table == table[0]).all()
    assert set(cell.unit_of_atom.tolist()) == set(range(-1, N_UNITS + 1))


def test_same_seed_same_cell(chains: list, parameterized, cell: Cell) -> None:
    again = pack(chains, parameterized, density_g_cm3=DENSITY_G_CM3, seed=1)
    np.testing.assert_array_equal(again.positions_nm, cell.positions_nm)
    assert again.system_xml == cell.system_xml
    other = pack(chains, parameterized, density_g_cm3=DENSITY_G_CM3, seed=2)
    assert np.abs(other.positions_nm - cell.positions_nm).max() > 0.1


def test_survives_the_disk(cell: Cell, tmp_path) -> None:
    cell.save(tmp_path)
    loaded = Cell.load(tmp_path)
    np.testing.assert_array_equal(loaded.positions_nm, cell.positions_nm)
    assert (loaded.rings, loaded.system_xml, loaded.vdw_volume_nm3) == (
        cell.rings,
        cell.system_xml,
        cell.vdw_volume_nm3,
    )


def test_a_density_out_of_reach_is_lowered_and_said(chains: list, parameterized, monkeypatch) -> None:
    monkeypatch.setattr(packing, "N_ATTEMPTS", 1)
    cell = pack(chains, parameterized, density_g_cm3=1.2, seed=3)
    steps = np.log(cell.density_g_cm3 / 1.2) / np.log(0.8)
    assert steps == pytest.approx(round(steps), abs=1e-6)
    assert round(steps) >= 1
    assert packing_flags(cell, 1.2) == ("start_density_lowered",)


def test_no_arrangement_is_an_error(chains: list, parameterized, monkeypatch) -> None:
    monkeypatch.setattr(packing, "LOWEST_DENSITY_G_CM3", 1.0)
    with pytest.raises(CellNotPacked, match="found no place"):
        pack(chains, parameterized, density_g_cm3=1.2, seed=1)


def test_a_speared_ring_is_repaired() -> None:
    """Rings so wide that rods fit through them without touching: many first placements are speared."""
    angles = np.arange(24) * np.pi / 12
    ring = np.column_stack([0.8 * np.cos(angles), 0.8 * np.sin(angles), np.zeros(24)])
    rod = np.column_stack([np.full(8, 0.8), np.zeros(8), 0.2 * np.arange(1, 9)])
    molecule = np.vstack([ring, rod])
    bonds = np.array([(i, (i + 1) % 24) for i in range(24)] + [(0, 24)] + [(i, i + 1) for i in range(24, 31)])
    n_speared = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        edge_nm = 3.2
        crowd = packing.Crowd(edge_nm, 0.2)
        assert crowd.fill([molecule] * 4, np.random.default_rng(seed))
        first = [crowd.placed[i] for i in range(4)]
        n_speared += bool(packing._spearing_molecules(first, 32, bonds, [range(24)], edge_nm))
        placed = arrange([molecule] * 4, bonds, [tuple(range(24))], edge_nm, 0.2, rng)
        assert placed is not None
        assert not packing._spearing_molecules(placed, 32, bonds, [range(24)], edge_nm)
    assert n_speared > 0, "the test is about nothing"


def test_number_of_chains() -> None:
    assert chains_for_atoms(10_000, 1000) == 10
    assert chains_for_atoms(900, 1000) == 1
    assert chains_for_atoms(100, 1000) == 1
    assert chains_for_atoms(2600, 1000) == 3
    for target, size in ((0, 10), (10, 0), (-5, 10)):
        with pytest.raises(InvalidSettings, match="positive"):
            chains_for_atoms(target, size)


def test_absurd_sizes_are_refused_with_an_estimate() -> None:
    check_cell_size(2_000_000)
    with pytest.raises(InvalidSettings, match="GB"):
        check_cell_size(2_000_001)
    with pytest.raises(InvalidSettings, match="GB"):
        chains_for_atoms(10**12, 1000)


@pytest.mark.parametrize("density", [0.0, -1.0, 50.0, float("nan")])
def test_absurd_densities_are_refused(chains: list, parameterized, density: float) -> None:
    with pytest.raises(InvalidSettings, match="density"):
        pack(chains, parameterized, density_g_cm3=density, seed=1)


def test_chains_must_be_alike(chains: list, parameterized) -> None:
    longer = build_chain(parse_repeat_unit("*CC(*)c1ccccc1"), N_UNITS + 1, seed=0)
    with pytest.raises(InvalidSettings, match="one topology"):
        pack([*chains, longer], parameterized, density_g_cm3=0.3, seed=1)
    with pytest.raises(InvalidSettings, match="no chains"):
        pack([], parameterized, density_g_cm3=0.3, seed=1)
