"""Stages of heat flow as arrays, as conductivities, and as curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyomics.analysis.heat_flow import (
    Conductivity,
    HeatFlow,
    Steady,
    at_one_length,
    conductivity,
    of_infinite_length,
    steady,
)
from polyomics.analysis.statistics import Estimate
from polyomics.errors import CorruptFile, NotEnoughData, OutOfReach, StepFailed
from polyomics.records import Curve
from polyomics.simulation import Simulation
from polyomics.stage_output import StageOutput
from polyomics.trajectory import REPAIR

PROPERTY = "thermal_conductivity"
SAME_LENGTH = 0.05
"""Cells whose lengths differ by less than this part are of one length."""
_DISTANCE, _TEMPERATURE = "distance from the hot slab [nm]", "temperature [K]"


@dataclass(frozen=True)
class ConductivityOfCell:
    """The conductivity of the bulk, and the curves behind it."""

    value: Estimate
    """[W/(m K)]."""
    curves: tuple[Curve, ...]
    """Temperature profiles with their lines, and 1/κ over 1/L."""


def heat_flow_of(output: StageOutput) -> HeatFlow:
    """The arrays of a stage of heat flow.

    Raises:
        OutOfReach: The cell was too short for the stage, which says so.
        NotEnoughData: The stage left nothing.
        CorruptFile: A file is missing, or is not what the manifest says.
    """
    name = output.stage.get("name", "?")
    refused = next((segment["refused"] for segment in output.segments if "refused" in segment), None)
    if refused is not None:
        raise OutOfReach(f"stage {name!r} was not run: {refused}")
    heat = output.joined("heat")
    if not heat:
        raise NotEnoughData(f"stage {name!r} left no heat flow; run the study again")
    thermo = output.thermo
    if not len(thermo["time_ps"]):
        raise NotEnoughData(f"stage {name!r} left no energies; set a shorter report_ps")
    try:
        return HeatFlow(
            time_ps=heat["time_ps"],
            kinetic_kj_mol=heat["kinetic_energy_kj_mol"],
            degrees=heat["degrees_of_freedom"],
            hot_kj_mol=heat["hot_kj_mol"],
            cold_kj_mol=heat["cold_kj_mol"],
            box_nm=np.array([thermo[f"box_{axis}_nm"][-1] for axis in "xyz"]),
            energy_time_ps=thermo["time_ps"],
            energy_kj_mol=thermo["potential_energy_kj_mol"] + thermo["kinetic_energy_kj_mol"],
        )
    except KeyError as error:
        raise CorruptFile(f"the heat flow in {output.folder} lacks {error}; {REPAIR}") from error


def conductivity_of(simulation: Simulation) -> ConductivityOfCell:
    """Conductivity of the bulk from all stages of heat flow, worked out once.

    Raises:
        StepFailed: No stage gives one, or they cannot be extrapolated; the error has the curves.
    """
    return simulation.once("thermal conductivity", lambda: _conductivity_of(simulation.outputs("heat_flow")))


def _conductivity_of(outputs: tuple[StageOutput, ...]) -> ConductivityOfCell:
    found: list[Conductivity] = []
    curves: list[Curve] = []
    errors: list[StepFailed] = []
    for output in outputs:
        try:
            flow = steady(heat_flow_of(output))
            curves.append(_profile(str(output.stage["name"]), flow))
            found.append(conductivity(flow))
            curves.append(_line(str(output.stage["name"]), flow))
        except CorruptFile:
            raise
        except StepFailed as error:
            errors.append(error)
    if not found:
        raise type(errors[0])(str(errors[0]), curves=curves)
    lengths_nm, estimates = _by_length(found)
    curves += _over_length(lengths_nm, estimates)
    try:
        value = of_infinite_length(lengths_nm, estimates)
    except StepFailed as error:
        raise type(error)(str(error), curves=curves) from error
    if value.stderr is not None and len(lengths_nm) > 1:
        curves.append(_extrapolation(lengths_nm, estimates, value))
    if errors:
        value = Estimate(**(vars(value) | {"flags": (*value.flags, "stage_left_out")}))
    return ConductivityOfCell(value, tuple(curves))


def _by_length(found: list[Conductivity]) -> tuple[list[float], list[Estimate]]:
    """Conductivities of every length, shortest first, those of its gradients combined."""
    groups: list[list[Conductivity]] = []
    for one in sorted(found, key=lambda one: one.length_nm):
        if groups and one.length_nm < (1.0 + SAME_LENGTH) * groups[-1][0].length_nm:
            groups[-1].append(one)
        else:
            groups.append([one])
    lengths_nm = [float(np.mean([one.length_nm for one in group])) for group in groups]
    several = any(len(group) > 1 for group in groups)
    return lengths_nm, [at_one_length(group) if len(group) > 1 or not several else group[0].value for group in groups]


def _profile(stage: str, flow: Steady) -> Curve:
    folded = flow.folded_k
    error = folded.std(axis=0, ddof=1) / np.sqrt(len(folded))
    return Curve(
        name=f"temperature_profile_{stage}",
        property=PROPERTY,
        x_name=_DISTANCE,
        y_name=_TEMPERATURE,
        x=tuple(flow.distance_nm.tolist()),
        y=tuple(folded.mean(axis=0).tolist()),
        y_stderr=tuple(error.tolist()),
        kind="points",
    )


def _line(stage: str, flow: Steady) -> Curve:
    distance_nm, temperature_k = flow.line_k()
    return Curve(
        name=f"temperature_profile_{stage}_line",
        property=PROPERTY,
        x_name=_DISTANCE,
        y_name=_TEMPERATURE,
        x=tuple(distance_nm.tolist()),
        y=tuple(temperature_k.tolist()),
    )


def _over_length(lengths_nm: list[float], estimates: list[Estimate]) -> list[Curve]:
    """Conductivity over length, and 1/κ over 1/L, as they were found."""
    errors = [one.stderr for one in estimates if one.stderr is not None]
    have_errors = len(errors) == len(estimates)
    values = np.array([one.mean for one in estimates])
    raw = Curve(
        name="conductivity_over_length",
        property=PROPERTY,
        x_name="length of the cell [nm]",
        y_name="thermal conductivity [W/(m K)]",
        x=tuple(lengths_nm),
        y=tuple(values.tolist()),
        y_stderr=tuple(errors) if have_errors else None,
        kind="points",
    )
    inverse = Curve(
        name="resistivity_over_inverse_length",
        property=PROPERTY,
        x_name="1 / length of the cell [1/nm]",
        y_name="thermal resistivity [m K/W]",
        x=tuple(1.0 / length for length in reversed(lengths_nm)),
        y=tuple((1.0 / values[::-1]).tolist()),
        y_stderr=tuple((np.array(errors) / values**2)[::-1].tolist()) if have_errors else None,
        kind="points",
    )
    return [raw, inverse]


def _extrapolation(lengths_nm: list[float], estimates: list[Estimate], value: Estimate) -> Curve:
    """The line from the bulk's resistivity to that of the shortest cell."""
    weights = [(one.mean**2 / one.stderr) ** 2 if one.stderr else 0.0 for one in estimates]
    inverse_nm = 1.0 / np.array(lengths_nm)
    rise = np.array([1.0 / one.mean for one in estimates]) - 1.0 / value.mean
    slope = float((weights * inverse_nm) @ rise / ((weights * inverse_nm) @ inverse_nm))
    places = np.array([0.0, float(inverse_nm.max())])
    line = 1.0 / value.mean + slope * places
    return Curve(
        name="resistivity_over_inverse_length_line",
        property=PROPERTY,
        x_name="1 / length of the cell [1/nm]",
        y_name="thermal resistivity [m K/W]",
        x=tuple(places.tolist()),
        y=tuple(line.tolist()),
    )
