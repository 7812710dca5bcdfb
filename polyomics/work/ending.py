"""How a process ended, in words."""

from __future__ import annotations

import signal


def ending(code: int) -> str:
    """What an exit code, as `subprocess` has it, says."""
    if code >= 0:
        return f"code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
