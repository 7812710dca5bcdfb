"""Stepwise cooling: the temperatures, the rate, the wish for more, and a resumed run."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from polyomics.cell.cell import Cell
from polyomics.errors import InvalidSettings
from polyomics.md.engine import Hardware
from polyomics.md.probes import EFFORTS, PROBES, Effort
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.protocols import Target
from polyomics.md.protocols.accurate import melt_k
from polyomics.md.runner import FinishedStage, ProtocolRun
from polyomics.md.stages.cool_stepwise import CoolStepwise
from polyomics.md.stages.minimise import Minimise
from polyomics.md.stages.npt import Npt
from polyomics.md.stages.nvt import Nvt
from polyomics.md.state import PhaseState
from polyomics.properties._glass_transition import cooling_runs
from polyomics.simulation import Simulation
from polyomics.stage_output import StageOutput
from polyomics.trajectory import Trajectory

CPU = Hardware(platform="CPU", threads=1)


def stage(**settings: object) -> CoolStepwise:
    usual = {
        "name": "cooling",
        "after": "melt",
        "step_k": 50.0,
        "hold_ps": 0.4,
        "duration_ps": 0.8,
        "segment_ps": 0.2,
        "control_ps": 0.02,
        "report_ps": 0.02,
        "max_extensions": 4,
    }
    return CoolStepwise.model_validate(usual | settings)


def protocol(cooling: CoolStepwise) -> Protocol:
    melt = Nvt(name="melt", role="melt", temperature_k=500, duration_ps=0.4, timestep_fs=2, friction_per_ps=10)
    return Protocol(
        name="test",
        nonbonded=Nonbonded(cutoff_nm=0.5, pme_force_error=5e-3),
        stages=(Minimise(name="minimise", max_iterations=50), melt, cooling),
    )


def run(cell: Cell, folder: Path, cooling: CoolStepwise, extensions: int = 0) -> FinishedStage:
    return ProtocolRun(cell, protocol(cooling), folder, seed=3, hardware=CPU).run_stage(3, extensions)


@pytest.fixture(scope="module")
def cooled(polyethylene_cell: Cell, tmp_path_factory: pytest.TempPathFactory) -> FinishedStage:
    """Two holds and one extension of two more, undisturbed."""
    return run(polyethylene_cell, tmp_path_factory.mktemp("cooled"), stage(), extensions=1)


def end_state(finished: FinishedStage) -> PhaseState:
    return PhaseState.load(finished.path / finished.manifest["segments"][-1]["state"])


def test_it_steps_down_from_where_the_melt_ended_and_goes_on_in_an_extension(cooled: FinishedStage) -> None:
    held = [segment["held_at_k"] for segment in cooled.manifest["segments"]]
    assert held == [500, 500, 450, 450, 400, 400, 350, 350]
    assert end_state(cooled).temperature_k == 350
    assert cooled.simulated_ps == pytest.approx(1.6)


def test_hot_segments_take_smaller_steps(cooled: FinishedStage) -> None:
    steps = [segment["timestep_fs"] for segment in cooled.manifest["segments"]]
    assert steps == [2.5, 2.5, 4, 4, 4, 4, 4, 4]


def test_properties_read_the_temperatures_and_the_rate_that_were_held(
    cooled: FinishedStage, polyethylene_cell: Cell
) -> None:
    sample = Trajectory(polyethylene_cell, {}, {}, ())
    (found,) = cooling_runs(Simulation(sample, folders={"cooling": (cooled.path,)}))
    assert found.temperature_k.tolist() == [500, 450, 400, 350]
    assert found.rate_k_per_ns == pytest.approx(50.0 / 0.4 * 1000.0)
    volumes = found.log_volumes()
    assert volumes.temperature_k.tolist() == [350, 400, 450, 500]
    rows = found.output.thermo["density_g_cm3"][46:60]
    assert np.exp(-volumes.mean[1]) == pytest.approx(rows.mean(), rel=1e-3)


def test_every_hold_has_its_rows(cooled: FinishedStage) -> None:
    times = StageOutput.open(cooled.path).thermo["time_ps"]
    assert times == pytest.approx(0.02 * np.arange(1, 81))


def test_a_resumed_run_equals_an_undisturbed_one(
    polyethylene_cell: Cell, tmp_path: Path, cooled: FinishedStage
) -> None:
    """Cut in the middle of a hold, and again between the stage and its extension."""
    begun = run(polyethylene_cell, tmp_path, stage())
    assert len(begun.manifest["segments"]) == 4
    for name in list(begun.manifest["segments"][-1]["files"]):
        (begun.path / name).unlink()
    resumed = run(polyethylene_cell, tmp_path, stage(), extensions=1)
    assert end_state(resumed).digest() == end_state(cooled).digest()
    for index in range(8):
        name = f"thermo.{index:04d}.csv"
        assert (resumed.path / name).read_text() == (cooled.path / name).read_text()


def table(cooling: CoolStepwise, n_holds: int, *, glass_below_k: float | None, from_k: float = 600.0) -> dict:
    """What a cooling of a large cell leaves after so many holds."""
    rng = np.random.default_rng(5)
    n_rows = round(cooling.hold_ps / cooling.report_ps)
    held = np.repeat(from_k - cooling.step_k * np.arange(n_holds), n_rows)
    melt = 6e-4 * (held - 600.0)
    expansion = melt if glass_below_k is None else melt + 4e-4 * np.maximum(glass_below_k - held, 0.0)
    edge = 5.0 * np.exp((expansion + 0.003 * rng.standard_normal(len(held))) / 3.0)
    return {
        "time_ps": cooling.report_ps * np.arange(1, len(held) + 1),
        "temperature_k": held + 10.0 * rng.standard_normal(len(held)),
        **{f"box_{axis}_nm": edge for axis in "xyz"},
    }


LONG = {"step_k": 20.0, "hold_ps": 20.0, "duration_ps": 80.0, "segment_ps": 20.0, "report_ps": 0.4}


def n_holds_run(glass_below_k: float | None) -> int:
    """How many holds a cooling runs through that asks for more after every piece."""
    cooling = stage(**LONG)
    n_holds = cooling.n_holds
    while cooling.wants_more(table(cooling, n_holds, glass_below_k=glass_below_k)):
        n_holds += cooling.n_holds
    return n_holds


def test_it_wants_more_until_the_glass_is_seen() -> None:
    ends = {tg: 600.0 - 20.0 * (n_holds_run(tg) - 1) for tg in (420.0, 300.0)}
    for tg, end in ends.items():
        assert tg - 260.0 < end <= tg - 100.0


def test_without_a_transition_it_ends_near_the_lowest_temperature() -> None:
    lowest = 600.0 - 20.0 * (n_holds_run(None) - 1)
    assert 15.0 <= lowest < 20.0 + 4 * 20.0 + 5.0


def test_a_damaged_table_ends_the_cooling() -> None:
    cooling = stage(**LONG)
    damaged = table(cooling, 12, glass_below_k=300.0)
    damaged["box_x_nm"][40] = np.nan
    assert not cooling.wants_more(damaged)


def test_no_hold_is_below_the_lowest_temperature(polyethylene_cell: Cell) -> None:
    cooling = stage(lowest_k=60.0, from_k=90.0)
    start = PhaseState(polyethylene_cell.positions_nm, None, polyethylene_cell.box_nm)
    assert [cooling.controls_at(polyethylene_cell, start, f).temperature_k for f in (0.3, 0.5, 0.51, 1.0)] == [
        *(90.0, 90.0, 60.0, 60.0)
    ]


def test_without_a_temperature_to_start_from_it_says_so(polyethylene_cell: Cell) -> None:
    start = PhaseState(polyethylene_cell.positions_nm, None, polyethylene_cell.box_nm)
    with pytest.raises(InvalidSettings, match="from_k"):
        stage().controls_at(polyethylene_cell, start, 0.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"segment_ps": 0.3}, "hold_ps is 0.4 ps"),
        ({"duration_ps": 1.0}, "duration_ps is 1 ps"),
        ({"duration_ps": 0.2}, "duration_ps is 0.2 ps"),
        ({"control_ps": 0.03}, "segment_ps is 0.2 ps"),
        ({"report_ps": 0.1}, "too few for an error bar"),
        ({"step_k": 0.0}, "step_k"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        stage(**settings)


@pytest.mark.parametrize("effort", EFFORTS)
def test_the_probe_cools_at_three_rates_each_from_the_same_melt(effort: Effort) -> None:
    """A small cell takes one rate, slow enough to be seen through its noise."""
    stages = PROBES["glass_transition"](Target(), effort)
    coolings = [one for one in stages if isinstance(one, CoolStepwise)]
    assert len({round(one.rate_k_per_ns, 3) for one in coolings}) == (1 if effort == "demo" else 3)
    assert len({one.after for one in coolings}) == 1
    assert stages[0].after == ("sample" if effort == "standard" else "melt")
    for one in coolings:
        cools_k = one.step_k * one.n_holds * (1 + one.most_extensions)
        assert cools_k >= (200.0 if effort == "smoke" else 1100.0)


@pytest.mark.parametrize("effort", ["demo", "standard"])
def test_where_the_protocol_has_no_melt_at_this_pressure_the_probe_makes_one(effort: Effort) -> None:
    target = Target(pressure_bar=20.0)
    stages = {one.name: one for one in PROBES["glass_transition"](target, effort)}
    melt = stages["glass_transition_melt"]
    assert isinstance(melt, Npt)
    assert melt.pressure_bar == 20.0
    assert melt.temperature_k == melt_k(target)
    assert {one.after for one in stages.values() if isinstance(one, CoolStepwise)} == {melt.name}
