"""Predicted against experimental values of many polymers, around the line where both are equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from polyomics.report.style import BLUE, INK, MUTED, VERMILION, drawing, label, literal, new_figure

_LOOK = {"glass": (BLUE, "s"), "rubber/liquid": (VERMILION, "o")}
_MARGIN = 0.08


@dataclass(frozen=True)
class ParityPoint:
    """One polymer."""

    label: str
    """Its short name, written beside the point."""
    experiment: float
    """What was measured."""
    predicted: float
    """What is predicted."""
    stderr: float | None
    """Standard error of `predicted`; none where it is not known."""
    state: Literal["glass", "rubber/liquid"]
    """What the polymer is at the temperature of the values."""
    other: float | None = None
    """What another method predicts."""


def parity_figure(
    points: Sequence[ParityPoint], *, name: str, unit: str, other_name: str = "", caption: str = ""
) -> Figure:
    """Draw predicted over experimental values: filled with error bars, another method's hollow beside them.

    Args:
        points: The polymers, at least one.
        name: What was measured.
        unit: Unit of all values; "1" for a pure number.
        other_name: Name of the other method, for the legend.
        caption: Agreement in a line, above the plot.
    """
    quantity = name.replace("_", " ")
    in_unit = "" if unit == "1" else f" [{unit}]"
    with drawing():
        figure = new_figure(5.2, 5.0)
        axes = figure.add_subplot()
        axes.set_aspect("equal", adjustable="box")
        low, high = _limits(points)
        axes.plot([low, high], [low, high], color=MUTED, linewidth=0.9, zorder=1)
        for state in _LOOK:
            _draw(axes, [point for point in points if point.state == state], state, other_name)
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        label(axes, f"{quantity}, experiment{in_unit}", f"{quantity}, predicted{in_unit}")
        axes.set_title(literal(caption), fontsize=9, color=INK)
        axes.legend(loc="upper left")
    return figure


def _draw(axes: Axes, points: Sequence[ParityPoint], state: str, other_name: str) -> None:
    if not points:
        return
    colour, marker = _LOOK[state]
    others = [point for point in points if point.other is not None]
    if others:
        axes.plot(
            [point.experiment for point in others],
            [float(point.other) for point in others if point.other is not None],
            marker,
            markerfacecolor="none",
            markeredgecolor=colour,
            markersize=4.5,
            alpha=0.8,
            label=f"{other_name}, {state}",
            zorder=2,
        )
    axes.errorbar(
        [point.experiment for point in points],
        [point.predicted for point in points],
        yerr=[point.stderr or 0.0 for point in points],
        fmt=marker,
        color=colour,
        markersize=4.5,
        capsize=2.5,
        elinewidth=1.0,
        label=f"polyomics, {state}",
        zorder=3,
    )
    for point in points:
        axes.annotate(
            literal(point.label),
            (point.experiment, point.predicted),
            xytext=(4, -8),
            textcoords="offset points",
            fontsize=7,
            color=INK,
        )


def _limits(points: Sequence[ParityPoint]) -> tuple[float, float]:
    """A square that holds every value with its error bar."""
    values = [
        value
        for point in points
        for value in (
            point.experiment,
            point.predicted - (point.stderr or 0.0),
            point.predicted + (point.stderr or 0.0),
            point.experiment if point.other is None else point.other,
        )
    ]
    low, high = float(np.min(values)), float(np.max(values))
    margin = _MARGIN * (high - low) or abs(high) * _MARGIN or 1.0
    return low - margin, high + margin
