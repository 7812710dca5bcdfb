"""What the properties of the probe `dielectric_relaxation` share: the recorded dipole, correlation and spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.dielectric import check_neutral, refractive_index
from polyomics.analysis.dielectric_relaxation import (
    Correlation,
    Permittivity,
    dipole_correlation,
    loss_tangent_at,
    permittivity,
    reachable_frequencies_ghz,
    refuse_unreachable,
)
from polyomics.analysis.statistics import Estimate
from polyomics.errors import NotEnoughData, StepFailed
from polyomics.properties._isotropy import refuse_oriented
from polyomics.properties.property import Ensemble, MeasurementContext, Property, Result
from polyomics.records import Curve
from polyomics.simulation import Simulation

Array = NDArray[np.float64]

FREQUENCY = "frequency [GHz]"
STATED_GHZ = (1.0, 10.0, 1000.0)
"""Frequencies that have a property of their own."""
AVERAGED_PS = 0.2
"""The relaxation time is that of the dipole averaged over this time [ps]: bonds that vibrate do not relax."""
_ALIKE = 1e-9
_N_POINTS = 80


@dataclass(frozen=True, eq=False)
class DipoleRun:
    """The dipole of the cell over time."""

    moments_e_nm: Array
    """Dipole [e nm], shape=(n, 3)."""
    interval_ps: float
    """Time between records [ps]."""
    volume_nm3: float
    """Volume of the cell [nm³]."""
    temperature_k: float
    """Temperature [K]."""
    infinite: float
    """What electrons add to the permittivity: the squared refractive index; 1 where it is not known."""
    flags: tuple[str, ...]
    """What to know about `infinite`."""

    def in_context(self, context: MeasurementContext) -> MeasurementContext:
        """The context at the temperature of the run."""
        return context.model_copy(update={"temperature_k": self.temperature_k})


def dipole_run(simulation: Simulation, property_name: str) -> DipoleRun:
    """The recorded dipole of an isotropic cell of neutral molecules.

    Raises:
        NotIsotropic: The cell has a direction.
        NotEnoughData: A molecule is charged, or the records do not fit together.
    """
    refuse_oriented(simulation, property_name)
    return simulation.once("dipole run", lambda: _read(simulation))


def _read(simulation: Simulation) -> DipoleRun:
    cell = simulation.cell
    check_neutral(cell.charges_e, cell.molecule_of_atom)
    output = simulation.outputs("dipoles")[-1]
    joined = output.joined("dipoles")
    if not joined:
        raise NotEnoughData(f"the stage in {output.folder} recorded no dipoles; run the study again")
    interval_ps, volume_nm3 = float(joined["interval_ps"][0]), float(joined["volume_nm3"][0])
    for name, first in (("interval_ps", interval_ps), ("volume_nm3", volume_nm3)):
        if np.abs(joined[name] / first - 1.0).max() > _ALIKE:
            raise NotEnoughData(
                f"the segments of stage {output.stage['name']!r} differ in {name} ({joined[name].min():.6g} to "
                f"{joined[name].max():.6g}), so that their dipoles do not make one series; run the study again"
            )
    refractivity = cell.molar_refractivity_cm3_mol
    if refractivity is None:
        infinite, flags = 1.0, ("without_electrons",)
    else:
        infinite, flags = float(refractive_index(refractivity, volume_nm3)) ** 2, ("additive_refraction",)
    temperature_k = float(output.stage["temperature_k"])
    return DipoleRun(joined["dipole_e_nm"], interval_ps, volume_nm3, temperature_k, infinite, flags)


def correlation_of(simulation: Simulation, run: DipoleRun) -> Correlation:
    """Correlation of the dipole averaged over 0.2 ps, computed once.

    Raises:
        NotEnoughData: There are too few records, or the dipole does not move.
    """
    n_averaged = max(1, round(AVERAGED_PS / run.interval_ps))
    return simulation.once(
        "dipole correlation", lambda: dipole_correlation(run.moments_e_nm, run.interval_ps, n_averaged)
    )


def spectrum_of(simulation: Simulation, run: DipoleRun) -> Permittivity | None:
    """Permittivity at the frequencies that the run tells, the stated ones among them, computed once; none if none.

    Raises:
        NotEnoughData: There are too few records, or the dipole does not move.
    """

    def compute() -> Permittivity | None:
        grid = reachable_frequencies_ghz(len(run.moments_e_nm), run.interval_ps)
        if not len(grid):
            return None
        stated = np.array([one for one in STATED_GHZ if grid[0] <= one <= grid[-1]])
        frequencies = np.unique(np.concatenate([grid, stated]))
        return permittivity(run.moments_e_nm, run.interval_ps, run.volume_nm3, run.temperature_k, frequencies)

    return simulation.once("dielectric spectrum", compute)


def correlation_curve(found: Correlation, property_name: str) -> Curve:
    """φ(t) at lags equally spaced on a logarithmic axis, with its error."""
    lags = np.unique(np.geomspace(1, max(1, len(found.time_ps) - 1), _N_POINTS).round().astype(int))
    return Curve(
        name="dipole_correlation",
        property=property_name,
        x_name="time [ps]",
        y_name="correlation of the dipole",
        x=tuple(found.time_ps[lags].tolist()),
        y=tuple(found.values[lags].tolist()),
        y_stderr=tuple(found.stderr[lags].tolist()),
        kind="points",
        log=("x",),
    )


def spectrum_curves(found: Permittivity | None, infinite: float, property_name: str) -> list[Curve]:
    """ε' and ε'' over frequency, with their errors."""
    if found is None:
        return []
    parts = (
        ("permittivity", "permittivity ε'", infinite + found.storage, found.storage_stderr),
        ("dielectric_loss", "loss ε''", found.loss, found.loss_stderr),
    )
    return [_over_frequency(name, property_name, y_name, found, y, errors) for name, y_name, y, errors in parts]


