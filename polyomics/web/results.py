"""What the answers are made from: the open database, the folder of runs, and what is remembered between requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from threading import BoundedSemaphore
from typing import Annotated, cast

from fastapi import Depends, Request

from polyomics.database.store import Store
from polyomics.properties import PROPERTIES
from polyomics.web.remembered import Remembered

MOST_DOWNLOADS = 2
"""Files that are made at a time."""


@dataclass(frozen=True)
class Results:
    """The database and the folder of one application."""

    store: Store
    """Opened for reading only."""
    home: Path
    """Folder that all files of runs lie below."""
    facts: Remembered = field(default_factory=Remembered)
    """The database in numbers."""
    downloads: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(MOST_DOWNLOADS))
    """Taken while a file is made."""

    @property
    def known_properties(self) -> list[str]:
        """Names that may be asked for although no value of them is stored."""
        return PROPERTIES.names()


def _of_application(request: Request) -> Results:
    return cast(Results, request.app.state.results)


AtHand = Annotated[Results, Depends(_of_application)]
"""What an address that answers from the database takes."""
