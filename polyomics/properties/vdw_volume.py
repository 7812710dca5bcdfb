"""Van der Waals volume."""

from typing import ClassVar

from polyomics.properties._van_der_waals import exact, specific_vdw_volume_cm3_g
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("vdw_volume")
class VdwVolume(Property):
    """Van der Waals volume of the molecules over their mass [cm³/g].

    It follows from the molecules' constitution, not from the trajectory, so it has no statistical error (`exact`);
    the atom and bond contributions are within about 4 % of the volume of the fused spheres. Ref.: Zhao, Abraham and
    Zissimos 2003, DOI 10.1021/jo034808o.
    """

    name = "vdw_volume"
    unit = "cm3/g"
    definition = "Van der Waals volume of all molecules, by atom and bond contributions, divided by their mass."
    reference = "Zhao, Abraham, Zissimos 2003, DOI 10.1021/jo034808o; radii: Bondi 1964, DOI 10.1021/j100785a001"
    needs: ClassVar[Ensemble] = "any"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        return [self._measurement(exact(specific_vdw_volume_cm3_g(simulation.cell)), context)]
