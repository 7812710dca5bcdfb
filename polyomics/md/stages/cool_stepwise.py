"""Cooling in steps at constant pressure, until enough of the glass is seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from polyomics.analysis.glass_transition import (
    FEWEST_ROWS,
    RELAXING_FRACTION,
    holds_of,
    points_of_holds,
    sees_enough_glass,
)
from polyomics.errors import InvalidSettings, NotEnoughData
from polyomics.md.dynamics import Controls, Dynamics
from polyomics.md.stage import STAGES, SegmentRequest, SegmentResult

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.md.state import PhaseState

_ROUNDING = 1e-6


@STAGES.register("cool_stepwise")
class CoolStepwise(Dynamics):
    """Hold every temperature for a while, then step down; a few steps a time, until a glass transition lies well above.

    The stage itself is `duration_ps / hold_ps` holds, the first at the temperature where the stage before ended; every
    extension goes on with as many further steps. Whether there is one follows from the volumes alone
    (`analysis.glass_transition.sees_enough_glass`), so no transition has to be guessed; the end comes at the latest
    near `lowest_k`. A segment lies within one hold, and its temperature is noted in the manifest (`held_at_k`).
    """

    kind: Literal["cool_stepwise"] = "cool_stepwise"
    role: str = "cooling"
    """What the stage is for."""
    from_k: float | None = Field(default=None, gt=0, le=3000)
    """Temperature of the first hold [K]; none takes that where the stage before ended."""
    step_k: float = Field(default=20.0, gt=0, le=100)
    """Temperature between two holds [K]."""
    hold_ps: float = Field(gt=0)
    """Time at every temperature [ps], a whole number of segments."""
    pressure_bar: float = Field(default=1.01325, ge=0, le=1e5)
    """Pressure [bar]."""
    lowest_k: float = Field(default=20.0, gt=0)
    """No hold is colder, and no extension is begun that would have to be [K]."""
    max_extensions: int = Field(default=0, ge=0, le=200)
    """How many times the stage may be prolonged by its own length, that is by so many further steps."""
    hot_above_k: float = Field(default=450.0, gt=0)
    """Above this temperature the time step is `hot_timestep_fs` [K]."""
    hot_timestep_fs: float = Field(default=2.5, gt=0, le=5.0)
    """Time step in the hot melt [fs]."""

    @model_validator(mode="after")
    def _whole_numbers(self) -> Self:
        for what, whole, part in (
            ("duration_ps", self.duration_ps, self.hold_ps),
            ("hold_ps", self.hold_ps, self.segment_ps),
            ("segment_ps", self.segment_ps, self.control_ps),
        ):
            ratio = whole / part
            if ratio < 1.0 - _ROUNDING or abs(ratio - round(ratio)) > _ROUNDING * ratio:
                raise ValueError(
                    f"{what} is {whole:g} ps, which is {ratio:.4g} times {part:g} ps; a stepwise cooling takes whole "
                    "numbers: duration_ps of hold_ps, hold_ps of segment_ps, segment_ps of control_ps"
                )
        n_rows = self.hold_ps / self.report_ps
        if n_rows * (1.0 - RELAXING_FRACTION) < FEWEST_ROWS:
            raise ValueError(
                f"a hold of {self.hold_ps:g} ps has {n_rows:.3g} rows, one every {self.report_ps:g} ps, too few for an "
                f"error bar; set report_ps to {self.hold_ps / 25:.3g} ps or less"
            )
        return self

    @property
    def n_holds(self) -> int:
        """Temperatures in the stage, and in each of its extensions."""
        return round(self.duration_ps / self.hold_ps)

    @property
    def rate_k_per_ns(self) -> float:
        """Cooling rate [K/ns]."""
        return self.step_k / self.hold_ps * 1000.0

    @property
    def most_extensions(self) -> int:
        """As asked."""
        return self.max_extensions

    def controls_at(self, cell: Cell, start: PhaseState, fraction: float, extension: int = 0) -> Controls:
        """The temperature of the hold, never below `lowest_k`, and the pressure.

        Raises:
            InvalidSettings: The stage does not know where to start.
        """
        from_k = self.from_k or start.temperature_k
        if from_k is None:
            raise InvalidSettings(
                f"stage {self.name!r} starts from a state that was never held at a temperature; set its from_k"
            )
        hold = max(0, math.ceil((fraction + extension) * self.n_holds - _ROUNDING) - 1)
        temperature_k = max(from_k - hold * self.step_k, min(self.lowest_k, from_k))
        return Controls(temperature_k, self.pressure_bar)

    def wants_more(self, thermo: Mapping[str, NDArray[np.float64]]) -> bool:
        """Whether the glass seen so far is too short, and there is room below.

        Args:
            thermo: The whole table of the stage so far.
        """
        hold = holds_of(thermo["time_ps"], self.hold_ps)
        last = hold == hold.max()
        if float(thermo["temperature_k"][last].mean()) - self.n_holds * self.step_k < self.lowest_k:
            return False
        volume = thermo["box_x_nm"] * thermo["box_y_nm"] * thermo["box_z_nm"]
        numbers = np.unique(hold)
        holds = [np.log(volume[hold == number]) for number in numbers]
        try:
            return not sees_enough_glass(points_of_holds(-self.step_k * numbers, holds))
        except NotEnoughData:  # numbers that are not finite; the property says so
            return False

    def run_segment(self, request: SegmentRequest) -> SegmentResult:
        """Run one segment at one temperature, with the time step that suits it."""
        held_at_k = self._controls(request, self._first_block_of(request.index) + 1).temperature_k
        step_fs = self.hot_timestep_fs if held_at_k > self.hot_above_k else self.timestep_fs
        stage = self.model_copy(update={"timestep_fs": step_fs})
        result = super(CoolStepwise, stage).run_segment(request)
        return replace(result, details={**result.details, "held_at_k": held_at_k})
