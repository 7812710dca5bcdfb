"""One polymer, one text: where the unit was cut, its direction and how often it was written do not matter.

The chain is a periodic graph. Cutting every single bond of the main chain that is in no ring gives a cyclic
word of segments; its smallest period is the repeat unit, and all its rotations in both directions are the ways
to write it. The shortest, least branched text wins.

Conventions: a unit whose main chain is a single atom that cannot be a stereocentre is written twice, as the
field does (`*CC*` for polyethylene, `*C(F)(F)C(*)(F)F`), so that degrees of polymerisation agree with the
literature. The two directions of a chain are the same polymer: isotactic chains of all-R and of all-S vinyl
units are one, poly(L-lactic acid) and poly(D-lactic acid) are two. Unspecified stereo is different from any
specified stereo.
"""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rdkit import Chem, rdBase

from polyomics.chemistry.assembly import Node, Piece, assemble, backbone_path, has_stereo, piece_from_mol, star
from polyomics.chemistry.atoms import atoms_of
from polyomics.chemistry.psmiles import HEAD_LABEL, TAIL_LABEL
from polyomics.errors import InvalidPolymer

CANONICAL_VERSION = 1
"""Part of every key: raise it when a change here can give a polymer another canonical text."""


def canonical_psmiles(mol: Chem.Mol, *, may_have_stereo: bool = True) -> str:
    """Canonical p-SMILES of a checked, labelled molecule (see `read_psmiles`).

    Args:
        mol: The molecule.
        may_have_stereo: False if no handedness and no double-bond geometry can be specified in it.

    Raises:
        InvalidPolymer: The main chain has no bond where units can be joined.
    """
    with rdBase.BlockLogs():
        try:
            texts = list(_texts(mol, may_have_stereo))
        except (ValueError, RuntimeError) as error:
            raise InvalidPolymer(
                f"{Chem.MolToSmiles(mol)} cannot be written as a chain ({str(error).strip().splitlines()[0]}); "
                "check aromatic rings and double bonds next to '*'"
            ) from None
    return min(texts, key=_rank)


def polymer_key(psmiles: str) -> str:
    """Stable key of a canonical p-SMILES: 24 hexadecimal characters."""
    return hashlib.sha256(f"polymer/{CANONICAL_VERSION}/{psmiles}".encode()).hexdigest()[:24]


def _rank(text: str) -> tuple[int, int, str, str]:
    """Short first, then the longest unbranched beginning, then the alphabet; mirror images are cut alike."""
    flat = text.replace("@@", "@").replace("\\", "/")
    branch = flat.find("(")
    return len(flat), -(branch if branch >= 0 else len(flat)), flat, text.replace("@@", "~")


class _Word:
    """The periodic chain as consecutive segments between the bonds where it may be cut."""

    def __init__(self, piece: Piece, segments: list[list[Node]], backbone: set[int]) -> None:
        self.piece = piece
        self.segments = segments
        self._backbone = backbone
        self._place = {i: (number, k) for number, segment in enumerate(segments) for k, i in segment}

    def number(self, node: Node) -> int:
        """Place of the segment an atom is in."""
        number, k = self._place[node[1]]
        return number + (node[0] - k) * len(self.segments)

    def window(self, first: int, count: int) -> Chem.Mol:
        """Sanitised molecule of consecutive segments between two labelled `*`."""
        nodes: list[Node] = []
        for number in range(first, first + count):
            turns, which = divmod(number, len(self.segments))
            nodes += [(k + turns, i) for k, i in self.segments[which]]

        def cap(_: Node, other: Node | None) -> Chem.Atom:
            assert other is not None
            return star(HEAD_LABEL if self.number(other) < first else TAIL_LABEL)

        mol = assemble(lambda _: self.piece, nodes, cap)
        Chem.SanitizeMol(mol)
        Chem.SetDoubleBondNeighborDirections(mol)
        Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
        return mol

    def period(self) -> int:
        """Smallest number of segments after which the chain repeats."""
        return _period([_text(self.window(number, 1)) for number in range(len(self.segments))])

    def is_single_atom_without_stereo(self) -> bool:
        """Whether the first segment has one main-chain atom, which cannot be a stereocentre."""
        atoms = [i for _, i in self.segments[0] if i in self._backbone]
        if len(atoms) != 1:
            return False
        centres = [info.centeredOn for info in Chem.FindPotentialStereo(self.window(0, 1))]
        return [i for _, i in self.segments[0]].index(atoms[0]) not in centres


def _period(tokens: Sequence[object]) -> int:
    n = len(tokens)
    return next(p for p in range(1, n + 1) if n % p == 0 and tokens[p:] == tokens[: n - p])


