"""The structure of a repeat unit as a picture."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from fastapi import Query as FromQuery
from pydantic import Field

from polyomics.chemistry.drawing import LARGEST, LONGEST, SMALLEST, structure_svg
from polyomics.web.filters import Query
from polyomics.web.problems import documented

router = APIRouter(tags=["structures"])
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
Edge = Annotated[int, Field(ge=SMALLEST, le=LARGEST)]


class Picture(Query):
    """What to draw, and how."""

    psmiles: Annotated[str, Field(min_length=1, max_length=LONGEST, pattern=r"^[^\x00]*$")]
    """SMILES of a repeat unit; `*` is where the chain goes on."""
    dark: bool = False
    """For a dark background."""
    width: Edge = 240
    """Width [pixels]."""
    height: Edge = 160
    """Height [pixels]."""


class Svg(Response):
    """A picture."""

    media_type = "image/svg+xml"


@router.get("/structures.svg", response_class=Svg, responses=documented(422))
def structure(picture: Annotated[Picture, FromQuery()]) -> Svg:
    """The 2D structure of a repeat unit as SVG without a background; browsers may keep it."""
    drawn = structure_svg(picture.psmiles, width=picture.width, height=picture.height, dark=picture.dark)
    headers = {"Cache-Control": "private, max-age=604800", "Content-Security-Policy": POLICY}
    return Svg(drawn, headers=headers)
