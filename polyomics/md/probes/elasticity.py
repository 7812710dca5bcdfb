"""Elastic constants: strain the cell and measure its stress; let its edges move and watch them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from polyomics.md.probes import PROBES, Effort
from polyomics.md.protocols import Target
from polyomics.md.stage import Stage
from polyomics.md.stages.breathe import Breathe
from polyomics.md.stages.strain import Strain

STRAIN: dict[Effort, dict[str, Any]] = {
    "smoke": {"strain": 0.02, "settle_ps": 1, "duration_ps": 1.2, "relax_ps": 0.4, "stress_ps": 0.2},
    "demo": {"strain": 0.02, "settle_ps": 20, "duration_ps": 25, "relax_ps": 5, "stress_ps": 0.4},
    "standard": {
        "strain": 0.01,
        "settle_ps": 200,
        "duration_ps": 600,
        "relax_ps": 200,
        "stress_ps": 2,
        "control_ps": 1,
    },
    "accurate": {
        "strain": 0.01,
        "settle_ps": 500,
        "duration_ps": 1500,
        "relax_ps": 500,
        "stress_ps": 2,
        "control_ps": 1,
        "n_starts": 3,
    },
}
"""Settings of the strained runs; 13 runs of `duration_ps` a start: 0.017, 0.35, 8.0 and 60 ns."""
BREATHE: dict[Effort, dict[str, Any]] = {
    "smoke": {"duration_ps": 4, "segment_ps": 2, "report_ps": 0.2},
    "demo": {"duration_ps": 120, "segment_ps": 20, "report_ps": 0.4},
    "standard": {"duration_ps": 4000, "segment_ps": 250, "report_ps": 1, "control_ps": 1},
    "accurate": {"duration_ps": 20_000, "segment_ps": 250, "report_ps": 1, "control_ps": 1},
}
"""Settings of the run with free edges: 0.004, 0.12, 4 and 20 ns."""


@PROBES.register("elasticity")
def elasticity(target: Target, effort: Effort) -> Sequence[Stage]:
    """The stiffness tensor from twelve small strains, and the compliance of the edges from their fluctuations.

    | effort | strain | relaxing, then averaging, a run [ps] | starts | strained [ns] | free edges [ns] |
    |---|---|---|---|---|---|
    | smoke | 0.02 | 0.4 + 0.8 | 1 | 0.017 | 0.004 |
    | demo | 0.02 | 5 + 20 | 1 | 0.35 | 0.12 |
    | standard | 0.01 | 200 + 400 | 1 | 8.0 | 4 |
    | accurate | 0.01 | 500 + 1,000 | 3 | 60 | 20 |
    """
    state: dict[str, Any] = {"temperature_k": target.temperature_k, "pressure_bar": target.pressure_bar}
    return (
        Strain(name="strain", after="sample", **state, **STRAIN[effort]),
        Breathe(name="breathe", after="sample", **state, **BREATHE[effort]),
    )
