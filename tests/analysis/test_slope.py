"""Lines through means with errors, against known lines and scipy."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from polyomics.analysis.slope import disagree, line_through
from polyomics.analysis.statistics import Estimate
from polyomics.errors import NotEnoughData

X = np.array([280.0, 300.0, 320.0])


def means(values: np.ndarray, errors: np.ndarray) -> list[Estimate]:
    return [Estimate(value, error, 30.0, 2.0, 0) for value, error in zip(values, errors, strict=True)]


def test_slope_and_error_are_those_of_scipy() -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        errors = rng.uniform(0.01, 0.1, 3)
        values = 2.0 + 0.01 * X + errors * rng.standard_normal(3)
        line = line_through(X, means(values, errors))
        (intercept, slope), covariance = curve_fit(
            lambda x, a, b: a + b * x, X, values, p0=(0.0, 0.0), sigma=errors, absolute_sigma=True
        )
        assert line.slope.mean == pytest.approx(slope, rel=1e-5)
        assert line.slope.stderr == pytest.approx(np.sqrt(covariance[1, 1]), rel=1e-5)
        np.testing.assert_allclose(line.y, intercept + slope * X, rtol=1e-5)


def test_stated_errors_are_the_spread_of_slopes() -> None:
    rng = np.random.default_rng(2)
    errors = np.array([0.02, 0.01, 0.05])
    slopes = [line_through(X, means(0.01 * X + errors * rng.standard_normal(3), errors)).slope for _ in range(2000)]
    values = np.array([slope.mean for slope in slopes])
    assert values.mean() == pytest.approx(0.01, abs=4 * values.std() / np.sqrt(2000))
    assert slopes[0].stderr == pytest.approx(values.std(), rel=0.06)
    assert np.mean(["not_linear" in slope.flags for slope in slopes]) == pytest.approx(0.01, abs=0.01)


def test_a_bend_is_flagged() -> None:
    bent = means(np.array([1.0, 1.01, 1.1]), np.full(3, 0.005))
    assert "not_linear" in line_through(X, bent).slope.flags


def test_a_mean_without_an_error_leaves_the_slope_without() -> None:
    points = means(0.01 * X, np.full(3, 0.01))
    points[1] = Estimate(3.0, None, 1.0, 1.0, 0, ("few_samples",))
    slope = line_through(X, points).slope
    assert slope.mean == pytest.approx(0.01)
    assert (slope.stderr, slope.flags, slope.n_independent) == (None, ("few_samples",), 1.0)


@pytest.mark.parametrize("places", [[300.0, 300.0, 300.0], [300.0]])
def test_one_temperature_has_no_slope(places: list[float]) -> None:
    with pytest.raises(NotEnoughData, match="different temperatures"):
        line_through(places, means(np.ones(len(places)), np.ones(len(places))))


def test_disagreement_counts_both_errors() -> None:
    one, near, far, unknown = (Estimate(v, e, 30, 1, 0) for v, e in [(1, 0.3), (2.4, 0.4), (2.6, 0.4), (9, None)])
    assert not disagree(one, near)
    assert disagree(one, far)
    assert not disagree(one, unknown)
