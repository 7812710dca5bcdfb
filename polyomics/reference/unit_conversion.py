"""Conversions between units in which experimental values are printed; nothing is converted that is not listed."""

import math

from polyomics.errors import InvalidSettings
from polyomics.units import KJ_PER_KCAL

FACTORS: dict[tuple[str, str], float] = {
    ("kg/m3", "g/cm3"): 1e-3,
    ("g/mL", "g/cm3"): 1.0,
    ("J/(g K)", "J/(kg K)"): 1e3,
    ("kJ/(kg K)", "J/(kg K)"): 1e3,
    ("cal/(g K)", "J/(kg K)"): KJ_PER_KCAL * 1e3,
    ("Pa", "GPa"): 1e-9,
    ("MPa", "GPa"): 1e-3,
    ("1/Pa", "1/GPa"): 1e9,
    ("1/MPa", "1/GPa"): 1e3,
    ("ppm/K", "1/K"): 1e-6,
    ("(J/cm3)^0.5", "MPa^0.5"): 1.0,
    ("(cal/cm3)^0.5", "MPa^0.5"): math.sqrt(KJ_PER_KCAL),
    ("m3/kg", "cm3/g"): 1e3,
    ("A", "nm"): 0.1,
}
"""(from, to) -> what a number in the first is multiplied with to be in the second."""


def conversion_factor(from_unit: str, to_unit: str) -> float:
    """What a number in one unit is multiplied with to be in another.

    Raises:
        InvalidSettings: The conversion is not one of those listed.
    """
    if from_unit == to_unit:
        return 1.0
    if (from_unit, to_unit) in FACTORS:
        return FACTORS[from_unit, to_unit]
    if (to_unit, from_unit) in FACTORS:
        return 1.0 / FACTORS[to_unit, from_unit]
    known = sorted({one for pair in FACTORS for one in pair if to_unit in pair} | {to_unit})
    raise InvalidSettings(f"the unit {from_unit!r} cannot be converted to {to_unit!r}; give it in {' or '.join(known)}")
