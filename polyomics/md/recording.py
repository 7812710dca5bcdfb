"""The files of one segment: a table of thermodynamic rows and a trajectory of frames."""

from __future__ import annotations

import csv
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from polyomics.errors import StorageUnavailable
from polyomics.files import atomic_path, writing_to

if TYPE_CHECKING:
    from polyomics.md.stage import SegmentRequest

THERMO_COLUMNS = (
    "time_ps",
    "temperature_k",
    "potential_energy_kj_mol",
    "kinetic_energy_kj_mol",
    "bond_energy_kj_mol",
    "angle_energy_kj_mol",
    "torsion_energy_kj_mol",
    "nonbonded_energy_kj_mol",
    "pressure_bar",
    "box_x_nm",
    "box_y_nm",
    "box_z_nm",
    "density_g_cm3",
)
"""Columns every thermodynamic table has."""


def write_arrays(path: Path, **arrays: Any) -> Path:
    """Write numbers of a segment to a NumPy file of its own, whole or not at all; returns the path.

    Raises:
        StorageUnavailable: The disk is full or gone.
    """
    with writing_to(path), atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
    return path


class Recorder:
    """Writes the rows and frames of one segment to files of their own.

    The files count only once the runner has listed them, with checksums, in the stage's manifest; a
    segment that dies leaves files nobody reads, and its next attempt starts them anew.
    """

    def __init__(self, request: SegmentRequest, frame_ps: float) -> None:
        self._request = request
        self._frame_ps = frame_ps
        self._n_frames = 0
        self._stack = ExitStack()
        self._table: IO[str] | None = None
        self._frames: Any = None
        self.files: tuple[Path, ...] = ()

    def __enter__(self) -> Self:
        for path in (self._request.thermo_path, self._request.frames_path):
            if path.is_file():  # not the null device, which root could remove
                path.unlink()
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        with writing_to(self._request.thermo_path):
            self._stack.close()
        if kind is None and self._frames is not None and self._frames._getNumFrames() != self._n_frames:
            raise StorageUnavailable(f"{self._request.frames_path} lost frames while it was written; is the disk full?")

    def add_row(self, row: dict[str, float]) -> None:
        """Append one row of the thermodynamic table."""
        with writing_to(self._request.thermo_path):
            if self._table is None:
                stream = self._request.thermo_path.open("w", newline="", encoding="ascii")
                self._table = self._stack.enter_context(stream)
                csv.writer(self._table, lineterminator="\n").writerow(THERMO_COLUMNS)
                self.files += (self._request.thermo_path,)
            csv.writer(self._table, lineterminator="\n").writerow([repr(row[c]) for c in THERMO_COLUMNS])

    def add_frame(self, time_ps: float, positions_nm: NDArray[np.float64], box_nm: NDArray[np.float64]) -> None:
        """Append one frame of unwrapped positions [nm] in a box [nm]."""
        from openmm import Vec3, app

        if self._frames is None:
            path, spacing = self._request.frames_path, self._frame_ps
            number = round(time_ps / spacing)
            self._frames = app.XTCFile(str(path), _bare_topology(positions_nm, box_nm), spacing, number)
            self.files += (path,)
        vectors = tuple(Vec3(*row) for row in np.diag(box_nm))
        self._frames.writeModel(positions_nm, periodicBoxVectors=vectors)
        self._n_frames += 1


def _bare_topology(positions_nm: NDArray[np.float64], box_nm: NDArray[np.float64]) -> Any:
    from openmm import Vec3, app

    topology = app.Topology()
    residue = topology.addResidue("CEL", topology.addChain())
    for _ in positions_nm:
        topology.addAtom("X", None, residue)
    topology.setPeriodicBoxVectors(tuple(Vec3(*row) for row in np.diag(box_nm)))
    return topology
