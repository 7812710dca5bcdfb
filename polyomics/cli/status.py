"""`polyomics status`: what the queue holds and what runs."""

from __future__ import annotations


def status() -> int:
    """To be written."""
    raise NotImplementedError
