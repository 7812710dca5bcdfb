"""Stress series of known viscosity give it back, with an error bar that holds."""

import numpy as np
import pytest
from scipy.signal import lfilter

from polyomics.analysis.green_kubo import autocorrelations, running_integrals, viscosity
from polyomics.errors import NotEnoughData
from polyomics.units import BOLTZMANN_J_K

VOLUME_NM3, TEMPERATURE_K, INTERVAL_PS = 20.0, 400.0, 0.02


def exponential(shape: tuple[int, ...], stress_bar: float, time_ps: float, rng: np.random.Generator) -> np.ndarray:
    """Ornstein-Uhlenbeck series along the last axis: <σ(0) σ(t)> = stress² exp(-t/time)."""
    decay = np.exp(-INTERVAL_PS / time_ps)
    noise = rng.standard_normal(shape) * stress_bar * np.sqrt(1 - decay**2)
    noise[..., 0] /= np.sqrt(1 - decay**2)
    return lfilter([1], [1, -decay], noise, axis=-1)


def known_pa_s(stress_bar: float, time_ps: float) -> float:
    """V σ² τ / kT, with the trapezoidal rule's x coth x, x = Δt/2τ."""
    x = 0.5 * INTERVAL_PS / time_ps
    value = VOLUME_NM3 * 1e-27 * (stress_bar * 1e5) ** 2 * time_ps * 1e-12 / (BOLTZMANN_J_K * TEMPERATURE_K)
    return value * x / np.tanh(x)


def measured(pieces: np.ndarray):
    """Pieces of shape (n_pieces, n_components, n_samples)."""
    return viscosity(running_integrals(list(pieces.transpose(0, 2, 1)), INTERVAL_PS, VOLUME_NM3, TEMPERATURE_K))


def test_autocorrelations_are_means_over_pairs() -> None:
    values = np.random.default_rng(1).normal(size=(2, 3, 50))
    found = autocorrelations(values, 20)
    for lag in (0, 1, 7, 19):
        pairs = values[..., : 50 - lag] * values[..., lag:]
        assert found[..., lag] == pytest.approx(pairs.mean(axis=-1))


@pytest.mark.parametrize(("n_pieces", "n_samples"), [(10, 2000), (20, 2000)])
def test_exponential_correlation_gives_its_viscosity_and_error_bars_hold(n_pieces: int, n_samples: int) -> None:
    rng = np.random.default_rng(5)
    known = known_pa_s(200.0, 0.5)
    found = []
    for _ in range(100):
        estimate = measured(exponential((n_pieces, 5, n_samples), 200.0, 0.5, rng)).viscosity_pa_s
        found.append((estimate.mean, estimate.stderr))
    values, errors = np.array(found).T
    assert values.mean() == pytest.approx(known, abs=0.6 * values.std())
    assert errors.mean() == pytest.approx(values.std(), rel=0.2)
    covered = np.mean(np.abs(values - known) < 1.96 * errors)
    assert 0.90 <= covered <= 0.98


def test_two_times_apart_by_a_factor_of_thirty_are_both_in_the_plateau() -> None:
    rng = np.random.default_rng(6)
    shape = (20, 5, 8000)
    found = measured(exponential(shape, 600.0, 0.05, rng) + exponential(shape, 100.0, 1.5, rng))
    known = known_pa_s(600.0, 0.05) + known_pa_s(100.0, 1.5)
    assert found.viscosity_pa_s.mean == pytest.approx(known, abs=3 * found.viscosity_pa_s.stderr)
    assert found.viscosity_pa_s.stderr < 0.1 * known


def test_a_frozen_stress_has_no_viscosity() -> None:
    """A stress that never relaxes, as in a glass, differs from piece to piece for ever."""
    rng = np.random.default_rng(7)
    frozen = rng.standard_normal((10, 5, 1)) * 100.0
    with pytest.raises(NotEnoughData, match="lost in noise"):
        measured(frozen + exponential((10, 5, 2000), 100.0, 0.1, rng))


def test_a_stress_that_outlasts_the_pieces_is_extrapolated() -> None:
    found = measured(exponential((100, 5, 2400), 100.0, 6.0, np.random.default_rng(12)))
    assert found.extrapolated > 0.1


def test_samples_too_far_apart_show_in_what_is_unresolved() -> None:
    rng = np.random.default_rng(8)
    white = measured(exponential((10, 5, 4000), 200.0, 0.004, rng))
    fine = measured(exponential((10, 5, 4000), 200.0, 0.4, rng))
    assert white.unresolved > 0.5
    assert fine.unresolved < 0.1


def test_the_viscosity_scales_with_volume_and_temperature() -> None:
    pieces = list(exponential((5, 5, 1000), 200.0, 0.3, np.random.default_rng(9)).transpose(0, 2, 1))
    one = viscosity(running_integrals(pieces, INTERVAL_PS, 10.0, 300.0)).viscosity_pa_s
    other = viscosity(running_integrals([3 * piece for piece in pieces], INTERVAL_PS, 20.0, 600.0)).viscosity_pa_s
    assert other.mean == pytest.approx(9 * one.mean)
    assert other.stderr == pytest.approx(9 * one.stderr)


def test_too_few_pieces_and_numbers_that_are_not_finite_are_refused() -> None:
    pieces = list(exponential((5, 5, 200), 200.0, 0.3, np.random.default_rng(10)).transpose(0, 2, 1))
    for few in (pieces[:2], [piece[:30] for piece in pieces], [], [pieces[0], pieces[1], pieces[2][:100]]):
        with pytest.raises(NotEnoughData, match="at least 3 pieces"):
            running_integrals(few, INTERVAL_PS, VOLUME_NM3, TEMPERATURE_K)
    pieces[3][17, 2] = np.nan
    with pytest.raises(NotEnoughData, match="not finite"):
        running_integrals(pieces, INTERVAL_PS, VOLUME_NM3, TEMPERATURE_K)
