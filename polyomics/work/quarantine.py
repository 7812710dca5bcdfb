"""When a worker should stop trusting its machine."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_TROUBLES = 3
"""Studies in a row that meet trouble of the machine before a worker stops."""
WITHIN_S = 3600.0
"""Time after which trouble is forgotten [s]."""


@dataclass
class Quarantine:
    """Counts trouble of the machine, device by device.

    Trouble of one study counts once however often it comes back, since it may be the study's. A study that ends well on
    a device clears it.
    """

    most_troubles: int = MOST_TROUBLES
    """Different studies in a row; 0 never gives up."""
    within_s: float = WITHIN_S
    """Time after which trouble is forgotten [s]."""
    _troubles: dict[str, dict[str, tuple[float, str]]] = field(default_factory=dict)

    def note_trouble(self, device: str, key: str, what: str, at_s: float) -> str | None:
        """Take note of trouble a study met; the reason to stop working, if there is one now.

        Args:
            device: Where; empty on a CPU.
            key: The study.
            what: What happened, in words.
            at_s: When, on a clock that only goes forward [s].
        """
        troubles = self._troubles.setdefault(device, {})
        troubles[key] = (at_s, what)
        recent = {key: what for key, (when_s, what) in troubles.items() if at_s - when_s <= self.within_s}
        if not self.most_troubles or len(recent) < self.most_troubles:
            return None
        where = f"GPU {device}" if device else "this machine"
        return f"{len(recent)} studies in a row met trouble on {where}: {'; '.join(dict.fromkeys(recent.values()))}"

    def note_success(self, device: str) -> None:
        """Take note of a study that ended well."""
        self._troubles.pop(device, None)

    def troubled(self, at_s: float) -> list[str]:
        """Keys of the studies that met trouble here lately."""
        return [
            key
            for troubles in self._troubles.values()
            for key, (when_s, _) in troubles.items()
            if at_s - when_s <= self.within_s
        ]
