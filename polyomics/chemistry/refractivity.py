"""The molar refraction of a molecule, from its constitution alone."""

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors


def molar_refractivity_cm3_mol(mol: Chem.Mol) -> float:
    """Molar refraction at the sodium D line [cm³/mol], by atom contributions.

    RDKit's table of Wildman and Crippen 1999, DOI 10.1021/ci990307l, fitted to 3,412 liquids and solids. By
    Lorentz and Lorenz it is (n² - 1) / (n² + 2) M / ρ, so it stands for the electronic polarisability.

    Args:
        mol: A molecule with explicit or implicit hydrogens.
    """
    without = Chem.RemoveHs(mol)
    Chem.SanitizeMol(without)
    return float(rdMolDescriptors.CalcCrippenDescriptors(without)[1])
