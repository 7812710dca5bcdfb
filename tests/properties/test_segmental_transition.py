"""The segmental transition of chains whose middle bead turns at a known rate, from a cooling as the stage writes it."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from beads import bead_cell, results
from mdtraj.formats import XTCTrajectoryFile

from polyomics.analysis.segmental import LOG_ATTEMPT_PS
from polyomics.cell.cell import Cell
from polyomics.errors import InvalidSettings, NotEnoughData, NotIdentifiable
from polyomics.files import sha256
from polyomics.properties import PROPERTIES
from polyomics.records import Curve, Measurement
from polyomics.simulation import Simulation
from polyomics.trajectory import THERMO_COLUMNS, Trajectory

NAME = "glass_transition_temperature_segmental"
N_CHAINS, HOLD_PS, STEP_K, FRAME_PS = 240, 150.0, 20.0, 2.0
RATE_K_PER_NS = STEP_K / HOLD_PS * 1e3
VOGEL_K, STRENGTH_K = 180.0, 1500.0
HELD = np.arange(500.0, 319.0, -STEP_K)


def triples() -> Cell:
    """Chains of three beads: an end, a middle, an end."""
    n_atoms = 3 * N_CHAINS
    start = 3 * np.arange(N_CHAINS)[:, None]
    return replace(
        bead_cell(),
        positions_nm=np.zeros((n_atoms, 3)),
        atomic_numbers=np.full(n_atoms, 6),
        masses_amu=np.full(n_atoms, 14.0),
        charges_e=np.zeros(n_atoms),
        molecule_of_atom=np.repeat(np.arange(N_CHAINS), 3),
        unit_of_atom=np.tile([-1, 0, 1], N_CHAINS),
        template_atom=np.zeros(n_atoms, dtype=int),
        bonds=np.concatenate([np.hstack([start + one, start + one + 1]) for one in (0, 1)]),
    )


def relaxation_ps(temperature_k: float) -> float:
    return float(np.exp(LOG_ATTEMPT_PS + STRENGTH_K / (temperature_k - VOGEL_K)))


def turned(rng: np.random.Generator, now: np.ndarray, time_ps: float, relaxation_ps: float) -> np.ndarray:
    """Directions after diffusing on the sphere for a while, in steps of a hundredth of the relaxation time."""
    n_steps = int(np.clip(np.ceil(time_ps / relaxation_ps * 50), 1, 60))
    for _ in range(n_steps):
        step = rng.normal(size=now.shape) * np.sqrt(time_ps / n_steps / relaxation_ps / 3.0)
        now = now + step - (step * now).sum(axis=1, keepdims=True) * now
        now = now / np.linalg.norm(now, axis=1, keepdims=True)
    return now


@pytest.fixture
def cooled(tmp_path: Path) -> "Cooled":
    return Cooled(tmp_path)


class Cooled:
    """Writes coolings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *, frames: bool = True, frame_ps: float = FRAME_PS, bend_nm: float = 0.1) -> Simulation:
        rng = np.random.default_rng(4)
        cell, folder = triples(), self.folder / "cooling"
        folder.mkdir()
        now = rng.normal(size=(N_CHAINS, 3))
        now /= np.linalg.norm(now, axis=1, keepdims=True)
        half = np.tile([0.06, 0.0, 0.0], (N_CHAINS, 1))
        centres = rng.uniform(0.0, 4.0, size=(N_CHAINS, 3))
        times = np.arange(frame_ps, HOLD_PS + 1e-9, frame_ps)
        segments = []
        for number, held_k in enumerate(HELD):
            positions = []
            for _ in times:
                now = turned(rng, now, frame_ps, relaxation_ps(held_k))
                positions.append(np.stack([centres - half, centres + bend_nm * now, centres + half], axis=1))
            names = [f"thermo.{number:04d}.csv"]
            with (folder / names[0]).open("w", newline="") as stream:
                table = np.ones((len(times), len(THERMO_COLUMNS)))
                table[:, THERMO_COLUMNS.index("time_ps")] = number * HOLD_PS + times
                csv.writer(stream).writerows([THERMO_COLUMNS, *table.tolist()])
            if frames:
                names.append(f"frames.{number:04d}.xtc")
                with XTCTrajectoryFile(str(folder / names[1]), "w") as stream:
                    stream.write(
                        np.array(positions, dtype=np.float32).reshape(len(times), -1, 3),
                        time=(number * HOLD_PS + times).astype(np.float32),
                        box=np.tile(4.0 * np.eye(3, dtype=np.float32), (len(times), 1, 1)),
                    )
            segments.append({"files": {name: sha256(folder / name) for name in names}, "held_at_k": float(held_k)})
        stage = {"kind": "cool_stepwise", "name": "cooling", "role": "cooling", "step_k": STEP_K, "pressure_bar": 5.0}
        stage |= {"hold_ps": HOLD_PS, "segment_ps": HOLD_PS}
        (folder / "manifest.json").write_text(json.dumps({"stage": stage, "segments": segments}))
        record = {"kind": "npt", "name": "sample", "temperature_k": 300.0, "pressure_bar": 1.0}
        return Simulation(Trajectory(cell, record, {}, ()), folders={"cooling": (folder,)})


