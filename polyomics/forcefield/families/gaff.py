"""GAFF, the general AMBER force field, first generation.

Types by `atomtype`, missing terms by `parmchk2`, both of AmberTools, which also brings the parameter file.
Ref.: Wang, Wolf, Caldwell, Kollman, Case, J. Comput. Chem. 25, 1157 (2004), DOI 10.1002/jcc.20035.
"""

from typing import TYPE_CHECKING

from polyomics.forcefield.families import FAMILIES, Assignment
from polyomics.forcefield.families._generation import GAFF, assign, types_and_tables

if TYPE_CHECKING:
    from polyomics.chemistry.chain import Chain


@FAMILIES.register("gaff")
def gaff(chain: "Chain") -> Assignment:
    """Types and parameters of GAFF.

    Raises:
        TypesNotAssigned: GAFF has no type for an atom.
        ParametersMissing: GAFF has no parameters for a term, and there is no estimate.
        ToolMissing: AmberTools is not installed.
    """
    types, tables = types_and_tables(chain, GAFF)
    return assign(chain, types, tables, GAFF, "gaff")
