"""Mass density."""

from typing import ClassVar

from polyomics.analysis.statistics import estimate_mean
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("density")
class Density(Property):
    """Mass of the cell over its volume, averaged over a stage at constant pressure [g/cm³].

    The error bar is that of the mean of ρ(t), with the independent samples counted by the statistical
    inefficiency. It is that of this cell; the spread between cells of a glass comes on top. Ref.: Chodera
    et al. 2007, DOI 10.1021/ct0502864.
    """

    name = "density"
    unit = "g/cm3"
    definition = "Mass of the cell divided by its volume, averaged over time at constant pressure."
    reference = "error bar: Chodera et al. 2007, DOI 10.1021/ct0502864"
    needs: ClassVar[Ensemble] = "npt"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        return [self._measurement(estimate_mean(simulation.sample.thermo["density_g_cm3"]), context)]
