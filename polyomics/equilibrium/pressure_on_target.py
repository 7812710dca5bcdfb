"""The pressure is the one asked for."""

from typing import ClassVar

from polyomics.analysis.statistics import estimate_mean
from polyomics.equilibrium._stationarity import column, stationarity
from polyomics.equilibrium.criterion import CRITERIA, EquilibriumTest, State
from polyomics.records import Criterion
from polyomics.simulation import Simulation

MOST_ERRORS = 3.5
"""How many standard errors the mean pressure may be off: chance does so in 1 of 2,000 cells."""


@CRITERIA.register("pressure_on_target")
class PressureOnTarget(EquilibriumTest):
    """Mean of the pressure less the one asked for, in bar, against 3.5 of its standard errors.

    The pressure is that of the forces, recorded apart from the barostat that imposes it; a cell that still expands or
    contracts is off. At constant volume nothing is asked of the pressure, and the test passes. Ref. for the error:
    Chodera et al. 2007, DOI 10.1021/ct0502864.
    """

    name: ClassVar[str] = "pressure_on_target"
    unit: ClassVar[str] = "bar"
    definition: ClassVar[str] = "Mean pressure less the one asked for, against 3.5 of its standard errors."
    reference: ClassVar[str] = "error: Chodera et al. 2007, DOI 10.1021/ct0502864"

    def _judge(self, simulation: Simulation, state: State) -> Criterion:
        if simulation.sample.stage.get("kind") != "npt":
            return self._criterion("pass", None, None, "the volume is held, so no pressure was asked for")
        pressure_bar = column(simulation.sample.thermo, "pressure_bar")
        mean = estimate_mean(pressure_bar)
        off = mean.mean - state.pressure_bar
        if mean.stderr is None:
            message = f"{mean.n_independent:.1f} independent values are too few to tell; sample longer"
            return self._criterion("unknown", off, None, message)
        limit = MOST_ERRORS * mean.stderr
        moving = stationarity(pressure_bar)
        message = (
            f"the mean pressure is {mean.mean:.3g} ± {mean.stderr:.2g} bar where {state.pressure_bar:g} bar was asked "
            f"for; it {moving.message}"
        )
        if abs(off) > limit or moving.verdict == "fail":
            return self._criterion("fail", off, limit, message)
        return self._criterion(moving.verdict, off, limit, message)
