"""Walkers of known diffusion, and motion that is not diffusion."""

import freud
import numpy as np
import pytest
from chain_models import fractional_walk
from scipy.signal import lfilter

from polyomics.analysis.displacement import (
    mean_squared_displacements_nm2,
    self_diffusion,
    unwrapped_nm,
    without_common_motion,
)
from polyomics.errors import NotEnoughData


def walkers(rng: np.random.Generator, n_frames: int, n_walkers: int, coefficient: float) -> np.ndarray:
    """Brownian paths, <|r|²> = 6 D t with t in frames."""
    return rng.normal(scale=np.sqrt(2 * coefficient), size=(n_frames, n_walkers, 3)).cumsum(axis=0)


def relative(paths: np.ndarray) -> np.ndarray:
    return without_common_motion(paths, np.ones(paths.shape[1]))


def test_displacements_are_those_of_the_definition_and_of_freud() -> None:
    paths = walkers(np.random.default_rng(1), 40, 6, 0.3) + 1000.0
    found = mean_squared_displacements_nm2(paths)
    for lag in range(40):
        steps = paths[lag:] - paths[: 40 - lag]
        np.testing.assert_allclose(found[lag], (steps**2).sum(axis=-1).mean(axis=0), rtol=1e-9, atol=1e-9)
    freud_msd = freud.msd.MSD(mode="window").compute(paths - 1000.0).msd
    np.testing.assert_allclose(found.mean(axis=1), freud_msd, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_known_diffusion_coefficient_is_recovered_and_error_bars_cover() -> None:
    rng = np.random.default_rng(2)
    coefficient, interval_ps, found, refused = 0.02, 2.0, [], 0
    for _ in range(100):
        paths = relative(walkers(rng, 400, 10, coefficient * interval_ps))
        try:
            found.append(self_diffusion(paths, interval_ps, 0.0).coefficient_nm2_ps)
        except NotEnoughData:
            refused += 1
    assert refused <= 12
    values = np.array([one.mean for one in found])
    assert values.mean() == pytest.approx(coefficient, rel=0.05)
    assert np.mean([abs(one.mean - coefficient) < 2 * one.stderr for one in found]) > 0.87
    assert np.mean([one.stderr for one in found]) < 0.2 * coefficient


def test_known_diffusion_coefficient_is_recovered() -> None:
    paths = relative(walkers(np.random.default_rng(13), 600, 50, 0.04))
    found = self_diffusion(paths, 2.0, 0.0)
    assert found.coefficient_nm2_ps.mean == pytest.approx(0.02, abs=3 * found.coefficient_nm2_ps.stderr)
    assert found.coefficient_nm2_ps.stderr < 0.1 * 0.02
    assert found.exponent == pytest.approx(1.0, abs=3 * found.exponent_stderr)
    np.testing.assert_allclose(found.fit_nm2, 6 * 0.02 * found.fitted_ps, rtol=0.15)


@pytest.mark.parametrize("exponent", [0.5, 0.7, 1.5])
def test_anomalous_diffusion_is_refused(exponent: float) -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        with pytest.raises(NotEnoughData, match=r"not diffusive: exponent"):
            self_diffusion(relative(fractional_walk(rng, 800, 20, exponent)), 1.0, 0.0)


def test_fractional_walkers_are_what_they_should_be() -> None:
    paths = fractional_walk(np.random.default_rng(4), 300, 300, 0.6)
    lags = np.array([1, 5, 20])
    found = mean_squared_displacements_nm2(paths)[lags].mean(axis=1)
    np.testing.assert_allclose(found, 3 * lags**0.6, rtol=0.06)


def test_ballistic_motion_is_refused() -> None:
    velocities = np.random.default_rng(5).normal(size=(1, 30, 3))
    with pytest.raises(NotEnoughData, match=r"exponent 2\.00"):
        self_diffusion(relative(velocities * np.arange(200)[:, None, None]), 1.0, 0.0)


def test_trapped_molecules_are_refused() -> None:
    rattling = lfilter([1], [1, -0.8], np.random.default_rng(6).normal(size=(1000, 20, 3)), axis=0)
    with pytest.raises(NotEnoughData, match=r"not diffusive: exponent -?0\.0.*trapped"):
        self_diffusion(relative(rattling), 1.0, 0.0)


def test_molecules_that_stay_where_they_are_are_refused() -> None:
    with pytest.raises(NotEnoughData, match="do not move"):
        self_diffusion(np.zeros((100, 4, 3)), 1.0, 0.0)


def test_a_molecule_must_move_its_own_size() -> None:
    """MSD(80) is 48 nm²; a run with room for 4 times as much is asked for when the molecule is twice as large."""
    paths = relative(walkers(np.random.default_rng(7), 400, 30, 0.1))
    assert self_diffusion(paths, 1.0, 20.0).coefficient_nm2_ps.mean == pytest.approx(0.1, rel=0.2)
    with pytest.raises(NotEnoughData, match=r"less than the radius of gyration of 14 nm; a run of about 2,000 ps"):
        self_diffusion(paths, 1.0, 192.0)


def test_common_motion_is_taken_out_with_masses() -> None:
    paths = walkers(np.random.default_rng(8), 50, 5, 0.1)
    masses = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    found = without_common_motion(paths, masses)
    np.testing.assert_allclose(np.einsum("fpx,p->fx", found, masses), 0.0, atol=1e-12)
    drifting = paths + np.arange(50)[:, None, None] * np.array([0.3, -2.0, 1.0])
    np.testing.assert_allclose(without_common_motion(drifting, masses), found, atol=1e-9)


@pytest.mark.parametrize("wrapped", [True, False])
def test_unwrapping_follows_a_path_across_the_box(wrapped: bool) -> None:
    paths = walkers(np.random.default_rng(9), 300, 8, 0.02)
    box = np.tile([4.0, 5.0, 6.0], (300, 1))
    given = paths % box[:, None] if wrapped else paths
    found = unwrapped_nm(given, box)
    np.testing.assert_allclose(found - found[:1], paths - paths[:1], atol=1e-9)


def test_a_breathing_box_does_not_move_molecules_that_crossed_it() -> None:
    """Fixed places in the box, seen from images far away: the steps stay of the order of the box's own fluctuation."""
    rng = np.random.default_rng(10)
    box = 4.0 * (1 + 0.01 * rng.normal(size=(200, 1))) * np.ones((1, 3))
    places = rng.uniform(size=(1, 20, 3)) * box[:, None]
    far = places + rng.integers(-50, 50, size=(1, 20, 3)) * box[:, None]
    found = unwrapped_nm(far, box)
    assert np.abs(found - found[:1]).max() < 0.3
    assert np.abs(far - far[:1]).max() > 3.0


def test_steps_too_long_for_the_nearest_image_are_refused() -> None:
    paths = walkers(np.random.default_rng(11), 50, 8, 1.0)
    with pytest.raises(NotEnoughData, match="frame_ps"):
        unwrapped_nm(paths, np.full((50, 3), 4.0))


@pytest.mark.parametrize(("n_frames", "n_molecules"), [(100, 1), (20, 10)])
def test_too_little_to_tell_is_refused(n_frames: int, n_molecules: int) -> None:
    with pytest.raises(NotEnoughData):
        self_diffusion(walkers(np.random.default_rng(12), n_frames, n_molecules, 0.1), 1.0, 0.0)
