"""Free volume."""

from typing import ClassVar

from polyomics.analysis.statistics import estimate_mean
from polyomics.properties._thermodynamics import specific_volumes_cm3_g
from polyomics.properties._van_der_waals import specific_vdw_volume_cm3_g
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("free_volume")
class FreeVolume(Property):
    """Specific volume less the van der Waals volume, averaged over a stage at constant pressure [cm³/g].

    All space outside the atoms, also what no molecule could ever use; `fractional_free_volume` leaves that out.
    """

    name = "free_volume"
    unit = "cm3/g"
    definition = (
        "Volume of the cell less the van der Waals volume of its molecules, divided by the mass, averaged over time."
    )
    reference = "Bondi 1964, DOI 10.1021/j100785a001; error bar: Chodera et al. 2007, DOI 10.1021/ct0502864"
    needs: ClassVar[Ensemble] = "npt"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        free_cm3_g = specific_volumes_cm3_g(simulation.sample) - specific_vdw_volume_cm3_g(simulation.cell)
        return [self._measurement(estimate_mean(free_cm3_g), context)]
