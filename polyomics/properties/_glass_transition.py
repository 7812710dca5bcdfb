"""What the properties of the glass transition share: curves over temperature of every cooling rate, and their bends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.glass_transition import (
    GlassTransition,
    Hyperbola,
    NoTransition,
    Points,
    Polynomial,
    fit_hyperbola,
    fit_polynomial,
    glass_transition,
    holds_of,
    points_of_holds,
    window_of,
)
from polyomics.errors import NotEnoughData, NotIdentifiable
from polyomics.properties._thermodynamics import degrees_of_freedom
from polyomics.records import Curve, Measurement
from polyomics.simulation import Simulation
from polyomics.stage_output import StageOutput
from polyomics.units import AMU_PER_NM3_IN_G_CM3, BAR_NM3_IN_KJ_MOL, GAS_CONSTANT_KJ_MOL_K

Array = NDArray[np.float64]

KJ_MOL_AMU_IN_J_G = 1e3
"""An energy of 1 kJ/mol a cell over a mass of 1 amu (1 g/mol) in J/g."""
LEAST_EXPANSION_OF_MELT_PER_K = 4.2e-4
"""Melts of polymers expand by more than this, glasses by less: 5 to 8e-4 and 1.5 to 3.5e-4 1/K."""
COLDEST_TO_BLAME_K = 150.0
"""A window that reaches below this is not too hot to hold a transition."""
FAST_K_PER_NS = 1.0
"""Above this rate Tg is tens of kelvin above that of calorimetry."""
TEMPERATURE = "temperature [K]"
_N_CURVE = 200
_Fit = tuple[str, Hyperbola | Polynomial, float, float]


@dataclass(frozen=True, eq=False)
class CoolingRun:
    """A stepwise cooling at one rate."""

    output: StageOutput
    rate_k_per_ns: float
    pressure_bar: float
    mass_amu: float
    n_degrees: int

    @property
    def label(self) -> str:
        """The rate, fit for the name of a curve."""
        return f"{self.rate_k_per_ns:.0f}_k_per_ns"

    @cached_property
    def hold_of_row(self) -> NDArray[np.int64]:
        """Number of the hold of every row of the table, shape=(n_rows,)."""
        return holds_of(self.output.thermo["time_ps"], float(self.output.stage["hold_ps"]))

    @cached_property
    def temperature_k(self) -> Array:
        """Temperature of every hold [K], shape=(n_holds,)."""
        segments_a_hold = round(float(self.output.stage["hold_ps"]) / float(self.output.stage["segment_ps"]))
        held = [float(segment["held_at_k"]) for segment in self.output.segments]
        return np.array(held[::segments_a_hold])[np.unique(self.hold_of_row)]

    def points(self, series: Array) -> Points:
        """Means of a series of the table at every temperature.

        Raises:
            NotEnoughData: A hold has too few rows, or a value that is not finite.
        """
        return points_of_holds(
            self.temperature_k, [series[self.hold_of_row == hold] for hold in np.unique(self.hold_of_row)]
        )

    @cached_property
    def volume_nm3(self) -> Array:
        """Volume of the cell in every row [nm³]."""
        thermo = self.output.thermo
        return thermo["box_x_nm"] * thermo["box_y_nm"] * thermo["box_z_nm"]

    def log_volumes(self) -> Points:
        """Logarithm of the specific volume in cm³/g over temperature, whose slope is the thermal expansion [1/K]."""
        return self.points(np.log(self.volume_nm3 / (self.mass_amu * AMU_PER_NM3_IN_G_CM3)))

    def enthalpies_j_g(self) -> Points:
        """Classical enthalpy U + K + PV over temperature [J/g], K that of equipartition."""
        kinetic = 0.5 * self.n_degrees * GAS_CONSTANT_KJ_MOL_K * self.temperature_k[self._index_of_row]
        work = self.pressure_bar * BAR_NM3_IN_KJ_MOL * self.volume_nm3
        total = self.output.thermo["potential_energy_kj_mol"] + kinetic + work
        return self.points(total / self.mass_amu * KJ_MOL_AMU_IN_J_G)

    @property
    def _index_of_row(self) -> NDArray[np.intp]:
        return np.unique(self.hold_of_row, return_inverse=True)[1]


def cooling_runs(simulation: Simulation) -> list[CoolingRun]:
    """The coolings of a simulation, the slowest first.

    Raises:
        NotEnoughData: One has no rows.
    """

    def read() -> list[CoolingRun]:
        n_degrees, mass = degrees_of_freedom(simulation), float(simulation.cell.mass_amu)
        runs = []
        for output in simulation.outputs("cooling"):
            record = output.stage
            if not len(output.thermo["time_ps"]):
                raise NotEnoughData(f"the cooling {record['name']!r} left no rows; set a shorter report_ps")
            rate = float(record["step_k"]) / float(record["hold_ps"]) * 1000.0
            runs.append(CoolingRun(output, rate, float(record["pressure_bar"]), mass, n_degrees))
        return sorted(runs, key=lambda run: run.rate_k_per_ns)

    return simulation.once("cooling runs", read)


def volume_transition(simulation: Simulation, run: CoolingRun) -> GlassTransition | NotIdentifiable:
    """The transition in the volume at one rate, or why there is none; worked out once.

    The fit is to ln v: a branch of constant thermal expansion is straight in it, as melts nearly are
    (v ∝ exp(αT) in the usual form of Tait's equation), and its slope is that expansion. Half the difference that a
    fit to v itself makes is added to the error of Tg.
    """

    def seek() -> GlassTransition | NotIdentifiable:
        points = run.log_volumes()
        found = _sought(points, points)
        return found if isinstance(found, NotIdentifiable) else _with_error_of_shape(found)

    return simulation.once(f"glass transition at {run.rate_k_per_ns} K/ns", seek)


def enthalpy_transition(simulation: Simulation, run: CoolingRun) -> GlassTransition | NotIdentifiable:
    """The same for the enthalpy."""
    return simulation.once(
        f"bend of enthalpy at {run.rate_k_per_ns} K/ns", lambda: _sought(run.enthalpies_j_g(), run.log_volumes())
    )


def at_slowest(
    simulation: Simulation,
    seek: Callable[[Simulation, CoolingRun], GlassTransition | NotIdentifiable],
    curves: list[Curve],
) -> tuple[CoolingRun, GlassTransition]:
    """The slowest cooling and its transition.

    Args:
        simulation: What to look at.
        seek: `volume_transition` or `enthalpy_transition`.
        curves: What to keep if there is none.

    Raises:
        NotIdentifiable: It shows none.
    """
    run = cooling_runs(simulation)[0]
    found = seek(simulation, run)
    if isinstance(found, NotIdentifiable):
        raise NotIdentifiable(f"cooled at {run.rate_k_per_ns:.4g} K/ns, {found}", curves=curves) from found
    return run, found


def measurement_of(measurement: Measurement, run: CoolingRun, temperature_k: float | None) -> Measurement:
    """The measurement with the pressure of its cooling, and the temperature it holds at: none for one itself."""
    flags = (*measurement.flags, *(("fast_cooling",) if run.rate_k_per_ns > FAST_K_PER_NS else ()))
    return measurement.model_copy(
        update={"temperature_k": temperature_k, "pressure_bar": run.pressure_bar, "flags": flags}
    )


def branch_k(found: GlassTransition, *, melt: bool) -> float:
    """Mean temperature of the points of a branch [K]."""
    x = found.window.temperature_k
    return float(x[x >= found.fit.melt_above_k if melt else x <= found.fit.glass_below_k].mean())


def volume_curves(simulation: Simulation, property_name: str) -> list[Curve]:
    """Specific volume and density of every rate over temperature, with the fits, or what was tried."""
    curves = []
    for run in cooling_runs(simulation):
        points = run.log_volumes()
        volume = np.exp(points.mean)
        place = {"property": property_name, "x_name": TEMPERATURE, "y_name": "specific volume [cm3/g]"}
        name = f"specific_volume_{run.label}"
        curves.append(_points(name, points, volume, volume * points.stderr, **place))
        curves += _fits(name, points, volume_transition(simulation, run), np.exp, **place)
        density = {**place, "y_name": "density [g/cm3]"}
        curves.append(_points(f"density_{run.label}", points, 1.0 / volume, points.stderr / volume, **density))
    return curves


def enthalpy_curves(simulation: Simulation, property_name: str) -> list[Curve]:
    """Enthalpy, relative to the coldest point, with the fit, and C_p by finite differences, of the slowest rate."""
    run = cooling_runs(simulation)[0]
    points = run.enthalpies_j_g()
    least = float(points.mean[0])
    place = {"property": property_name, "x_name": TEMPERATURE, "y_name": "enthalpy [J/g]"}
    name = f"enthalpy_{run.label}"
    curves = [_points(name, points, points.mean - least, points.stderr, **place)]
    curves += _fits(name, points, enthalpy_transition(simulation, run), lambda values: values - least, **place)
    steps_k = np.diff(points.temperature_k)
    apart = steps_k > 0.0
    middle = 0.5 * (points.temperature_k[1:] + points.temperature_k[:-1])[apart]
    capacity = np.diff(points.mean)[apart] / steps_k[apart] * 1e3
    error = np.hypot(points.stderr[1:], points.stderr[:-1])[apart] / steps_k[apart] * 1e3
    heat = Curve(
        name=f"classical_heat_capacity_{run.label}",
        property=property_name,
        x_name=TEMPERATURE,
        y_name="classical heat capacity [J/(kg K)]",
        x=tuple(middle.tolist()),
        y=tuple(capacity.tolist()),
        y_stderr=tuple(error.tolist()),
        kind="points",
    )
    return [*curves, heat]


def _points(name: str, points: Points, y: Array, y_stderr: Array, **place: Any) -> Curve:
    return Curve(
        name=name,
        x=tuple(points.temperature_k.tolist()),
        y=tuple(y.tolist()),
        y_stderr=tuple(y_stderr.tolist()),
        kind="points",
        **place,
    )


def _fits(
    name: str,
    points: Points,
    found: GlassTransition | NotIdentifiable,
    transform: Callable[[Array], Array],
    **place: Any,
) -> list[Curve]:
    """The hyperbola and the two lines, each up to where they cross; without a transition, what was tried."""
    if isinstance(found, GlassTransition):
        x_window, middle = found.window.temperature_k, found.lines_k.mean
        low, high = float(x_window[0]), float(x_window[-1])
        tried: list[_Fit] = [
            ("hyperbola", found.fit, low, high),
            ("glass_line", found.lines[0], low, max(low, middle)),
            ("melt_line", found.lines[1], min(middle, high), high),
        ]
    else:
        tried = _attempts(points)
    curves = []
    for what, fit, low, high in tried:
        x = np.linspace(low, high, _N_CURVE)
        y = transform(fit.at(x))
        curves.append(Curve(name=f"{name}_{what}", x=tuple(x.tolist()), y=tuple(y.tolist()), **place))
    return curves


def _attempts(points: Points) -> list[_Fit]:
    """Fits that do not tell of a transition."""
    try:
        window = window_of(points)
    except NotIdentifiable:
        return []
    low, high = float(window.temperature_k[0]), float(window.temperature_k[-1])
    return [
        ("tried_hyperbola", fit_hyperbola(window), low, high),
        ("tried_parabola", fit_polynomial(window, 2), low, high),
    ]


def _sought(points: Points, log_volumes: Points) -> GlassTransition | NotIdentifiable:
    try:
        return glass_transition(points)
    except NoTransition as error:
        return NotIdentifiable(f"{error}; {_advice(points, log_volumes, error)}")


def _with_error_of_shape(found: GlassTransition) -> GlassTransition:
    """The transition in ln v, with what is not known of the shape of its branches added to its error."""
    window = found.window
    volume = np.exp(window.mean)
    in_volume = fit_hyperbola(replace(window, mean=volume, stderr=volume * window.stderr))
    half = 0.5 * abs(in_volume.centre_k - found.fit.centre_k)
    stderr = float(np.hypot(found.hyperbola_k.stderr or 0.0, half))
    return replace(found, hyperbola_k=replace(found.hyperbola_k, stderr=stderr))


def _advice(points: Points, log_volumes: Points, error: NoTransition) -> str:
    """Whether the window is too cold, too hot or too short, and what to do."""
    low, high = points.temperature_k[0], points.temperature_k[-1]
    if error.trouble == "no_glass":
        return f"the window is too hot, it shows too little of the glass: cool below {low:.0f} K"
    if error.trouble == "no_melt":
        return f"the window is too cold, it shows too little of the melt: start above {high:.0f} K"
    if error.trouble == "too_short":
        return f"the window from {low:.0f} to {high:.0f} K is too short: let the cooling take more steps"
    if error.trouble == "no_transition":
        expansion = float(fit_polynomial(log_volumes, 1).coefficients[0])
        if expansion <= 0.0:
            return (
                f"the volume does not shrink on cooling ({expansion:.2g} 1/K), so the melt was still relaxing: start "
                "from a longer melt, and cool more slowly"
            )
        if expansion < LEAST_EXPANSION_OF_MELT_PER_K:
            return f"the window is too cold, it expands like a glass ({expansion:.2g} 1/K): start above {high:.0f} K"
        if low > COLDEST_TO_BLAME_K:
            return f"the window is too hot, it expands like a melt ({expansion:.2g} 1/K): cool below {low:.0f} K"
    return (
        f"the window from {low:.0f} to {high:.0f} K is too short for errors as large as these: cool more slowly, take "
        "a larger cell, start higher above the transition or end deeper below it"
    )
