"""The end that protocols share: a neighbouring temperature on the way down, sampling, vibrations, another neighbour."""

from __future__ import annotations

from typing import Any

from polyomics.md.protocols import Target
from polyomics.md.stage import Stage
from polyomics.md.stages.anneal import Anneal
from polyomics.md.stages.npt import Npt
from polyomics.md.stages.vibrations import Vibrations

NEIGHBOUR_K = 20.0
"""How far the neighbouring temperatures are; expansion by finite difference is over twice this."""


def warm_k(target: Target) -> float:
    """Temperature of the upper neighbour [K], where a cooling stage before `sampling` ends."""
    return target.temperature_k + NEIGHBOUR_K


def sampling(
    target: Target,
    *,
    neighbour_ps: float,
    cool_ps: float,
    settle_ps: float,
    sample_ps: float,
    vibrations_ps: float,
    window_ps: float = 4.0,
    max_extensions: int = 0,
    **recording: Any,
) -> tuple[Stage, ...]:
    """Stages that measure, from a cell that is at the upper neighbouring temperature and the target's pressure.

    Args:
        target: The state wanted.
        neighbour_ps: Time at each neighbouring temperature [ps]; the first tenth of it relaxes.
        cool_ps: Time to cool by 20 K [ps].
        settle_ps: Time at the target state before sampling [ps].
        sample_ps: Time of sampling [ps], and of each extension.
        vibrations_ps: Time with velocities saved [ps].
        window_ps: Length of one spectrum [ps].
        max_extensions: How often sampling may be prolonged.
        recording: Settings of the sampling stage: `frame_ps`, `report_ps`, `segment_ps`, ...
    """
    temperature_k, pressure_bar = target.temperature_k, target.pressure_bar
    cold_k = max(temperature_k - NEIGHBOUR_K, 0.5 * temperature_k)
    beside = {
        "role": "neighbour",
        "pressure_bar": pressure_bar,
        "duration_ps": neighbour_ps,
        "report_ps": recording.get("report_ps", 1.0),
        "segment_ps": recording.get("segment_ps", 100.0),
    }
    return (
        Npt(name="warm", temperature_k=warm_k(target), **beside),
        Anneal(name="cool_to_target", to_k=temperature_k, from_bar=pressure_bar, duration_ps=cool_ps),
        Npt(name="settle", temperature_k=temperature_k, pressure_bar=pressure_bar, duration_ps=settle_ps),
        Npt(
            name="sample",
            role="sample",
            temperature_k=temperature_k,
            pressure_bar=pressure_bar,
            duration_ps=sample_ps,
            max_extensions=max_extensions,
            **recording,
        ),
        Vibrations(name="vibrations", temperature_k=temperature_k, duration_ps=vibrations_ps, segment_ps=window_ps),
        Anneal(name="cool_below", from_k=temperature_k, to_k=cold_k, from_bar=pressure_bar, duration_ps=cool_ps),
        Npt(name="cold", temperature_k=cold_k, **beside),
    )
