"""Experimental values of common polymers, found by the polymer, however its repeat unit is written."""

import csv
from functools import cache, lru_cache
from importlib.resources import files
from typing import Literal

from polyomics.errors import InvalidPolymer
from polyomics.records import Record

MEASURED_AT_K = 298.15
"""Temperature the values hold at, unless they are temperatures themselves."""
TOLERANCE_K = 10.0
"""How far from that a comparison is still worth making."""
TEMPERATURE_FREE = frozenset({"glass_transition_temperature"})
"""Properties that hold at no temperature in particular."""
TRUSTED = frozenset({"high", "medium"})
_FIELD_OF_COLUMN = {"experiment": "value", "state_300K": "state"}


class ExperimentalValue(Record):
    """One number from the literature."""

    polymer: str
    """Name of the polymer."""
    abbreviation: str
    """Its usual short name."""
    psmiles: str
    """Its repeat unit, as the collection writes it."""
    property: str
    """Name of the property."""
    value: float
    """Value in `unit`."""
    unit: str
    """Unit, as the property of this name uses it."""
    state: Literal["glass", "rubber/liquid"]
    """What the amorphous polymer is at 300 K."""
    confidence: Literal["high", "medium", "low"]
    """How far the collector trusts the number."""
    comparable: bool
    """Whether the sample is one that an amorphous cell stands for."""
    source: str
    """Where the number is printed."""


def experimental_value(
    polymer_key_or_psmiles: str, property_name: str, temperature_k: float | None = 300.0
) -> ExperimentalValue | None:
    """The value to compare with, or None: only comparable samples of high or medium confidence.

    Args:
        polymer_key_or_psmiles: Key of a polymer, or any way to write its repeat unit with two '*'.
        property_name: Registered name of the property.
        temperature_k: Temperature of the other value [K]; None if it holds at none in particular. Away from
            room temperature by more than `TOLERANCE_K` there is nothing to compare, except for properties
            that are temperatures.
    """
    far = temperature_k is not None and abs(temperature_k - MEASURED_AT_K) > TOLERANCE_K
    if far and property_name not in TEMPERATURE_FREE:
        return None
    return _comparable().get((_polymer(polymer_key_or_psmiles), property_name))


def experimental_values() -> tuple[ExperimentalValue, ...]:
    """Every value of the collection, also those not fit for a comparison."""
    return _read()


@cache
def _read() -> tuple[ExperimentalValue, ...]:
    text = files("polyomics.reference").joinpath("experiment.csv").read_text(encoding="utf-8")
    return tuple(
        ExperimentalValue.model_validate({_FIELD_OF_COLUMN.get(name, name): row[name] for name in row})
        for row in csv.DictReader(text.splitlines())
    )


@cache
def _comparable() -> dict[tuple[str, str], ExperimentalValue]:
    return {
        (_polymer(item.psmiles), item.property): item
        for item in _read()
        if item.comparable and item.confidence in TRUSTED
    }


@lru_cache(maxsize=10_000)
def _polymer(text: str) -> str:
    """Key of a polymer; a repeat unit that cannot be parsed (silicon) stands for itself as it is written."""
    if "*" not in text:
        return text
    from polyomics.chemistry import parse_repeat_unit

    try:
        return str(parse_repeat_unit(text).key)
    except InvalidPolymer:
        return text
