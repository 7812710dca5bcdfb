"""Thermal conductivity and diffusivity from stages of heat flow on disk."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from beads import BOND_NM, BOX_NM, CONTEXT, N_BEADS, N_CHAINS, N_FRAMES
from heat_conduction import heat_flows

from polyomics.analysis.heat_flow import HeatFlow
from polyomics.errors import CorruptFile, InvalidSettings, NotIdentifiable, NotIsotropic, NotLinear, OutOfReach
from polyomics.files import sha256
from polyomics.properties import PROPERTIES
from polyomics.records import Curve, Measurement
from polyomics.simulation import Simulation
from polyomics.trajectory import THERMO_COLUMNS

Write = Callable[..., Simulation]


@pytest.fixture
def with_heat_flows(simulation: Callable[..., Simulation], tmp_path: Path) -> Write:
    """A simulation with a stage for each of some heat flows."""

    def write(*flows: HeatFlow, positions_nm: np.ndarray | None = None, **note: object) -> Simulation:
        folders = tuple(_stage(tmp_path / f"heat{i}", f"heat{i}", flow, note) for i, flow in enumerate(flows))
        return replace(simulation(positions_nm), folders={"heat_flow": folders})

    return write


def _stage(folder: Path, name: str, flow: HeatFlow, note: dict[str, object]) -> Path:
    """As `md.stages.heat_flow` leaves it, in two segments."""
    folder.mkdir()
    segments = []
    middle = len(flow.time_ps) // 10 * 5
    table = {column: np.zeros(len(flow.energy_time_ps)) for column in THERMO_COLUMNS}
    table |= {"time_ps": flow.energy_time_ps, "potential_energy_kj_mol": flow.energy_kj_mol}
    table |= {
        f"box_{axis}_nm": np.full(len(flow.energy_time_ps), edge) for axis, edge in zip("xyz", flow.box_nm, strict=True)
    }
    for index, part in enumerate((slice(None, middle), slice(middle, None))):
        rows = slice(None, middle // 5) if index == 0 else slice(middle // 5, None)
        arrays = {
            "time_ps": flow.time_ps,
            "kinetic_energy_kj_mol": flow.kinetic_kj_mol,
            "degrees_of_freedom": flow.degrees,
            "hot_kj_mol": flow.hot_kj_mol,
            "cold_kj_mol": flow.cold_kj_mol,
        }
        np.savez(folder / f"heat.{index:04d}.npz", **{key: value[part] for key, value in arrays.items()})
        with (folder / f"thermo.{index:04d}.csv").open("w", newline="") as stream:
            lines = np.array([table[column][rows] for column in THERMO_COLUMNS]).T
            csv.writer(stream).writerows([THERMO_COLUMNS, *[[repr(float(v)) for v in line] for line in lines]])
        names = (f"heat.{index:04d}.npz", f"thermo.{index:04d}.csv")
        segments.append({"files": {each: sha256(folder / each) for each in names}} | note)
    record = {"kind": "heat_flow", "name": name, "role": "heat_flow", "temperature_k": 300.0}
    (folder / "manifest.json").write_text(json.dumps({"stage": record, "done": True, "segments": segments}))
    return folder


def flow(**settings: float) -> HeatFlow:
    return heat_flows(**({"duration_ps": 800.0, "area_nm2": 12.0, "degrees": 300.0} | settings))[0]


def measured(name: str, simulation: Simulation) -> tuple[Measurement, list[Curve]]:
    found = PROPERTIES[name]().measure(simulation, CONTEXT)
    values = [item for item in found if isinstance(item, Measurement)]
    assert len(values) == 1
    return values[0], [item for item in found if isinstance(item, Curve)]


def test_two_gradients_and_two_lengths_give_the_conductivity_of_the_bulk(with_heat_flows: Write) -> None:
    """Cells whose 1/κ rises as 1/L from that of the bulk, 0.25 W/(m K)."""
    long, short = 1 / (4.0 + 6.0 / 12.0), 1 / (4.0 + 6.0 / 4.0)
    simulation = with_heat_flows(
        flow(conductivity_w_m_k=long, length_nm=12.0, seed=1, duration_ps=1600),
        flow(conductivity_w_m_k=long, length_nm=12.0, difference_k=40, seed=2, duration_ps=1600),
        flow(conductivity_w_m_k=short, length_nm=4.0, seed=3),
    )
    value, curves = measured("thermal_conductivity", simulation)
    assert value.unit == "W/(m K)"
    assert value.stderr is not None
    assert value.stderr < 0.05
    assert value.value == pytest.approx(0.25, abs=3 * value.stderr)
    assert not {"finite_size", "one_gradient", "outside_linear_response", "energy_drift"} & set(value.flags)
    names = [curve.name for curve in curves]
    assert {"temperature_profile_heat0", "temperature_profile_heat2_line", "conductivity_over_length"} <= set(names)
    line = next(curve for curve in curves if curve.name == "resistivity_over_inverse_length_line")
    points = next(curve for curve in curves if curve.name == "resistivity_over_inverse_length")
    assert line.y[0] == pytest.approx(1 / value.value)
    np.testing.assert_allclose(np.interp(points.x, line.x, line.y), points.y)
    profile = next(curve for curve in curves if curve.name == "temperature_profile_heat0")
    assert profile.y[0] > profile.y[-1]


def test_one_stage_alone_says_what_was_not_checked(with_heat_flows: Write) -> None:
    value, _ = measured("thermal_conductivity", with_heat_flows(flow()))
    assert value.value == pytest.approx(0.2, rel=0.25)
    assert {"finite_size", "one_gradient"} <= set(value.flags)


def test_a_gradient_out_of_linear_response_is_flagged(with_heat_flows: Write) -> None:
    simulation = with_heat_flows(
        flow(conductivity_w_m_k=0.4, seed=4), flow(conductivity_w_m_k=0.2, difference_k=25, seed=5, duration_ps=1600)
    )
    value, _ = measured("thermal_conductivity", simulation)
    assert "outside_linear_response" in value.flags
    assert value.value == pytest.approx(0.2, rel=0.3)


def test_a_stage_without_a_value_is_left_out_and_said_so(with_heat_flows: Write) -> None:
    value, _ = measured("thermal_conductivity", with_heat_flows(flow(), flow(difference_k=0.0, seed=6)))
    assert {"stage_left_out", "one_gradient"} <= set(value.flags)


def test_a_bent_profile_is_an_error_with_the_profile_as_curve(with_heat_flows: Write) -> None:
    bent = with_heat_flows(flow(weak_link=0.05, duration_ps=2000.0))
    with pytest.raises(NotLinear) as caught:
        measured("thermal_conductivity", bent)
    assert [curve.name for curve in caught.value.curves] == ["temperature_profile_heat0"]
    with pytest.raises(NotLinear) as again:
        measured("thermal_diffusivity", bent)
    assert again.value.curves == ()


def test_no_heat_is_an_error_not_nought(with_heat_flows: Write) -> None:
    with pytest.raises(NotIdentifiable, match="cannot be told from nothing"):
        measured("thermal_conductivity", with_heat_flows(flow(difference_k=0.0)))


def test_a_cell_that_was_too_short_says_so(with_heat_flows: Write) -> None:
    with pytest.raises(OutOfReach, match="'heat0' was not run: too thin"):
        measured("thermal_conductivity", with_heat_flows(flow(), refused="too thin"))


def test_a_damaged_file_is_named(with_heat_flows: Write, tmp_path: Path) -> None:
    simulation = with_heat_flows(flow())
    path = tmp_path / "heat0" / "heat.0001.npz"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(CorruptFile, match=r"heat\.0001\.npz"):
        measured("thermal_conductivity", simulation)


def test_without_the_stage_it_is_asked_for(simulation: Callable[..., Simulation]) -> None:
    with pytest.raises(InvalidSettings, match="needs a stage of role 'heat_flow'"):
        measured("thermal_conductivity", simulation())


def test_an_oriented_cell_is_refused(with_heat_flows: Write) -> None:
    """Chains stretched out along z."""
    rng = np.random.default_rng(1)
    starts = rng.random((1, N_CHAINS, 1, 3)) * BOX_NM
    along = np.arange(N_BEADS)[:, None] * [0.0, 0.0, 0.9 * BOND_NM]
    beads = starts + along + rng.normal(scale=0.02, size=(N_FRAMES, N_CHAINS, N_BEADS, 3))
    simulation = with_heat_flows(flow(), positions_nm=beads.reshape(N_FRAMES, -1, 3))
    for name in ("thermal_conductivity", "thermal_diffusivity"):
        with pytest.raises(NotIsotropic, match=name):
            measured(name, simulation)


def test_diffusivity_is_conductivity_over_density_and_heat_capacity(with_heat_flows: Write) -> None:
    simulation = with_heat_flows(flow())
    parts = [measured(name, simulation)[0] for name in ("thermal_conductivity", "density", "specific_heat_capacity_cp")]
    found, curves = measured("thermal_diffusivity", simulation)
    conductivity, density, capacity = parts
    assert found.value == pytest.approx(conductivity.value / (1000 * density.value * capacity.value))
    relative = [part.stderr / part.value for part in parts if part.stderr is not None]
    assert len(relative) == 3
    assert found.stderr == pytest.approx(found.value * np.sqrt(np.square(relative).sum()))
    assert set(conductivity.flags) <= set(found.flags)
    assert curves == []
