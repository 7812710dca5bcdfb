"""Van der Waals volume: the published table, and the volume of the fused spheres themselves."""

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from polyomics.chemistry.volume import BONDI_RADII_ANGSTROM, vdw_volume_nm3
from polyomics.errors import UnsupportedElement

PUBLISHED_ANGSTROM3 = {
    "C": 25.852,
    "CC": 43.148,
    "CCCC": 77.740,
    "CC(=O)O": 58.092,
    "CC#N": 48.872,
    "S=C=S": 57.598,
    "CC(F)(F)Cl": 70.495,
    "c1ccccc1": 81.167,
    "c1cc2ccc3cccc4ccc(c1)c2c34": 171.175,
    "CN1CCCC1c2cccnc2": 159.988,
}
"""From the spreadsheet in the supporting information of DOI 10.1021/jo034808o, as used by the CDK's tests."""


@pytest.mark.parametrize("smiles", PUBLISHED_ANGSTROM3)
def test_published_values(smiles: str) -> None:
    assert vdw_volume_nm3(Chem.MolFromSmiles(smiles)) * 1000 == pytest.approx(PUBLISHED_ANGSTROM3[smiles], abs=0.01)


def test_explicit_hydrogens_change_nothing() -> None:
    mol = Chem.MolFromSmiles("CCOC(=O)c1ccccc1")
    assert vdw_volume_nm3(Chem.AddHs(mol)) == pytest.approx(vdw_volume_nm3(mol), rel=1e-12)


@pytest.mark.parametrize("smiles", ["CCCCCC", "Cc1ccccc1", "CC(C)C(=O)OC", "COCCOC", "FC(F)(F)C(F)(F)F"])
def test_close_to_the_volume_of_the_fused_spheres(smiles: str) -> None:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(mol, randomSeed=7)
    centres = mol.GetConformer().GetPositions()
    radii = np.array([BONDI_RADII_ANGSTROM[atom.GetSymbol()] for atom in mol.GetAtoms()])
    low, high = (centres - 2.2).min(axis=0), (centres + 2.2).max(axis=0)
    points = low + (high - low) * np.random.default_rng(0).random((40_000, 3))
    inside = (np.linalg.norm(points[:, None] - centres[None], axis=-1) < radii).any(axis=1).mean()
    fused_nm3 = inside * np.prod(high - low) / 1000
    assert vdw_volume_nm3(mol) == pytest.approx(fused_nm3, rel=0.08)


def test_an_unknown_element_is_named() -> None:
    with pytest.raises(UnsupportedElement, match="Fe"):
        vdw_volume_nm3(Chem.MolFromSmiles("[Fe]"))
