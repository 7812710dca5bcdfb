"""Numbers, units and names as people read them."""

import math
import re

VERDICT_SIGNS = {"pass": "✓", "fail": "✗", "unknown": "?"}
"""A sign for every verdict: colour alone does not say it to everybody."""
_SUPERSCRIPTS = str.maketrans("0123456789-.", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻·")


def number(value: float | None, digits: int = 4) -> str:
    """A number to so many significant digits, without an exponent where it reads well."""
    if value is None:
        return ""
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        places = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
        return f"{value:.{places}f}"
    return f"{value:.{digits - 1}e}"


def with_error(value: float, stderr: float | None) -> str:
    """Value and standard error, the error to two digits and the value to the same place; "± –" without one."""
    if not stderr:
        return number(value) + (" ± –" if stderr is None else "")
    power = math.floor(math.log10(max(abs(value), stderr)))
    power = 0 if -4 <= power < 6 else power
    scaled, error = value / 10.0**power, stderr / 10.0**power
    places = min(12, max(0, 1 - math.floor(math.log10(error))))
    text = f"{scaled:.{places}f} ± {error:.{places}f}"
    return text if power == 0 else f"({text})e{power}"


def clock(seconds: float) -> str:
    """A running time: 0:42, 12:05, 1:02:33."""
    hours, rest = divmod(int(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


def unit_text(unit: str) -> str:
    """A unit with its powers raised, "g/cm3" as "g/cm³"; nothing for a pure number."""
    if unit == "1":
        return ""
    return re.sub(r"(?<=[A-Za-zµ)])\^?(-?\d+(?:\.\d+)?)\b", lambda found: found[1].translate(_SUPERSCRIPTS), unit)


def axis_text(name: str) -> str:
    """The name of an axis, with the powers raised in the unit that stands in brackets; "[1]" is left out."""
    return re.sub(r"\[[^\]]*\]", lambda found: unit_text(found[0]), name.removesuffix(" [1]"))


def plain(name: str) -> str:
    """A registered name as words."""
    return name.strip("_").replace("_", " ")
