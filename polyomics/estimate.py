"""What a study will cost before it runs: rough figures, together with what they rest on."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, NamedTuple

from polyomics.md.protocol import once_per_protocol
from polyomics.records import Record
from polyomics.request import BYTES_PER_ATOM

if TYPE_CHECKING:
    from polyomics.md.protocol import Protocol
    from polyomics.md.stage import Stage

CPU_S_PER_ATOM_STEP = 4.0e-6
"""Core-seconds of one atom and one step at melt density on a CPU; measured with the protocols here."""
BASE_MEMORY_GB = 0.25
"""Memory of a process before it holds any cell: Python, OpenMM, RDKit, SQLAlchemy [GB]."""
GPU_S_PER_STEP = 2.0e-4
"""Seconds of one step on a GPU however small the cell is: launches, controls, recording."""
GPU_S_PER_ATOM_STEP = 1.5e-8
"""Seconds of one atom and one step on a GPU that is full: about 1,000 ns/day for 24,000 atoms at 4 fs."""

BASIS = (
    "MD only; CPU: 4 µs per atom, step and core, shared evenly by the cores; GPU: 0.2 ms per step + 15 ns per "
    "atom and step, the order of OpenMM's public benchmarks on a current card; expect a factor of 2 either way"
)


class CostEstimate(Record):
    """Rough cost of the MD of one study."""

    n_atoms: int
    """Atoms of the cell."""
    n_steps: int
    """Integration steps of the protocol."""
    simulated_ns: float
    """Simulated time of the protocol [ns]."""
    n_cores: int
    """CPU cores assumed for `cpu_wall_s`."""
    cpu_core_s: float
    """Core-seconds on a CPU [s]."""
    cpu_wall_s: float
    """Wall time on `n_cores` cores [s]."""
    gpu_wall_s: float
    """Wall time on one GPU [s]."""
    memory_gb: float
    """Memory of building and running [GB]."""
    basis: str = BASIS
    """What the figures rest on."""


def cooling_rate_k_per_ns(protocol: Protocol, through_k: float) -> float | None:
    """Rate at which a protocol cools through a temperature for the last time [K/ns], above zero.

    Infinite where a stage simply begins below the temperature at which the one before ended: the thermostat takes it
    there within picoseconds. None if it is never cooled through.

    Args:
        protocol: The stages.
        through_k: The temperature [K]: that of a glass transition.
    """
    rate: float | None = None
    before_k: float | None = None
    for stage in protocol.stages[: protocol.sample_index + 1]:
        constant_k = getattr(stage, "temperature_k", None)
        start_k = getattr(stage, "from_k", None) or constant_k or before_k
        end_k = getattr(stage, "to_k", None) or constant_k or before_k
        if start_k is None or end_k is None:
            continue
        if before_k is not None and before_k > through_k >= start_k:
            rate = math.inf
        if start_k > through_k >= end_k:
            rate = (start_k - end_k) / stage.simulated_ps * 1000.0
        before_k = end_k
    return rate


def available_cores() -> int:
    """CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Steps(NamedTuple):
    """An amount of MD."""

    n_steps: int
    """Integration steps."""
    n_cell_steps: int
    """The same, those of several copies of the cell counted so many times."""


def gpu_wall_s(steps: Steps, n_atoms: int) -> float:
    """Rough time of so many steps on one GPU [s]."""
    return steps.n_steps * GPU_S_PER_STEP + steps.n_cell_steps * GPU_S_PER_ATOM_STEP * n_atoms


@once_per_protocol
def steps_of(protocol: Protocol) -> tuple[Steps, Steps]:
    """Steps of a protocol, and of its longest segment: what is lost at most if it is stopped without a checkpoint."""
    stages = [steps_of_stage(stage) for stage in protocol.stages]
    whole = Steps(sum(one.n_steps for one in stages), sum(one.n_cell_steps for one in stages))
    segments = [(_segment_steps(stage), stage.n_cells) for stage in protocol.stages]
    return whole, max((Steps(n, n * cells) for n, cells in segments), key=lambda one: one.n_cell_steps)


def steps_of_stage(stage: Stage) -> Steps:
    """Steps of a stage, without its extensions."""
    return Steps(stage.n_steps, stage.n_steps * stage.n_cells)


def _segment_steps(stage: Stage) -> int:
    segment_ps, timestep_fs = getattr(stage, "segment_ps", 0.0), getattr(stage, "timestep_fs", 1.0)
    # The last segment may be shorter than the others, so that their mean is below the longest.
    return min(stage.n_steps, math.ceil(max(1000.0 * segment_ps / timestep_fs, stage.n_steps / stage.n_segments)))


def estimate_cost(n_atoms: int, protocol: Protocol, n_cores: int | None = None) -> CostEstimate:
    """Rough cost of running `protocol` on a cell of `n_atoms`.

    Args:
        n_atoms: Atoms of the cell.
        protocol: The stages.
        n_cores: CPU cores; all this process may use by default.
    """
    cores = n_cores or available_cores()
    steps, _ = steps_of(protocol)
    core_s = CPU_S_PER_ATOM_STEP * n_atoms * steps.n_cell_steps
    return CostEstimate(
        n_atoms=n_atoms,
        n_steps=steps.n_steps,
        simulated_ns=protocol.duration_ps / 1000.0,
        n_cores=cores,
        cpu_core_s=core_s,
        cpu_wall_s=core_s / cores,
        gpu_wall_s=gpu_wall_s(steps, n_atoms),
        memory_gb=BASE_MEMORY_GB + n_atoms * BYTES_PER_ATOM / 1e9,
    )
