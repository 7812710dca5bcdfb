"""What is counted now and then instead of for every request."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from polyomics.database.facts import Facts, facts
from polyomics.database.store import Store

FRESH_S = 10.0
"""How long what was counted is given out again, at least [s]."""
SHARE = 0.05
"""Part of the time that may go into counting."""


@dataclass
class Remembered:
    """The facts of one database, counted now and then; whoever asks meanwhile gets the last ones."""

    _counting: threading.Lock = field(default_factory=threading.Lock)
    _facts: Facts | None = None
    _fresh_until: float = 0.0

    def of(self, store: Store) -> Facts:
        """What was counted last, or is counted now where that is too long ago."""
        found = self._facts
        if found is not None and time.monotonic() < self._fresh_until:
            return found
        with self._counting:
            if self._facts is None or time.monotonic() >= self._fresh_until:
                began = time.monotonic()
                self._facts = facts(store)
                ended = time.monotonic()
                self._fresh_until = ended + max(FRESH_S, (ended - began) / SHARE)
            return self._facts
