"""What the process that calls the flow hands over beside its parameters, which Prefect stores and shows.

In a module of its own because Prefect pickles a served flow with the globals it names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from polyomics.md.progress import Report, silent


@dataclass(frozen=True)
class Caller:
    """Things that are no JSON, or secret."""

    report: Report = silent
    """Takes progress reports."""
    database_url: str | None = None
    """Where results go, with its password."""


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
