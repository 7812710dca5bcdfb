"""Pieces of a polymer and their joining, with stereo kept by bookkeeping instead of by text.

A `Piece` is a labelled molecule taken apart into atoms and *ordered* neighbours. The neighbour order is what
gives a chirality tag its meaning, so that any set of atoms of any sequence of pieces can be put together again
with the right tags, whatever order the bonds are added in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rdkit import Chem

from polyomics.chemistry.atoms import atoms_of, bonds_of
from polyomics.chemistry.psmiles import HEAD_LABEL, TAIL_LABEL

PREVIOUS, NEXT = -1, -2
"""In place of a neighbour's index: the tail atom of the piece before, the head atom of the piece after."""

Node = tuple[int, int]
"""Piece number in the sequence, atom number in the piece."""

_TAG = {
    0: Chem.ChiralType.CHI_UNSPECIFIED,
    1: Chem.ChiralType.CHI_TETRAHEDRAL_CCW,
    -1: Chem.ChiralType.CHI_TETRAHEDRAL_CW,
}
_SIGN = {tag: sign for sign, tag in _TAG.items()}
_CIS = (Chem.BondStereo.STEREOCIS, Chem.BondStereo.STEREOZ)
_TRANS = (Chem.BondStereo.STEREOTRANS, Chem.BondStereo.STEREOE)


@dataclass(frozen=True)
class DoubleBond:
    """A double bond with a geometry: `first` and `second` are neighbours of `begin` and `end`."""

    begin: int
    end: int
    first: int
    second: int
    is_cis: bool


@dataclass(frozen=True, eq=False)
class Piece:
    """Atoms of one labelled molecule without its `*`, with their ordered neighbours."""

    atoms: tuple[Chem.Atom, ...]
    neighbours: tuple[tuple[int, ...], ...]
    bond_types: tuple[tuple[Chem.BondType, ...], ...]
    is_stiff: tuple[tuple[bool, ...], ...]
    """For each neighbour, whether the bond to it is multiple or in a ring, so that a fragment must not cut it."""
    handedness: tuple[int, ...]
    """+1 if, seen from the first neighbour, the others go counter-clockwise; -1 clockwise; 0 not specified."""
    double_bonds: tuple[DoubleBond, ...]
    head: int | None
    tail: int | None

    @property
    def n_atoms(self) -> int:
        """Number of atoms, as many as the molecule had without its `*`."""
        return len(self.atoms)

    def reversed(self) -> "Piece":
        """The same piece with head and tail in each other's place."""

        def turned(j: int) -> int:
            return {PREVIOUS: NEXT, NEXT: PREVIOUS}.get(j, j)

        return replace(
            self,
            neighbours=tuple(tuple(map(turned, near)) for near in self.neighbours),
            double_bonds=tuple(replace(d, first=turned(d.first), second=turned(d.second)) for d in self.double_bonds),
            head=self.tail,
            tail=self.head,
        )

    def with_handedness(self, values: Mapping[int, int]) -> "Piece":
        """The same piece with the handedness of some atoms set."""
        return replace(self, handedness=tuple(values.get(i, sign) for i, sign in enumerate(self.handedness)))

    def with_double_bonds(self, added: Sequence[DoubleBond]) -> "Piece":
        """The same piece with the geometry of more double bonds set."""
        return replace(self, double_bonds=(*self.double_bonds, *added))


def has_stereo(mol: Chem.Mol) -> bool:
    """Whether the handedness of an atom or the geometry of a double bond is specified."""
    if any(atom.GetChiralTag() != Chem.ChiralType.CHI_UNSPECIFIED for atom in atoms_of(mol)):
        return True
    return any(bond.GetStereo() > Chem.BondStereo.STEREOANY for bond in bonds_of(mol))


def piece_from_mol(mol: Chem.Mol) -> Piece:
    """Take a molecule with labelled `*` apart; atoms keep their order, `*` left out."""
    number: dict[int, int] = {}
    real: list[Chem.Atom] = []
    for index, atom in enumerate(atoms_of(mol)):
        if atom.GetAtomicNum() == 0:
            number[index] = PREVIOUS if atom.GetIsotope() == HEAD_LABEL else NEXT
        else:
            number[index] = len(real)
            real.append(atom)
    around = [atom.GetBonds() for atom in real]
    neighbours = tuple(
        tuple(number[bond.GetOtherAtomIdx(atom.GetIdx())] for bond in bonds)
        for atom, bonds in zip(real, around, strict=True)
    )
    double_bonds = tuple(
        DoubleBond(
            begin=number[bond.GetBeginAtomIdx()],
            end=number[bond.GetEndAtomIdx()],
            first=number[bond.GetStereoAtoms()[0]],
            second=number[bond.GetStereoAtoms()[1]],
            is_cis=bond.GetStereo() in _CIS,
        )
        for bond in bonds_of(mol)
        if bond.GetStereo() in _CIS + _TRANS
    )
    return Piece(
        atoms=tuple(_copy(atom) for atom in real),
        neighbours=neighbours,
        bond_types=tuple(tuple(bond.GetBondType() for bond in bonds) for bonds in around),
        is_stiff=tuple(tuple(_is_stiff(bond) for bond in bonds) for bonds in around),
        handedness=tuple(_SIGN.get(atom.GetChiralTag(), 0) for atom in real),
        double_bonds=double_bonds,
        head=next((i for i, near in enumerate(neighbours) if PREVIOUS in near), None),
        tail=next((i for i, near in enumerate(neighbours) if NEXT in near), None),
    )


