"""Conductivities are found in heat flows whose conductivity is known, and refused where there is none."""

from dataclasses import replace

import numpy as np
import pytest
from heat_conduction import heat_flows

from polyomics.analysis.heat_flow import (
    KJ_MOL_PS_NM_K_IN_W_M_K,
    Conductivity,
    HeatFlow,
    at_one_length,
    conductivity,
    of_infinite_length,
    steady,
    straightness,
)
from polyomics.analysis.statistics import Estimate
from polyomics.errors import NotEnoughData, NotIdentifiable, NotLinear


def estimate(mean: float, stderr: float | None, *flags: str) -> Estimate:
    return Estimate(mean, stderr, 20.0, 1.0, 0, flags)


@pytest.fixture(scope="module")
def many() -> list[HeatFlow]:
    return heat_flows(n=80, conductivity_w_m_k=0.2)


def test_the_conductivity_is_found_with_an_error_that_holds(many: list[HeatFlow]) -> None:
    """Over 80 runs: no bias, stated errors as large as the spread, 95 % of intervals hold the truth."""
    found, refused = [], 0
    for flow in many:
        try:
            found.append(conductivity(steady(flow)).value)
        except NotLinear:
            refused += 1
    values = np.array([one.mean for one in found])
    errors = np.array([one.stderr for one in found], dtype=float)
    assert refused <= 2
    assert values.mean() == pytest.approx(0.2, abs=3 * values.std() / np.sqrt(len(values)))
    assert values.std(ddof=1) < 0.15 * values.mean()
    assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(ddof=1), rel=0.25)
    assert np.mean(np.abs(values - 0.2) < 1.96 * errors) > 0.87


def test_units() -> None:
    """One kJ/mol in a picosecond through one nm², along a kelvin a nanometre, in SI units."""
    joule, second, metre = 1e3 / 6.02214076e23, 1e-12, 1e-9
    assert pytest.approx(joule / second / metre**2 / (1.0 / metre)) == KJ_MOL_PS_NM_K_IN_W_M_K


def test_a_transient_is_left_out() -> None:
    """A long cell takes 60 ps to come about: started from a uniform temperature, it still gives the conductivity."""
    flows = heat_flows(n=6, length_nm=14.0, area_nm2=40.0, degrees=2000.0, duration_ps=1000.0, seed=3)
    found = [steady(flow) for flow in flows]
    assert np.median([one.first_ps for one in found]) > 20.0
    values = [conductivity(one).value for one in found]
    assert np.mean([one.mean for one in values]) == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_a_run_that_ends_in_its_transient_is_refused(seed: int) -> None:
    """The profile takes 50 ps, the run 60: its heat is that of the hot slab's surroundings warming up."""
    flow = heat_flows(length_nm=14.0, area_nm2=40.0, degrees=20000.0, duration_ps=60.0, seed=seed)[0]
    with pytest.raises(NotEnoughData, match="run the stage longer"):
        conductivity(steady(flow))


def test_without_heat_or_gradient_there_is_no_conductivity() -> None:
    with pytest.raises(NotIdentifiable, match=r"heat flow is .* cannot be told from nothing.*larger temperature diff"):
        conductivity(steady(heat_flows(difference_k=0.0)[0]))


def test_heat_that_flows_without_a_gradient_is_refused(many: list[HeatFlow]) -> None:
    flat = replace(many[0], kinetic_kj_mol=many[0].kinetic_kj_mol.mean(axis=1, keepdims=True) * np.ones((1, 16)))
    with pytest.raises((NotIdentifiable, NotEnoughData), match="gradient"):
        conductivity(steady(flat))


def test_a_bend_is_refused_where_it_matters() -> None:
    """One border of the first half conducts a twentieth as well."""
    flow = heat_flows(weak_link=0.05, duration_ps=2000.0, seed=2)[0]
    with pytest.raises(NotLinear, match=r"upper half is not straight: a line leaves \d+ % .*longer cell"):
        conductivity(steady(flow))


def test_straight_profiles_pass_and_bent_ones_do_not() -> None:
    """With noise that is correlated between places; a p-value of straight ones is uniform."""
    rng = np.random.default_rng(3)
    mixing = rng.standard_normal((7, 7)) + np.eye(7)
    line = np.linspace(20.0, -20.0, 7)
    p_values = [straightness(line + rng.standard_normal((30, 7)) @ mixing)[0] for _ in range(400)]
    for level in (0.05, 0.2, 0.5, 0.8):
        assert np.mean(np.array(p_values) < level) == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 400))
    bend = 6.0 * (line / 20.0) ** 2
    p_value, unexplained = straightness(line + bend + rng.standard_normal((30, 7)) @ mixing)
    assert p_value < 1e-3
    exact = 1.0 - np.corrcoef(line, line + bend)[0, 1] ** 2
    assert unexplained == pytest.approx(exact, rel=0.5)


