"""X-ray form factors of atoms: how much an atom scatters, in electrons, at a scattering vector q."""

from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyomics.errors import NotEnoughData
from polyomics.units import NM_PER_ANGSTROM

Array = NDArray[np.float64]

COEFFICIENTS = MappingProxyType(
    {
        1: ((0.493002, 0.322912, 0.140191, 0.040810), (10.5109, 26.1257, 3.14236, 57.7997), 0.003038),
        6: ((2.31000, 1.02000, 1.58860, 0.865000), (20.8439, 10.2075, 0.568700, 51.6512), 0.215600),
        7: ((12.2126, 3.13220, 2.01250, 1.16630), (0.005700, 9.89330, 28.9975, 0.582600), -11.529),
        8: ((3.04850, 2.28680, 1.54630, 0.867000), (13.2771, 5.70110, 0.323900, 32.9089), 0.250800),
        9: ((3.53920, 2.64120, 1.51700, 1.02430), (10.2825, 4.29440, 0.261500, 26.1476), 0.277600),
        14: ((6.29150, 3.03530, 1.98910, 1.54100), (2.43860, 32.3337, 0.678500, 81.6937), 1.14070),
        15: ((6.43450, 4.17910, 1.78000, 1.49080), (1.90670, 27.1570, 0.526000, 68.1645), 1.11490),
        16: ((6.90530, 5.20340, 1.43790, 1.58630), (1.46790, 22.2151, 0.253600, 56.1720), 0.866900),
        17: ((11.4604, 7.19640, 6.25560, 1.64550), (0.010400, 1.16620, 18.5194, 47.7784), -9.5574),
        35: ((17.1789, 5.23580, 5.63770, 3.98510), (2.17230, 16.5796, 0.260900, 41.4328), 2.95570),
        53: ((20.1472, 18.9949, 7.51380, 2.27350), (4.34700, 0.381400, 27.7660, 66.8776), 4.07120),
    }
)
"""Atomic number -> (a1..a4, b1..b4 [Å²], c): f(q) = Σ a exp(-b (q / 4π)²) + c, for q below 250 1/nm.

Table 6.1.1.4 of the International Tables for Crystallography, volume C (DOI 10.1107/97809553602060000600), after
Cromer and Mann 1968, DOI 10.1107/S0567739468000550. Hydrogen is the contracted one of Stewart, Davidson and Simpson
1965, DOI 10.1063/1.1696397, for an atom in a bond; all others are free atoms.
"""


def form_factor(atomic_number: int, q_per_nm: ArrayLike) -> Array:
    """Form factor of an element [electrons], in the shape of `q_per_nm`.

    Args:
        atomic_number: The element.
        q_per_nm: Length of the scattering vector, q = 4π sin θ / λ [1/nm].

    Raises:
        NotEnoughData: There are no coefficients for the element.
    """
    if atomic_number not in COEFFICIENTS:
        raise NotEnoughData(
            f"no X-ray form factor for the element of atomic number {atomic_number}; known are "
            f"{', '.join(map(str, COEFFICIENTS))}"
        )
    heights, widths, constant = COEFFICIENTS[atomic_number]
    squared = (np.asarray(q_per_nm, dtype=np.float64) * NM_PER_ANGSTROM / (4.0 * np.pi)) ** 2
    terms = (height * np.exp(-width * squared) for height, width in zip(heights, widths, strict=True))
    return np.asarray(sum(terms, np.full_like(squared, constant)))
