"""Named protocols, one file each: functions of what is wanted that return a `Protocol`."""

from collections.abc import Callable

from pydantic import Field

from polyomics.md.protocol import Protocol
from polyomics.records import Record
from polyomics.registry import Registry


class Target(Record):
    """What a protocol is to end at, and what it may know of the polymer."""

    temperature_k: float = Field(default=300.0, gt=0, le=2000)
    """Temperature the properties are wanted at [K]."""
    pressure_bar: float = Field(default=1.01325, ge=0, le=1e5)
    """Pressure the properties are wanted at [bar]."""
    glass_transition_guess_k: float = Field(default=380.0, gt=0, le=2000)
    """Rough glass transition temperature of the polymer [K], to choose the melt from; see
    `chemistry.glass_transition`."""


PROTOCOLS: Registry[Callable[[Target], Protocol]] = Registry("protocol", "polyomics.md.protocols")
"""Functions Target -> Protocol, by name."""
