"""The chain: which atoms are bonded, which unit each belongs to, and (once grown) where they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase

from polyomics.chemistry.assembly import Node, Piece, assemble
from polyomics.chemistry.end_group import EndGroup, parse_end_group
from polyomics.chemistry.repeat_unit import RepeatUnit
from polyomics.chemistry.volume import vdw_volume_nm3
from polyomics.errors import InvalidSettings

MAX_CHAIN_ATOMS = 200_000
"""Longest chain that is built."""

_BYTES_PER_ATOM = 1_500
"""Memory a chain takes while it is built, per atom (graph, coordinates, neighbour search), measured."""


@dataclass(frozen=True)
class ChainSize:
    """How large a linear chain is: what follows from its parts, without putting them together."""

    repeat_unit: RepeatUnit
    n_units: int
    head_end: EndGroup
    tail_end: EndGroup

    @property
    def n_atoms(self) -> int:
        """Atoms of the chain."""
        return self.n_units * self.repeat_unit.n_atoms + self.head_end.n_atoms + self.tail_end.n_atoms

    @property
    def molar_mass_g_mol(self) -> float:
        """Molar mass of the chain [g/mol]."""
        ends = self.head_end.molar_mass_g_mol + self.tail_end.molar_mass_g_mol
        return self.n_units * self.repeat_unit.molar_mass_g_mol + ends

    @property
    def vdw_volume_nm3(self) -> float:
        """Van der Waals volume of the chain [nm³]."""
        ends = vdw_volume_nm3(self.head_end.mol) + vdw_volume_nm3(self.tail_end.mol)
        return self.n_units * vdw_volume_nm3(self.repeat_unit.mol) + ends


@dataclass(frozen=True, eq=False)
class ChainGraph:
    """Constitution of a chain: atoms in the order head end, unit 0, unit 1, ..., tail end."""

    repeat_unit: RepeatUnit
    n_units: int
    head_end: EndGroup
    tail_end: EndGroup
    pieces: tuple[Piece, ...]
    """Head end, units, tail end."""
    unit_of_atom: NDArray[np.int64]
    """Unit of each atom, shape (n_atoms,); -1 for the head end, n_units for the tail end."""
    template_atom: NDArray[np.int64]
    """Number of each atom within its unit or end group, shape (n_atoms,)."""
    first_atom: NDArray[np.int64]
    """First atom of each piece and the end of the last, shape (n_units + 3,)."""

    @property
    def n_atoms(self) -> int:
        """Atoms of the chain."""
        return len(self.unit_of_atom)

    @property
    def size(self) -> ChainSize:
        """The size alone."""
        return ChainSize(self.repeat_unit, self.n_units, self.head_end, self.tail_end)

    @property
    def molar_mass_g_mol(self) -> float:
        """Molar mass of the chain [g/mol]."""
        return self.size.molar_mass_g_mol

    def bonds(self) -> NDArray[np.int64]:
        """Bonded pairs of atoms, shape (n_bonds, 2), lower number first."""
        pairs = [
            (int(self.first_atom[k]) + i, int(self.first_atom[k]) + j)
            for k, piece in enumerate(self.pieces)
            for i, near in enumerate(piece.neighbours)
            for j in near
            if j > i
        ]
        for k, (piece, following) in enumerate(zip(self.pieces[:-1], self.pieces[1:], strict=True)):
            assert piece.tail is not None
            assert following.head is not None
            pairs.append((int(self.first_atom[k]) + piece.tail, int(self.first_atom[k + 1]) + following.head))
        return np.array(sorted(pairs), dtype=np.int64)

    def mol(self, pieces: Sequence[Piece] | None = None) -> Chem.Mol:
        """Sanitised RDKit molecule, all hydrogens explicit, with the handedness the pieces carry."""
        chosen = self.pieces if pieces is None else tuple(pieces)
        nodes: list[Node] = [(k, i) for k, piece in enumerate(chosen) for i in range(piece.n_atoms)]

        def piece_at(k: int) -> Piece | None:
            return chosen[k] if 0 <= k < len(chosen) else None

        with rdBase.BlockLogs():
            mol = assemble(piece_at, nodes, _no_cap)
            Chem.SanitizeMol(mol)
        return mol


@dataclass(frozen=True, eq=False)
class Chain:
    """One chain in 3D, whole and free of overlaps."""

    repeat_unit: RepeatUnit
    n_units: int
    mol: Chem.Mol
    """Sanitised, explicit hydrogens, one conformer, handedness of every stereocentre set."""
    unit_of_atom: NDArray[np.int64]
    """Unit of each atom, shape (n_atoms,); -1 for the head end, n_units for the tail end."""
    template_atom: NDArray[np.int64]
    """Number of each atom within its unit or end group, shape (n_atoms,)."""
    positions_nm: NDArray[np.float64]
    """Positions [nm], shape (n_atoms, 3)."""
    is_meso: NDArray[np.bool_] | None
    """Whether neighbouring tactic centres along the chain have the same handedness, shape (n_diads,); None
    where the unit has no open main-chain stereocentre."""
    seed: int

    @property
    def n_atoms(self) -> int:
        """Atoms of the chain."""
        return len(self.unit_of_atom)


def chain_size(repeat_unit: RepeatUnit, n_units: int, head_end: str = "*C", tail_end: str = "*C") -> ChainSize:
    """Size of a linear chain of `n_units`.

    Raises:
        InvalidSettings: `n_units` is not a positive whole number, or the chain would be too large.
        InvalidPolymer: An end group is not one.
    """
    head, tail = parse_end_group(head_end), parse_end_group(tail_end)
    size = ChainSize(repeat_unit, _checked_count(n_units, "number of units"), head, tail)
    _check_size(size.n_atoms, f"{size.n_units:,} units")
    return size


def chain_graph(repeat_unit: RepeatUnit, n_units: int, head_end: str = "*C", tail_end: str = "*C") -> ChainGraph:
    """Constitution of a linear chain of `n_units`, without coordinates.

    Raises:
        UserError: As `chain_size`.
    """
    size = chain_size(repeat_unit, n_units, head_end, tail_end)
    head, tail, n_units = size.head_end, size.tail_end, size.n_units
    pieces = (head.piece(at_head=True), *[repeat_unit.piece] * n_units, tail.piece(at_head=False))
    counts = np.array([piece.n_atoms for piece in pieces])
    return ChainGraph(
        repeat_unit=repeat_unit,
        n_units=n_units,
        head_end=head,
        tail_end=tail,
        pieces=pieces,
        unit_of_atom=np.repeat(np.arange(-1, n_units + 1), counts),
        template_atom=np.concatenate([np.arange(count) for count in counts]),
        first_atom=np.concatenate([[0], np.cumsum(counts)]),
    )


def units_for_atoms(repeat_unit: RepeatUnit, target_atoms: int, ends: tuple[str, str] = ("*C", "*C")) -> int:
    """Number of units whose chain, ends included, comes closest to `target_atoms`; at least 1.

    Raises:
        InvalidSettings: `target_atoms` is not a positive whole number, or too large.
    """
    target = _checked_count(target_atoms, "number of atoms per chain")
    _check_size(target, f"a target of {target:,} atoms")
    extra = sum(parse_end_group(end).n_atoms for end in ends)
    return max(1, round((target - extra) / repeat_unit.n_atoms))


def _checked_count(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InvalidSettings(f"the {what} is {value!r}; give a whole number of at least 1")
    return int(value)


def _check_size(n_atoms: int, asked: str) -> None:
    if n_atoms > MAX_CHAIN_ATOMS:
        raise InvalidSettings(
            f"{asked} make a chain of {n_atoms:,} atoms, more than the {MAX_CHAIN_ATOMS:,} allowed (it would take "
            f"about {n_atoms * _BYTES_PER_ATOM / 1e9:,.1f} GB to build); ask for a shorter chain or more chains"
        )


def _no_cap(node: Node, other: Node | None) -> Chem.Atom:
    raise AssertionError(f"atom {node} has a bond that leads out of the chain to {other}")
