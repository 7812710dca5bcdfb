"""Drift is found where it is, passed where it is not or does not matter, and "unknown" where nobody could tell."""

import numpy as np
import pytest
from pymbar import timeseries
from synthetic import ar1

from polyomics.analysis.statistics import drift
from polyomics.equilibrium._stationarity import LARGEST_DRIFT, stationarity, worst_of
from polyomics.errors import NotEnoughData

N = 1000


def verdicts(correlation: float, n_series: int = 120, added: np.ndarray | float = 0.0, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [stationarity(ar1(N, correlation, rng) + added).verdict for _ in range(n_series)]


@pytest.mark.parametrize(("correlation", "most_failed"), [(1.0, 0.03), (5.0, 0.04), (20.0, 0.08)])
def test_stationary_series_pass(correlation: float, most_failed: float) -> None:
    """500, 100 and 25 independent values; the discarded start, the drift and its size must all go wrong to fail one."""
    found = verdicts(correlation)
    assert found.count("fail") <= most_failed * len(found)
    assert found.count("pass") >= (1.0 - 1.5 * most_failed) * len(found)


@pytest.mark.parametrize("correlation", [1.0, 5.0])
def test_a_drift_through_the_whole_stage_fails(correlation: float) -> None:
    found = verdicts(correlation, n_series=60, added=np.linspace(0.0, 4.0, N))
    assert found.count("fail") >= 0.9 * len(found)


def test_a_start_is_left_out_and_a_long_one_is_not() -> None:
    time = np.arange(N) / N
    short, long = (verdicts(2.0, 60, 5.0 * np.exp(-time / tau)) for tau in (0.03, 0.4))
    assert short.count("pass") >= 0.9 * len(short)
    assert long.count("fail") >= 0.7 * len(long)


def test_what_is_significant_but_small_passes() -> None:
    rng = np.random.default_rng(3)
    series = rng.standard_normal(40_000) + np.linspace(0.0, 0.15, 40_000)
    found = stationarity(series)
    assert found.verdict == "pass"
    assert 0.05 < found.drift < 0.2
    assert drift(series).is_significant


@pytest.mark.parametrize("correlation", [300.0, 1000.0])
def test_too_few_independent_values_are_not_judged(correlation: float) -> None:
    found = verdicts(correlation)
    assert found.count("unknown") > 0.3 * len(found)


def test_a_small_drift_in_a_few_values_passes_where_the_scale_says_so() -> None:
    """A glass that creeps by a hundredth of what its chains differ by."""
    rng = np.random.default_rng(5)
    series = [5.0 + 0.01 * ar1(N, 300.0, rng) for _ in range(20)]
    assert sum(stationarity(one).verdict != "pass" for one in series) > 8
    assert all(stationarity(one, spread=1.0).verdict == "pass" for one in series)
    assert all(stationarity(one + np.linspace(0.0, 3.0, N), spread=1.0).verdict == "fail" for one in series)


def test_units_do_not_matter() -> None:
    series = ar1(N, 5.0, np.random.default_rng(8)) + np.linspace(0.0, 1.0, N)
    one, other = stationarity(series), stationarity(-4e3 * series + 1e5)
    assert one.verdict == other.verdict
    assert other.drift == pytest.approx(one.drift, rel=1e-6)


def test_special_series() -> None:
    assert stationarity(np.full(50, 3.0)).verdict == "pass"
    steady = stationarity(np.linspace(0.0, 1.0, 50))
    assert steady.verdict == "fail"
    assert steady.drift > LARGEST_DRIFT
    assert stationarity(np.array([1.0])).verdict == "unknown"
    assert stationarity(np.array([1.0, 2.0, 1.5])).verdict == "unknown"
    with pytest.raises(NotEnoughData, match="not finite"):
        stationarity(np.array([1.0, np.nan, 2.0]))


def test_the_worst_of_several_is_found_and_several_are_not_failed_more_often_than_one() -> None:
    rng = np.random.default_rng(11)
    series = {name: ar1(N, 3.0, rng) for name in "abcde"}
    series["c"] = series["c"] + np.linspace(0.0, 4.0, N)
    name, found = worst_of(series)
    assert (name, found.verdict) == ("c", "fail")
    failed = sum(worst_of({n: ar1(N, 3.0, rng) for n in "abcde"})[1].verdict == "fail" for _ in range(60))
    assert failed <= 5


@pytest.mark.parametrize(("tau", "ours"), [(0.03, "pass"), (0.5, "fail")])
def test_pymbar_agrees_on_how_much_must_be_discarded(tau: float, ours: str) -> None:
    """It maximises the number of independent values; where that leaves less than half, we do not pass, and
    the other way round."""
    rng = np.random.default_rng(13)
    agreed = 0
    for _ in range(20):
        series = ar1(N, 2.0, rng) + 6.0 * np.exp(-np.arange(N) / (tau * N))
        start, _, _ = timeseries.detect_equilibration(series, nskip=20)
        theirs = "pass" if start <= N / 2 else "fail"
        agreed += theirs == ours == stationarity(series).verdict
    assert agreed >= 15
