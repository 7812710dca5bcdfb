"""Which of the 21 backbone classes of PoLyInfo a polymer belongs to: polyester, polyamide, polystyrene, ...

The main chain decides. It is every atom on a shortest way from head to tail, and the aromatic rings it runs
through. The unit is first closed to a ring, several times over if it is short, so that each linking group is
whole wherever the unit was cut and no group meets its own image. Then:

1. The linking groups are looked for in the order of `POLYMER_CLASSES`. A group counts only if no group before
   it has one of its main-chain atoms, so that -NH-CO-O- is a urethane and neither an ester nor an amide.
2. Main-chain O, S and N that no group has make a polyoxide, a polysulfide and a polyimine.
3. Only if the main chain is of carbon and has no group, its rings, its multiple bonds and its side groups
   decide.

The names and codes are those of PoLyInfo (DOI 10.1080/27660400.2024.2354649) as the PolyOmics data use them,
and so is the order, but for the main chains of carbon.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rdkit import Chem

from polyomics.chemistry.atoms import atoms_of, bonds_of
from polyomics.chemistry.psmiles import HEAD_LABEL, TAIL_LABEL

if TYPE_CHECKING:
    from polyomics.chemistry.repeat_unit import RepeatUnit

POLYMER_CLASSES = {
    "polyurethane": "PURT",
    "polyurea": "PURA",
    "polyimide": "PIMD",
    "polyanhydride": "PANH",
    "polycarbonate": "PCBN",
    "polyester": "PEST",
    "polyamide": "PAMD",
    "polysiloxane": "PSIL",
    "polyphosphazene": "PPHS",
    "polyketone": "PKTN",
    "polysulfone": "PSFO",
    "polyoxide": "POXI",
    "polysulfide": "PSUL",
    "polyimine": "PIMN",
    "polyphenylene": "PPNL",
    "polydiene": "PDIE",
    "polystyrene": "PSTR",
    "polyacrylic": "PACR",
    "polyhalo-olefin": "PHAL",
    "polyvinyl": "PVNL",
    "polyolefin": "PHYC",
}
"""Codes of the classes by name; the first that a polymer has is its primary class."""

UNCLASSIFIED = "unclassified"
"""Primary class of a polymer that has none."""

_Patterns = Mapping[str, Sequence[Chem.Mol]]


def _patterns(texts: Mapping[str, Sequence[str]]) -> _Patterns:
    return {name: tuple(map(Chem.MolFromSmarts, some)) for name, some in texts.items()}


_LINKING_GROUPS = _patterns(
    {
        "polyurethane": ("[1#7][1#6](=[O,S])[1#8,1#16]",),
        "polyurea": ("[1#7][1#6](=[O,S])[1#7]",),
        "polyimide": ("[#6](=[O,S])[1#7][1#6](=[O,S])",),
        "polyanhydride": ("[1#6](=[O,S])[1#8,1#16][1#6](=[O,S])",),
        "polycarbonate": ("[1#8,1#16][1#6](=[O,S])[1#8,1#16]",),
        "polyester": ("[1#6](=[O,S])[1#8,1#16]",),
        "polyamide": ("[1#6](=[O,S])[1#7]",),
        "polysiloxane": ("[1Si]~[1#8]", "[1Si]"),
        "polyphosphazene": ("[1#7]=[1#15]",),
        "polyketone": ("[1#6;$(*([#6])[#6])]=[O,S]",),
        "polysulfone": ("[1#16](=O)[1#7,1#8]", "[1#16]=O"),
    }
)
"""Groups with their atoms on the main chain, which isotope 1 stands for, in the order they are looked for."""

_LEFT_OVER = {7: "polyimine", 8: "polyoxide", 16: "polysulfide"}
"""Classes by the main-chain element that no linking group has."""

_SIDE_GROUPS = _patterns(
    {
        "polystyrene": ("[1C^3]c1ccccc1",),
        "polyacrylic": ("[1C^3]C(=[O,S])[#7,#8,#16,F,Cl,Br,I]", "[1C^3]C#N"),
        "polyhalo-olefin": ("[1C][F,Cl,Br,I]",),
    }
)
"""Side groups on a main chain of carbon; any other, unless it is an aliphatic hydrocarbon, makes a polyvinyl."""

_UNSATURATED_CHAIN, _UNSATURATED = (Chem.MolFromSmarts(text) for text in ("[1C]=,#[1C]", "C=,#C"))

_MIN_CLOSED = 10
"""Main-chain atoms of the closed chain, at least: more than any pattern spans."""

_MAX_MATCHES = 100_000


def polymer_classes(unit: RepeatUnit) -> tuple[str, ...]:
    """Names of all classes the main chain belongs to, the primary one first; empty if there is none.

    They depend neither on where the unit was cut nor on its direction nor on how often it was written.
    """
    return _classes_of(unit.mol)


def polymer_class(unit: RepeatUnit) -> str:
    """Name of the primary class: the first of `polymer_classes`, or "unclassified"."""
    return next(iter(polymer_classes(unit)), UNCLASSIFIED)


def _classes_of(mol: Chem.Mol) -> tuple[str, ...]:
    """Names of the classes of a molecule with labelled `*` (see `read_psmiles`), wherever it was cut."""
    chain = _close(mol)
    found = _linking(chain)
    if not found and chain.is_carbon:
        found = _of_carbon_chain(chain)
    return tuple(name for name in POLYMER_CLASSES if name in found)


@dataclass(frozen=True)
class _ClosedChain:
    """Heavy atoms of a repeat unit closed to a ring; isotope 1 marks the main chain, others have 0."""

    mol: Chem.Mol
    main: frozenset[int]

    @property
    def is_carbon(self) -> bool:
        """Whether the main chain has no other element."""
        return all(self.mol.GetAtomWithIdx(i).GetAtomicNum() == 6 for i in self.main)

    def matches(self, pattern: Chem.Mol) -> Iterator[set[int]]:
        """Atoms of each place where a pattern fits; a symmetric one fits both ways."""
        return map(set, self.mol.GetSubstructMatches(pattern, uniquify=False, maxMatches=_MAX_MATCHES))

    def side_groups(self) -> list[set[int]]:
        """Connected atoms beside the main chain."""
        near = _neighbours(self.mol, without=self.main)
        groups = []
        while near:
            group, edge = set(), [next(iter(near))]
            while edge:
                atom = edge.pop()
                if atom in near:
                    group.add(atom)
                    edge += near.pop(atom)
            groups.append(group)
        return groups


def _linking(chain: _ClosedChain) -> set[str]:
    """Classes by linking groups and by what they leave of the main chain."""
    found = set()
    taken: set[int] = set()
    for name, patterns in _LINKING_GROUPS.items():
        own: set[int] = set()
        for pattern in patterns:
            for match in chain.matches(pattern):
                atoms = match & chain.main
                if taken.isdisjoint(atoms):
                    own |= atoms
        if own:
            found.add(name)
            taken |= own
    left = {chain.mol.GetAtomWithIdx(i).GetAtomicNum() for i in chain.main - taken}
    return found.union(name for number, name in _LEFT_OVER.items() if number in left)


def _of_carbon_chain(chain: _ClosedChain) -> set[str]:
    """Classes by rings, multiple bonds and side groups of a main chain of carbon."""
    atoms = atoms_of(chain.mol)
    if any(atoms[i].GetIsAromatic() for i in chain.main):
        return {"polyphenylene"}
    found = set()
    named: set[int] = set()
    for name, patterns in _SIDE_GROUPS.items():
        for match in (match for pattern in patterns for match in chain.matches(pattern)):
            found.add(name)
            named |= match
    others = {i for group in chain.side_groups() if named.isdisjoint(group) for i in group}
    if any(atoms[i].GetAtomicNum() != 6 or atoms[i].GetIsAromatic() for i in others):
        found.add("polyvinyl")
    is_hydrocarbon = all(atom.GetAtomicNum() == 6 for atom in atoms)
    unsaturated = chain.matches(_UNSATURATED if is_hydrocarbon else _UNSATURATED_CHAIN)
    if any(match <= chain.main | others for match in unsaturated):
        found.add("polydiene")
    return found or {"polyolefin"}


def _close(mol: Chem.Mol) -> _ClosedChain:
    """The unit with its tail bonded to its head, after as many copies as make a large ring."""
    stars = {atom.GetIsotope(): atom for atom in atoms_of(mol) if atom.GetAtomicNum() == 0}
    first, last = stars[HEAD_LABEL], stars[TAIL_LABEL]
    path, main = _main_chain(mol, first.GetIdx(), last.GetIdx())
    unit, number = _heavy_atoms(mol, main)
    head, tail = (number[star.GetNeighbors()[0].GetIdx()] for star in (first, last))
    n_atoms = len(number)
    n_copies = math.ceil(_MIN_CLOSED / path)
    closed = Chem.RWMol()
    for _ in range(n_copies):
        closed.InsertMol(unit)
    for copy in range(n_copies):
        following = (copy + 1) % n_copies
        closed.AddBond(copy * n_atoms + tail, following * n_atoms + head, first.GetBonds()[0].GetBondType())
    places = range(0, n_copies * n_atoms, n_atoms)
    return _ClosedChain(closed, frozenset(place + number[i] for place in places for i in main))


def _heavy_atoms(mol: Chem.Mol, main: set[int]) -> tuple[Chem.Mol, dict[int, int]]:
    """Atoms other than hydrogen with isotope 1 on the main chain and 0 elsewhere, and their new numbers."""
    unit = Chem.RWMol()
    number: dict[int, int] = {}
    for index, atom in enumerate(atoms_of(mol)):
        if atom.GetAtomicNum() > 1:
            number[index] = unit.AddAtom(atom)
            unit.GetAtomWithIdx(number[index]).SetIsotope(int(index in main))
    for bond in bonds_of(mol):
        a, b = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        if a in number and b in number:
            unit.AddBond(number[a], number[b], bond.GetBondType())
    return unit, number


def _main_chain(mol: Chem.Mol, first: int, last: int) -> tuple[int, set[int]]:
    """Length of the shortest way between two `*` in atoms, and the atoms of the main chain."""
    near = _neighbours(mol)
    there, back = _bonds_from(first, near), _bonds_from(last, near)
    length = there[last]
    ways = {i for i in there if there[i] + back[i] == length} - {first, last}
    rings = [ring for ring in mol.GetRingInfo().AtomRings() if len(ways.intersection(ring)) > 1]
    return length - 1, ways.union(*(ring for ring in rings if _is_arene(mol, ring)))


def _neighbours(mol: Chem.Mol, without: Container[int] = ()) -> dict[int, list[int]]:
    """Neighbours of every atom, some atoms left out."""
    near: dict[int, list[int]] = {i: [] for i in range(mol.GetNumAtoms()) if i not in without}
    for bond in bonds_of(mol):
        a, b = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        if a in near and b in near:
            near[a].append(b)
            near[b].append(a)
    return near


def _bonds_from(start: int, near: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """Number of bonds to every atom."""
    bonds = {start: 0}
    queue = deque([start])
    while queue:
        atom = queue.popleft()
        for other in near[atom]:
            if other not in bonds:
                bonds[other] = bonds[atom] + 1
                queue.append(other)
    return bonds


def _is_arene(mol: Chem.Mol, ring: Sequence[int]) -> bool:
    """Whether a ring is aromatic without the help of a double bond that leaves it, as an imide may be."""
    atoms = [mol.GetAtomWithIdx(i) for i in ring]
    return all(
        atom.GetIsAromatic() and all(bond.GetBondType() != Chem.BondType.DOUBLE for bond in atom.GetBonds())
        for atom in atoms
    )
