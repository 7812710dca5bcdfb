"""The dielectric relaxation time."""

from typing import ClassVar

from polyomics.analysis.dielectric_relaxation import relaxation
from polyomics.errors import StepFailed
from polyomics.properties._dielectric_relaxation import (
    correlation_curve,
    correlation_of,
    dipole_run,
    failed,
    spectrum_curves,
    spectrum_of,
)
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.records import Curve
from polyomics.simulation import Simulation


@PROPERTIES.register("dielectric_relaxation_time")
class DielectricRelaxationTime(Property):
    """Mean relaxation time of the dipole of the cell, ∫ φ dt, with φ(t) = <M(0)·M(t)> / <M²> [ps].

    M is averaged over 0.2 ps before, so that vibrations of bonds do not count; slower rattling does, as a time near
    nought. For a single Debye process it is 1/(2π f) at the frequency f of the loss peak; for a broader one longer.
    There is a value only where φ falls below e⁻² within a tenth of the run and the dipole has no frozen part, that is
    where the run is about twenty relaxation times long; the failure else says how far φ fell, and keeps φ as a curve.
    The permittivity ε' and the loss ε'' over the frequencies that the run tells are curves, also where there is no
    value. M is that of the periodic cell under conducting boundaries: its time is that of the permittivity, not that of
    a single molecule.
    """

    name = "dielectric_relaxation_time"
    unit = "ps"
    definition = "Integral of the normalised correlation of the dipole of the cell over time."
    reference = "Neumann 1983, DOI 10.1080/00268978300102721; the tail: Williams & Watts 1970, DOI 10.1039/TF9706600080"
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = ("dipoles",)
    probe: ClassVar[str | None] = "dielectric_relaxation"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        run = dipole_run(simulation, self.name)
        correlation = correlation_of(simulation, run)
        points = correlation_curve(correlation, self.name)
        spectrum = spectrum_curves(spectrum_of(simulation, run), run.infinite, self.name)
        try:
            found = relaxation(correlation)
        except StepFailed as error:
            raise failed(error, [points, *spectrum]) from error
        line = {"name": f"{points.name}_fit", "y_stderr": None, "kind": "line"}
        fit: Curve = points.model_copy(
            update={**line, "x": tuple(found.fitted_ps.tolist()), "y": tuple(found.fit.tolist())}
        )
        return [self._measurement(found.time, run.in_context(context)), points, fit, *spectrum]
