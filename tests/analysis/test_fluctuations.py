"""Moments of correlated series, and the error bars of what follows from them, against known answers."""

import contextlib

import numpy as np
import pytest
from scipy.signal import lfilter

from polyomics.analysis.fluctuations import Fluctuations, Moments, fluctuations, unbiased_covariance
from polyomics.analysis.thermal_response import ThermalResponse
from polyomics.errors import NotEnoughData

TRUTH = Moments(50.0, 1.0, 0.6, 1.0)
QUANTITIES = {
    "volume variance": lambda m: m.volume_variance_nm6,
    "covariance": lambda m: m.covariance_nm3_kj_mol,
    "enthalpy variance": lambda m: m.enthalpy_variance_kj2_mol2,
    "ratio": lambda m: m.volume_variance_nm6 / m.volume_nm3,
    "expansion": lambda m: m.covariance_nm3_kj_mol / m.volume_nm3,
    "difference": lambda m: m.covariance_nm3_kj_mol**2 / m.volume_variance_nm6,
}


def ar1(n_series: int, n_frames: int, correlation_frames: float, rng: np.random.Generator) -> np.ndarray:
    """Stationary Gaussian series of variance 1 with C(t) = exp(-t / correlation_frames)."""
    decay = np.exp(-1.0 / correlation_frames)
    noise = rng.standard_normal((n_series, n_frames)) * np.sqrt(1 - decay**2)
    noise[:, 0] /= np.sqrt(1 - decay**2)
    return lfilter([1], [1, -decay], noise, axis=1)


