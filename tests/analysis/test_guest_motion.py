"""Diffusion of guests: what goes in comes out, and what is no diffusion gives no coefficient."""

import numpy as np
import pytest

from polyomics.analysis.guest_motion import GuestMotion, displacements, guest_motion, paths_beside_polymer_nm
from polyomics.errors import NotEnoughData


def walk(n_records: int, n_guests: int, d_nm2_ps: float, interval_ps: float, seed: int) -> np.ndarray:
    """Brownian paths."""
    width = np.sqrt(2.0 * d_nm2_ps * interval_ps)
    return np.random.default_rng(seed).normal(scale=width, size=(n_records, n_guests, 3)).cumsum(axis=0)


def fractional_walk(n_records: int, n_guests: int, exponent: float, seed: int) -> np.ndarray:
    """Fractional Brownian motion: Gaussian steps with the correlation that makes MSD grow as t to a power."""
    lag = np.arange(n_records, dtype=float)
    power = np.abs([lag + 1, lag, lag - 1]) ** exponent
    correlation = 0.5 * (power[0] - 2.0 * power[1] + power[2])
    spectrum = np.fft.fft(np.concatenate([correlation, correlation[-2:0:-1]])).real.clip(min=0.0)
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(2, n_guests, 3, len(spectrum)))
    steps = np.fft.fft((noise[0] + 1j * noise[1]) * np.sqrt(spectrum / len(spectrum)), axis=-1).real[..., :n_records]
    return 0.3 * np.moveaxis(steps, -1, 0).cumsum(axis=0)


@pytest.fixture(scope="module")
def walks() -> list[GuestMotion]:
    return [guest_motion(walk(500, 8, 0.02, 1.0, seed), 1.0) for seed in range(40)]


def test_the_coefficient_of_a_walk_is_recovered_within_its_error(walks: list[GuestMotion]) -> None:
    """Over many walks the pulls have the width of a normal distribution, so the error bar is one."""
    coefficients = [walk.coefficient_nm2_ps for walk in walks]
    pulls = [(found.mean - 0.02) / found.stderr for found in coefficients]
    assert abs(np.mean(pulls)) < 4.0 / np.sqrt(len(pulls))
    assert 0.5 < np.std(pulls) < 1.5


def test_almost_all_walks_are_found_diffusive(walks: list[GuestMotion]) -> None:
    assert sum(walk.trouble is not None for walk in walks) <= 8


@pytest.mark.parametrize("exponent", [0.5, 0.7])
def test_a_subdiffusive_walk_gives_no_coefficient(exponent: float) -> None:
    for seed in range(3):
        found = guest_motion(fractional_walk(1500, 20, exponent, seed), 1.0)
        assert found.exponent == pytest.approx(exponent, abs=0.12)
        assert found.trouble is not None
        assert "anomalous" in found.trouble


def test_rattling_in_a_hole_gives_no_coefficient() -> None:
    rng = np.random.default_rng(3)
    found = guest_motion(rng.normal(scale=0.05, size=(1000, 6, 3)), 1.0)
    assert found.trouble is not None
    assert abs(found.exponent) < 0.05


def test_guests_that_have_not_left_their_hole_give_no_coefficient() -> None:
    """Steps that are perfectly diffusive, but all within less than a hole."""
    found = guest_motion(walk(2000, 20, 1e-6, 1.0, 4), 1.0)
    assert found.trouble is not None
    assert "hole" in found.trouble


def test_ballistic_flight_gives_no_coefficient() -> None:
    velocities = np.random.default_rng(2).normal(size=(12, 3))
    velocities *= np.linspace(0.9, 1.1, 12)[:, None] / np.linalg.norm(velocities, axis=1)[:, None]
    found = guest_motion(np.arange(500)[:, None, None] * velocities * 0.01 + walk(500, 12, 2e-5, 1.0, 1), 1.0)
    assert found.exponent == pytest.approx(2.0, abs=0.1)
    assert found.trouble is not None
    assert "fly" in found.trouble


def test_one_guest_in_a_short_run_tells_too_little() -> None:
    """What it gives is nearly always refused, and flagged where it is not."""
    found = [guest_motion(fractional_walk(100, 1, 0.5, seed), 1.0) for seed in range(20)]
    assert sum(motion.trouble is None for motion in found) <= 2
    assert all("may_be_anomalous" in m.coefficient_nm2_ps.flags for m in found if m.exponent < 0.9)


def test_the_drift_of_the_polymer_and_the_box_are_taken_off() -> None:
    """Guests that walk in a polymer that drifts through periodic images are found as if it stood still."""
    n_records, box_nm = 400, 3.0
    guests = walk(n_records, 3, 0.01, 1.0, 1)
    drift = walk(n_records, 1, 0.02, 1.0, 5) + np.arange(n_records)[:, None, None] * 0.02
    polymer = np.array([[0.4, 0.3, 0.2], [1.5, 2.5, 0.1]]) + drift
    wrapped = np.concatenate([polymer, guests + drift], axis=1) % box_nm
    masses = np.array([1000.0, 1000.0, 4.0, 4.0, 4.0])
    found = paths_beside_polymer_nm(wrapped, np.full((n_records, 3), box_nm), masses, 3)
    assert found - found[0] == pytest.approx(guests - guests[0], abs=1e-9)


def test_the_mean_squared_displacement_is_that_of_its_definition() -> None:
    paths = walk(80, 4, 0.03, 1.0, 7)
    found = displacements(paths, 2.0)
    for time_ps, mean in zip(found.times_ps, found.means_nm2, strict=True):
        lag = round(time_ps / 2.0)
        expected = np.mean(np.sum((paths[lag:] - paths[:-lag]) ** 2, axis=-1), axis=0)
        assert mean == pytest.approx(expected.mean())
    assert found.stderrs_nm2 is not None


def test_too_few_records_are_refused() -> None:
    with pytest.raises(NotEnoughData, match="at least 60"):
        guest_motion(walk(30, 3, 0.1, 1.0, 1), 1.0)
    with pytest.raises(NotEnoughData, match="do not move"):
        guest_motion(np.zeros((100, 3, 3)), 1.0)
