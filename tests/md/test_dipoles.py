"""The stage that records the dipole of the cell: what it writes is the dipole, and free rotors turn as they must."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openmm
import pytest
from pydantic import ValidationError
from scipy.special import dawsn

from polyomics.analysis.dielectric_relaxation import dipole_correlation
from polyomics.cell.cell import Cell
from polyomics.files import read_json
from polyomics.md.engine import Engine, Hardware
from polyomics.md.progress import Interrupted
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.runner import ProtocolRun
from polyomics.md.stage import SegmentRequest
from polyomics.md.stages.dipoles import Dipoles
from polyomics.md.state import PhaseState
from polyomics.stage_output import StageOutput
from polyomics.units import GAS_CONSTANT_KJ_MOL_K

CPU = Hardware(platform="CPU", threads=1)
N_ROTORS, LENGTH_NM, MASS_AMU, CHARGE_E, HOT_K = 60, 0.1, 20.0, 0.001, 300.0


def rotors() -> Cell:
    """Rigid dumbbells with charges too small to be felt, far apart or not: they do not interact."""
    rng = np.random.default_rng(7)
    directions = rng.normal(size=(N_ROTORS, 3))
    directions *= LENGTH_NM / np.linalg.norm(directions, axis=1, keepdims=True)
    centres = rng.uniform(0.0, 4.0, (N_ROTORS, 3))
    positions = np.stack([centres, centres + directions], axis=1).reshape(-1, 3)
    system, force = openmm.System(), openmm.NonbondedForce()
    for number in range(2 * N_ROTORS):
        system.addParticle(MASS_AMU)
        force.addParticle(CHARGE_E * (-1) ** number, 0.3, 0.0)
    for number in range(0, 2 * N_ROTORS, 2):
        system.addConstraint(number, number + 1, LENGTH_NM)
        force.addException(number, number + 1, 0.0, 1.0, 0.0)
    force.setNonbondedMethod(force.PME)
    system.addForce(force)
    system.setDefaultPeriodicBoxVectors(*np.diag(np.full(3, 4.0)).tolist())
    n_atoms = 2 * N_ROTORS
    return Cell(
        positions_nm=positions,
        box_nm=np.full(3, 4.0),
        system_xml=openmm.XmlSerializer.serialize(system),
        atomic_numbers=np.full(n_atoms, 9),
        masses_amu=np.full(n_atoms, MASS_AMU),
        charges_e=np.tile([CHARGE_E, -CHARGE_E], N_ROTORS),
        molecule_of_atom=np.repeat(np.arange(N_ROTORS), 2),
        unit_of_atom=np.zeros(n_atoms, dtype=np.int64),
        template_atom=np.zeros(n_atoms, dtype=np.int64),
        bonds=np.arange(n_atoms).reshape(-1, 2),
        rings=(),
        vdw_volume_nm3=1.0,
    )


def run_of(cell: Cell, folder: Path, stage: Dipoles, should_stop: Callable[[], bool] = lambda: False) -> ProtocolRun:
    protocol = Protocol(name="test", nonbonded=Nonbonded(cutoff_nm=0.5, pme_force_error=1e-2), stages=(stage,))
    return ProtocolRun(cell, protocol, folder, seed=3, hardware=CPU, should_stop=should_stop)


def short(**changes: float) -> Dipoles:
    settings = {"temperature_k": HOT_K, "duration_ps": 1.2, "segment_ps": 0.4, "report_ps": 0.2, **changes}
    return Dipoles(name="d", **settings)


def recorded(folder: Path) -> dict[str, np.ndarray]:
    return StageOutput.open(folder / "01-d").joined("dipoles")


def test_the_dipole_is_that_of_the_atoms_and_comes_in_time(tmp_path: Path) -> None:
    cell, stage = rotors(), short(n_averaged=1)
    finished = run_of(cell, tmp_path, stage).run_stage(1)
    found = recorded(tmp_path)
    assert found["dipole_e_nm"].shape == (60, 3)
    assert found["interval_ps"] == pytest.approx(0.02)
    assert found["volume_nm3"] == pytest.approx(64.0)
    end = PhaseState.load(finished.path / finished.manifest["segments"][-1]["state"])
    assert found["dipole_e_nm"][-1] == pytest.approx(cell.charges_e @ end.positions_nm, abs=1e-9)
    assert sum(segment["n_steps"] for segment in finished.manifest["segments"]) == stage.n_steps
    assert StageOutput.open(finished.path).thermo["time_ps"] == pytest.approx(np.arange(1, 7) * 0.2)
    assert np.ptp(StageOutput.open(finished.path).thermo["box_x_nm"]) == 0.0


def test_a_record_is_the_mean_of_moments(tmp_path: Path) -> None:
    """The same steps, recorded every 10 fs and, two averaged, every 20 fs."""
    run_of(rotors(), tmp_path / "every", short(n_averaged=1, record_fs=10.0)).run_stage(1)
    run_of(rotors(), tmp_path / "mean", short(n_averaged=2, record_fs=20.0)).run_stage(1)
    every, mean = recorded(tmp_path / "every")["dipole_e_nm"], recorded(tmp_path / "mean")["dipole_e_nm"]
    assert np.allclose(mean, every.reshape(-1, 2, 3).mean(axis=1), rtol=0, atol=1e-12)


def test_a_stopped_run_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    run_of(rotors(), tmp_path / "whole", short()).run_stage(1)
    for n_done in (1, 2):
        asked = iter([False])
        stopped = run_of(rotors(), tmp_path / "parts", short(), lambda a=asked: next(a, True))
        with pytest.raises(Interrupted):
            stopped.run_stage(1)
        assert len(read_json(tmp_path / "parts" / "01-d" / "manifest.json")["segments"]) == n_done
    run_of(rotors(), tmp_path / "parts", short()).run_stage(1)
    assert np.array_equal(recorded(tmp_path / "parts")["dipole_e_nm"], recorded(tmp_path / "whole")["dipole_e_nm"])


def test_half_the_time_step_leaves_records_as_far_apart(tmp_path: Path) -> None:
    cell = rotors()
    engine = Engine(cell, Nonbonded(cutoff_nm=0.5, pme_force_error=1e-2), CPU)
    start = PhaseState(cell.positions_nm, None, cell.box_nm)
    request = SegmentRequest(
        cell, engine, start, 0, 5, 0.5, tmp_path / "thermo.0000.csv", tmp_path / "frames.0000.xtc", lambda *_: None
    )
    result = short().run_segment(request)
    assert result.timestep_fs == 1.0
    assert result.n_steps == 400
    with np.load(tmp_path / "dipoles.0000.npz") as found:
        assert found["dipole_e_nm"].shape == (20, 3)
        assert found["interval_ps"] == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"record_fs": 22.0}, "no multiple of 2 times timestep_fs"),
        ({"record_fs": 1.0}, "no multiple of 2 times timestep_fs"),
        ({"record_fs": 20.0, "n_averaged": 6}, "no multiple of 6 times timestep_fs"),
        ({"record_fs": 60.0}, "no multiple of record_fs"),
        ({"record_fs": 400.0}, "no multiple of record_fs"),
    ],
)
def test_records_that_do_not_fall_on_steps_are_refused(changes: dict[str, float], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        short(**changes)


def test_the_thermostat_holds_the_temperature_and_keeps_momentum(polyethylene_cell: Cell, tmp_path: Path) -> None:
    """Without momentum at the start there is none at the end: friction and random forces would give it some."""
    from polyomics.md.stages.minimise import Minimise
    from polyomics.md.stages.nvt import Nvt

    warm = Nvt(name="n", temperature_k=HOT_K, duration_ps=3, timestep_fs=2, friction_per_ps=10, hydrogen_mass_amu=1)
    stages = (Minimise(name="m"), warm, short(duration_ps=3.0, segment_ps=3.0, report_ps=0.02, control_ps=0.02))
    protocol = Protocol(name="test", nonbonded=Nonbonded(cutoff_nm=0.7), stages=stages)
    finished = ProtocolRun(polyethylene_cell, protocol, tmp_path, seed=3, hardware=CPU).run_stage(3)
    assert StageOutput.open(finished.path).thermo["temperature_k"].mean() == pytest.approx(HOT_K, rel=0.06)
    end = PhaseState.load(finished.path / finished.manifest["segments"][-1]["state"])
    momentum = polyethylene_cell.masses_amu @ end.velocities_nm_ps
    thermal = np.sqrt(polyethylene_cell.mass_amu * GAS_CONSTANT_KJ_MOL_K * HOT_K)
    assert np.abs(momentum).max() < 0.02 * thermal


@pytest.mark.slow
def test_free_rotors_turn_as_free_rotors_do(tmp_path: Path) -> None:
    """<u(0)·u(t)> = 1 - 2x D(x) with Dawson's D, x = t √(kT / 2I), averaged over the speeds of rotors in heat.

    Those here keep their speeds, so that φ(t) is the mean of cos ωt over them, which for many is Dawson's. And
    <M²> = N μ²: they do not know of each other.
    """
    settings = {"duration_ps": 100.0, "segment_ps": 50.0, "report_ps": 50.0, "control_ps": 1.0, "timestep_fs": 4.0}
    finished = run_of(rotors(), tmp_path, short(n_averaged=1, **settings)).run_stage(1)
    correlation = dipole_correlation(recorded(tmp_path)["dipole_e_nm"], 0.02)
    time_ps, found = correlation.time_ps[:40], correlation.values[:40]
    end = PhaseState.load(finished.path / finished.manifest["segments"][-1]["state"])
    turning_per_ps = np.linalg.norm(end.velocities_nm_ps[1::2] - end.velocities_nm_ps[::2], axis=1) / LENGTH_NM
    assert found == pytest.approx(np.cos(np.outer(time_ps, turning_per_ps)).mean(axis=1), abs=0.15)
    inertia = 0.5 * MASS_AMU * LENGTH_NM**2
    x = time_ps * np.sqrt(GAS_CONSTANT_KJ_MOL_K * HOT_K / (2.0 * inertia))
    assert found == pytest.approx(1.0 - 2.0 * x * dawsn(x), abs=0.25)
    assert correlation.squared_e2_nm2 == pytest.approx(N_ROTORS * (CHARGE_E * LENGTH_NM) ** 2, rel=0.2)
