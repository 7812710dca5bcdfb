"""Positions of maxima that are known."""

import numpy as np
import pytest

from polyomics.analysis.peaks import block_errors, frozen_share, noise_of_mean, peak_position
from polyomics.errors import NotEnoughData

X = np.linspace(0.0, 10.0, 201)
SETTINGS = {"between": (1.0, 9.0), "smooth": 0.15, "half_width": 0.6}


def two_hills(positions: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """A hill of height 1 at a place of its own in every frame, one of height 2 at 7."""
    curves = np.exp(-((X - positions[:, None]) ** 2) / 0.5) + 2 * np.exp(-((X - 7.0) ** 2) / 0.5)
    return curves + noise * rng.normal(size=curves.shape)


@pytest.mark.parametrize(("which", "expected"), [("first", 3.0), ("highest", 7.0)])
def test_the_maximum_asked_for(which: str, expected: float) -> None:
    curves = two_hills(np.full(40, 3.0), 0.05, np.random.default_rng(1))
    found = peak_position(X, curves, np.full(201, 0.05), which=which, **SETTINGS)
    assert found.mean == pytest.approx(expected, abs=4 * found.stderr)
    assert found.stderr < 0.01


def test_the_error_is_the_spread_between_runs() -> None:
    rng = np.random.default_rng(2)
    runs = [
        peak_position(
            X, two_hills(3.0 + 0.2 * rng.normal(size=30), 0.1, rng), np.full(201, 0.1), which="first", **SETTINGS
        )
        for _ in range(150)
    ]
    positions = np.array([run.mean for run in runs])
    assert positions.mean() == pytest.approx(3.0, abs=5 * positions.std() / np.sqrt(150) + 0.002)
    assert np.mean([run.stderr for run in runs]) == pytest.approx(positions.std(), rel=0.2)


def test_the_mean_of_frames_is_the_vertex_of_the_mean() -> None:
    """Curves that are parabolas: the vertex is that of the mean parabola."""
    rng = np.random.default_rng(3)
    heights, places = rng.uniform(1, 3, 25), 5.0 + 0.02 * rng.normal(size=25)
    curves = -heights[:, None] * (X - places[:, None]) ** 2
    found = peak_position(X, curves, np.full(201, 1e-3), which="first", **SETTINGS)
    assert found.mean == pytest.approx(np.average(places, weights=heights), abs=1e-9)


@pytest.mark.parametrize("shape", [np.zeros_like(X), X, np.exp(-X), (X - 5) ** 2], ids=["flat", "up", "fall", "valley"])
def test_noise_has_no_maximum(shape: np.ndarray) -> None:
    rng = np.random.default_rng(4)
    for n_frames in (1, 3, 40):
        for _ in range(20):
            curves = shape + 0.1 * rng.normal(size=(n_frames, 201))
            with pytest.raises(NotEnoughData, match="stands out"):
                peak_position(X, curves, np.full(201, 0.1), which="first", **SETTINGS)


def test_frozen_noise_does_not_average_out() -> None:
    rng = np.random.default_rng(5)
    frozen = 0.1 * rng.normal(size=201) + 1e-4 * rng.normal(size=(40, 201))
    moving = 0.1 * rng.normal(size=(40, 201))
    expected = np.full(201, 0.1)
    share = frozen_share(frozen, expected, 5.0)
    np.testing.assert_allclose(share, 1.0, atol=0.01)
    np.testing.assert_allclose(noise_of_mean(frozen, expected, share), 0.1, rtol=0.02)
    share = frozen_share(moving, expected, 5.0)
    np.testing.assert_array_equal(share, 0.0)
    assert np.sqrt(np.mean(noise_of_mean(moving, expected, share) ** 2)) == pytest.approx(0.1 / np.sqrt(40), rel=0.6)
    with pytest.raises(NotEnoughData):
        peak_position(X, frozen, expected, which="first", **SETTINGS)


def test_the_error_counts_frozen_noise() -> None:
    """All frames of a run have the same noise, other runs another one: the spread between runs is the error."""
    rng = np.random.default_rng(8)
    runs = []
    for _ in range(60):
        curves = two_hills(np.full(1, 3.0), 0.04, rng) + 0.002 * rng.normal(size=(30, 201))
        runs.append(peak_position(X, curves, np.full(201, 0.04), which="first", **SETTINGS))
    assert all("structure_not_relaxed" in run.flags for run in runs)
    assert np.mean([run.stderr for run in runs]) == pytest.approx(np.std([run.mean for run in runs]), rel=0.3)


def test_too_few_frames_have_a_position_and_no_error() -> None:
    curves = two_hills(np.full(2, 3.0), 0.02, np.random.default_rng(6))
    found = peak_position(X, curves, np.full(201, 0.02), which="first", **SETTINGS)
    assert found.mean == pytest.approx(3.0, abs=0.05)
    assert found.stderr is None
    assert found.flags


def test_block_errors_are_those_of_independent_frames() -> None:
    curves = np.random.default_rng(7).normal(size=(50, 2000))
    assert np.sqrt(np.mean(block_errors(curves) ** 2)) == pytest.approx(1 / np.sqrt(50), rel=0.05)
    assert block_errors(curves[:9]) is None