def _texts(mol: Chem.Mol, may_have_stereo: bool = True) -> Iterator[str]:
    """Every way to write the smallest unit, in both directions."""
    path = backbone_path(mol)
    cuts, are_single = _cuts(mol, path)
    parts = _parts(mol, cuts, path)
    is_flat = not (may_have_stereo and has_stereo(mol))
    if are_single and is_flat and len(path) > 3 and _elements_differ(mol, parts):
        yield from _texts_by_moving_the_ends(mol, path, cuts)
        return
    piece, numbers = piece_from_mol(mol), _piece_numbers(mol)
    blocks = [[numbers[atom] for atom in part] for part in parts]
    backbone = {numbers[atom] for atom in path[1:-1]}
    for word in (
        _Word(piece, _segments(blocks, are_single), backbone),
        _Word(piece.reversed(), _segments(blocks[::-1], are_single), backbone),
    ):
        period = word.period()
        repeats = 2 if period == 1 and word.is_single_atom_without_stereo() else 1
        for first in range(period):
            yield _text(word.window(first, repeats * period))


def _elements_differ(mol: Chem.Mol, parts: Sequence[Sequence[int]]) -> bool:
    """Whether not even the elements of the parts repeat within one turn: then the parts do not either."""
    elements = [sorted(mol.GetAtomWithIdx(i).GetAtomicNum() for i in part) for part in parts]
    return _period(elements) == len(elements)


def _texts_by_moving_the_ends(mol: Chem.Mol, path: Sequence[int], cuts: Sequence[tuple[int, int]]) -> Iterator[str]:
    """The same texts by joining head and tail and cutting elsewhere: quick, but right only without stereo."""
    first_star, first, last, last_star = path[0], path[1], path[-2], path[-1]
    for before, after in ((last, first), *cuts):
        moved = Chem.RWMol(mol)
        if (before, after) != (last, first):
            for bond in ((first_star, first), (last, last_star), (before, after)):
                moved.RemoveBond(*bond)
            for bond in ((last, first), (first_star, after), (before, last_star)):
                moved.AddBond(*bond, Chem.BondType.SINGLE)
        for head, tail in ((first_star, last_star), (last_star, first_star)):
            moved.GetAtomWithIdx(head).SetIsotope(HEAD_LABEL)
            moved.GetAtomWithIdx(tail).SetIsotope(TAIL_LABEL)
            yield _text(moved, head)


def _text(mol: Chem.Mol, head: int | None = None) -> str:
    """Canonical SMILES that begins at the first labelled `*`, without the labels."""
    if head is None:
        stars = (atom for atom in reversed(atoms_of(mol)) if atom.GetAtomicNum() == 0)
        head = next(atom.GetIdx() for atom in stars if atom.GetIsotope() == HEAD_LABEL)
    text = str(Chem.MolToSmiles(mol, rootedAtAtom=head))
    return text.replace(f"[{HEAD_LABEL}*]", "*").replace(f"[{TAIL_LABEL}*]", "*")


def _cuts(mol: Chem.Mol, path: Sequence[int]) -> tuple[list[tuple[int, int]], bool]:
    """Bonds of the main chain that may be cut, in chain order, and whether those to `*` may be cut too."""
    bonds = [mol.GetBondBetweenAtoms(a, b) for a, b in pairwise(path)]
    single = [bond.GetBondType() == Chem.BondType.SINGLE and not bond.IsInRing() for bond in bonds]
    if not any(single):
        raise InvalidPolymer(
            f"{Chem.MolToSmiles(mol)} has no single bond outside rings along its main chain, so units cannot be "
            "joined; write a unit whose '*' are on single bonds"
        )
    inner = list(pairwise(path))[1:-1]
    return [pair for pair, cut in zip(inner, single[1:-1], strict=True) if cut], single[0]


def _segments(blocks: list[list[int]], are_single: bool) -> list[list[Node]]:
    """Segments of one period; where the bonds to `*` cannot be cut, one across the seam reaches into piece 1."""
    nodes: list[list[Node]] = [[(0, i) for i in block] for block in blocks]
    if are_single:
        return nodes
    return [*nodes[1:-1], nodes[-1] + [(1, i) for i in blocks[0]]]


def _piece_numbers(mol: Chem.Mol) -> dict[int, int]:
    real = [atom.GetIdx() for atom in atoms_of(mol) if atom.GetAtomicNum() > 0]
    return {index: number for number, index in enumerate(real)}


def _parts(mol: Chem.Mol, cuts: Sequence[tuple[int, int]], path: Sequence[int]) -> list[list[int]]:
    """Atoms of the parts that remain when the bonds are cut, `*` left out, in chain order."""
    edited = Chem.RWMol(mol)
    for pair in cuts:
        edited.RemoveBond(*pair)
    stars = {path[0], path[-1]}
    place = {atom: number for number, atom in enumerate(path)}
    parts = [[i for i in part if i not in stars] for part in Chem.GetMolFrags(edited, sanitizeFrags=False)]
    return sorted(parts, key=lambda part: min(place.get(atom, len(path)) for atom in part))
