"""Constant pressure that ends at the mean volume: where measurements at constant volume begin."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import model_validator

from polyomics.md.stage import STAGES, SegmentRequest, SegmentResult
from polyomics.md.stages.npt import Npt

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.md.state import PhaseState

_SETTLES = 1.0 / 3.0
"""Part of the stage that the mean leaves out."""


@STAGES.register("settle_volume")
class SettleVolume(Npt):
    """Hold pressure and temperature, then bring the box to its mean over the last two thirds of the stage.

    The volume of a cell of a thousand atoms swings by 2 or 3 %, which changes a viscosity by tens of per cent: a stage
    at constant volume must not start at the volume the barostat happened to be at. The centres of molecules move with
    the box, molecules stay as they are. The stage is one segment.
    """

    kind: Literal["settle_volume"] = "settle_volume"  # type: ignore[assignment]

    @model_validator(mode="after")
    def _is_one_segment(self) -> Self:
        if self.n_segments > 1 or self.max_extensions:
            raise ValueError(
                f"the mean volume is taken over one segment; set segment_ps to {self.duration_ps:g}, the duration, and "
                "no extensions"
            )
        return self

    def run_segment(self, request: SegmentRequest) -> SegmentResult:
        """Run at constant pressure, then scale the box to the mean."""
        result = super().run_segment(request)
        rows = np.atleast_1d(np.genfromtxt(request.thermo_path, delimiter=",", names=True))
        kept = rows[int(_SETTLES * len(rows)) :]
        volume_nm3 = float(np.mean(kept["box_x_nm"] * kept["box_y_nm"] * kept["box_z_nm"]))
        return replace(result, end=scaled(result.end, request.cell, volume_nm3))


def scaled(state: PhaseState, cell: Cell, volume_nm3: float) -> PhaseState:
    """The state in a box of another volume and the same shape, molecules moved as rigid bodies."""
    factor = (volume_nm3 / float(np.prod(state.box_nm))) ** (1.0 / 3.0)
    masses = np.bincount(cell.molecule_of_atom, cell.masses_amu)
    sums = [np.bincount(cell.molecule_of_atom, cell.masses_amu * x) for x in state.positions_nm.T]
    centres = (np.stack(sums) / masses).T
    moved = state.positions_nm + (factor - 1.0) * centres[cell.molecule_of_atom]
    return replace(state, positions_nm=moved, box_nm=factor * state.box_nm)
