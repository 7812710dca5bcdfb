"""Chains point in all directions alike."""

import math
from typing import ClassVar

import numpy as np

from polyomics.equilibrium._chains import sample_chains
from polyomics.equilibrium.criterion import CRITERIA, EquilibriumTest, State
from polyomics.errors import NotEnoughData
from polyomics.records import Criterion
from polyomics.simulation import Simulation

LARGEST_ORDER = 0.1
"""Nematic order below which a cell counts as isotropic, however many directions it has."""
QUANTILE = 0.99


@CRITERIA.register("no_net_orientation")
class NoNetOrientation(EquilibriumTest):
    """Largest eigenvalue of Q = <3 u u - 1>/2 over the directions u of all chains and frames, against chance.

    u are unit vectors from every joint of the main chain to the second next. Few directions have some order by
    chance, so the limit is 0.1 or what 99 % of isotropic cells have that hold as many independent directions,
    whichever is larger. Ref.: Eppenga & Frenkel 1984, DOI 10.1080/00268978400101951.
    """

    name: ClassVar[str] = "no_net_orientation"
    unit: ClassVar[str] = "1"
    definition: ClassVar[str] = "Nematic order of main-chain directions against 0.1 and what chance gives."
    reference: ClassVar[str] = "Eppenga & Frenkel 1984, DOI 10.1080/00268978400101951"

    def _judge(self, simulation: Simulation, state: State) -> Criterion:
        shapes = sample_chains(simulation).main_chain_shapes()
        if not shapes.n_directions:
            raise NotEnoughData("chains that can bend at fewer than three atoms have no directions")
        found = float(np.linalg.eigvalsh(1.5 * shapes.order - 0.5 * np.eye(3))[-1])
        chance = order_by_chance(shapes.n_directions)
        limit = max(LARGEST_ORDER, chance)
        message = (
            f"nematic order {found:.3f}; {shapes.n_directions:.0f} independent random directions stay below "
            f"{chance:.3f} in {100 * QUANTILE:.0f} % of cells"
        )
        return self._criterion("pass" if found <= limit else "fail", found, limit, message)


def order_by_chance(n_directions: float, quantile: float = QUANTILE) -> float:
    """Nematic order that `quantile` of cells with n independent isotropic directions stay below; at most 1.

    Q of many directions is a symmetric traceless matrix with five independent normal components of variance 0.3/n, in
    which tr Q² = r². Its eigenvalues are r √(2/3) cos(φ + 2πk/3), with r²/(0.3/n) distributed as χ² with five degrees
    of freedom and φ, from 0 to π/3, in proportion to sin 3φ (the density of eigenvalues of such matrices).
    """
    from scipy import optimize, stats

    cosine = np.cos(np.arccos(1.0 - 2.0 * (np.arange(200) + 0.5) / 200) / 3.0)
    unit = math.sqrt(2.0 / 3.0 * 0.3 / n_directions)

    def excess(order: float) -> float:
        return float(stats.chi2.cdf((order / (unit * cosine)) ** 2, 5).mean()) - quantile

    return min(1.0, float(optimize.brentq(excess, 0.0, 20.0 * unit)))