def test_halves_that_differ_are_refused(many: list[HeatFlow]) -> None:
    """A profile with a slope twice as steep on one side."""
    flow = many[1]
    tilt = np.concatenate([np.linspace(0.0, -1.0, 9), np.linspace(-0.875, 0.0, 7)])
    tilt[:9] *= 2.0
    temperature = 1.0 + 0.3 * (tilt - tilt.mean()) / 3.0
    found = replace(flow, kinetic_kj_mol=flow.kinetic_kj_mol.mean() * temperature * flow.kinetic_kj_mol / 190.0)
    with pytest.raises(NotLinear):
        conductivity(steady(found))


@pytest.mark.parametrize(("part", "flag"), [(0.0, None), (0.1, "energy_drift")])
def test_a_drift_of_the_energy_is_flagged(part: float, flag: str | None) -> None:
    heat = 0.2 / KJ_MOL_PS_NM_K_IN_W_M_K * 2 * 6.0 * 60.0 / 3.0
    found = conductivity(steady(heat_flows(drift_kj_mol_ps=part * heat, duration_ps=800.0)[0]))
    assert ("energy_drift" in found.value.flags) == (flag is not None)


def test_a_drift_as_large_as_the_heat_is_refused() -> None:
    heat = 0.2 / KJ_MOL_PS_NM_K_IN_W_M_K * 2 * 6.0 * 60.0 / 3.0
    with pytest.raises(NotIdentifiable, match=r"errors of integration make \d+ % .*smaller timestep_fs"):
        conductivity(steady(heat_flows(drift_kj_mol_ps=0.6 * heat)[0]))


def test_too_little_and_damaged_data_are_refused(many: list[HeatFlow]) -> None:
    flow = many[0]
    short = replace(
        flow,
        **{
            name: getattr(flow, name)[:12]
            for name in ("time_ps", "kinetic_kj_mol", "degrees", "hot_kj_mol", "cold_kj_mol")
        },
    )
    with pytest.raises(NotEnoughData, match="12 samples"):
        steady(short)
    hot = flow.hot_kj_mol.copy()
    hot[7] = np.nan
    with pytest.raises(NotEnoughData, match="not finite"):
        steady(replace(flow, hot_kj_mol=hot))
    empty = np.arange(16) == 5
    with pytest.raises(NotEnoughData, match="holds no atoms"):
        steady(replace(flow, degrees=np.where(empty, 0.0, flow.degrees), kinetic_kj_mol=flow.kinetic_kj_mol * ~empty))
    with pytest.raises(NotEnoughData, match="fewer than two times"):
        steady(replace(flow, energy_time_ps=flow.energy_time_ps[:1], energy_kj_mol=flow.energy_kj_mol[:1]))


def test_two_gradients_that_agree_are_averaged_and_others_flagged() -> None:
    steep, gentle = Conductivity(estimate(0.21, 0.01), 6.0, 10.0), Conductivity(estimate(0.19, 0.02), 6.0, 5.0)
    both = at_one_length([steep, gentle])
    assert both.mean == pytest.approx((0.21 / 1e-4 + 0.19 / 4e-4) / (1 / 1e-4 + 1 / 4e-4))
    assert both.stderr == pytest.approx(1 / np.sqrt(1 / 1e-4 + 1 / 4e-4))
    assert both.flags == ()
    far = at_one_length([replace(steep, value=estimate(0.30, 0.01)), gentle])
    assert (far.mean, far.flags) == (0.19, ("outside_linear_response",))
    assert at_one_length([steep]).flags == ("one_gradient",)


def test_lengths_are_extrapolated_to_the_bulk() -> None:
    lengths = np.array([4.0, 8.0, 12.0])
    values = 1.0 / (5.0 + 6.0 / lengths)
    bulk = of_infinite_length(lengths.tolist(), [estimate(value, 0.01 * value) for value in values])
    assert bulk.mean == pytest.approx(0.2)
    assert bulk.flags == ()
    two = of_infinite_length([4.0, 12.0], [estimate(values[0], 0.01), estimate(values[2], 0.01)])
    assert two.mean == pytest.approx(0.2)
    draws = np.random.default_rng(1).normal(size=(4000, 2))
    again = 1.0 / ((12.0 / (values[2] + 0.01 * draws[:, 0]) - 4.0 / (values[0] + 0.01 * draws[:, 1])) / 8.0)
    assert two.stderr == pytest.approx(again.std(), rel=0.15)


def test_what_cannot_be_extrapolated_is_flagged_or_refused() -> None:
    assert of_infinite_length([6.0], [estimate(0.2, 0.01)]).flags == ("finite_size",)
    assert of_infinite_length([6.0, 9.0], [estimate(0.2, 0.01), estimate(0.3, None, "few_samples")]).flags == (
        "few_samples",
        "finite_size",
    )
    with pytest.raises(NotIdentifiable, match=r"cells of 6.0, 7.0 nm extrapolates"):
        of_infinite_length([6.0, 7.0], [estimate(0.2, 0.02), estimate(0.2, 0.02)])
    bent = [estimate(0.10, 0.001), estimate(0.19, 0.001), estimate(0.12, 0.001)]
    assert "not_linear" in of_infinite_length([4.0, 8.0, 12.0], bent).flags
