"""Internal distances of chains whose dimensions are known."""

import numpy as np
import pytest
from chain_models import as_frames, freely_jointed, freely_rotating, freely_rotating_squared_nm2

from polyomics.analysis.internal_distances import (
    characteristic_ratio,
    end_to_end_correlation,
    mean_squared_internal_distances,
    separations,
)
from polyomics.analysis.statistics import estimate_mean_over_molecules

BOND_NM = 0.15


def internal(chains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n = separations(chains.shape[2] - 1)
    return mean_squared_internal_distances(*as_frames(chains), n), n


@pytest.mark.parametrize("n_bonds", [1, 2, 29, 100, 1000])
def test_separations_run_from_one_bond_to_the_whole_chain(n_bonds: int) -> None:
    n = separations(n_bonds)
    assert n[0] == 1
    assert n[-1] == n_bonds
    assert (np.diff(n) > 0).all()
    assert len(n) <= 30


def test_internal_distances_are_means_over_all_pairs() -> None:
    chains = freely_jointed(np.random.default_rng(1), 2, 3, 7)
    found = mean_squared_internal_distances(*as_frames(chains), np.array([1, 3, 7]))
    for column, n in enumerate((1, 3, 7)):
        pairs = [((chains[:, :, i + n] - chains[:, :, i]) ** 2).sum(axis=-1) for i in range(8 - n)]
        np.testing.assert_allclose(found[:, :, column], np.mean(pairs, axis=0))


def test_a_rod() -> None:
    rod = np.zeros((1, 1, 11, 3))
    rod[0, 0, :, 2] = np.arange(11) * 0.2
    squared, n = internal(rod)
    np.testing.assert_allclose(squared[0, 0], (0.2 * n) ** 2)
    assert "chain_too_short" in characteristic_ratio(squared, n, 0.04).estimate.flags


@pytest.mark.parametrize("cosine", [-0.3, 0.0, 1 / 3, 0.7])
def test_freely_rotating_chain(cosine: float) -> None:
    """R²(n) for every n, and C∞ = (1 + cos θ) / (1 - cos θ)."""
    squared, n = internal(freely_rotating(np.random.default_rng(2), 40, 20, 100, cosine))
    for column, bonds in enumerate(n.tolist()):
        estimate = estimate_mean_over_molecules(squared[:, :, column])
        tolerance = 4.5 * (estimate.stderr or 1e-9)
        assert estimate.mean == pytest.approx(freely_rotating_squared_nm2(bonds, cosine), abs=tolerance)
    ratio = characteristic_ratio(squared, n, BOND_NM**2)
    assert ratio.estimate.mean == pytest.approx((1 + cosine) / (1 - cosine), abs=3 * ratio.estimate.stderr)
    assert ratio.estimate.stderr < 0.03 * ratio.estimate.mean
    means = squared.mean(axis=(0, 1))[-len(ratio.fitted) :] / (ratio.fitted * BOND_NM**2)
    np.testing.assert_allclose(ratio.fit, means, rtol=0.06)


def test_freely_jointed_chain() -> None:
    squared, n = internal(freely_jointed(np.random.default_rng(3), 100, 10, 60))
    estimate = characteristic_ratio(squared, n, 0.3**2).estimate
    assert estimate.mean == pytest.approx(1.0, abs=3 * estimate.stderr)
    whole = estimate_mean_over_molecules(squared[:, :, -1])
    assert whole.mean == pytest.approx(60 * 0.3**2, abs=3 * whole.stderr)


def test_a_chain_shorter_than_its_memory_is_flagged_and_not_extrapolated() -> None:
    """With cos θ = 0.95 a is 20 bonds; 40 bonds give C_N, below C∞ = 39."""
    squared, n = internal(freely_rotating(np.random.default_rng(4), 50, 10, 40, 0.95))
    ratio = characteristic_ratio(squared, n, BOND_NM**2)
    exact = freely_rotating_squared_nm2(40, 0.95) / (40 * BOND_NM**2)
    assert "chain_too_short" in ratio.estimate.flags
    assert ratio.estimate.mean == pytest.approx(exact, abs=3 * ratio.estimate.stderr)
    assert len(ratio.fitted) == len(ratio.fit) == 0


def test_chains_that_collapsed_are_flagged() -> None:
    """A chain folded into a cube is ideal up to its edge and no further."""
    chains = freely_rotating(np.random.default_rng(9), 20, 20, 300, 0.4)
    edge_nm = 1.5
    folded = np.abs((chains + 0.3) % (2 * edge_nm) - edge_nm)
    squared, n = internal(folded)
    flags = characteristic_ratio(squared, n, squared[:, :, 0].mean()).estimate.flags
    assert "not_ideal" in flags
    squared, n = internal(chains)
    assert "not_ideal" not in characteristic_ratio(squared, n, BOND_NM**2).estimate.flags


@pytest.mark.parametrize("frozen", [False, True])
def test_error_bars_cover(frozen: bool) -> None:
    """Intervals of two standard errors hold the truth in 95 % of many runs, relaxed and frozen; at least 87 % here."""
    rng = np.random.default_rng(5)
    n_runs, n_frames, n_chains, n_bonds, cosine = 120, 12, 10, 60, 0.4
    limit, whole = (1 + cosine) / (1 - cosine), freely_rotating_squared_nm2(n_bonds, cosine)
    runs = freely_rotating(rng, n_runs * (1 if frozen else n_frames), n_chains, n_bonds, cosine)
    inside = []
    for run in np.split(runs, n_runs):
        chains = np.repeat(run, n_frames, axis=0) if frozen else run
        if frozen:
            chains = chains + 1e-3 * rng.normal(size=chains.shape)
        squared, n = internal(chains)
        ratio = characteristic_ratio(squared, n, BOND_NM**2).estimate
        size = estimate_mean_over_molecules(squared[:, :, -1])
        inside.append([abs(ratio.mean - limit) < 2 * ratio.stderr, abs(size.mean - whole) < 2 * size.stderr])
    assert (np.mean(inside, axis=0) > 0.87).all()


def test_end_to_end_correlation_decays_as_it_was_made() -> None:
    rng = np.random.default_rng(6)
    decay = np.exp(-1 / 20)
    vectors = [rng.normal(size=(50, 3))]
    for _ in range(1999):
        vectors.append(decay * vectors[-1] + np.sqrt(1 - decay**2) * rng.normal(size=(50, 3)))
    found = end_to_end_correlation(vectors)
    assert found[0] == 1.0
    np.testing.assert_allclose(found[:60], decay ** np.arange(60), atol=0.03)


def test_end_to_end_correlation_equals_the_plain_sum() -> None:
    vectors = np.random.default_rng(7).normal(size=(9, 4, 3)) + 1.0
    plain = [np.mean((vectors[: 9 - t] * vectors[t:]).sum(axis=-1)) for t in range(9)]
    np.testing.assert_allclose(end_to_end_correlation(vectors), np.array(plain) / plain[0])


def test_frozen_chains_keep_their_direction() -> None:
    vectors = np.tile(np.random.default_rng(8).normal(size=(1, 5, 3)), (10, 1, 1))
    np.testing.assert_allclose(end_to_end_correlation(vectors), 1.0)
