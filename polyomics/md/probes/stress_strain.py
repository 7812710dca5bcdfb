"""Stretch the equilibrated cell along each axis, at several rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from polyomics.md.probes import PROBES, Effort
from polyomics.md.protocols import Target
from polyomics.md.stage import Stage
from polyomics.md.stages.stretch import AXES, Stretch


class _Plan(NamedTuple):
    rates_per_ns: tuple[float, ...]
    """Strain rates [1/ns]; 1/ns is 1e9/s."""
    largest_strain: float
    control_ps: float
    """Time between increments of strain, each followed by a look at the stress [ps]."""
    stress_ps: float
    """Time between rows of stress [ps]."""
    segment_ps: float


_PLANS: dict[Effort, _Plan] = {
    "smoke": _Plan((25.0,), 0.06, 0.04, 0.08, 0.8),
    "demo": _Plan((10.0, 2.5), 0.15, 0.04, 0.4, 6.0),
    "standard": _Plan((1.0, 0.3), 0.2, 0.1, 0.4, 100.0),
    "accurate": _Plan((1.0, 0.3, 0.1), 0.2, 0.1, 0.4, 100.0),
}


def _whole_steps(duration_ps: float, control_ps: float) -> float:
    return round(round(duration_ps / control_ps) * control_ps, 6)


@PROBES.register("stress_strain")
def stress_strain(target: Target, effort: Effort) -> Sequence[Stage]:
    """Uniaxial stretching along x, y and z: modulus, Poisson's ratio, yield.

    ========  ==================  ======  =========
    effort    strain rates [1/s]  strain  cost [ns]
    ========  ==================  ======  =========
    smoke     2.5e10              0.06    0.007
    demo      1e10, 2.5e9         0.15    0.23
    standard  1e9, 3e8            0.2     2.6
    accurate  1e9, 3e8, 1e8       0.2     8.6
    ========  ==================  ======  =========
    """
    plan = _PLANS[effort]
    return [
        Stretch(
            name=f"stretch_{axis}_{rate_per_ns * 1e9:.1e}".replace("+", ""),
            after="sample",
            axis=axis,
            temperature_k=target.temperature_k,
            pressure_bar=target.pressure_bar,
            strain_rate_per_ns=rate_per_ns,
            duration_ps=_whole_steps(1000.0 * plan.largest_strain / rate_per_ns, plan.control_ps),
            control_ps=plan.control_ps,
            stress_ps=plan.stress_ps,
            report_ps=5.0 * plan.stress_ps,
            segment_ps=plan.segment_ps,
        )
        for rate_per_ns in plan.rates_per_ns
        for axis in AXES
    ]
