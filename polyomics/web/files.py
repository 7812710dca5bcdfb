"""The files of a study: its report, its cell, and whatever else is registered; nothing beside them.

A path in the database is somebody's claim. What is given out is registered for that study, lies below the home folder
also after links have been followed, and is a plain file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from polyomics.config import below, stays_below
from polyomics.database.rows import Artifact, StudyRow
from polyomics.errors import FileNotThere, StorageUnavailable
from polyomics.web.problems import documented
from polyomics.web.results import AtHand
from polyomics.web.security import REPORT_POLICY
from polyomics.web.study_key import StudyKey

router = APIRouter(tags=["files"])
REPORT = "results/report.html"
"""The page of a study, below its run folder."""
LARGEST_REPORT_BYTES = 64 * 2**20
_CHUNK_BYTES = 256 * 1024


class Bytes(Response):
    """A file as it is."""

    media_type = "application/octet-stream"


@router.get("/studies/{key}/report", response_class=HTMLResponse, responses=documented(404, 422))
def report(key: StudyKey, results: AtHand) -> HTMLResponse:
    """The stored page of a study: one HTML file that loads nothing, to be shown in a frame or a tab of its own."""
    study = results.store.study(key)
    registered = _report_of(study)
    if registered is None:
        raise FileNotThere(
            f"study {study.key[:12]} has no report; 'polyomics report {study.key[:12]}' writes one where its run "
            "folder is"
        )
    with opened(results.home, registered.path) as stream:
        text = stream.read(LARGEST_REPORT_BYTES + 1)
    if len(text) > LARGEST_REPORT_BYTES:
        raise FileNotThere(f"the report of study {study.key[:12]} is larger than {LARGEST_REPORT_BYTES >> 20} MiB")
    return HTMLResponse(text, headers={"Content-Security-Policy": REPORT_POLICY})


@router.get("/studies/{key}/files/{path:path}", response_class=Bytes, responses=documented(404, 422))
def file(key: StudyKey, path: str, results: AtHand) -> StreamingResponse:
    """One registered file of a study, by the path that the study lists."""
    study = results.store.study(key)
    registered = next((item for item in study.artifacts if item.path == path), None)
    if registered is None:
        raise FileNotThere(f"study {study.key[:12]} has no file {path[:200]!r}; it lists those it has")
    stream = opened(results.home, registered.path)
    size = os.fstat(stream.fileno()).st_size
    name = quote(Path(registered.path).name)
    headers = {
        "Content-Length": str(size),
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "ETag": f'"{registered.sha256}"',
    }
    return StreamingResponse(_chunks(stream, size), media_type=Bytes.media_type, headers=headers)


def has_report(home: Path, study: StudyRow) -> bool:
    """Whether the report of a study is registered and on this machine."""
    registered = _report_of(study)
    return registered is not None and stays_below(registered.path) and (home / registered.path).is_file()


def opened(home: Path, path: str) -> BinaryIO:
    """A file below the home folder, to be read.

    Args:
        home: What must not be left, neither by the path nor by links.
        path: Where, relative to it.

    Raises:
        FileNotThere: It is not on this machine, lies elsewhere, or is no plain file.
    """
    try:
        place = below(home, path).resolve(strict=True)
    except StorageUnavailable as error:
        raise FileNotThere(f"{path[:200]!r} leads out of the folder of runs; it is not given out") from error
    except (OSError, RuntimeError) as error:
        raise FileNotThere(f"{path[:200]!r} is not on this machine; it may lie on another, or was deleted") from error
    if not place.is_relative_to(home.resolve()):
        raise FileNotThere(f"{path[:200]!r} leads out of the folder of runs; it is not given out")
    try:
        stream = os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except OSError as error:
        raise FileNotThere(f"{path[:200]!r} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise FileNotThere(f"{path[:200]!r} is no plain file")
    return stream


def _report_of(study: StudyRow) -> Artifact | None:
    wanted = f"{study.run_folder}/{REPORT}"
    return next((item for item in study.artifacts if item.path == wanted), None)


def _chunks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """As many bytes as were there when the file was opened; it may grow meanwhile."""
    with stream:
        while size > 0 and (chunk := stream.read(min(_CHUNK_BYTES, size))):
            size -= len(chunk)
            yield chunk
