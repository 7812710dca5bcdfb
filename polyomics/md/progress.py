"""What a run says of itself while it runs."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One report of a running study."""

    step: str
    """Step of the study ("charges") or stage of the protocol ("melt")."""
    stage_index: int = 0
    """Number of the stage, from 1; 0 outside MD."""
    n_stages: int = 0
    """Number of stages; 0 outside MD."""
    done_ps: float = 0.0
    """Simulated time done over all stages [ps]."""
    total_ps: float = 0.0
    """Simulated time of all stages [ps]."""
    ns_per_day: float | None = None
    """Speed of the present stage."""
    seconds_left: float | None = None
    """Estimated wall time to the end of MD [s]."""
    density_g_cm3: float | None = None
    """Present density of the cell."""
    message: str = ""
    """What is worth saying beside the numbers ("resumed at 120 ps")."""


Report = Callable[[Progress], None]
"""Takes the reports; called a few times a second at most."""


def silent(progress: Progress) -> None:
    """Ignore a report."""


class Interrupted(Exception):
    """The run was asked to stop; everything up to the last segment is on disk."""
