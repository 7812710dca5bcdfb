"""What the elastic properties share: the strained runs, the run with free edges, and when they give no number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.elasticity import (
    BAR_IN_GPA,
    EdgeFluctuations,
    Moduli,
    Relaxation,
    Stiffness,
    StrainRun,
    edge_fluctuations,
    hill,
    in_intervals,
    relaxation,
    stiffness,
    voigt,
)
from polyomics.analysis.slope import disagree
from polyomics.analysis.statistics import Estimate
from polyomics.errors import NotEnoughData, NotIdentifiable, NotIsotropic, OutOfReach
from polyomics.properties._isotropy import refuse_oriented
from polyomics.properties._thermodynamics import compared
from polyomics.properties.property import MeasurementContext
from polyomics.records import Curve
from polyomics.simulation import Simulation
from polyomics.stage_output import StageOutput

Array = NDArray[np.float64]

FEWEST_ERRORS = 3.0
"""A modulus must be so many of its errors above nought to be a number."""
MOST_ANISOTROPY = 1.0
"""Universal anisotropy from which on a cell is not isotropic matter; crystals of argon have 1.2."""
MOST_NONLINEARITY = 0.2
"""Part of the modulus by which it may differ between strains of either sign before that is flagged."""
SMALL_FALL, LARGE_FALL = 0.1, 0.5
"""Fall of a modulus from the first to the second half of what is averaged, as parts of it: from the first on it is
flagged, from the second on there is no number."""
_ERRORS_OF_A_FALL = 2.33
_ERRORS_OF_ITS_BOUND = 1.64
_LARGEST_ASYMMETRY = 2.513
"""χ² of 15 degrees of freedom over 15 that chance exceeds one time in a thousand."""


@dataclass(frozen=True, eq=False)
class Elasticity:
    """One stage of strained runs, analysed."""

    stiffness: Stiffness
    relaxation: Relaxation
    strain: float
    """Size of the strains."""
    others: tuple[Stiffness, ...]
    """What stages with other strains say."""


def elasticity(simulation: Simulation) -> Elasticity:
    """Stiffness and relaxation from the stages of role `strain`; computed once.

    Raises:
        NotEnoughData: The cell was too small to be strained, or the runs are too short.
    """
    return simulation.once("elasticity", lambda: _elasticity(simulation.outputs("strain")))


def _elasticity(outputs: Sequence[StageOutput]) -> Elasticity:
    first, *others = outputs
    runs, relax_ps = _runs(first), float(first.stage["relax_ps"])
    return Elasticity(
        stiffness(runs, relax_ps),
        relaxation(runs, relax_ps),
        float(first.stage["strain"]),
        tuple(stiffness(_runs(other), float(other.stage["relax_ps"])) for other in others),
    )


def _runs(output: StageOutput) -> list[StrainRun]:
    for segment in output.segments:
        if "refused" in segment:
            raise NotEnoughData(str(segment["refused"]))
    return [
        StrainRun(
            component=int(one["component"]),
            strain=float(one["strain"]),
            time_ps=one["time_ps"],
            stress_gpa=one["stress_bar"] * BAR_IN_GPA,
            start=int(one["start"]),
        )
        for one in output.arrays("stress")
    ]


def edges(simulation: Simulation) -> EdgeFluctuations:
    """Fluctuations of the edges in the stage of role `breathe`; computed once.

    Raises:
        NotIdentifiable: The cell flowed, or became too small to go on.
        NotEnoughData: The run is too short.
    """
    return simulation.once("fluctuations of edges", lambda: _edges(simulation.outputs("breathe")[-1]))


def _edges(output: StageOutput) -> EdgeFluctuations:
    for segment in output.segments:
        if "refused" in segment:
            raise NotIdentifiable(str(segment["refused"]))
    return edge_fluctuations(edges_nm(output), float(output.stage["temperature_k"]))


def edges_nm(output: StageOutput) -> Array:
    """Edges of the cell in every row [nm], shape=(n_rows, 3)."""
    return np.array([output.thermo[f"box_{axis}_nm"] for axis in "xyz"]).T


def modulus(
    simulation: Simulation,
    property_name: str,
    y_name: str,
    quantity: Callable[[Moduli], Array],
    of_edges: Callable[[EdgeFluctuations], Estimate],
    *,
    falls_with: str = "shear",
) -> tuple[Estimate, list[Curve]]:
    """A modulus (or Poisson's ratio) of the cell, checked, with its curve over the time after straining.

    Args:
        simulation: The stages of a study.
        property_name: Registered name of the property.
        y_name: What the curve is of, with its unit.
        quantity: The number, from bulk and shear modulus.
        of_edges: The same from fluctuations of edges, to be held against.
        falls_with: Which modulus must have come to rest: "shear" or "bulk".

    Raises:
        NotIsotropic: The cell has a direction, or answers as if it had.
        NotIdentifiable: The stiffness is not that of a solid within its errors.
        OutOfReach: The modulus falls by more than half while it is averaged.
        NotEnoughData: The runs are too short, or the cell is too small.
    """
    refuse_oriented(simulation, property_name)
    found = elasticity(simulation)
    curves = _curves(found, property_name, y_name, quantity)
    _refuse_what_is_no_solid(found, property_name, curves)
    estimate = found.stiffness.estimate(lambda matrix: quantity(hill(matrix)))
    flags = estimate.flags + _flags_of_relaxation(found.relaxation, falls_with, property_name, curves)
    if found.stiffness.asymmetry > _LARGEST_ASYMMETRY:
        flags += ("runs_disagree",)
    if found.stiffness.anisotropy()[1]:
        flags += ("anisotropic",)
    if _is_nonlinear(found, lambda other: other.estimate(lambda matrix: quantity(hill(matrix))), estimate):
        flags += ("outside_linear_response",)
    estimate = replace(estimate, flags=flags)
    if simulation.outputs("breathe"):
        estimate = compared(estimate, lambda: _or_too_little(lambda: of_edges(edges(simulation))))
    return estimate, [*curves, _level(curves[0], found.relaxation, estimate.mean)]


def _or_too_little(compute: Callable[[], Estimate]) -> Estimate:
    try:
        return compute()
    except NotIdentifiable as error:
        raise NotEnoughData(str(error)) from error


def _refuse_what_is_no_solid(found: Elasticity, property_name: str, curves: list[Curve]) -> None:
    averages = {
        "bulk": found.stiffness.estimate(lambda matrix: voigt(matrix).bulk),
        "shear": found.stiffness.estimate(lambda matrix: voigt(matrix).shear),
    }
    for name, average in averages.items():
        if average.mean < FEWEST_ERRORS * (average.stderr or 0.0):
            raise NotIdentifiable(
                f"{property_name} takes a cell that resists; its {name} modulus is {average.mean:.2f} ± "
                f"{average.stderr or 0.0:.2f} GPa, which cannot be told from nought: a melt or rubber flows (ask "
                "below the glass transition), and short runs of a small cell are noisy (take a larger preset)",
                curves,
            )
    if found.stiffness.softest_gpa <= 0.0:
        raise NotIdentifiable(
            f"{property_name} takes a stiffness that resists every strain; its smallest eigenvalue is "
            f"{found.stiffness.softest_gpa:.2f} GPa: the runs are too short for their noise, or the cell yields; "
            "run longer after straining, or strain less",
            curves,
        )
    anisotropy, is_real = found.stiffness.anisotropy()
    if is_real and anisotropy.mean > MOST_ANISOTROPY:
        raise NotIsotropic(
            f"{property_name} is a number only in isotropic matter, and this cell has a universal elastic anisotropy "
            f"of {anisotropy.mean:.2f} ± {anisotropy.stderr or 0.0:.2f}, above {MOST_ANISOTROPY:g}; it is a crystal, "
            "oriented, or far too small",
            curves,
        )


def _flags_of_relaxation(relaxed: Relaxation, which: str, property_name: str, curves: list[Curve]) -> tuple[str, ...]:
    fall, error = relaxed.fall(relaxed.shear_gpa if which == "shear" else relaxed.bulk_gpa)
    if fall > _ERRORS_OF_A_FALL * error and fall > LARGE_FALL:
        averaged_ps = relaxed.time_ps[-1] - relaxed.relax_ps
        raise OutOfReach(
            f"{property_name} is asked of a cell at rest, and its {which} modulus falls by {100 * fall:.0f} ± "
            f"{100 * error:.0f} % from the first to the second half of the {averaged_ps:g} ps averaged: what it falls "
            "to is not seen; relax longer, or ask at a lower temperature",
            curves,
        )
    if fall > _ERRORS_OF_A_FALL * error and fall > SMALL_FALL:
        return ("still_relaxing",)
    return ("relaxation_not_shown",) if max(fall, 0.0) + _ERRORS_OF_ITS_BOUND * error > LARGE_FALL else ()


def _is_nonlinear(found: Elasticity, of_other: Callable[[Stiffness], Estimate], estimate: Estimate) -> bool:
    if any(disagree(estimate, of_other(other)) for other in found.others):
        return True
    part = found.stiffness.nonlinearity()
    return part is not None and abs(part[0]) > max(MOST_NONLINEARITY, 3.0 * part[1])


def _curves(found: Elasticity, property_name: str, y_name: str, quantity: Callable[[Moduli], Array]) -> list[Curve]:
    """The number over the time after straining; where noise leaves no moduli at a time there is no point."""
    relaxed = found.relaxation
    times, bulk, bulk_error = in_intervals(relaxed.time_ps, relaxed.bulk_gpa)
    _, shear, shear_error = in_intervals(relaxed.time_ps, relaxed.shear_gpa)
    values = quantity(Moduli(bulk, shear))
    step = 1e-4 * max(float(np.abs(bulk).max()), float(np.abs(shear).max()))
    by_bulk = (quantity(Moduli(bulk + step, shear)) - values) / step
    by_shear = (quantity(Moduli(bulk, shear + step)) - values) / step
    errors = np.hypot(by_bulk * bulk_error, by_shear * shear_error)
    kept = np.isfinite(values) & np.isfinite(errors) & (errors < 10.0 * max(float(np.median(np.abs(values))), 1e-12))
    return [
        Curve(
            name=f"{property_name}_after_straining",
            property=property_name,
            x_name="time after straining [ps]",
            y_name=y_name,
            x=tuple(times[kept].tolist()),
            y=tuple(values[kept].tolist()),
            y_stderr=tuple(errors[kept].tolist()),
            kind="points",
            log=("x",),
        )
    ]


def _level(points: Curve, relaxed: Relaxation, value: float) -> Curve:
    """The value, drawn over the times it is averaged over."""
    times = relaxed.time_ps[relaxed.is_averaged]
    drawn = {"x": (float(times[0]), float(times[-1])), "y": (value, value), "y_stderr": None, "kind": "line"}
    return points.model_copy(update={"name": f"{points.name}_value", **drawn})


def at_stage(context: MeasurementContext, simulation: Simulation, role: str) -> MeasurementContext:
    """The context at the temperature and pressure of the stage of a role."""
    stage = simulation.outputs(role)[-1].stage
    return context.model_copy(
        update={"temperature_k": float(stage["temperature_k"]), "pressure_bar": stage["pressure_bar"]}
    )
