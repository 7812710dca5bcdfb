"""The figures of a study: how it came to equilibrium, and the curves and series behind its values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from polyomics.analysis.statistics import first_relaxed_frame
from polyomics.errors import NoFigure
from polyomics.records import Criterion, Curve, Measurement
from polyomics.reference import experimental_value
from polyomics.report.recorded import RecordedRun, RecordedStage, thinned
from polyomics.report.style import (
    BLUE,
    GREEN,
    GRID,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SERIES,
    VERMILION,
    drawing,
    label,
    literal,
    new_figure,
)
from polyomics.report.text import VERDICT_SIGNS, axis_text, number, plain, unit_text, with_error

if TYPE_CHECKING:
    from polyomics.database.rows import StudyRow

Array = NDArray[np.float64]

_VERDICT_COLOURS = {"pass": GREEN, "fail": VERMILION, "unknown": MUTED}
_NS_FROM_PS = 2000.0
_NARROWEST_NAME = 0.024
_ROBUST_PERCENT = (0.5, 99.5)
_FEW_DECADES = 300.0
_PLAIN_NUMBERS = (1e-3, 1e5)


@dataclass(frozen=True)
class Panel:
    """One quantity over the whole protocol."""

    label: str
    """What it is, with its unit."""
    colour: str
    """Colour of its line."""
    column: str
    """Column of the table."""
    per_atom: bool = False
    """Divide by the number of atoms."""
    is_noisy: bool = False
    """Draw a running mean over it, and let single peaks leave the picture."""


PANELS = (
    Panel("density [g/cm³]", BLUE, "density_g_cm3"),
    Panel("potential energy\nper atom [kJ/mol]", PURPLE, "potential_energy_kj_mol", per_atom=True, is_noisy=True),
    Panel("temperature [K]", VERMILION, "temperature_k"),
    Panel("pressure [bar]", GREEN, "pressure_bar", is_noisy=True),
)
"""Quantities of the table that the history shows."""


# -------------------------------------------------------------------- equilibration


def density_experiment(study: StudyRow) -> float | None:
    """The experimental density to draw beside the simulated one [g/cm³]."""
    found = experimental_value(study.polymer.key, "density", study.temperature_k)
    return found.value if found is not None else None


def history_figure(run: RecordedRun, experiment_g_cm3: float | None = None) -> Figure:
    """Density, energy, temperature, pressure and size of the chains through all stages, one above the other.

    Raises:
        NoFigure: No stage recorded a table.
    """
    with drawing():
        figure = new_figure(7.4, 7.6)
        draw_history(figure.subplots(len(PANELS) + 1, 1, sharex=True), run, experiment_g_cm3)
    return figure


def internal_distances_figure(run: RecordedRun) -> Figure:
    """Mean squared internal distances of the sample beside those of the melt.

    Raises:
        NoFigure: There are no frames of chains.
    """
    with drawing():
        figure = new_figure(5.6, 3.4)
        draw_internal_distances(figure.subplots(), run)
    return figure


def equilibration_figure(run: RecordedRun, experiment_g_cm3: float | None = None) -> Figure:
    """The dashboard: the history, the internal distances, the verdict of every criterion.

    Raises:
        NoFigure: No stage recorded a table.
    """
    with drawing():
        figure = new_figure(12.0, 7.8)
        left, right = np.ravel(np.asarray(figure.subfigures(1, 2, width_ratios=(1.75, 1.0))))
        draw_history(left.subplots(len(PANELS) + 1, 1, sharex=True), run, experiment_g_cm3)
        upper, lower = right.subplots(2, 1, height_ratios=(1.0, 1.3))
        try:
            draw_internal_distances(upper, run)
        except NoFigure as error:
            _say_instead(upper, str(error))
        draw_verdicts(lower, run.criteria)
        study = run.study
        figure.suptitle(
            literal(f"{_short(study.polymer.psmiles)}   {study.temperature_k:g} K   {study.key[:12]}"), fontsize=11
        )
    return figure


def draw_history(panels: Sequence[Axes], run: RecordedRun, experiment_g_cm3: float | None = None) -> None:
    """Draw every quantity over the simulated time, into as many axes as there are panels and one for the chains.

    Raises:
        NoFigure: No stage recorded a table.
    """
    stages = [stage for stage in run.history if stage.thermo]
    if not stages:
        raise NoFigure(f"no stage of study {run.study.key[:12]} has a table in {run.folder}")
    total_ps = run.history[-1].end_ps
    scale, unit = (1e-3, "ns") if total_ps > _NS_FROM_PS else (1.0, "ps")
    n_atoms = run.cell.n_atoms if run.cell is not None else 1
    for axes, panel in zip(panels, PANELS, strict=False):
        _draw_quantity(axes, panel, stages, scale, n_atoms)
        axes.set_ylabel(panel.label)
    if experiment_g_cm3 is not None:
        panels[0].axhline(experiment_g_cm3, color=MUTED, lw=1.0, ls="--")
        panels[0].annotate(
            f"experiment\n{number(experiment_g_cm3, 3)}",
            (1.0, experiment_g_cm3),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=MUTED,
        )
    _draw_chain_size(panels[len(PANELS)], run, scale)
    _mark_stages(panels, run, scale)
    panels[-1].set_xlim(0.0, total_ps * scale)
    panels[-1].set_xlabel(f"simulated time [{unit}]; shaded: the part that values are averaged over")
    panels[0].figure.align_ylabels(list(panels))


def draw_internal_distances(axes: Axes, run: RecordedRun) -> None:
    """Draw <R²(n)>/n over n, of melt and sample, with the standard error between chains as a band.

    Raises:
        NoFigure: There are no frames of chains.
    """
    drawn = 0
    for stage, name, colour in ((run.melt, "melt", VERMILION), (run.sample, "sample", BLUE)):
        chains = run.chains(stage) if stage is not None else None
        if stage is None or chains is None or not len(chains.n_bonds):
            continue
        n = chains.n_bonds.astype(np.float64)
        by_chain = chains.internal_nm2 / n
        mean = by_chain.mean(axis=0)
        temperature = f" ({stage.thermo['temperature_k'].mean():.0f} K)" if stage.thermo else ""
        axes.plot(n, mean, color=colour, marker="o", ms=3, label=name + temperature)
        if len(by_chain) > 1:
            error = by_chain.std(axis=0, ddof=1) / np.sqrt(len(by_chain))
            axes.fill_between(n, mean - error, mean + error, color=colour, alpha=0.18, lw=0)
        drawn += 1
    if not drawn:
        raise NoFigure(f"no stage of study {run.study.key[:12]} has frames of chains in {run.folder}")
    _make_logarithmic(axes, "x")
    axes.set_ylim(bottom=0.0)
    axes.legend(loc="best")
    label(axes, "bonds between two atoms of the main chain, n", "⟨R²(n)⟩ / n [nm²]")


def draw_verdicts(axes: Axes, criteria: Sequence[Criterion]) -> None:
    """Write every criterion with its verdict as a sign, its number and its limit."""
    if not criteria:
        _say_instead(axes, "no tests of equilibrium are stored for this study")
        return
    axes.set_axis_off()
    axes.set_title("equilibrium", loc="left")
    spacing = 1.0 / max(len(criteria), 10)
    for row, item in enumerate(criteria):
        sign, colour = VERDICT_SIGNS[item.verdict], _VERDICT_COLOURS[item.verdict]
        y = 1.0 - (row + 0.5) * spacing
        axes.text(0.0, y, sign, color=colour, fontsize=11, va="center", transform=axes.transAxes)
        axes.text(0.06, y, literal(plain(item.name)), fontsize=8.5, va="center", transform=axes.transAxes)
        axes.text(
            1.0, y, literal(verdict_numbers(item)), fontsize=8.5, color=MUTED, va="center", ha="right",
            transform=axes.transAxes,
        )  # fmt: skip


def verdict_numbers(criterion: Criterion) -> str:
    """What was measured and what it was held against."""
    if criterion.value is None:
        return criterion.verdict
    limit = f" (limit {number(criterion.threshold, 3)})" if criterion.threshold is not None else ""
    return f"{number(criterion.value, 3)}{limit} {unit_text(criterion.unit)}".strip()


def _draw_quantity(axes: Axes, panel: Panel, stages: Sequence[RecordedStage], scale: float, n_atoms: int) -> None:
    drawn = []
    for stage in stages:
        time_ps, values = stage.thermo["time_ps"], stage.thermo[panel.column]
        finite = np.isfinite(values)
        if not finite.any():
            continue
        x, y = (stage.start_ps + time_ps[finite]) * scale, values[finite] / (n_atoms if panel.per_atom else 1)
        has_mean = panel.is_noisy and len(y) >= 10
        width, alpha = (0.7, 0.55) if has_mean else (1.0, 1.0)
        axes.plot(*thinned(x, y), color=panel.colour, lw=width, alpha=alpha, marker="." if len(y) < 4 else None, ms=4)
        if has_mean:
            axes.plot(*thinned(*_running_mean(x, y)), color=panel.colour, lw=1.5)
        drawn.append(y)
    if panel.is_noisy and drawn:
        low, high = np.percentile(np.concatenate(drawn), _ROBUST_PERCENT)
        axes.set_ylim(low - 0.1 * (high - low) - 1e-9, high + 0.1 * (high - low) + 1e-9)


def _running_mean(x: Array, y: Array) -> tuple[Array, Array]:
    width = max(3, len(y) // 20)
    kernel = np.full(width, 1.0 / width)
    return np.convolve(x, kernel, "valid"), np.convolve(y, kernel, "valid")


def _draw_chain_size(axes: Axes, run: RecordedRun, scale: float) -> None:
    for stage in run.history:
        chains = run.chains(stage)
        if chains is not None:
            x, y = thinned((stage.start_ps + chains.time_ps) * scale, np.sqrt(chains.squared_rg_nm2))
            axes.plot(x, y, color=ORANGE, lw=1.2, marker="." if len(x) < 40 else None, ms=3)
    if not axes.lines:
        axes.text(0.5, 0.5, "no frames were stored", color=MUTED, ha="center", va="center", transform=axes.transAxes)
    axes.set_ylabel("chain size √⟨S²⟩\n[nm]")


def _mark_stages(panels: Sequence[Axes], run: RecordedRun, scale: float) -> None:
    """Lines where stages begin, their names on top where there is room, the part used shaded."""
    total_ps = run.history[-1].end_ps
    for axes in panels:
        axes.grid(visible=False, axis="x")
        for stage in run.history[1:]:
            axes.axvline(stage.start_ps * scale, color=GRID, lw=0.8, zorder=0)
    named: list[float] = []
    for stage in sorted(run.history, key=lambda one: (one.role != "sample", -one.duration_ps)):
        place = (stage.start_ps + 0.5 * stage.duration_ps) / max(total_ps, 1e-9)
        if stage.duration_ps > 0 and all(abs(place - other) > _NARROWEST_NAME for other in named):
            named.append(place)
            panels[0].annotate(
                literal(stage.name), (place, 1.0), xycoords="axes fraction", xytext=(0, 4), textcoords="offset points",
                rotation=90, ha="center", va="bottom", fontsize=8.5, color=INK,
            )  # fmt: skip
    sample = run.sample
    first_ps = run.attempt("the part used", lambda: run.first_used_ps(sample)) if sample and sample.thermo else None
    if sample is not None and first_ps is not None:
        for axes in panels:
            axes.axvspan(
                (sample.start_ps + first_ps) * scale, sample.end_ps * scale, color=BLUE, alpha=0.10, lw=0, zorder=0
            )


# -------------------------------------------------------------------- properties


def properties_with_figure(run: RecordedRun) -> tuple[str, ...]:
    """Names of the properties that have a curve or a series to show."""
    names = [curve.property for curve in run.curves]
    sample = run.sample
    for name, series in SERIES_OF.items():
        if run.measurement(name) is not None and sample is not None and series.is_there(sample):
            names.append(name)
    return tuple(sorted(set(names)))


def property_figure(run: RecordedRun, name: str) -> Figure:
    """The curves of a property, those with the same axes together; else the series its value is the mean of.

    Raises:
        NoFigure: There is neither.
    """
    groups = curve_groups([curve for curve in run.curves if curve.property == name])
    with drawing():
        if groups:
            figure = new_figure(6.2, 3.5 * len(groups))
            for axes, group in zip(np.atleast_1d(figure.subplots(len(groups), 1)), groups, strict=True):
                draw_curves(axes, group)
            return figure
        if name in properties_with_figure(run):
            figure = new_figure(6.2, 2.9)
            draw_series(figure.subplots(), run, name)
            return figure
    known = ", ".join(properties_with_figure(run)) or "none of them"
    raise NoFigure(f"study {run.study.key[:12]} has no figure of {name!r}; those with one: {known}")


def curve_groups(curves: Sequence[Curve]) -> list[list[Curve]]:
    """Curves that share axes: those whose axes have the same names, and the fit `NAME_...` of a curve NAME."""
    groups: list[list[Curve]] = []
    for curve in curves:
        for group in groups:
            same_y = curve.y_name == group[0].y_name or any(curve.name.startswith(f"{one.name}_") for one in group)
            if curve.x_name == group[0].x_name and same_y:
                group.append(curve)
                break
        else:
            groups.append([curve])
    return groups


def draw_curves(axes: Axes, curves: Sequence[Curve]) -> None:
    """Draw curves that share their axes."""
    for place, curve in enumerate(curves):
        formula = "" if curve.y_name == curves[0].y_name else f": {axis_text(curve.y_name)}"
        dashes = ("-", "--", ":")[place // len(SERIES) % 3]
        _draw_curve(axes, curve, literal(plain(curve.name) + formula), SERIES[place % len(SERIES)], dashes)
    for axis in ("x", "y"):
        if any(axis in curve.log for curve in curves):
            _make_logarithmic(axes, axis)
    label(axes, axis_text(curves[0].x_name), axis_text(curves[0].y_name))
    if len(curves) > 1:
        axes.legend()


def _make_logarithmic(axes: Axes, axis: str) -> None:
    """A logarithmic axis with plain numbers where these are short, and at least a few of them."""
    getattr(axes, f"set_{axis}scale")("log", nonpositive="mask")
    low, high = getattr(axes, f"get_{axis}lim")()
    ticks = getattr(axes, f"{axis}axis")
    if high / low < _FEW_DECADES:
        ticks.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    if low > _PLAIN_NUMBERS[0] and high < _PLAIN_NUMBERS[1]:
        ticks.set_major_formatter("{x:g}")
    ticks.set_minor_formatter(NullFormatter())


def _draw_curve(axes: Axes, curve: Curve, name: str, colour: str, dashes: str) -> None:
    x, y = np.array(curve.x), np.array(curve.y)
    error = None if curve.y_stderr is None else np.array(curve.y_stderr)
    if curve.kind == "bars":
        width = 0.9 * float(np.diff(x).min()) if len(x) > 1 else 0.8
        axes.bar(x, y, width=width, yerr=error, color=colour, alpha=0.75, ecolor=MUTED, label=name)
    elif curve.kind == "points":
        axes.errorbar(x, y, yerr=error, fmt="o", ms=4, color=colour, capsize=2, elinewidth=1, label=name, zorder=3)
    else:
        axes.plot(x, y, dashes, color=colour, label=name)
        if error is not None:
            axes.fill_between(x, y - error, y + error, color=colour, alpha=0.2, lw=0)


@dataclass(frozen=True)
class Series:
    """How the series behind a mean is found in a stage."""

    label: str
    """What it is, with its unit."""
    column: str | None
    """Column of the table it comes from; none where it comes from the frames."""
    value: Callable[[Array], Array]
    """From that column, or from the squared radius of gyration, to the quantity."""

    def is_there(self, stage: RecordedStage) -> bool:
        """Whether the stage recorded what it comes from."""
        return self.column in stage.thermo if self.column is not None else stage.has_frames


SERIES_OF: dict[str, Series] = {
    "density": Series("density [g/cm³]", "density_g_cm3", lambda density: density),
    "specific_volume": Series("specific volume [cm³/g]", "density_g_cm3", lambda density: 1.0 / density),
    "radius_of_gyration": Series("chain size √⟨S²⟩ [nm]", None, np.sqrt),
}
"""Property -> the series its value is the mean of."""


def draw_series(axes: Axes, run: RecordedRun, name: str) -> None:
    """Draw the series over the sampling stage, and the value with its error as a band over the part used.

    Raises:
        NoFigure: The stage did not record it.
        NotEnoughData: It is not finite.
    """
    series, stage, measurement = SERIES_OF[name], run.sample, run.measurement(name)
    if stage is None or measurement is None:
        raise NoFigure(f"there is no series of {name}")
    if series.column is not None:
        time_ps, raw = stage.thermo["time_ps"], stage.thermo[series.column]
    else:
        chains = run.chains(stage)
        if chains is None:
            raise NoFigure(f"the frames of stage {stage.name!r} cannot be read")
        time_ps, raw = chains.time_ps, chains.squared_rg_nm2
    values = series.value(raw)
    first = first_relaxed_frame(raw if series.column is None else values)  # as the property does
    scale, unit = (1e-3, "ns") if stage.duration_ps > _NS_FROM_PS else (1.0, "ps")
    axes.plot(*thinned(time_ps * scale, values), color=BLUE, lw=0.9)
    _draw_mean(axes, measurement, time_ps[first] * scale, time_ps[-1] * scale)
    axes.axvspan(time_ps[first] * scale, time_ps[-1] * scale, color=BLUE, alpha=0.08, lw=0, zorder=0)
    axes.set_xlim(time_ps[0] * scale, time_ps[-1] * scale)
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, 1.16), borderaxespad=0.0)
    label(axes, f"time in stage {stage.name} [{unit}]; shaded: used for the mean", series.label)


def _draw_mean(axes: Axes, measurement: Measurement, start: float, end: float) -> None:
    value, stderr = measurement.value, measurement.stderr
    text = f"mean {with_error(value, stderr)} {unit_text(measurement.unit)}"
    axes.plot([start, end], [value, value], color=VERMILION, lw=1.6, label=literal(text))
    if stderr is not None:
        axes.fill_between([start, end], value - stderr, value + stderr, color=VERMILION, alpha=0.22, lw=0)


def _say_instead(axes: Axes, message: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, literal(message), color=MUTED, ha="center", va="center", wrap=True, transform=axes.transAxes)


def _short(text: str, longest: int = 60) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
