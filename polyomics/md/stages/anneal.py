"""Heating or cooling at a stated rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from polyomics.md.dynamics import Controls, Dynamics
from polyomics.md.stage import STAGES

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.md.state import PhaseState


@STAGES.register("anneal")
class Anneal(Dynamics):
    """Change temperature, and pressure too if asked, linearly in time; at constant volume without a pressure."""

    kind: Literal["anneal"] = "anneal"
    from_k: float | None = Field(default=None, gt=0, le=3000)
    """Temperature at the start [K]; none begins where the stage before ended."""
    to_k: float = Field(gt=0, le=3000)
    """Temperature at the end [K]."""
    from_bar: float | None = Field(default=1.01325, ge=0, le=1e5)
    """Pressure at the start [bar]; none keeps the volume."""
    to_bar: float | None = Field(default=None, ge=0, le=1e5)
    """Pressure at the end [bar]; none keeps `from_bar`."""

    @property
    def rate_k_per_ns(self) -> float | None:
        """Rate of change of temperature [K/ns], negative when cooling; none where it depends on the stage before."""
        return None if self.from_k is None else (self.to_k - self.from_k) / self.duration_ps * 1000.0

    def controls_at(self, cell: Cell, start: PhaseState, fraction: float, extension: int = 0) -> Controls:
        """Temperature and pressure on straight lines."""
        from_k = self.from_k or start.temperature_k or self.to_k
        temperature = from_k + (self.to_k - from_k) * fraction
        if self.from_bar is None:
            return Controls(temperature)
        to_bar = self.from_bar if self.to_bar is None else self.to_bar
        return Controls(temperature, self.from_bar + (to_bar - self.from_bar) * fraction)
