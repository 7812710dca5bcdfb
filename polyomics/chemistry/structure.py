"""What a polymer is found by when structures are looked for: a molecule to search, and two fingerprints.

A chain has no cut, so a pattern must be found wherever the repeat unit was cut. What is searched is therefore a short
chain between two `*`, so long that every pattern of up to `MAIN_CHAIN_ATOMS` main-chain atoms lies in it whole, at
whichever atom of the unit it begins. Similarity is of a closed ring of units, which has no ends, so
that it depends neither on the cut nor on how often the unit was written. Hydrogens are implicit.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from polyomics.errors import InvalidPolymer, InvalidSettings

if TYPE_CHECKING:
    from rdkit import Chem

FINGERPRINT_BITS = 2048
FINGERPRINT_BYTES = FINGERPRINT_BITS // 8
RADIUS = 2
"""Bonds around an atom that similarity looks at; 2 is ECFP4 (DOI 10.1021/ci100050t)."""
MAIN_CHAIN_ATOMS = 6
"""Main-chain atoms that a pattern may span for it to be found in any polymer that has it."""
RING_ATOMS = 10
"""Main-chain atoms of the ring that similarity is of, at least: no environment meets itself."""
LONGEST_SMARTS = 500
"""Characters of a pattern."""


@dataclass(frozen=True)
class StructureKeys:
    """What is stored of a polymer's structure."""

    molecule: bytes
    """The chain that is searched, as RDKit's binary molecule."""
    pattern: bytes
    """Fingerprint of it that rules substructures out, 2048 bits."""
    similarity: bytes
    """Fingerprint of the ring's environments of atoms, 2048 bits."""


_THREADS = os.cpu_count() or 1
"""RDKit's own word for all of them, -1, stands for all but one."""


class StructureLibrary:
    """Stored structures in memory, in which patterns are looked for with all cores."""

    def __init__(self) -> None:
        from rdkit import DataStructs
        from rdkit.Chem import rdSubstructLibrary

        self._molecules: Any = rdSubstructLibrary.CachedMolHolder()
        self._patterns: Any = rdSubstructLibrary.PatternHolder(FINGERPRINT_BITS)
        self._bits_of: Any = DataStructs.CreateFromBinaryText
        self._library: Any = rdSubstructLibrary.SubstructLibrary(self._molecules, self._patterns)

    def add(self, molecule: bytes, pattern: bytes) -> None:
        """Add one, as `StructureKeys` has it; it gets the next place."""
        self._molecules.AddBinary(molecule)
        self._patterns.AddFingerprint(self._bits_of(pattern))

    def matches(self, query: Chem.Mol, start: int, end: int) -> list[int]:
        """Places from `start` to before `end` of those that contain a pattern."""
        return list(self._library.GetMatches(query, start, end, True, False, False, _THREADS, end - start))


def structure_keys(psmiles: str) -> StructureKeys:
    """Keys of a repeat unit.

    Raises:
        InvalidPolymer: RDKit does not read it, or it has not two `*`.
    """
    from rdkit import Chem, DataStructs

    unit, head, tail = _unit(psmiles)
    path = _main_chain_atoms(unit, head, tail)
    chain = _joined(unit, head, tail, math.ceil((MAIN_CHAIN_ATOMS + path - 1) / path), closed=False)
    pattern = Chem.PatternFingerprint(chain, fpSize=FINGERPRINT_BITS)
    return StructureKeys(
        molecule=chain.ToBinary(Chem.PropertyPickleOptions.NoProps),
        pattern=DataStructs.BitVectToBinaryText(pattern),
        similarity=_similarity(unit, head, tail, path),
    )


def similarity_key(psmiles: str) -> bytes:
    """The fingerprint that similarities are of, 2048 bits.

    Raises:
        InvalidPolymer: RDKit does not read it, or it has not two `*`.
    """
    unit, head, tail = _unit(psmiles)
    return _similarity(unit, head, tail, _main_chain_atoms(unit, head, tail))


def read_smarts(text: str) -> Chem.Mol:
    """A pattern to look for.

    Raises:
        InvalidSettings: It is no SMARTS, too long, or matches nothing or anything.
    """
    from rdkit import Chem, rdBase

    if len(text) > LONGEST_SMARTS:
        raise InvalidSettings(f"the SMARTS has {len(text)} characters; at most {LONGEST_SMARTS} are taken")
    with rdBase.BlockLogs():
        query = Chem.MolFromSmarts(text)
    if query is None or not query.GetNumAtoms():
        raise InvalidSettings(f"{text!r} is not a SMARTS pattern; write for example 'c1ccccc1' or '[CX3](=O)[OX2]'")
    return query


def _similarity(unit: Chem.Mol, head: int, tail: int, path: int) -> bytes:
    from rdkit import DataStructs

    ring = _joined(unit, head, tail, math.ceil(RING_ATOMS / path), closed=True)
    return bytes(DataStructs.BitVectToBinaryText(_generator().GetFingerprint(ring)))


@cache
def _generator() -> Any:
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=FINGERPRINT_BITS)


def _unit(psmiles: str) -> tuple[Chem.Mol, int, int]:
    """The repeat unit and the indices of its first and second `*`."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        unit = Chem.MolFromSmiles(psmiles)
    stars = [] if unit is None else [atom.GetIdx() for atom in unit.GetAtoms() if atom.GetAtomicNum() == 0]
    if len(stars) != 2:
        raise InvalidPolymer(f"{psmiles!r} is not a repeat unit with two '*'; write for example '*CC(*)c1ccccc1'")
    return unit, stars[0], stars[1]


def _main_chain_atoms(unit: Chem.Mol, head: int, tail: int) -> int:
    from rdkit import Chem

    return len(Chem.GetShortestPath(unit, head, tail)) - 2


def _joined(unit: Chem.Mol, head: int, tail: int, n_copies: int, *, closed: bool) -> Chem.Mol:
    """So many units in a row, between two `*` or closed to a ring; aromatic as the unit was perceived."""
    from rdkit import Chem

    first, last = (unit.GetAtomWithIdx(star).GetNeighbors()[0].GetIdx() for star in (head, tail))
    bond = unit.GetBondBetweenAtoms(head, first).GetBondType()
    n_atoms = unit.GetNumAtoms()
    chain = Chem.RWMol()
    for _ in range(n_copies):
        chain.InsertMol(unit)
    gone = []
    for copy in range(n_copies if closed else n_copies - 1):
        here, there = copy * n_atoms, (copy + 1) % n_copies * n_atoms
        chain.AddBond(here + last, there + first, bond)
        gone += [here + tail, there + head]
    chain.BeginBatchEdit()
    for atom in gone:
        chain.RemoveAtom(atom)
    chain.CommitBatchEdit()
    chain.UpdatePropertyCache(strict=False)
    Chem.FastFindRings(chain)
    return chain.GetMol()
