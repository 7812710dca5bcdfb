"""GAFF2 with the torsions of fluorinated alkanes as published by Träg and Zahn.

Ref.: Träg, Zahn, J. Mol. Model. 25, 39 (2019), DOI 10.1007/s00894-018-3911-5. The numbers and how they came
here: `forcefields/gaff2_mod`.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

from polyomics.forcefield.data import manifest, read_data
from polyomics.forcefield.families import FAMILIES, Assignment
from polyomics.forcefield.families._generation import GAFF2, assign, types_and_tables

if TYPE_CHECKING:
    from polyomics.chemistry.chain import Chain

FLUORINATED = "c3f"
"""Type of a tetrahedral carbon with at least one fluorine; c3 in everything the paper does not change."""


@FAMILIES.register("gaff2_mod")
def gaff2_mod(chain: "Chain") -> Assignment:
    """Types and parameters of GAFF2 with the published change for fluorinated alkanes.

    Raises:
        TypesNotAssigned: GAFF2 has no type for an atom.
        ParametersMissing: GAFF2 has no parameters for a term, and there is no estimate.
        ToolMissing: AmberTools is not installed.
    """
    from polyomics.forcefield.parameters import Tables

    types, tables = types_and_tables(chain, GAFF2)
    fluorinated = [
        FLUORINATED if name == "c3" and any(n.GetAtomicNum() == 9 for n in atom.GetNeighbors()) else name
        for atom, name in zip(chain.mol.GetAtoms(), types, strict=True)
    ]
    changed = Tables((_changed_torsions(), *tables.layers), tables.estimates, {FLUORINATED: "c3"})
    result = assign(chain, fluorinated, changed, GAFF2, "gaff2_mod")
    about = manifest("gaff2_mod")
    result.provenance["gaff2_mod torsions.json sha256"] = about["sha256"]["torsions.json"]
    result.provenance["gaff2_mod verification"] = about["verification"]
    return result


@cache
def _changed_torsions() -> Any:
    import parmed
    from parmed.amber import AmberParameterSet

    table = AmberParameterSet()
    for row in read_data("gaff2_mod", "torsions.json")["torsions"]:
        terms = parmed.DihedralTypeList(
            parmed.DihedralType(term["k_kcal_mol"], term["periodicity"], term["phase_deg"], 1.2, 2.0)
            for term in row["terms"]
        )
        key = tuple(row["types"])
        table.dihedral_types[key] = table.dihedral_types[key[::-1]] = terms
    return table
