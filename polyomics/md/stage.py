"""What a stage of MD is: a record of settings that knows how to run one segment of itself."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

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

    def path_of(self, what: str, ending: str = "npz") -> Path:
        """Where the segment writes a file of its own: `spectrum` gives `spectrum.0003.npz`."""
        return self.thermo_path.with_name(f"{what}.{self.index:04d}.{ending}")


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
    after: str | None = Field(default=None, min_length=1)
    """Name, or else role, of the earlier stage whose end this one starts from; none: the stage before. Not written
    where it is none, so that protocols without it keep their keys."""

    @model_serializer(mode="wrap")
    def _leave_out_what_is_not_set(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = serialise(self)
        if content.get("after", "") is None:
            del content["after"]
        return content

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

    @property
    def n_cells(self) -> int:
        """How many copies of the cell it steps at once; what a step costs goes with it."""
        return 1

    def wants_more(self, thermo: Mapping[str, NDArray[np.float64]]) -> bool:
        """Whether a stage that may be prolonged is to be, judged by its table; asked at the end of the stage.

        Stages of role `sample` and `melt` are judged by the tests of equilibrium instead.

        Args:
            thermo: The whole table of the stage so far: name of a column -> values, shape=(n_rows,).
        """
        return False

    @abc.abstractmethod
    def run_segment(self, request: SegmentRequest) -> SegmentResult:
        """Run one segment and write its files.

        Raises:
            Unstable: The energy exploded; the runner tries again with a smaller step.
        """


class Unstable(Exception):
    """A segment blew up. Internal: the runner either recovers or raises SimulationUnstable."""


STAGES: Registry[type[Stage]] = Registry("stage", "polyomics.md.stages")
