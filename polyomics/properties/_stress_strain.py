"""What the properties of a stretched cell share: the curves at every rate, what they tell, what speaks against them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.statistics import Estimate, estimate_mean
from polyomics.analysis.stress_strain import (
    Elastic,
    Pull,
    RateDependence,
    Smooth,
    YieldPoint,
    elastic,
    pull,
    rate_dependence,
    smooth,
    yield_point,
)
from polyomics.errors import NotEnoughData, NotIdentifiable, StepFailed
from polyomics.properties._isotropy import refuse_oriented
from polyomics.properties.property import MeasurementContext
from polyomics.records import Curve
from polyomics.simulation import Simulation
from polyomics.stage_output import StageOutput

Array = NDArray[np.float64]

PROBE = "stress_strain"
ROLE = "stretch"
MPA_IN_GPA = 1e-3
NOISY_ABOVE = 0.25
"""Relative error from which on a value is flagged `noisy`."""
SOUND_NM_PS = 1.5
"""Slow speed of sound of a polymer [nm/ps]."""
FAST_ABOVE = 0.01
"""Strain while sound crosses the cell, from which on a stretch is flagged `fast`."""
LATERAL_ERRORS, LATERAL_BAR = 3.0, 20.0
"""The mean lateral stress is off if it misses minus the pressure by as many errors, and by as much."""
WARM_ABOVE = 0.02
"""Relative rise of the mean temperature from which on a stretch is flagged `heated`."""

STRAIN, STRESS, RATE = "strain", "stress [MPa]", "strain rate [1/s]"


@dataclass(frozen=True, eq=False)
class AtRate:
    """All stretches at one rate."""

    rate_per_s: float
    """Rate of engineering strain [1/s]."""
    pulls: tuple[Pull, ...]
    """One per stretch."""
    elastic: Elastic
    """Their elastic part."""
    flags: tuple[str, ...]
    """`fast`, `heated`, `sides_off_pressure`, `cut_short`."""

    def yield_point(self) -> YieldPoint:
        """Where they yield; see `analysis.stress_strain.yield_point`."""
        return yield_point(self.pulls, self.elastic)

    def smooth(self) -> Smooth:
        """Their mean curve, smoothed."""
        return smooth(self.pulls)


@dataclass(frozen=True, eq=False)
class Stretched:
    """Stretches of one cell at one temperature, from the fastest to the slowest rate."""

    rates: tuple[AtRate, ...]
    """At least one; the last is the slowest, which values are taken from."""
    cut_short: str
    """What to add to a failure where stretches ended early; empty where none did."""

    @property
    def slowest(self) -> AtRate:
        """Stretches at the slowest rate."""
        return self.rates[-1]


def stretched(simulation: Simulation, context: MeasurementContext, property_name: str) -> Stretched:
    """The stretches at the temperature of the context; read and fitted once for all properties.

    Raises:
        NotIsotropic: The cell has a direction.
        NotEnoughData: There are no stretches at that temperature, or they are too short for a line.
    """
    refuse_oriented(simulation, property_name)
    return simulation.once(f"stretched at {context.temperature_k} K", lambda: _read(simulation, context.temperature_k))


def answer(
    found: Stretched, name: str, curves: Callable[[], list[Curve]], value_at: Callable[[AtRate], Estimate]
) -> tuple[Estimate, list[Curve]]:
    """The value at the slowest rate, compared with those at the others.

    Args:
        found: The stretches.
        name: Registered name of the property.
        curves: The curves that show what was measured, also where there is no value.
        value_at: The value at one rate.

    Raises:
        NotIdentifiable: There is no value at the slowest rate, or values go with the rate as those of a liquid do.
        NotEnoughData: The curves are too short.
    """
    shown = curves()
    try:
        value = value_at(found.slowest)
    except StepFailed as error:
        raise type(error)(f"{error}{found.cut_short}", shown) from error
    known = [(found.slowest.rate_per_s, value), *_others(found, value_at)]
    shown += _over_rate(name, known)
    dependence = rate_dependence(*zip(*known, strict=True))
    _refuse_liquid(name, dependence, shown)
    moduli = [one.elastic.modulus_mpa for one in found.rates]
    _refuse_liquid("the tensile modulus", rate_dependence([one.rate_per_s for one in found.rates], moduli), shown)
    return replace(value, flags=(*value.flags, *found.slowest.flags, *_flags(value, dependence))), shown


def stress_curves(found: Stretched, name: str, *, fit: bool = False) -> list[Curve]:
    """Smoothed curves at every rate, the means of the slowest as points, and the elastic line if asked for."""
    curves = []
    for one in found.rates:
        try:
            made = one.smooth()
        except NotEnoughData:
            continue
        label = f"{name}_curve_{one.rate_per_s:.1e}_per_s"
        curves.append(_curve(label, name, made.strain, made.stress_mpa, STRESS, made.stderr_mpa))
        if one is found.slowest:
            curves.append(_curve(f"{name}_curve_points", name, made.strain, made.mean_mpa, STRESS, kind="points"))
    if fit:
        line = found.slowest.elastic
        ends = np.array([0.0, line.window])
        heights = line.intercept_mpa + line.modulus_mpa.mean * ends
        curves.append(_curve(f"{name}_curve_fit", name, ends, heights, STRESS))
    return curves


def contraction_curves(found: Stretched, name: str) -> list[Curve]:
    """Mean lateral strain over strain at the slowest rate, and the line whose slope is minus Poisson's ratio."""
    pulls = found.slowest.pulls
    window = 2.0 * found.slowest.elastic.window
    n = min(int((one.strain <= window).sum()) for one in pulls)
    strain, lateral = pulls[0].strain[:n], np.mean([one.lateral_strain[:n] for one in pulls], axis=0)
    each = max(1, n // 40)
    rows = n // each * each
    points = [values[:rows].reshape(-1, each).mean(axis=1) for values in (strain, lateral)]
    y_name = "lateral strain"
    curves = [_curve(f"{name}_curve", name, points[0], points[1], y_name, kind="points")]
    poisson = found.slowest.elastic.poisson
    if poisson is not None:
        ends = np.array([0.0, found.slowest.elastic.window])
        curves.append(_curve(f"{name}_curve_fit", name, ends, -poisson.mean * ends, y_name))
    return curves


def yield_marks(found: Stretched, name: str) -> list[Curve]:
    """The curves, and the yield point of each rate that has one."""
    curves = stress_curves(found, name)
    places = []
    for one in found.rates:
        try:
            point = one.yield_point()
        except StepFailed:
            continue
        places.append((point.strain.mean + point.toe, point.stress_mpa))
    if places:
        order = sorted(places, key=lambda place: place[0])
        strains, stresses = np.array([x for x, _ in order]), [y for _, y in order]
        errors = np.array([one.stderr or 0.0 for one in stresses])
        heights = np.array([one.mean for one in stresses])
        curves.append(_curve(f"{name}_curve_yield", name, strains, heights, STRESS, errors, kind="points"))
    return curves


def _others(found: Stretched, value_at: Callable[[AtRate], Estimate]) -> list[tuple[float, Estimate]]:
    """Values at the faster rates, where there is one."""
    known = []
    for one in found.rates[:-1]:
        try:
            known.append((one.rate_per_s, value_at(one)))
        except StepFailed:
            continue
    return known


def _refuse_liquid(name: str, dependence: RateDependence | None, shown: Sequence[Curve]) -> None:
    if dependence is not None and dependence.flows:
        raise NotIdentifiable(
            f"{name} goes with the rate of strain to the power {dependence.power:.2f} ± {dependence.stderr:.2f}: that "
            "is the viscous flow of a liquid, not the elasticity of a solid; ask for it below the glass transition",
            shown,
        )


def _flags(value: Estimate, dependence: RateDependence | None) -> tuple[str, ...]:
    flags: tuple[str, ...] = ()
    if dependence is None:
        flags += ("one_rate",)
    elif dependence.is_significant:
        flags += ("rate_dependent",)
    if value.stderr is None or value.stderr > NOISY_ABOVE * abs(value.mean):
        flags += ("noisy",)
    return flags


def _over_rate(name: str, known: Sequence[tuple[float, Estimate]]) -> list[Curve]:
    """Values over rates, and the power law through them."""
    order = sorted(known, key=lambda one: one[0])
    rates, values = np.array([rate for rate, _ in order]), np.array([value.mean for _, value in order])
    errors = np.array([value.stderr or 0.0 for _, value in order])
    label, y_name = f"{name}_over_rate", f"{name} at this rate"
    curves = [_curve(label, name, rates, values, y_name, errors, kind="points", x_name=RATE, log=("x",))]
    dependence = rate_dependence(rates.tolist(), [value for _, value in order])
    if dependence is not None:
        weights = (values / np.maximum(errors, 1e-12)) ** 2
        middle = float(weights @ (np.log(values) - dependence.power * np.log(rates)) / weights.sum())
        places = np.geomspace(0.1 * rates[0], rates[-1], 20)
        law = np.exp(middle + dependence.power * np.log(places))
        curves.append(_curve(f"{label}_fit", name, places, law, y_name, x_name=RATE, log=("x",)))
    return curves


def _curve(
    label: str,
    name: str,
    x: Array,
    y: Array,
    y_name: str,
    stderr: Array | None = None,
    *,
    kind: Any = "line",
    x_name: str = STRAIN,
    log: Any = (),
) -> Curve:
    return Curve(
        name=label,
        property=name,
        x_name=x_name,
        y_name=y_name,
        x=tuple(np.asarray(x, dtype=np.float64).tolist()),
        y=tuple(np.asarray(y, dtype=np.float64).tolist()),
        y_stderr=None if stderr is None else tuple(stderr.tolist()),
        kind=kind,
        log=log,
    )


def _read(simulation: Simulation, temperature_k: float) -> Stretched:
    outputs = [
        one
        for one in simulation.outputs(ROLE)
        if one.stage["temperature_k"] == temperature_k and one.stage["pressure_bar"] is not None
    ]
    if not outputs:
        found = sorted({float(one.stage["temperature_k"]) for one in simulation.outputs(ROLE)})
        raise NotEnoughData(
            f"there is no stretch with free sides at {temperature_k:g} K, but at "
            f"{', '.join(f'{one:g} K' for one in found) or 'none'}; ask for that temperature"
        )
    by_rate: dict[float, list[StageOutput]] = {}
    for one in outputs:
        by_rate.setdefault(float(one.stage["strain_rate_per_ns"]) * 1e9, []).append(one)
    cut_short = _cut_short(outputs)
    rates, failures = [], []
    for rate in sorted(by_rate, reverse=True):
        try:
            rates.append(_at_rate(rate, by_rate[rate]))
        except NotEnoughData as error:
            failures.append(error)
    if not rates or rates[-1].rate_per_s > min(by_rate):
        raise NotEnoughData(f"{failures[-1]}{cut_short}") from failures[-1]
    return Stretched(tuple(rates), cut_short)


def _at_rate(rate_per_s: float, outputs: Sequence[StageOutput]) -> AtRate:
    tables = [(one, one.joined("stress")) for one in outputs]
    if any(not table for _, table in tables):
        raise NotEnoughData("a stretch has no rows of stress")
    pulls = tuple(
        pull(table["strain"], table["stress_bar"], table["box_nm"], "xyz".index(one.stage["axis"]))
        for one, table in tables
    )
    flags: list[str] = []
    for one, table in tables:
        flags += _flags_of(one, table, rate_per_s)
    return AtRate(rate_per_s, pulls, elastic(pulls), tuple(dict.fromkeys(flags)))


def _flags_of(output: StageOutput, table: dict[str, Array], rate_per_s: float) -> list[str]:
    """What speaks against one stretch."""
    flags = []
    axis = "xyz".index(output.stage["axis"])
    longest_nm = float(table["box_nm"][:, axis].max())
    if rate_per_s * 1e-12 * longest_nm / SOUND_NM_PS > FAST_ABOVE:
        flags.append("fast")
    wanted_k = float(output.stage["temperature_k"])
    if float(table["temperature_k"].mean()) > wanted_k * (1.0 + WARM_ABOVE):
        flags.append("heated")
    sides = [index for index in range(3) if index != axis]
    lateral = estimate_mean(table["stress_bar"][:, sides].mean(axis=1), discard_start=False)
    off_bar = abs(lateral.mean + float(output.stage["pressure_bar"]))
    if lateral.stderr is not None and off_bar > max(LATERAL_BAR, LATERAL_ERRORS * lateral.stderr):
        flags.append("sides_off_pressure")
    if _stopped(output):
        flags.append("cut_short")
    return flags


def _stopped(output: StageOutput) -> bool:
    return any(segment.get("stopped") for segment in output.segments)


def _cut_short(outputs: Sequence[StageOutput]) -> str:
    """A clause that says why stretches ended early and how large a cell does not; empty where none did."""
    stopped = [one for one in outputs if _stopped(one)]
    if not stopped:
        return ""
    needed = [segment["needed_side_nm"] for one in stopped for segment in one.segments if "needed_side_nm" in segment]
    reached = [float(table["strain"].max()) for table in (one.joined("stress") for one in stopped) if table]
    strain = max(reached, default=0.0)
    wide = f" of at least {max(needed):.2f} nm" if needed else ""
    return (
        f"; {len(stopped)} of {len(outputs)} stretches ended at a strain of {strain:.3g} or before, where the sides "
        f"had shrunk to twice the cut-off: take a cell with edges{wide}, or a shorter cut-off"
    )
