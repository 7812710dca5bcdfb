"""Named protocols, one file each: functions of the wanted state that return a `Protocol`."""

from collections.abc import Callable

from polyomics.md.protocol import Protocol
from polyomics.registry import Registry

PROTOCOLS: Registry[Callable[[float, float], Protocol]] = Registry("protocol", "polyomics.md.protocols")
"""Functions (temperature_k, pressure_bar) -> Protocol, by name."""
