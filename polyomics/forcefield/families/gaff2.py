"""GAFF2, the general AMBER force field, second generation.

Types by `atomtype`, missing terms by `parmchk2`, both of AmberTools, which also brings the parameter file.
Ref.: Wang, Wolf, Caldwell, Kollman, Case, J. Comput. Chem. 25, 1157 (2004), DOI 10.1002/jcc.20035; He, Man,
Yang, Lee, Wang, J. Chem. Phys. 153, 114502 (2020), DOI 10.1063/5.0019056.
"""

from typing import TYPE_CHECKING

from polyomics.forcefield.families import FAMILIES, Assignment
from polyomics.forcefield.families._generation import GAFF2, assign, types_and_tables

if TYPE_CHECKING:
    from polyomics.chemistry.chain import Chain


@FAMILIES.register("gaff2")
def gaff2(chain: "Chain") -> Assignment:
    """Types and parameters of GAFF2.

    Raises:
        TypesNotAssigned: GAFF2 has no type for an atom.
        ParametersMissing: GAFF2 has no parameters for a term, and there is no estimate.
        ToolMissing: AmberTools is not installed.
    """
    types, tables = types_and_tables(chain, GAFF2)
    return assign(chain, types, tables, GAFF2, "gaff2")
