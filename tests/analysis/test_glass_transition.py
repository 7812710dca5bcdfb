"""A transition put into synthetic coolings is found again, with an error that holds; where there is none, none is."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import lfilter

from polyomics.analysis.glass_transition import (
    GlassTransition,
    NoTransition,
    Points,
    fit_hyperbola,
    glass_transition,
    holds_of,
    points_of_holds,
    sees_enough_glass,
    window_of,
)
from polyomics.errors import NotEnoughData, NotIdentifiable

TG_K, WIDTH_K, GLASS, MELT = 330.0, 12.0, 2e-4, 6e-4
LADDER_K = np.arange(560.0, 99.0, -20.0)
NOISE = 0.0045
"""Relative fluctuation of the volume of a cell of 10,000 atoms."""

Curve = Callable[[np.ndarray], np.ndarray]


def bent(temperature_k: np.ndarray) -> np.ndarray:
    x = temperature_k - TG_K
    return GLASS * x + (MELT - GLASS) * (0.5 * x + np.sqrt(0.25 * x**2 + WIDTH_K**2))


def fluctuating(n: int, correlation: float, rng: np.random.Generator) -> np.ndarray:
    decay = np.exp(-1.0 / correlation)
    noise = rng.standard_normal(n) * np.sqrt(1.0 - decay**2)
    noise[0] /= np.sqrt(1.0 - decay**2)
    return lfilter([1.0], [1.0, -decay], noise)


def cooled(
    curve: Curve, seed: int, ladder_k: np.ndarray = LADDER_K, n_rows: int = 100, correlation: float = 4.0
) -> Points:
    rng = np.random.default_rng(seed)
    holds = [value + NOISE * fluctuating(n_rows, correlation, rng) for value in curve(ladder_k)]
    return points_of_holds(ladder_k, holds)


def sought(curve: Curve, seed: int, n_bootstrap: int = 100, **settings: object) -> GlassTransition | NoTransition:
    try:
        return glass_transition(cooled(curve, seed, **settings), seed=seed, n_bootstrap=n_bootstrap)
    except NoTransition as none:
        return none


def check_known_answer(n_curves: int, n_bootstrap: int, lowest: float) -> None:
    found = [sought(bent, seed, n_bootstrap) for seed in range(n_curves)]
    assert all(isinstance(one, GlassTransition) for one in found)
    for which in ("hyperbola_k", "lines_k"):
        values = np.array([getattr(one, which).mean for one in found])
        errors = np.array([getattr(one, which).stderr for one in found])
        assert abs(values.mean() - TG_K) < 3.0
        holds = np.mean(np.abs(values - TG_K) < 1.96 * errors)
        assert lowest <= holds
        assert np.sqrt(np.mean(errors**2)) == pytest.approx(values.std(ddof=1), rel=0.5)


def test_a_known_transition_is_found_again() -> None:
    check_known_answer(20, 60, 0.8)


@pytest.mark.slow
def test_the_interval_of_95_percent_holds_in_90_to_98_percent_of_200_curves() -> None:
    found = [sought(bent, seed, 400) for seed in range(200)]
    assert sum(isinstance(one, GlassTransition) for one in found) >= 195
    held = [one for one in found if isinstance(one, GlassTransition)]
    values = np.array([one.hyperbola_k.mean for one in held])
    assert abs(values.mean() - TG_K) < 3.0
    stated = np.array([abs(one.hyperbola_k.mean - TG_K) < 1.96 * one.hyperbola_k.stderr for one in held])
    bounds = np.array([one.interval_k[0] <= TG_K <= one.interval_k[1] for one in held])
    assert 0.90 <= stated.mean() <= 0.98
    assert 0.90 <= bounds.mean() <= 0.985
    for name, truth in (("slope_glass", GLASS), ("slope_melt", MELT)):
        slopes = np.array([getattr(one, name).mean for one in held])
        errors = np.array([getattr(one, name).stderr for one in held])
        assert slopes.mean() == pytest.approx(truth, rel=0.05)
        assert np.mean(np.abs(slopes - truth) < 1.96 * errors) > 0.88


def test_without_noise_the_hyperbola_comes_back() -> None:
    exact = Points(LADDER_K[::-1], bent(LADDER_K[::-1]), np.full(len(LADDER_K), 1e-5), np.full(len(LADDER_K), 9.0))
    fit = fit_hyperbola(exact)
    assert fit.centre_k == pytest.approx(TG_K, abs=1e-3)
    assert fit.width_k == pytest.approx(WIDTH_K, rel=1e-3)
    assert (fit.slope_glass, fit.slope_melt) == pytest.approx((GLASS, MELT), rel=1e-4)
    assert fit.at(exact.temperature_k) == pytest.approx(exact.mean, abs=1e-7)
    assert fit.chi_squared < 1e-3
    assert fit.glass_below_k < TG_K < fit.melt_above_k


@pytest.mark.parametrize(("scale", "shift_k", "offset"), [(1000.0, 0.0, 0.0), (1.0, 150.0, 0.0), (1.0, 0.0, 7.0)])
def test_units_and_origins_do_not_matter(scale: float, shift_k: float, offset: float) -> None:
    points = cooled(bent, 3)
    other = Points(
        points.temperature_k + shift_k, scale * (points.mean + offset), scale * points.stderr, points.n_independent
    )
    one, two = glass_transition(points, n_bootstrap=50), glass_transition(other, n_bootstrap=50)
    assert two.hyperbola_k.mean - shift_k == pytest.approx(one.hyperbola_k.mean, abs=1e-3)
    assert two.hyperbola_k.stderr == pytest.approx(one.hyperbola_k.stderr, rel=1e-3)
    assert two.slope_melt.mean == pytest.approx(scale * one.slope_melt.mean, rel=1e-4)


def line(temperature_k: np.ndarray) -> np.ndarray:
    return 5e-4 * temperature_k


def gentle_parabola(temperature_k: np.ndarray) -> np.ndarray:
    return 5e-4 * temperature_k + 3e-7 * (temperature_k - 330.0) ** 2


def rising_bend(temperature_k: np.ndarray) -> np.ndarray:
    """A glass that expands more than its melt: no glass transition."""
    return -bent(temperature_k) + 1e-3 * temperature_k


@pytest.mark.parametrize("curve", [line, gentle_parabola, rising_bend])
def test_a_curve_without_a_transition_is_not_given_one(curve: Curve) -> None:
    found = [sought(curve, seed, 30) for seed in range(20)]
    assert sum(isinstance(one, GlassTransition) for one in found) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("curve", [line, gentle_parabola])
def test_of_200_curves_without_a_transition_at_most_2_percent_are_given_one(curve: Curve) -> None:
    found = [sought(curve, seed, 60) for seed in range(200)]
    assert sum(isinstance(one, GlassTransition) for one in found) <= 4


@pytest.mark.parametrize(
    ("highest_k", "lowest_k", "troubles"),
    [
        (560, 360, {"no_transition", "no_kink"}),
        (300, 100, {"no_transition", "no_kink"}),
        (560, 280, {"no_glass", "no_kink"}),
        (370, 100, {"no_melt", "no_kink"}),
        (400, 300, {"too_short"}),
    ],
)
def test_a_window_that_shows_too_little_is_refused(highest_k: float, lowest_k: float, troubles: set[str]) -> None:
    step_k = 20.0 if highest_k == 400 else 10.0
    ladder = np.arange(highest_k, lowest_k - 1.0, -step_k)
    found = [sought(bent, seed, 30, ladder_k=ladder, n_rows=400) for seed in range(6)]
    named = [one.trouble for one in found if isinstance(one, NoTransition)]
    assert len(named) == len(found)
    assert set(named) <= troubles


def test_a_refusal_is_one_that_a_property_may_raise() -> None:
    refused = sought(line, 1)
    assert isinstance(refused, NotIdentifiable)
    assert "100 to 560 K" in str(refused)


def test_scatter_beyond_the_errors_of_holds_widens_the_error_and_is_flagged() -> None:
    points = cooled(bent, 4, n_rows=400)
    scattered = points.mean + 0.003 * np.random.default_rng(1).standard_normal(len(points))
    found = glass_transition(Points(points.temperature_k, scattered, points.stderr, points.n_independent))
    undisturbed = glass_transition(points)
    assert "not_linear" in found.hyperbola_k.flags
    assert "not_linear" not in undisturbed.hyperbola_k.flags
    assert found.hyperbola_k.stderr > 2.0 * undisturbed.hyperbola_k.stderr


def test_the_same_seed_gives_the_same_error() -> None:
    points = cooled(bent, 5)
    first, again, other = (glass_transition(points, seed=seed, n_bootstrap=40) for seed in (1, 1, 2))
    assert first.hyperbola_k == again.hyperbola_k
    assert first.hyperbola_k.stderr != other.hyperbola_k.stderr


@pytest.mark.parametrize(("n_rows", "correlation"), [(100, 4.0), (30, 2.0)])
def test_errors_of_short_correlated_holds_are_those_of_their_means(n_rows: int, correlation: float) -> None:
    """The scatter of the points about the truth, in units of stated errors, is one."""
    deviations = []
    for seed in range(40):
        points = cooled(line, seed, n_rows=n_rows, correlation=correlation)
        deviations.append((points.mean - line(points.temperature_k)) / points.stderr)
    assert np.std(deviations) == pytest.approx(1.0, abs=0.12)


def test_the_start_of_a_hold_does_not_count() -> None:
    rng = np.random.default_rng(2)
    holds = [np.concatenate([np.full(28, 50.0), rng.normal(1.0, 0.1, 72)]) for _ in LADDER_K]
    assert points_of_holds(LADDER_K, holds).mean.max() < 1.1


def test_rows_belong_to_the_hold_they_end() -> None:
    assert holds_of(np.array([0.4, 10.0, 10.4, 20.0, 20.2]), 10.0).tolist() == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("holds", [[np.zeros(8)] * 3, [], [np.r_[np.zeros(40), np.nan]] * 3])
def test_holds_without_numbers_are_refused(holds: list[np.ndarray]) -> None:
    with pytest.raises(NotEnoughData):
        points_of_holds(np.arange(len(holds), dtype=float), holds)


def test_far_melt_is_left_out() -> None:
    points = cooled(bent, 6, ladder_k=np.arange(900.0, 99.0, -20.0), n_rows=400)
    assert window_of(points).temperature_k[-1] == pytest.approx(TG_K + 200.0, abs=25.0)


def test_cooling_ends_once_enough_glass_is_seen_and_not_in_the_melt() -> None:
    """Asked after every piece of four steps, as a cooling run is."""
    ends = []
    for seed in range(6):
        whole = cooled(bent, seed, ladder_k=np.arange(640.0, 59.0, -20.0))
        for lowest in np.arange(580.0, 59.0, -80.0):
            if sees_enough_glass(whole.only(whole.temperature_k >= lowest)):
                break
        ends.append(lowest)
    assert max(ends) <= TG_K - 100.0
    assert np.mean(ends) > 90.0
