"""Van der Waals radii of atoms."""

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from polyomics.errors import NotEnoughData

VAN_DER_WAALS_RADII_NM = MappingProxyType(
    {
        1: 0.120, 6: 0.170, 7: 0.155, 8: 0.152, 9: 0.147, 14: 0.210, 15: 0.180,
        16: 0.180, 17: 0.175, 35: 0.185, 53: 0.198,
    }
)  # fmt: skip
"""Atomic number -> radius [nm] (Bondi 1964, DOI 10.1021/j100785a001)."""


def van_der_waals_radii_nm(atomic_numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Van der Waals radius of every atom [nm], shape=(n_atoms,).

    Raises:
        NotEnoughData: An element has no radius.
    """
    elements = np.unique(atomic_numbers).tolist()
    missing = sorted(set(elements) - set(VAN_DER_WAALS_RADII_NM))
    if missing:
        raise NotEnoughData(
            f"no van der Waals radius for the elements of atomic number {', '.join(map(str, missing))}; known are "
            f"{', '.join(map(str, VAN_DER_WAALS_RADII_NM))}"
        )
    table = np.zeros(max(elements) + 1)
    for element in elements:
        table[element] = VAN_DER_WAALS_RADII_NM[element]
    radii: NDArray[np.float64] = table[atomic_numbers]
    return radii
