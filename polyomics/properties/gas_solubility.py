"""Solubility coefficients of gases."""

from typing import ClassVar

import numpy as np

from polyomics.properties._gases import GasProperty, insertions, per_bar, register_for_every_gas, solubility
from polyomics.properties.property import Ensemble, MeasurementContext, Result
from polyomics.records import Curve
from polyomics.simulation import Simulation


class GasSolubility(GasProperty):
    """Solubility of a gas at infinite dilution, S = (T0/T) exp(-μ_ex/kT) / p0 [cm3(STP)/(cm3 bar)].

    T0 = 273.15 K, p0 = 1 atm; μ_ex by test insertion of a rigid molecule into at most 150 frames of the sample (fewer
    for large cells), at places in cavities and with random orientations, with Lennard-Jones interactions cut off as in
    the sample plus tail, and Ewald electrostatics. It is the slope of the sorption isotherm at zero pressure in a
    polymer that does not swell: a glass whose holes fill up at some bar takes up less, a polymer that swells more.

    The error is that of the mean over correlated frames. In a glass all frames show the same holes, and the spread
    between cells comes on top. Flags: `few_insertions_dominate`: fewer than a hundred insertions, or one frame, make
    most of the average, which can be wrong by more than its error.
    """

    unit = "cm3(STP)/(cm3 bar)"
    definition = "Boltzmann factor of the energy of an inserted molecule, averaged over places, orientations, frames."
    reference = "Widom 1963, DOI 10.1063/1.1734110; cavities: Mezei 1980, DOI 10.1080/00268978000101971"
    needs: ClassVar[Ensemble] = "any"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        self.output(simulation)
        measurement = self._measurement(solubility(simulation, context, self.gas), context)
        return [measurement, self._in_time(simulation, context)]

    def _in_time(self, simulation: Simulation, context: MeasurementContext) -> Curve:
        """What each of up to ten stretches of the sample says."""
        _, found = insertions(simulation, context, self.gas)
        parts = np.array_split(found.per_frame * per_bar(context.temperature_k), min(10, len(found.per_frame)))
        return Curve(
            name=f"{self.name}_in_time",
            property=self.name,
            x_name="part of the sample [1]",
            y_name=f"solubility [{self.unit}]",
            x=tuple(float((number + 0.5) / len(parts)) for number in range(len(parts))),
            y=tuple(float(part.mean()) for part in parts),
            kind="points",
        )


register_for_every_gas(GasSolubility, "solubility")
