"""A stretched cell: lattice constants of argon, the first law, an adiabatic gas, sides at their pressure, resuming."""

from pathlib import Path

import numpy as np
import openmm
import pytest
from lennard_jones import EPSILON_KJ_MOL, SIGMA_NM, argon_cell
from openmm import unit
from pydantic import ValidationError
from scipy.optimize import minimize_scalar

from polyomics.analysis.stress_strain import elastic, pull
from polyomics.cell.cell import Cell
from polyomics.files import read_json
from polyomics.md.engine import Hardware
from polyomics.md.probes import EFFORTS, PROBES
from polyomics.md.progress import Interrupted
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.protocols import Target
from polyomics.md.runner import FinishedStage, ProtocolRun, run_protocol
from polyomics.md.stage import Stage
from polyomics.md.stages.minimise import Minimise
from polyomics.md.stages.npt import Npt
from polyomics.md.stages.stretch import NARROWEST, Stretch
from polyomics.md.state import PhaseState
from polyomics.stage_output import StageOutput
from polyomics.units import BAR_NM3_IN_KJ_MOL, KJ_MOL_NM3_IN_BAR

CPU = Hardware(platform="CPU", threads=1)
EDGE_NM = 1.5456 * SIGMA_NM
"""Unit cell of argon at no pressure and temperature, with the cut-off below."""
CUTOFF_NM = 1.8 * 1.5424 * SIGMA_NM
"""Between the sixth and the seventh shell of neighbours, so that no shell crosses it at small strains."""


def protocol(*stages: Stage, cutoff_nm: float = 0.6) -> Protocol:
    return Protocol(name="test", nonbonded=Nonbonded(cutoff_nm=cutoff_nm, pme_force_error=1e-2), stages=stages)


def run(cell: Cell, folder: Path, *stages: Stage, cutoff_nm: float = 0.6) -> list[FinishedStage]:
    return run_protocol(cell, protocol(*stages, cutoff_nm=cutoff_nm), folder, seed=1, hardware=CPU)


def end_state(stage: FinishedStage) -> PhaseState:
    return PhaseState.load(stage.path / stage.manifest["segments"][-1]["state"])


def argon(n: int = 4) -> Cell:
    return argon_cell(n, 4.0 / (EDGE_NM / SIGMA_NM) ** 3)


def lattice_energy_kj_mol(edges_nm: np.ndarray) -> float:
    """Energy of a unit cell of four atoms of an fcc lattice strained along its edges, tail of the cut-off included."""
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    images = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    distances = np.linalg.norm((images + basis).reshape(-1, 3) * edges_nm, axis=1)
    near = SIGMA_NM / distances[(distances > 1e-6) & (distances < CUTOFF_NM)]
    density = 4.0 / np.prod(edges_nm)
    far = SIGMA_NM / CUTOFF_NM
    tail = 8.0 / 3.0 * np.pi * density * SIGMA_NM**3 * (far**9 / 3.0 - far**3)
    return float(4.0 * EPSILON_KJ_MOL * (2.0 * np.sum(near**12 - near**6) + tail))


