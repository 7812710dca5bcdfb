"""`polyomics cancel`, `retry`, `priority`, `logs`: what is asked of studies that were submitted."""

from __future__ import annotations


def cancel() -> int:
    """To be written."""
    raise NotImplementedError


def retry() -> int:
    """To be written."""
    raise NotImplementedError


def priority() -> int:
    """To be written."""
    raise NotImplementedError


def logs() -> int:
    """To be written."""
    raise NotImplementedError
