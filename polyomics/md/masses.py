"""Hydrogen mass repartitioning (DOI 10.1021/ct5010406): heavier hydrogens, the same molecule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell


def repartitioned_masses_amu(cell: Cell, hydrogen_mass_amu: float) -> NDArray[np.float64]:
    """Masses [amu], shape=(n_atoms,), with each hydrogen at `hydrogen_mass_amu`.

    What a hydrogen gains its heavy neighbour loses, so every molecule keeps its mass and equilibrium
    averages of positions are unchanged. An isotope heavier than the target is left alone.
    """
    masses = cell.masses_amu.copy()
    is_hydrogen = cell.atomic_numbers == 1
    for one, other in cell.bonds:
        for light, heavy in ((one, other), (other, one)):
            gain = hydrogen_mass_amu - cell.masses_amu[light]
            if is_hydrogen[light] and not is_hydrogen[heavy] and gain > 0:
                masses[light] += gain
                masses[heavy] -= gain
    return masses
