"""Heat given to one slab and taken from another: what is conserved, what is measured, and argon's conductivity."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import openmm
import pytest
from lennard_jones import EPSILON_KJ_MOL, MASS_AMU, SIGMA_NM, argon_cell, temperature_k

from polyomics.analysis.heat_flow import KJ_MOL_PS_NM_K_IN_W_M_K, conductivity, of_infinite_length, steady
from polyomics.cell.cell import Cell
from polyomics.errors import InvalidSettings, NotIdentifiable, OutOfReach
from polyomics.md.engine import Hardware
from polyomics.md.heat_exchange import Slabs, at_rest, connected_groups
from polyomics.md.probes import EFFORTS, PROBES
from polyomics.md.progress import Interrupted
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.protocols import Target
from polyomics.md.runner import ProtocolRun, run_protocol
from polyomics.md.stage import Stage
from polyomics.md.stages.heat_flow import HeatFlow
from polyomics.md.stages.minimise import Minimise
from polyomics.md.stages.nvt import Nvt
from polyomics.md.state import PhaseState
from polyomics.properties._heat_flow import heat_flow_of
from polyomics.stage_output import StageOutput
from polyomics.units import AVOGADRO_PER_MOL, GAS_CONSTANT_KJ_MOL_K

CPU = Hardware(platform="CPU", threads=1)
ARGON_K = temperature_k(0.722)
ARGON_UNIT_W_M_K = (
    GAS_CONSTANT_KJ_MOL_K
    / SIGMA_NM**2
    * np.sqrt(EPSILON_KJ_MOL / MASS_AMU)  # nm/ps
    * 1e24
    / AVOGADRO_PER_MOL
)
"""A reduced conductivity of 1, k/σ² √(ε/m), in W/(m K)."""


def run(
    cell: Cell, folder: Path, *stages: Stage, cutoff_nm: float = 0.85, pme_force_error: float = 1e-2
) -> list[StageOutput]:
    nonbonded = Nonbonded(cutoff_nm=cutoff_nm, pme_force_error=pme_force_error)
    protocol = Protocol(name="test", nonbonded=nonbonded, stages=stages)
    return [StageOutput.open(done.path) for done in run_protocol(cell, protocol, folder, seed=1, hardware=CPU)]


def argon_stages(**settings: object) -> tuple[Stage, ...]:
    """Melt the lattice, then drive heat through the liquid near its triple point."""
    chosen = {"temperature_difference_k": 0.3 * ARGON_K, "n_copies": 1, "n_slabs": 12, "settle_ps": 10} | settings
    melt = Nvt(name="melt", temperature_k=2.5 * ARGON_K, duration_ps=10, timestep_fs=5, segment_ps=10)
    return melt, HeatFlow(name="heat", temperature_k=ARGON_K, timestep_fs=5, **chosen)


def groups_of_four(n_groups: int, seed: int) -> tuple[Slabs, np.ndarray, np.ndarray]:
    """Heavy atoms with three light ones on rigid bonds, in a box of 4 nm, moving as the bonds allow."""
    rng = np.random.default_rng(seed)
    centres = rng.random((n_groups, 1, 3)) * 4.0
    arms = 0.1 * np.concatenate([np.zeros((1, 3)), np.eye(3)])
    positions = (centres + arms).reshape(-1, 3)
    masses = np.tile([12.0, 1.0, 1.0, 1.0], n_groups)
    system = openmm.System()
    for mass in masses:
        system.addParticle(mass)
    for first in range(0, 4 * n_groups, 4):
        for light in range(1, 4):
            system.addConstraint(first, first + light, 0.1)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))
    context.setPositions(positions)
    context.setVelocitiesToTemperature(300.0, seed)
    velocities = np.array(context.getState(velocities=True).getVelocities(asNumpy=True)._value)
    return Slabs.of(system, 8), positions, at_rest(velocities, masses)


def bond_speeds(positions: np.ndarray, velocities: np.ndarray) -> np.ndarray:
    """Rate of change of the half squared length of every rigid bond."""
    x, v = positions.reshape(-1, 4, 3), velocities.reshape(-1, 4, 3)
    return np.einsum("gax,gax->ga", x[:, 1:] - x[:, :1], v[:, 1:] - v[:, :1])


def test_an_exchange_keeps_momentum_constraints_and_the_other_slabs_and_counts_its_heat() -> None:
    slabs, positions, velocities = groups_of_four(400, seed=3)
    places = slabs.slab_of_group(positions, 4.0)
    before = velocities.copy()
    heat = slabs.rescale(velocities, places, 2, 500.0, 0.3, np.random.default_rng(1))
    masses, touched = slabs.masses_amu, (places == 2)[slabs.group_of_atom]
    np.testing.assert_array_equal(velocities[~touched], before[~touched])
    assert (velocities[touched] != before[touched]).any(axis=1).all()
    np.testing.assert_allclose(masses @ velocities, masses @ before, atol=1e-9)
    gained = 0.5 * masses @ (velocities**2 - before**2).sum(axis=1)
    assert heat == pytest.approx(gained, rel=1e-9)
    assert heat > 0
    np.testing.assert_allclose(bond_speeds(positions, velocities), 0.0, atol=1e-5)


def test_driven_slabs_have_canonical_kinetic_energies() -> None:
    """Mean f kT/2 and variance f (kT)²/2 about the centre of mass, whatever is kept of the slab's own."""
    slabs, positions, velocities = groups_of_four(64, seed=4)
    slabs = replace(slabs, n_slabs=2)
    places, rng = slabs.slab_of_group(positions, 4.0), np.random.default_rng(2)
    members = (places == 0)[slabs.group_of_atom]
    masses = slabs.masses_amu[members]
    degrees = slabs.degrees_of_group[places == 0].sum() - 3
    kinetic = []
    for _ in range(6000):
        slabs.rescale(velocities, places, 0, 350.0, 0.3, rng)
        moving = velocities[members] - masses @ velocities[members] / masses.sum()
        kinetic.append(0.5 * masses @ (moving**2).sum(axis=1))
    kt = GAS_CONSTANT_KJ_MOL_K * 350.0
    n_independent = 6000 * (1 - 0.3) / (1 + 0.3)
    assert np.mean(kinetic) == pytest.approx(0.5 * degrees * kt, rel=4 * np.sqrt(2 / degrees / n_independent))
    assert np.var(kinetic) == pytest.approx(0.5 * degrees * kt**2, rel=4 * np.sqrt(2 / n_independent))


