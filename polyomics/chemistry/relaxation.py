"""Geometries of small molecules: ETKDG conformers and their relaxation with MMFF94 or UFF."""

from collections.abc import Callable
from typing import Any

from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

_SEED = 20240229
"""Templates do not depend on the seed of a chain: one polymer, one set of templates."""


def embedding(*, random_start: bool = False, attempts: int = 20) -> Any:
    """Settings of the embedding (Wang et al., J. Chem. Inf. Model. 60 (2020) 2044, doi:10.1021/acs.jcim.0c00025)."""
    params: Any = rdDistGeom.ETKDGv3()
    params.randomSeed = _SEED
    params.numThreads = 1
    params.maxIterations = attempts
    params.useRandomCoords = random_start
    return params


def has_mmff(mol: Chem.Mol) -> bool:
    """Whether MMFF94 has a type for every atom."""
    return bool(rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol))


def field_maker(mol: Chem.Mol) -> Callable[[Chem.Mol], Any]:
    """Function from a conformer of `mol` to its force field: MMFF94, or UFF where a type is missing."""
    properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol) if has_mmff(mol) else None

    def make(conformer: Chem.Mol) -> Any:
        if properties is None:
            field = rdForceFieldHelpers.UFFGetMoleculeForceField(conformer)
        else:
            field = rdForceFieldHelpers.MMFFGetMoleculeForceField(conformer, properties)
        field.Initialize()
        return field

    return make
