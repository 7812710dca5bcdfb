"""From a chain to forces: atom types, parameters, charges, and the OpenMM System of many chains.

`parameterize.parameterize` (Chain -> ParameterizedChain) and `build_system` (ParameterizedChain -> openmm.System).
"""

from importlib import import_module
from typing import Any

_HOME = {
    "ParameterizedChain": "parameterize",
    "build_system": "system",
    "find_tools": "tools",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import on first use: openmm, parmed and rdkit take a noticeable part of a second."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
