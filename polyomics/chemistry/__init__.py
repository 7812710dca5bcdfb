"""From the text of a repeat unit to a chain in 3D.

`parse_repeat_unit` (text -> RepeatUnit), `build_chain` (RepeatUnit -> Chain), `chain_graph`,
`chain_size` and `units_for_atoms` (without coordinates), `find_spearings` (bonds that pass through rings).
"""

from importlib import import_module
from typing import Any

_HOME = {
    "Chain": "chain",
    "ChainGraph": "chain",
    "ChainSize": "chain",
    "chain_graph": "chain",
    "chain_size": "chain",
    "units_for_atoms": "chain",
    "EndGroup": "end_group",
    "parse_end_group": "end_group",
    "build_chain": "growth",
    "polymer_classes": "polymer_class",
    "RepeatUnit": "repeat_unit",
    "parse_repeat_unit": "repeat_unit",
    "find_spearings": "spearing",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import on first use: rdkit takes a noticeable part of a second."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
