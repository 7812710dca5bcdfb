"""Scattering of gases, lattices and clusters, and that of another program."""

import freud
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from polyomics.analysis.form_factors import form_factor
from polyomics.analysis.scattering import scattering_amplitudes, scattering_vectors, shell_means, xray_scattering

BOX = np.array([3.0, 3.0, 3.0])
EVERY = 10**9


def test_amplitudes_are_the_plain_sum() -> None:
    rng = np.random.default_rng(1)
    box = np.array([3.0, 3.4, 4.1])
    positions = rng.uniform(-20, 20, (3000, 3))
    vectors = rng.integers(-9, 10, (300, 3))
    expected = np.exp(2j * np.pi * (vectors / box) @ positions.T).sum(axis=1)
    np.testing.assert_allclose(scattering_amplitudes(positions, box, vectors), expected, atol=2e-3)


def test_all_vectors_of_a_box_once() -> None:
    vectors = scattering_vectors(BOX, 21.0, 0.5, EVERY)
    grid = np.stack(np.meshgrid(*[np.arange(-11, 12)] * 3), axis=-1).reshape(-1, 3)
    lengths = np.linalg.norm(grid, axis=1) * 2 * np.pi / 3
    expected = grid[(lengths > 0) & (lengths <= 21.0)]
    both = np.concatenate([vectors, -vectors])
    assert len(np.unique(both, axis=0)) == len(both) == len(expected)
    np.testing.assert_array_equal(np.unique(both, axis=0), np.unique(expected, axis=0))


def test_a_choice_of_vectors_keeps_the_symmetry_of_a_cube() -> None:
    every, some = (scattering_vectors(BOX, 40.0, 0.5, number) for number in (EVERY, 60))
    assert len(some) < 0.6 * len(every)
    both = {tuple(v) for v in np.concatenate([some, -some]).tolist()}
    for image in (some[:, [1, 2, 0]], some[:, [1, 0, 2]], some * [1, -1, 1]):
        assert {tuple(v) for v in image.tolist()} <= both
    shells = (np.linalg.norm(some, axis=1) * 2 * np.pi / 3 / 0.5).astype(int)
    full = (np.linalg.norm(every, axis=1) * 2 * np.pi / 3 / 0.5).astype(int)
    assert set(shells) == set(full)
    numbers = np.bincount(shells)[np.unique(shells)]
    assert (numbers >= np.minimum(60, np.bincount(full)[np.unique(full)])).all()
    assert numbers.max() < 60 + 24


def test_ideal_gas_scatters_as_its_atoms() -> None:
    """S is 1 whatever the elements; the intensity an atom is the mean of f²."""
    rng = np.random.default_rng(2)
    numbers = np.array([1, 6, 8, 17])[rng.integers(0, 4, 400)]
    vectors = scattering_vectors(BOX, 30.0, 1.0, 100)
    edges = np.arange(0.0, 31.0, 1.0)
    found = [xray_scattering(rng.uniform(0, 3, (400, 3)), BOX, numbers, vectors, edges) for _ in range(60)]
    filled = found[0].n_vectors > 0
    factors = np.array([one.structure_factor for one in found])[:, filled]
    error = factors.std(axis=0) / np.sqrt(len(factors))
    assert np.abs((factors.mean(axis=0) - 1) / error).max() < 4.5
    one = found[0]
    squared = np.mean([form_factor(number, one.q_per_nm[filled]) ** 2 for number in numbers], axis=0)
    np.testing.assert_allclose(one.intensity[filled], one.structure_factor[filled] * squared, rtol=0.03)


