"""Debye dipoles give back their time, their strength and their loss peak; what a run cannot tell is refused."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import binom

from polyomics.analysis.dielectric import dielectric_constant
from polyomics.analysis.dielectric_relaxation import (
    Permittivity,
    dipole_correlation,
    loss_tangent_at,
    permittivity,
    reachable_frequencies_ghz,
    reachable_ghz,
    relaxation,
)
from polyomics.errors import NotEnoughData, NotIdentifiable, OutOfReach

INTERVAL_PS, VOLUME_NM3, TEMPERATURE_K = 0.02, 30.0, 300.0
RECORDS = 40.0
"""Records in a relaxation time of the processes here."""
TIME_PS = RECORDS * INTERVAL_PS


def debye(n: int, n_relax: float, seed: int) -> np.ndarray:
    """An Ornstein-Uhlenbeck dipole of unit variance along each axis."""
    decay = np.exp(-1.0 / n_relax)
    noise = np.random.default_rng(seed).standard_normal((n, 3)) * np.sqrt(1.0 - decay**2)
    noise[0] /= np.sqrt(1.0 - decay**2)
    return lfilter([1.0], [1.0, -decay], noise, axis=0)


@cache
def strength() -> float:
    """Δε = <M²> / (3 ε0 V kT) with <M²> = 3, from SI constants."""
    squared_c2_m2 = 3.0 * (1.602176634e-19 * 1e-9) ** 2
    return squared_c2_m2 / (3 * 8.8541878128e-12 * VOLUME_NM3 * 1e-27 * 1.380649e-23 * TEMPERATURE_K)


def spectrum(moments: np.ndarray, frequency_ghz: Sequence[float] | np.ndarray | None = None) -> Permittivity:
    if frequency_ghz is None:
        frequency_ghz = reachable_frequencies_ghz(len(moments), INTERVAL_PS)
    return permittivity(moments, INTERVAL_PS, VOLUME_NM3, TEMPERATURE_K, frequency_ghz)


def debye_response(frequency_ghz: np.ndarray, time_ps: float = TIME_PS) -> np.ndarray:
    return strength() / (1.0 + 2.0j * np.pi * 1e-3 * frequency_ghz * time_ps)


# ----------------------------------------------------------------------- time


def test_intervals_of_the_relaxation_time_hold_it_as_often_as_they_say() -> None:
    found = [relaxation(dipole_correlation(debye(4000, 20, seed), INTERVAL_PS)).time for seed in range(40)]
    inside = sum(abs(one.mean - 20 * INTERVAL_PS) < 1.96 * one.stderr for one in found)
    assert binom.cdf(inside, 40, 0.95) > 1e-3
    spread = np.std([one.mean for one in found], ddof=1)
    assert np.mean([one.mean for one in found]) == pytest.approx(20 * INTERVAL_PS, abs=4 * spread / np.sqrt(40))
    assert 0.6 * spread < np.median([one.stderr for one in found]) < 2.0 * spread


def test_two_times_add_up_to_their_mean() -> None:
    """A sum of a fast and a slow process: ∫ φ is the mean of their times, the sum is no single exponential."""
    moments = debye(200_000, RECORDS, 1) + debye(200_000, 4 * RECORDS, 2)
    found = relaxation(dipole_correlation(moments, INTERVAL_PS))
    assert found.time.mean == pytest.approx(2.5 * TIME_PS, abs=3 * found.time.stderr)
    assert 0.5 < found.stretching < 0.95
    assert found.fit[0] > found.fit[-1] > 0.0


def test_a_run_of_few_relaxation_times_is_refused_and_says_how_far_it_came() -> None:
    with pytest.raises(OutOfReach, match=r"correlation of 0\.[3-9]\d after 3\.2 ps, a tenth of the run of 32 ps"):
        relaxation(dipole_correlation(debye(1600, 1600, 3), INTERVAL_PS))


def test_a_glass_that_rattles_about_a_small_frozen_dipole_is_refused() -> None:
    """Most of what fluctuates is forgotten soon, but the mean never is."""
    frozen = debye(20_000, RECORDS, 4) + 0.3
    with pytest.raises(OutOfReach, match="frozen"):
        relaxation(dipole_correlation(frozen, INTERVAL_PS))


def test_a_weak_slow_part_is_not_left_out_in_silence() -> None:
    """5 % of <M²> that take a hundred times as long are more than all the rest of the time."""
    moments = debye(400_000, 10, 5) + np.sqrt(0.05) * debye(400_000, 1000, 6)
    with pytest.raises(NotIdentifiable, match="slow part"):
        relaxation(dipole_correlation(moments, INTERVAL_PS))


def test_vibrations_are_averaged_out() -> None:
    """A fast oscillation twice as strong as what relaxes hides the time; averaging over its period brings it back."""
    phase = np.random.default_rng(8).normal(scale=0.05, size=(100_000, 3)).cumsum(axis=0)
    moments = debye(100_000, 10 * RECORDS, 7) + 2.0 * np.cos(2.0 * np.pi * np.arange(100_000)[:, None] / 5.0 + phase)
    with pytest.raises((NotIdentifiable, OutOfReach)):
        relaxation(dipole_correlation(moments, INTERVAL_PS))
    found = relaxation(dipole_correlation(moments, INTERVAL_PS, 10)).time
    assert found.mean == pytest.approx(10 * TIME_PS, abs=3 * found.stderr)


def test_noise_has_no_relaxation_time() -> None:
    with pytest.raises(NotIdentifiable, match="vibrates"):
        relaxation(dipole_correlation(np.random.default_rng(9).normal(size=(2000, 3)), INTERVAL_PS))


def test_the_correlation_has_the_error_it_says() -> None:
    n_lags = 2 * int(RECORDS)
    found = [dipole_correlation(debye(8000, RECORDS, 100 + seed), INTERVAL_PS) for seed in range(40)]
    values = np.array([one.values[n_lags] for one in found])
    assert values.mean() == pytest.approx(np.exp(-2.0), abs=4.0 * values.std() / np.sqrt(40))
    assert np.median([one.stderr[n_lags] for one in found]) == pytest.approx(values.std(ddof=1), rel=0.4)


# ------------------------------------------------------------------- spectrum


def test_intervals_of_the_spectrum_hold_the_debye_response_as_often_as_they_say() -> None:
    """From six blocks Student's t has five degrees of freedom: ± 2 errors hold 90 %."""
    frequency = np.geomspace(*reachable_ghz(8000, INTERVAL_PS), 8)
    expected = debye_response(frequency)
    found = [spectrum(debye(8000, RECORDS, seed), frequency) for seed in range(60)]
    storage, loss = np.array([one.storage for one in found]), np.array([one.loss for one in found])
    inside = np.abs(loss + expected.imag) < 2.0 * np.array([one.loss_stderr for one in found])
    inside_storage = np.abs(storage - expected.real) < 2.0 * np.array([one.storage_stderr for one in found])
    for number in range(len(frequency)):
        assert binom.cdf(inside[:, number].sum(), 60, 0.90) > 1e-3
        assert binom.cdf(inside_storage[:, number].sum(), 60, 0.90) > 1e-3
    assert (np.abs(loss.mean(axis=0) + expected.imag) < 4.0 * loss.std(axis=0) / np.sqrt(60)).all()


