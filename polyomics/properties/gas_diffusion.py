"""Diffusion coefficients of gases."""

from typing import ClassVar

from polyomics.properties._gases import GasProperty, at_stage, diffusion, register_for_every_gas
from polyomics.properties.property import Ensemble, MeasurementContext, Result
from polyomics.simulation import Simulation


class GasDiffusion(GasProperty):
    """Diffusion coefficient of a gas in the moving polymer [cm2/s].

    A sixth of the slope of the mean squared displacement of a few rigid guests relative to the polymer's centre of
    mass, fitted from a twentieth to a fifth of the run. There is a number only if the mean squared displacement grows
    there as time to the power 1 within two errors, and guests have moved by more than 0.5 nm; else the failure says
    what was found. Flags: `may_be_anomalous`: the power found is below 0.9, though its error allows 1, so that the
    value may be too large; `molecules_not_relaxed`: guests moved at rates of their own, as in a glass with unequal
    holes.
    """

    unit = "cm2/s"
    definition = "A sixth of the slope of the mean squared displacement of guest molecules, where it is diffusive."
    reference = (
        "unwrapping: Bülow et al. 2020, DOI 10.1063/5.0008316; anomalous regime: Müller-Plathe, Rogers, van Gunsteren, "
        "Chem. Phys. Lett. 199, 237 (1992)"
    )
    needs: ClassVar[Ensemble] = "any"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        output = self.output(simulation)
        estimate, curves = diffusion(simulation, output, self.name)
        return [self._measurement(estimate, at_stage(context, output)), *curves]


register_for_every_gas(GasDiffusion, "diffusion")
