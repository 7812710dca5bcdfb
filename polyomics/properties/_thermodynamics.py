"""What the thermodynamic properties share: fluctuations, slopes over temperature, the quantum correction."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.fluctuations import Fluctuations, fluctuations
from polyomics.analysis.slope import Line, disagree, line_through
from polyomics.analysis.statistics import Estimate, estimate_mean
from polyomics.analysis.thermal_response import KJ_MOL_K_AMU_IN_J_KG_K, ThermalResponse
from polyomics.analysis.vibrations import overcounted_modes
from polyomics.cell.cell import Cell
from polyomics.errors import InvalidSettings, NotEnoughData
from polyomics.properties.property import MeasurementContext
from polyomics.records import Curve
from polyomics.simulation import Simulation, Spectrum
from polyomics.trajectory import Trajectory
from polyomics.units import AMU_PER_NM3_IN_G_CM3, BAR_NM3_IN_KJ_MOL, GAS_CONSTANT_KJ_MOL_K

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ResponseOfCell:
    """The fluctuations of the stage, and what turns them into response functions."""

    fluctuations: Fluctuations
    temperature_k: float
    n_degrees: int
    mass_amu: float

    def estimate(self, quantity: Callable[[ThermalResponse], float]) -> Estimate:
        """A response function with its standard error."""
        return self.fluctuations.estimate(
            lambda moments: quantity(ThermalResponse(moments, self.temperature_k, self.n_degrees, self.mass_amu))
        )


def response_of_cell(simulation: Simulation, context: MeasurementContext) -> ResponseOfCell:
    """The fluctuations that all response functions of a simulation are made from.

    Raises:
        NotEnoughData: Fluctuations cannot be told, or numbers are not finite.
    """

    def compute() -> ResponseOfCell:
        sample = simulation.sample
        volume_nm3 = volumes_nm3(sample)
        enthalpy = configurational_enthalpies_kj_mol(sample, context)
        cell = simulation.cell
        return ResponseOfCell(
            fluctuations(volume_nm3, enthalpy), context.temperature_k, degrees_of_freedom(simulation), cell.mass_amu
        )

    return simulation.once(f"response_of_cell at {context.temperature_k} K, {context.pressure_bar} bar", compute)


def volumes_nm3(stage: Trajectory) -> Array:
    """Volume of the box in every row [nm³], shape=(n_rows,)."""
    thermo = stage.thermo
    return thermo["box_x_nm"] * thermo["box_y_nm"] * thermo["box_z_nm"]


def specific_volumes_cm3_g(stage: Trajectory) -> Array:
    """Volume of the box over the mass of the cell in every row [cm³/g], shape=(n_rows,)."""
    return volumes_nm3(stage) / (stage.cell.mass_amu * AMU_PER_NM3_IN_G_CM3)


def configurational_enthalpies_kj_mol(stage: Trajectory, context: MeasurementContext) -> Array:
    """Potential energy plus pressure times volume in every row [kJ/mol], shape=(n_rows,).

    Raises:
        InvalidSettings: The context has no pressure.
    """
    if context.pressure_bar is None:
        raise InvalidSettings("an enthalpy takes the pressure that the stage was held at; the context has none")
    work: Array = context.pressure_bar * BAR_NM3_IN_KJ_MOL * volumes_nm3(stage)
    return stage.thermo["potential_energy_kj_mol"] + work


def degrees_of_freedom(simulation: Simulation) -> int:
    """Degrees of freedom with kinetic energy: three an atom less the constraints, which all bonds to hydrogen are."""
    return simulation.spectrum.n_modes if simulation.spectrum else _degrees_of_freedom(simulation.cell)


def _degrees_of_freedom(cell: Cell) -> int:
    is_hydrogen = cell.atomic_numbers == 1
    constrained = is_hydrogen[cell.bonds].any(axis=1) if len(cell.bonds) else np.zeros(0)
    return 3 * cell.n_atoms - int(constrained.sum())


def line_over_temperature(
    simulation: Simulation, context: MeasurementContext, series: Callable[[Trajectory], Array]
) -> tuple[Line, list[Estimate]]:
    """A line through the means of a series at the neighbouring temperatures and at the sample's, and these means.

    Raises:
        NotEnoughData: The temperatures do not differ, or there is nothing to average.
        InvalidSettings: The stages were held at different pressures.
    """
    stages = (*simulation.neighbours, simulation.sample)
    pressures = {stage.stage.get("pressure_bar") for stage in stages}
    if len(pressures) > 1:
        raise InvalidSettings(
            f"a slope at constant pressure takes stages at one pressure; these are at {sorted(map(str, pressures))} bar"
        )
    temperatures = [float(stage.stage["temperature_k"]) for stage in simulation.neighbours]
    temperatures.append(context.temperature_k)
    order = np.argsort(temperatures, kind="stable")
    means = [estimate_mean(series(stages[i])) for i in order]
    return line_through(np.array(temperatures)[order], means), means


def curves_of_line(name: str, property_name: str, y_name: str, line: Line, means: list[Estimate]) -> list[Curve]:
    """The points with their errors, and the line through them."""
    errors = [mean.stderr for mean in means if mean.stderr is not None]
    points = Curve(
        name=name,
        property=property_name,
        x_name="temperature [K]",
        y_name=y_name,
        x=tuple(line.x.tolist()),
        y=tuple(mean.mean for mean in means),
        y_stderr=tuple(errors) if len(errors) == len(means) else None,
        kind="points",
    )
    fit = {"name": f"{name}_line", "y": tuple(line.y.tolist()), "y_stderr": None, "kind": "line"}
    return [points, points.model_copy(update=fit)]


def compared(estimate: Estimate, independent: Callable[[], Estimate]) -> Estimate:
    """The estimate, flagged `methods_disagree` where an independent one, if there is one, is too far from it."""
    try:
        other = independent()
    except NotEnoughData:
        return estimate
    if disagree(estimate, other):
        return replace(estimate, flags=(*estimate.flags, "methods_disagree"))
    return estimate


def quantum_corrected(classical: Estimate, simulation: Simulation, context: MeasurementContext) -> Estimate:
    """A classical specific heat capacity [J/(kg K)] less what its vibrations have too much, errors combined.

    With a single window of velocities the error of the correction is not known, and so neither is that of the
    result (`one_window`).

    Raises:
        NotEnoughData: The spectrum is not finite.
    """
    spectrum = _spectrum(simulation)
    to_specific = GAS_CONSTANT_KJ_MOL_K / simulation.cell.mass_amu * KJ_MOL_K_AMU_IN_J_KG_K
    too_much = to_specific * np.array(
        [overcounted_modes(spectrum.wave_numbers_cm, window, context.temperature_k) for window in spectrum.modes_per_cm]
    )
    value = classical.mean - float(too_much.mean())
    if len(too_much) < 2:
        return replace(classical, mean=value, stderr=None, flags=(*classical.flags, "one_window"))
    if classical.stderr is None:
        return replace(classical, mean=value)
    between_windows = float(too_much.std(ddof=1) / np.sqrt(len(too_much)))
    return replace(classical, mean=value, stderr=float(np.hypot(classical.stderr, between_windows)))


def density_of_states_curve(simulation: Simulation, property_name: str) -> Curve:
    """The density of states, averaged over windows, with the error of that mean.

    Raises:
        NotEnoughData: The spectrum is not finite.
    """
    spectrum = _spectrum(simulation)
    windows = spectrum.modes_per_cm
    error = windows.std(axis=0, ddof=1) / np.sqrt(len(windows)) if len(windows) > 1 else None
    return Curve(
        name="vibrational_density_of_states",
        property=property_name,
        x_name="wave number [1/cm]",
        y_name="modes of the cell [cm]",
        x=tuple(spectrum.wave_numbers_cm.tolist()),
        y=tuple(windows.mean(axis=0).tolist()),
        y_stderr=None if error is None else tuple(error.tolist()),
    )


def _spectrum(simulation: Simulation) -> Spectrum:
    spectrum = simulation.spectrum
    if spectrum is None:
        raise InvalidSettings("the quantum correction needs a stage of role 'vibrations'")
    if not np.isfinite(spectrum.modes_per_cm).all():
        raise NotEnoughData(
            "the vibrational density of states holds a value that is not finite; the stage is damaged: delete its "
            "folder and run the study again"
        )
    return spectrum
