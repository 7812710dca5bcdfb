"""Refractive index."""

from typing import ClassVar

from polyomics.properties._dielectric import refraction
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("refractive_index")
class RefractiveIndex(Property):
    """Refractive index at the sodium D line by Lorentz and Lorenz, (n² - 1) / (n² + 2) = R / (N_A V).

    R is the molar refraction of the molecules by atom contributions (Wildman & Crippen 1999), good to about 2 %, so to
    about 0.01 in n (`additive_refraction`); the error bar is that of the volume alone.
    """

    name = "refractive_index"
    unit = "1"
    definition = "Index by Lorentz and Lorenz from additive molar refraction and the volume, averaged over time."
    reference = (
        "molar refraction: Wildman & Crippen 1999, DOI 10.1021/ci990307l; error bar: Chodera et al. 2007, "
        "DOI 10.1021/ct0502864"
    )
    needs: ClassVar[Ensemble] = "npt"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        return [self._measurement(refraction(simulation), context)]
