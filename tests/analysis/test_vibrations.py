"""Densities of states of known oscillators, and what quantum mechanics takes from them."""

import numpy as np
import pytest

from polyomics.analysis.vibrations import density_of_states, overcounted_modes, quantum_weight
from polyomics.units import BOLTZMANN_J_K, GAS_CONSTANT_KJ_MOL_K, PLANCK_J_S

LIGHT_CM_S = 2.99792458e10


def einstein(wave_number_cm: float, temperature_k: float) -> float:
    """Heat capacity of an Einstein oscillator over k_B, by the numerical derivative of its energy."""
    quantum = PLANCK_J_S * LIGHT_CM_S * wave_number_cm / BOLTZMANN_J_K

    def energy_k(at_k: float) -> float:
        return quantum / np.expm1(quantum / at_k)

    step = 1e-4 * temperature_k
    return (energy_k(temperature_k + step) - energy_k(temperature_k - step)) / (2 * step)


@pytest.mark.parametrize("temperature_k", [100.0, 300.0, 600.0])
@pytest.mark.parametrize("wave_number_cm", [20.0, 300.0, 1500.0, 3000.0])
def test_weight_is_the_derivative_of_plancks_energy(wave_number_cm: float, temperature_k: float) -> None:
    assert quantum_weight([wave_number_cm], temperature_k)[0] == pytest.approx(
        einstein(wave_number_cm, temperature_k), rel=1e-5, abs=1e-12
    )


@pytest.mark.parametrize("wave_number_cm", [200.0, 1000.0, 2500.0])
def test_a_single_frequency_loses_what_an_einstein_solid_does(wave_number_cm: float) -> None:
    wave_numbers = np.arange(0.0, 4000.0, 5.0)
    density = np.where(wave_numbers == wave_number_cm, 12.0 / 5.0, 0.0)
    lost = overcounted_modes(wave_numbers, density, 300.0)
    assert lost == pytest.approx(12.0 * (1.0 - einstein(wave_number_cm, 300.0)), rel=1e-5)


def test_limits_of_low_and_high_frequency() -> None:
    wave_numbers = np.arange(0.0, 1e5, 0.5)
    for place, lost in ((0.5, 0.0), (9e4, 12.0)):
        density = np.where(wave_numbers == place, 12.0 / 0.5, 0.0)
        assert overcounted_modes(wave_numbers, density, 300.0) == pytest.approx(lost, abs=1e-5)
    assert (np.diff(quantum_weight(np.arange(0, 4000, 10.0), 300.0)) < 0).all()


def oscillators(wave_numbers_cm: list[float], masses: np.ndarray, n_samples: int, interval_ps: float) -> np.ndarray:
    """Atom i swings along all axes at wave number i, each with k_B T / 2 of kinetic energy at 300 K on average."""
    times = interval_ps * np.arange(n_samples)[:, None, None]
    frequency = 2 * np.pi * LIGHT_CM_S * 1e-12 * np.array(wave_numbers_cm)[None, :, None]
    phase = np.random.default_rng(1).uniform(0, 2 * np.pi, (1, len(masses), 3))
    amplitude = np.sqrt(2 * GAS_CONSTANT_KJ_MOL_K * 300.0 / masses)[None, :, None]
    return (amplitude * np.sin(frequency * times + phase)).astype(np.float32)


def test_peaks_are_at_the_frequencies_and_hold_three_modes_an_atom() -> None:
    places, masses = [250.0, 900.0, 1700.0, 2900.0], np.array([1.0, 12.0, 16.0, 35.5])
    velocities = oscillators(places, masses, 4000, 0.004)
    wave_numbers, density, temperature_k = density_of_states(velocities, masses, 0.004, n_modes=12)
    step = wave_numbers[1] - wave_numbers[0]
    assert step == pytest.approx(1 / (LIGHT_CM_S * 16e-12))
    assert density.sum() * step == pytest.approx(12.0)
    assert temperature_k == pytest.approx(300.0, rel=0.01)
    for place in places:
        near = np.abs(wave_numbers - place) < 50
        assert wave_numbers[near][np.argmax(density[near])] == pytest.approx(place, abs=step)
        assert density[near].sum() * step == pytest.approx(3.0, rel=0.02)


def test_spectrum_of_oscillators_loses_what_einstein_says() -> None:
    places, masses = [250.0, 900.0, 1700.0, 2900.0], np.array([1.0, 12.0, 16.0, 35.5])
    wave_numbers, density, _ = density_of_states(oscillators(places, masses, 4000, 0.004), masses, 0.004, n_modes=12)
    expected = sum(3 * (1 - einstein(place, 300.0)) for place in places)
    assert overcounted_modes(wave_numbers, density, 300.0) == pytest.approx(expected, rel=0.005)


def test_atoms_in_any_order_and_of_any_number_give_the_same() -> None:
    """More atoms than are transformed at a time."""
    rng = np.random.default_rng(2)
    velocities, masses = rng.standard_normal((16, 5000, 3)).astype(np.float32), rng.uniform(1, 20, 5000)
    order = rng.permutation(5000)
    one = density_of_states(velocities, masses, 0.004, 15_000)
    other = density_of_states(velocities[:, order], masses[order], 0.004, 15_000)
    np.testing.assert_allclose(one[1], other[1], rtol=1e-6)
    assert one[2] == pytest.approx(other[2])
