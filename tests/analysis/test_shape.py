"""Size of molecules against analytic chains, other formulas and another program."""

import mdtraj
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from polyomics.analysis.shape import centres_of_mass_nm, gyration_tensors_nm2, squared_radius_of_gyration_nm2


@pytest.fixture
def crowd() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    sizes = [5, 1, 12, 7]
    molecule = np.repeat(np.arange(4), sizes)
    return rng.normal(size=(6, 25, 3)) * 2 + 30, rng.uniform(1, 20, 25), molecule


def test_two_masses_by_hand() -> None:
    positions = np.array([[[0.0, 0, 0], [3.0, 0, 0]]])
    masses, molecule = np.array([1.0, 2.0]), np.zeros(2, dtype=int)
    assert squared_radius_of_gyration_nm2(positions, masses, molecule)[0, 0] == pytest.approx(2.0)
    np.testing.assert_allclose(centres_of_mass_nm(positions, masses, molecule), [[[2.0, 0, 0]]])


def test_equals_the_sum_over_pairs(crowd: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Lagrange: S² = Σ_ij m_i m_j r_ij² / (2 M²)."""
    positions, masses, molecule = crowd
    found = squared_radius_of_gyration_nm2(positions, masses, molecule)
    for number in range(4):
        mine = molecule == number
        gaps = positions[:, mine][:, :, None] - positions[:, mine][:, None]
        weights = np.outer(masses[mine], masses[mine]) / masses[mine].sum() ** 2
        expected = (gaps**2).sum(axis=-1).reshape(6, -1) @ weights.ravel() / 2
        np.testing.assert_allclose(found[:, number], expected, rtol=1e-9, atol=1e-9)


def test_the_trace_of_the_tensor(crowd: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    tensors = gyration_tensors_nm2(*crowd)
    np.testing.assert_allclose(np.trace(tensors, axis1=2, axis2=3), squared_radius_of_gyration_nm2(*crowd))
    np.testing.assert_allclose(tensors, np.swapaxes(tensors, 2, 3))


def test_does_not_depend_on_place_or_direction(crowd: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    positions, masses, molecule = crowd
    turned = positions @ Rotation.random(rng=np.random.default_rng(0)).as_matrix().T + [5.0, -60.0, 2.0]
    np.testing.assert_allclose(
        squared_radius_of_gyration_nm2(turned, masses, molecule),
        squared_radius_of_gyration_nm2(positions, masses, molecule),
        atol=1e-9,
    )


def test_freely_jointed_chain() -> None:
    """<S²> = b² N (N + 2) / (6 (N + 1)) for N + 1 equal masses on N random bonds of length b."""
    n_bonds, bond_nm, n_chains = 50, 0.3, 4000
    rng = np.random.default_rng(3)
    steps = rng.normal(size=(n_chains, n_bonds, 3))
    steps *= bond_nm / np.linalg.norm(steps, axis=-1, keepdims=True)
    beads = np.concatenate([np.zeros((n_chains, 1, 3)), steps.cumsum(axis=1)], axis=1).reshape(1, -1, 3)
    molecule = np.repeat(np.arange(n_chains), n_bonds + 1)
    squared = squared_radius_of_gyration_nm2(beads, np.full(len(molecule), 14.0), molecule)[0]
    expected = bond_nm**2 * n_bonds * (n_bonds + 2) / (6 * (n_bonds + 1))
    assert squared.mean() == pytest.approx(expected, abs=4 * squared.std() / np.sqrt(n_chains))


def one_molecule(masses: np.ndarray) -> tuple[np.ndarray, mdtraj.Trajectory]:
    positions = np.random.default_rng(4).normal(size=(5, len(masses), 3))
    topology = mdtraj.Topology()
    residue = topology.add_residue("UNK", topology.add_chain())
    for _ in masses:
        topology.add_atom("C", mdtraj.element.carbon, residue)
    return positions, mdtraj.Trajectory(positions, topology)


def test_agrees_with_mdtraj_for_equal_masses() -> None:
    masses = np.full(20, 12.0)
    positions, trajectory = one_molecule(masses)
    ours = np.sqrt(squared_radius_of_gyration_nm2(positions, masses, np.zeros(20, dtype=int))[:, 0])
    np.testing.assert_allclose(ours, mdtraj.compute_rg(trajectory, masses=masses), rtol=1e-5)


def test_mdtraj_takes_the_plain_centre_also_with_masses() -> None:
    """Why ours is not mdtraj's: it weighs by mass, but about the mean position, which makes S too large."""
    masses = np.r_[np.full(5, 200.0), np.ones(15)]
    positions, trajectory = one_molecule(masses)
    ours = np.sqrt(squared_radius_of_gyration_nm2(positions, masses, np.zeros(20, dtype=int))[:, 0])
    plain = positions - positions.mean(axis=1, keepdims=True)
    about_mean = np.sqrt((plain**2).sum(axis=2) @ masses / masses.sum())
    theirs = mdtraj.compute_rg(trajectory, masses=masses)
    np.testing.assert_allclose(theirs, about_mean, rtol=1e-5)
    assert (theirs > ours).all()


def test_molecules_must_be_in_order() -> None:
    with pytest.raises(ValueError, match="molecule_of_atom"):
        centres_of_mass_nm(np.zeros((1, 3, 3)), np.ones(3), np.array([0, 1, 0]))
