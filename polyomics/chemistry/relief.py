"""Relaxation of a whole chain that had to be grown in tighter contact than wanted."""

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdForceFieldHelpers
from scipy.optimize import minimize

from polyomics.chemistry.relaxation import has_mmff
from polyomics.units import NM_PER_ANGSTROM

_NONBONDED_ANGSTROM = 5.0
_MAX_STEPS = 200


def relieved_nm(mol: Chem.Mol) -> NDArray[np.float64]:
    """Positions [nm] of the molecule's conformer after some steps downhill in MMFF94 (UFF where types are missing)."""
    if has_mmff(mol):
        properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol)
        field = rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties, nonBondedThresh=_NONBONDED_ANGSTROM)
    else:
        field = rdForceFieldHelpers.UFFGetMoleculeForceField(mol, vdwThresh=2.0)
    field.Initialize()

    def energy(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        point = flat.tolist()
        return field.CalcEnergy(point), np.array(field.CalcGrad(point))

    start = np.array(mol.GetConformer().GetPositions()).ravel()
    found = minimize(energy, start, jac=True, method="L-BFGS-B", options={"maxiter": _MAX_STEPS, "maxcor": 10})
    return np.asarray(found.x).reshape(-1, 3) * NM_PER_ANGSTROM
