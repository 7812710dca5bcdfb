"""Stress series of known viscosity give it back, with an error bar that holds."""

import numpy as np
import pytest
from scipy.signal import lfilter

from polyomics.analysis.green_kubo import autocorrelations, running_integrals, viscosity
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


@pytest.mark.parametrize(("n_pieces", "n_samples"), [(10, 4000), (20, 2000)])
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
