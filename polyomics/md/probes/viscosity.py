"""Shear viscosity of the melt: fluctuations of the stress, and flow under a periodic acceleration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from polyomics.md.probes import PROBES, Effort
from polyomics.md.protocols import Target
from polyomics.md.stage import Stage
from polyomics.md.stages.anneal import Anneal
from polyomics.md.stages.nvt import Nvt
from polyomics.md.stages.settle_volume import SettleVolume
from polyomics.md.stages.shear_flow import ShearFlow
from polyomics.md.stages.stress_sampling import StressSampling

ABOVE_GLASS_TRANSITION_K = 300.0
"""How far above the guessed Tg viscosity is measured."""
COOLEST_K, HOTTEST_K = 500.0, 950.0
"""Between these, where the temperature wanted is no melt's."""


class _Budget(NamedTuple):
    """What an effort may cost."""

    heat_ps: float
    """Time to the temperature."""
    settle_ps: float
    """Time at constant pressure."""
    hold_ps: float
    """Time at the mean volume before measurements."""
    n_pieces: int
    """Pieces of the stress record."""
    piece_ps: float
    """Length of a piece."""
    accelerations_nm_ps2: tuple[float, ...]
    """Amplitudes of the flow, each in a branch of its own."""
    flow_ps: float
    """Time of every branch, in a cell three times as large."""
    sample_fs: float = 40.0
    """Time between samples of the stress."""
    frame_ps: float = 1.0
    """Time between frames of the stress record, for the motion of chains."""


_BUDGETS: dict[Effort, _Budget] = {
    # In ns of the cell, flow counted three times, once a copy: 0.016, 0.37, 22.6 and 103.
    "smoke": _Budget(1.0, 2.0, 0.4, 6, 1.2, (0.1, 0.2), 0.8, 20.0, 0.2),
    "demo": _Budget(10.0, 30.0, 4.0, 10, 12.0, (0.05, 0.1, 0.2), 24.0),
    "standard": _Budget(100.0, 500.0, 20.0, 10, 1000.0, (0.01, 0.02, 0.05, 0.1), 1000.0, frame_ps=10.0),
    "accurate": _Budget(200.0, 1000.0, 50.0, 20, 2000.0, (0.005, 0.01, 0.02, 0.05, 0.1), 4000.0, frame_ps=20.0),
}
N_COPIES = 3
"""Cells behind each other along the wave: it must be long against molecules."""


def viscosity_temperature_k(target: Target) -> float:
    """Temperature at which viscosity is measured [K].

    That of the target if it is 300 K above the guessed glass transition; else 300 K above the guess, within 500 and
    950 K. Nearer to Tg chains of the sizes simulated relax in microseconds, and a number from nanoseconds is none.
    """
    melt_k = target.glass_transition_guess_k + ABOVE_GLASS_TRANSITION_K
    if target.temperature_k >= melt_k:
        return target.temperature_k
    return round(max(target.temperature_k, COOLEST_K, min(melt_k, HOTTEST_K)))


@PROBES.register("viscosity")
def viscosity(target: Target, effort: Effort) -> Sequence[Stage]:
    """Shear viscosity of the melt, from fluctuations of the stress and from flow under a periodic acceleration.

    | effort | settling | stress record | flow, in a cell of three | in all, ns of the cell |
    |---|---|---|---|---|
    | smoke | 3 ps | 6 x 1.2 ps | 2 x 0.8 ps | 0.016 |
    | demo | 44 ps | 10 x 12 ps | 3 x 24 ps | 0.38 |
    | standard | 0.6 ns | 10 x 1 ns | 4 x 1 ns | 23 |
    | accurate | 1.3 ns | 20 x 2 ns | 5 x 4 ns | 101 |
    """
    budget, hot_k = _BUDGETS[effort], viscosity_temperature_k(target)
    is_liquid = hot_k == target.temperature_k
    heat = Anneal(
        name="viscosity_heat", after="melt", to_k=hot_k, from_bar=target.pressure_bar, duration_ps=budget.heat_ps,
        timestep_fs=2,
    )  # fmt: skip
    settle = SettleVolume(
        name="viscosity_settle",
        after="sample" if is_liquid else None,
        temperature_k=hot_k,
        pressure_bar=target.pressure_bar,
        duration_ps=budget.settle_ps,
        segment_ps=budget.settle_ps,
        timestep_fs=2,
        report_ps=0.2,
    )
    hold = Nvt(name="viscosity_hold", temperature_k=hot_k, duration_ps=budget.hold_ps, timestep_fs=2)
    stress = StressSampling(
        name="viscosity_stress",
        temperature_k=hot_k,
        duration_ps=budget.n_pieces * budget.piece_ps,
        segment_ps=budget.piece_ps,
        sample_fs=budget.sample_fs,
        frame_ps=budget.frame_ps,
    )
    flows = [
        ShearFlow(
            name=f"viscosity_flow_{number}",
            after="viscosity_hold",
            temperature_k=hot_k,
            acceleration_nm_ps2=acceleration,
            n_copies=N_COPIES,
            duration_ps=budget.flow_ps,
            segment_ps=min(100.0, max(1.0, budget.flow_ps / 2)),
        )
        for number, acceleration in enumerate(budget.accelerations_nm_ps2, start=1)
    ]
    return [*([] if is_liquid else [heat]), settle, hold, stress, *flows]
