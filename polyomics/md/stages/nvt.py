"""Constant volume and temperature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from polyomics.md.dynamics import Controls, Dynamics
from polyomics.md.stage import STAGES

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell


@STAGES.register("nvt")
class Nvt(Dynamics):
    """Hold volume and temperature."""

    kind: Literal["nvt"] = "nvt"
    temperature_k: float = Field(gt=0, le=3000)
    """Temperature [K]."""

    def controls_at(self, cell: Cell, start_box_nm: NDArray[np.float64], fraction: float) -> Controls:
        """The same temperature throughout."""
        return Controls(self.temperature_k)
