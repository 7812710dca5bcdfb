"""`polyomics up`: everything on one machine with one command."""

from __future__ import annotations


def up() -> int:
    """To be written."""
    raise NotImplementedError
