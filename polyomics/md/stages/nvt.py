"""Constant volume and temperature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from polyomics.md.dynamics import Controls, Dynamics
from polyomics.md.stage import STAGES

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.md.state import PhaseState


@STAGES.register("nvt")
class Nvt(Dynamics):
    """Hold volume and temperature."""

    kind: Literal["nvt"] = "nvt"
    temperature_k: float = Field(gt=0, le=3000)
    """Temperature [K]."""

    def controls_at(self, cell: Cell, start: PhaseState, fraction: float, extension: int = 0) -> Controls:
        """The same temperature throughout."""
        return Controls(self.temperature_k)
