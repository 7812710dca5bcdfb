"""Small molecules that stand for a part of a polymer: the part, what surrounds it, and hydrogens."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers, rdMolTransforms

from polyomics.errors import ChargesNotConverged
from polyomics.forcefield.oligomer import Oligomer

_SEED = 20240
_MAX_STEPS = 2000
_SAME_ENERGY_KCAL_MOL = 0.01


@dataclass(frozen=True, eq=False)
class CappedPart:
    """A part of a polymer with a truncated copy of its surroundings."""

    mol: Chem.Mol
    """All hydrogens explicit; every bond that was cut ends in a hydrogen."""
    core: NDArray[np.int64]
    """Atoms of the part in `mol`, in template order."""
    backbone: tuple[int, ...]
    """Longest shortest way through `mol` along the main chain, for stretching."""


def capped_part(oligomer: Oligomer, unit: int, shells: int) -> CappedPart:
    """One unit (or end: -1, n_units) of an oligomer with its surroundings up to `shells` bonds away.

    Aromatic rings, multiple bonds and charged pairs are never cut: one that is reached is taken whole.
    """
    mol = oligomer.mol
    core = oligomer.atoms_of(unit).tolist()
    kept = _surroundings(mol, core, shells)
    order = sorted(kept)
    new = Chem.RWMol()
    index = {}
    for i in order:
        atom = Chem.Atom(mol.GetAtomWithIdx(i))
        atom.SetNoImplicit(True)
        index[i] = new.AddAtom(atom)
    cut = []
    for bond in mol.GetBonds():
        a, b = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        if a in kept and b in kept:
            new.AddBond(index[a], index[b], bond.GetBondType())
        elif a in kept or b in kept:
            cut.append(a if a in kept else b)
    for i in cut:
        hydrogen = new.AddAtom(Chem.Atom(1))
        new.AddBond(index[i], hydrogen, Chem.BondType.SINGLE)
    product = new.GetMol()
    _copy_stereo(mol, product, index)
    Chem.SanitizeMol(product)
    ends = [min(kept), max(kept)]
    path = Chem.GetShortestPath(product, index[ends[0]], index[ends[1]]) if len(kept) > 1 else ()
    return CappedPart(product, np.array([index[i] for i in core]), tuple(path))


def _surroundings(mol: Chem.Mol, core: Iterable[int], shells: int) -> set[int]:
    kept, edge = set(core), set(core)
    for _ in range(shells):
        edge = {
            n.GetIdx()
            for i in edge
            for n in mol.GetAtomWithIdx(i).GetNeighbors()
            if n.GetAtomicNum() > 1 and n.GetIdx() not in kept
        }
        kept |= edge
    rings = [set(ring) for ring in mol.GetRingInfo().AtomRings()]
    aromatic = [ring for ring in rings if all(mol.GetAtomWithIdx(i).GetIsAromatic() for i in ring)]
    size = 0
    while size != len(kept):
        size = len(kept)
        for ring in aromatic:
            if ring & kept:
                kept |= ring
        for i in list(kept):
            kept |= _inseparable(mol.GetAtomWithIdx(i))
    hydrogens = {n.GetIdx() for i in kept for n in mol.GetAtomWithIdx(i).GetNeighbors() if n.GetAtomicNum() == 1}
    return kept | hydrogens


def _inseparable(atom: Chem.Atom) -> set[int]:
    near = set()
    for bond in atom.GetBonds():
        other = bond.GetOtherAtom(atom)
        is_multiple = bond.GetBondType() != Chem.BondType.SINGLE and not bond.GetIsAromatic()
        if is_multiple or atom.GetFormalCharge() * other.GetFormalCharge() < 0:
            near.add(other.GetIdx())
    return near


def _copy_stereo(mol: Chem.Mol, product: Chem.Mol, index: dict[int, int]) -> None:
    """Geometry of double bonds and handedness, where everything they refer to was kept."""
    for bond in mol.GetBonds():
        refs = list(bond.GetStereoAtoms())
        wanted = [bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), *refs]
        if len(refs) == 2 and all(i in index for i in wanted):
            new = product.GetBondBetweenAtoms(index[wanted[0]], index[wanted[1]])
            if new.GetBeginAtomIdx() != index[wanted[0]]:
                refs.reverse()
            new.SetStereoAtoms(*(index[i] for i in refs))
            new.SetStereo(bond.GetStereo())
    for old, number in index.items():
        atom = mol.GetAtomWithIdx(old)
        near = [bond.GetOtherAtomIdx(old) for bond in atom.GetBonds()]
        tag = atom.GetChiralTag() if all(i in index for i in near) else Chem.ChiralType.CHI_UNSPECIFIED
        product.GetAtomWithIdx(number).SetChiralTag(tag)


def extended_conformers(part: CappedPart, most: int) -> Chem.Mol:
    """A copy with up to `most` conformers: main chain stretched, then relaxed with MMFF94.

    The same for equal input. Stereocentres that are left open differ among conformers; a conformer of the
    same energy as an earlier one is left out. UFF where MMFF94 has no parameters.

    Raises:
        ChargesNotConverged: No geometry could be made.
    """
    mol = Chem.Mol(part.mol)
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.randomSeed = _SEED
    parameters.useRandomCoords = True
    conformers = list(rdDistGeom.EmbedMultipleConfs(mol, most, parameters))
    if not conformers:
        raise ChargesNotConverged(
            f"no 3D geometry was found for the capped repeat unit {Chem.MolToSmiles(Chem.RemoveHs(mol))}"
        )
    for number in conformers:
        _stretch(mol, part.backbone, mol.GetConformer(number))
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        results = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol, numThreads=1, maxIters=_MAX_STEPS)
    else:
        results = rdForceFieldHelpers.UFFOptimizeMoleculeConfs(mol, numThreads=1, maxIters=_MAX_STEPS)
    kept: list[float] = []
    for number, (_, energy) in zip(conformers, results, strict=True):
        if any(abs(energy - other) < _SAME_ENERGY_KCAL_MOL for other in kept):
            mol.RemoveConformer(number)
        else:
            kept.append(energy)
    return mol


def _stretch(mol: Chem.Mol, path: tuple[int, ...], conformer: Chem.Conformer) -> None:
    """Turn every rotatable main-chain bond to trans."""
    for a, b, c, d in zip(path, path[1:], path[2:], path[3:], strict=False):
        bond = mol.GetBondBetweenAtoms(b, c)
        if bond.GetBondType() == Chem.BondType.SINGLE and not bond.IsInRing():
            rdMolTransforms.SetDihedralDeg(conformer, a, b, c, d, 180.0)
