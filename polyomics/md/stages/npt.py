"""Constant pressure and temperature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from polyomics.md.dynamics import Controls, Dynamics
from polyomics.md.stage import STAGES

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell


@STAGES.register("npt")
class Npt(Dynamics):
    """Hold pressure and temperature."""

    kind: Literal["npt"] = "npt"
    temperature_k: float = Field(gt=0, le=3000)
    """Temperature [K]."""
    pressure_bar: float = Field(default=1.01325, ge=0, le=1e5)
    """Pressure [bar]."""

    def controls_at(self, cell: Cell, start_box_nm: NDArray[np.float64], fraction: float) -> Controls:
        """The same temperature and pressure throughout."""
        return Controls(self.temperature_k, self.pressure_bar)
