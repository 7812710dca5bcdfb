"""Geometry of one piece of a chain, with the bonds it can be turned about.

A template is cut from a small relaxed molecule: the piece, what lies within three bonds of it, hydrogen beyond.
The positions of the atoms before and after the piece come with it, so that bond lengths and angles at the
junction are those of the relaxed molecule.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom

from polyomics.chemistry.assembly import (
    NEXT,
    PREVIOUS,
    Node,
    Piece,
    PieceAt,
    assemble,
    neighbour_nodes,
    surroundings,
)
from polyomics.chemistry.relaxation import embedding, field_maker
from polyomics.chemistry.torsion import FREE_ROTATION, TorsionDistribution, torsion_distribution
from polyomics.units import NM_PER_ANGSTROM

Floats = NDArray[np.float64]

_CONTEXT_BONDS = 3
_LINEAR_COS = -0.97
_FREE_CONFORMERS = 24


@dataclass(frozen=True, eq=False)
class Turn:
    """A bond inside a piece that can be turned."""

    axis: tuple[int, int]
    moved: NDArray[np.int64]
    """Rows of `Template.positions_nm` that turn with the second atom."""
    quad: tuple[int, int, int, int]
    """Rows of the four atoms that define the angle."""
    distribution: TorsionDistribution


@dataclass(frozen=True, eq=False)
class Template:
    """Relaxed geometry of one piece."""

    piece: Piece
    positions_nm: Floats
    """Positions [nm], shape (n_atoms + 2, 3): the atoms, then the atom after (row -2), the atom before (row -1);
    NaN where there is none."""
    turns: tuple[Turn, ...]
    head_reference: int | None
    """Row that, with the head, defines the torsion of the junction before."""
    tail_reference: int | None
    """Row that, with the tail, defines the torsion of the junction after."""


def make_template(piece_at: PieceAt, backbone: Sequence[int]) -> Template | None:
    """Template of piece 0 of a sequence; None if its stereo cannot be realised in 3D.

    Args:
        piece_at: Pieces of the sequence, with every stereocentre set.
        backbone: Atoms of piece 0 from its head to its tail.
    """
    piece = piece_at(0)
    assert piece is not None
    positions = _relaxed(piece_at, piece)
    if positions is None:
        return None
    turns = [
        Turn(axis, moved, quad, _distribution_of(piece_at, quad, positions))
        for axis, moved, quad in _turnable(piece, backbone)
    ]
    return Template(
        piece=piece,
        positions_nm=positions,
        turns=tuple(turns),
        head_reference=_reference(piece, piece.head, PREVIOUS, backbone),
        tail_reference=_reference(piece, piece.tail, NEXT, backbone),
    )


def mirror_template(template: Template, piece_at: PieceAt) -> Template:
    """Mirror image of a template, as the template of piece 0, which is the mirror image of its piece."""
    piece = piece_at(0)
    assert piece is not None
    flipped = template.positions_nm * np.array([-1.0, 1.0, 1.0])
    turns = tuple(replace(turn, distribution=_distribution_of(piece_at, turn.quad, flipped)) for turn in template.turns)
    return replace(template, piece=piece, positions_nm=flipped, turns=turns)


def junction_distribution(piece_at: PieceAt, before: Template, after: Template) -> TorsionDistribution:
    """Distribution of the torsion about the bond between piece 0 and piece 1 of a sequence."""
    if before.tail_reference is None or after.head_reference is None:
        return FREE_ROTATION
    tail, head = before.piece.tail, after.piece.head
    assert tail is not None
    assert head is not None
    linear = _is_linear(before.positions_nm, before.tail_reference, tail, NEXT) or _is_linear(
        after.positions_nm, after.head_reference, head, PREVIOUS
    )
    first = _node(piece_at, 0, tail, before.tail_reference)
    last = _node(piece_at, 1, head, after.head_reference)
    if linear or first is None or last is None:
        return FREE_ROTATION
    return torsion_distribution(piece_at, (first, (0, tail), (1, head), last))


def _node(piece_at: PieceAt, k: int, atom: int, row: int) -> Node | None:
    piece = piece_at(k)
    assert piece is not None
    return neighbour_nodes(piece_at, (k, atom))[piece.neighbours[atom].index(row)]


def _distribution_of(piece_at: PieceAt, quad: tuple[int, int, int, int], positions: Floats) -> TorsionDistribution:
    if _is_linear(positions, quad[0], quad[1], quad[2]) or _is_linear(positions, quad[1], quad[2], quad[3]):
        return FREE_ROTATION
    first = _node(piece_at, 0, quad[1], quad[0])
    last = _node(piece_at, 0, quad[2], quad[3])
    assert first is not None
    assert last is not None
    return torsion_distribution(piece_at, (first, (0, quad[1]), (0, quad[2]), last))


def _is_linear(positions: Floats, first: int, middle: int, last: int) -> bool:
    a, b = positions[first] - positions[middle], positions[last] - positions[middle]
    return bool(a @ b < _LINEAR_COS * np.linalg.norm(a) * np.linalg.norm(b))


def _relaxed(piece_at: PieceAt, piece: Piece) -> Floats | None:
    """Rows of `Template.positions_nm` from the best of a few relaxed conformers."""
    nodes = surroundings(piece_at, [(0, i) for i in range(piece.n_atoms)], _CONTEXT_BONDS)
    row = {node: number for number, node in enumerate(nodes)}
    with rdBase.BlockLogs():
        mol = assemble(piece_at, nodes, lambda node, other: Chem.Atom(1))
        Chem.SanitizeMol(mol)
        coordinates = _best_conformer(mol)
    if coordinates is None:
        return None
    picked = [coordinates[row[(0, i)]] for i in range(piece.n_atoms)]
    for side, atom in ((NEXT, piece.tail), (PREVIOUS, piece.head)):
        other = None if atom is None else _node(piece_at, 0, atom, side)
        picked.append(np.full(3, np.nan) if other is None else coordinates[row[other]])
    return np.array(picked) * NM_PER_ANGSTROM


def _best_conformer(mol: Chem.Mol) -> Floats | None:
    """Lowest of a few relaxed conformers that have the stereo asked for [Å]."""
    wanted = 4 if mol.GetNumAtoms() <= 40 else 2
    best: tuple[float, Floats] | None = None
    for random_start in (False, True):
        work = Chem.Mol(mol)
        ids = list(rdDistGeom.EmbedMultipleConfs(work, wanted, embedding(random_start=random_start)))
        field_of = field_maker(work)
        for number in ids:
            single = Chem.Mol(work, confId=number)
            field = field_of(single)
            field.Minimize(maxIts=400)
            energy = float(field.CalcEnergy())
            if has_stereo_asked_for(single) and (best is None or energy < best[0] - 1e-6):
                best = energy, np.array(single.GetConformer().GetPositions())
        if best is not None:
            return best[1]
    return None


def has_stereo_asked_for(mol: Chem.Mol) -> bool:
    """Whether the coordinates agree with every chirality tag and double-bond geometry of the molecule."""
    points = mol.GetConformer().GetPositions()
    for atom in mol.GetAtoms():
        tag = atom.GetChiralTag()
        if tag == Chem.ChiralType.CHI_UNSPECIFIED:
            continue
        arms = [points[bond.GetOtherAtomIdx(atom.GetIdx())] - points[atom.GetIdx()] for bond in atom.GetBonds()]
        volume = float(arms[0] @ np.cross(arms[1], arms[2]))
        if (volume > 0) != (tag == Chem.ChiralType.CHI_TETRAHEDRAL_CCW):
            return False
    return all(_has_geometry(points, bond) for bond in mol.GetBonds())


def _has_geometry(points: Floats, bond: Chem.Bond) -> bool:
    stereo = bond.GetStereo()
    if stereo not in (Chem.BondStereo.STEREOCIS, Chem.BondStereo.STEREOTRANS):
        return True
    first, second = bond.GetStereoAtoms()
    axis = points[bond.GetEndAtomIdx()] - points[bond.GetBeginAtomIdx()]
    a = np.cross(axis, points[first] - points[bond.GetBeginAtomIdx()])
    b = np.cross(axis, points[second] - points[bond.GetEndAtomIdx()])
    return bool((a @ b > 0) == (stereo == Chem.BondStereo.STEREOCIS))


def feasible_handedness(piece_at: PieceAt, centres: Sequence[int]) -> list[tuple[int, ...]]:
    """Handedness of unspecified centres of piece 0 in conformers that were free to choose it, each once, sorted."""
    piece = piece_at(0)
    assert piece is not None
    nodes = surroundings(piece_at, [(0, i) for i in range(piece.n_atoms)], 1)
    row = {node: number for number, node in enumerate(nodes)}
    found: set[tuple[int, ...]] = set()
    with rdBase.BlockLogs():
        mol = assemble(piece_at, nodes, lambda node, other: Chem.Atom(1))
        Chem.SanitizeMol(mol)
        for number in rdDistGeom.EmbedMultipleConfs(mol, _FREE_CONFORMERS, embedding()):
            points = mol.GetConformer(number).GetPositions()
            signs = []
            for centre in centres:
                near = [row[n] for n in neighbour_nodes(piece_at, (0, centre))[:3] if n is not None]
                arms = points[near] - points[row[(0, centre)]]
                signs.append(1 if arms[0] @ np.cross(arms[1], arms[2]) > 0 else -1)
            found.add(tuple(signs))
    return sorted(found)


def _turnable(
    piece: Piece, backbone: Sequence[int]
) -> list[tuple[tuple[int, int], NDArray[np.int64], tuple[int, int, int, int]]]:
    """Axis, moved rows and defining atoms of every bond inside a piece that changes the shape when turned."""
    found = []
    for a in range(piece.n_atoms):
        for b, stiff in zip(piece.neighbours[a], piece.is_stiff[a], strict=True):
            if b < a or stiff or min(len(piece.neighbours[a]), len(piece.neighbours[b])) < 2:
                continue
            far = _branch(piece, a, b)
            root = piece.head if piece.head is not None else piece.tail
            begin, end, moved = (a, b, far) if root not in far else (b, a, _branch(piece, b, a))
            if not _is_symmetric_rotor(piece, begin, end):
                first = _reference(piece, begin, end, backbone)
                last = _reference(piece, end, begin, backbone)
                assert first is not None
                assert last is not None
                rows = np.array(sorted(moved), dtype=np.int64)
                found.append(((begin, end), rows, (first, begin, end, last)))
    return found


def _branch(piece: Piece, root: int, first: int) -> set[int]:
    """Rows reached from `first` without passing `root`."""
    seen, edge = {first}, [first]
    while edge:
        atom = edge.pop()
        for j in piece.neighbours[atom] if atom >= 0 else ():
            if j not in seen and not (atom == first and j == root):
                seen.add(j)
                edge.append(j)
    return seen


def _is_symmetric_rotor(piece: Piece, begin: int, end: int) -> bool:
    """Whether `end` carries three equal atoms and nothing else, as in CH3 and CF3."""
    others = [j for j in piece.neighbours[end] if j != begin]
    return (
        len(others) == 3
        and all(j >= 0 and len(piece.neighbours[j]) == 1 for j in others)
        and len({piece.atoms[j].GetAtomicNum() for j in others}) == 1
    )


def _reference(piece: Piece, atom: int | None, excluded: int, backbone: Sequence[int]) -> int | None:
    """Neighbour that defines torsions at an atom: the main chain first, then the heaviest."""
    if atom is None:
        return None
    others = [j for j in piece.neighbours[atom] if j != excluded]
    chain = {*backbone, NEXT, PREVIOUS}

    def rank(j: int) -> tuple[bool, int, int]:
        return j not in chain, -(piece.atoms[j].GetAtomicNum() if j >= 0 else 0), j

    return min(others, key=rank, default=None)
