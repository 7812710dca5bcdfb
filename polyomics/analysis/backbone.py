"""The main chain of a molecule, found from bonds and unit numbers.

It is the shortest path through the bonds between heavy atoms from the end group at the head to the one at the tail.
Both ends are the atoms by which the end groups hang on the chain, whatever branches those have; an end group that is a
hydrogen gives way to the atom that bears it. Where a ring can be passed on two sides of equal length (para-phenylene),
the side with the lower template numbers is taken, in every unit alike; such atoms are marked, since a torsion
through them says nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyomics.errors import NotEnoughData

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MainChains:
    """The main chains of identical molecules."""

    atoms: Index
    """Atoms from head to tail, shape=(n_chains, n_chain_atoms)."""
    is_only_way: NDArray[np.bool_]
    """Whether every shortest path goes through the atom; not so on the two sides of a ring, shape=(n_chain_atoms,)."""

    @property
    def n_bonds(self) -> int:
        """Bonds of a main chain."""
        return int(self.atoms.shape[1]) - 1


def main_chains(
    bonds: Index, molecule_of_atom: Index, unit_of_atom: Index, template_atom: Index, atomic_numbers: Index
) -> MainChains:
    """Main chain of every molecule.

    Args:
        bonds: Pairs of bonded atoms, shape=(n_bonds, 2).
        molecule_of_atom: Index of the molecule of each atom, shape=(n_atoms,).
        unit_of_atom: Index of the repeat unit; -1 and n_units for the end groups, shape=(n_atoms,).
        template_atom: Index of the atom in its unit, shape=(n_atoms,).
        atomic_numbers: Atomic numbers, shape=(n_atoms,).

    Raises:
        NotEnoughData: The molecules have no end groups, or nothing but hydrogen between them.
    """
    neighbours = neighbour_lists(bonds, len(molecule_of_atom))
    rank = {atom: (int(template_atom[atom]), atom) for atom in range(len(molecule_of_atom))}
    heavy = (atomic_numbers > 1).tolist()
    graph = [sorted((other for other in near if heavy[other]), key=rank.__getitem__) for near in neighbours]
    found = []
    for molecule in range(int(molecule_of_atom[-1]) + 1):
        units = unit_of_atom[mine := np.flatnonzero(molecule_of_atom == molecule)]
        last = int(units.max())
        if last < 1 or units.min() != -1:
            raise NotEnoughData("the molecules have no main chain: they have no end groups at a head and a tail")
        head = _end_atoms(mine[units == -1], neighbours, heavy)
        tail = _end_atoms(mine[units == last], neighbours, heavy)
        found.append(_shortest_path(graph, sorted(head, key=rank.__getitem__), sorted(tail, key=rank.__getitem__)))
    if len({len(path) for path, _ in found}) != 1:
        raise NotEnoughData("the molecules have main chains of different lengths; they must be identical")
    return MainChains(np.array([path for path, _ in found], dtype=np.int64), np.array(found[0][1]))


def joints(chains: MainChains, rings: Sequence[Sequence[int]]) -> Index:
    """Places along the main chain where it can bend: all but the atoms by which it passes through a ring.

    Returns:
        Indices into `chains.atoms[0]`, in order.
    """
    path = chains.atoms[0].tolist()
    ring_sets = rings_of_atoms(rings)
    empty: frozenset[int] = frozenset()
    of_atom = [ring_sets.get(atom, empty) for atom in path]
    inside = [bool(of_atom[i - 1] & of_atom[i] & of_atom[i + 1]) for i in range(1, len(path) - 1)]
    return np.flatnonzero(~np.array([False, *inside, False][: len(path)]))


def neighbour_lists(bonds: Index, n_atoms: int) -> list[list[int]]:
    """Atoms bonded to every atom."""
    near: list[list[int]] = [[] for _ in range(n_atoms)]
    for one, other in bonds.tolist():
        near[one].append(other)
        near[other].append(one)
    return near


def rings_of_atoms(rings: Sequence[Sequence[int]]) -> dict[int, frozenset[int]]:
    """Numbers of the rings that an atom is in, for the atoms in any."""
    found: dict[int, set[int]] = {}
    for number, ring in enumerate(rings):
        for atom in ring:
            found.setdefault(int(atom), set()).add(number)
    return {atom: frozenset(numbers) for atom, numbers in found.items()}


def _end_atoms(group: Index, neighbours: list[list[int]], heavy: list[bool]) -> set[int]:
    """Heavy atoms of an end group; where it has none, those that bear it."""
    members = [int(atom) for atom in group]
    own = {atom for atom in members if heavy[atom]}
    return own or {other for atom in members for other in neighbours[atom] if heavy[other]}


def _shortest_path(graph: list[list[int]], head: list[int], tail: list[int]) -> tuple[list[int], list[bool]]:
    """A shortest path from head to tail, and whether each of its atoms is on all of them."""
    from_head, from_tail = _distances(graph, head), _distances(graph, tail)
    reached = [atom for atom in head if atom in from_tail]
    if not reached:
        raise NotEnoughData("the molecules have no main chain: no path of heavy atoms joins their end groups")
    length = min(from_tail[atom] for atom in reached)
    levels: list[set[int]] = [{atom for atom in reached if from_tail[atom] == length}]
    path = [next(atom for atom in reached if from_tail[atom] == length)]
    for left in range(length - 1, -1, -1):
        levels.append({other for atom in levels[-1] for other in graph[atom] if from_tail.get(other) == left})
        path.append(next(other for other in graph[path[-1]] if from_tail.get(other) == left))
    assert all(from_head[atom] == number for number, atom in enumerate(path))
    return path, [len(level) == 1 for level in levels]


def _distances(graph: list[list[int]], starts: list[int]) -> dict[int, int]:
    """Number of bonds from the nearest start to every atom that can be reached."""
    found = dict.fromkeys(starts, 0)
    waiting = deque(starts)
    while waiting:
        atom = waiting.popleft()
        for other in graph[atom]:
            if other not in found:
                found[other] = found[atom] + 1
                waiting.append(other)
    return found
