"""Studies as a table: one row a study, with the values of chosen properties."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as FromQuery
from pydantic import BaseModel, ConfigDict

from polyomics.database.page import PageRow, study_page
from polyomics.web.filters import Filters, Names, Page, SortedBy, listed
from polyomics.web.problems import documented
from polyomics.web.results import AtHand

router = APIRouter(tags=["studies"])
MOST_COLUMNS = 20
"""Properties of one table."""
NEWEST_FIRST = "-created"


class StudyValue(BaseModel):
    """A value in the table."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    value: float
    """Best estimate, in `unit`."""
    stderr: float | None
    """Standard error of `value`; none where nothing tells, and a flag says why."""
    unit: str
    """Unit of `value` and `stderr`; "1" for a pure number."""
    flags: list[str]
    """What a reader must know before using it."""


class StudyItem(BaseModel):
    """A study in the table."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    key: str
    """Its key."""
    psmiles: str
    """Canonical SMILES of the repeat unit."""
    polymer_key: str
    """The polymer."""
    formula: str
    """Formula of the repeat unit."""
    polymer_class: str
    """Primary class of the polymer."""
    source: str
    """Data set it was imported from; empty: computed by polyomics."""
    preset: str
    """Preset its request started from."""
    status: str
    """How far it came."""
    temperature_k: float
    """Temperature asked for [K]."""
    replicate: int
    """Number of the independent repetition, from 0."""
    created: datetime
    """When it was asked for (UTC)."""
    similarity: float | None
    """Similarity to `similar_to`; none where that was not asked for."""
    values: dict[str, StudyValue]
    """The wanted properties it has a value of."""


class StudyTable(BaseModel):
    """Some of the studies found."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    total: int
    """Studies that fit."""
    offset: int
    """Rows skipped."""
    limit: int
    """Rows asked for."""
    items: list[StudyItem]
    """The rows."""


class Asked(Filters, Page):
    """Which studies, what of them, and in which order."""

    columns: Names = ""
    """Properties whose values are wanted, with commas between them."""
    sort: SortedBy = NEWEST_FIRST
    """What the rows are sorted by: a property, `created`, `psmiles` or `similarity`; with `-` before it the largest
    first. Studies without a value come last."""


@router.get("/studies", responses=documented(422))
def studies(asked: Annotated[Asked, FromQuery()], results: AtHand) -> StudyTable:
    """Studies that fit, one row each, with the values of chosen properties."""
    found = study_page(
        results.store,
        asked.selection(),
        listed(asked.columns, MOST_COLUMNS),
        sort=asked.sort.removeprefix("-"),
        descending=asked.sort.startswith("-"),
        offset=asked.offset,
        limit=asked.limit,
    )
    items = [_item(row) for row in found.rows]
    return StudyTable(total=found.total, offset=asked.offset, limit=asked.limit, items=items)


def _item(row: PageRow) -> StudyItem:
    study = row.study
    return StudyItem(
        key=study.key,
        psmiles=study.polymer.psmiles,
        polymer_key=study.polymer.key,
        formula=study.polymer.formula,
        polymer_class=study.polymer.polymer_class,
        source=study.source,
        preset=study.preset,
        status=study.status,
        temperature_k=study.temperature_k,
        replicate=study.replicate,
        created=study.created,
        similarity=row.similarity,
        values={
            name: StudyValue(value=cell.value, stderr=cell.stderr, unit=cell.unit, flags=list(cell.flags))
            for name, cell in row.values.items()
        },
    )
