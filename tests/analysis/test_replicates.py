"""Combined error bars, held against what many synthetic sets of replicates do."""

import numpy as np
import pytest
from numpy.typing import NDArray

from polyomics.analysis.replicates import combine
from polyomics.errors import NotEnoughData

TRUTH = 1.05
N_SETS = 600


def synthetic(
    n: int, between: float, seed: int, *, degrees: float | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sets of n replicates whose own error is 0.01, that differ by `between` times that, shape=(sets, n) both.

    With `degrees`, the own errors are themselves estimates with so many degrees of freedom.
    """
    rng = np.random.default_rng(seed)
    own = np.full((N_SETS, n), 0.01)
    values = TRUTH + own * rng.normal(size=own.shape) + 0.01 * between * rng.normal(size=own.shape)
    if degrees is not None:
        own = own * np.sqrt(rng.chisquare(degrees, size=own.shape) / degrees)
    return values, own


@pytest.mark.parametrize("n", [2, 3, 4, 8])
@pytest.mark.parametrize("between", [0.0, 1.0, 5.0])
def test_the_error_bar_covers_the_truth_as_often_as_a_standard_error_should(n: int, between: float) -> None:
    combined = [combine(x, s.tolist()) for x, s in zip(*synthetic(n, between, seed=n), strict=True)]
    covered = np.mean([abs(one.value - TRUTH) <= (one.stderr or 0.0) for one in combined])
    assert 0.64 < covered < 0.86
    misses = np.std([one.value for one in combined])
    stated = np.sqrt(np.mean([(one.stderr or 0.0) ** 2 for one in combined]))
    assert misses == pytest.approx(0.01 * np.sqrt((1 + between**2) / n), rel=0.12)
    assert 0.9 < stated / misses < (2.1 if n == 2 else 1.6)


@pytest.mark.parametrize("between", [0.0, 3.0])
def test_own_errors_that_are_uncertain_do_not_mislead(between: float) -> None:
    combined = [combine(x, s.tolist()) for x, s in zip(*synthetic(5, between, seed=3, degrees=6), strict=True)]
    assert 0.62 < np.mean([abs(one.value - TRUTH) <= (one.stderr or 0.0) for one in combined]) < 0.82


def test_own_errors_alone_would_be_wrong_where_replicates_differ() -> None:
    """What the combination is for: replicates that differ by five times their own errors."""
    values, own = synthetic(4, 5.0, seed=1)
    naive = own.mean(axis=1) / np.sqrt(4)
    assert np.mean(np.abs(values.mean(axis=1) - TRUTH) <= naive) < 0.3


@pytest.mark.parametrize("between", [2.0, 6.0])
def test_the_variance_between_replicates_is_recovered(between: float) -> None:
    found = [combine(x, s.tolist()).between_variance for x, s in zip(*synthetic(8, between, seed=7), strict=True)]
    assert np.mean(np.array(found, dtype=float)) == pytest.approx((0.01 * between) ** 2, rel=0.1)


def test_equal_errors_are_solved_by_hand() -> None:
    """For equal errors, τ² is the variance of the values less that error squared, and the mean has equal weights."""
    found = combine([1.0, 2.0, 4.0], [0.5, 0.5, 0.5])
    assert found.value == pytest.approx(7 / 3)
    assert found.spread == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert found.between_variance == pytest.approx(np.var([1, 2, 4], ddof=1) - 0.25)
    assert found.stderr == pytest.approx(1.3213 * np.std([1, 2, 4], ddof=1) / np.sqrt(3), rel=1e-4)


def test_the_weighted_sum_of_squares_is_what_it_should_be() -> None:
    values, errors = np.array([1.0, 1.4, 0.7, 2.0]), np.array([0.12, 0.2, 0.15, 0.3])
    found = combine(values, errors.tolist())
    weights = 1 / (errors**2 + (found.between_variance or 0.0))
    assert found.value == pytest.approx(weights @ values / weights.sum())
    assert weights @ (values - found.value) ** 2 == pytest.approx(3.0)


def test_replicates_that_agree_are_an_inverse_variance_mean() -> None:
    found = combine([1.0, 1.05], [0.1, 0.15])
    weights = np.array([1 / 0.1**2, 1 / 0.15**2])
    assert found.between_variance == 0.0
    assert found.value == pytest.approx(weights @ [1.0, 1.05] / weights.sum())
    assert found.stderr == pytest.approx(np.sqrt(1 / weights.sum()))


def test_agreement_by_chance_does_not_shrink_the_error() -> None:
    assert combine([1.0, 1.0], [0.1, 0.1]).stderr == pytest.approx(0.1 / np.sqrt(2))


def test_units_and_order_do_not_matter() -> None:
    values, errors = [1.0, 1.3, 0.9], [0.1, None, 0.2]
    one = combine(values, errors)
    shifted = combine([1000 * value for value in values[::-1]], [None if e is None else 1000 * e for e in errors[::-1]])
    assert shifted.value == pytest.approx(1000 * one.value)
    assert shifted.stderr == pytest.approx(1000 * (one.stderr or np.nan))


@pytest.mark.parametrize("errors", [[None, None], [0.0, 0.0]])
def test_without_own_errors_the_scatter_is_all_there_is(errors: list[float | None]) -> None:
    found = combine([1.0, 1.2], errors)
    assert found.between_variance is None
    assert found.stderr == pytest.approx(1.8373 * 0.1, rel=1e-4)


def test_one_replicate_stays_as_it_is() -> None:
    assert (combine([1.0], [0.1]).value, combine([1.0], [0.1]).stderr) == (1.0, 0.1)
    assert combine([1.0], [None]).stderr is None
    assert combine([1.0], [None]).spread is None


def test_nothing_tells_of_replicates_that_are_equal_and_without_errors() -> None:
    assert combine([1.0, 1.0, 1.0], [None, None, None]).stderr is None


@pytest.mark.parametrize(("values", "errors"), [([], []), ([1.0, np.nan], [0.1, 0.1]), ([1.0, 2.0], [0.1, np.inf])])
def test_what_is_no_number_is_refused(values: list[float], errors: list[float | None]) -> None:
    with pytest.raises(NotEnoughData):
        combine(values, errors)
