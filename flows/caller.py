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
from polyomics.work.hold import Hold

PATIENCE_S = 3600.0
UNATTENDED = Hold(patience_s=PATIENCE_S, requeues_errors=True)
"""How a study is held where nobody waits for the result, as in a Kubernetes job: the process waits for a database that
is away, and trouble of the machine sends the study to another."""


@dataclass
class Caller:
    """Who calls the flow, in the same process."""

    report: Report = silent
    """Takes progress reports."""
    database_url: str | None = None
    """Where results go, with its password."""
    hold: Hold = UNATTENDED
    """How the study is held."""
    is_present: bool = False
    """Whether somebody waits for the result, and hears what goes wrong."""
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