def test_bragg_peaks_of_a_lattice() -> None:
    """A body-centred cubic lattice: h + k + l even gives N² f², everything else nothing."""
    n, constant = 6, 0.5
    corners = constant * np.stack(np.meshgrid(*[np.arange(n)] * 3), axis=-1).reshape(-1, 3)
    positions = np.concatenate([corners, corners + constant / 2])
    box = np.full(3, n * constant)
    vectors = scattering_vectors(box, 45.0, 0.5, EVERY)
    intensity = np.abs(scattering_amplitudes(positions, box, vectors)) ** 2
    allowed = (vectors % n == 0).all(axis=1) & (vectors.sum(axis=1) // n % 2 == 0)
    np.testing.assert_allclose(intensity[allowed], len(positions) ** 2, rtol=1e-4)
    assert intensity[~allowed].max() < 1e-3 * len(positions)
    edges = np.arange(0.0, 45.0, 0.5)
    found = xray_scattering(positions, box, np.full(len(positions), 6), vectors, edges)
    peaks = found.q_per_nm[np.nan_to_num(found.structure_factor) > 1.0]
    lines = 2 * np.pi / constant * np.sqrt([2, 4, 6, 8, 10, 12])
    np.testing.assert_allclose(peaks, lines, atol=0.25)


def test_agrees_with_the_formula_of_debye() -> None:
    """A molecule in every direction: I(q) = Σ f_i f_j sin(q r_ij) / (q r_ij)."""
    rng = np.random.default_rng(3)
    numbers = np.array([6, 1, 1, 8, 17, 6, 7])
    shape = rng.normal(scale=0.15, size=(7, 3))
    box = np.full(3, 6.0)
    vectors = scattering_vectors(box, 30.0, 1.0, 40)
    edges = np.arange(0.0, 30.0, 1.0)
    turns = Rotation.random(250, rng=rng).as_matrix()
    found = [xray_scattering(shape @ turn.T + 2.0, box, numbers, vectors, edges) for turn in turns]
    filled = found[0].n_vectors > 5
    q = found[0].q_per_nm[filled]
    distances = np.linalg.norm(shape[:, None] - shape[None], axis=-1)
    factors = np.array([form_factor(number, q) for number in numbers])
    debye = np.einsum("iq,jq,ijq->q", factors, factors, np.sinc(distances[..., None] * q / np.pi)) / 7
    mean = np.mean([one.intensity[filled] for one in found], axis=0)
    np.testing.assert_allclose(mean, debye, rtol=0.03)


def test_agrees_with_freud() -> None:
    """With form factors of 1 and the vectors that freud takes, those of the first octant without zero."""
    rng = np.random.default_rng(4)
    positions = rng.uniform(0, 3, (150, 3))
    positions[75:] = positions[:75] + np.array([0.2, 0.0, 0.0])
    direct = freud.diffraction.StaticStructureFactorDirect(bins=20, k_max=20.0, k_min=0.0)
    box = freud.box.Box(*BOX)
    direct.compute((box, box.wrap(positions)))
    vectors = scattering_vectors(BOX, 20.0, 1.0, EVERY)
    vectors = vectors[(vectors >= 0).all(axis=1)]
    q = 2 * np.pi * np.linalg.norm(vectors / BOX, axis=1)
    per_atom = np.abs(scattering_amplitudes(positions, BOX, vectors)) ** 2 / len(positions)
    ours, counts = shell_means(q, per_atom[None], np.linspace(0, 20, 21))
    filled = counts > 0
    np.testing.assert_allclose(ours[0][filled], direct.S_k[filled], rtol=1e-3)


def test_a_shifted_and_a_turned_cube_scatter_the_same() -> None:
    rng = np.random.default_rng(5)
    positions, numbers = rng.uniform(0, 3, (90, 3)), np.array([1, 6, 8])[rng.integers(0, 3, 90)]
    vectors = scattering_vectors(BOX, 40.0, 0.5, 60)
    edges = np.arange(0.0, 40.5, 0.5)
    turn = np.array([[0.0, -1, 0], [0, 0, 1], [-1, 0, 0]])
    for moved in (positions + np.array([7.7, -3.1, 40.0]), positions @ turn.T):
        one, other = (xray_scattering(p, BOX, numbers, vectors, edges) for p in (positions, moved))
        np.testing.assert_allclose(one.structure_factor, other.structure_factor, atol=1e-4, equal_nan=True)


@pytest.mark.parametrize("edges", [np.array([0.0, 1.0, 2.0])])
def test_shells_average_what_is_in_them(edges: np.ndarray) -> None:
    means, counts = shell_means(np.array([0.2, 0.4, 5.0]), np.array([[1.0, 3.0, 100.0]]), edges)
    np.testing.assert_array_equal(counts, [2, 0])
    np.testing.assert_array_equal(means, [[2.0, np.nan]])