def test_the_loss_peaks_at_the_inverse_of_the_time_and_half_the_strength() -> None:
    found = spectrum(debye(400_000, RECORDS, 11))
    logarithm = np.log(found.frequency_ghz)
    near = np.abs(logarithm - np.log(1e3 / (2.0 * np.pi * TIME_PS))) < 1.0
    parabola = np.polyfit(logarithm[near], found.loss[near], 2)
    peak_ghz = np.exp(-parabola[1] / (2.0 * parabola[0]))
    assert 2.0 * np.pi * 1e-3 * peak_ghz * TIME_PS == pytest.approx(1.0, rel=0.1)
    assert np.polyval(parabola, np.log(peak_ghz)) == pytest.approx(0.5 * strength(), rel=0.05)


def test_the_strength_is_that_of_the_fluctuations() -> None:
    """Far below the loss peak ε' - ε∞ is what the variance of the dipole gives."""
    moments = debye(60_000, RECORDS, 12)
    static = dielectric_constant(moments, VOLUME_NM3, TEMPERATURE_K)
    found = spectrum(moments)
    assert found.storage[0] == pytest.approx(static.mean - 1.0, abs=4.0 * float(found.storage_stderr[0]))
    squared = dipole_correlation(moments, INTERVAL_PS).squared_e2_nm2
    assert squared / 3.0 * strength() == pytest.approx(static.mean - 1.0, rel=0.03)