def _over_frequency(name: str, property_name: str, y_name: str, found: Permittivity, y: Array, errors: Array) -> Curve:
    return Curve(
        name=name,
        property=property_name,
        x_name=FREQUENCY,
        y_name=y_name,
        x=tuple(found.frequency_ghz.tolist()),
        y=tuple(y.tolist()),
        y_stderr=tuple(errors.tolist()),
        kind="points",
        log=("x",),
    )


def failed(error: StepFailed, curves: Sequence[Curve]) -> StepFailed:
    """The same failure, with the curves that show why."""
    return type(error)(str(error), curves=curves)


class LossTangent(Property):
    """Base of the loss tangents: tan δ = ε''/ε' at one frequency."""

    unit: ClassVar[str] = "1"
    reference: ClassVar[str] = "linear response: Neumann 1983, DOI 10.1080/00268978300102721"
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = ("dipoles",)
    probe: ClassVar[str | None] = "dielectric_relaxation"
    frequency_ghz: ClassVar[float]
    """The frequency it holds at [GHz]."""

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        run = dipole_run(simulation, self.name)
        found = spectrum_of(simulation, run)
        curves: list[Curve] = []
        if found is not None:
            tangents, errors = found.loss_tangent(run.infinite)
            curves = [_over_frequency(f"{self.name}_spectrum", self.name, "loss tangent", found, tangents, errors)]
        try:
            estimate = self._estimate(run, found)
        except StepFailed as error:
            raise failed(error, curves) from error
        estimate = replace(estimate, flags=(*estimate.flags, *run.flags))
        return [self._measurement(estimate, run.in_context(context)), *curves]

    def _estimate(self, run: DipoleRun, found: Permittivity | None) -> Estimate:
        refuse_unreachable(np.array([self.frequency_ghz]), len(run.moments_e_nm), run.interval_ps)
        assert found is not None
        return loss_tangent_at(found, run.infinite, int(np.argmin(np.abs(found.frequency_ghz - self.frequency_ghz))))
