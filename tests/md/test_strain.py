"""Strained runs and free edges, on crystals whose elastic constants are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import openmm
import pytest
from lennard_jones import EPSILON_KJ_MOL, SIGMA_NM, argon_cell
from pydantic import ValidationError

from polyomics.analysis.elasticity import BAR_IN_GPA, StrainRun, edge_fluctuations, relaxation, stiffness
from polyomics.cell.cell import Cell
from polyomics.md.engine import CONSTRAINT_TOLERANCE, Engine, Hardware, langevin
from polyomics.md.progress import Interrupted
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.runner import FinishedStage, ProtocolRun, run_protocol
from polyomics.md.stages.breathe import Breathe, _OutOfShape, _refuse_out_of_shape
from polyomics.md.stages.npt import Npt
from polyomics.md.stages.strain import Strain, deform, deformation
from polyomics.md.state import PhaseState
from polyomics.stage_output import StageOutput
from polyomics.units import GAS_CONSTANT_KJ_MOL_K, KJ_MOL_NM3_IN_BAR

CPU = Hardware(platform="CPU", threads=1)
SPRING_KJ_MOL_NM2 = 800.0
KJ_MOL_NM3_IN_GPA = KJ_MOL_NM3_IN_BAR * BAR_IN_GPA
COLD_K = 0.01
STILL = Strain(
    name="strain",
    temperature_k=COLD_K,
    pressure_bar=None,
    strain=1e-3,
    duration_ps=0.4,
    relax_ps=0.2,
    stress_ps=0.05,
    control_ps=0.1,
    friction_per_ps=20,
)
"""A crystal hardly moves: a fraction of a picosecond shows its stress."""


def perfect(density_reduced: float, cells_a_side: int) -> Cell:
    """Argon exactly on its lattice, and away from the walls of the box."""
    cell = argon_cell(cells_a_side, density_reduced)
    edge = cell.box_nm / cells_a_side
    lattice = (np.round((cell.positions_nm / edge - 0.25) * 2) / 2 + 0.25) * edge
    return replace(cell, positions_nm=lattice)


def spring_crystal(cells_a_side: int = 3) -> Cell:
    """An fcc crystal of springs between nearest neighbours, at rest: C11 = 2 k/a, C12 = C44 = k/a."""
    cell = perfect(1.0, cells_a_side)
    edge = float(cell.box_nm[0]) / cells_a_side
    system = openmm.XmlSerializer.deserialize(cell.system_xml)
    for index in range(cell.n_atoms):
        system.getForce(0).setParticleParameters(index, 0.0, SIGMA_NM, 0.0)
    rest = edge / np.sqrt(2)
    springs = openmm.CustomNonbondedForce(f"0.5*{SPRING_KJ_MOL_NM2}*(r-{rest})^2*step({1.2 * rest}-r)")
    springs.setNonbondedMethod(springs.CutoffPeriodic)
    springs.setCutoffDistance(0.7)
    for _ in range(cell.n_atoms):
        springs.addParticle([])
    system.addForce(springs)
    return replace(cell, system_xml=openmm.XmlSerializer.serialize(system))


def run(cell: Cell, folder: Path, *stages: Strain | Breathe | Npt, cutoff_nm: float = 0.7) -> list[FinishedStage]:
    protocol = Protocol(name="test", nonbonded=Nonbonded(cutoff_nm=cutoff_nm), stages=stages)
    return run_protocol(cell, protocol, folder, seed=1, hardware=CPU)


def strained(stage: FinishedStage) -> list[StrainRun]:
    return [
        StrainRun(
            int(one["component"]), float(one["strain"]), one["time_ps"], one["stress_bar"] * BAR_IN_GPA,
            int(one["start"]),
        )
        for one in StageOutput.open(stage.path).arrays("stress")
    ]  # fmt: skip


def cubic(c11: float, c12: float, c44: float) -> np.ndarray:
    matrix = np.diag([c11] * 3 + [c44] * 3)
    matrix[:3, :3] += c12 * (1 - np.eye(3))
    return matrix


def lattice_stress_gpa(edge_nm: float, gradient: np.ndarray, cutoff_nm: float) -> np.ndarray:
    """Stress of a deformed fcc crystal of argon at rest, a sum over its lattice and the tail beyond the cut-off."""
    steps = np.arange(-4, 5)
    corners = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    basis = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]])
    vectors = (corners + basis).reshape(-1, 3) * edge_nm @ gradient.T
    squared = (vectors**2).sum(axis=1)
    kept = (squared > 1e-6) & (squared < cutoff_nm**2)
    vectors, sixth = vectors[kept], (SIGMA_NM**2 / squared[kept]) ** 3
    slope_over_r = 4 * EPSILON_KJ_MOL * (6 * sixth - 12 * sixth**2) / squared[kept]
    per_atom = edge_nm**3 * np.linalg.det(gradient) / 4
    inverse = SIGMA_NM / cutoff_nm
    tail = 8 * np.pi * EPSILON_KJ_MOL * SIGMA_NM**3 / per_atom**2 * (inverse**9 / 9 - inverse**3 / 3)
    tensor = (vectors * slope_over_r[:, None]).T @ vectors / (2 * per_atom) - tail * np.eye(3)
    return tensor[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]] * KJ_MOL_NM3_IN_GPA


def test_a_crystal_of_springs_has_the_constants_of_its_springs(tmp_path: Path) -> None:
    cell = spring_crystal()
    unit = SPRING_KJ_MOL_NM2 / (cell.box_nm[0] / 3) * KJ_MOL_NM3_IN_GPA
    found = stiffness(strained(run(cell, tmp_path, STILL)[0]), STILL.relax_ps)
    assert found.matrix_gpa == pytest.approx(cubic(2 * unit, unit, unit), abs=0.01 * unit)


def test_an_argon_crystal_has_the_constants_of_the_sum_over_its_lattice(tmp_path: Path) -> None:
    """Strains of 1 %, at a pressure of its own: the sum is over the strained lattice."""
    cell, cutoff_nm, strain = perfect(1.05, 4), 0.885, 0.01
    edge_nm = float(cell.box_nm[0]) / 4
    expected = np.empty((6, 6))
    for component in range(6):
        up, down = (lattice_stress_gpa(edge_nm, deformation(component, s), cutoff_nm) for s in (strain, -strain))
        expected[:, component] = (up - down) / (2 * strain)
    stage = STILL.model_copy(update={"strain": strain, "duration_ps": 0.2, "relax_ps": 0.04})
    found = stiffness(strained(run(cell, tmp_path, stage, cutoff_nm=cutoff_nm)[0]), stage.relax_ps)
    assert found.matrix_gpa == pytest.approx((expected + expected.T) / 2, abs=0.01 * expected[0, 0])


def test_every_run_starts_from_one_state_and_leaves_it(tmp_path: Path) -> None:
    stage = STILL.model_copy(update={"n_starts": 2, "duration_ps": 0.05, "relax_ps": 0.0})
    done = run(spring_crystal(), tmp_path, stage)[0]
    segments = done.manifest["segments"]
    assert sum(segment["n_steps"] for segment in segments) == stage.n_steps
    last = [PhaseState.load(done.path / segment["state"]).digest() for segment in segments[-2:]]
    assert last[0] == last[1]
    found = [(one.start, one.component, round(1e3 * one.strain)) for one in strained(done)]
    assert found == [
        (start, component, sign)
        for start in (0, 1)
        for component, sign in [(-1, 0), *((c, s) for c in range(6) for s in (1, -1))]
    ]


def test_an_interrupted_run_is_the_undisturbed_one(tmp_path: Path) -> None:
    stage = STILL.model_copy(update={"duration_ps": 0.05, "relax_ps": 0.0, "pressure_bar": 1.0, "settle_ps": 0.2})
    cell = spring_crystal()
    protocol = Protocol(name="test", nonbonded=Nonbonded(cutoff_nm=0.7), stages=(stage,))
    whole = run(cell, tmp_path / "whole", stage)[0]
    left = iter([False] * 6)
    first = ProtocolRun(cell, protocol, tmp_path / "parts", seed=1, hardware=CPU, should_stop=lambda: next(left, True))
    with pytest.raises(Interrupted):
        first.run_stage(1)
    parts = ProtocolRun(cell, protocol, tmp_path / "parts", seed=1, hardware=CPU).run_stage(1)
    for one, other in zip(strained(whole), strained(parts), strict=True):
        assert np.array_equal(one.stress_gpa, other.stress_gpa)


def test_the_cell_settles_at_its_pressure_before_it_is_strained(tmp_path: Path) -> None:
    """From a box that is 3 % too wide; then the unstrained stress is that of the pressure asked for."""
    cell = spring_crystal()
    wide = replace(cell, box_nm=cell.box_nm * 1.03, positions_nm=cell.positions_nm * 1.03)
    stage = STILL.model_copy(
        update={
            "temperature_k": 5.0,
            "pressure_bar": 0.0,
            "settle_ps": 6.0,
            "duration_ps": 0.2,
            "relax_ps": 0.05,
            "friction_per_ps": 5.0,
        }
    )
    done = run(wide, tmp_path, stage)[0]
    state = PhaseState.load(done.path / done.manifest["segments"][-1]["state"])
    assert state.box_nm == pytest.approx(cell.box_nm, rel=3e-3)
    rest = next(one for one in strained(done) if one.component < 0)
    modulus = 4 / 3 * SPRING_KJ_MOL_NM2 / (cell.box_nm[0] / 3) * KJ_MOL_NM3_IN_GPA
    assert abs(rest.stress_gpa[:, :3].mean()) < 0.01 * modulus


def test_atoms_move_with_the_box_and_constraints_hold(polyethylene_cell: Cell) -> None:
    engine = Engine(polyethylene_cell, Nonbonded(cutoff_nm=0.6), CPU)
    context = engine.context(engine.system(), langevin(300, 1, 2, 1), polyethylene_cell.box_nm)
    context.setPositions(polyethylene_cell.positions_nm)
    context.applyConstraints(1e-8)
    context.setVelocitiesToTemperature(300, 3)
    start = context.getState(positions=True).getPositions(asNumpy=True)._value
    gradient = deformation(4, 0.03)
    deform(context, PhaseState(start, None, polyethylene_cell.box_nm), gradient)
    state = context.getState(positions=True)
    positions = state.getPositions(asNumpy=True)._value
    box = state.getPeriodicBoxVectors(asNumpy=True)._value
    assert box[2] == pytest.approx(polyethylene_cell.box_nm * [0.03, 0, 1])
    assert np.linalg.det(box) == pytest.approx(np.prod(polyethylene_cell.box_nm))
    shift = positions - start @ gradient.T
    assert np.abs(shift).max() < 0.004
    for index in range(context.getSystem().getNumConstraints()):
        first, second, length = context.getSystem().getConstraintParameters(index)
        found = np.linalg.norm(positions[first] - positions[second])
        assert found == pytest.approx(length._value, rel=2 * CONSTRAINT_TOLERANCE)


@pytest.mark.parametrize("component", range(6))
def test_a_strain_is_its_engineering_strain(component: int) -> None:
    gradient = deformation(component, 0.02)
    symmetric = (gradient + gradient.T) / 2 - np.eye(3)
    engineering = [*np.diag(symmetric), 2 * symmetric[0, 1], 2 * symmetric[0, 2], 2 * symmetric[1, 2]]
    assert engineering == pytest.approx([0.02 * (i == component) for i in range(6)])
    assert np.array_equal(gradient, np.triu(gradient))


def test_a_cell_smaller_than_twice_the_cutoff_says_so(tmp_path: Path) -> None:
    """Wide enough to be simulated, too narrow to be strained by 5 %."""
    cell = spring_crystal(3)
    stage = STILL.model_copy(update={"strain": 0.05, "duration_ps": 0.1, "relax_ps": 0.0})
    done = run(cell, tmp_path, stage, cutoff_nm=float(cell.box_nm[0]) / 2 - 0.01)[0]
    assert len(done.manifest["segments"]) == 13
    for segment in done.manifest["segments"]:
        assert f"{cell.box_nm[0]:.3f} nm" in segment["refused"]
        assert "take more or longer chains" in segment["refused"]
        assert not [name for name in segment["files"] if name.startswith("stress")]


@pytest.mark.parametrize("wrong", [{"strain": 0.06}, {"strain": 0.0}, {"relax_ps": 0.4}, {"n_starts": 0}])
def test_bad_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Strain(**{**STILL.model_dump(), **wrong})


def test_a_box_that_flows_or_shrinks_is_refused() -> None:
    start = np.full(3, 2.0)
    _refuse_out_of_shape(start * [1.05, 0.97, 1.0], start, 0.9)
    with pytest.raises(_OutOfShape, match="flowed"):
        _refuse_out_of_shape(start * [1.10, 0.93, 1.0], start, 0.8)
    with pytest.raises(_OutOfShape, match="twice the cut-off"):
        _refuse_out_of_shape(start * 0.91, start, 0.9)


def test_a_box_with_no_room_leaves_no_table(tmp_path: Path) -> None:
    cell = spring_crystal(3)
    stage = Breathe(name="breathe", temperature_k=5, duration_ps=0.4, segment_ps=0.2)
    done = run(cell, tmp_path, stage, cutoff_nm=float(cell.box_nm[0]) / 2.01)[0]
    assert all("refused" in segment and segment["n_steps"] == 0 for segment in done.manifest["segments"])


def test_edges_move_one_by_one(tmp_path: Path) -> None:
    stage = Breathe(
        name="breathe", temperature_k=50, pressure_bar=0, duration_ps=4, segment_ps=2, report_ps=0.2, friction_per_ps=5
    )
    thermo = StageOutput.open(run(spring_crystal(), tmp_path, stage)[0].path).thermo
    edges = np.array([thermo[f"box_{axis}_nm"] for axis in "xyz"])
    ratios = edges[[0, 0, 1]] / edges[[1, 2, 2]]
    assert (ratios.std(axis=1) > 1e-4).all()


@pytest.mark.slow
def test_free_edges_fluctuate_as_the_springs_allow(tmp_path: Path) -> None:
    """<e1²> = kT S11 / V, with S11 = 3/4 a/k and S12 = -1/4 a/k along the edges of the cube."""
    cell, temperature_k = spring_crystal(), 20.0
    stage = Breathe(
        name="breathe", temperature_k=temperature_k, pressure_bar=0, duration_ps=300, segment_ps=100, report_ps=0.2,
        friction_per_ps=2, timestep_fs=5,
    )  # fmt: skip
    thermo = StageOutput.open(run(cell, tmp_path, stage)[0].path).thermo
    found = edge_fluctuations(np.array([thermo[f"box_{axis}_nm"] for axis in "xyz"]).T, temperature_k)
    unit = SPRING_KJ_MOL_NM2 / (cell.box_nm[0] / 3) * KJ_MOL_NM3_IN_GPA
    for estimate, truth in (
        (found.youngs_gpa(), 4 / 3 * unit),
        (found.poisson(), 1 / 3),
        (found.bulk_gpa(), 4 / 3 * unit),
    ):
        assert estimate.stderr < 0.25 * abs(truth)
        assert estimate.mean == pytest.approx(truth, abs=3.5 * estimate.stderr)
    assert found.stiffness_unit_gpa == pytest.approx(
        GAS_CONSTANT_KJ_MOL_K * temperature_k / np.prod(cell.box_nm) * KJ_MOL_NM3_IN_GPA, rel=0.02
    )


@pytest.mark.slow
def test_at_a_temperature_the_strained_runs_agree_with_the_springs_within_their_errors(tmp_path: Path) -> None:
    cell = spring_crystal()
    stage = Strain(
        name="strain", temperature_k=10, pressure_bar=None, strain=0.005, duration_ps=10, relax_ps=2, stress_ps=0.1,
        friction_per_ps=2,
    )  # fmt: skip
    runs = strained(run(cell, tmp_path, stage)[0])
    found = stiffness(runs, stage.relax_ps)
    unit = SPRING_KJ_MOL_NM2 / (cell.box_nm[0] / 3) * KJ_MOL_NM3_IN_GPA
    off = (found.matrix_gpa - cubic(2 * unit, unit, unit)) / np.hypot(found.stderr_gpa, 0.01 * unit)
    assert np.abs(off).max() < 4
    assert np.sqrt((off**2).mean()) < 1.5
    assert found.stderr_gpa.max() < 0.15 * unit
    fall, error = relaxation(runs, stage.relax_ps).fall(relaxation(runs, stage.relax_ps).shear_gpa)
    assert abs(fall) < 4 * error
