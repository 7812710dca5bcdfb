"""Order and persistence of directions that were made to have them."""

import freud
import numpy as np
import pytest
from chain_models import freely_rotating, unit

from polyomics.analysis.orientation import (
    chords_nm,
    correlation_along_chain,
    isotropic_nematic_order,
    nematic_order,
    persistence_length,
    unit_vectors,
)
from polyomics.errors import NotEnoughData


def test_parallel_vectors_are_in_order_whichever_way_they_point() -> None:
    axis = unit(np.array([1.0, -2.0, 0.5]))
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(3, 40, 1))
    np.testing.assert_allclose(nematic_order(signs * axis), 1.0)


def test_vectors_in_a_plane() -> None:
    """Q of an isotropic plane has the eigenvalues 1/4, 1/4, -1/2."""
    angles = np.arange(12) * np.pi / 6
    plane = np.column_stack([np.cos(angles), np.sin(angles), np.zeros(12)])
    np.testing.assert_allclose(nematic_order(plane[None]), 0.25)


@pytest.mark.parametrize("strength", [0.0, 0.5, 2.0])
def test_order_is_that_of_freud(strength: float) -> None:
    vectors = unit(np.random.default_rng(1).normal(size=(4, 300, 3)) + strength * np.array([0, 0, 1.0]))
    expected = [freud.order.Nematic().compute(frame.astype(np.float32)).order for frame in vectors]
    np.testing.assert_allclose(nematic_order(vectors), expected, atol=1e-5)


@pytest.mark.parametrize("n_vectors", [50, 100, 400])
def test_random_vectors_have_the_order_of_their_number(n_vectors: int) -> None:
    vectors = unit(np.random.default_rng(2).normal(size=(2000, n_vectors, 3)))
    assert nematic_order(vectors).mean() == pytest.approx(isotropic_nematic_order(n_vectors), rel=0.03)


def test_correlation_is_the_mean_over_all_pairs() -> None:
    directions = unit(np.random.default_rng(3).normal(size=(2, 3, 9, 3)))
    found = correlation_along_chain(directions, 6)
    for lag in range(6):
        cosines = (directions[:, :, : 9 - lag] * directions[:, :, lag:]).sum(axis=-1)
        np.testing.assert_allclose(found[:, :, lag], cosines.mean(axis=2), atol=1e-12)


@pytest.mark.parametrize("length", [3.0, 8.0, 20.0])
def test_worm_like_chain(length: float) -> None:
    """<cos θ(s)> = exp(-s/l) is made with l in bonds, and recovered from the bonds; from their chords, along the
    stretched chain, which is shorter by cos(θ/2), comes half the Kuhn length C∞ / cos(θ/2)."""
    cosine = np.exp(-1 / length)
    chains = freely_rotating(np.random.default_rng(4), 60, 10, 160, cosine, bond_nm=1.0)
    chords = chords_nm(chains)
    step = 0.5 * np.linalg.norm(chords, axis=-1).mean()
    assert step == pytest.approx(np.sqrt(0.5 * (1 + cosine)))
    half_kuhn = 0.5 * (1 + cosine) / (1 - cosine) / step
    for directions, joint, expected in ((np.diff(chains, axis=2), 1.0, length), (chords, step, half_kuhn)):
        found = persistence_length(correlation_along_chain(unit_vectors(directions), 80))
        tolerance = 3 * found.estimate.stderr * joint + 0.01 * length
        assert found.estimate.mean * joint == pytest.approx(expected, abs=tolerance)
        assert found.estimate.stderr < 0.1 * found.estimate.mean
        assert "not_worm_like" not in found.estimate.flags


@pytest.mark.slow
def test_error_bars_of_the_persistence_length_cover() -> None:
    rng = np.random.default_rng(5)
    cosine, n_runs = 0.8, 120
    exact = 0.5 * (1 + cosine) / (1 - cosine)
    runs = np.diff(freely_rotating(rng, 10 * n_runs, 10, 60, cosine, bond_nm=1.0), axis=2)
    found = [persistence_length(correlation_along_chain(run, 30)).estimate for run in np.split(runs, n_runs)]
    assert np.mean([abs(one.mean - exact) < 2 * one.stderr for one in found]) > 0.87


def test_a_rod_has_no_persistence_length() -> None:
    rod = np.tile([0.0, 0.0, 1.0], (1, 2, 10, 1))
    with pytest.raises(NotEnoughData, match="too short to see it decay"):
        persistence_length(correlation_along_chain(rod, 6))


def test_a_helix_is_not_worm_like() -> None:
    """Directions on a cone come back after every turn."""
    turn = np.arange(60) * np.pi / 3
    helix = np.column_stack([np.cos(turn), np.sin(turn), np.full(60, 0.3)]) / np.sqrt(1.09)
    noise = 0.02 * np.random.default_rng(6).normal(size=(20, 5, 60, 3))
    found = persistence_length(correlation_along_chain(unit(helix + noise), 30))
    assert "not_worm_like" in found.estimate.flags
