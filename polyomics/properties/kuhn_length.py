"""Kuhn length."""

from dataclasses import replace
from typing import ClassVar

from polyomics.analysis.internal_distances import characteristic_ratio
from polyomics.properties._chain_statistics import chain_statistics
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("kuhn_length")
class KuhnLength(Property):
    """Kuhn length b = <R²> / L = C∞ N l² / L of a long chain [nm].

    L is the contour of the chain stretched to a planar zigzag with its bond angles kept: half the distance between
    every second joint, summed along the chain. For equal bonds it is N l cos(θ/2) with θ the supplement of the bond
    angle, so that b = C∞ l / cos(θ/2). A ring in the main chain is one segment. Beads without a bond angle have no such
    contour: there b comes out larger than C∞ l (by a half if freely jointed). Where C∞ cannot be extrapolated, <R²> is
    that of the whole chain, with the flag `chain_too_short`. Ref.: Everaers et al. 2020,
    DOI 10.1021/acs.macromol.9b02428.
    """

    name = "kuhn_length"
    unit = "nm"
    definition = (
        "Mean squared end-to-end distance of a long chain over its contour length, stretched to a planar zigzag."
    )
    reference = "Everaers et al. 2020, DOI 10.1021/acs.macromol.9b02428"
    needs: ClassVar[Ensemble] = "any"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        chains = chain_statistics(simulation)
        ratio = characteristic_ratio(chains.internal_nm2, chains.separations, chains.squared_bond_nm2).estimate
        to_length_nm = float(chains.separations[-1]) * chains.squared_bond_nm2 / chains.contour_nm
        stderr = None if ratio.stderr is None else ratio.stderr * to_length_nm
        return [self._measurement(replace(ratio, mean=ratio.mean * to_length_nm, stderr=stderr), context)]
