"""Force-field families, one file each.

A family is a function that gives every atom of a chain a type and every bonded term its parameters. It
leaves the charges at zero: those come from a charge model.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from polyomics.registry import Registry

if TYPE_CHECKING:
    import parmed

    from polyomics.chemistry.chain import Chain


@dataclass(frozen=True, eq=False)
class Assignment:
    """What a family says about one chain."""

    structure: "parmed.Structure"
    """Topology with all parameters, charges zero; units of ParmEd (kcal/mol, Å, degrees)."""
    atom_types: tuple[str, ...]
    """Type of every atom."""
    flags: tuple[str, ...] = ()
    """What a reader must know before using results, as short words."""
    provenance: dict[str, str] = field(default_factory=dict)
    """Programs, versions, checksums, estimated parameters with their penalties."""


Family = Callable[["Chain"], Assignment]
"""Raises TypesNotAssigned or ParametersMissing where the family does not cover the chain."""

FAMILIES: Registry[Family] = Registry("force-field family", __name__)
"""Every family by name."""
