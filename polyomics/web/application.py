"""The whole application: every address, and what stands before and behind them."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.staticfiles import StaticFiles

from polyomics import __version__
from polyomics.database.store import Store
from polyomics.database.structures import StructureIndex
from polyomics.errors import InvalidSettings
from polyomics.web import download, drawing, facts, polymer, scatter, scene, studies, study, values
from polyomics.web import files as study_files
from polyomics.web.documentation import documentation
from polyomics.web.problems import add_handlers
from polyomics.web.results import Results
from polyomics.web.security import SHORTEST_TOKEN, NeedsToken, OnlyThisMachine, SecureHeaders, TimeLimit

API = "/api/v1"
THREADS = 8
"""Requests that are answered at a time; others wait. Fewer than connections to the database."""
ROUTERS: tuple[APIRouter, ...] = (
    facts.router,
    studies.router,
    values.router,
    scatter.router,
    polymer.router,
    study_files.router,
    scene.router,
    study.router,
    drawing.router,
    download.router,
)
DESCRIPTION = """Results of polyomics, to be read. Every address is a GET; lists come in pages. What is not understood
is answered with 422 and a sentence, `{"error": ..., "message": ...}`. Where the server asks for a token, send it as
`Authorization: Bearer TOKEN`.
"""


def make_application(database_url: str, home: Path, token: str | None = None) -> FastAPI:
    """The results of one database over HTTP, and the page that shows them.

    The database is opened for reading only, and by itself refuses writes.

    Args:
        database_url: As in `Store.open`.
        home: Folder that the runs lie below.
        token: What every request has to show. Without one only requests for a name of this machine are answered.

    Raises:
        StorageUnavailable: The database is not there, or cannot be read.
        InvalidSettings: The token is so short that it can be guessed, or cannot be sent in a header.
    """
    if token is not None:
        check_token(token)
    results = Results(Store.open(database_url, read_only=True), home)
    app = FastAPI(
        title="polyomics",
        version=__version__,
        description=DESCRIPTION,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(results),
    )
    app.state.results = results
    for router in ROUTERS:
        app.include_router(router, prefix=API)
    app.add_api_route(f"{API}/{{path:path}}", _nothing, include_in_schema=False)
    app.openapi = lambda: documentation(app)  # type: ignore[method-assign]
    add_handlers(app)
    _mount(app, "/vendor", files("polyomics.report").joinpath("vendor"))
    _mount(app, "/", files("polyomics.web").joinpath("page", "static"))
    unzipped = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/octet-stream", download.PARQUET)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=4, exclude_content_types=unzipped)
    app.add_middleware(TimeLimit)
    if token is None:
        app.add_middleware(OnlyThisMachine)
    else:
        app.add_middleware(NeedsToken, token=token)
    app.add_middleware(SecureHeaders)
    return app


def check_token(token: str) -> None:
    """Raise unless a token is fit to guard anything."""
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidSettings(
            f"the token has {len(token)} characters; it needs {SHORTEST_TOKEN} or more printable ASCII ones without "
            "spaces, for example those that 'openssl rand -hex 24' prints"
        )


def _nothing(path: str) -> JSONResponse:
    from starlette.exceptions import HTTPException

    raise HTTPException(404, path)


def _mount(app: FastAPI, path: str, folder: Any) -> None:
    if Path(str(folder)).is_dir():
        app.mount(path, StaticFiles(directory=str(folder), html=path == "/"), name=path.strip("/") or "page")


def _lifespan(results: Results) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def run(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        warming = threading.Thread(target=_warm_up, args=(results,), name="warm-up", daemon=True)
        warming.start()
        yield
        await anyio.to_thread.run_sync(warming.join)
        results.store.close()

    return run


def _warm_up(results: Results) -> None:
    """Have ready what the first searches need: the names of properties, structures, the facts of the database."""
    from polyomics.web.problems import LOG

    try:
        results.known_properties  # noqa: B018
        results.facts.of(results.store)
        StructureIndex.of(results.store)
    except Exception as error:
        LOG.warning("not prepared: %s", error)