def test_temperatures_of_slabs_are_right_where_constraints_cross_their_borders() -> None:
    """Velocities drawn at 300 K, constraints applied: every slab is at 300 K."""
    slabs, positions, velocities = groups_of_four(4000, seed=5)
    kinetic, degrees = slabs.profile(velocities, slabs.slab_of_group(positions, 4.0))
    assert degrees.sum() == pytest.approx(3 * 16000 - 3 * 4000 - 3)
    temperature = 2 * kinetic / (degrees * GAS_CONSTANT_KJ_MOL_K)
    np.testing.assert_allclose(temperature, 300.0, atol=4 * 300 * np.sqrt(2 / degrees.min()))


def test_slabs_do_not_see_images() -> None:
    slabs, positions, _ = groups_of_four(50, seed=6)
    moved = positions + np.repeat(np.random.default_rng(0).integers(-3, 4, (50, 1)), 4, axis=0) * [0, 0, 4.0]
    np.testing.assert_array_equal(slabs.slab_of_group(positions, 4.0), slabs.slab_of_group(moved, 4.0))
    np.testing.assert_array_equal(connected_groups(5, np.array([[0, 3], [3, 4]])), [0, 1, 2, 0, 0])


def test_energy_is_what_was_added_less_what_was_removed(polyethylene_cell: Cell, tmp_path: Path) -> None:
    """Through the real stage, with constraints: the balance closes, nothing drifts away, bonds keep their lengths.

    With a switch, for the energy of an abrupt cut-off is not the one that its forces conserve.
    """
    system = openmm.XmlSerializer.deserialize(polyethylene_cell.system_xml)
    nonbonded = next(force for force in system.getForces() if isinstance(force, openmm.NonbondedForce))
    nonbonded.setUseSwitchingFunction(True)
    nonbonded.setSwitchingDistance(0.7)
    cell = replace(polyethylene_cell, system_xml=openmm.XmlSerializer.serialize(system))
    settings = {"n_copies": 2, "n_slabs": 12, "settle_ps": 0.4, "duration_ps": 1.2, "segment_ps": 0.6}
    heat = HeatFlow(
        name="heat", temperature_k=300, temperature_difference_k=90, control_ps=0.05, report_ps=0.05, **settings
    )
    output = run(cell, tmp_path, Minimise(name="m"), heat, cutoff_nm=0.9, pme_force_error=5e-4)[1]
    flow = heat_flow_of(output)
    given = np.cumsum(flow.hot_kj_mol + flow.cold_kj_mol)
    exchanged = np.abs(flow.hot_kj_mol).sum() + np.abs(flow.cold_kj_mol).sum()
    left = flow.energy_kj_mol - given
    assert np.ptp(left) < 0.03 * exchanged
    np.testing.assert_allclose(flow.energy_time_ps, flow.time_ps)
    state = PhaseState.load(output.folder / output.segments[-1]["state"])
    assert len(state.positions_nm) == 2 * polyethylene_cell.n_atoms
    np.testing.assert_allclose(state.box_nm, polyethylene_cell.box_nm * [1, 1, 2])
    masses = np.tile(polyethylene_cell.masses_amu, 2)
    assert np.abs(masses @ state.velocities_nm_ps).max() < 1e-6 * np.abs(masses @ np.abs(state.velocities_nm_ps)).max()
    for first, second, length_nm in constraints(polyethylene_cell):
        found = np.linalg.norm(state.positions_nm[first] - state.positions_nm[second])
        assert found == pytest.approx(length_nm, rel=1e-4)


