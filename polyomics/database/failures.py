"""What gave no value, of the studies that fit a selection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from polyomics.database.selection import Selection, chosen_studies
from polyomics.database.store import Store
from polyomics.database.tables import FailureRow, Polymer, Study

ROWS_AT_A_TIME = 5000


@dataclass(frozen=True, slots=True)
class FailureOfStudy:
    """A step that gave no value."""

    study_key: str
    psmiles: str
    step: str
    kind: str
    message: str


def failures_of(store: Store, selection: Selection) -> Iterator[FailureOfStudy]:
    """All failures of the studies that fit, by study."""
    chosen = chosen_studies(select(Study.id), store, selection)
    query = (
        select(Study.key, Polymer.psmiles, FailureRow.stage, FailureRow.kind, FailureRow.message)
        .join(Study, Study.id == FailureRow.study_id)
        .join(Polymer, Polymer.id == Study.polymer_id)
        .where(FailureRow.study_id.in_(chosen))
        .order_by(Study.id, FailureRow.stage, FailureRow.kind)
    )
    with store.reading() as connection:
        for rows in connection.execution_options(yield_per=ROWS_AT_A_TIME).execute(query).partitions():
            for row in rows:
                yield FailureOfStudy(*row)
