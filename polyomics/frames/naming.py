"""Names of columns that say their unit."""

import re
from collections.abc import Iterable

_REPLACED = {"%": "percent", "Å": "angstrom", "µ": "u", "μ": "u", "°": "deg", "·": " ", "²": "2", "³": "3"}


def column_name(property_name: str, unit: str) -> str:
    """Name of the column of a property in a wide frame: the property, then its unit.

    `density` in g/cm3 is `density_g_cm3`, a heat capacity in J/(kg K) ends in `_j_kg_k`, a compressibility in 1/GPa in
    `_per_gpa`, a solubility parameter in MPa^0.5 in `_sqrt_mpa`; a pure number has no ending.

    Args:
        property_name: As it is stored.
        unit: As it is stored; "1" for a pure number.
    """
    ending = unit_name(unit)
    if not ending or property_name.endswith(f"_{ending}"):
        return property_name
    return f"{property_name}_{ending}"


def unit_name(unit: str) -> str:
    """A unit as the end of a name: lower case, words joined by "_"; nothing for a pure number."""
    text = unit.strip()
    for symbol, word in _REPLACED.items():
        text = text.replace(symbol, word)
    text = re.sub(r"\bmPa\b", "millipa", text)
    text = re.sub(r"^1/", "per ", text)
    text = re.sub(r"^(\w+)\^0\.5$", r"sqrt \1", text)
    text = re.sub(r"\^?(\d+)\.(\d+)", r"\1p\2", text)
    text = re.sub(r"[^a-z0-9]+", "_", text.replace("^", "").lower()).strip("_")
    return "" if text == "1" else text


def unused_name(name: str, taken: Iterable[str]) -> str:
    """The name, with a number where it or the name of its error is taken."""
    used = set(taken)
    found, number = name, 1
    while {found, f"{found}_stderr", f"{found}_flags"} & used:
        number += 1
        found = f"{name}_{number}"
    return found
