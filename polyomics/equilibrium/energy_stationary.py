"""The potential energy and its parts do not drift."""

from typing import ClassVar

from polyomics.equilibrium._stationarity import LARGEST_DRIFT, column, worst_of
from polyomics.equilibrium.criterion import CRITERIA, EquilibriumTest, State
from polyomics.records import Criterion
from polyomics.simulation import Simulation

TERMS = ("potential", "bond", "angle", "torsion", "nonbonded")
"""Energies that are looked at."""


@CRITERIA.register("energy_stationary")
class EnergyStationary(EquilibriumTest):
    """Drift of the potential energy and of each of its parts over the stage, in standard deviations; the worst counts.

    The parts are looked at one by one because they drift against each other: packing improves while torsions give
    way, and the sum stays. With five tests each may fail by chance a fifth as often as one alone (Bonferroni).
    Ref.: Chodera 2016, DOI 10.1021/acs.jctc.5b00784.
    """

    name: ClassVar[str] = "energy_stationary"
    unit: ClassVar[str] = "1"
    definition: ClassVar[str] = "Worst drift of the potential energy and its parts against their standard deviations."
    reference: ClassVar[str] = "Chodera 2016, DOI 10.1021/acs.jctc.5b00784"

    def _judge(self, simulation: Simulation, state: State) -> Criterion:
        table = simulation.sample.thermo
        name, found = worst_of({term: column(table, f"{term}_energy_kj_mol") for term in TERMS})
        message = f"the {name} energy, worst of {len(TERMS)}, {found.message}"
        return self._criterion(found.verdict, found.drift, LARGEST_DRIFT, message)
