"""Glass transition: stepwise cooling from the melt at several rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from polyomics.md.probes import PROBES, Effort
from polyomics.md.protocols import Target
from polyomics.md.protocols.accurate import melt_k
from polyomics.md.stage import Stage
from polyomics.md.stages.anneal import Anneal
from polyomics.md.stages.cool_stepwise import CoolStepwise
from polyomics.md.stages.npt import Npt

LOWEST_K = 20.0
"""Where cooling ends at the latest. The volume of a cold glass hardly fluctuates, so that its points tell most."""
HOTTEST_K = 1200.0
"""Highest temperature a melt may have been brought to: room for so many steps is left."""
STEPS_A_PIECE = 4
"""Steps of the stage, and of each extension of it."""
HEATING_K_PER_NS = 1000.0
MELT_PS: dict[Effort, float] = {"demo": 100.0, "standard": 500.0}
"""Time in a melt of the probe's own, where that of the protocol is none, or is under pressure [ps]."""
_MELT_NAME = "glass_transition_melt"


@dataclass(frozen=True)
class _Cooling:
    """One rate."""

    step_k: float
    hold_ps: float
    segment_ps: float
    report_ps: float
    control_ps: float = 0.2
    frame_ps: float | None = None


# Longest simulated time, from a melt at 680 K down to 20 K, and that of cooling that ends 400 K below the melt:
#   smoke      3 rates, 10 holds each:     0.015 ns
#   demo       133 K/ns:                   5.2 ns, usually 3.2 ns
#   standard   1000, 400, 100 K/ns:        9.8 ns with heating and melt, usually 6.5 ns
#   accurate   400, 100, 25 K/ns:          35 ns, usually 22 ns
COOLINGS: dict[Effort, tuple[_Cooling, ...]] = {
    "smoke": (
        _Cooling(40, 0.48, 0.48, 0.04, 0.04),
        _Cooling(30, 0.48, 0.48, 0.04, 0.04),
        _Cooling(20, 0.48, 0.48, 0.04, 0.04, frame_ps=0.04),
    ),
    "demo": (_Cooling(20, 150, 25, 0.8, frame_ps=2.0),),
    "standard": (
        _Cooling(20, 20, 20, 0.4),
        _Cooling(20, 50, 50, 1.0),
        _Cooling(20, 200, 100, 2.0, frame_ps=4.0),
    ),
    "accurate": (
        _Cooling(10, 25, 25, 0.4, 0.2),
        _Cooling(10, 100, 100, 1.0, 1.0),
        _Cooling(10, 400, 200, 2.0, 1.0, frame_ps=8.0),
    ),
}


@PROBES.register("glass_transition")
def glass_transition(target: Target, effort: Effort) -> Sequence[Stage]:
    """Cool the melt in steps at three rates, until each shows enough of the glass.

    Every rate starts anew from the melt. `standard` makes its melt from the sample, since the protocols of published
    sets have none: it heats to 300 K above the guessed Tg and waits there. The melt of `demo` is under pressure, which
    is let go first; and its cell is so small that several rates would all be too noisy, so that it spends its time on
    one. The transition itself is found from the volumes, not from the guess.
    """
    if effort == "standard":
        return (_heated(target), _melt(target, effort), *_coolings(target, effort, _MELT_NAME))
    if effort == "demo":
        melt = _melt(target, effort).model_copy(update={"after": "melt"})
        return (melt, *_coolings(target, effort, _MELT_NAME))
    return _coolings(target, effort, "melt")


def _heated(target: Target) -> Anneal:
    hot_k, from_k = melt_k(target), target.temperature_k
    heating_ps = max(50.0, math.ceil((hot_k - from_k) / HEATING_K_PER_NS * 20.0) * 50.0)
    return Anneal(
        name="glass_transition_heat",
        after="sample",
        from_k=from_k,
        to_k=hot_k,
        from_bar=target.pressure_bar,
        duration_ps=heating_ps,
        timestep_fs=2.5,
    )


def _melt(target: Target, effort: Effort) -> Npt:
    return Npt(
        name=_MELT_NAME,
        temperature_k=melt_k(target),
        pressure_bar=target.pressure_bar,
        duration_ps=MELT_PS[effort],
        timestep_fs=2.5,
        segment_ps=min(100.0, MELT_PS[effort]),
    )


def _coolings(target: Target, effort: Effort, after: str) -> tuple[Stage, ...]:
    return tuple(_cooling(target, effort, one, after) for one in COOLINGS[effort])


def _cooling(target: Target, effort: Effort, one: _Cooling, after: str) -> Stage:
    rate = one.step_k / one.hold_ps * 1000.0
    is_smoke = effort == "smoke"
    n_holds = 10 if is_smoke else STEPS_A_PIECE
    pieces = math.ceil((HOTTEST_K - LOWEST_K) / (n_holds * one.step_k))
    return CoolStepwise(
        name=f"cool_{rate:.0f}_k_per_ns",
        after=after,
        step_k=one.step_k,
        hold_ps=one.hold_ps,
        duration_ps=n_holds * one.hold_ps,
        segment_ps=one.segment_ps,
        report_ps=one.report_ps,
        control_ps=one.control_ps,
        frame_ps=one.frame_ps,
        pressure_bar=target.pressure_bar,
        lowest_k=LOWEST_K,
        max_extensions=0 if is_smoke else pieces - 1,
        friction_per_ps=5.0 if is_smoke else 1.0,
    )
