"""The states of a flow run that stand for the statuses of a study, and how ours are told from those of others."""

from __future__ import annotations

from datetime import datetime

from prefect.client.schemas import State
from prefect.states import Cancelled, Completed, Failed, Running, Scheduled

OURS = "polyomics: "
"""How the message of every state begins that was made from the queue, so that a wish is told from its echo."""
QUEUED = "Queued"
"""Name of the state of a study that waits in the queue."""
WAITING = (QUEUED, "Late")
"""A server that looks for late runs renames ours."""


def queued(note: str = "", at: datetime | None = None) -> State:
    """It waits in the queue; `note` says what became of the attempt before."""
    return Scheduled(scheduled_time=at, name=QUEUED, message=OURS + (note or "waits for a worker"))


def running(attempt: int, worker: str) -> State:
    """A worker computes it."""
    return Running(message=f"{OURS}attempt {attempt} on {worker}")


def done(summary: str, *, existing: bool = False) -> State:
    """It is done, with these results."""
    return Completed(name="Existing" if existing else "Completed", message=OURS + summary)


def failed(sentence: str) -> State:
    """It has failed, or cannot be done."""
    return Failed(message=OURS + sentence)


def cancelled(sentence: str = "the study was cancelled; its run folder keeps what was done") -> State:
    """It is not wanted any more."""
    return Cancelled(message=OURS + sentence)


def is_ours(state: State | None) -> bool:
    """Whether a state was made from the queue."""
    return state is not None and (state.message or "").startswith(OURS)


def is_wish_to_cancel(state: State | None) -> bool:
    """Whether somebody asked in the dashboard that a run ends."""
    return state is not None and (state.is_cancelling() or (state.is_cancelled() and not is_ours(state)))


def agrees(state: State | None, wanted: State) -> bool:
    """Whether a run needs no other state than the one it has."""
    if state is None or state.type != wanted.type:
        return False
    if wanted.is_scheduled():
        return state.name in WAITING
    if wanted.is_running():
        return state.message == wanted.message
    return is_ours(state) or not wanted.is_cancelled()
