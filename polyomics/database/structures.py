"""Polymers by structure: which contain a pattern, which are similar to another."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


@dataclass(frozen=True, eq=False)
class _Structures:
    """The structures as they were at one moment."""

    stamp: tuple[int, int] = (0, 0)
    """The last id, and how many there are."""
    ids: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    similarity: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    library: Any = None
    found: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    """What patterns that were asked for before are in."""


@dataclass
class StructureIndex:
    """The structures of a database in memory, read when they are first asked for, and again when there are more.

    What is in memory is replaced as a whole, so that threads may search while another one reads.
    """

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _now: _Structures = field(default_factory=_Structures)

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
            if (last, n) != self._now.stamp:
                self._now = _read(connection, (last, n))

    def substructure(self, smarts: str) -> NDArray[np.int64]:
        """Ids of the polymers that contain a pattern, ascending.

        Raises:
            InvalidSettings: The pattern is no SMARTS.
            OutOfReach: It took longer than `TIME_LIMIT_S`.
        """
        from polyomics.chemistry.structure import read_smarts

        query, now = read_smarts(smarts), self._now
        found = now.found.get(smarts)
        if found is None:
            found = _search(now, query, smarts)
            with self._lock:
                if len(now.found) >= _KEPT:
                    now.found.pop(next(iter(now.found)))
                now.found[smarts] = found
        return found

    def similar(self, psmiles: str, threshold: float) -> dict[int, float]:
        """Tanimoto similarity by id, of the polymers for which it is at least `threshold`; most similar first.

        Raises:
            InvalidPolymer: It is no repeat unit.
        """
        from polyomics.chemistry.structure import similarity_key

        one, now = np.frombuffer(similarity_key(psmiles), dtype=np.uint8), self._now
        if not len(now.ids):
            return {}
        common = _bits(now.similarity & one)
        similarity = common / np.maximum(_bits(now.similarity) + _bits(one[None]) - common, 1)
        chosen = np.flatnonzero(similarity >= threshold)
        chosen = chosen[np.argsort(-similarity[chosen], kind="stable")]
        return {int(now.ids[i]): float(similarity[i]) for i in chosen}


def _bits(fingerprints: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How many bits of each fingerprint are set; shape=(n, FINGERPRINT_BYTES) becomes (n,)."""
    bits: NDArray[np.int64] = np.bitwise_count(fingerprints.view(np.uint64)).sum(axis=1, dtype=np.int64)
    return bits


def _read(connection: Connection, stamp: tuple[int, int]) -> _Structures:
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
    bits = np.frombuffer(bytes(similarity), dtype=np.uint8).reshape(len(ids), FINGERPRINT_BYTES)
    return _Structures(stamp, np.array(ids, dtype=np.int64), bits, library)


def _search(now: _Structures, query: Any, smarts: str) -> NDArray[np.int64]:
    until = time.monotonic() + TIME_LIMIT_S
    hits: list[int] = []
    for start in range(0, len(now.ids), _CHUNK):
        end = min(start + _CHUNK, len(now.ids))
        with whole_searches():
            hits.extend(now.library.matches(query, start, end))
        if time.monotonic() > until:
            raise OutOfReach(
                f"{smarts!r} was looked for in {end} of {len(now.ids)} polymers within {TIME_LIMIT_S:g} s; "
                "write a simpler pattern"
            )
    return np.sort(now.ids[hits])


@contextmanager
def whole_searches() -> Iterator[None]:
    """Let Ctrl-C wait until the block is over: RDKit would end a search early and give what it has for all there is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pending: list[Any] = []
    before = signal.signal(signal.SIGINT, lambda *received: pending.append(received))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pending and callable(before):
            before(*pending[0])
