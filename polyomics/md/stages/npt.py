"""Constant pressure and temperature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from polyomics.md.dynamics import Controls, Dynamics
from polyomics.md.stage import STAGES

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.md.state import PhaseState


@STAGES.register("npt")
class Npt(Dynamics):
    """Hold pressure and temperature; may be prolonged, each time hotter if asked, until a test is passed."""

    kind: Literal["npt"] = "npt"
    temperature_k: float = Field(gt=0, le=3000)
    """Temperature [K]."""
    pressure_bar: float = Field(default=1.01325, ge=0, le=1e5)
    """Pressure [bar]."""
    max_extensions: int = Field(default=0, ge=0, le=50)
    """How many times the stage may be prolonged by its own length: a `sample` until the cell is in equilibrium,
    a `melt` until its chains move."""
    raise_k: float = Field(default=0.0, ge=0, le=500)
    """How much hotter every extension is than the one before [K]."""

    @property
    def most_extensions(self) -> int:
        """As asked."""
        return self.max_extensions

    def controls_at(self, cell: Cell, start: PhaseState, fraction: float, extension: int = 0) -> Controls:
        """The same temperature and pressure throughout, and `raise_k` more in every extension."""
        return Controls(self.temperature_k + extension * self.raise_k, self.pressure_bar)
