"""The van der Waals volume of the cell, and a number of it that is exact."""

import math

from polyomics.analysis.statistics import Estimate
from polyomics.cell.cell import Cell
from polyomics.errors import NotEnoughData
from polyomics.units import AMU_PER_NM3_IN_G_CM3


def specific_vdw_volume_cm3_g(cell: Cell) -> float:
    """Van der Waals volume of the molecules over their mass [cm³/g].

    Raises:
        NotEnoughData: The volume is not finite.
    """
    if not math.isfinite(cell.vdw_volume_nm3):
        raise NotEnoughData("the van der Waals volume of the cell is not finite; delete the cell and build it again")
    return cell.vdw_volume_nm3 / (cell.mass_amu * AMU_PER_NM3_IN_G_CM3)


def exact(value: float) -> Estimate:
    """A number that follows from the molecules alone: nothing is sampled, so it has no statistical error."""
    return Estimate(value, None, 1.0, 1.0, 0, ("exact",))
