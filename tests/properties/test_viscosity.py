"""Viscosities of records and flows that are known, and of those that have none."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from beads import BOX_NM, CONTEXT, N_BEADS, N_CHAINS, beads_nm, results
from mdtraj.formats import XTCTrajectoryFile
from scipy.signal import lfilter
from scipy.spatial.transform import Rotation

from polyomics.errors import InvalidSettings, NotEnoughData, NotIdentifiable, OutOfReach
from polyomics.files import sha256
from polyomics.properties import MeasurementContext
from polyomics.records import Curve, Measurement
from polyomics.simulation import Simulation
from polyomics.units import BOLTZMANN_J_K

MELT_K, INTERVAL_PS, N_PIECES, N_SAMPLES = 500.0, 0.05, 10, 2000
STRESS_BAR, TIME_PS, WAVE_NM, DENSITY_KG_M3, MASS_AMU = 300.0, 0.5, 40.0, 800.0, 1e5
VISCOSITY_PA_S = BOX_NM**3 * 1e-27 * (STRESS_BAR * 1e5) ** 2 * TIME_PS * 1e-12 / (BOLTZMANN_J_K * MELT_K)

Write = Callable[..., Simulation]


def remembering(shape: tuple[int, ...], memory: float, rng: np.random.Generator) -> np.ndarray:
    """Unit-variance AR(1) noise along the last axis; `memory` in samples."""
    decay = np.exp(-1 / memory)
    noise = rng.standard_normal(shape) * np.sqrt(1 - decay**2)
    noise[..., 0] /= np.sqrt(1 - decay**2)
    return lfilter([1], [1, -decay], noise, axis=-1)


def write_stage(
    folder: Path,
    record: dict[str, object],
    segments: list[dict[str, dict[str, object]]],
    frames_nm: np.ndarray | None = None,
) -> Path:
    """A folder as a stage leaves it: arrays by segment and by what they are, frames, and a manifest."""
    folder.mkdir(parents=True)
    if frames_nm is not None:
        with XTCTrajectoryFile(str(folder / "frames.0000.xtc"), "w") as stream:
            box = np.tile(BOX_NM * np.eye(3, dtype=np.float32), (len(frames_nm), 1, 1))
            times = np.arange(1.0, len(frames_nm) + 1, dtype=np.float32)
            stream.write(frames_nm.astype(np.float32), time=times, box=box)
    listed = []
    for index, segment in enumerate(segments):
        for what, arrays in segment.items():
            np.savez(folder / f"{what}.{index:04d}.npz", **arrays)
        listed.append({"files": {path.name: sha256(path) for path in sorted(folder.glob(f"*.{index:04d}.*"))}})
    (folder / "manifest.json").write_text(json.dumps({"stage": record, "done": True, "segments": listed}))
    return folder


@pytest.fixture
def melt(simulation: Callable[[], Simulation], tmp_path: Path) -> Write:
    """A sample, and beside it a record of the stress with frames, and flows."""

    def write(
        *,
        time_ps: float = TIME_PS,
        frames_nm: np.ndarray | None = None,
        with_frames: bool = True,
        accelerations: tuple[float, ...] = (0.001, 0.002, 0.004),
        viscosity_pa_s: float = VISCOSITY_PA_S,
        wave_nm: float = WAVE_NM,
        n_copies: tuple[int, ...] = (3, 3, 3),
        spoil: Callable[[np.ndarray], object] = lambda stress: None,
        heat_drift_per_ps: float = 0.0,
    ) -> Simulation:
        rng = np.random.default_rng(8)
        whole = simulation()
        top = tmp_path / f"probe{len(list(tmp_path.iterdir()))}"
        stress = STRESS_BAR * remembering((N_PIECES, 5, N_SAMPLES), time_ps / INTERVAL_PS, rng).transpose(0, 2, 1)
        spoil(stress)
        pieces = [
            {
                "stress": {
                    "shear_stress_bar": piece,
                    "interval_ps": INTERVAL_PS,
                    "volume_nm3": BOX_NM**3,
                    "temperature_k": MELT_K,
                    "heat_drift_per_ps": heat_drift_per_ps,
                }
            }
            for piece in stress
        ]
        record = {"kind": "stress_sampling", "name": "stress", "role": "stress_fluctuations", "temperature_k": MELT_K}
        frames = beads_nm() if frames_nm is None else frames_nm
        folder = write_stage(top / "stress", record, pieces, frames if with_frames else None)
        flows = [
            write_flow(
                top / f"flow{number}", acceleration, viscosity_pa_s, wave_nm, copies, np.random.default_rng(30 + number)
            )
            for number, (acceleration, copies) in enumerate(zip(accelerations, n_copies, strict=False))
        ]
        return replace(whole, folders={"stress_fluctuations": (folder,), "shear_flow": tuple(flows)})

    return write


def write_flow(
    folder: Path, acceleration: float, viscosity_pa_s: float, wave_nm: float, n_copies: int, rng: np.random.Generator
) -> Path:
    k_per_m = 2 * np.pi / (wave_nm * 1e-9)
    mean = acceleration * 1e15 * DENSITY_KG_M3 / (viscosity_pa_s * k_per_m**2) * 1e-3
    arrays = {
        "amplitude_nm_ps": mean + 0.01 * remembering((4000,), 4.0, rng),
        "profile_nm_ps": mean * np.cos(2 * np.pi * (np.arange(32) + 0.5) / 32),
        "acceleration_nm_ps2": acceleration,
        "wave_nm": wave_nm,
        "density_kg_m3": DENSITY_KG_M3,
        "mass_amu": MASS_AMU,
        "kinetic_energy_kj_mol": np.full(10, 1e6),
    }
    record = {
        "kind": "shear_flow",
        "name": folder.name,
        "role": "shear_flow",
        "temperature_k": MELT_K,
        "acceleration_nm_ps2": acceleration,
        "n_copies": n_copies,
        "duration_ps": 400.0,
        "sample_fs": 100.0,
    }
    return write_stage(folder, record, [{"flow": arrays}])


def value_of(name: str, simulation: Simulation, context: MeasurementContext = CONTEXT) -> Measurement:
    return next(item for item in results(name, simulation, context) if isinstance(item, Measurement))


def frozen_nm() -> np.ndarray:
    return np.tile(beads_nm()[:1], (300, 1, 1))


@pytest.mark.parametrize("name", ["viscosity", "viscosity_periodic_shear"])
def test_a_known_melt_has_its_viscosity_at_its_own_temperature(name: str, melt: Write) -> None:
    context = MeasurementContext(temperature_k=300.0, pressure_bar=1.0, extra_flags=("demo_quality",))
    found = value_of(name, melt(), context)
    assert found.value == pytest.approx(VISCOSITY_PA_S, abs=3 * found.stderr)
    assert found.stderr < 0.2 * VISCOSITY_PA_S
    assert (found.temperature_k, found.unit) == (MELT_K, "Pa s")
    assert found.flags == ("demo_quality",)


def test_the_curves_show_the_integral_and_the_flow(melt: Write) -> None:
    curves = {item.name: item for item in results("viscosity", melt()) if isinstance(item, Curve)}
    assert set(curves) == {"viscosity_running_integral", "viscosity_running_integral_fit", "end_to_end_correlation"}
    assert curves["viscosity_running_integral_fit"].y[-1] == pytest.approx(VISCOSITY_PA_S, rel=0.3)
    curves = {item.name: item for item in results("viscosity_periodic_shear", melt()) if isinstance(item, Curve)}
    over = curves["viscosity_over_shear_rate"]
    k_per_m = 2 * np.pi / (WAVE_NM * 1e-9)
    known = 0.004 * 1e15 * DENSITY_KG_M3 / (VISCOSITY_PA_S * k_per_m)
    assert over.x[-1] == pytest.approx(known, rel=0.1)
    assert over.y[-1] == pytest.approx(VISCOSITY_PA_S, rel=0.1)
    assert len(curves["velocity_profile"].x) == 32


@pytest.mark.parametrize("name", ["viscosity", "viscosity_periodic_shear"])
def test_chains_that_do_not_turn_are_out_of_reach_and_the_plot_is_kept(name: str, melt: Write) -> None:
    with pytest.raises(OutOfReach, match="as in a glass") as caught:
        results(name, melt(frames_nm=frozen_nm()))
    assert {curve.property for curve in caught.value.curves} == {name}
    assert "end_to_end_correlation" in {curve.name for curve in caught.value.curves}


def test_chains_that_turn_after_noise_takes_over_are_out_of_reach(melt: Write) -> None:
    """Each turns about an axis of its own, by a right angle in 120 ps; the stress is lost in noise after 10 ps."""
    chains = beads_nm()[0].reshape(N_CHAINS, N_BEADS, 3)
    centres = chains.mean(axis=1, keepdims=True)
    axes = np.random.default_rng(1).normal(size=(N_CHAINS, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    angles = 0.5 * np.pi * np.arange(300) / 120
    frames = [
        np.stack(
            [
                Rotation.from_rotvec(angle * axis).apply(chain)
                for axis, chain in zip(axes, chains - centres, strict=True)
            ]
        )
        for angle in angles
    ]
    with pytest.raises(OutOfReach, match="a good part of the viscosity comes in the end"):
        results("viscosity", melt(frames_nm=(np.array(frames) + centres).reshape(300, -1, 3)))


def test_a_frozen_stress_is_a_failure_with_its_plot(melt: Write) -> None:
    def freeze(stress: np.ndarray) -> None:
        stress += 500.0 * np.random.default_rng(1).standard_normal((N_PIECES, 1, 5))

    with pytest.raises((NotEnoughData, OutOfReach)) as caught:
        results("viscosity", melt(spoil=freeze))
    assert next(curve.name for curve in caught.value.curves) == "viscosity_running_integral"


def test_samples_too_far_apart_are_refused(melt: Write) -> None:
    with pytest.raises(NotIdentifiable, match="shorter sample_fs"):
        results("viscosity", melt(time_ps=0.01))


def test_what_a_reader_must_know_is_flagged(melt: Write) -> None:
    assert "coarse_sampling" in value_of("viscosity", melt(time_ps=0.07)).flags
    assert "energy_drifts" in value_of("viscosity", melt(heat_drift_per_ps=5e-3)).flags
    for name in ("viscosity", "viscosity_periodic_shear"):
        assert "chain_relaxation_unknown" in value_of(name, melt(with_frames=False)).flags
    assert (
        "finite_wavelength"
        in value_of("viscosity_periodic_shear", melt(wave_nm=10.0, accelerations=(0.02, 0.04, 0.06))).flags
    )
    assert "one_amplitude" in value_of("viscosity_periodic_shear", melt(accelerations=(0.004,))).flags


def test_flows_that_make_no_viscosity_are_refused(melt: Write) -> None:
    with pytest.raises(NotIdentifiable, match="too short for molecules"):
        results("viscosity_periodic_shear", melt(wave_nm=3.0))
    with pytest.raises(NotIdentifiable, match="above 0"):
        results("viscosity_periodic_shear", melt(accelerations=(0.0,)))
    with pytest.raises(InvalidSettings, match="n_copies"):
        results("viscosity_periodic_shear", melt(n_copies=(3, 3, 1)))
    with pytest.raises(InvalidSettings, match="same acceleration"):
        results("viscosity_periodic_shear", melt(accelerations=(0.004, 0.004)))
    with pytest.raises(NotIdentifiable, match="lost in thermal motion") as caught:
        results("viscosity_periodic_shear", melt(accelerations=(1e-6, 2e-6)))
    assert "velocity_profile" in {curve.name for curve in caught.value.curves}


def test_numbers_that_are_not_finite_are_a_failure(melt: Write) -> None:
    def spoil(stress: np.ndarray) -> None:
        stress[4, 100, 2] = np.nan

    with pytest.raises(NotEnoughData, match="not finite"):
        results("viscosity", melt(spoil=spoil))


def test_without_the_probe_the_stage_is_missed(simulation: Callable[[], Simulation]) -> None:
    with pytest.raises(InvalidSettings, match="stress_fluctuations"):
        results("viscosity", simulation())
