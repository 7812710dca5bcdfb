"""Glass transition temperature at the rate of a calorimeter."""

from typing import Any, ClassVar

import numpy as np

from polyomics.analysis.cooling_rate import CALORIMETRIC_K_PER_NS, RateExtrapolation, extrapolated
from polyomics.analysis.glass_transition import GlassTransition
from polyomics.analysis.statistics import Estimate
from polyomics.errors import NotEnoughData, NotIdentifiable
from polyomics.properties._glass_transition import cooling_runs, volume_curves, volume_transition
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.records import Curve
from polyomics.simulation import Simulation

_AXES: dict[str, Any] = {"x_name": "cooling rate [K/ns]", "y_name": "glass transition temperature [K]"}
_N_CURVE = 100


@PROPERTIES.register("glass_transition_temperature_extrapolated")
class GlassTransitionTemperatureExtrapolated(Property):
    """Glass transition temperature extrapolated from three or more simulated rates to 10 K/min [K].

    Tg(q) = T_0 + B / (log10 q_0 - log10 q), the Vogel-Fulcher-Tammann law with relaxation time and rate inverse to
    each other; log10 q_0 is 17.44 above the calorimetric rate, give or take 2, which is in the error, unless five or
    more rates tell it. The curves show a straight line in log10 q too, which is a lower bound. Flags: `few_rates`:
    three rates, so one bad Tg would not be noticed; `far_extrapolation`: over more than three times the decades
    simulated; `not_linear`: the transitions leave the law by more than their errors; `attempt_rate_fitted`: q_0 is
    from these data.
    """

    name = "glass_transition_temperature_extrapolated"
    unit = "K"
    definition = "Vogel-Fulcher-Tammann law through Tg at the simulated cooling rates, at 10 K/min."
    reference = "Williams, Landel & Ferry 1955, DOI 10.1021/ja01619a008"
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = ("cooling",)
    probe: ClassVar[str | None] = "glass_transition"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        rates, transitions = [], []
        for run in cooling_runs(simulation):
            found = volume_transition(simulation, run)
            if isinstance(found, GlassTransition):
                rates.append(run.rate_k_per_ns)
                transitions.append(found.hyperbola_k)
        points = self._points(rates, transitions)
        try:
            fit = extrapolated(rates, transitions)
        except NotEnoughData as error:
            curves = [*points, *volume_curves(simulation, self.name)]
            raise NotEnoughData(
                f"{len(cooling_runs(simulation))} rates were simulated and {len(rates)} show a transition: {error}",
                curves=curves,
            ) from error
        except NotIdentifiable as error:
            raise NotIdentifiable(str(error), curves=points) from error
        measurement = self._measurement(fit.vft_k, context).model_copy(update={"temperature_k": None})
        return [measurement, *points, *self._fits(fit, rates)]

    def _points(self, rates: list[float], transitions: list[Estimate]) -> list[Curve]:
        if not rates:
            return []
        return [
            Curve(
                name="glass_transition_over_rate",
                property=self.name,
                x=tuple(rates),
                y=tuple(one.mean for one in transitions),
                y_stderr=tuple(one.stderr or 0.0 for one in transitions),
                kind="points",
                log=("x",),
                **_AXES,
            )
        ]

    def _fits(self, fit: RateExtrapolation, rates: list[float]) -> list[Curve]:
        """The law, a straight line, and where each ends."""
        x = np.geomspace(CALORIMETRIC_K_PER_NS, max(rates), _N_CURVE)
        line = fit.linear_k.mean + fit.per_decade_k.mean * np.log10(x / CALORIMETRIC_K_PER_NS)
        shapes = {"vft": fit.vft_at(x), "line": line}
        curves = [
            Curve(
                name=f"glass_transition_over_rate_{name}",
                property=self.name,
                x=tuple(x.tolist()),
                y=tuple(y.tolist()),
                log=("x",),
                **_AXES,
            )
            for name, y in shapes.items()
        ]
        ends = Curve(
            name="glass_transition_over_rate_extrapolated",
            property=self.name,
            x=(CALORIMETRIC_K_PER_NS,),
            y=(fit.vft_k.mean,),
            y_stderr=(fit.vft_k.stderr or 0.0,),
            kind="points",
            log=("x",),
            **_AXES,
        )
        return [*curves, ends]
