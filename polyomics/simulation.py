"""What the finished stages of a study left, by what they are for: everything a property can be measured on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from polyomics.cell.cell import Cell
from polyomics.errors import CorruptFile
from polyomics.files import MANIFEST_FILE, read_json
from polyomics.stage_output import StageOutput
from polyomics.trajectory import REPAIR, Frames, Trajectory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyomics.md.cohesion import Cohesion

Array = NDArray[np.float64]
T = TypeVar("T")

MOST_COHESION_FRAMES = 100
"""Most frames whose cohesive energy is computed; it takes two sums over all pairs for each."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Vibrational densities of states, one a window of time."""

    wave_numbers_cm: Array
    """Equally spaced wave numbers [1/cm], shape=(n,)."""
    modes_per_cm: Array
    """Modes of the cell per 1/cm in every window, shape=(n_windows, n); each integrates to `n_modes`."""
    temperature_k: Array
    """Kinetic temperature of every window [K], shape=(n_windows,)."""
    n_modes: int
    """Degrees of freedom of the cell: three an atom less the constraints."""

    @classmethod
    def open(cls, stage_folder: Path) -> Spectrum:
        """Read the windows that a stage of kind `vibrations` left.

        Raises:
            CorruptFile: A file is missing, or is not what the manifest says.
        """
        windows = StageOutput.open(stage_folder).arrays("spectrum")
        if not windows:
            raise CorruptFile(f"{stage_folder} has no spectrum; {REPAIR}")
        longest = max(len(window["wave_numbers_cm"]) for window in windows)
        whole = [window for window in windows if len(window["wave_numbers_cm"]) == longest]
        return cls(
            whole[0]["wave_numbers_cm"],
            np.array([window["modes_per_cm"] for window in whole]),
            np.array([float(window["temperature_k"]) for window in whole]),
            int(whole[0]["modes"]),
        )


@dataclass(frozen=True, eq=False)
class Simulation:
    """The stages of a study that results are made from."""

    sample: Trajectory
    """The stage to measure on."""
    neighbours: tuple[Trajectory, ...] = ()
    """The same cell at neighbouring temperatures, in order of temperature; they may have no frames."""
    melt: Trajectory | None = None
    """The melt the chains came from."""
    spectrum: Spectrum | None = None
    """Vibrational density of states at the conditions of `sample`."""
    folders: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    """Folders of the finished stages by role, in order."""
    _shared: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, cell_folder: Path, stage_folders: Sequence[Path], sample: int) -> Simulation:
        """Find what every stage is for by the manifests, and open it.

        Args:
            cell_folder: Folder of the cell.
            stage_folders: Folders of the finished stages, in order.
            sample: Index of the stage to measure on.

        Raises:
            CorruptFile: A file is missing, or is not what its manifest says.
            NotEnoughData: The stage to measure on stored nothing.
        """
        roles = {folder: read_json(folder / MANIFEST_FILE)["stage"].get("role") for folder in stage_folders}
        by_role: dict[str, tuple[Path, ...]] = {}
        for folder, role in roles.items():
            if role is not None:
                by_role[role] = (*by_role.get(role, ()), folder)
        neighbours = [
            Trajectory.open(cell_folder, folder, require_frames=False)
            for folder, role in roles.items()
            if role == "neighbour"
        ]
        melts = [folder for folder, role in roles.items() if role == "melt"]
        spectra = [folder for folder, role in roles.items() if role == "vibrations"]
        return cls(
            sample=Trajectory.open(cell_folder, stage_folders[sample]),
            neighbours=tuple(sorted(neighbours, key=lambda one: float(one.stage["temperature_k"]))),
            melt=Trajectory.open(cell_folder, melts[-1], require_frames=False) if melts else None,
            spectrum=Spectrum.open(spectra[-1]) if spectra else None,
            folders=by_role,
        )

    @property
    def cell(self) -> Cell:
        """The cell: topology, masses, charges."""
        return self.sample.cell

    def outputs(self, role: str) -> tuple[StageOutput, ...]:
        """What the stages of a role left, in order; read once.

        Raises:
            CorruptFile: A file is missing, or is not what its manifest says.
        """
        return self.once(f"outputs of {role}", lambda: tuple(map(StageOutput.open, self.folders.get(role, ()))))

    def cohesion(self) -> Cohesion:
        """Cohesive energy of evenly spaced frames of the sample, at most 100; computed once.

        All frames are looked at: one with positions that are not finite gives NaN, whether it is chosen or not.

        Raises:
            NotEnoughData: There are no frames.
            CorruptFile: The manifest does not say how forces were cut off.
        """
        return self.once("cohesion", self._cohesion)

    def _cohesion(self) -> Cohesion:
        from polyomics.md.cohesion import cohesion
        from polyomics.md.protocol import Nonbonded

        frames = _every(self.sample, MOST_COHESION_FRAMES)
        path = self.sample.frame_files[0].parent / MANIFEST_FILE if self.sample.frame_files else None
        settings = read_json(path).get("nonbonded") if path else {}
        if settings is None:
            raise CorruptFile(f"{path} does not say how forces were cut off; {REPAIR}")
        return cohesion(self.cell, Nonbonded.model_validate(settings), frames)

    def once(self, name: str, compute: Callable[[], T]) -> T:
        """What `compute` gives, computed at the first call only: several properties share a pass over the frames."""
        if name not in self._shared:
            self._shared[name] = compute()
        found: T = self._shared[name]
        return found


def _every(trajectory: Trajectory, most: int) -> Iterator[Frames]:
    """Evenly spaced frames, at most `most`, and every damaged one."""
    stride, seen = max(1, -(-trajectory.n_frames // most)), 0
    for frames in trajectory.chunks():
        chosen = (seen + np.arange(len(frames.time_ps))) % stride == 0
        chosen |= ~np.isfinite(frames.positions_nm).all(axis=(1, 2))
        seen += len(frames.time_ps)
        yield Frames(frames.positions_nm[chosen], frames.box_nm[chosen], frames.time_ps[chosen])
