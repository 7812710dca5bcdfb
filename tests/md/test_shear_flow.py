"""A periodic acceleration shears a liquid, and nothing else."""

from pathlib import Path

import numpy as np
import openmm
import pytest
from argon_liquid import ARGON_K, CPU, in_reduced_units, melted_argon
from openmm import unit

from polyomics.analysis.shear_flow import Fluid, flow, zero_shear
from polyomics.cell.cell import Cell
from polyomics.md.engine import Engine
from polyomics.md.periodic_perturbation import ACCELERATION, FORCE_GROUP, WAVE_NM, periodic_acceleration
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.runner import FinishedStage, run_protocol
from polyomics.md.stage import Stage
from polyomics.md.stages.shear_flow import ShearFlow
from polyomics.md.state import PhaseState
from polyomics.stage_output import StageOutput

CUTOFF_NM = 0.6


def run(cell: Cell, folder: Path, *stages: Stage, cutoff_nm: float = CUTOFF_NM, seed: int = 1) -> list[FinishedStage]:
    protocol = Protocol(name="test", nonbonded=Nonbonded(cutoff_nm=cutoff_nm), stages=stages)
    return run_protocol(cell, protocol, folder, seed=seed, hardware=CPU)


def sheared(acceleration_nm_ps2: float, duration_ps: float, **settings: object) -> ShearFlow:
    return ShearFlow(
        name="f",
        temperature_k=ARGON_K,
        acceleration_nm_ps2=acceleration_nm_ps2,
        duration_ps=duration_ps,
        timestep_fs=5,
        **{"segment_ps": duration_ps / 2, "control_ps": 0.2, **settings},
    )


def end_of(stage: FinishedStage) -> PhaseState:
    return PhaseState.load(stage.path / stage.manifest["segments"][-1]["state"])


def test_the_force_accelerates_along_x_alone_by_the_cosine_of_z() -> None:
    rng = np.random.default_rng(3)
    masses, wave_nm = rng.uniform(1.0, 20.0, 50), 3.7
    system = openmm.System()
    for mass in masses:
        system.addParticle(float(mass))
    system.addForce(periodic_acceleration(masses))
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("CPU"), {"Threads": "1"}
    )
    positions = rng.uniform(-10.0, 10.0, (50, 3))
    context.setPositions(positions)

    def forces() -> np.ndarray:
        found = context.getState(forces=True, groups={FORCE_GROUP}).getForces(asNumpy=True)
        return found.value_in_unit(unit.kilojoule_per_mole / unit.nanometer)

    assert np.abs(forces()).max() == 0
    context.setParameter(ACCELERATION, 0.3)
    context.setParameter(WAVE_NM, wave_nm)
    assert forces()[:, 0] / masses == pytest.approx(0.3 * np.cos(2 * np.pi * positions[:, 2] / wave_nm), abs=1e-3)
    assert np.abs(forces()[:, 1:]).max() == 0


def test_without_an_acceleration_nothing_flows_and_with_one_a_cosine_does(tmp_path: Path) -> None:
    cell = melted_argon(3)
    outputs = []
    for acceleration in (0.0, 0.15):
        done = run(cell, tmp_path / str(acceleration), sheared(acceleration, 6))[0]
        outputs.append(StageOutput.open(done.path).joined("flow"))
        momentum = cell.masses_amu @ end_of(done).velocities_nm_ps
        assert np.abs(momentum).max() < 0.01 * np.sqrt(cell.mass_amu * 0.0083 * ARGON_K)
    still, flowing = outputs
    thermal_nm_ps = np.sqrt(2 * 0.00831446 * ARGON_K / cell.mass_amu)
    assert still["amplitude_nm_ps"].std() == pytest.approx(thermal_nm_ps, rel=0.5)
    assert abs(still["amplitude_nm_ps"].mean()) < 2 * thermal_nm_ps
    steady = flowing["amplitude_nm_ps"][len(flowing["amplitude_nm_ps"]) // 3 :]
    assert steady.mean() > 2.5 * thermal_nm_ps
    assert abs(flowing["quadrature_nm_ps"].mean()) < 0.5 * steady.mean()
    profile = flowing["profile_nm_ps"].reshape(2, -1).mean(axis=0)
    cosine = np.cos(2 * np.pi * (np.arange(len(profile)) + 0.5) / len(profile))
    assert np.corrcoef(profile, cosine)[0, 1] > 0.9
    assert flowing["temperature_k"][10:].mean() == pytest.approx(ARGON_K, rel=0.15)


def test_a_longer_cell_is_made_once_and_a_resumed_flow_is_that_of_an_undisturbed_run(tmp_path: Path) -> None:
    cell = melted_argon(3)
    stage = sheared(0.1, 0.8, n_copies=2)
    done = run(cell, tmp_path / "whole", stage)[0]
    whole = StageOutput.open(done.path).joined("flow")
    assert whole["wave_nm"] == pytest.approx(2 * cell.box_nm[2])
    assert whole["mass_amu"] == pytest.approx(2 * cell.mass_amu)
    end = end_of(done)
    assert len(end.positions_nm) == 2 * cell.n_atoms
    copies = end.velocities_nm_ps.reshape(2, cell.n_atoms, 3)
    assert np.corrcoef(copies[0].ravel(), copies[1].ravel())[0, 1] < 0.5
    first = run(cell, tmp_path / "cut", stage)[0]
    for path in first.path.glob("*.0001.*"):
        path.unlink()
    again = run(cell, tmp_path / "cut", stage)[0]
    assert end_of(again).digest() == end.digest()
    assert np.array_equal(StageOutput.open(again.path).joined("flow")["amplitude_nm_ps"], whole["amplitude_nm_ps"])


def test_the_energy_of_the_acceleration_is_apart() -> None:
    """Its number means nothing, so it must not be among the groups of the cell's own forces."""
    cell = melted_argon(3)
    system = Engine(cell, Nonbonded(cutoff_nm=CUTOFF_NM), CPU).system()
    own = {force.getForceGroup() for force in system.getForces()}
    assert FORCE_GROUP not in own


@pytest.mark.slow
def test_liquid_argon_flows_as_its_viscosity_says(tmp_path: Path) -> None:
    """η* = 3.2 to 3.3 (Meier, Laesecke & Kabelac 2004), less 2 % for a wave of 20 σ."""
    cell = melted_argon((4, 4, 12), 0.85)
    flows = []
    for acceleration in (0.005, 0.01):
        done = run(cell, tmp_path / str(acceleration), sheared(acceleration, 150, control_ps=1), cutoff_nm=0.85)[0]
        found = StageOutput.open(done.path).joined("flow")
        fluid = Fluid(
            wave_nm=float(found["wave_nm"][0]),
            density_kg_m3=float(found["density_kg_m3"][0]),
            mass_amu=float(found["mass_amu"][0]),
            temperature_k=ARGON_K,
            kinetic_energy_kj_mol=float(found["kinetic_energy_kj_mol"].mean()),
        )
        flows.append(flow(found["amplitude_nm_ps"], 0.1, acceleration, fluid))
    value = zero_shear(flows).viscosity_pa_s
    stderr = in_reduced_units(value.stderr)
    assert stderr < 0.5
    assert in_reduced_units(value.mean) == pytest.approx(3.2, abs=2.5 * stderr)
