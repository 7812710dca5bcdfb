"""What a format of simulation inputs is. A new one is one file in `polyomics/inputs/formats/`."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from polyomics.errors import InvalidSettings
from polyomics.registry import Registry

if TYPE_CHECKING:
    from polyomics.inputs.snapshot import Snapshot


DOUBLE_PRECISION = 1e-4
"""Relative difference that is allowed. The constants of electrostatics alone differ by 3.5e-5: AMBER's is 18.2223²
kcal Å/(mol e²)."""
SINGLE_PRECISION = 1e-3
"""The same of a program that adds forces in single precision: a Coulomb energy is the small rest of large numbers."""


@dataclass(frozen=True)
class Reading:
    """What a program made of the files."""

    program: str
    """Name and version."""
    terms_kj_mol: Mapping[str, float] | None
    """Energies by the names of `polyomics.inputs.energies.TERMS` [kJ/mol]; none where the program is not here."""
    relative_tolerance: float = DOUBLE_PRECISION
    """Relative difference of a term that is allowed."""
    known_kj_mol: Mapping[str, float] = field(default_factory=dict)
    """By how much terms are known to be others, because the program computes them otherwise [kJ/mol]."""
    note: str = ""
    """Why."""


class InputFormat(abc.ABC):
    """Files of one program: topology, coordinates, an input to go on with, and an input for one point."""

    title: ClassVar[str]
    """Name of the program, for people."""
    how_to_run: ClassVar[str]
    """Command that goes on from the snapshot, in the folder of the files."""
    sums_dispersion: ClassVar[bool] = False
    """Whether Lennard-Jones interactions may be summed by PME."""

    @abc.abstractmethod
    def write(self, snapshot: Snapshot, folder: Path) -> None:
        """Write the files into `folder`, which is there and empty."""

    @abc.abstractmethod
    def readings(self, snapshot: Snapshot, folder: Path, scratch: Path) -> Iterator[Reading]:
        """Energies that programs of this machine find in the files.

        Args:
            snapshot: What was written.
            folder: The files; left as they are.
            scratch: An empty folder to work in.

        Raises:
            ToolError: A program is there, but failed.
        """

    def refuse(self, snapshot: Snapshot) -> None:
        """Refuse a snapshot that the program cannot represent.

        Raises:
            InvalidSettings: It sums dispersion by PME, which this format does not.
        """
        if snapshot.nonbonded.lj_pme and not self.sums_dispersion:
            raise InvalidSettings(
                f"the study sums dispersion forces by PME (lj_pme), which the inputs for {self.title} have no setting "
                "for; use --to openmm"
            )


FORMATS: Registry[type[InputFormat]] = Registry("format of simulation inputs", "polyomics.inputs.formats")
