"""Values as long rows: one row a study and property."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as FromQuery
from pydantic import BaseModel, ConfigDict

from polyomics.database.selection import query
from polyomics.web.filters import Filters, Page
from polyomics.web.problems import documented
from polyomics.web.results import AtHand

router = APIRouter(tags=["values"])


class Value(BaseModel):
    """One value with what is needed to judge, repeat and cite it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    psmiles: str
    """Canonical SMILES of the repeat unit."""
    property: str
    """Name of the property."""
    value: float
    """Best estimate, in `unit`."""
    stderr: float | None
    """Standard error of `value`; none where nothing tells, and a flag says why."""
    unit: str
    """Unit of `value` and `stderr`; "1" for a pure number."""
    n_independent: float
    """Statistically independent samples behind it."""
    flags: list[str]
    """What a reader must know before using it."""
    study_key: str
    """The study it is of."""
    polymer_key: str
    """The polymer."""
    formula: str
    """Formula of the repeat unit."""
    temperature_k: float | None
    """Temperature it holds at [K]."""
    pressure_bar: float | None
    """Pressure it holds at [bar]."""
    preset: str
    """Preset of the study."""
    replicate: int
    """Number of the independent repetition, from 0."""
    seed: int
    """Seed of every random choice."""
    status: str
    """Status of the study."""
    created: datetime
    """When the study was asked for (UTC)."""
    polymer_class: str
    """Primary class of the polymer."""
    source: str
    """Data set it was imported from; empty: computed by polyomics."""


class ValuePage(BaseModel):
    """Some of the values found."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    offset: int
    """Rows skipped."""
    limit: int
    """Rows asked for."""
    next_offset: int | None
    """Where the next page begins; none at the end."""
    items: list[Value]
    """The rows, by study and property."""


class Asked(Filters, Page):
    """Which values, and which part of them."""


@router.get("/values", responses=documented(422))
def values(asked: Annotated[Asked, FromQuery()], results: AtHand) -> ValuePage:
    """Values as long rows, by study and property. For all of them at once: `/download`."""
    settings = asked.selection().model_dump() | {"offset": asked.offset, "limit": asked.limit + 1}
    found = query(results.store, known_properties=results.known_properties, **settings)
    return ValuePage(
        offset=asked.offset,
        limit=asked.limit,
        next_offset=asked.offset + asked.limit if len(found) > asked.limit else None,
        items=[Value(**asdict(row)) for row in found[: asked.limit]],
    )
