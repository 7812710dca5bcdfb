"""Rotational-isomeric distribution of single bonds: first-order energies from a relaxed scan.

The energy of a torsion is that of the smallest molecule that has it: the two atoms of the bond, their
neighbours, rings and multiple bonds kept whole, the rest hydrogen. MMFF94 (UFF where it lacks a type) relaxes
the molecule at each angle. These are the first-order interactions of rotational-isomeric-state theory (Flory,
Macromolecules 7 (1974) 381, doi:10.1021/ma60039a024); the second-order ones (the pentane effect) come from the
overlap test during growth.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdMolTransforms

from polyomics.chemistry.assembly import Node, PieceAt, assemble, surroundings
from polyomics.chemistry.relaxation import embedding, field_maker, has_mmff
from polyomics.units import GAS_CONSTANT_KJ_MOL_K, KJ_PER_KCAL

MELT_TEMPERATURE_K = 500.0
"""Temperature of the conformers: that of a melt in which the chains will be relaxed."""
AMBIENT_TEMPERATURE_K = 300.0
"""Temperature for bonds with a high barrier (amides): molecular dynamics will not correct their populations."""
HIGH_BARRIER_KJ_MOL = 40.0

SCAN_STEP_DEG = 15
_FINE = 6
_SMALL_FRAGMENT = 25
_LABELS = (101, 102, 103, 104)


class TorsionDistribution:
    """Angles of one kind of bond, to draw from.

    Args:
        energies_kj_mol: Energy at equal steps of the full circle, from -180 degrees on; None for free rotation.
    """

    def __init__(self, energies_kj_mol: NDArray[np.float64] | None) -> None:
        self.energies_kj_mol = energies_kj_mol
        if energies_kj_mol is None:
            weights = np.ones(360 // SCAN_STEP_DEG * _FINE)
        else:
            weights = boltzmann_weights(energies_kj_mol)
        self.weights = weights / weights.sum()
        self._cumulative = np.cumsum(self.weights)

    def draw_deg(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        """Angles [degrees], -180 to 180, shape (count,)."""
        numbers = np.searchsorted(self._cumulative, rng.random(count) * self._cumulative[-1], side="right")
        return np.asarray(-180.0 + 360.0 * (numbers + rng.random(count)) / len(self.weights))


def boltzmann_weights(energies_kj_mol: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights in the middle of fine bins over the circle, from energies at coarse angles."""
    n = len(energies_kj_mol)
    fine = (np.arange(n * _FINE) + 0.5) / _FINE
    energy = np.interp(fine, np.arange(n + 1), np.append(energies_kj_mol, energies_kj_mol[0]))
    is_slow = _lowest_barrier(energies_kj_mol) > HIGH_BARRIER_KJ_MOL
    temperature = AMBIENT_TEMPERATURE_K if is_slow else MELT_TEMPERATURE_K
    return np.asarray(np.exp(-(energy - energy.min()) / (GAS_CONSTANT_KJ_MOL_K * temperature)))


def _lowest_barrier(energies: NDArray[np.float64]) -> float:
    """Height above the minimum of the easiest way out of its well [kJ/mol]: the lower of the first two maxima."""
    turned = np.roll(energies, -int(np.argmin(energies))) - energies.min()
    return float(min(_first_maximum(turned), _first_maximum(np.roll(turned[::-1], 1))))


def _first_maximum(climb: NDArray[np.float64]) -> float:
    top = 0.0
    for value in climb[1:]:
        if value < top - 2.0:
            break
        top = max(top, float(value))
    return top


FREE_ROTATION = TorsionDistribution(None)


def torsion_distribution(piece_at: PieceAt, quad: tuple[Node, Node, Node, Node]) -> TorsionDistribution:
    """Distribution of the torsion over four atoms of a sequence of pieces."""
    nodes = surroundings(piece_at, quad[1:3], 1)
    mol = assemble(piece_at, nodes, _hydrogen)
    for atom in mol.GetAtoms():
        atom.SetIsotope(0)
    for node, label in zip(quad, _LABELS, strict=True):
        mol.GetAtomWithIdx(nodes.index(node)).SetIsotope(label)
    smiles = _canonical(mol)
    mirror = Chem.Mol(mol)
    for atom in mirror.GetAtoms():
        atom.InvertChirality()
    mirrored = _canonical(mirror)
    return _mirror_distribution(mirrored) if mirrored < smiles else _distribution(smiles)


def _hydrogen(node: Node, other: Node | None) -> Chem.Atom:
    return Chem.Atom(1)


def _canonical(mol: Chem.Mol) -> str:
    copy = Chem.Mol(mol)
    Chem.SanitizeMol(copy)
    Chem.SetDoubleBondNeighborDirections(copy)
    Chem.AssignStereochemistry(copy, cleanIt=True, force=True)
    return str(Chem.MolToSmiles(Chem.RemoveHs(copy)))


@lru_cache(maxsize=4096)
def _distribution(smiles: str) -> TorsionDistribution:
    return TorsionDistribution(scan_kj_mol(smiles))


@lru_cache(maxsize=4096)
def _mirror_distribution(smiles: str) -> TorsionDistribution:
    energies = _distribution(smiles).energies_kj_mol
    assert energies is not None
    return TorsionDistribution(np.roll(energies[::-1], 1))


def scan_kj_mol(smiles: str) -> NDArray[np.float64]:
    """Relaxed energies [kJ/mol] of the torsion over the atoms labelled 101 to 104, from -180 degrees on."""
    with rdBase.BlockLogs():
        mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
        place = {atom.GetIsotope(): atom.GetIdx() for atom in mol.GetAtoms()}
        quad = [place[label] for label in _LABELS]
        wanted = 2 if mol.GetNumAtoms() <= _SMALL_FRAGMENT else 1
        conformers = list(rdDistGeom.EmbedMultipleConfs(mol, wanted, embedding()))
        rows = [_scan_from(mol, conformer, quad) for conformer in conformers]
    if not rows:
        return np.zeros(360 // SCAN_STEP_DEG)
    return np.asarray(np.min(rows, axis=0))


def _scan_from(mol: Chem.Mol, conformer: int, quad: list[int]) -> NDArray[np.float64]:
    start = Chem.Mol(mol, confId=conformer)
    field_of = field_maker(start)
    field_of(start).Minimize(maxIts=200)
    energies = []
    for angle in range(-180, 180, SCAN_STEP_DEG):
        turned = Chem.Mol(start)
        rdMolTransforms.SetDihedralDeg(turned.GetConformer(), quad[0], quad[1], quad[2], quad[3], angle)
        field = field_of(turned)
        hold = field.MMFFAddTorsionConstraint if has_mmff(start) else field.UFFAddTorsionConstraint
        hold(*quad, False, angle - 0.5, angle + 0.5, 200.0)
        field.Minimize(maxIts=60)
        energies.append(field_of(turned).CalcEnergy() * KJ_PER_KCAL)
    values = np.array(energies)
    return values - values.min() if np.isfinite(values).all() else np.zeros(len(values))
