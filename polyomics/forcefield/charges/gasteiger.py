"""Gasteiger-Marsili charges: instant, from the graph alone, and too small for condensed phases.

Ref.: Gasteiger, Marsili, Tetrahedron 36, 3219 (1980), DOI 10.1016/0040-4020(80)80168-2.
"""

from typing import TYPE_CHECKING

import numpy as np

from polyomics.errors import ChargesNotConverged
from polyomics.forcefield.charges import CHARGE_MODELS, ChargeModel, UnitCharges

if TYPE_CHECKING:
    from polyomics.forcefield.oligomer import PolymerGraph

_N_UNITS = 5
"""Units of the oligomer; the scheme looks six bonds far with weights 1/2, 1/4, ..."""


def gasteiger(graph: "PolymerGraph") -> UnitCharges:
    """Charges of the middle unit and of both ends of a pentamer.

    Raises:
        ChargesNotConverged: The scheme has no parameters for an element.
    """
    import rdkit
    from rdkit.Chem import rdPartialCharges

    oligomer = graph.oligomer(_N_UNITS)
    rdPartialCharges.ComputeGasteigerCharges(oligomer.mol)
    values = np.array([atom.GetDoubleProp("_GasteigerCharge") for atom in oligomer.mol.GetAtoms()])
    if not np.isfinite(values).all():
        where = oligomer.mol.GetAtomWithIdx(int(np.flatnonzero(~np.isfinite(values))[0]))
        raise ChargesNotConverged(
            f"the gasteiger model has no parameters for {where.GetSymbol()} as it is bonded here; use charges 'am1bcc'"
        )
    return UnitCharges(
        head=values[oligomer.atoms_of(-1)],
        unit=values[oligomer.atoms_of(_N_UNITS // 2)],
        tail=values[oligomer.atoms_of(_N_UNITS)],
        notes=(("charges from", f"rdkit {rdkit.__version__}, middle unit of {_N_UNITS}"),),
    )


CHARGE_MODELS.register("gasteiger")(ChargeModel(gasteiger, version=1))
