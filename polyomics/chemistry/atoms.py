"""Atoms and bonds of a molecule as lists: RDKit's own iterators cost more than what is done with the atoms."""

from rdkit import Chem


def atoms_of(mol: Chem.Mol) -> list[Chem.Atom]:
    """All atoms, in order."""
    return [mol.GetAtomWithIdx(index) for index in range(mol.GetNumAtoms())]


def bonds_of(mol: Chem.Mol) -> list[Chem.Bond]:
    """All bonds, in order."""
    return [mol.GetBondWithIdx(index) for index in range(mol.GetNumBonds())]
