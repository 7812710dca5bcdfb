"""When two atoms are too close: fractions of the sum of their van der Waals radii.

Radii: Bondi, J. Phys. Chem. 68 (1964) 441, doi:10.1021/j100785a001, hydrogen from Rowland and Taylor,
J. Phys. Chem. 100 (1996) 7384, doi:10.1021/jp953141+.
"""

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from scipy.sparse import coo_matrix, identity
from scipy.sparse.csgraph import shortest_path
from scipy.spatial import cKDTree

from polyomics.chemistry.assembly import Piece

RADIUS_NM = {
    1: 0.110, 6: 0.170, 7: 0.155, 8: 0.152, 9: 0.147, 15: 0.180, 16: 0.180, 17: 0.175, 35: 0.185, 53: 0.198,
}  # fmt: skip

WANTED_CONTACT = 0.78
"""Fraction of the sum of radii that atoms more than three bonds apart keep where there is room."""
CLOSEST_CONTACT = 0.65
"""Fraction that no pair goes below without relaxation: C-C 0.221 nm, C-H 0.182 nm, H-H 0.143 nm."""
SQUEEZED_CONTACT = 0.40
"""Fraction kept while growing crowded chains that find no room otherwise, before they are relaxed."""
RELAXED_CONTACT = 0.55
"""Fraction that no pair of such a chain goes below after relaxation."""

EXCLUDED_BONDS = 3
"""Pairs up to this many bonds apart are set by bonds, angles and torsions, not by contact."""


def closest_contact(mol: Chem.Mol, positions_nm: NDArray[np.float64]) -> float:
    """Smallest distance of atoms more than three bonds apart, in units of the sum of their radii; at most 1."""
    radii = np.array([RADIUS_NM[atom.GetAtomicNum()] for atom in mol.GetAtoms()])
    pairs = cKDTree(positions_nm).query_pairs(2.0 * float(radii.max()), output_type="ndarray")
    n = len(radii)
    bonds = np.array([(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()]).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(bonds)), bonds.T), shape=(n, n)).tocsr()
    step = graph + graph.T + identity(n, format="csr")
    held = (step @ step @ step)[pairs[:, 0], pairs[:, 1]]
    free = pairs[np.asarray(held).ravel() == 0]
    distance = np.linalg.norm(positions_nm[free[:, 0]] - positions_nm[free[:, 1]], axis=1)
    return min(1.0, float((distance / (radii[free[:, 0]] + radii[free[:, 1]])).min(initial=1.0)))


def radii_nm(piece: Piece) -> NDArray[np.float64]:
    """Van der Waals radius of each atom [nm], shape (n_atoms,)."""
    return np.array([RADIUS_NM[atom.GetAtomicNum()] for atom in piece.atoms])


def bonds_apart(piece: Piece) -> NDArray[np.float64]:
    """Number of bonds between each two atoms of a piece, shape (n_atoms, n_atoms)."""
    pairs = [(i, j) for i, near in enumerate(piece.neighbours) for j in near if j >= 0]
    n = piece.n_atoms
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    graph = coo_matrix((np.ones(len(pairs)), (rows, columns)), shape=(n, n)).tocsr()
    return np.asarray(shortest_path(graph, unweighted=True, directed=False))
