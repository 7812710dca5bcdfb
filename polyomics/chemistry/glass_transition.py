"""A rough glass transition temperature from the repeat unit, to know how hot a melt must be.

A straight line through eight counts per heavy atom, fitted by ridge regression to the 22 polymers of
`polyomics/reference/experiment.csv` that the force fields know. Left out one at a time, polymers are missed
by 47 K (root mean square; the values themselves spread by 94 K): enough to choose a melt 300 K above it, and
for nothing else. It is never stored as a result.
"""

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from polyomics.chemistry.atoms import atoms_of, bonds_of
from polyomics.chemistry.repeat_unit import RepeatUnit

COEFFICIENTS_K = (262.0, -87.0, 35.0, 184.0, 148.0, 310.0, -57.0, -89.0)
"""Kelvin for each of `features`; the test of this file fits them anew."""
LOWEST_K, HIGHEST_K = 150.0, 700.0
"""The guess is kept within these."""


def glass_transition_guess_k(unit: RepeatUnit) -> float:
    """Rough glass transition temperature of the amorphous polymer [K], good to about 50 K."""
    guess_k = sum(k * x for k, x in zip(COEFFICIENTS_K, features(unit), strict=True))
    return min(max(guess_k, LOWEST_K), HIGHEST_K)


def features(unit: RepeatUnit) -> tuple[float, ...]:
    """What the guess rests on, per heavy atom.

    In order: 1; flexible main-chain links; part of the main chain in rings (per main-chain atom); ring atoms;
    hydrogen-bond donors; polar surface (per 20 Å²) and chlorine; main-chain atoms with four heavy neighbours; C=C
    bonds.
    """
    mol = Chem.RemoveHs(unit.mol)
    atoms = [atom for atom in atoms_of(mol) if atom.GetAtomicNum() > 0]
    backbone = [unit.mol.GetAtomWithIdx(index) for index in unit.backbone]
    double = [bond for bond in bonds_of(mol) if bond.GetBondType() == Chem.BondType.DOUBLE]
    counts = (
        sum(_is_flexible(atom) for atom in backbone),
        unit.n_heavy_atoms * sum(atom.IsInRing() for atom in backbone) / len(backbone),
        sum(atom.IsInRing() for atom in atoms),
        rdMolDescriptors.CalcNumHBD(mol),
        rdMolDescriptors.CalcTPSA(mol) / 20.0 + sum(atom.GetSymbol() == "Cl" for atom in atoms),
        sum(_n_heavy_neighbours(atom) == 4 for atom in backbone),
        sum({bond.GetBeginAtom().GetSymbol(), bond.GetEndAtom().GetSymbol()} == {"C"} for bond in double),
    )
    return (1.0, *(count / unit.n_heavy_atoms for count in counts))


def _is_flexible(atom: Chem.Atom) -> bool:
    """CH2, O and the like outside rings: links that turn easily."""
    return (
        atom.GetSymbol() in ("C", "O")
        and not atom.IsInRing()
        and atom.GetHybridization() != Chem.HybridizationType.SP2
        and _n_heavy_neighbours(atom) <= 2
    )


def _n_heavy_neighbours(atom: Chem.Atom) -> int:
    return sum(other.GetAtomicNum() != 1 for other in atom.GetNeighbors())
