"""Fraction of trans torsions."""

from typing import ClassVar

import numpy as np

from polyomics.analysis.statistics import estimate_mean_over_molecules
from polyomics.errors import NotEnoughData
from polyomics.properties._chain_statistics import N_TORSION_BINS, ChainStatistics, chain_statistics
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.records import Curve
from polyomics.simulation import Simulation


@PROPERTIES.register("trans_fraction")
class TransFraction(Property):
    """Fraction of main-chain torsions within 60 degrees of 180 (trans) [1].

    Counted are torsions about single bonds outside rings; those next to a ring that the main chain can pass on either
    side are left out. Signs are those of IUPAC (DOI 10.1351/goldbook.T06406). The curve is `torsion_distribution`, with
    error bars from the spread between chains.
    """

    name = "trans_fraction"
    unit = "1"
    definition = "Fraction of rotatable main-chain torsions within 60 degrees of 180, over chains and time."
    reference = "IUPAC Gold Book, torsion angle, DOI 10.1351/goldbook.T06406"
    needs: ClassVar[Ensemble] = "any"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        chains = chain_statistics(simulation)
        if chains.trans_fraction is None:
            raise NotEnoughData("the main chain has no bond it can turn about with a definite torsion angle")
        return [self._measurement(estimate_mean_over_molecules(chains.trans_fraction), context), self._curve(chains)]

    def _curve(self, chains: ChainStatistics) -> Curve:
        counts = chains.torsion_counts
        width_deg = 360.0 / N_TORSION_BINS
        densities = counts / (counts.sum(axis=1, keepdims=True) * width_deg)
        n_chains = len(counts)
        return Curve(
            name="torsion_distribution",
            property=self.name,
            x_name="torsion angle [degree]",
            y_name="probability density [1/degree]",
            x=tuple((-180.0 + width_deg * (np.arange(N_TORSION_BINS) + 0.5)).tolist()),
            y=tuple(densities.mean(axis=0).tolist()),
            y_stderr=tuple((densities.std(axis=0, ddof=1) / np.sqrt(n_chains)).tolist()) if n_chains > 1 else None,
        )
