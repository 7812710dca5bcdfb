"""What a stage left on disk, segment by segment, each file checked against the manifest that lists it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyomics.errors import CorruptFile
from polyomics.files import MANIFEST_FILE, is_intact, read_arrays, read_json
from polyomics.trajectory import REPAIR, read_tables

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StageOutput:
    """The files of a finished stage. Nothing is read before it is asked for."""

    folder: Path
    """Folder of the stage."""
    stage: dict[str, Any]
    """The record of the stage, as in its manifest ("kind", "name", settings)."""
    segments: tuple[dict[str, Any], ...]
    """What the manifest says of every segment: files with checksums, steps, time step, details."""

    @classmethod
    def open(cls, folder: Path) -> StageOutput:
        """Read the manifest.

        Raises:
            CorruptFile: There is none, or it is not one of a stage.
        """
        path = folder / MANIFEST_FILE
        manifest = read_json(path)
        try:
            return cls(folder, dict(manifest["stage"]), tuple(dict(segment) for segment in manifest["segments"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptFile(f"{path} is not a manifest of a stage; {REPAIR}") from error

    def files(self, what: str) -> list[Path]:
        """Files called `what.NNNN.*`, in order of segments.

        Raises:
            CorruptFile: One is missing, or is not what the manifest says.
        """
        return list(self._checked(what))

    def arrays(self, what: str) -> list[dict[str, Any]]:
        """The arrays in the files `what.NNNN.npz`, one mapping a segment.

        Raises:
            CorruptFile: A file is missing, damaged, or not what the manifest says.
        """
        return [read_arrays(path) for path in self._checked(what) if path.suffix == ".npz"]

    def joined(self, what: str) -> dict[str, Array]:
        """The arrays in the files `what.NNNN.npz`, those of all segments one after the other; empty without files."""
        parts = self.arrays(what)
        return {name: np.concatenate([np.atleast_1d(part[name]) for part in parts]) for name in (parts or [{}])[0]}

    @cached_property
    def thermo(self) -> dict[str, Array]:
        """Thermodynamic table of the stage: name of a column -> values, shape=(n_rows,)."""
        return read_tables(tuple(self._checked("thermo")))

    def _checked(self, what: str) -> Iterator[Path]:
        for segment in self.segments:
            for name, checksum in sorted(segment["files"].items()):
                if name.startswith(f"{what}."):
                    if not is_intact(self.folder / name, checksum):
                        raise CorruptFile(f"{self.folder / name} is missing or not what its manifest states; {REPAIR}")
                    yield self.folder / name
