"""What the finished stages of a study left, by what they are for: everything a property can be measured on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from polyomics.cell.cell import Cell
from polyomics.errors import CorruptFile
from polyomics.files import is_intact, read_arrays, read_json
from polyomics.trajectory import MANIFEST_FILE, REPAIR, Trajectory

Array = NDArray[np.float64]
T = TypeVar("T")


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
        manifest = read_json(stage_folder / MANIFEST_FILE)
        windows = []
        for segment in manifest["segments"]:
            for name, checksum in sorted(segment["files"].items()):
                if name.startswith("spectrum."):
                    if not is_intact(stage_folder / name, checksum):
                        raise CorruptFile(f"{stage_folder / name} is missing or not what its manifest states; {REPAIR}")
                    windows.append(read_arrays(stage_folder / name))
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
        )

    @property
    def cell(self) -> Cell:
        """The cell: topology, masses, charges."""
        return self.sample.cell

    def once(self, name: str, compute: Callable[[], T]) -> T:
        """What `compute` gives, computed at the first call only: several properties share a pass over the frames."""
        if name not in self._shared:
            self._shared[name] = compute()
        found: T = self._shared[name]
        return found
