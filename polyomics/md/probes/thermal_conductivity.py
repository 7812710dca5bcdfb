"""How well the cell conducts heat: thermal conductivity and diffusivity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from polyomics.md.probes import PROBES, Effort
from polyomics.md.protocols import Target
from polyomics.md.stage import Stage
from polyomics.md.stages.heat_flow import HeatFlow


@dataclass(frozen=True)
class _Branch:
    """One stage: the cell so many times, cut into so many slabs, for so long, at so large a part of T between them."""

    name: str
    n_copies: int
    n_slabs: int
    duration_ps: float
    part_of_temperature: float = 0.2


@dataclass(frozen=True)
class _Setting:
    timestep_fs: float
    settle_ps: float
    segment_ps: float
    branches: tuple[_Branch, ...]


_SETTINGS: dict[Effort, _Setting] = {
    "smoke": _Setting(
        2.0,
        1.0,
        2.0,
        (_Branch("heat_flow", 2, 12, 8.0, 0.3), _Branch("heat_flow_gentle", 2, 12, 4.0, 0.2)),
    ),
    "demo": _Setting(
        2.0,
        6.0,
        10.0,
        (_Branch("heat_flow", 2, 14, 60.0, 0.3), _Branch("heat_flow_gentle", 2, 14, 30.0, 0.2)),
    ),
    "standard": _Setting(
        1.0,
        50.0,
        100.0,
        (
            _Branch("heat_flow", 3, 20, 2000.0),
            _Branch("heat_flow_gentle", 3, 20, 1000.0, 0.1),
            _Branch("heat_flow_short", 1, 12, 2000.0),
        ),
    ),
    "accurate": _Setting(
        1.0,
        200.0,
        100.0,
        (
            _Branch("heat_flow", 4, 28, 5000.0),
            _Branch("heat_flow_gentle", 4, 28, 5000.0, 0.1),
            _Branch("heat_flow_middle", 2, 16, 4000.0),
            _Branch("heat_flow_short", 1, 12, 4000.0),
        ),
    ),
}


@PROBES.register("thermal_conductivity")
def thermal_conductivity(target: Target, effort: Effort) -> Sequence[Stage]:
    """Thermal conductivity, from heat driven through the cell at two gradients and, from standard on, two lengths.

    smoke 0.012 ns, demo 0.09 ns, both in steps of 2 fs; standard 5 ns, accurate 18 ns, in steps of 1 fs. As cells of
    the sample's size that is 0.024, 0.18, 11 and 52 cell ns.
    """
    setting = _SETTINGS[effort]
    return [
        HeatFlow(
            name=branch.name,
            after="sample",
            temperature_k=target.temperature_k,
            temperature_difference_k=branch.part_of_temperature * target.temperature_k,
            pressure_bar=target.pressure_bar,
            n_copies=branch.n_copies,
            n_slabs=branch.n_slabs,
            settle_ps=setting.settle_ps,
            duration_ps=branch.duration_ps,
            timestep_fs=setting.timestep_fs,
            segment_ps=setting.segment_ps,
            control_ps=0.1 if effort == "smoke" else 0.2,
            report_ps=0.4 if effort == "smoke" else 1.0,
        )
        for branch in setting.branches
    ]
