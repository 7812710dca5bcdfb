"""What a study left in its run folder, as far as it can be read: tables of all stages, chains, curves.

Whatever cannot be read is left out, with a note that says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.backbone import main_chains
from polyomics.analysis.internal_distances import mean_squared_internal_distances, separations
from polyomics.analysis.shape import squared_radius_of_gyration_nm2
from polyomics.analysis.statistics import first_relaxed_frame
from polyomics.config import below
from polyomics.errors import NotEnoughData, PolyomicsError
from polyomics.files import MANIFEST_FILE, read_json
from polyomics.records import Criterion, Curve, Measurement
from polyomics.trajectory import Trajectory

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.database.rows import StudyRow

Array = NDArray[np.float64]
T = TypeVar("T")
_ROUNDING_PS = 1e-3


@dataclass(frozen=True, eq=False)
class Chains:
    """What the frames of a stage say of its chains."""

    time_ps: Array
    """Time since the start of the stage [ps], shape=(n_frames,)."""
    squared_rg_nm2: Array
    """Squared radius of gyration, averaged over chains [nm²], shape=(n_frames,)."""
    n_bonds: NDArray[np.int64]
    """Bonds between two atoms of a main chain; empty where there is no main chain, shape=(n_separations,)."""
    internal_nm2: Array
    """Their mean squared distance in every chain, over the part used [nm²], shape=(n_chains, n_separations)."""
    last_positions_nm: Array
    """The last frame: unwrapped positions [nm], shape=(n_atoms, 3)."""
    last_box_nm: Array
    """The last frame: edges of the box [nm], shape=(3,)."""


@dataclass(frozen=True, eq=False)
class RecordedStage:
    """A stage that ran, and its table."""

    name: str
    """Its name in the protocol."""
    role: str | None
    """What it is for: melt, sample, ..."""
    folder: Path
    """Where its files are."""
    start_ps: float
    """Simulated time before it [ps]."""
    duration_ps: float
    """Its simulated time [ps]."""
    thermo: dict[str, Array]
    """Its thermodynamic table; empty where it recorded none."""
    has_frames: bool
    """Whether it stored frames."""
    is_of_probe: bool = False
    """Whether it belongs to a probe: it, or one before it, branches off."""

    @property
    def end_ps(self) -> float:
        """Simulated time when it ends [ps]."""
        return self.start_ps + self.duration_ps


@dataclass(eq=False)
class RecordedRun:
    """The run folder of a study, read as far as it goes.

    Args:
        study: The study, as it is in the database.
        home: Folder of runs and caches.
    """

    study: StudyRow
    home: Path
    notes: list[str] = field(default_factory=list)
    """What could not be read, and why."""

    @property
    def folder(self) -> Path:
        """The run folder."""
        return below(self.home, self.study.run_folder)

    @property
    def cell_folder(self) -> Path:
        """Folder of the cell."""
        return self.folder / "cell"

    @cached_property
    def cell(self) -> Cell | None:
        """The cell, or none where its files are gone."""
        from polyomics.cell.cell import Cell

        return self.attempt("the cell", lambda: Cell.load(self.cell_folder))

    @cached_property
    def stages(self) -> tuple[RecordedStage, ...]:
        """The stages that ran, in order of time."""
        folders = [path.parent for path in (self.folder / "stages").glob(f"[0-9]*-*/{MANIFEST_FILE}")]
        if not folders:
            self.notes.append(f"the run folder {self.study.run_folder} has no stages on this machine")
        stages: list[RecordedStage] = []
        for folder in sorted(folders, key=lambda path: int(path.name.partition("-")[0])):
            start_ps = stages[-1].end_ps if stages else 0.0
            stage = self.attempt(f"stage {folder.name}", lambda f=folder, s=start_ps: self._stage(f, s))  # type: ignore[misc]
            if stage is not None:
                stages.append(
                    replace(stage, is_of_probe=stage.is_of_probe or (bool(stages) and stages[-1].is_of_probe))
                )
        return tuple(stages)

    @cached_property
    def history(self) -> tuple[RecordedStage, ...]:
        """The stages that follow upon each other, one in time after the other: those of probes are left out."""
        return tuple(stage for stage in self.stages if not stage.is_of_probe)

    @property
    def sample(self) -> RecordedStage | None:
        """The stage that was measured on: the one of role `sample`, else the last."""
        return self._of_role("sample") or (self.history[-1] if self.history else None)

    @property
    def melt(self) -> RecordedStage | None:
        """The melt that the chains came from."""
        return self._of_role("melt")

    @cached_property
    def curves(self) -> tuple[Curve, ...]:
        """The curves behind the values."""
        path = self.folder / "results" / "curves.json"
        if not path.is_file():
            return ()
        read = self.attempt("the curves", lambda: tuple(Curve.model_validate(item) for item in read_json(path)))
        return read or ()

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """The tests of equilibrium and their verdicts."""
        return self.study.criteria

    def measurement(self, name: str) -> Measurement | None:
        """The value of a property, if it has one."""
        return next((item for item in self.study.measurements if item.name == name), None)

    def first_used_ps(self, stage: RecordedStage) -> float:
        """Time in a stage from which on its density looks stationary, so that it is averaged over [ps].

        Raises:
            NotEnoughData: The stage has no table.
        """
        if not stage.thermo:
            raise NotEnoughData(f"stage {stage.name!r} has no table")
        return float(stage.thermo["time_ps"][first_relaxed_frame(stage.thermo["density_g_cm3"])])

    def chains(self, stage: RecordedStage) -> Chains | None:
        """What the frames of a stage say of its chains; read once."""
        if stage.name not in self._chains:
            found = self.attempt(f"frames of {stage.name}", lambda: self._survey(stage)) if stage.has_frames else None
            self._chains[stage.name] = found
        return self._chains[stage.name]

    def attempt(self, what: str, compute: Callable[[], T]) -> T | None:
        """What `compute` gives, or none and a note where it fails: a picture is never worth a study."""
        try:
            return compute()
        except Exception as error:
            reason = str(error) if isinstance(error, PolyomicsError) else f"{type(error).__name__}: {error}"
            self.notes.append(f"left out: {what} ({reason})")
            return None

    # ---------------------------------------------------------------- inside

    @cached_property
    def _chains(self) -> dict[str, Chains | None]:
        return {}

    def _of_role(self, role: str) -> RecordedStage | None:
        found = [stage for stage in self.stages if stage.role == role]
        return found[-1] if found else None

    def _stage(self, folder: Path, start_ps: float) -> RecordedStage:
        manifest = read_json(folder / MANIFEST_FILE)
        segments: list[dict[str, Any]] = manifest["segments"]
        thermo: dict[str, Array] = {}
        has_frames = False
        if any(name.startswith(("thermo.", "frames.")) for segment in segments for name in segment["files"]):
            read = Trajectory.open(self.cell_folder, folder, verify=False, require_frames=False)
            has_frames = bool(read.frame_files)
            thermo = read.thermo if len(read.thermo["time_ps"]) else {}
        steps_ps = sum(float(one["n_steps"]) * float(one["timestep_fs"]) for one in segments) * 1e-3
        return RecordedStage(
            name=str(manifest["stage"]["name"]),
            role=manifest["stage"].get("role"),
            folder=folder,
            start_ps=start_ps,
            duration_ps=max(steps_ps, float(thermo["time_ps"][-1]) if thermo else 0.0),
            thermo=thermo,
            has_frames=has_frames,
            is_of_probe=manifest["stage"].get("after") is not None,
        )

    def _survey(self, stage: RecordedStage) -> Chains:
        """One pass over the frames of a stage."""
        trajectory = Trajectory.open(self.cell_folder, stage.folder, verify=False)
        cell = trajectory.cell
        backbone = self._main_chains
        n_bonds = separations(backbone.shape[1] - 1) if backbone.shape[1] > 1 else np.empty(0, dtype=np.int64)
        since_ps = self.first_used_ps(stage) if stage is self.sample else stage.duration_ps / 2.0
        times, squared = [], []
        internal, n_used = np.zeros((len(backbone), len(n_bonds))), 0
        frames = None
        for frames in trajectory.chunks():
            times.append(frames.time_ps)
            by_chain = squared_radius_of_gyration_nm2(frames.positions_nm, cell.masses_amu, cell.molecule_of_atom)
            squared.append(by_chain.mean(axis=1))
            used = frames.positions_nm[frames.time_ps > since_ps - _ROUNDING_PS]
            if len(used) and len(n_bonds):
                internal += mean_squared_internal_distances(used, backbone, n_bonds).sum(axis=0)
                n_used += len(used)
        assert frames is not None
        return Chains(
            time_ps=np.concatenate(times),
            squared_rg_nm2=np.concatenate(squared),
            n_bonds=n_bonds if n_used else n_bonds[:0],
            internal_nm2=internal / n_used if n_used else internal[:, :0],
            last_positions_nm=frames.positions_nm[-1],
            last_box_nm=frames.box_nm[-1],
        )

    @cached_property
    def _main_chains(self) -> NDArray[np.int64]:
        """Atoms of the main chains; none where the molecules have no main chain, shape=(n_chains, n_chain_atoms)."""
        cell = self.cell
        if cell is None:
            return np.empty((0, 0), dtype=np.int64)
        columns = (cell.bonds, cell.molecule_of_atom, cell.unit_of_atom, cell.template_atom, cell.atomic_numbers)
        found = self.attempt("internal distances", lambda: main_chains(*columns).atoms)
        return np.empty((0, 0), dtype=np.int64) if found is None else found


def thinned(x: Array, y: Array, n_bins: int = 500) -> tuple[Array, Array]:
    """A series with fewer points that looks the same: the lowest and the highest value of every bin, in order."""
    if len(x) <= 2 * n_bins:
        return x, y
    size = math.ceil(len(x) / n_bins)
    kept = set()
    for start in range(0, len(x), size):
        part = y[start : start + size]
        kept |= {start + int(np.argmin(part)), start + int(np.argmax(part))}
    places = np.array(sorted(kept | {0, len(x) - 1}))
    return x[places], y[places]
