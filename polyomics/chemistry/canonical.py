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

from polyomics.chemistry.assembly import Node, assemble, backbone_path, piece_from_mol, star
from polyomics.chemistry.psmiles import HEAD_LABEL, TAIL_LABEL
from polyomics.errors import InvalidPolymer

CANONICAL_VERSION = 1
"""Part of every key: raise it when a change here can give a polymer another canonical text."""


def canonical_psmiles(mol: Chem.Mol) -> str:
    """Canonical p-SMILES of a checked, labelled molecule (see `read_psmiles`).

    Raises:
        InvalidPolymer: The main chain has no bond where units can be joined.
    """
    with rdBase.BlockLogs():
        try:
            texts = [text for reading in (mol, _reversed(mol)) for text in _texts(reading)]
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


def _reversed(mol: Chem.Mol) -> Chem.Mol:
    copy = Chem.Mol(mol)
    for atom in copy.GetAtoms():
        if atom.GetAtomicNum() == 0:
            atom.SetIsotope(TAIL_LABEL if atom.GetIsotope() == HEAD_LABEL else HEAD_LABEL)
    return copy


class _Word:
    """The periodic chain as consecutive segments between the bonds where it may be cut."""

    def __init__(self, mol: Chem.Mol) -> None:
        self.piece = piece_from_mol(mol)
        path = backbone_path(mol)
        self.segments = _segments(mol, path)
        self._place = {i: (number, k) for number, segment in enumerate(self.segments) for k, i in segment}
        numbers = _piece_numbers(mol)
        self._backbone = {numbers[atom] for atom in path[1:-1]}

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
        tokens = [_text(self.window(number, 1)) for number in range(len(self.segments))]
        n = len(tokens)
        return next(p for p in range(1, n + 1) if n % p == 0 and tokens == tokens[p:] + tokens[:p])

    def is_single_atom_without_stereo(self) -> bool:
        """Whether the first segment has one main-chain atom, which cannot be a stereocentre."""
        atoms = [i for _, i in self.segments[0] if i in self._backbone]
        if len(atoms) != 1:
            return False
        centres = [info.centeredOn for info in Chem.FindPotentialStereo(self.window(0, 1))]
        return [i for _, i in self.segments[0]].index(atoms[0]) not in centres


def _texts(mol: Chem.Mol) -> Iterator[str]:
    """Every way to write the smallest unit in the direction of the labels."""
    word = _Word(mol)
    period = word.period()
    repeats = 2 if period == 1 and word.is_single_atom_without_stereo() else 1
    for first in range(period):
        text = _text(word.window(first, repeats * period))
        yield text.replace(f"[{HEAD_LABEL}*]", "*").replace(f"[{TAIL_LABEL}*]", "*")


def _text(mol: Chem.Mol) -> str:
    """Canonical SMILES that begins at the first labelled `*`."""
    root = next(a.GetIdx() for a in mol.GetAtoms() if a.GetAtomicNum() == 0 and a.GetIsotope() == HEAD_LABEL)
    return str(Chem.MolToSmiles(mol, rootedAtAtom=root))


def _segments(mol: Chem.Mol, path: Sequence[int]) -> list[list[Node]]:
    """Atoms between the bonds that may be cut, in chain order; a seam segment reaches into piece 1."""
    bonds = [mol.GetBondBetweenAtoms(a, b) for a, b in pairwise(path)]
    single = [bond.GetBondType() == Chem.BondType.SINGLE and not bond.IsInRing() for bond in bonds]
    if not any(single):
        raise InvalidPolymer(
            f"{Chem.MolToSmiles(mol)} has no single bond outside rings along its main chain, so units cannot be "
            "joined; write a unit whose '*' are on single bonds"
        )
    inner = [bond.GetIdx() for bond, cut in zip(bonds[1:-1], single[1:-1], strict=True) if cut]
    numbers = _piece_numbers(mol)
    place = {atom: number for number, atom in enumerate(path)}
    parts = sorted(_parts(mol, inner), key=lambda part: min(place.get(atom, len(path)) for atom in part))
    blocks = [[(0, numbers[atom]) for atom in part] for part in parts]
    if single[0]:
        return blocks
    return [*blocks[1:-1], blocks[-1] + [(1, i) for _, i in blocks[0]]]


def _piece_numbers(mol: Chem.Mol) -> dict[int, int]:
    real = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() > 0]
    return {index: number for number, index in enumerate(real)}


def _parts(mol: Chem.Mol, bond_indices: Sequence[int]) -> list[list[int]]:
    """Atoms of the parts that remain when the bonds are removed, `*` left out."""
    edited = Chem.RWMol(mol)
    for index in bond_indices:
        bond = mol.GetBondWithIdx(index)
        edited.RemoveBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    parts = Chem.GetMolFrags(edited.GetMol(), sanitizeFrags=False)
    return [[i for i in part if mol.GetAtomWithIdx(i).GetAtomicNum() > 0] for part in parts]
