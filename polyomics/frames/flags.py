"""Flags in a frame: one text, joined by ";", as in an exported CSV."""

import json
from collections.abc import Sequence

SEPARATOR = ";"
"""Between two flags; no flag has it."""


def joined_flags(lists: Sequence[str]) -> list[str]:
    """Flags as text from JSON lists."""
    return [SEPARATOR.join(json.loads(one)) for one in lists]
