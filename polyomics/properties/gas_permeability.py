"""Permeability coefficients of gases."""

from typing import ClassVar

from polyomics.properties._gases import (
    GasProperty,
    at_stage,
    diffusion,
    permeability,
    register_for_every_gas,
    solubility,
)
from polyomics.properties.property import Ensemble, MeasurementContext, Result
from polyomics.simulation import Simulation


class GasPermeability(GasProperty):
    """Permeability of a gas, P = S D [barrer]: solubility by insertion times the diffusion coefficient of guests.

    1 barrer = 1e-10 cm3(STP) cm / (cm2 s cmHg). Both factors are those at infinite dilution; there is no number where
    one of them has none. Flags are those of both factors.
    """

    unit = "barrer"
    definition = "Solubility at infinite dilution times diffusion coefficient."
    reference = "Widom 1963, DOI 10.1063/1.1734110, and the Einstein relation"
    needs: ClassVar[Ensemble] = "any"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        output = self.output(simulation)
        moving, _ = diffusion(simulation, output, f"diffusion_{self.gas}")
        state = at_stage(context, output)
        return [self._measurement(permeability(solubility(simulation, state, self.gas), moving), state)]


register_for_every_gas(GasPermeability, "permeability")
