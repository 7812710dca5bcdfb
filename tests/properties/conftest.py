"""A simulation to measure on, written to disk as the stages write theirs."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from beads import BOX_NM, N_FRAMES, bead_cell, bead_spectrum, bead_system, beads_nm, thermo
from mdtraj.formats import XTCTrajectoryFile

from polyomics.cell.cell import Cell
from polyomics.files import sha256
from polyomics.simulation import Simulation
from polyomics.trajectory import THERMO_COLUMNS, Trajectory


@pytest.fixture
def stage(tmp_path: Path) -> Callable[..., Trajectory]:
    """Writes one stage to disk and opens it."""

    def write(
        positions_nm: np.ndarray | None = None,
        *,
        cell: Cell | None = None,
        kind: str = "npt",
        role: str = "sample",
        temperature_k: float = 300.0,
        n_frames: int = N_FRAMES,
        change_thermo: Callable[[dict[str, np.ndarray]], object] = lambda table: None,
        seed: int = 9,
    ) -> Trajectory:
        positions = beads_nm(n_frames) if positions_nm is None else positions_nm
        n_frames = len(positions)
        cell = cell or bead_cell()
        cell = replace(cell, system_xml=bead_system(cell))
        folder = tmp_path / f"stage{len(list(tmp_path.iterdir()))}"
        cell.save(folder / "cell")
        table = thermo(cell, n_frames, temperature_k, seed)
        change_thermo(table)
        rows = np.array([table[name] for name in THERMO_COLUMNS]).T
        with (folder / "thermo.0000.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([THERMO_COLUMNS, *[[repr(float(v)) for v in row] for row in rows]])
        with XTCTrajectoryFile(str(folder / "frames.0000.xtc"), "w") as stream:
            box = np.tile(BOX_NM * np.eye(3, dtype=np.float32), (n_frames, 1, 1))
            stream.write(positions.astype(np.float32), time=table["time_ps"].astype(np.float32), box=box)
        files = {name: sha256(folder / name) for name in ("thermo.0000.csv", "frames.0000.xtc")}
        record = {"kind": kind, "name": role, "role": role, "temperature_k": temperature_k, "pressure_bar": 1.0}
        manifest = {"stage": record, "done": True, "segments": [{"files": files}]}
        manifest["nonbonded"] = {"cutoff_nm": 0.9, "pme_force_error": 5e-4, "lj_pme": False}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return Trajectory.open(folder / "cell", folder)

    return write


@pytest.fixture
def simulation(stage: Callable[..., Trajectory]) -> Callable[..., Simulation]:
    """All stages of a study: a sample made as `stage` makes it, two neighbours, a melt, a spectrum."""

    def write(positions_nm: np.ndarray | None = None, **settings: object) -> Simulation:
        sample = stage(positions_nm, **settings)
        cell = sample.cell
        beside = {"cell": cell, "positions_nm": np.tile(cell.positions_nm, (N_FRAMES, 1, 1)), "role": "neighbour"}
        neighbours = [stage(temperature_k=300.0 + step, seed=40 + step, **beside) for step in (-20, 20)]
        melt = stage(positions_nm, role="melt", temperature_k=600.0, **{**settings, "kind": "npt"})
        return Simulation(sample, tuple(neighbours), melt, bead_spectrum(cell))

    return write
