"""Persistence length."""

from dataclasses import replace
from typing import ClassVar

import numpy as np

from polyomics.analysis.orientation import persistence_length
from polyomics.properties._chain_statistics import chain_statistics
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.records import Curve
from polyomics.simulation import Simulation


@PROPERTIES.register("persistence_length")
class PersistenceLength(Property):
    """Contour over which main chains forget their direction, l = ∫ <cos θ(s)> ds [nm].

    θ(s) is the angle between directions a contour s apart; a direction is the vector from a joint of the main chain to
    the second next, and the contour between joints half the mean length of that. For the worm-like chain <cos θ(s)> is
    exp(-s/l) and l the usual persistence length; for any long chain l is half the Kuhn length. The integral runs to
    <cos θ> = e⁻² and is closed by an exponential. A chain whose correlation then comes back (a helix) is
    flagged `not_worm_like`. Ref.: Kratky & Porod 1949, DOI 10.1002/recl.19490681203.
    """

    name = "persistence_length"
    unit = "nm"
    definition = "Integral of the mean cosine between main-chain directions over the contour between them."
    reference = "Kratky & Porod 1949, DOI 10.1002/recl.19490681203"
    needs: ClassVar[Ensemble] = "any"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        chains = chain_statistics(simulation)
        found = persistence_length(chains.correlation)
        step_nm, length = chains.joint_nm, found.estimate.mean
        stderr = None if found.estimate.stderr is None else found.estimate.stderr * step_nm
        lags = np.arange(len(found.correlation))
        fine = np.linspace(0.0, lags[-1], 101)
        curve = Curve(
            name="direction_correlation",
            property=self.name,
            x_name="contour [nm]",
            y_name="<cos θ>",
            x=tuple((lags * step_nm).tolist()),
            y=tuple(found.correlation.tolist()),
            y_stderr=None if found.stderr is None else tuple(found.stderr.tolist()),
            kind="points",
        )
        fit = Curve(
            name="direction_correlation_fit",
            property=self.name,
            x_name="contour [nm]",
            y_name="exp(-s/l)",
            x=tuple((fine * step_nm).tolist()),
            y=tuple(np.exp(-fine / length).tolist()),
        )
        return [self._measurement(replace(found.estimate, mean=length * step_nm, stderr=stderr), context), curve, fit]