def test_storage_and_loss_belong_together() -> None:
    """Kramers and Kronig: ε'(ω) - ε∞ = (2/π) ∫ x ε''(x) / (x² - ω²) dx, over loss that was found itself.

    The rest beyond the highest frequency, where ε'' falls as 1/x, and below the lowest, where it rises as x, is added.
    """
    moments = debye(200_000, 5 * RECORDS, 13) + debye(200_000, RECORDS, 14)
    low, high = reachable_ghz(len(moments), INTERVAL_PS)
    edges = np.geomspace(low, high, 121)
    middle = np.sqrt(edges[1:] * edges[:-1])
    found = spectrum(moments, middle)
    for index in (30, 50, 70):
        frequency = edges[index]
        step = np.log(edges[1] / edges[0])
        inside = (middle**2 * found.loss / (middle**2 - frequency**2)).sum() * step
        beyond = found.loss[-1] * high / (2.0 * frequency) * np.log((high + frequency) / (high - frequency))
        below = -found.loss[0] / low * (low**3 / (3.0 * frequency**2))
        kramers_kronig = 2.0 / np.pi * (inside + beyond + below)
        direct = spectrum(moments, [frequency]).storage[0]
        assert kramers_kronig == pytest.approx(direct, rel=0.08, abs=0.02 * strength())


def test_the_loss_of_a_glass_needs_no_relaxed_dipole() -> None:
    """A frozen dipole adds nothing, wherever it points; a slow one adds its tail, Δε/(ωτ)."""
    fast = debye(30_000, RECORDS, 15)
    plain, frozen = spectrum(fast), spectrum(fast + np.array([3.0, -40.0, 7.0]))
    assert frozen.loss == pytest.approx(plain.loss, rel=1e-6)
    assert frozen.storage == pytest.approx(plain.storage, rel=1e-6, abs=1e-9)
    slow = np.array([spectrum(debye(10_000, 10_000, seed), [100.0, 1000.0]).loss for seed in range(40)])
    expected = -debye_response(np.array([100.0, 1000.0]), 10_000 * INTERVAL_PS).imag
    assert (np.abs(slow.mean(axis=0) - expected) < 4.0 * slow.std(axis=0) / np.sqrt(40)).all()
    assert (slow.std(axis=0) < 0.5 * expected).all()


def test_the_loss_tangent_and_its_error() -> None:
    """tan δ = ε''/ε' with ε∞ in the denominator, storage and loss being correlated."""
    infinite = 2.0
    frequency = np.array([100.0, 400.0])
    response = infinite + debye_response(frequency)
    found = [spectrum(debye(20_000, RECORDS, 200 + seed), frequency).loss_tangent(infinite) for seed in range(40)]
    values, errors = np.array([one[0] for one in found]), np.array([one[1] for one in found])
    assert values.mean(axis=0) == pytest.approx(-response.imag / response.real, rel=0.05)
    assert np.median(errors, axis=0) == pytest.approx(values.std(axis=0, ddof=1), rel=0.35)


def test_a_loss_that_is_not_told_from_zero_is_no_number() -> None:
    nothing = Permittivity(np.array([10.0]), np.array([1.0]), np.array([0.001]), np.eye(2)[None] * 1e-6, np.array([12]))
    with pytest.raises(NotIdentifiable, match=r"10 GHz is 0\.0005 ± 0\.0005.* below 0\.0015"):
        loss_tangent_at(nothing, 1.0, 0)


# ------------------------------------------------------------------ bad input


def test_frequencies_outside_the_run_are_refused_with_what_they_take() -> None:
    moments = debye(10_000, RECORDS, 1)  # 200 ps
    with pytest.raises(OutOfReach, match=r"1 GHz was asked for.* from 90 to 6250 GHz\. It takes 1\.8e\+04 ps"):
        spectrum(moments, [1.0])
    with pytest.raises(OutOfReach, match=r"1e\+04 GHz was asked for.* a record every 12\.5 fs"):
        spectrum(moments, [100.0, 1e4])
    assert len(reachable_frequencies_ghz(100, INTERVAL_PS)) == 0
    reachable = reachable_frequencies_ghz(10_000, INTERVAL_PS)
    assert (reachable[0], reachable[-1]) == pytest.approx((90.0, 6250.0))


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_damaged_and_dead_dipoles_are_refused(spoilt: float) -> None:
    moments = debye(1000, RECORDS, 1)
    moments[500, 1] = spoilt
    for measure in (spectrum, lambda values: dipole_correlation(values, INTERVAL_PS)):
        with pytest.raises(NotEnoughData, match="not finite"):
            measure(moments)
        with pytest.raises(NotEnoughData, match="atoms have charges"):
            measure(np.zeros((1000, 3)))
    with pytest.raises(NotEnoughData, match="10 records"):
        dipole_correlation(moments[:100], INTERVAL_PS, 10)
    with pytest.raises(ValueError, match="shape"):
        dipole_correlation(moments[:, 0], INTERVAL_PS)
