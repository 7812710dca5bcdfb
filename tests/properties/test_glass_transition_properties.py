"""Properties of the glass transition on coolings whose answer is known, written to disk as the stage writes them."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from beads import CONTEXT, bead_cell, fluctuating, results

from polyomics.analysis.cooling_rate import CALORIMETRIC_K_PER_NS, WLF_C1
from polyomics.cell.cell import Cell
from polyomics.errors import InvalidSettings, NotEnoughData, NotIdentifiable
from polyomics.files import sha256
from polyomics.properties import PROPERTIES
from polyomics.records import Curve, Measurement
from polyomics.simulation import Simulation
from polyomics.trajectory import THERMO_COLUMNS, Trajectory
from polyomics.units import AMU_PER_NM3_IN_G_CM3, GAS_CONSTANT_KJ_MOL_K

CELL = bead_cell()
GLASS, MELT, WIDTH_K = 2e-4, 6e-4, 10.0
CP_GLASS, CP_MELT = 1800.0, 2600.0
"""Configurational heat capacities [J/(kg K)]."""
N_ROWS = 50
NAMES = (
    "glass_transition_temperature",
    "glass_transition_temperature_enthalpy",
    "volume_expansion_glass",
    "volume_expansion_rubber",
)
VOGEL_K, STRENGTH_K = 290.0, 700.0


def law(rate: float) -> float:
    return VOGEL_K + STRENGTH_K / (np.log10(CALORIMETRIC_K_PER_NS) + WLF_C1 - np.log10(rate))


def bend(x: np.ndarray, below: float, above: float) -> np.ndarray:
    return below * x + (above - below) * (0.5 * x + np.sqrt(0.25 * x**2 + WIDTH_K**2))


@pytest.fixture
def cooled(tmp_path: Path) -> Callable[..., Simulation]:
    """A simulation with a cooling at every rate given, with its Tg; none: a straight line."""

    def write(
        coolings: dict[float, float | None],
        *,
        highest_k: float = 560.0,
        lowest_k: float = 100.0,
        step_k: float = 20.0,
        noise: float = 0.0008,
        expansion: float = 5e-4,
        volume_is_the_hyperbola: bool = False,
        cell: Cell = CELL,
    ) -> Simulation:
        folders = []
        for number, (rate, tg_k) in enumerate(coolings.items()):
            held = np.arange(highest_k, lowest_k - 1.0, -step_k)
            hold_ps = step_k / rate * 1000.0
            each = np.repeat(held, N_ROWS)
            x = each - (tg_k or 300.0)
            log_volume = expansion * x if tg_k is None else bend(x, GLASS, MELT)
            log_volume = np.log1p(log_volume) if volume_is_the_hyperbola else log_volume
            heat = bend(x, CP_GLASS, CP_MELT) if tg_k else CP_MELT * x
            edge = 5.0 * np.exp((log_volume + noise * fluctuating(len(each), 2, 7 + number)) / 3.0)
            table = {name: np.zeros(len(each)) for name in THERMO_COLUMNS}
            table |= {f"box_{axis}_nm": edge for axis in "xyz"}
            table["time_ps"] = hold_ps / N_ROWS * np.arange(1, len(each) + 1)
            table["temperature_k"] = each + 20.0
            joules = heat + 1500.0 * fluctuating(len(each), 2, 70 + number)
            table["potential_energy_kj_mol"] = joules * 1e-6 * cell.mass_amu
            folders.append(_written(tmp_path / f"cooling{number}", table, held, step_k, hold_ps))
        record = {"kind": "npt", "name": "sample", "temperature_k": 300.0, "pressure_bar": 1.0}
        return Simulation(Trajectory(cell, record, {}, ()), folders={"cooling": tuple(folders)})

    return write


def _written(folder: Path, table: dict[str, np.ndarray], held: np.ndarray, step_k: float, hold_ps: float) -> Path:
    """Two segments a hold."""
    folder.mkdir()
    segments = []
    rows = np.array([table[name] for name in THERMO_COLUMNS]).T
    for index, part in enumerate(np.split(rows, 2 * len(held))):
        path = folder / f"thermo.{index:04d}.csv"
        with path.open("w", newline="") as stream:
            csv.writer(stream).writerows([THERMO_COLUMNS, *[[repr(float(v)) for v in row] for row in part]])
        segments.append({"files": {path.name: sha256(path)}, "held_at_k": float(held[index // 2])})
    stage = {"kind": "cool_stepwise", "name": folder.name, "role": "cooling", "step_k": step_k, "pressure_bar": 5.0}
    stage |= {"hold_ps": hold_ps, "segment_ps": hold_ps / 2}
    (folder / "manifest.json").write_text(json.dumps({"stage": stage, "segments": segments}))
    return folder


def value(name: str, simulation: Simulation) -> Measurement:
    (found,) = (one for one in results(name, simulation) if isinstance(one, Measurement))
    return found


def test_tg_and_both_expansions_come_back_from_the_slowest_rate(cooled: Callable[..., Simulation]) -> None:
    simulation = cooled({400.0: 380.0, 100.0: 340.0, 1600.0: 420.0})
    tg = value("glass_transition_temperature", simulation)
    assert tg.value == pytest.approx(340.0, abs=4 * tg.stderr)
    assert 0.3 < tg.stderr < 5.0
    assert (tg.temperature_k, tg.pressure_bar) == (None, 5.0)
    assert "fast_cooling" in tg.flags
    for name, truth, low, high in (
        ("volume_expansion_glass", GLASS, 100.0, 340.0),
        ("volume_expansion_rubber", MELT, 340.0, 560.0),
    ):
        found = value(name, simulation)
        assert found.value == pytest.approx(truth, abs=4 * found.stderr)
        assert low < found.temperature_k < high


def test_the_error_holds_whichever_of_the_volume_and_its_logarithm_has_straight_branches(
    cooled: Callable[..., Simulation],
) -> None:
    tg = value("glass_transition_temperature", cooled({100.0: 330.0}, volume_is_the_hyperbola=True, noise=0.0004))
    assert tg.value == pytest.approx(330.0, abs=2.5 * tg.stderr)
    assert tg.stderr < 4.0


def test_the_enthalpy_gives_the_same_tg_and_a_heat_capacity_of_known_steps(cooled: Callable[..., Simulation]) -> None:
    simulation = cooled({100.0: 340.0})
    found = results("glass_transition_temperature_enthalpy", simulation)
    tg = found[0]
    assert tg.value == pytest.approx(340.0, abs=4 * tg.stderr)
    assert "methods_disagree" not in tg.flags
    (heat,) = (one for one in found if isinstance(one, Curve) and "heat_capacity" in one.name)
    x, y = np.array(heat.x), np.array(heat.y)
    kinetic = 1.5 * CELL.n_atoms * GAS_CONSTANT_KJ_MOL_K / CELL.mass_amu * 1e6
    assert y[x > 400].mean() == pytest.approx(CP_MELT + kinetic, rel=0.02)
    assert y[x < 280].mean() == pytest.approx(CP_GLASS + kinetic, rel=0.02)


def test_the_curves_are_volumes_and_densities_of_all_rates_with_their_fits(cooled: Callable[..., Simulation]) -> None:
    curves = results("glass_transition_temperature", cooled({400.0: 380.0, 100.0: 340.0}))[1:]
    names = {one.name: one for one in curves if isinstance(one, Curve)}
    for rate in (100, 400):
        volume, density = (names[f"{what}_{rate}_k_per_ns"] for what in ("specific_volume", "density"))
        assert volume.kind == "points"
        assert np.array(volume.y) * np.array(density.y) == pytest.approx(1.0)
        hyperbola = names[f"specific_volume_{rate}_k_per_ns_hyperbola"]
        fit = np.interp(volume.x[5:15], hyperbola.x, hyperbola.y)
        assert fit == pytest.approx(np.array(volume.y[5:15]), rel=2e-3)
        assert f"specific_volume_{rate}_k_per_ns_melt_line" in names
    scale = 125.0 / (CELL.mass_amu * AMU_PER_NM3_IN_G_CM3)
    at_tg = np.interp(340.0, names["specific_volume_100_k_per_ns"].x, names["specific_volume_100_k_per_ns"].y)
    assert at_tg == pytest.approx(scale, rel=0.01)


def test_the_extrapolation_follows_the_law(cooled: Callable[..., Simulation]) -> None:
    simulation = cooled({rate: law(rate) for rate in (25.0, 400.0, 6400.0)})
    found = results("glass_transition_temperature_extrapolated", simulation)
    assert found[0].value == pytest.approx(law(CALORIMETRIC_K_PER_NS), abs=2 * found[0].stderr)
    assert found[0].stderr < 60.0
    assert {"few_rates", "far_extrapolation"} <= set(found[0].flags)
    assert {"glass_transition_over_rate", "glass_transition_over_rate_vft", "glass_transition_over_rate_line"} <= {
        one.name for one in found if isinstance(one, Curve)
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"expansion": 6e-4, "lowest_k": 340.0, "step_k": 10.0}, "too hot, it expands like a melt"),
        (
            {"expansion": 2e-4, "highest_k": 280.0, "lowest_k": 80.0, "step_k": 10.0},
            "too cold, it expands like a glass",
        ),
        ({"expansion": -2e-4}, "still relaxing"),
        ({"highest_k": 400.0, "lowest_k": 300.0}, "is too short"),
    ],
)
def test_a_window_without_a_transition_is_a_failure_that_says_what_to_do(
    name: str, settings: dict[str, float], says: str, cooled: Callable[..., Simulation]
) -> None:
    with pytest.raises(NotIdentifiable, match=says) as caught:
        results(name, cooled({100.0: None}, **settings))
    assert "cooled at 100 K/ns" in str(caught.value)
    assert any(curve.kind == "points" for curve in caught.value.curves)


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"lowest_k": 265.0}, "the window is too hot"), ({"highest_k": 395.0}, "the window is too cold")],
)
def test_a_missing_branch_is_named(settings: dict[str, float], says: str, cooled: Callable[..., Simulation]) -> None:
    simulation = cooled({100.0: 330.0}, step_k=10.0, noise=0.0002, **settings)
    with pytest.raises(NotIdentifiable, match=says):
        results("glass_transition_temperature", simulation)


def test_fewer_than_three_transitions_are_not_extrapolated(cooled: Callable[..., Simulation]) -> None:
    simulation = cooled({100.0: 340.0, 400.0: 380.0, 1600.0: None})
    with pytest.raises(NotEnoughData, match="3 rates were simulated and 2 show a transition") as caught:
        results("glass_transition_temperature_extrapolated", simulation)
    assert any(curve.name == "glass_transition_over_rate" for curve in caught.value.curves)
    assert any(curve.name.endswith("tried_hyperbola") for curve in caught.value.curves)


@pytest.mark.parametrize("name", [*NAMES, "glass_transition_temperature_extrapolated"])
def test_without_a_cooling_it_is_refused(name: str) -> None:
    record = {"kind": "npt", "name": "sample", "temperature_k": 300.0}
    with pytest.raises(InvalidSettings, match="'cooling'"):
        results(name, Simulation(Trajectory(CELL, record, {}, ())), CONTEXT)
    assert PROPERTIES[name].probe == "glass_transition"


@pytest.mark.slow
def test_a_study_asked_for_tg_cools_and_gives_a_value_or_says_why_not(home: Path) -> None:
    from polyomics.md.engine import Hardware
    from polyomics.request import make_spec
    from polyomics.study import run_study

    spec = make_spec("*CC*", preset="smoke", properties=["glass_transition_temperature"])
    assert spec.protocol.name == "smoke+glass_transition"
    done = run_study(
        spec, home=home, database_url=f"sqlite:///{home / 'p.db'}", hardware=Hardware(platform="CPU", threads=1)
    )
    given = [one.name for one in done.measurements] + [one.stage for one in done.failures]
    assert given == ["glass_transition_temperature"]
    assert all(one.kind == "NotIdentifiable" for one in done.failures)
    assert len(list((done.folder / "stages").glob("*-cool_*_k_per_ns/manifest.json"))) == 3
