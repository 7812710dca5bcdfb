"""Nematic order."""

from typing import ClassVar

from polyomics.analysis.statistics import estimate_mean
from polyomics.properties._chain_statistics import chain_statistics
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("nematic_order")
class NematicOrder(Property):
    """Largest eigenvalue of Q = <3 u u - 1>/2, averaged over frames [1].

    u are the directions of the main chains: unit vectors from every joint to the second next. In a finite cell S is
    positive also without any order: 0.80/√n for n independent directions (`isotropic_nematic_order`), n being the
    number of Kuhn segments in the cell rather than that of vectors. Ref.: Eppenga & Frenkel 1984,
    DOI 10.1080/00268978400101951.
    """

    name = "nematic_order"
    unit = "1"
    definition = "Largest eigenvalue of the order tensor of main-chain directions, averaged over time."
    reference = "Eppenga & Frenkel 1984, DOI 10.1080/00268978400101951"
    needs: ClassVar[Ensemble] = "any"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        return [self._measurement(estimate_mean(chain_statistics(simulation).order), context)]
