"""What the viscosities share: whether the chains of the melt relaxed while it was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.backbone import main_chains
from polyomics.analysis.internal_distances import end_to_end_correlation
from polyomics.analysis.shape import squared_radius_of_gyration_nm2
from polyomics.errors import NotEnoughData, OutOfReach
from polyomics.properties._isotropy import refuse_oriented
from polyomics.properties.property import MeasurementContext
from polyomics.records import Curve
from polyomics.simulation import Simulation
from polyomics.stage_output import StageOutput
from polyomics.trajectory import Trajectory

Array = NDArray[np.float64]

STRESS_ROLE, FLOW_ROLE = "stress_fluctuations", "shear_flow"
"""Roles of the stages that viscosities are measured on."""
DECORRELATED = float(np.exp(-1.0))
"""Where the correlation of end-to-end vectors has fallen to after their relaxation time."""
HARDLY_TURNED = 0.9
"""Correlation above which the chains may as well be those of a glass."""
LAST_LAG = 0.5
"""Correlations are taken up to this part of the run."""


@dataclass(frozen=True, eq=False)
class ChainMotion:
    """How fast the chains of the melt turn, where its stress was recorded."""

    run_ps: float
    """Time they were watched [ps]."""
    relaxation_ps: float | None
    """Time in which end-to-end vectors fall to 1/e of their correlation [ps]; none where they did not."""
    left: float
    """Correlation that is left after half the run."""
    squared_radius_nm2: float
    """Mean squared radius of gyration [nm²]."""
    lags_ps: Array
    """Lags [ps], shape=(n_lags,)."""
    correlation: Array
    """Correlation of the end-to-end vectors, shape=(n_lags,)."""

    def curve(self, property_name: str) -> Curve:
        """The correlation, for the report."""
        return Curve(
            name="end_to_end_correlation",
            property=property_name,
            x_name="time [ps]",
            y_name="correlation of end-to-end vectors",
            x=tuple(self.lags_ps.tolist()),
            y=tuple(self.correlation.tolist()),
        )


def melt_trajectory(simulation: Simulation, outputs: Sequence[StageOutput]) -> Trajectory | None:
    """The frames that were stored beside the stress; none where there are not two of them."""
    for output in outputs:
        frames = tuple(output.files("frames"))
        trajectory = Trajectory(simulation.cell, output.stage, output.thermo, frames)
        if frames and trajectory.n_frames >= 2:
            return trajectory
    return None


def chain_motion(simulation: Simulation) -> ChainMotion | None:
    """How fast the chains of the melt turn; none for molecules without a main chain, or without frames."""

    def compute() -> ChainMotion | None:
        trajectory = melt_trajectory(simulation, simulation.outputs(STRESS_ROLE))
        return None if trajectory is None else _watch(trajectory)

    return simulation.once("chain motion beside the stress", compute)


def has_chains(simulation: Simulation) -> bool:
    """Whether the molecules have main chains, which turn more slowly than anything else relaxes."""
    return _ends(simulation) is not None


def refuse_oriented_melt(simulation: Simulation, property_name: str) -> None:
    """Refuse a melt that is none: a crystal, or chains along each other, where the stress was recorded.

    Raises:
        NotIsotropic: It has a direction.
    """
    trajectory = melt_trajectory(simulation, simulation.outputs(STRESS_ROLE))
    if trajectory is not None:
        refuse_oriented(Simulation(trajectory), property_name)


def refuse_frozen(motion: ChainMotion | None, property_name: str, temperature_k: float, curves: list[Curve]) -> None:
    """Refuse chains that kept their direction over half the time they were watched.

    Raises:
        OutOfReach: They did.
    """
    if motion is None or motion.relaxation_ps is not None:
        return
    needed_ps = 0.5 * motion.run_ps / -np.log(np.clip(motion.left, DECORRELATED, 1.0 - 1e-6))
    found = f"at that pace they need {needed_ps:.2g} ps, and some {10 * needed_ps:.1g} ps must be sampled"
    if motion.left > HARDLY_TURNED:
        found = f"they have hardly turned, as in a glass or a run far too short; {found}, or a hotter melt"
    raise OutOfReach(
        f"{property_name} takes the whole relaxation of the chains, but after {0.5 * motion.run_ps:.4g} ps at "
        f"{temperature_k:.0f} K their end-to-end vectors keep {motion.left:.2f} of their correlation, more than 1/e: "
        f"{found}",
        curves=[*curves, motion.curve(property_name)],
    )


def at_temperature(context: MeasurementContext, output: StageOutput) -> MeasurementContext:
    """The context at the temperature of a stage of the probe."""
    return context.model_copy(update={"temperature_k": float(output.stage["temperature_k"])})


def _ends(simulation: Simulation) -> NDArray[np.int64] | None:
    """First and last atom of every main chain, shape=(n_chains, 2); none for molecules without one."""
    cell = simulation.cell
    try:
        atoms = main_chains(
            cell.bonds, cell.molecule_of_atom, cell.unit_of_atom, cell.template_atom, cell.atomic_numbers
        ).atoms
    except NotEnoughData:
        return None
    return atoms[:, [0, -1]] if atoms.shape[1] > 1 else None


def _watch(trajectory: Trajectory) -> ChainMotion | None:
    cell = trajectory.cell
    ends = _ends(Simulation(trajectory))
    if ends is None:
        return None
    vectors, times, squared = [], [], []
    for frames in trajectory.chunks():
        if not np.isfinite(frames.positions_nm).all():
            raise NotEnoughData(
                "positions of the melt are not finite; the stage is damaged: delete its folder and run the study again"
            )
        vectors.append(frames.positions_nm[:, ends[:, 1]] - frames.positions_nm[:, ends[:, 0]])
        times.append(frames.time_ps)
        squared.append(
            squared_radius_of_gyration_nm2(frames.positions_nm, cell.masses_amu, cell.molecule_of_atom).mean()
        )
    time_ps = np.concatenate(times)
    n_lags = max(2, int(LAST_LAG * len(time_ps)) + 1)
    correlation = end_to_end_correlation(np.concatenate(vectors))[:n_lags]
    lags = time_ps[:n_lags] - time_ps[0]
    below = np.flatnonzero(correlation < DECORRELATED)
    relaxation = None
    if len(below):
        after = int(below[0])
        relaxation = float(np.interp(-DECORRELATED, -correlation[after - 1 : after + 1], lags[after - 1 : after + 1]))
    run_ps = float(time_ps[-1] - time_ps[0])
    return ChainMotion(run_ps, relaxation, float(correlation[-1]), float(np.mean(squared)), lags, correlation)
