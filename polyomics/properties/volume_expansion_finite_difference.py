"""Thermal expansion of the volume from runs at neighbouring temperatures."""

from dataclasses import replace
from typing import ClassVar

import numpy as np

from polyomics.analysis.statistics import Estimate
from polyomics.properties._thermodynamics import (
    compared,
    curves_of_line,
    line_over_temperature,
    response_of_cell,
    specific_volumes_cm3_g,
)
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("volume_expansion_finite_difference")
class VolumeExpansionFiniteDifference(Property):
    """Thermal expansion coefficient of the volume from the slope of the mean volume over temperature [1/K].

    A line through the specific volumes at the neighbouring temperatures and at the temperature itself, weighted with
    their errors; α is its slope over its value at the temperature. In glasses it is far more precise than fluctuations
    of runs as short. Flags: `not_linear`: the three volumes leave a line by more than their errors (a glass
    transition in between, or a cell still relaxing); `methods_disagree`: the fluctuations of the sample give another
    value, by more than three combined standard errors.
    """

    name = "volume_expansion_finite_difference"
    unit = "1/K"
    definition = "Slope of the mean volume over three temperatures at one pressure, over the volume at the middle one."
    reference = "error bars of the means: Chodera et al. 2007, DOI 10.1021/ct0502864"
    needs: ClassVar[Ensemble] = "npt"
    also_needs: ClassVar[tuple[str, ...]] = ("neighbour",)

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        line, means = line_over_temperature(simulation, context, specific_volumes_cm3_g)
        volume = float(np.interp(context.temperature_k, line.x, line.y))
        slope = line.slope
        expansion = replace(
            slope, mean=slope.mean / volume, stderr=None if slope.stderr is None else slope.stderr / volume
        )

        def from_fluctuations() -> Estimate:
            return response_of_cell(simulation, context).estimate(lambda cell: cell.volume_expansion_per_k)

        return [
            self._measurement(compared(expansion, from_fluctuations), context),
            *curves_of_line("specific_volume_over_temperature", self.name, "specific volume [cm3/g]", line, means),
        ]
