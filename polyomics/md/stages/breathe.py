"""Constant pressure with edges that move one by one: how the box fluctuates is how the cell gives way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from polyomics.md.dynamics import Controls, Dynamics
from polyomics.md.stage import STAGES, SegmentRequest, SegmentResult

if TYPE_CHECKING:
    import openmm

    from polyomics.cell.cell import Cell
    from polyomics.md.engine import Running
    from polyomics.md.recording import Recorder
    from polyomics.md.state import PhaseState

MOST_DISTORTION = 0.15
"""Change of the ratio of two edges from which on a cell flows: no glass does that by itself."""
LEAST_ROOM = 1.02
"""Shortest edge over twice the cut-off below which the box is not let go."""


@STAGES.register("breathe")
class Breathe(Dynamics):
    """Hold pressure and temperature with a Monte Carlo barostat that moves one edge of the box at a time.

    The edges are in the table of the stage, row by row. A liquid has nothing that holds its shape, and a box whose
    edges are free drifts away. A segment in which the box changes its shape by more than 15 % since the start of the
    stage, or comes within 2 % of twice the cut-off, leaves no table and says why in `refused`.
    """

    kind: Literal["breathe"] = "breathe"
    role: str = "breathe"
    """What the stage is for."""
    temperature_k: float = Field(gt=0, le=3000)
    """Temperature [K]."""
    pressure_bar: float = Field(default=1.01325, ge=0, le=1e5)
    """Pressure on every face [bar]."""

    def controls_at(self, cell: Cell, start: PhaseState, fraction: float, extension: int = 0) -> Controls:
        """The same temperature and pressure throughout."""
        return Controls(self.temperature_k, self.pressure_bar)

    def make_barostat(self, controls: Controls, seed: int) -> openmm.Force:
        """Moves of one edge, molecules being rigid."""
        import openmm

        from polyomics.md.engine import BAROSTAT_INTERVAL_STEPS

        pressure = openmm.Vec3(1, 1, 1) * self.pressure_bar
        barostat = openmm.MonteCarloAnisotropicBarostat(
            pressure, controls.temperature_k, True, True, True, BAROSTAT_INTERVAL_STEPS, True
        )
        barostat.setRandomNumberSeed(seed)
        return barostat

    def run_segment(self, request: SegmentRequest) -> SegmentResult:
        """Run one segment, or say why not."""
        try:
            _refuse_out_of_shape(request.start.box_nm, *_limits(request))
            return super().run_segment(request)
        except _OutOfShape as refusal:
            return SegmentResult(request.start, 0, self.timestep_fs, details={"refused": str(refusal)})

    def _look(
        self, request: SegmentRequest, running: Running, recorder: Recorder, block: int, controls: Controls
    ) -> None:
        _refuse_out_of_shape(running.positions_and_box_nm()[1], *_limits(request))
        super()._look(request, running, recorder, block, controls)


class _OutOfShape(Exception):
    """The box has drifted too far to go on."""


def _limits(request: SegmentRequest) -> tuple[NDArray[np.float64], float]:
    return request.engine.stage_start.box_nm, request.engine.nonbonded.cutoff_nm


def _refuse_out_of_shape(box_nm: NDArray[np.float64], start_nm: NDArray[np.float64], cutoff_nm: float) -> None:
    edges = " x ".join(f"{edge:.2f}" for edge in box_nm)
    stretch = box_nm / start_nm
    if stretch.max() / stretch.min() > 1.0 + MOST_DISTORTION:
        raise _OutOfShape(
            f"with edges that move freely the cell has flowed from {' x '.join(f'{edge:.2f}' for edge in start_nm)} nm "
            f"to {edges} nm: it has no elastic shape at this temperature; ask below the glass transition"
        )
    if box_nm.min() < 2.0 * LEAST_ROOM * cutoff_nm:
        raise _OutOfShape(
            f"an edge of the cell ({edges} nm) has come within 2 % of twice the cut-off of {cutoff_nm:g} nm; "
            "take more or longer chains"
        )
