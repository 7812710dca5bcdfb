"""`polyomics worker`: run studies of the queue on this machine."""

from __future__ import annotations


def worker() -> int:
    """To be written."""
    raise NotImplementedError
