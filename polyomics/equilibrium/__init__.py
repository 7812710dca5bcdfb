"""Is the cell in equilibrium? Tests of it, one file each, registered; and the verdict that sums them up."""

from polyomics.equilibrium.chains_move import chains_move
from polyomics.equilibrium.criterion import CRITERIA, EquilibriumTest, State
from polyomics.equilibrium.verdict import OVERALL, judge, more_sampling_helps

__all__ = ["CRITERIA", "OVERALL", "EquilibriumTest", "State", "chains_move", "judge", "more_sampling_helps"]