def test_the_transition_comes_back_with_its_curves(cooled: Cooled) -> None:
    found = results(NAME, cooled())
    (value,) = (one for one in found if isinstance(one, Measurement))
    grid = np.arange(VOGEL_K + 60.0, 600.0, 0.01)
    times = np.exp(LOG_ATTEMPT_PS + STRENGTH_K / (grid - VOGEL_K))
    truth = grid[times < 100.0 * (10.0 / 60.0) / (RATE_K_PER_NS * 1e-3)][0]
    assert value.value == pytest.approx(truth, abs=2.5 * value.stderr)
    assert 1.0 < value.stderr < 15.0
    assert (value.temperature_k, value.pressure_bar, value.unit) == (None, 5.0, "K")
    assert "fast_cooling" in value.flags
    curves = {one.name: one for one in found if isinstance(one, Curve)}
    points, law = curves["segmental_relaxation_133_k_per_ns"], curves["segmental_relaxation_133_k_per_ns_law"]
    expected = np.log10([relaxation_ps(one) for one in points.x])
    assert np.array(points.y) == pytest.approx(expected, abs=0.15)
    assert np.interp(points.x, law.x, law.y) == pytest.approx(np.array(points.y), abs=0.15)
    memory = curves["segmental_memory_133_k_per_ns"]
    assert memory.x == tuple(sorted(HELD))
    assert memory.y[0] > 0.8
    assert memory.y[-1] < 0.1


def test_a_window_without_it_is_a_failure_that_keeps_what_was_seen(
    cooled: Cooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.relaxation_ps", lambda temperature_k: 1e6)
    with pytest.raises(NotIdentifiable, match=r"cooled at 133\.3 K/ns, 0 of 10 .* start above 500 K") as caught:
        results(NAME, cooled())
    assert [one.name for one in caught.value.curves] == ["segmental_memory_133_k_per_ns"]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"frames": False}, "stored no frames"),
        ({"frame_ps": 25.0}, "the hold at 500 K has 5 frames"),
        ({"bend_nm": 0.0}, "the main chain is straight"),
    ],
)
def test_what_cannot_show_it_is_said(cooled: Cooled, settings: dict[str, float], says: str) -> None:
    with pytest.raises(NotEnoughData, match=says):
        results(NAME, cooled(**settings))


def test_a_damaged_frame_is_refused(cooled: Cooled) -> None:
    simulation = cooled()
    path = simulation.folders["cooling"][0] / "frames.0003.xtc"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(Exception, match=r"frames\.0003\.xtc is missing or not what its manifest states"):
        results(NAME, simulation)


def test_it_takes_a_cooling_which_its_probe_brings() -> None:
    record = {"kind": "npt", "name": "sample", "temperature_k": 300.0}
    with pytest.raises(InvalidSettings, match="'cooling'"):
        results(NAME, Simulation(Trajectory(triples(), record, {}, ())))
    assert PROPERTIES[NAME].probe == "glass_transition"
