"""What the tests need of the frames of a stage, in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.backbone import joints, main_chains
from polyomics.analysis.internal_distances import mean_squared_internal_distances, separations
from polyomics.analysis.orientation import chords_nm, unit_vectors
from polyomics.analysis.shape import squared_radius_of_gyration_nm2
from polyomics.cell.cell import Cell
from polyomics.errors import NotEnoughData
from polyomics.simulation import Simulation
from polyomics.trajectory import Frames, Trajectory

Array = NDArray[np.float64]
Index = NDArray[np.int64]

N_SNAPSHOTS = 5
"""Frames that are kept whole, evenly spaced, for what is too expensive to do with all."""
_N_SEPARATIONS = 12


@dataclass(frozen=True, eq=False)
class MainChainShapes:
    """Shapes of the main chains."""

    separations: Index
    """Numbers of bonds n, the last being that of the whole chain, shape=(n_separations,)."""
    internal_nm2: Array
    """Squared distance between atoms n bonds apart, mean over frames [nm²], shape=(n_chains, n_separations)."""
    end_to_end_nm: Array
    """Vectors from head to tail [nm], shape=(n_frames, n_chains, 3)."""
    order: Array
    """<u u> of the directions u along the chains, mean over frames, shape=(3, 3); none with fewer than three joints."""
    n_directions: float
    """Directions in a frame, those that know of each other along a chain counted as one."""


@dataclass(frozen=True, eq=False)
class Chains:
    """What a pass over the frames of a stage gives."""

    time_ps: Array
    """Times [ps], shape=(n_frames,)."""
    squared_radius_nm2: Array
    """Squared radius of gyration [nm²], shape=(n_frames, n_chains)."""
    snapshots: tuple[Frames, ...]
    """A few frames, evenly spaced, one in each."""
    shapes: MainChainShapes | NotEnoughData
    """Main chains, or why there are none."""

    def main_chain_shapes(self) -> MainChainShapes:
        """Shapes of the main chains.

        Raises:
            NotEnoughData: The molecules have no main chains.
        """
        if isinstance(self.shapes, NotEnoughData):
            raise NotEnoughData(str(self.shapes))
        return self.shapes


def sample_chains(simulation: Simulation) -> Chains:
    """Chains of the sample, read once.

    Raises:
        NotEnoughData: There are no frames, or positions that are not finite.
    """
    return simulation.once("equilibrium: sample", lambda: read_chains(simulation.sample))


def melt_chains(simulation: Simulation) -> Chains:
    """Chains of the melt, read once.

    Raises:
        NotEnoughData: There is no melt, or it stored no frames.
    """
    melt = with_frames(simulation.melt)
    return simulation.once("equilibrium: melt", lambda: read_chains(melt))


def with_frames(melt: Trajectory | None) -> Trajectory:
    """The melt, if it can be looked at.

    Raises:
        NotEnoughData: There is no melt, or it stored no frames.
    """
    if melt is None:
        raise NotEnoughData("the protocol has no stage of role 'melt' to hold the chains against")
    if not melt.n_frames:
        raise NotEnoughData("the melt stored no frames; set its frame_ps")
    return melt


def read_chains(trajectory: Trajectory) -> Chains:
    """Read all frames of a stage.

    Raises:
        NotEnoughData: There are no frames, or positions that are not finite.
    """
    cell = trajectory.cell
    wanted = set(np.unique(np.linspace(0, trajectory.n_frames - 1, N_SNAPSHOTS).round().astype(int)).tolist())
    shapes: _Shapes | NotEnoughData
    try:
        shapes = _Shapes(cell)
    except NotEnoughData as error:
        shapes = error
    times, radii, snapshots, n_seen = [], [], [], 0
    for frames in trajectory.chunks():
        refuse_damage(frames)
        times.append(frames.time_ps)
        radii.append(squared_radius_of_gyration_nm2(frames.positions_nm, cell.masses_amu, cell.molecule_of_atom))
        snapshots += [_one(frames, i) for i in range(len(frames.time_ps)) if n_seen + i in wanted]
        n_seen += len(frames.time_ps)
        if isinstance(shapes, _Shapes):
            shapes.add(frames.positions_nm)
    result = shapes.result(snapshots) if isinstance(shapes, _Shapes) else shapes
    return Chains(np.concatenate(times), np.concatenate(radii), tuple(snapshots), result)


def refuse_damage(frames: Frames) -> None:
    """Refuse frames with positions that are not finite.

    Raises:
        NotEnoughData: Some are not.
    """
    wrong = ~np.isfinite(frames.positions_nm).all(axis=(1, 2))
    if wrong.any():
        raise NotEnoughData(
            f"positions at {frames.time_ps[int(np.argmax(wrong))]:g} ps are not finite; the stage is damaged: delete "
            "its folder and run the study again"
        )


class _Shapes:
    """Adds up the shapes of main chains."""

    def __init__(self, cell: Cell) -> None:
        chains = main_chains(
            cell.bonds, cell.molecule_of_atom, cell.unit_of_atom, cell.template_atom, cell.atomic_numbers
        )
        if chains.n_bonds < 1:
            raise NotEnoughData("a main chain of one atom has no shape")
        self.atoms = chains.atoms
        self.joints = chains.atoms[:, joints(chains, cell.rings)]
        self.separations = separations(chains.n_bonds, _N_SEPARATIONS)
        self.internal = np.zeros((len(chains.atoms), len(self.separations)))
        self.order = np.zeros((3, 3))
        self.ends: list[Array] = []
        self.n_frames = 0

    def add(self, positions_nm: Array) -> None:
        self.ends.append(positions_nm[:, self.atoms[:, -1]] - positions_nm[:, self.atoms[:, 0]])
        self.internal += mean_squared_internal_distances(positions_nm, self.atoms, self.separations).sum(axis=0)
        self.n_frames += len(positions_nm)
        if self.joints.shape[1] >= 3:
            directions = self._directions(positions_nm)
            self.order += np.einsum("fcvx,fcvy->xy", directions, directions) / directions[0, :, :, 0].size

    def result(self, snapshots: list[Frames]) -> MainChainShapes:
        positions = np.concatenate([frames.positions_nm for frames in snapshots])
        n_directions = independent_directions(self._directions(positions)) if self.joints.shape[1] >= 3 else 0.0
        return MainChainShapes(
            self.separations,
            self.internal / self.n_frames,
            np.concatenate(self.ends),
            self.order / self.n_frames,
            n_directions,
        )

    def _directions(self, positions_nm: Array) -> Array:
        return unit_vectors(chords_nm(positions_nm[:, self.joints]))


def independent_directions(directions: Array) -> float:
    """Number of directions in a frame, less what they know of each other along their chain.

    Two of the same chain count together as far as P2(s) = <(3 cos² θ - 1)/2> of directions s apart is positive:
    n / (1 + 2 Σ (1 - s/m) P2(s)), with m directions a chain.

    Args:
        directions: Unit vectors along chains, shape=(n_frames, n_chains, n_vectors, 3).
    """
    n_chains, n_vectors = directions.shape[1:3]
    total = 1.0
    for lag in range(1, n_vectors):
        cosines = np.einsum("fcvx,fcvx->fcv", directions[:, :, lag:], directions[:, :, :-lag])
        known = float(1.5 * np.mean(cosines**2) - 0.5)
        if known <= 0.0:
            break
        total += 2.0 * (1.0 - lag / n_vectors) * known
    return float(n_chains * n_vectors / total)


def _one(frames: Frames, index: int) -> Frames:
    here = slice(index, index + 1)
    return Frames(frames.positions_nm[here].copy(), frames.box_nm[here].copy(), frames.time_ps[here].copy())
