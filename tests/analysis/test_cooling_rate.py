"""A Tg at a calorimeter's rate is found again from Tg at the rates of simulations."""

from dataclasses import replace

import numpy as np
import pytest

from polyomics.analysis.cooling_rate import CALORIMETRIC_K_PER_NS, WLF_C1, extrapolated
from polyomics.analysis.statistics import Estimate
from polyomics.errors import NotEnoughData, NotIdentifiable

RATES = np.array([25.0, 100.0, 400.0])
ATTEMPT = np.log10(CALORIMETRIC_K_PER_NS) + WLF_C1
VOGEL_K, STRENGTH_K = 320.0, 900.0


def law(rates: np.ndarray | float, attempt: float = ATTEMPT) -> np.ndarray:
    return VOGEL_K + STRENGTH_K / (attempt - np.log10(rates))


def estimates(values: np.ndarray, error_k: float = 2.0) -> list[Estimate]:
    return [Estimate(float(value), error_k, 10.0, 1.0, 0) for value in values]


def test_the_law_comes_back() -> None:
    found = extrapolated(RATES, estimates(law(RATES)))
    assert found.vft_k.mean == pytest.approx(float(law(CALORIMETRIC_K_PER_NS)), abs=1e-6)
    assert (found.vogel_k, found.strength_k) == pytest.approx((VOGEL_K, STRENGTH_K))
    assert found.vft_at(RATES) == pytest.approx(law(RATES))


def test_a_straight_line_comes_back_and_is_the_lower_bound_of_a_law() -> None:
    line = extrapolated(RATES, estimates(500.0 + 12.0 * np.log10(RATES)))
    assert line.per_decade_k.mean == pytest.approx(12.0)
    assert line.linear_k.mean == pytest.approx(500.0 + 12.0 * np.log10(CALORIMETRIC_K_PER_NS))
    curved = extrapolated(RATES, estimates(law(RATES)))
    assert curved.linear_k.mean < curved.vft_k.mean


def test_the_error_covers_the_truth_when_the_attempt_rate_is_off_by_two() -> None:
    rng = np.random.default_rng(1)
    held = []
    for _ in range(200):
        attempt = ATTEMPT + rng.uniform(-2.0, 2.0)
        found = extrapolated(RATES, estimates(law(RATES, attempt) + rng.normal(0.0, 2.0, 3)))
        held.append(abs(found.vft_k.mean - law(CALORIMETRIC_K_PER_NS, attempt)) < 1.96 * found.vft_k.stderr)
    assert np.mean(held) >= 0.9


def test_the_error_of_the_line_is_that_of_least_squares() -> None:
    rng = np.random.default_rng(2)
    fits = [extrapolated(RATES, estimates(500.0 + 30.0 * np.log10(RATES) + rng.normal(0, 2.0, 3))) for _ in range(300)]
    spread = np.std([fit.linear_k.mean for fit in fits])
    design = np.stack([np.ones(3), np.log10(RATES)], axis=1)
    aim = np.array([1.0, np.log10(CALORIMETRIC_K_PER_NS)])
    expected = 2.0 * np.sqrt(aim @ np.linalg.inv(design.T @ design) @ aim)
    assert spread == pytest.approx(expected, rel=0.15)
    assert min(fit.linear_k.stderr for fit in fits) == pytest.approx(expected)


def test_many_rates_tell_the_attempt_rate_themselves() -> None:
    rates = np.geomspace(1e-6, 1e3, 9)
    found = extrapolated(rates, estimates(law(rates, ATTEMPT - 4.0), 0.1))
    assert "attempt_rate_fitted" in found.vft_k.flags
    assert found.log10_attempt_rate == pytest.approx(ATTEMPT - 4.0, abs=0.5)
    assert found.vft_k.mean == pytest.approx(float(law(CALORIMETRIC_K_PER_NS, ATTEMPT - 4.0)), abs=2.0)


def test_few_rates_far_away_are_flagged_and_many_near_are_not() -> None:
    assert set(extrapolated(RATES, estimates(law(RATES))).vft_k.flags) == {"few_rates", "far_extrapolation"}
    rates = np.geomspace(1e-9, 1e3, 6)
    assert not {"few_rates", "far_extrapolation"} & set(extrapolated(rates, estimates(law(rates))).vft_k.flags)


def test_transitions_that_leave_the_law_widen_the_error() -> None:
    rates = np.array([25.0, 100.0, 400.0, 1600.0])
    on, off = law(rates), law(rates) + np.array([12.0, -12.0, -12.0, 12.0])
    good, bad = (extrapolated(rates, estimates(values, 1.0)) for values in (on, off))
    assert "not_linear" in bad.vft_k.flags
    assert bad.vft_k.stderr > 1.5 * good.vft_k.stderr
    assert bad.linear_k.stderr > 3.0 * good.linear_k.stderr


def test_a_transition_that_does_not_rise_with_the_rate_is_not_extrapolated() -> None:
    for values in (np.full(3, 400.0), np.array([420.0, 410.0, 400.0])):
        with pytest.raises(NotIdentifiable, match="a decade of cooling rate"):
            extrapolated(RATES, estimates(values))


def test_two_rates_are_not_enough() -> None:
    with pytest.raises(NotEnoughData, match="at 3 rates; found 2"):
        extrapolated(RATES[:2], estimates(law(RATES[:2])))
    with pytest.raises(NotEnoughData):
        extrapolated([25.0, 25.0, 25.0], estimates(law(RATES)))
    with pytest.raises(NotEnoughData, match="found 2"):
        extrapolated(
            RATES, [replace(one, stderr=None) if i == 0 else one for i, one in enumerate(estimates(law(RATES)))]
        )
