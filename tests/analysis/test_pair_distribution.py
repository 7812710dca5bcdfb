"""Pair distributions of gases and lattices, and those of other programs."""

import freud
import mdtraj
import numpy as np
import pytest

from polyomics.analysis.pair_distribution import intermolecular_pair_distribution
from polyomics.errors import NotEnoughData

BOX = np.array([3.0, 3.4, 4.1])
EDGES = np.linspace(0.0, 1.5, 31)


def random_molecules(rng: np.random.Generator, n_molecules: int, n_atoms: int) -> tuple[np.ndarray, np.ndarray]:
    """Molecules of any shape, placed at random, some of them across the boundary."""
    shapes = rng.normal(scale=0.2, size=(n_molecules, n_atoms, 3))
    positions = (shapes + rng.uniform(-9, 9, (n_molecules, 1, 3)) * BOX).reshape(-1, 3)
    return positions, np.repeat(np.arange(n_molecules), n_atoms)


@pytest.mark.parametrize(("n_molecules", "n_atoms"), [(2, 20), (12, 5), (30, 1)])
def test_molecules_at_random_are_an_ideal_gas(n_molecules: int, n_atoms: int) -> None:
    """1 at every distance, also with two molecules only, where half of all pairs are within a molecule."""
    rng = np.random.default_rng(1)
    found = [
        intermolecular_pair_distribution(positions, BOX, molecule, EDGES)
        for positions, molecule in (random_molecules(rng, n_molecules, n_atoms) for _ in range(300))
    ]
    curves = np.array([one.g for one in found])
    error = curves.std(axis=0) / np.sqrt(len(curves))
    deviations = (curves.mean(axis=0) - 1)[2:] / error[2:]
    assert np.abs(deviations).max() < 4.5
    assert np.sqrt(np.mean(deviations**2)) == pytest.approx(1, abs=0.8)


def test_every_pair_is_counted_once() -> None:
    """The numbers in bins are those of a loop over all pairs."""
    positions, molecule = random_molecules(np.random.default_rng(2), 7, 6)
    found = intermolecular_pair_distribution(positions, BOX, molecule, EDGES)
    distances = []
    for i in range(len(positions)):
        for j in range(i):
            if molecule[i] != molecule[j]:
                gap = positions[i] - positions[j]
                distances.append(np.linalg.norm(gap - BOX * np.round(gap / BOX)))
    counts = np.histogram(distances, EDGES)[0]
    np.testing.assert_allclose(found.g * found.expected_pairs, counts, atol=1e-9)


def test_a_part_of_the_pairs_gives_the_same_on_average() -> None:
    rng = np.random.default_rng(3)
    whole, part = [], []
    for _ in range(100):
        positions, molecule = random_molecules(rng, 8, 25)
        positions = np.round(positions / 0.2) * 0.2 + 1e-3
        whole.append(intermolecular_pair_distribution(positions, BOX, molecule, EDGES).g)
        part.append(intermolecular_pair_distribution(positions, BOX, molecule, EDGES, most_pairs=5000).g)
    gap = np.array(part) - np.array(whole)
    error = gap.std(axis=0) / np.sqrt(len(gap))
    assert (error[3:] > 0).all()
    assert np.abs(gap.mean(axis=0) / np.maximum(error, 1e-9))[3:].max() < 4.5


def test_beyond_half_the_box_there_is_nothing() -> None:
    positions, molecule = random_molecules(np.random.default_rng(4), 7, 6)
    edges = np.linspace(0.0, 2.0, 41)
    found = intermolecular_pair_distribution(positions, BOX, molecule, edges)
    np.testing.assert_array_equal(np.isfinite(found.g), edges[1:] < 1.5001)


def test_simple_cubic_lattice() -> None:
    """Six neighbours at the lattice constant, twelve at √2 of it, eight at √3."""
    n, constant = 6, 0.5
    positions = constant * np.stack(np.meshgrid(*[np.arange(n)] * 3), axis=-1).reshape(-1, 3)
    found = intermolecular_pair_distribution(
        positions, np.full(3, n * constant), np.arange(n**3), np.array([0.0, 0.45, 0.55, 0.65, 0.75, 0.83, 0.9])
    )
    neighbours = found.g * found.expected_pairs / (n**3 / 2)
    np.testing.assert_allclose(neighbours, [0, 6, 0, 12, 0, 8], atol=1e-9)


def test_agrees_with_freud() -> None:
    """Atoms that are molecules of their own. Freud's `finite_size` counts pairs of different atoms, as ours does."""
    positions, molecule = random_molecules(np.random.default_rng(5), 200, 1)
    rdf = freud.density.RDF(bins=30, r_max=1.4, normalization_mode="finite_size")
    box = freud.box.Box(*BOX)
    rdf.compute((box, box.wrap(positions)), reset=True)
    ours = intermolecular_pair_distribution(positions, BOX, molecule, np.linspace(0, 1.4, 31))
    np.testing.assert_allclose(ours.g, rdf.rdf, atol=0.05 * rdf.rdf.max())
    np.testing.assert_allclose(ours.g.sum(), rdf.rdf.sum(), rtol=1e-3)


def test_agrees_with_mdtraj() -> None:
    """Given the pairs of different molecules, mdtraj divides by their number too."""
    positions, molecule = random_molecules(np.random.default_rng(6), 6, 10)
    topology = mdtraj.Topology()
    residue = topology.add_residue("UNK", topology.add_chain())
    for _ in positions:
        topology.add_atom("C", mdtraj.element.carbon, residue)
    trajectory = mdtraj.Trajectory(positions, topology, unitcell_lengths=BOX[None], unitcell_angles=np.full((1, 3), 90))
    pairs = np.argwhere(molecule[:, None] < molecule[None])
    _, theirs = mdtraj.compute_rdf(trajectory, pairs, r_range=(0.0, 1.5), n_bins=30)
    ours = intermolecular_pair_distribution(positions, BOX, molecule, EDGES)
    np.testing.assert_allclose(ours.g, theirs, rtol=1e-4)


def test_one_molecule_has_no_neighbours() -> None:
    with pytest.raises(NotEnoughData, match="two molecules"):
        intermolecular_pair_distribution(np.zeros((4, 3)), BOX, np.zeros(4, dtype=int), EDGES)
