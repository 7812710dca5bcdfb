"""Polymers by structure: which contain a pattern, which are similar to another."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from polyomics.database import tables
from polyomics.database.listing import is_one_of
from polyomics.database.writes import dialect_insert
from polyomics.errors import InvalidPolymer, OutOfReach

if TYPE_CHECKING:
    from polyomics.database.store import Store

ROWS_AT_A_TIME = 5000
TIME_LIMIT_S = 20.0
"""How long a search may take; one that is not over then is refused."""
_CHUNK = 2000
_KEPT = 64
_POPULATION = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1).astype(np.uint16)


def put_structures(connection: Connection, psmiles_by_id: dict[int, str]) -> None:
    """Make polymers ready to be searched; those whose structure is there already, or cannot be read, are left alone.

    Args:
        connection: In a transaction that may write.
        psmiles_by_id: Canonical p-SMILES by the id of the polymer.
    """
    from polyomics.chemistry.structure import structure_keys

    table = tables.Structure
    there = set(connection.scalars(select(table.polymer_id).where(is_one_of(table.polymer_id, psmiles_by_id))))
    rows = []
    for polymer_id, psmiles in psmiles_by_id.items():
        if polymer_id in there:
            continue
        try:
            rows.append({"polymer_id": polymer_id, **vars(structure_keys(psmiles))})
        except InvalidPolymer:
            continue
    if rows:
        connection.execute(dialect_insert(connection, table).on_conflict_do_nothing(), rows)


@dataclass
class StructureIndex:
    """The structures of a database in memory, read when they are first asked for, and again when there are more."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stamp: tuple[int, int] = (0, 0)
    _ids: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    _similarity: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    _library: Any = None
    _found: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    @classmethod
    def of(cls, store: Store) -> StructureIndex:
        """That of a store, as it is now."""
        index: StructureIndex = store.structures
        with store.reading() as connection:
            index.refresh(connection)
        return index

    def refresh(self, connection: Connection) -> None:
        """Read what has come since it was last read."""
        table = tables.Structure
        last, n = connection.execute(select(func.coalesce(func.max(table.polymer_id), 0), func.count())).one()
        with self._lock:
            if (last, n) != self._stamp:
                self._read(connection)
                self._stamp = (last, n)

    def _read(self, connection: Connection) -> None:
        from polyomics.chemistry.structure import FINGERPRINT_BYTES, StructureLibrary

        table = tables.Structure
        query = select(table.polymer_id, table.molecule, table.pattern, table.similarity).order_by(table.polymer_id)
        library = StructureLibrary()
        ids: list[int] = []
        similarity = bytearray()
        for rows in connection.execution_options(yield_per=ROWS_AT_A_TIME).execute(query).partitions():
            for polymer_id, molecule, pattern, fingerprint in rows:
                ids.append(polymer_id)
                library.add(molecule, pattern)
                similarity += fingerprint
        self._library = library
        self._ids = np.array(ids, dtype=np.int64)
        self._similarity = np.frombuffer(bytes(similarity), dtype=np.uint8).reshape(len(ids), FINGERPRINT_BYTES)
        self._found.clear()

    def substructure(self, smarts: str) -> NDArray[np.int64]:
        """Ids of the polymers that contain a pattern, ascending.

        Raises:
            InvalidSettings: The pattern is no SMARTS.
            OutOfReach: It took longer than `TIME_LIMIT_S`.
        """
        from polyomics.chemistry.structure import read_smarts

        query = read_smarts(smarts)
        known = self._found.get(smarts)
        if known is not None:
            return known
        found = self._search(query, smarts)
        with self._lock:
            if len(self._found) >= _KEPT:
                self._found.pop(next(iter(self._found)))
            self._found[smarts] = found
        return found

    def _search(self, query: Any, smarts: str) -> NDArray[np.int64]:
        until = time.monotonic() + TIME_LIMIT_S
        hits: list[int] = []
        for start in range(0, len(self._ids), _CHUNK):
            end = min(start + _CHUNK, len(self._ids))
            hits.extend(self._library.matches(query, start, end))
            if time.monotonic() > until:
                raise OutOfReach(
                    f"{smarts!r} was looked for in {end} of {len(self._ids)} polymers within {TIME_LIMIT_S:g} s; "
                    "write a simpler pattern"
                )
        return np.sort(self._ids[hits])

    def similar(self, psmiles: str, threshold: float) -> dict[int, float]:
        """Tanimoto similarity by id, of the polymers for which it is at least `threshold`; most similar first.

        Raises:
            InvalidPolymer: It is no repeat unit.
        """
        from polyomics.chemistry.structure import similarity_key

        one = np.frombuffer(similarity_key(psmiles), dtype=np.uint8)
        if not len(self._ids):
            return {}
        common = _POPULATION[self._similarity & one].sum(axis=1, dtype=np.int64)
        either = _POPULATION[self._similarity | one].sum(axis=1, dtype=np.int64)
        similarity = common / np.maximum(either, 1)
        chosen = np.flatnonzero(similarity >= threshold)
        chosen = chosen[np.argsort(-similarity[chosen], kind="stable")]
        return {int(self._ids[i]): float(similarity[i]) for i in chosen}