def pairs(n_runs: int, n_independent: float, taus: tuple[float, float], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Runs of a volume of mean 50 and variance 1, and an enthalpy of variance 1 with covariance 0.6."""
    rng = np.random.default_rng(seed)
    n_frames = round(n_independent * 2 * max(taus))
    one, other = (ar1(n_runs, n_frames, tau, rng) for tau in taus)
    return 50.0 + one, 0.6 * one + 0.8 * other - 700.0


def measured(volumes: np.ndarray, enthalpies: np.ndarray) -> list[Fluctuations]:
    return [fluctuations(volume, enthalpy) for volume, enthalpy in zip(volumes, enthalpies, strict=True)]


@pytest.mark.parametrize(
    ("n_independent", "taus"),
    [(30, (4.0, 4.0)), (30, (1.0, 6.0)), (30, (6.0, 1.0)), (100, (2.0, 2.0)), (400, (1.0, 2.0)), (400, (2.0, 1.0))],
)
def test_stated_errors_are_the_spread_of_values(n_independent: int, taus: tuple[float, float]) -> None:
    runs = measured(*pairs(200, n_independent, taus, seed=3))
    for name, quantity in QUANTITIES.items():
        estimates = [run.estimate(quantity) for run in runs]
        values, errors = np.array([(e.mean, e.stderr) for e in estimates]).T
        assert np.sqrt(np.mean(errors**2)) == pytest.approx(values.std(), rel=0.2), name
        assert abs(values.mean() - quantity(TRUTH)) < 0.4 * values.std(), name


@pytest.mark.parametrize("taus", [(4.0, 4.0), (1.0, 6.0)])
def test_few_samples_are_flagged_unbiased_and_have_errors_of_the_right_size(taus: tuple[float, float]) -> None:
    runs = []
    for volume, enthalpy in zip(*pairs(250, 15, taus, seed=4), strict=True):
        with contextlib.suppress(NotEnoughData):
            runs.append(fluctuations(volume, enthalpy))
    assert len(runs) > 245
    for name, quantity in QUANTITIES.items():
        estimates = [run.estimate(quantity) for run in runs]
        values = np.array([e.mean for e in estimates])
        stated = np.sqrt(np.mean([e.stderr**2 for e in estimates if e.stderr is not None]))
        assert stated == pytest.approx(values.std(), rel=0.2), name
        assert abs(values.mean() - quantity(TRUTH)) < 0.4 * values.std(), name
        assert all(("few_samples" in e.flags) == (e.n_independent < 10) for e in estimates)


@pytest.mark.parametrize("tau", [0.1, 3.0, 8.0])
def test_the_bias_of_a_finite_run_is_removed(tau: float) -> None:
    """25 samples: the plain covariance is 4 % too small, known here to 0.4 %."""
    rng = np.random.default_rng(5)
    n_frames, block = round(25 * max(1.0, 2 * tau)), max(1.0, 4 * tau)
    series = np.stack([ar1(4000, n_frames, tau, rng), ar1(4000, n_frames, tau, rng)], axis=1)
    series[:, 1] = 0.6 * series[:, 0] + 0.8 * series[:, 1]
    plain = np.mean([np.cov(one, bias=True) for one in series], axis=0)
    unbiased = np.mean([unbiased_covariance(one, block) for one in series], axis=0)
    assert plain[0, 0] < 0.975
    np.testing.assert_allclose(unbiased, [[1.0, 0.6], [0.6, 1.0]], rtol=0.015)


def test_uncorrelated_frames_in_blocks_of_one_give_the_sample_covariance() -> None:
    series = np.random.default_rng(6).standard_normal((2, 40))
    np.testing.assert_allclose(unbiased_covariance(series, 1.0), np.cov(series), rtol=1e-12)


def test_blocks_of_any_size_leave_a_possible_covariance() -> None:
    rng = np.random.default_rng(7)
    for block in (1.0, 3.3, 20.0, 1e9):
        assert np.linalg.eigvalsh(unbiased_covariance(rng.standard_normal((2, 41)), block)).min() > 0


def test_a_slope_by_hand() -> None:
    """The error of a ratio from its series, by the derivatives written out."""
    from polyomics.analysis.statistics import estimate_mean

    (volume,), (enthalpy,) = pairs(1, 200, (3.0, 3.0), seed=8)
    run = fluctuations(volume, enthalpy)
    estimate = run.estimate(lambda m: m.covariance_nm3_kj_mol / m.volume_nm3)
    moments = run.moments
    dv, dh = (one[run.first_used :] - one[run.first_used :].mean() for one in (volume, enthalpy))
    widening = 1 + 2.25 / run.n_independent
    by_hand = widening * dv * dh / moments.volume_nm3 - moments.covariance_nm3_kj_mol / moments.volume_nm3**2 * dv
    assert estimate.stderr == pytest.approx(estimate_mean(by_hand, discard_start=False).stderr, rel=1e-6)


def test_units_and_offsets_do_not_matter() -> None:
    (volume,), (enthalpy,) = pairs(1, 100, (3.0, 3.0), seed=9)
    plain = fluctuations(volume, enthalpy).estimate(QUANTITIES["expansion"])
    scaled = fluctuations(1e3 * volume, 1e-3 * enthalpy + 5e5).estimate(QUANTITIES["expansion"])
    assert scaled.mean == pytest.approx(1e-3 * plain.mean)
    assert scaled.stderr == pytest.approx(1e-3 * plain.stderr)


def test_a_relaxing_start_is_left_out_of_both_series() -> None:
    (volume,), (enthalpy,) = pairs(1, 300, (3.0, 3.0), seed=10)
    transient = 15 * np.exp(-np.arange(len(volume)) / 40)
    run = fluctuations(volume, enthalpy + transient)
    assert run.first_used > 60
    variance = run.estimate(QUANTITIES["enthalpy variance"])
    assert variance.mean == pytest.approx(1.0, abs=4 * variance.stderr)


@pytest.mark.parametrize("rise", [2.0, 3.0, 5.0, 10.0, 30.0])
def test_a_drift_is_cut_off_flagged_or_refused_but_never_silently_a_fluctuation(rise: float) -> None:
    """A ramp of that many standard deviations adds rise²/12 to the variance."""
    fates = []
    for volume, enthalpy in zip(*pairs(12, 200, (2.0, 2.0), seed=11), strict=True):
        try:
            run = fluctuations(volume, enthalpy + np.linspace(0, rise, len(volume)))
        except NotEnoughData:
            fates.append("refused")
            continue
        variance = run.estimate(QUANTITIES["enthalpy variance"])
        if variance.flags:
            fates.append("flagged")
            continue
        assert run.first_used > 0
        assert variance.mean == pytest.approx(1.0, abs=4 * variance.stderr)
    assert len(fates) > 6


@pytest.mark.parametrize("still", [0, 1])
def test_a_series_that_does_not_move_has_no_fluctuations(still: int) -> None:
    series = [*(one[0] for one in pairs(1, 50, (3.0, 3.0), seed=12))]
    series[still] = np.full(len(series[still]), 3.0)
    with pytest.raises(NotEnoughData, match=("volume", "enthalpy")[still]):
        fluctuations(*series)


def test_too_few_samples_have_no_variance() -> None:
    for n_frames in (1, 2):
        with pytest.raises(NotEnoughData, match="independent samples"):
            fluctuations(np.arange(n_frames) + 1.0, np.ones(n_frames))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_named(wrong: float) -> None:
    (volume,), (enthalpy,) = pairs(1, 50, (3.0, 3.0), seed=13)
    enthalpy[17] = wrong
    with pytest.raises(NotEnoughData, match="not finite, the first at frame 17"):
        fluctuations(volume, enthalpy)


def response(moments: Moments) -> ThermalResponse:
    return ThermalResponse(moments, temperature_k=300.0, n_degrees=4000, mass_amu=10_000.0)


def test_relations_between_responses_hold_exactly() -> None:
    """β K = 1; C_p - C_v = T v α² / β in SI units; β_S < β_T; c² ρ = K_S."""
    rng = np.random.default_rng(14)
    for _ in range(20):
        root = rng.normal(size=(2, 2)) * [[0.7], [60.0]]
        matrix = root @ root.T
        cell = response(Moments(100.0, matrix[0, 0], matrix[0, 1], matrix[1, 1]))
        assert cell.isothermal_compressibility_per_gpa * cell.isothermal_bulk_modulus_gpa == pytest.approx(1, rel=1e-14)
        density_kg_m3 = 10_000.0 * 1.66053906660e-27 / 100e-27
        difference = 300.0 * cell.volume_expansion_per_k**2 / (1e-9 * cell.isothermal_compressibility_per_gpa)
        assert cell.heat_capacity_p_j_kg_k - cell.heat_capacity_v_j_kg_k == pytest.approx(difference / density_kg_m3)
        kinetic = 2000 * 8.31446261815324 / 10.0
        assert cell.heat_capacity_v_j_kg_k > kinetic
        ratio = cell.heat_capacity_v_j_kg_k / cell.heat_capacity_p_j_kg_k
        assert cell.adiabatic_compressibility_per_gpa == pytest.approx(
            cell.isothermal_compressibility_per_gpa
            - 1e9 * 300.0 * cell.volume_expansion_per_k**2 / density_kg_m3 / cell.heat_capacity_p_j_kg_k
        )
        assert 0 < ratio < 1
        assert cell.speed_of_sound_m_s**2 * density_kg_m3 == pytest.approx(1e9 * cell.adiabatic_bulk_modulus_gpa)
