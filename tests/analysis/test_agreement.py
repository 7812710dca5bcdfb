"""Statistics of predicted against measured values, by hand and by scipy."""

import numpy as np
import pytest
from scipy import stats

from polyomics.analysis.agreement import agreement
from polyomics.errors import NotEnoughData

MEASURED = np.array([0.855, 0.917, 1.05, 1.19, 1.385, 2.0])


def test_perfect_predictions() -> None:
    found = agreement(MEASURED, MEASURED)
    assert (found.n, found.r_squared, found.bias, found.mean_absolute_error) == (6, 1.0, 0.0, 0.0)
    assert found.pearson_r_squared == pytest.approx(1.0)
    assert found.mean_absolute_percentage_error == 0.0


def test_a_known_bias_is_found_and_the_correlation_is_blind_to_it() -> None:
    found = agreement(MEASURED - 0.05, MEASURED)
    assert found.bias == pytest.approx(-0.05)
    assert found.mean_absolute_error == pytest.approx(0.05)
    assert found.pearson_r_squared == pytest.approx(1.0)
    assert found.r_squared == pytest.approx(1.0 - 0.05**2 / MEASURED.var())


def test_a_known_slope_is_a_percentage_and_the_correlation_is_blind_to_it() -> None:
    found = agreement(0.9 * MEASURED, MEASURED)
    assert found.mean_absolute_percentage_error == pytest.approx(10.0)
    assert found.pearson_r_squared == pytest.approx(1.0)
    assert found.bias == pytest.approx(-0.1 * MEASURED.mean())
    assert found.r_squared == pytest.approx(1.0 - 0.01 * (MEASURED**2).mean() / MEASURED.var())


def test_the_mean_of_the_measured_values_predicts_with_nothing() -> None:
    found = agreement(np.full(6, MEASURED.mean()), MEASURED)
    assert found.r_squared == pytest.approx(0.0, abs=1e-12)
    assert found.pearson_r_squared is None
    assert agreement(MEASURED[::-1], MEASURED).r_squared < 0.0  # type: ignore[operator]


def test_by_hand() -> None:
    """Measured 1, 2, 4 and predicted 1, 3, 2: errors 0, 1, -2 and squares 5 beside 14/3 about the mean 7/3."""
    found = agreement([1, 3, 2], [1, 2, 4])
    assert found.r_squared == pytest.approx(1.0 - 5.0 / (14.0 / 3.0))
    assert found.bias == pytest.approx(-1.0 / 3.0)
    assert found.mean_absolute_error == pytest.approx(1.0)
    assert found.mean_absolute_percentage_error == pytest.approx(100.0 * (0.0 + 0.5 + 0.5) / 3.0)


def test_beside_scipy() -> None:
    rng = np.random.default_rng(4)
    measured = rng.normal(3.0, 1.0, 40)
    predicted = 0.8 * measured + 0.3 + rng.normal(0.0, 0.3, 40)
    found = agreement(predicted, measured)
    assert found.pearson_r_squared == pytest.approx(stats.pearsonr(predicted, measured).statistic ** 2)
    assert found.r_squared == pytest.approx(1.0 - np.mean((predicted - measured) ** 2) / np.var(measured))


def test_units_do_not_matter() -> None:
    one, other = agreement(MEASURED[::-1], MEASURED), agreement(1e-9 * MEASURED[::-1], 1e-9 * MEASURED)
    assert other.r_squared == pytest.approx(one.r_squared)
    assert other.mean_absolute_percentage_error == pytest.approx(one.mean_absolute_percentage_error)


def test_what_cannot_be_told_is_none() -> None:
    one = agreement([1.0], [2.0])
    assert (one.n, one.r_squared, one.pearson_r_squared, one.bias) == (1, None, None, -1.0)
    assert agreement([1.0, 2.0], [1.0, 3.0]).pearson_r_squared is None
    assert agreement([1.0, 2.0], [0.0, 3.0]).mean_absolute_percentage_error is None
    assert agreement([1.0, 2.0], [3.0, 3.0]).r_squared is None


@pytest.mark.parametrize(("predicted", "measured"), [([], []), ([np.nan], [1.0]), ([1.0], [np.inf])])
def test_what_is_no_number_is_refused(predicted: list[float], measured: list[float]) -> None:
    with pytest.raises(NotEnoughData):
        agreement(predicted, measured)


def test_pairs_are_pairs() -> None:
    with pytest.raises(ValueError, match="as many"):
        agreement([1.0, 2.0], [1.0])