def _is_stiff(bond: Chem.Bond) -> bool:
    return bond.GetBondType() != Chem.BondType.SINGLE or bond.IsInRing()


def _copy(atom: Chem.Atom) -> Chem.Atom:
    copy = Chem.Atom(atom)
    for name in copy.GetPropNames(includePrivate=True, includeComputed=True):
        copy.ClearProp(name)
    return copy


PieceAt = Callable[[int], Piece | None]
Cap = Callable[[Node, Node | None], Chem.Atom]


def neighbour_nodes(piece_at: PieceAt, node: Node) -> list[Node | None]:
    """Ordered neighbours of a node across pieces; None where the sequence ends."""
    k, i = node
    piece = piece_at(k)
    assert piece is not None
    nodes: list[Node | None] = []
    for j in piece.neighbours[i]:
        if j >= 0:
            nodes.append((k, j))
            continue
        other = k - 1 if j == PREVIOUS else k + 1
        there = piece_at(other)
        atom = None if there is None else (there.tail if j == PREVIOUS else there.head)
        nodes.append(None if atom is None else (other, atom))
    return nodes


def assemble(piece_at: PieceAt, nodes: Sequence[Node], cap: Cap) -> Chem.Mol:
    """Molecule of the given nodes, in that order; each bond that leaves them ends in a `cap` atom.

    Caps follow after all nodes. Tags and double-bond geometries are set; the molecule is not sanitised.
    """
    mol = Chem.RWMol()
    index = {node: number for number, node in enumerate(nodes)}
    around: list[list[int]] = []
    for k, i in nodes:
        mol.AddAtom(_piece(piece_at, k).atoms[i])
    added: list[list[int]] = [[] for _ in nodes]
    for number, node in enumerate(nodes):
        types = _piece(piece_at, node[0]).bond_types[node[1]]
        row = []
        for other, bond_type in zip(neighbour_nodes(piece_at, node), types, strict=True):
            near = index.get(other) if other is not None else None
            if near is None:
                near = mol.AddAtom(cap(node, other))
                added.append([])
            if near > number:
                mol.AddBond(number, near, bond_type)
                added[number].append(near)
                added[near].append(number)
            row.append(near)
        around.append(row)
    _set_handedness(mol, piece_at, nodes, around, added)
    _set_double_bonds(mol, piece_at, nodes, index, around)
    return mol.GetMol()


def _piece(piece_at: PieceAt, k: int) -> Piece:
    piece = piece_at(k)
    assert piece is not None
    return piece


def _set_handedness(
    mol: Chem.RWMol,
    piece_at: PieceAt,
    nodes: Sequence[Node],
    around: list[list[int]],
    added: list[list[int]],
) -> None:
    for number, (k, i) in enumerate(nodes):
        sign = _piece(piece_at, k).handedness[i]
        if sign:
            sign *= permutation_sign(around[number], added[number])
        mol.GetAtomWithIdx(number).SetChiralTag(_TAG[sign])


def _set_double_bonds(
    mol: Chem.RWMol,
    piece_at: PieceAt,
    nodes: Sequence[Node],
    index: Mapping[Node, int],
    around: list[list[int]],
) -> None:
    for k in dict.fromkeys(k for k, _ in nodes):
        piece = _piece(piece_at, k)
        for double in piece.double_bonds:
            begin, end = index.get((k, double.begin)), index.get((k, double.end))
            if begin is None or end is None:
                continue
            bond = mol.GetBondBetweenAtoms(begin, end)
            refs = [
                around[begin][piece.neighbours[double.begin].index(double.first)],
                around[end][piece.neighbours[double.end].index(double.second)],
            ]
            if bond.GetBeginAtomIdx() != begin:
                refs.reverse()
            bond.SetStereoAtoms(*refs)
            bond.SetStereo(Chem.BondStereo.STEREOCIS if double.is_cis else Chem.BondStereo.STEREOTRANS)


def surroundings(piece_at: PieceAt, seeds: Sequence[Node], radius: int) -> list[Node]:
    """Atoms within `radius` bonds of the seeds, with the rings and multiple bonds they touch, sorted."""
    found = set(seeds)
    edge = list(seeds)
    for _ in range(radius):
        edge = [n for node in edge for n in neighbour_nodes(piece_at, node) if n is not None and n not in found]
        found.update(edge)
    edge = list(found)
    while edge:
        node = edge.pop()
        stiff = _piece(piece_at, node[0]).is_stiff[node[1]]
        for other, keep in zip(neighbour_nodes(piece_at, node), stiff, strict=True):
            if keep and other is not None and other not in found:
                found.add(other)
                edge.append(other)
    return sorted(found)


def permutation_sign(first: Sequence[int], second: Sequence[int]) -> int:
    """+1 if an even number of swaps turns one order into the other, -1 if odd."""
    order = [first.index(item) for item in second]
    inversions = sum(order[a] > order[b] for a in range(len(order)) for b in range(a + 1, len(order)))
    return -1 if inversions % 2 else 1


def star(label: int) -> Chem.Atom:
    """A `*` with a label."""
    atom = Chem.Atom(0)
    atom.SetIsotope(label)
    return atom


def backbone_path(mol: Chem.Mol) -> list[int]:
    """Indices of the atoms on the shortest way from `*` to `*`, both included, head first."""
    ends = {atom.GetIsotope(): atom.GetIdx() for atom in atoms_of(mol) if atom.GetAtomicNum() == 0}
    return list(Chem.GetShortestPath(mol, ends[HEAD_LABEL], ends[TAIL_LABEL]))
