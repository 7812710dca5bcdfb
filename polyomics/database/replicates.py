"""Results with replicates put together: one row a request and property."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from polyomics.database.selection import ResultRow
from polyomics.database.store import Store
from polyomics.database.submission import whole_spec
from polyomics.database.tables import Protocol, Study
from polyomics.records import Measurement
from polyomics.replicates import combine_measurements, replicate_group

KEYS_AT_A_TIME = 500
"""Studies asked for in one statement; databases limit its length."""


@dataclass(frozen=True, slots=True)
class CombinedRow:
    """One value from all replicates of a request; a request is a study but for its seed and replicate number."""

    psmiles: str
    property: str
    value: float
    stderr: float | None
    unit: str
    n_replicates: int
    spread: float | None
    between_variance: float | None
    flags: tuple[str, ...]
    study_keys: tuple[str, ...]
    polymer_key: str
    formula: str
    temperature_k: float | None
    pressure_bar: float | None
    preset: str


def combined_rows(store: Store, rows: Sequence[ResultRow]) -> list[CombinedRow]:
    """Put replicates among the rows together, in the order their first ones come.

    Args:
        store: Where the rows are from.
        rows: Values of single studies.
    """
    group_of = dict(_groups(store, list(dict.fromkeys(row.study_key for row in rows))))
    groups: dict[tuple[object, ...], list[ResultRow]] = {}
    for row in rows:
        place = (group_of[row.study_key], row.property, row.temperature_k, row.pressure_bar)
        groups.setdefault(place, []).append(row)
    return [_combined(members) for members in groups.values()]


def _groups(store: Store, keys: Sequence[str]) -> Iterator[tuple[str, str]]:
    for start in range(0, len(keys), KEYS_AT_A_TIME):
        columns = select(Study.key, Study.spec, Protocol.content).join(Protocol)
        statement = columns.where(Study.key.in_(keys[start : start + KEYS_AT_A_TIME]))
        with store.reading() as connection:
            for key, rest, protocol in connection.execute(statement):
                yield key, replicate_group(whole_spec(rest, protocol), key)


def _combined(members: Sequence[ResultRow]) -> CombinedRow:
    first = members[0]
    found = combine_measurements([_measurement(row) for row in members])
    return CombinedRow(
        psmiles=first.psmiles,
        property=first.property,
        value=found.value,
        stderr=found.stderr,
        unit=found.unit,
        n_replicates=found.n_replicates,
        spread=found.spread,
        between_variance=found.between_variance,
        flags=found.flags,
        study_keys=tuple(row.study_key for row in members),
        polymer_key=first.polymer_key,
        formula=first.formula,
        temperature_k=first.temperature_k,
        pressure_bar=first.pressure_bar,
        preset=first.preset,
    )


def _measurement(row: ResultRow) -> Measurement:
    return Measurement(
        name=row.property,
        value=row.value,
        stderr=row.stderr,
        unit=row.unit,
        n_independent=row.n_independent,
        flags=row.flags,
        temperature_k=row.temperature_k,
        pressure_bar=row.pressure_bar,
    )
