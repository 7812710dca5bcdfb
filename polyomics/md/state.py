"""The phase-space point between two segments: all that dynamics needs to go on, in full precision."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyomics.errors import CorruptFile
from polyomics.files import atomic_path, read_arrays


@dataclass(frozen=True, eq=False)
class PhaseState:
    """Positions, velocities and box of a cell.

    Kept as 64-bit numbers in a plain NumPy file rather than as an OpenMM checkpoint, which loads only
    on the same version and hardware (openmm issue 5252).
    """

    positions_nm: NDArray[np.float64]
    """Unwrapped positions [nm], shape=(n_atoms, 3)."""
    velocities_nm_ps: NDArray[np.float64] | None
    """Velocities [nm/ps], shape=(n_atoms, 3); none before the first dynamics."""
    box_nm: NDArray[np.float64]
    """Edges of the orthorhombic box [nm], shape=(3,)."""
    hydrogen_mass_amu: float | None = None
    """Mass of a hydrogen that the velocities hold for [amu]; none before the first dynamics."""
    temperature_k: float | None = None
    """Temperature the cell was held at last [K]; none before the first dynamics."""

    def digest(self) -> str:
        """SHA-256 of the numbers."""
        arrays = (self.positions_nm, self.velocities_nm_ps, self.box_nm)
        joined = hashlib.sha256(repr((self.hydrogen_mass_amu, self.temperature_k)).encode())
        for array in arrays:
            joined.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
        return joined.hexdigest()

    def save(self, path: Path) -> None:
        """Write the state to `path`, whole or not at all."""
        known = {name: value for name, value in vars(self).items() if value is not None}
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **known)

    @classmethod
    def load(cls, path: Path) -> "PhaseState":
        """Read a state written by `save`.

        Raises:
            CorruptFile: The file is missing or damaged.
        """
        arrays = read_arrays(path)
        try:
            return cls(
                arrays["positions_nm"],
                arrays.get("velocities_nm_ps"),
                arrays["box_nm"],
                *(float(arrays[name]) if name in arrays else None for name in ("hydrogen_mass_amu", "temperature_k")),
            )
        except KeyError as error:
            raise CorruptFile(f"the state {path} lacks {error}") from error
