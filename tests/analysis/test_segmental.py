"""The temperature where segments fall behind a cooling, from directions whose relaxation time is known."""

from collections.abc import Callable

import numpy as np
import pytest

from polyomics.analysis.segmental import (
    LOG_ATTEMPT_PS,
    Correlations,
    correlations,
    segmental_transition,
)
from polyomics.errors import NotIdentifiable

FRAME_PS = 2.0
RATE_K_PER_NS = 133.0
VOGEL_K, STRENGTH_K = 180.0, 1500.0
TEMPERATURES = np.arange(500.0, 319.0, -20.0)


def relaxation_ps(temperature_k: float | np.ndarray, earlier: float = 0.0) -> np.ndarray:
    """The law; with an attempt time `earlier` by so much in its logarithm, and the same τ at 400 K."""
    strength = STRENGTH_K + earlier * (400.0 - VOGEL_K)
    return np.exp(LOG_ATTEMPT_PS - earlier + strength / (np.asarray(temperature_k) - VOGEL_K))


def arrest_k(earlier: float = 0.0, faster: float = 1.0) -> float:
    """Where τ is what 10 K/min and 100 s make at this rate."""
    grid = np.arange(VOGEL_K + 60.0, 600.0, 0.01)
    return float(grid[faster * relaxation_ps(grid, earlier) < 100.0 * (10.0 / 60.0) / (RATE_K_PER_NS * 1e-3)][0])


def turning(
    rng: np.random.Generator, relaxation_ps: np.ndarray, n_frames: int, shared: int = 1, sub_steps: int = 8
) -> np.ndarray:
    """Directions that diffuse on the sphere, <P2> = exp(-t/τ), shape=(n_frames, 1, n, 3); neighbours may be one."""
    spread = np.sqrt(FRAME_PS / sub_steps / relaxation_ps / 3.0)[:, None]
    now = rng.normal(size=(len(relaxation_ps), 3))
    frames = []
    for _ in range(n_frames):
        for _ in range(sub_steps):
            now /= np.linalg.norm(now, axis=1, keepdims=True)
            step = spread * rng.normal(size=now.shape)
            now = now + step - (step * now).sum(axis=1, keepdims=True) * now
        frames.append(now / np.linalg.norm(now, axis=1, keepdims=True))
    return np.repeat(np.array(frames), shared, axis=1)[:, None]


def cooled(
    seed: int, *, n: int = 240, shared: int = 1, spread: float = 0.0, earlier: float = 0.0
) -> list[Correlations]:
    """A cooling; with `spread`, segments have their own times, by the same factor at all temperatures."""
    rng = np.random.default_rng(seed)
    factors = np.exp(spread * rng.normal(size=n))
    return [
        correlations(float(t), turning(rng, relaxation_ps(t, earlier) * factors, 53, shared), FRAME_PS)
        for t in TEMPERATURES
    ]


def test_the_correlation_is_the_exponential_it_should_be() -> None:
    rng = np.random.default_rng(1)
    found = correlations(400.0, turning(rng, np.full(3000, 20.0), 60, sub_steps=40), FRAME_PS)
    assert found.lags_ps.tolist() == (FRAME_PS * np.arange(1, 31)).tolist()
    assert found.blocks.mean(axis=0) == pytest.approx(np.exp(-found.lags_ps / 20.0), abs=0.01)


def test_blocks_are_neighbours_of_one_chain() -> None:
    directions = np.zeros((10, 2, 20, 3))
    directions[..., 0] = 1.0
    directions[1::2, 1] = [0.0, 1.0, 0.0]  # the second chain turns by 90 degrees every frame
    found = correlations(400.0, directions, 1.0)
    assert len(found.blocks) == 4
    assert found.blocks[:, 0].tolist() == [1.0, -0.5] * 2 or found.blocks[:, 0].tolist() == [1.0, 1.0, -0.5, -0.5]
    assert found.blocks[:, 1].tolist() == [1.0] * 4


