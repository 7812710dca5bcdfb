"""Guests in a cell: in its cavities, whole, apart from each other, and the cell as it was."""

from dataclasses import replace

import numpy as np
import openmm
import pytest
from lennard_jones import EPSILON_KJ_MOL, SIGMA_NM, argon_cell
from scipy.spatial import cKDTree

from polyomics.cell.cell import Cell
from polyomics.cell.guests import GAS_NAMES, atoms_of, gas_model, places_for_guests_nm, with_guests
from polyomics.errors import CellNotPacked, InvalidSettings
from polyomics.forcefield.gases import principal_moments_amu_nm2
from polyomics.units import GAS_CONSTANT_KJ_MOL_K


def places(cell: Cell, name: str, n_guests: int = 5, seed: int = 1, cutoff_nm: float = 0.7) -> np.ndarray:
    return places_for_guests_nm(
        cell,
        gas_model(name),
        n_guests,
        positions_nm=cell.positions_nm,
        box_nm=cell.box_nm,
        cutoff_nm=cutoff_nm,
        temperature_k=300.0,
        seed=seed,
    )


@pytest.mark.parametrize("name", ["he", "co2", "h2o"])
def test_guests_are_whole_and_overlap_nothing(polyethylene_cell: Cell, name: str) -> None:
    gas, cell = gas_model(name), polyethylene_cell
    guests = places(cell, name)
    for guest in guests:
        moments = principal_moments_amu_nm2(guest, gas.particles.masses_amu)
        assert moments == pytest.approx(gas.inertia_amu_nm2, abs=1e-9)
        for one, other, length in gas.particles.constraints:
            assert np.linalg.norm(guest[one] - guest[other]) == pytest.approx(length)
        for follower, one, other, first, second in gas.particles.followers:
            assert guest[follower] == pytest.approx(first * guest[one] + second * guest[other], abs=1e-9)
    has_core = np.flatnonzero(gas.epsilon_kj_mol > 0)
    cores = [np.mod(guest[has_core], cell.box_nm) for guest in guests]
    trees = [cKDTree(core, boxsize=cell.box_nm) for core in [np.mod(cell.positions_nm, cell.box_nm), *cores]]
    closest = [one.sparse_distance_matrix(other, 0.5) for i, one in enumerate(trees) for other in trees[i + 1 :]]
    assert min((min(pairs.values()) for pairs in closest if len(pairs)), default=1.0) > 0.15


def test_the_same_seed_gives_the_same_places(polyethylene_cell: Cell) -> None:
    first, again, other = (places(polyethylene_cell, "n2", 2, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("name", GAS_NAMES)
def test_the_cell_with_guests_is_the_cell_and_the_guests(polyethylene_cell: Cell, name: str) -> None:
    cell, gas = polyethylene_cell, gas_model(name)
    body = gas.particles.positions_nm
    guests = np.array([body + 0.1, body + 0.9])
    joined = with_guests(cell, gas, guests)
    n = cell.n_atoms
    assert joined.n_atoms == n + 2 * len(body)
    assert joined.n_molecules == cell.n_molecules + 2
    assert joined.mass_amu == pytest.approx(cell.mass_amu + 2 * gas.mass_amu)
    assert np.array_equal(joined.bonds, cell.bonds)
    system, before = (openmm.XmlSerializer.deserialize(one.system_xml) for one in (joined, cell))
    assert system.getNumParticles() == joined.n_atoms
    assert system.getNumConstraints() == before.getNumConstraints() + 2 * len(gas.particles.constraints)
    followers = [i - n for i in range(n, joined.n_atoms) if system.isVirtualSite(i)]
    assert len(followers) == 2 * len(gas.particles.followers)
    atoms, alone = atoms_of(joined), atoms_of(cell)
    assert np.array_equal(atoms.sigma_nm[:n], alone.sigma_nm)
    guest = slice(n, n + gas.n_sites)
    assert atoms.charges_e[guest] == pytest.approx(gas.charges_e)
    assert atoms.epsilon_kj_mol[guest] == pytest.approx(gas.epsilon_kj_mol)
    assert atoms.charges_e.sum() == pytest.approx(cell.charges_e.sum(), abs=1e-9)


def test_guests_start_where_boltzmann_says() -> None:
    """Around one atom the mean energy of places is that of the pair, weighted with its Boltzmann factors."""
    cell = argon_cell(1, 0.3)
    positions = np.tile(cell.box_nm / 2, (cell.n_atoms, 1))
    system = openmm.XmlSerializer.deserialize(cell.system_xml)
    for index in range(1, cell.n_atoms):
        system.getForce(0).setParticleParameters(index, 0.0, 0.1, 0.0)
    one = replace(cell, positions_nm=positions, system_xml=openmm.XmlSerializer.serialize(system))
    found = [
        np.linalg.norm(places(one, "ch4", 1, seed, cutoff_nm=0.39)[0, 0] % one.box_nm - positions[0])
        for seed in range(40)
    ]
    gas = gas_model("ch4")
    sigma, epsilon = 0.5 * (gas.sigma_nm[0] + SIGMA_NM), np.sqrt(gas.epsilon_kj_mol[0] * EPSILON_KJ_MOL)
    axes = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 80, endpoint=False)] * 3), axis=-1) * one.box_nm
    r = np.linalg.norm(axes, axis=-1).ravel() + 1e-9
    energy = np.where(r < 0.39, 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6), 0.0)
    weights = np.exp(-energy / (GAS_CONSTANT_KJ_MOL_K * 300.0))
    mean = weights @ r / weights.sum()
    width = np.sqrt(weights @ (r - mean) ** 2 / weights.sum())
    assert np.mean(found) == pytest.approx(mean, abs=3.5 * width / np.sqrt(40))
    assert min(found) > 0.8 * sigma


def test_a_cell_without_room_says_so() -> None:
    dense = argon_cell(3, 1.6)
    with pytest.raises(CellNotPacked, match=r"not one place of 100,000 can take guest 1 of 2 of ch4"):
        places(dense, "ch4", 2, cutoff_nm=0.6)


def test_a_cell_below_twice_the_cutoff_and_no_guests_are_refused(polyethylene_cell: Cell) -> None:
    with pytest.raises(InvalidSettings, match="below twice the cut-off"):
        places(polyethylene_cell, "he", cutoff_nm=1.0)
    with pytest.raises(InvalidSettings, match="0 guests of he"):
        with_guests(polyethylene_cell, gas_model("he"), np.empty((0, 1, 3)))
