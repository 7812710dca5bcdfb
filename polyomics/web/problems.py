"""What is said where something is wrong: always {"error": its kind, "message": a sentence}."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.exceptions import HTTPException

from polyomics.errors import (
    CampaignNotFound,
    FileNotThere,
    InvalidSettings,
    NoResults,
    PolyomicsError,
    StorageUnavailable,
    StudyNotFound,
    TooBusy,
)

LOG = logging.getLogger(__name__)
NOT_FOUND = (StudyNotFound, CampaignNotFound, NoResults, FileNotThere)
LATER = (StorageUnavailable, TooBusy)
_LONGEST_INPUT = 60


class Problem(BaseModel):
    """Why there is no answer."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    error: str
    """Its kind, a word."""
    message: str
    """What was asked, what was found, what to do: a sentence."""


def documented(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Problems an address may answer with, for its documentation."""
    texts = {
        401: "A token is needed.",
        404: "There is no such thing.",
        422: "What was asked is not understood, or takes too long.",
        503: "The database cannot be reached, or the server is busy; ask again later.",
    }
    content = {"application/json": {"schema": Problem.model_json_schema()}}
    return {code: {"description": texts[code], "content": content} for code in (401, *codes, 503)}


def add_handlers(app: FastAPI) -> None:
    """Let an application say what is wrong in our way."""
    app.add_exception_handler(PolyomicsError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ValidationError, _spoilt)
    app.add_exception_handler(Exception, _defect)


def answer(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """One problem."""
    return JSONResponse({"error": kind, "message": " ".join(message.split())}, status, headers)


def status_of(error: Exception) -> int:
    """The HTTP status of one of our errors."""
    if isinstance(error, NOT_FOUND):
        return 404
    return 503 if isinstance(error, LATER) else 422


def _ours(_request: Request, error: Exception) -> JSONResponse:
    status = status_of(error)
    headers = {"Retry-After": "5"} if status == 503 else None
    return answer(status, type(error).__name__, str(error), headers)


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return answer(422, InvalidSettings.__name__, "; ".join(_sentence(one) for one in error.errors()[:3]))


def _sentence(found: Any) -> str:
    where = ".".join(str(part) for part in found["loc"][1:])
    if found["type"] == "extra_forbidden":
        return f"there is no setting {where[:_LONGEST_INPUT]!r}; the documentation lists those there are"
    if found["type"] == "missing":
        return f"{where} is missing"
    message = str(found["msg"]).removeprefix("Value error, ")
    given = repr(found.get("input"))
    shown = given if len(given) <= _LONGEST_INPUT else given[:_LONGEST_INPUT] + "..."
    return f"{where}: {message} (given: {shown})"


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers) if error.headers else None
    if error.status_code == 404:
        return answer(404, "NotFound", f"there is nothing at {request.url.path[:200]}", headers)
    if error.status_code == 405:
        return answer(405, "NotAllowed", f"{request.method} is not possible here; results are only read", headers)
    return answer(error.status_code, "HTTPError", str(error.detail), headers)


def _spoilt(request: Request, error: Exception) -> JSONResponse:
    """A row that our code would not have written."""
    LOG.error("row that cannot be at %s: %s", request.url.path, error)
    message = "a row of the database is not as polyomics writes it; it was changed by hand, or is damaged: see the log"
    return answer(500, "SpoiltRow", message)


def _defect(request: Request, error: Exception) -> JSONResponse:
    LOG.error("defect at %s", request.url.path, exc_info=error)
    message = "the server met a defect of polyomics, which its log describes; please report it"
    return answer(500, "Defect", message)
