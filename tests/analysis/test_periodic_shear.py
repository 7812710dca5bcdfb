"""Flows of a liquid of known viscosity give it back, and say where they cannot."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import lfilter

from polyomics.analysis.shear_flow import FASTEST, Flow, Fluid, flow, zero_shear
from polyomics.errors import NotEnoughData, NotIdentifiable, NotLinear

WAVE_NM, DENSITY_KG_M3, MASS_AMU, KINETIC_KJ_MOL = 6.0, 800.0, 2e6, 1e6
FLUID = Fluid(WAVE_NM, DENSITY_KG_M3, MASS_AMU, 400.0, KINETIC_KJ_MOL)
INTERVAL_PS = 0.1
VISCOSITY_PA_S = 2e-3
K_PER_M = 2 * np.pi / (WAVE_NM * 1e-9)


def velocity_nm_ps(acceleration_nm_ps2: float, viscosity_pa_s: float) -> float:
    """V = A ρ / (η k²), in nm/ps."""
    return acceleration_nm_ps2 * 1e15 * DENSITY_KG_M3 / (viscosity_pa_s * K_PER_M**2) * 1e-3


def flowing(
    acceleration_nm_ps2: float,
    rng: np.random.Generator,
    *,
    viscosity_pa_s: float = VISCOSITY_PA_S,
    n_samples: int = 2000,
    noise_nm_ps: float = 0.02,
) -> Flow:
    """AR(1) noise of 4 samples' memory about the velocity of a steady flow, the thermostat's share taken off."""
    mean = velocity_nm_ps(acceleration_nm_ps2, viscosity_pa_s)
    mean *= 1 - 0.25 * MASS_AMU / KINETIC_KJ_MOL * mean**2
    decay = np.exp(-1 / 4)
    noise = lfilter([1], [1, -decay], rng.standard_normal(n_samples) * np.sqrt(1 - decay**2))
    return flow(mean + noise_nm_ps * noise, INTERVAL_PS, acceleration_nm_ps2, FLUID)


def test_one_flow_gives_the_viscosity_and_the_shear_rate() -> None:
    found = flowing(0.1, np.random.default_rng(1))
    assert found.viscosity_pa_s == pytest.approx(VISCOSITY_PA_S, abs=4 * found.viscosity_stderr_pa_s)
    assert found.viscosity_stderr_pa_s < 0.1 * VISCOSITY_PA_S
    assert found.shear_rate_per_s == pytest.approx(K_PER_M * velocity_nm_ps(0.1, VISCOSITY_PA_S) * 1e3, rel=0.1)


def test_a_start_that_is_not_steady_is_left_out() -> None:
    rng, mean = np.random.default_rng(2), velocity_nm_ps(0.1, VISCOSITY_PA_S)
    series = mean * (1 - np.exp(-np.arange(4000) / 60)) + 0.002 * rng.standard_normal(4000)
    found = flow(series, INTERVAL_PS, 0.1, replace(FLUID, kinetic_energy_kj_mol=1e9))
    assert found.viscosity_pa_s == pytest.approx(VISCOSITY_PA_S, rel=0.01)


def test_error_bars_of_the_extrapolation_hold() -> None:
    rng, values, covered = np.random.default_rng(3), [], []
    for _ in range(150):
        flows = [
            flowing(a, rng, viscosity_pa_s=1 / (1 / VISCOSITY_PA_S + 5e4 * a**2), n_samples=1000)
            for a in (0.03, 0.06, 0.1)
        ]
        estimate = zero_shear(flows).viscosity_pa_s
        values.append(estimate.mean)
        covered.append(abs(estimate.mean - VISCOSITY_PA_S) < 1.96 * estimate.stderr)
    assert np.median(values) == pytest.approx(VISCOSITY_PA_S, rel=0.03)
    assert 0.90 <= np.mean(covered) <= 0.98


def test_flows_that_thin_too_much_for_a_line_are_left_out_and_disagreement_is_flagged() -> None:
    """η = η₀ / (1 + (A/A₀)): never even in A, so the lowest two amplitudes differ and the highest leaves the line."""
    rng = np.random.default_rng(4)
    flows = [
        flowing(a, rng, viscosity_pa_s=VISCOSITY_PA_S / (1 + a / 0.02), noise_nm_ps=0.002)
        for a in (0.005, 0.01, 0.02, 0.04)
    ]
    found = zero_shear(flows)
    assert found.n_used < 4
    assert "outside_linear_response" in found.viscosity_pa_s.flags
    assert len(found.fit_pa_s) == found.n_used


def test_a_liquid_whose_viscosity_does_not_depend_on_shear_is_not_flagged() -> None:
    rng = np.random.default_rng(5)
    found = zero_shear([flowing(a, rng, n_samples=8000) for a in (0.03, 0.06, 0.1)])
    assert "outside_linear_response" not in found.viscosity_pa_s.flags
    assert found.n_used == 3
    assert zero_shear([flowing(0.1, rng)]).viscosity_pa_s.flags[0] == "one_amplitude"


def test_a_record_too_short_for_its_own_error_has_that_of_the_fluid_at_rest() -> None:
    """Ornstein-Uhlenbeck velocities of variance 2 kT / M and memory V / A, over thirty memories."""
    rng, covered = np.random.default_rng(7), []
    mean = velocity_nm_ps(0.1, VISCOSITY_PA_S)
    memory = mean / 0.1 / INTERVAL_PS
    n_samples, decay = int(30 * memory), np.exp(-1 / memory)
    still = replace(FLUID, kinetic_energy_kj_mol=1e9)
    for _ in range(300):
        noise = lfilter([1], [1, -decay], rng.standard_normal(n_samples + 200) * np.sqrt(1 - decay**2))[200:]
        found = flow(mean + np.sqrt(still.thermal_variance_nm2_ps2) * noise, INTERVAL_PS, 0.1, still).amplitude_nm_ps
        covered.append(abs(found.mean - mean) < 1.96 * found.stderr)
    assert 0.90 <= np.mean(covered) <= 0.98


def test_what_has_no_value_says_so() -> None:
    rng = np.random.default_rng(6)
    with pytest.raises(NotIdentifiable, match="above 0"):
        flow(rng.standard_normal(100), INTERVAL_PS, 0.0, FLUID)
    with pytest.raises(NotIdentifiable, match="lost in thermal motion"):
        zero_shear([flowing(a, rng, n_samples=200, noise_nm_ps=0.3) for a in (0.001, 0.002)])
    with pytest.raises(NotLinear, match="smaller accelerations"):
        zero_shear([flowing(a, rng, viscosity_pa_s=1e-4) for a in (0.1, 0.12)])
    with pytest.raises(NotEnoughData, match="longer"):
        zero_shear([flow(np.array([0.01, 0.011]), INTERVAL_PS, a, FLUID) for a in (0.1, 0.2)])
    with pytest.raises(NotEnoughData, match="not finite"):
        flow(np.array([0.1, np.nan, 0.1]), INTERVAL_PS, 0.1, FLUID)
    assert 0 < FASTEST < 0.2
