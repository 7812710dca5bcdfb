"""Fractional free volume."""

from typing import ClassVar

from polyomics.analysis.statistics import estimate_mean
from polyomics.properties._thermodynamics import volumes_nm3
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation

OCCUPIED_PER_VDW_VOLUME = 1.3
"""Volume that molecules occupy at 0 K over their van der Waals volume, the mean over molecular crystals."""


@PROPERTIES.register("fractional_free_volume")
class FractionalFreeVolume(Property):
    """Fraction of the volume that is free after Bondi, (V - 1.3 V_vdw) / V, over a stage at constant pressure.

    The convention of the membrane literature. The factor of 1.3 stands for the packing of a crystal at 0 K. The error
    bar is that of the volume; the van der Waals volume is taken as it is (`vdw_volume`).
    """

    name = "fractional_free_volume"
    unit = "1"
    definition = "Volume less 1.3 times the van der Waals volume, divided by the volume, averaged over time."
    reference = "Bondi 1964, DOI 10.1021/j100785a001"
    needs: ClassVar[Ensemble] = "npt"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        occupied_nm3 = OCCUPIED_PER_VDW_VOLUME * simulation.cell.vdw_volume_nm3
        series = 1.0 - occupied_nm3 / volumes_nm3(simulation.sample)
        return [self._measurement(estimate_mean(series), context)]
