"""What a stage of MD is: a record of settings that knows how to run one segment of itself."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from polyomics.records import Record
from polyomics.registry import Registry

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.md.engine import Engine
    from polyomics.md.state import PhaseState


@dataclass(frozen=True)
class SegmentRequest:
    """One segment to run: where to start, with which random numbers, and where to write.

    A segment is the unit of work, of checkpoint and of determinism: it starts from a `PhaseState` and
    a seed and nothing else, so a resumed run repeats exactly what an undisturbed one does.
    """

    cell: Cell
    engine: Engine
    start: PhaseState
    index: int
    seed: int
    timestep_factor: float
    thermo_path: Path
    frames_path: Path
    on_progress: Callable[[float, float], None]
    """Called with the time done in this stage [ps] and the present density [g/cm³]."""


@dataclass(frozen=True)
class SegmentResult:
    """What a segment leaves behind."""

    end: PhaseState
    n_steps: int
    timestep_fs: float
    files: tuple[Path, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)


class Stage(Record, abc.ABC):
    """Base of all stages. A new stage is one file in `polyomics/md/stages/` that registers its `kind`."""

    kind: str
    """Registered name of the stage class."""
    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9_.-]+$")
    """What this stage is for, unique in its protocol ("melt"); also part of its folder's name."""

    @property
    @abc.abstractmethod
    def simulated_ps(self) -> float:
        """Simulated time [ps]; 0 for a stage without dynamics."""

    @property
    @abc.abstractmethod
    def n_steps(self) -> int:
        """Integration steps at the nominal time step."""

    @property
    @abc.abstractmethod
    def n_segments(self) -> int:
        """Number of segments, each ended by a checkpoint."""

    @property
    def most_extensions(self) -> int:
        """How many times the stage may be prolonged by its own length where that is found to be needed."""
        return 0

    @abc.abstractmethod
    def run_segment(self, request: SegmentRequest) -> SegmentResult:
        """Run one segment and write its files.

        Raises:
            Unstable: The energy exploded; the runner tries again with a smaller step.
        """


class Unstable(Exception):
    """A segment blew up. Internal: the runner either recovers or raises SimulationUnstable."""


STAGES: Registry[type[Stage]] = Registry("stage", "polyomics.md.stages")
