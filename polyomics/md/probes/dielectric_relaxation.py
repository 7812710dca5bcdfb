"""How the dipole of a cell forgets its direction: dielectric relaxation and loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from polyomics.md.probes import PROBES, Effort
from polyomics.md.protocols import Target
from polyomics.md.stage import Stage
from polyomics.md.stages.dipoles import Dipoles

_SETTINGS: dict[Effort, dict[str, Any]] = {
    "smoke": {"duration_ps": 4.0, "segment_ps": 2.0, "report_ps": 0.4},
    "demo": {"duration_ps": 160.0, "segment_ps": 20.0, "report_ps": 2.0},
    "standard": {"duration_ps": 20_000.0, "segment_ps": 500.0, "report_ps": 10.0},
    "accurate": {"duration_ps": 100_000.0, "segment_ps": 1000.0, "report_ps": 10.0},
}


@PROBES.register("dielectric_relaxation")
def dielectric_relaxation(target: Target, effort: Effort) -> Sequence[Stage]:
    """Dielectric relaxation and loss, from the dipole of the cell recorded every 20 fs.

    smoke 0.004 ns, demo 0.16 ns, standard 20 ns, accurate 100 ns, all in steps of 2 fs. The loss is seen from 20
    periods in the run on: from 125 GHz, 1 GHz and 0.2 GHz.
    """
    return (
        Dipoles(name="dielectric_dipoles", after="sample", temperature_k=target.temperature_k, **_SETTINGS[effort]),
    )