def lattice_side_nm(strain: float) -> float:
    found = minimize_scalar(
        lambda side: lattice_energy_kj_mol(np.array([EDGE_NM * (1.0 + strain), side, side])),
        bounds=(0.97 * EDGE_NM, 1.02 * EDGE_NM),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return float(found.x)


def lattice_stress_mpa(strain: float, step: float = 1e-4) -> float:
    energies = [
        lattice_energy_kj_mol(np.array([EDGE_NM * (1.0 + strain + sign * step), *[lattice_side_nm(strain)] * 2]))
        for sign in (1, -1)
    ]
    return (energies[0] - energies[1]) / (2.0 * step * EDGE_NM**3) * KJ_MOL_NM3_IN_BAR * 0.1


@pytest.fixture(scope="module")
def stretched_argon(tmp_path_factory: pytest.TempPathFactory) -> tuple[FinishedStage, dict[str, np.ndarray]]:
    """Solid argon at 4 K stretched along y by 1.5 %; the sides begin with too small a contraction."""
    stretch = Stretch(
        name="s",
        axis="y",
        temperature_k=4,
        strain_rate_per_ns=3,
        duration_ps=5,
        timestep_fs=5,
        control_ps=0.05,
        stress_ps=0.05,
        expected_contraction=0.2,
        barostat_steps=2,
    )
    settle = Npt(name="n", temperature_k=4, duration_ps=2, timestep_fs=5)
    stage = run(argon(), tmp_path_factory.mktemp("argon"), settle, stretch, cutoff_nm=CUTOFF_NM)[1]
    return stage, StageOutput.open(stage.path).joined("stress")


def test_modulus_and_contraction_of_solid_argon_are_those_of_its_lattice(
    stretched_argon: tuple[FinishedStage, dict[str, np.ndarray]],
) -> None:
    """Against lines through the static lattice over the same strains; 4 K softens it by some 2 %."""
    table = stretched_argon[1]
    found = elastic([pull(table["strain"], table["stress_bar"], table["box_nm"], 1)])
    strains = np.linspace(0.0, found.window, 9)
    modulus = np.polyfit(strains, [lattice_stress_mpa(strain) for strain in strains], 1)[0]
    contraction = -np.polyfit(strains, [lattice_side_nm(strain) / EDGE_NM for strain in strains], 1)[0]
    assert found.modulus_mpa.stderr < 0.1 * modulus
    assert found.modulus_mpa.mean == pytest.approx(modulus, abs=3 * found.modulus_mpa.stderr + 0.04 * modulus)
    assert found.poisson is not None
    assert found.poisson.mean == pytest.approx(contraction, abs=4 * found.poisson.stderr)


def test_the_axis_follows_its_rate_and_the_sides_hold_the_pressure(
    stretched_argon: tuple[FinishedStage, dict[str, np.ndarray]],
) -> None:
    stage, table = stretched_argon
    start_nm = table["box_nm"][0, 1] / (1.0 + table["strain"][0])
    assert table["box_nm"][:, 1] == pytest.approx(start_nm * (1.0 + table["strain"]), rel=1e-6)
    assert table["strain"] == pytest.approx(3e-3 * table["time_ps"])
    assert end_state(stage).box_nm[1] == pytest.approx(1.015 * start_nm, rel=1e-6)
    assert table["box_nm"][-20:, [0, 2]].mean() < table["box_nm"][:20, [0, 2]].mean()
    details = stage.manifest["segments"][0]
    assert details["lateral_stress_bar"] == pytest.approx(-1.0, abs=4 * details["lateral_stress_error_bar"])
    assert details["lateral_stress_error_bar"] < 30


def test_work_done_on_the_cell_is_the_change_of_its_energy(tmp_path: Path) -> None:
    """Without thermostat and with the sides fixed, dE = V σ dε/(1 + ε); with the stress's kinetic part in it."""
    free = Stretch(
        name="s",
        axis="x",
        temperature_k=40,
        pressure_bar=None,
        strain_rate_per_ns=20,
        duration_ps=2,
        timestep_fs=2,
        friction_per_ps=1e-15,
        control_ps=0.02,
        stress_ps=0.02,
        report_ps=0.02,
    )
    settle = Npt(name="n", temperature_k=40, duration_ps=2, pressure_bar=0, friction_per_ps=5)
    stage = run(argon(), tmp_path, settle, free, cutoff_nm=CUTOFF_NM)[1]
    output = StageOutput.open(stage.path)
    table, rows = output.joined("stress"), output.thermo
    force = table["stress_bar"][:, 0] * table["box_nm"].prod(axis=1) * BAR_NM3_IN_KJ_MOL / (1.0 + table["strain"])
    work = np.trapezoid(force, table["strain"])
    energy = rows["potential_energy_kj_mol"] + rows["kinetic_energy_kj_mol"]
    assert work > 8.0
    assert energy[-1] - energy[0] == pytest.approx(work, rel=0.03)
    assert np.ptp(table["box_nm"][:, 1:]) == 0.0


def test_a_gas_without_thermostat_cools_along_the_axis_alone(tmp_path: Path) -> None:
    """v L is kept along the axis that grows, as in any adiabatic expansion of free particles."""
    cell = argon(3)
    system = openmm.XmlSerializer.deserialize(cell.system_xml)
    force = system.getForce(0)
    for atom in range(cell.n_atoms):
        force.setParticleParameters(atom, 0.0, 0.3, 0.0)
    gas = Cell(**{**vars(cell), "system_xml": openmm.XmlSerializer.serialize(system)})
    settle = Npt(name="n", temperature_k=300, pressure_bar=500, duration_ps=0.2)
    free = Stretch(
        name="s",
        axis="z",
        temperature_k=300,
        pressure_bar=None,
        strain_rate_per_ns=100,
        duration_ps=2,
        friction_per_ps=1e-15,
    )
    stages = run(gas, tmp_path, settle, free, cutoff_nm=0.5)
    before, after = (np.abs(end_state(stage).velocities_nm_ps) for stage in stages)
    assert after[:, 2] == pytest.approx(before[:, 2] / 1.2, rel=1e-4)
    assert after[:, :2] == pytest.approx(before[:, :2], rel=1e-4)


def test_bonds_stay_whole_and_constraints_hold(polyethylene_cell: Cell, tmp_path: Path) -> None:
    stretch = Stretch(name="s", temperature_k=300, strain_rate_per_ns=100, duration_ps=2, timestep_fs=2)
    stages = run(polyethylene_cell, tmp_path, Minimise(name="m"), stretch)
    state = end_state(stages[1])
    system = openmm.XmlSerializer.deserialize(polyethylene_cell.system_xml)
    for index in range(system.getNumConstraints()):
        first, second, length = system.getConstraintParameters(index)
        found = np.linalg.norm(state.positions_nm[first] - state.positions_nm[second])
        assert found == pytest.approx(length.value_in_unit(unit.nanometer), rel=1e-4)
    bonds = state.positions_nm[polyethylene_cell.bonds]
    assert np.linalg.norm(bonds[:, 0] - bonds[:, 1], axis=1).max() < 0.18


def test_stopping_before_every_segment_changes_nothing(polyethylene_cell: Cell, tmp_path: Path) -> None:
    stretch = Stretch(
        name="s",
        axis="x",
        temperature_k=300,
        strain_rate_per_ns=50,
        duration_ps=0.6,
        segment_ps=0.2,
        report_ps=0.1,
        stress_ps=0.2,
    )
    asked = protocol(Minimise(name="m", max_iterations=50), stretch)
    run_protocol(polyethylene_cell, asked, tmp_path / "whole", seed=5, hardware=CPU)
    for _ in range(10):
        answers = iter([False])
        halting = ProtocolRun(
            polyethylene_cell,
            asked,
            tmp_path / "halting",
            seed=5,
            hardware=CPU,
            should_stop=lambda answers=answers: next(answers, True),
        )
        try:
            halting.run_stage(2)
            break
        except Interrupted:
            continue
    files = [
        {path.name: path.read_bytes() for path in (tmp_path / way / "02-s").glob("*.*") if path.name != "manifest.json"}
        for way in ("whole", "halting")
    ]
    assert {"stress.0000.npz", "stress.0002.npz", "thermo.0001.csv", "state.0002.npz"} <= set(files[0])
    assert files[0] == files[1]
    strain = StageOutput.open(tmp_path / "whole" / "02-s").joined("stress")["strain"]
    assert strain == pytest.approx([0.0075, 0.0175, 0.0275])


def test_a_stretch_ends_before_its_sides_come_to_twice_the_cut_off(tmp_path: Path) -> None:
    cutoff_nm = 0.5 * 3 * EDGE_NM / NARROWEST / 1.01
    stretch = Stretch(
        name="s",
        axis="z",
        temperature_k=2,
        strain_rate_per_ns=50,
        duration_ps=3,
        segment_ps=1,
        timestep_fs=5,
        control_ps=0.05,
        stress_ps=0.1,
        barostat_steps=5,
    )
    settle = Npt(name="n", temperature_k=2, duration_ps=0.5)
    stage = run(argon(3), tmp_path, settle, stretch, cutoff_nm=cutoff_nm)[1]
    segments = read_json(stage.path / "manifest.json")["segments"]
    stopped = [segment for segment in segments if segment.get("stopped")]
    assert len(segments) == 3
    assert stopped
    assert segments[-1]["n_steps"] == 0 or segments[-1] in stopped
    reached = StageOutput.open(stage.path).joined("stress")["strain"].max()
    assert reached < 0.15
    assert end_state(stage).box_nm[:2].min() >= 2.0 * cutoff_nm
    assert stopped[0]["needed_side_nm"] == pytest.approx(2.0 * NARROWEST * cutoff_nm * 1.15**0.5)
    assert stopped[0]["needed_side_nm"] > 3 * EDGE_NM


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"strain_rate_per_ns": 10, "duration_ps": 200}, "strain of 2"),
        ({"strain_rate_per_ns": 0, "duration_ps": 200}, "greater than 0"),
        ({"strain_rate_per_ns": 1e4, "duration_ps": 0.01}, "less than or equal to 100"),
        ({"strain_rate_per_ns": 1, "duration_ps": 10, "axis": "xy"}, "'x', 'y' or 'z'"),
    ],
)
def test_settings_beyond_sense_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Stretch(name="s", temperature_k=300, **settings)


@pytest.mark.parametrize("effort", EFFORTS)
def test_the_probe_pulls_each_axis_at_each_rate_from_the_same_start(effort: str) -> None:
    target = Target(temperature_k=350, pressure_bar=10)
    stages = PROBES["stress_strain"](target, effort)
    assert len({stage.name for stage in stages}) == len(stages)
    by_rate = {stage.strain_rate_per_s: set() for stage in stages}
    for stage in stages:
        assert (stage.after, stage.temperature_k, stage.pressure_bar) == ("sample", 350, 10)
        assert stage.duration_ps / stage.control_ps == pytest.approx(round(stage.duration_ps / stage.control_ps))
        by_rate[stage.strain_rate_per_s].add(stage.axis)
    assert all(axes == {"x", "y", "z"} for axes in by_rate.values())
    assert len(by_rate) >= {"smoke": 1, "demo": 2, "standard": 2, "accurate": 3}[effort]
