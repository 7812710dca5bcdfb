"""The Prefect server: is one configured, does it answer, and what happens when it does not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException, PrefectHTTPStatusError
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

from polyomics.errors import ServerUnavailable

ANSWER_TIMEOUT_S = 5.0
"""How long a server may take to answer before a run is started on it."""

START_ONE = (
    "start one with `prefect server start` in another terminal and set PREFECT_API_URL=http://127.0.0.1:4200/api"
)
WITHOUT = "or run without Prefect"

_RUN_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")

logger = logging.getLogger(__name__)


def check_server() -> str:
    """Address of the API of the configured Prefect server, which answers and knows us.

    Raises:
        ServerUnavailable: None is configured, it does not answer, or it refuses us.
    """
    address: str | None = PREFECT_API_URL.value()
    if not address:
        raise ServerUnavailable(
            f"the run is to go through Prefect, but no Prefect server is configured; {START_ONE}, {WITHOUT}"
        )
    impatient = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: ANSWER_TIMEOUT_S}
    shown = _without_password(address)
    try:
        with temporary_settings(impatient), get_client(sync_client=True) as client:
            client.api_version()
    except PrefectHTTPStatusError as error:
        raise ServerUnavailable(f"the Prefect server at {shown} {_refusal(error.response.status_code)}") from error
    except (httpx.HTTPError, httpx.InvalidURL, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ServerUnavailable(
            f"there is no Prefect server at {shown} ({reason}); check PREFECT_API_URL, or {START_ONE}, {WITHOUT}"
        ) from error
    return address


@contextmanager
def without_losing_the_study(what: str) -> Iterator[None]:
    """Log, instead of raising, what goes wrong with the dashboard: a computed study counts for more."""
    try:
        yield
    except (httpx.HTTPError, PrefectException) as error:
        logger.warning("%s could not be sent to the Prefect server: %s", what, error)


@contextmanager
def outlasting_the_server(done: Callable[[], bool]) -> Iterator[None]:
    """Survive a server that went away in the meantime, if what was asked for is `done`.

    Raises:
        ServerUnavailable: It is not done.
    """
    try:
        yield
    except (httpx.HTTPError, PrefectException) as error:
        if not done():
            raise ServerUnavailable(
                f"the Prefect server went away ({error}); run the same again when it is back, or without Prefect: "
                "the study goes on from its last checkpoint"
            ) from error
        logger.warning("the Prefect server went away before it could be told how the study ended: %s", error)


@contextmanager
def quiet_console() -> Iterator[None]:
    """Keep the logs of flow and task runs off the console; the server gets them all the same."""
    loggers = [logging.getLogger(name) for name in _RUN_LOGGERS]
    before = [each.propagate for each in loggers]
    for each in loggers:
        each.propagate = False
    try:
        yield
    finally:
        for each, propagate in zip(loggers, before, strict=True):
            each.propagate = propagate


def _refusal(status: int) -> str:
    if status in (401, 403):
        return "refuses the password; set PREFECT_API_AUTH_STRING (or PREFECT_API_KEY) to the server's"
    return f"answers with HTTP status {status}; is it a Prefect API, with /api at the end of its address?"


def _without_password(address: str) -> str:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        return repr(address)
    return str(url.copy_with(userinfo=b"")) if url.userinfo else address
