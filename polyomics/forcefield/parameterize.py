"""The step from a chain to a parameterised chain: a family for types and parameters, a model for charges."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from polyomics.forcefield.charge_assignment import chain_charges_e
from polyomics.forcefield.families import FAMILIES

if TYPE_CHECKING:
    import parmed

    from polyomics.chemistry.chain import Chain


@dataclass(frozen=True, eq=False)
class ParameterizedChain:
    """One chain with everything its potential energy needs."""

    structure: "parmed.Structure"
    """Topology with parameters and charges; units of ParmEd (kcal/mol, Å, degrees, e)."""
    charges_e: NDArray[np.float64]
    """Charge of every atom [e], shape (n_atoms,); sums to `formal_charge` within 1e-10."""
    atom_types: tuple[str, ...]
    """Force-field type of every atom."""
    formal_charge: int
    """Charge of the chain [e]."""
    flags: tuple[str, ...]
    """What a reader must know before using results, as short words ("high_penalty_parameters")."""
    provenance: dict[str, str]
    """Programs, versions, checksums, estimated parameters with their penalties, origin of the charges."""

    @property
    def n_atoms(self) -> int:
        """Atoms of the chain."""
        return len(self.atom_types)


def parameterize(
    chain: "Chain", *, family: str = "gaff2", charges: str = "am1bcc", charge_cache: Path | None = None
) -> ParameterizedChain:
    """Types, parameters and charges of a chain.

    Args:
        chain: The chain; its coordinates are not used.
        family: Registered force-field family.
        charges: Registered charge model.
        charge_cache: Folder of charges already computed, one file per polymer and model; None for no cache.

    Raises:
        UnknownName: No such family or charge model.
        TypesNotAssigned: The family has no type for an atom.
        ParametersMissing: The family has no parameters for a term.
        ChargesNotConverged: The charge model failed.
        ToolMissing: A program of AmberTools was not found.
    """
    assignment = FAMILIES[family](chain)
    values_e, notes = chain_charges_e(chain, charges, charge_cache)
    for atom, value in zip(assignment.structure.atoms, values_e, strict=True):
        atom.charge = float(value)
    return ParameterizedChain(
        structure=assignment.structure,
        charges_e=values_e,
        atom_types=assignment.atom_types,
        formal_charge=round(float(values_e.sum())),
        flags=assignment.flags,
        provenance={**assignment.provenance, **notes},
    )
