"""`polyomics submit`: polymers into the queue."""

from __future__ import annotations


def submit() -> int:
    """To be written."""
    raise NotImplementedError
