"""Heating or cooling at a stated rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from polyomics.md.dynamics import Controls, Dynamics
from polyomics.md.stage import STAGES

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell


@STAGES.register("anneal")
class Anneal(Dynamics):
    """Change temperature, and pressure too if asked, linearly in time; at constant volume without a pressure."""

    kind: Literal["anneal"] = "anneal"
    from_k: float = Field(gt=0, le=3000)
    """Temperature at the start [K]."""
    to_k: float = Field(gt=0, le=3000)
    """Temperature at the end [K]."""
    from_bar: float | None = Field(default=1.01325, ge=0, le=1e5)
    """Pressure at the start [bar]; none keeps the volume."""
    to_bar: float | None = Field(default=None, ge=0, le=1e5)
    """Pressure at the end [bar]; none keeps `from_bar`."""

    @property
    def rate_k_per_ns(self) -> float:
        """Rate of change of temperature [K/ns], negative when cooling."""
        return (self.to_k - self.from_k) / self.duration_ps * 1000.0

    def controls_at(self, cell: Cell, start_box_nm: NDArray[np.float64], fraction: float) -> Controls:
        """Temperature and pressure on straight lines."""
        temperature = self.from_k + (self.to_k - self.from_k) * fraction
        if self.from_bar is None:
            return Controls(temperature)
        to_bar = self.from_bar if self.to_bar is None else self.to_bar
        return Controls(temperature, self.from_bar + (to_bar - self.from_bar) * fraction)
