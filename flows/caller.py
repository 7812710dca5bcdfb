"""What passes between the process that calls the flow and the flow, beside what Prefect stores and shows.

In a module of its own because Prefect pickles a served flow with the globals it names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from polyomics.md.progress import Report, silent
from polyomics.study import StudyResult


@dataclass
class Caller:
    """Who calls the flow, in the same process."""

    report: Report = silent
    """Takes progress reports."""
    database_url: str | None = None
    """Where results go, with its password."""
    result: StudyResult | None = None
    """How the study ended; known to the caller even when the server does not live to hear it."""


_CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)


def caller() -> Caller:
    """Who calls the flow that runs; a worker is nobody in particular."""
    return _CALLER.get() or Caller()


@contextmanager
def called_by(someone: Caller) -> Iterator[None]:
    """Run flows in this process for `someone`."""
    token = _CALLER.set(someone)
    try:
        yield
    finally:
        _CALLER.reset(token)
