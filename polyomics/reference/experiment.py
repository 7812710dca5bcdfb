"""Experimental values of common polymers, found by the polymer, however its repeat unit is written."""

from functools import cache, lru_cache
from importlib.resources import files

from polyomics.errors import InvalidPolymer
from polyomics.reference.table import ExperimentalValue, State, parse_table

BUNDLED = "experiment.csv"
MEASURED_AT_K = 298.15
"""Temperature the values hold at, unless they are temperatures themselves."""
TOLERANCE_K = 10.0
"""How far from that a comparison is still worth making."""
TEMPERATURE_FREE = frozenset({"glass_transition_temperature", "volume_expansion_glass", "volume_expansion_rubber"})
"""Properties that hold at no temperature in particular: of a transition, or of a whole branch of the volume."""

_EXPANSION: dict[State, str] = {"glass": "volume_expansion_glass", "rubber/liquid": "volume_expansion_rubber"}
_CP: dict[State, str] = dict.fromkeys(("glass", "rubber/liquid"), "specific_heat_capacity_cp")
_NAME_IN_TABLE: dict[str, dict[State, str]] = {
    "volume_expansion": _EXPANSION,
    "volume_expansion_finite_difference": _EXPANSION,
    "specific_heat_capacity_cp_finite_difference": _CP,
}
"""Registered property -> state of the polymer -> its name in a table, where that is another one."""


def name_in_table(property_name: str, state: State) -> str:
    """What tables call a property of a polymer in this state: expansion of a glass and of a rubber have two names."""
    return _NAME_IN_TABLE.get(property_name, {}).get(state, property_name)


def names_in_table(property_name: str) -> tuple[str, ...]:
    """Every name tables may have for a property."""
    return tuple(dict.fromkeys(_NAME_IN_TABLE.get(property_name, {"glass": property_name}).values()))


def holds_at(property_name: str, temperature_k: float | None) -> bool:
    """Whether a value of this temperature may be held against one of room temperature.

    Args:
        property_name: Name of the property, registered or in a table.
        temperature_k: Temperature of the value [K]; None if it holds at none in particular.
    """
    if temperature_k is None or property_name in TEMPERATURE_FREE:
        return True
    return abs(temperature_k - MEASURED_AT_K) <= TOLERANCE_K


def experimental_value(
    polymer_key_or_psmiles: str, property_name: str, temperature_k: float | None = 300.0
) -> ExperimentalValue | None:
    """The value to compare with, or None: only comparable samples of high or medium confidence.

    Args:
        polymer_key_or_psmiles: Key of a polymer, or any way to write its repeat unit with two '*'.
        property_name: Registered name of the property, or its name in the table.
        temperature_k: Temperature of the other value [K]; None if it holds at none in particular. Away from
            room temperature by more than `TOLERANCE_K` there is nothing to compare, except for properties
            that are temperatures.
    """
    if not holds_at(property_name, temperature_k):
        return None
    polymer = polymer_of(polymer_key_or_psmiles)
    for name in names_in_table(property_name):
        found = _comparable().get((polymer, name))
        if found is not None and name_in_table(property_name, found.state) == name:
            return found
    return None


def experimental_values() -> tuple[ExperimentalValue, ...]:
    """Every value of the collection, also those not fit for a comparison."""
    return tuple(value for _, value in bundled_table())


@cache
def bundled_table() -> tuple[tuple[int, ExperimentalValue], ...]:
    """The collection that ships, with line numbers."""
    text = files("polyomics.reference").joinpath(BUNDLED).read_text(encoding="utf-8")
    return tuple(parse_table(text, BUNDLED))


@cache
def _comparable() -> dict[tuple[str, str], ExperimentalValue]:
    return {
        (polymer_of(item.psmiles), item.property): item
        for item in experimental_values()
        if item.is_fit_for_comparison()
    }


@lru_cache(maxsize=10_000)
def polymer_of(text: str) -> str:
    """Key of a polymer; a repeat unit that cannot be parsed (silicon) stands for itself as it is written."""
    if "*" not in text:
        return text
    from polyomics.chemistry import parse_repeat_unit

    try:
        return str(parse_repeat_unit(text).key)
    except InvalidPolymer:
        return text