def constraints(cell: Cell) -> list[tuple[int, int, float]]:
    system = openmm.XmlSerializer.deserialize(cell.system_xml)
    found = [system.getConstraintParameters(i) for i in range(system.getNumConstraints())]
    return [(i + k * cell.n_atoms, j + k * cell.n_atoms, d._value) for k in (0, 1) for i, j, d in found]


def test_a_run_that_was_stopped_is_the_undisturbed_one(tmp_path: Path) -> None:
    stage = HeatFlow(
        name="heat",
        temperature_k=ARGON_K,
        temperature_difference_k=15,
        pressure_bar=100,
        timestep_fs=4,
        n_copies=2,
        n_slabs=12,
        settle_ps=1,
        duration_ps=2,
        segment_ps=0.8,
        report_ps=0.4,
    )
    protocol = Protocol(name="test", nonbonded=Nonbonded(cutoff_nm=0.8, pme_force_error=1e-2), stages=(stage,))
    cell = argon_cell((3, 3, 3), 0.8)
    run_protocol(cell, protocol, tmp_path / "at_once", seed=3, hardware=CPU)
    for _ in range(9):
        asked = iter([False])
        go_on = ProtocolRun(
            cell, protocol, tmp_path / "stopped", seed=3, hardware=CPU, should_stop=lambda a=asked: next(a, True)
        )
        try:
            go_on.run_stage(1)
        except Interrupted:
            continue
        break
    one, other = (StageOutput.open(tmp_path / name / "01-heat") for name in ("at_once", "stopped"))
    for name, values in one.joined("heat").items():
        np.testing.assert_array_equal(values, other.joined("heat")[name])
    states = [PhaseState.load(each.folder / each.segments[-1]["state"]) for each in (one, other)]
    assert states[0].digest() == states[1].digest()
    assert len(one.segments) == 3


def test_without_a_difference_no_heat_flows_and_there_is_no_gradient(tmp_path: Path) -> None:
    heat = argon_stages(temperature_difference_k=0, duration_ps=16, report_ps=2, segment_ps=16)
    output = run(argon_cell((3, 3, 4), 0.8442), tmp_path, *heat)[1]
    flow = steady(heat_flow_of(output))
    for series in (flow.heat_kj_mol_ps, np.mean(flow.slopes_k_nm, axis=0)):
        assert abs(series.mean()) < 4 * series.std(ddof=1) / np.sqrt(len(series))
    with pytest.raises(NotIdentifiable, match="cannot be told from nothing"):
        conductivity(flow)


