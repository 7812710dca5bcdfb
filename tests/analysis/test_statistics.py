"""Error bars against series whose true errors are known."""

import contextlib
import io

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from polyomics.analysis.statistics import (
    Estimate,
    autocorrelation,
    drift,
    estimate_mean,
    estimate_mean_over_molecules,
    first_relaxed_frame,
    statistical_inefficiency,
)
from polyomics.errors import NotEnoughData

with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    from pymbar import timeseries


def ar1(n_series: int, n_frames: int, correlation_frames: float, seed: int = 1) -> np.ndarray:
    """Stationary Gaussian series of mean 0 and variance 1 with C(t) = exp(-t / correlation_frames)."""
    decay = np.exp(-1.0 / correlation_frames)
    noise = np.random.default_rng(seed).standard_normal((n_series, n_frames))
    noise *= np.sqrt(1 - decay**2)
    noise[:, 0] /= np.sqrt(1 - decay**2)
    return lfilter([1], [1, -decay], noise, axis=1)


def inefficiency_of_ar1(correlation_frames: float) -> float:
    decay = np.exp(-1.0 / correlation_frames)
    return (1 + decay) / (1 - decay)


def coverage(estimates: list[Estimate], truth: float = 0.0) -> float:
    """Fraction of 95 % t intervals that hold the truth."""
    widths = [stats.t.isf(0.025, max(e.n_independent - 1, 1)) * (e.stderr or np.inf) for e in estimates]
    return float(np.mean([abs(e.mean - truth) <= w for e, w in zip(estimates, widths, strict=True)]))


@pytest.mark.parametrize("discard_start", [False, True])
@pytest.mark.parametrize(("n_frames", "correlation_frames"), [(1000, 0.1), (1000, 5), (2000, 10), (2000, 20)])
def test_stated_errors_are_the_spread_of_means(n_frames: int, correlation_frames: float, discard_start: bool) -> None:
    estimates = [estimate_mean(s, discard_start=discard_start) for s in ar1(500, n_frames, correlation_frames)]
    stated = np.sqrt(np.mean([e.stderr**2 for e in estimates]))
    assert stated == pytest.approx(np.std([e.mean for e in estimates]), rel=0.12)
    assert 0.89 < coverage(estimates) < 0.98
    expected = n_frames / inefficiency_of_ar1(correlation_frames)
    assert np.mean([e.n_independent for e in estimates]) == pytest.approx(expected, rel=0.2)


def test_mean_and_error_scale_with_the_series() -> None:
    series = ar1(1, 1000, 5)[0]
    plain, scaled = estimate_mean(series), estimate_mean(3 * series + 100)
    assert scaled.mean == pytest.approx(3 * plain.mean + 100)
    assert scaled.stderr == pytest.approx(3 * plain.stderr)
    assert scaled.n_independent == pytest.approx(plain.n_independent)


@pytest.mark.parametrize("correlation_frames", [0.2, 3, 15, 60])
def test_inefficiency_is_that_of_pymbar(correlation_frames: float) -> None:
    for series in ar1(5, 700, correlation_frames):
        assert statistical_inefficiency(series) == pytest.approx(timeseries.statistical_inefficiency(series), rel=1e-9)


def test_autocorrelation_is_the_plain_sum() -> None:
    series = ar1(1, 60, 4)[0]
    deviations = series - series.mean()
    plain = [np.mean(deviations[: 60 - lag] * deviations[lag:]) for lag in range(60)]
    np.testing.assert_allclose(autocorrelation(series), np.array(plain) / plain[0], atol=1e-12)


def test_a_relaxing_start_is_found() -> None:
    """Both the origin and the mean: with a start 20 standard deviations off, decaying over 100 frames."""
    transient = 20 * np.exp(-np.arange(2000) / 100)
    estimates = [estimate_mean(series + transient) for series in ar1(200, 2000, 5, seed=2)]
    origins = np.array([e.first_used for e in estimates])
    assert (origins > 150).all()
    assert np.median(origins) < 1000
    means, errors = np.array([(e.mean, e.stderr) for e in estimates]).T
    assert abs(means.mean()) < 0.3 * errors.mean()
    assert coverage(estimates) > 0.9


def test_origin_is_near_that_of_pymbar_for_a_clear_transient() -> None:
    series = ar1(1, 2000, 5, seed=6)[0] + 20 * np.exp(-np.arange(2000) / 50)
    theirs = timeseries.detect_equilibration(series, nskip=10)[0]
    assert theirs / 2 <= first_relaxed_frame(series) <= 3 * theirs


def test_nothing_is_discarded_from_stationary_series() -> None:
    origins = [first_relaxed_frame(series) for series in ar1(200, 1000, 5, seed=3)]
    assert np.mean(np.array(origins) > 0) < 0.06


