"""Adiabatic compressibility."""

from typing import ClassVar

from polyomics.properties._thermodynamics import response_of_cell
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("compressibility_adiabatic")
class AdiabaticCompressibility(Property):
    """Adiabatic compressibility β_S = β_T C_v / C_p = β_T - T v α² / C_p [1/GPa], with v the specific volume.

    Both heat capacities are the classical ones, since α and β_T are those of the classical cell; this is what a sound
    wave in the simulated cell would meet. The vibrations that quantum mechanics freezes would lower C_v and C_p alike
    and so move the ratio a little further from 1.
    """

    name = "compressibility_adiabatic"
    unit = "1/GPa"
    definition = (
        "Isothermal compressibility times the ratio of the classical heat capacities at constant volume and pressure."
    )
    reference = "Allen & Tildesley 2017, DOI 10.1093/oso/9780198803195.001.0001, chapter 2"
    needs: ClassVar[Ensemble] = "npt"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        estimate = response_of_cell(simulation, context).estimate(lambda cell: cell.adiabatic_compressibility_per_gpa)
        return [self._measurement(estimate, context)]
