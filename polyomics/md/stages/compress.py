"""Deterministic compression: the box shrinks on a schedule while the chains move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from polyomics.md.dynamics import Controls, Dynamics
from polyomics.md.stage import STAGES

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.md.state import PhaseState


@STAGES.register("compress")
class Compress(Dynamics):
    """Bring the cell to a packing fraction at constant temperature, the edges shrinking exponentially.

    The target is van der Waals volume over cell volume rather than a density, so that one number suits
    polyethylene and PTFE alike: melts lie near 0.58, glasses near 0.65 (Bondi, DOI 10.1021/j100785a001).
    """

    kind: Literal["compress"] = "compress"
    temperature_k: float = Field(gt=0, le=3000)
    """Temperature [K]."""
    packing_fraction: float = Field(gt=0.01, le=0.75)
    """Van der Waals volume over cell volume at the end."""

    def controls_at(self, cell: Cell, start: PhaseState, fraction: float, extension: int = 0) -> Controls:
        """Edges that go from those at the start to the target geometrically."""
        target_volume_nm3 = cell.vdw_volume_nm3 / self.packing_fraction
        shrink = (target_volume_nm3 / float(np.prod(start.box_nm))) ** (1.0 / 3.0)
        return Controls(self.temperature_k, box_nm=start.box_nm * shrink**fraction)