def test_a_known_transition_comes_back_and_the_law_with_it() -> None:
    found = segmental_transition(cooled(1, n=2000), RATE_K_PER_NS)
    assert found.estimate.mean == pytest.approx(arrest_k(), abs=3.0)
    assert found.relaxation_ps == pytest.approx(relaxation_ps(found.temperature_k), rel=0.15)
    assert found.relaxation_at(found.estimate.mean) == pytest.approx(found.arrest_ps)
    assert found.arrest_ps == pytest.approx(125.3, abs=0.1)


@pytest.mark.parametrize(
    ("settings", "faster"),
    [
        ({}, 1.0),
        ({"n": 80, "shared": 3}, 1.0),
        ({"spread": 1.0}, None),
        ({"earlier": -np.log(30.0)}, 1.0),
        ({"earlier": np.log(3.0)}, 1.0),
    ],
    ids=["independent", "neighbours turn together", "each its own time", "later attempts", "earlier attempts"],
)
def test_the_error_holds(settings: dict[str, float], faster: float | None) -> None:
    if faster is None:  # segments with a spread of times: C falls to 1/e at a time that is the mean one times a factor
        factors = np.exp(settings["spread"] * np.random.default_rng(0).normal(size=100_000))
        times = np.geomspace(0.1, 10.0, 400)
        faster = float(times[np.exp(-times[:, None] / factors[None, ::20]).mean(axis=1) < np.exp(-1.0)][0])
    truth = arrest_k(settings.get("earlier", 0.0), faster)
    found = [segmental_transition(cooled(seed, **settings), RATE_K_PER_NS, n_bootstrap=100) for seed in range(24)]
    off = np.array([(one.estimate.mean - truth) / one.estimate.stderr for one in found])
    assert (np.abs(off) < 1.96).mean() >= 0.8
    assert np.median([one.estimate.stderr for one in found]) < 15.0


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (lambda t: 20.0, "do not turn more slowly|longest time seen is"),
        (lambda t: 3.0, "0 of 10 temperatures .* near the 125 ps .* too hot, cool below 320 K"),
        (lambda t: 1e6, "too cold, start above 500 K"),
        (lambda t: 0.05, "too hot, cool below 320 K"),
        (lambda t: relaxation_ps(t) / 30.0, "too hot, cool below 320 K"),
        (lambda t: relaxation_ps(500.0 - (t - 320.0)), "do not turn more slowly"),
    ],
    ids=["flat", "flat and fast", "glass only", "melt only", "transition far below", "the wrong way round"],
)
def test_what_cannot_be_told_is_refused(times: Callable[[float], float], says: str) -> None:
    rng = np.random.default_rng(3)
    holds = [correlations(float(t), turning(rng, np.full(240, times(float(t))), 53), FRAME_PS) for t in TEMPERATURES]
    with pytest.raises(NotIdentifiable, match=says):
        segmental_transition(holds, RATE_K_PER_NS)


def test_few_blocks_are_flagged_and_too_few_refused() -> None:
    assert "few_samples" in segmental_transition(cooled(2, n=48), RATE_K_PER_NS).estimate.flags
    assert "few_samples" not in segmental_transition(cooled(2, n=96), RATE_K_PER_NS).estimate.flags
    with pytest.raises(NotIdentifiable, match="2 blocks of 8 neighbouring segments, and 3 are needed"):
        segmental_transition(cooled(2, n=23), RATE_K_PER_NS)


def test_a_cooling_faster_than_segments_could_ever_follow_is_refused() -> None:
    with pytest.raises(NotIdentifiable, match=r"0\.4 ps to turn, hardly more than vibrations take: cool at 238 K/ns"):
        segmental_transition(cooled(2, n=48), 41_667.0)


def test_the_same_seed_gives_the_same_numbers() -> None:
    holds = cooled(5)
    one, other = (segmental_transition(list(some), RATE_K_PER_NS) for some in (holds, reversed(holds)))
    assert one.estimate == other.estimate