def test_drift_is_seen_and_noise_is_not() -> None:
    noise = ar1(400, 1000, 5, seed=4)
    slope = 1.5 / 1000
    assert np.mean([drift(series).is_significant for series in noise]) < 0.04
    drifting = [drift(series + slope * np.arange(1000)) for series in noise]
    assert np.mean([one.is_significant for one in drifting]) > 0.9
    assert np.mean([one.slope_per_frame for one in drifting]) == pytest.approx(slope, rel=0.05)
    spread = np.std([one.slope_per_frame for one in drifting])
    assert np.sqrt(np.mean([one.stderr**2 for one in drifting])) == pytest.approx(spread, rel=0.15)


def test_a_drifting_series_is_flagged() -> None:
    series = ar1(1, 1000, 2)[0] + np.linspace(0, 20, 1000)
    assert "drifting" in estimate_mean(series).flags
    assert "drifting" in estimate_mean(series, discard_start=False).flags


def test_an_exact_line_is_a_drift() -> None:
    assert drift(np.arange(100.0)).is_significant


def test_few_samples_are_flagged_and_fewer_have_no_error() -> None:
    few = estimate_mean(ar1(1, 1000, 60, seed=1)[0], discard_start=False)
    assert 3 <= few.n_independent < 10
    assert few.stderr is not None
    assert "few_samples" in few.flags
    for series in ([1.0], [1.0, 2.0], np.cos(np.linspace(0, np.pi, 400))):
        estimate = estimate_mean(series)
        assert estimate.stderr is None
        assert estimate.flags


def test_a_constant_series_has_no_error_bar() -> None:
    estimate = estimate_mean(np.full(500, 0.9))
    assert estimate.mean == pytest.approx(0.9)
    assert (estimate.stderr, estimate.flags) == (None, ("constant",))
    assert estimate.n_independent == 1


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_named(wrong: float) -> None:
    series = np.ones(50)
    series[17] = wrong
    with pytest.raises(NotEnoughData, match="frame 17"):
        estimate_mean(series)
    with pytest.raises(NotEnoughData, match="frame 17"):
        estimate_mean_over_molecules(np.column_stack([np.ones(50), series]))


def test_no_values_at_all() -> None:
    with pytest.raises(NotEnoughData, match="no values"):
        estimate_mean([])


@pytest.mark.parametrize("n_molecules", [3, 6, 10])
def test_frozen_molecules_have_the_error_of_so_many_samples(n_molecules: int) -> None:
    """Every molecule keeps its own value for ever: the run holds n samples, however long it is."""
    rng = np.random.default_rng(8)
    estimates = [
        estimate_mean_over_molecules(rng.standard_normal(n_molecules) + 0.1 * ar1(n_molecules, 400, 2, seed).T)
        for seed in range(200)
    ]
    stated = np.sqrt(np.mean([e.stderr**2 for e in estimates]))
    assert stated == pytest.approx(np.std([e.mean for e in estimates]), rel=0.15)
    assert np.median([e.n_independent for e in estimates]) == pytest.approx(n_molecules, rel=0.1)
    assert all("molecules_not_relaxed" in e.flags for e in estimates)
    assert coverage(estimates) > 0.9


@pytest.mark.parametrize("n_molecules", [3, 10])
def test_relaxed_molecules_have_the_error_of_all_their_samples(n_molecules: int) -> None:
    """A little too large, since the larger of two noisy errors is taken, but never too small."""
    estimates = [estimate_mean_over_molecules(ar1(n_molecules, 1000, 5, seed).T) for seed in range(200)]
    spread = np.std([e.mean for e in estimates])
    stated = np.sqrt(np.mean([e.stderr**2 for e in estimates]))
    assert 0.95 < stated / spread < 1.4
    expected = n_molecules * 1000 / inefficiency_of_ar1(5)
    assert 0.4 < np.median([e.n_independent for e in estimates]) / expected < 1.15
    assert np.mean(["molecules_not_relaxed" in e.flags for e in estimates]) < 0.05


def test_molecules_that_relax_as_slowly_as_the_run() -> None:
    estimates = [estimate_mean_over_molecules(ar1(10, 500, 250, seed).T) for seed in range(200)]
    spread = np.std([e.mean for e in estimates])
    stated = np.sqrt(np.mean([e.stderr**2 for e in estimates if e.stderr is not None]))
    assert 0.8 < stated / spread < 1.3


def test_molecules_that_move_together_are_one_sample() -> None:
    """Correlation between molecules shows in the series of their mean."""
    shared = ar1(200, 1000, 5)
    estimates = [estimate_mean_over_molecules(np.column_stack([s] * 6)) for s in shared]
    stated = np.sqrt(np.mean([e.stderr**2 for e in estimates]))
    assert stated == pytest.approx(np.std([e.mean for e in estimates]), rel=0.12)


def test_one_molecule_is_flagged() -> None:
    assert "one_molecule" in estimate_mean_over_molecules(ar1(1, 1000, 5).T).flags


def test_motionless_molecules() -> None:
    still = estimate_mean_over_molecules(np.tile([1.0, 2.0, 3.0], (50, 1)))
    assert still.stderr == pytest.approx(1 / np.sqrt(3))
    assert estimate_mean_over_molecules(np.ones((50, 3))).flags == ("constant",)
