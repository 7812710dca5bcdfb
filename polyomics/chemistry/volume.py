"""The van der Waals volume of a molecule or a chain, from its constitution alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rdkit.Chem import rdMolDescriptors

from polyomics.chemistry.atoms import atoms_of
from polyomics.errors import UnsupportedElement

if TYPE_CHECKING:
    from rdkit import Chem

NM3_PER_CUBIC_ANGSTROM = 1.0e-3

BONDI_RADII_ANGSTROM = {
    "H": 1.20, "C": 1.70, "N": 1.55, "O": 1.52, "F": 1.47, "Si": 2.10, "P": 1.80,
    "S": 1.80, "Cl": 1.75, "As": 1.85, "Se": 1.90, "Br": 1.85, "I": 1.98,
}  # fmt: skip
"""Van der Waals radii [Å] that the method was made for (Bondi 1964, DOI 10.1021/j100785a001)."""

_BOND_ANGSTROM3 = 5.92
_AROMATIC_RING_ANGSTROM3 = 14.7
_OTHER_RING_ANGSTROM3 = 3.8


def vdw_volume_nm3(mol: Chem.Mol) -> float:
    """Van der Waals volume of one molecule [nm³].

    V = Σ 4/3 π r³ - 5.92 N_bonds - 14.7 R_aromatic - 3.8 R_other [Å³], with Bondi radii r and the rings
    counted in the smallest set; within 4 % of the volume of the fused spheres for
    organic molecules, 9 % too large for perfluorinated chains. Hydrogens may
    be explicit or implicit. Source: Zhao, Abraham, Zissimos 2003, DOI 10.1021/jo034808o.

    Of a repeat unit or an end group, it is the part of a chain's volume: each `*` stands for half a bond.

    Raises:
        UnsupportedElement: The method has no volume for an element.
    """
    atoms = [atom for atom in atoms_of(mol) if atom.GetAtomicNum() > 0]
    n_stars = mol.GetNumAtoms() - len(atoms)
    n_hidden = sum(atom.GetTotalNumHs() for atom in atoms)
    symbols = [atom.GetSymbol() for atom in atoms] + ["H"] * n_hidden
    missing = sorted(set(symbols) - set(BONDI_RADII_ANGSTROM))
    if missing:
        raise UnsupportedElement(
            f"no van der Waals volume for {', '.join(missing)}; known are {', '.join(BONDI_RADII_ANGSTROM)}"
        )
    spheres = sum(4.0 / 3.0 * math.pi * BONDI_RADII_ANGSTROM[symbol] ** 3 for symbol in symbols)
    n_bonds = mol.GetNumBonds() + n_hidden - 0.5 * n_stars
    n_aromatic = rdMolDescriptors.CalcNumAromaticRings(mol)
    n_other = rdMolDescriptors.CalcNumRings(mol) - n_aromatic
    rings = _AROMATIC_RING_ANGSTROM3 * n_aromatic + _OTHER_RING_ANGSTROM3 * n_other
    return float(spheres - _BOND_ANGSTROM3 * n_bonds - rings) * NM3_PER_CUBIC_ANGSTROM
