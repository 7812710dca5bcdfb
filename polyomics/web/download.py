"""What was found, as a file to take away."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi import Query as FromQuery
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from polyomics.database.exchange import export
from polyomics.errors import TooBusy
from polyomics.frames import Search
from polyomics.web.filters import Filters, Names, listed
from polyomics.web.problems import documented
from polyomics.web.results import AtHand, Results

router = APIRouter(tags=["files"])
PARQUET = "application/vnd.apache.parquet"
MEDIA_TYPES = {"csv": "text/csv", "parquet": PARQUET, "json": "application/json"}
MOST_COLUMNS = 100
_OF_FORMAT: dict[str, Any] = {name: {"schema": {"type": "string"}} for name in ("text/csv", PARQUET)}


class Wanted(Filters):
    """Which values, and how they are written."""

    format: Literal["csv", "parquet", "json"] = "csv"
    """Format of the file."""
    layout: Literal["long", "wide"] = "long"
    """long: a row a value, with the columns of `/values`; wide: a row a study, with a column for each property and one
    for its error, named with their units."""
    columns: Names = ""
    """Properties of a wide file, with commas between them; all that there are unless given."""


@router.get(
    "/download",
    response_class=FileResponse,
    responses=documented(422) | {200: {"content": {"application/json": {}, **_OF_FORMAT}, "description": "The file."}},
)
def download(wanted: Annotated[Wanted, FromQuery()], results: AtHand) -> FileResponse:
    """Everything that fits, as one file. It is made whole before the first byte is sent."""
    with _one_of_few(results):
        folder = tempfile.TemporaryDirectory(prefix="polyomics-")
        try:
            path = Path(folder.name) / f"polyomics.{wanted.format}"
            (_write_wide if wanted.layout == "wide" else _write_long)(results, wanted, path)
        except BaseException:
            folder.cleanup()
            raise
    return FileResponse(
        path,
        media_type=MEDIA_TYPES[wanted.format],
        filename=f"polyomics_{wanted.layout}.{wanted.format}",
        background=BackgroundTask(folder.cleanup),
    )


@contextmanager
def _one_of_few(results: Results) -> Iterator[None]:
    if not results.downloads.acquire(blocking=False):
        raise TooBusy("several files are being made for others; ask again in a minute")
    try:
        yield
    finally:
        results.downloads.release()


def _write_long(results: Results, wanted: Wanted, path: Path) -> None:
    selection = wanted.selection()
    export(results.store, path, selection=selection, known_properties=results.known_properties)


def _write_wide(results: Results, wanted: Wanted, path: Path) -> None:
    properties = listed(wanted.columns, MOST_COLUMNS)
    Search(results.store, wanted.selection()).write(path, "wide", properties or None)
