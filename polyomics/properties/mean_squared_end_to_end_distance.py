"""Mean squared end-to-end distance."""

from typing import ClassVar

from polyomics.analysis.statistics import estimate_mean_over_molecules
from polyomics.properties._chain_statistics import chain_statistics
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("mean_squared_end_to_end_distance")
class MeanSquaredEndToEndDistance(Property):
    """Mean of the squared distance between the ends of the main chains, <R²> [nm²].

    The ends are the first and last heavy atom of the shortest path between the end groups. The error bar is the larger
    of the one in time and the one between chains. Ref.: Fetters et al. 1994, DOI 10.1021/ma00095a001.
    """

    name = "mean_squared_end_to_end_distance"
    unit = "nm2"
    definition = "Mean of the squared distance between the two ends of the main chain over chains and time."
    reference = "Fetters et al. 1994, DOI 10.1021/ma00095a001; error bar: Chodera et al. 2007, DOI 10.1021/ct0502864"
    needs: ClassVar[Ensemble] = "any"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        squared_nm2 = chain_statistics(simulation).squared_end_to_end_nm2
        return [self._measurement(estimate_mean_over_molecules(squared_nm2), context)]
