"""Molar refractions against measured ones: (n² - 1) / (n² + 2) M / ρ at 293 K (CRC Handbook)."""

import pytest
from rdkit import Chem

from polyomics.chemistry.refractivity import molar_refractivity_cm3_mol

MEASURED = {  # smiles: n_D, density g/cm3, molar mass g/mol
    "c1ccccc1": (1.5011, 0.8765, 78.11),
    "CCCCCCCCCC": (1.4102, 0.7266, 142.28),
    "COC(=O)C(C)C": (1.3840, 0.8906, 102.13),
    "CCc1ccccc1": (1.4959, 0.8670, 106.17),
    "CC#N": (1.3442, 0.7857, 41.05),
    "ClCCl": (1.4242, 1.3266, 84.93),
}


@pytest.mark.parametrize("smiles", MEASURED)
def test_of_liquids(smiles: str) -> None:
    n, density, molar_mass = MEASURED[smiles]
    measured = (n**2 - 1) / (n**2 + 2) * molar_mass / density
    assert molar_refractivity_cm3_mol(Chem.MolFromSmiles(smiles)) == pytest.approx(measured, rel=0.04)


def test_explicit_hydrogens_change_nothing() -> None:
    mol = Chem.MolFromSmiles("COC(=O)C(C)C")
    assert molar_refractivity_cm3_mol(Chem.AddHs(mol)) == pytest.approx(molar_refractivity_cm3_mol(mol))
