"""Two properties against each other."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from fastapi import Query as FromQuery
from pydantic import BaseModel, ConfigDict, Field

from polyomics.database.page import scatter as points_of
from polyomics.web.filters import Filters, Name
from polyomics.web.problems import documented
from polyomics.web.results import AtHand

router = APIRouter(tags=["values"])
MOST_POINTS = 20_000


class Axis(BaseModel):
    """What runs along an axis."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    """Name of the property."""
    unit: str
    """Its unit; "1" for a pure number."""


class Point(BaseModel):
    """One study."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)

    study_key: str
    """The study."""
    psmiles: str
    """Canonical SMILES of its repeat unit."""
    polymer_class: str
    """Primary class of the polymer."""
    x: float
    """Its value along x."""
    x_stderr: float | None
    """Standard error of `x`."""
    y: float
    """Its value along y."""
    y_stderr: float | None
    """Standard error of `y`."""


class Scatter(BaseModel):
    """Two properties of the studies that have both."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    total: int
    """Studies that have both."""
    x: Axis
    """What runs along x."""
    y: Axis
    """What runs along y."""
    points: list[Point]
    """All of them, or as many as asked for, spread evenly; the same question gives the same points."""


class Asked(Filters):
    """Which studies, and which properties of them."""

    x: Name
    """Property along x."""
    y: Name
    """Property along y."""
    limit: Annotated[int, Field(ge=1, le=MOST_POINTS)] = 3000
    """Points, at most."""


@router.get("/scatter", response_model=Scatter, responses=documented(422))
def scatter(asked: Annotated[Asked, FromQuery()], results: AtHand) -> Response:
    """Two properties against each other, with their errors: a point for each study that has both."""
    found = points_of(results.store, asked.selection(), asked.x, asked.y, limit=asked.limit)
    answer = Scatter(
        total=found.total,
        x=Axis(name=asked.x, unit=found.x_unit),
        y=Axis(name=asked.y, unit=found.y_unit),
        points=[Point.model_validate(one) for one in found.points],
    )
    return Response(answer.model_dump_json(), media_type="application/json")  # checked once, not once more on its way