def test_liquid_argon_conducts_about_as_published(tmp_path: Path) -> None:
    """κ* near the triple point is 6.9 to 7.1; 30 ps of 180 atoms tell it within 40 %. The balance closes better."""
    heat = argon_stages(duration_ps=30, report_ps=2, segment_ps=30)
    found = steady(heat_flow_of(run(argon_cell((3, 3, 5), 0.8442), tmp_path, *heat)[1]))
    flow, fall = found.heat_kj_mol_ps, 2 * found.area_nm2 * np.mean(found.slopes_k_nm, axis=0)
    unit = ARGON_UNIT_W_M_K / KJ_MOL_PS_NM_K_IN_W_M_K
    left = flow - 7.0 * unit * fall
    assert abs(left.mean()) < 3.5 * left.std(ddof=1) / np.sqrt(len(left))
    assert 7.0 / 3 < flow.mean() / fall.mean() / unit < 7.0 * 3
    assert abs(found.drift_kj_mol_ps) < 0.02 * flow.mean()


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_liquid_argon_conducts_as_published(tmp_path: Path) -> None:
    """κ* = 7.0 at ρ* = 0.8442, T* = 0.722 (Evans 1986; Müller-Plathe 1997, DOI 10.1063/1.473271, near 7).

    Cells of 5 and 9 nm, to about 8 % each, and what they extrapolate to.
    """
    lengths, values = [], []
    for cells in (8, 16):
        heat = argon_stages(duration_ps=1000, n_slabs=12 * cells // 8)
        output = run(argon_cell((3, 3, cells), 0.8442), tmp_path / str(cells), *heat)[1]
        found = conductivity(steady(heat_flow_of(output)))
        assert found.value.mean / ARGON_UNIT_W_M_K == pytest.approx(7.0, rel=0.25)
        lengths.append(found.length_nm)
        values.append(found.value)
    bulk = of_infinite_length(lengths, values)
    assert bulk.stderr is not None
    assert abs(bulk.mean / ARGON_UNIT_W_M_K - 7.0) < 3 * bulk.stderr / ARGON_UNIT_W_M_K


def test_a_cell_that_is_too_short_is_not_run_and_says_what_is_needed(tmp_path: Path) -> None:
    stage = argon_stages(n_slabs=40, duration_ps=2, segment_ps=1)[1]
    output = run(argon_cell(3, 0.8442), tmp_path, stage)[0]
    assert [segment["n_steps"] for segment in output.segments] == [0, 0]
    with pytest.raises(OutOfReach, match=r"40 slabs in 1 cell\(s\) of 1.72 nm are 0.04 nm thin.* at least 7.20 nm"):
        heat_flow_of(output)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"temperature_difference_k": 100.0}, "out of linear response; take at most 90 K"),
        ({"n_slabs": 13}, "have no middle"),
        ({"n_copies": 0}, "greater than or equal to 1"),
        ({"temperature_difference_k": -1.0}, "greater than or equal to 0"),
        ({"hydrogen_mass_amu": 3.0}, "less than or equal to 1"),
    ],
)
def test_settings_without_sense_are_refused(settings: dict[str, float], words: str) -> None:
    usual = {"name": "heat", "temperature_k": 300.0, "temperature_difference_k": 60.0, "duration_ps": 10.0}
    with pytest.raises((ValueError, InvalidSettings), match=words):
        HeatFlow(**(usual | settings))


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("temperature", [100.0, 300.0, 700.0])
def test_the_probe_drives_two_gradients_from_the_sample(effort: str, temperature: float) -> None:
    stages = PROBES["thermal_conductivity"](Target(temperature_k=temperature), effort)
    assert all(stage.after == "sample" and stage.role == "heat_flow" for stage in stages)
    assert all(stage.temperature_k == temperature for stage in stages)
    first = stages[0]
    gentle = [stage for stage in stages if stage.n_copies == first.n_copies and stage is not first]
    assert gentle[0].temperature_difference_k < first.temperature_difference_k
    lengths = {stage.n_copies for stage in stages}
    assert len(lengths) == {"smoke": 1, "demo": 1, "standard": 2, "accurate": 3}[effort]


def test_a_smoke_cell_is_long_enough() -> None:
    """The shortest cell that a cut-off of 0.6 nm allows."""
    for stage in PROBES["thermal_conductivity"](Target(), "smoke"):
        assert stage.why_not(np.array([1.2, 1.2, 1.2])) is None


def test_the_unit_of_argon() -> None:
    """k/σ² √(ε/m) = 0.0188 W/(m K), by hand from k, 0.3405 nm, 119.8 K and 39.948 amu."""
    assert pytest.approx(0.0188, rel=2e-3) == ARGON_UNIT_W_M_K
