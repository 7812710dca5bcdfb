"""Characteristic ratio."""

from typing import ClassVar

from polyomics.analysis.internal_distances import characteristic_ratio
from polyomics.analysis.statistics import estimate_mean_over_molecules
from polyomics.properties._chain_statistics import ChainStatistics, chain_statistics
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.records import Curve
from polyomics.simulation import Simulation


@PROPERTIES.register("characteristic_ratio")
class CharacteristicRatio(Property):
    """Characteristic ratio of an infinite chain, C∞ = lim <R²(n)> / (n l²) [1].

    R²(n) is averaged over all pairs of main-chain atoms n bonds apart, l² over the bonds of the main chain; rings
    in it are crossed along their shorter side. C∞ is the limit of the line C∞ (1 - a/n) through the part of the curve
    beyond 3 a and 3 bonds, which has to span a factor of three in n. Chains too short for that give C_N of the whole
    chain, with the flag `chain_too_short`; a curve that leaves the line (collapsed chains) is flagged `not_ideal`.
    The curve is `msid`, its last point that of the whole chain.

    Melts have in truth a correction in 1/√n on top, a few per cent of C∞ (Wittmer et al. 2004,
    DOI 10.1103/PhysRevLett.93.147801), which chains of this length do not resolve. Ref.: Auhl et al. 2003,
    DOI 10.1063/1.1628670.
    """

    name = "characteristic_ratio"
    unit = "1"
    definition = "Mean squared distance of main-chain atoms over number and mean square of the bonds, for a long chain."
    reference = "Auhl et al. 2003, DOI 10.1063/1.1628670; error bar: Chodera et al. 2007, DOI 10.1021/ct0502864"
    needs: ClassVar[Ensemble] = "any"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        chains = chain_statistics(simulation)
        found = characteristic_ratio(chains.internal_nm2, chains.separations, chains.squared_bond_nm2)
        results: list[Result] = [self._measurement(found.estimate, context), self._curve(chains)]
        if len(found.fitted):
            results.append(
                Curve(
                    name="msid_fit",
                    property=self.name,
                    x_name="number of bonds n",
                    y_name="C∞ (1 - a/n)",
                    x=tuple(found.fitted.tolist()),
                    y=tuple(found.fit.tolist()),
                    log=("x",),
                )
            )
        return results

    def _curve(self, chains: ChainStatistics) -> Curve:
        ratios = chains.internal_nm2 / (chains.separations * chains.squared_bond_nm2)
        means = [estimate_mean_over_molecules(ratios[:, :, k]) for k in range(ratios.shape[2])]
        errors = [mean.stderr for mean in means[1:]]
        stated = [error for error in errors if error is not None]
        return Curve(
            name="msid",
            property=self.name,
            x_name="number of bonds n",
            y_name="<R²(n)> / (n l²)",
            x=tuple(chains.separations.tolist()),
            y=(1.0, *(mean.mean for mean in means[1:])),
            y_stderr=(0.0, *stated) if len(stated) == len(errors) else None,
            kind="points",
            log=("x",),
        )
