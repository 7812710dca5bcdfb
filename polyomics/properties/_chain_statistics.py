"""One pass over the frames for everything that is about main chains and centres of molecules.

What is kept for every frame is one number or vector per molecule. What has a further index (separation, lag) is
averaged over blocks of frames, at most 500, so that memory stays bounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.backbone import MainChains, joints, main_chains
from polyomics.analysis.internal_distances import mean_squared_internal_distances, separations
from polyomics.analysis.orientation import chords_nm, correlation_along_chain, nematic_order, unit_vectors
from polyomics.analysis.shape import centres_of_mass_nm, squared_radius_of_gyration_nm2
from polyomics.analysis.torsions import count_torsions, is_trans, main_chain_torsions, torsions_deg
from polyomics.cell.cell import Cell
from polyomics.errors import NotEnoughData
from polyomics.simulation import Simulation
from polyomics.trajectory import Frames

Array = NDArray[np.float64]
Index = NDArray[np.int64]

MOST_BLOCKS = 500
"""Most blocks that averages over frames are kept for."""
FEWEST_JOINTS = 5
"""Fewest places to bend for chain statistics: three directions, two lags."""
N_TORSION_BINS = 72
"""Intervals of the torsion distribution: 5 degrees each."""


@dataclass(frozen=True, eq=False)
class ChainStatistics:
    """What chains look like, over frames or blocks of frames."""

    separations: Index
    """Numbers of bonds n, the last being that of the whole chain, shape=(n_separations,)."""
    squared_end_to_end_nm2: Array
    """R² [nm²], shape=(n_frames, n_chains)."""
    internal_nm2: Array
    """R²(n) [nm²], shape=(n_blocks, n_chains, n_separations)."""
    squared_bond_nm2: float
    """Mean squared length of the bonds of the main chain [nm²]."""
    joint_nm: float
    """Contour between joints: half the mean distance to the second next [nm]."""
    contour_nm: float
    """Contour of the whole chain [nm]."""
    correlation: Array
    """Mean cosine between directions, by lag along the chain, shape=(n_blocks, n_chains, n_lags)."""
    order: Array
    """Nematic order of the directions, shape=(n_frames,)."""
    n_directions: int
    """Number of directions in a frame."""
    trans_fraction: Array | None
    """Fraction of trans torsions, shape=(n_frames, n_chains); none without torsions."""
    torsion_counts: Index
    """Torsions in intervals from -180 to 180 degrees, shape=(n_chains, N_TORSION_BINS)."""


@dataclass(frozen=True, eq=False)
class MoleculeStatistics:
    """Where the molecules are, and their chains."""

    centres_nm: Array
    """Centres of mass [nm], shape=(n_frames, n_molecules, 3)."""
    box_nm: Array
    """Edges of the box [nm], shape=(n_frames, 3)."""
    time_ps: Array
    """Time [ps], shape=(n_frames,)."""
    squared_radius_nm2: float
    """Mean squared radius of gyration, of the first frame of every chunk [nm²]."""
    chains: ChainStatistics | NotEnoughData
    """Chain statistics, or why there are none."""


def molecule_statistics(simulation: Simulation) -> MoleculeStatistics:
    """Statistics of the sample, computed once.

    Raises:
        NotEnoughData: There are no frames, or positions that are not finite.
    """
    return simulation.once("chain_statistics", lambda: _pass_over(simulation))


def chain_statistics(simulation: Simulation) -> ChainStatistics:
    """Chain statistics of the sample.

    Raises:
        NotEnoughData: The molecules have no main chain long enough, or positions that are not finite.
    """
    chains = molecule_statistics(simulation).chains
    if isinstance(chains, NotEnoughData):
        raise NotEnoughData(str(chains))
    return chains


class _Chains:
    """Adds up chain statistics, chunk by chunk."""

    def __init__(self, cell: Cell, n_frames: int) -> None:
        self.chains: MainChains = main_chains(
            cell.bonds, cell.molecule_of_atom, cell.unit_of_atom, cell.template_atom, cell.atomic_numbers
        )
        self.joints = joints(self.chains, cell.rings)
        if len(self.joints) < FEWEST_JOINTS:
            raise NotEnoughData(
                f"a main chain that can bend at {len(self.joints)} atoms has no chain statistics; "
                f"at least {FEWEST_JOINTS} are needed: build longer chains"
            )
        n_chains, self.n_directions = len(self.chains.atoms), len(self.joints) - 2
        self.torsions = main_chain_torsions(self.chains, cell.bonds, cell.atomic_numbers, cell.rings)
        self.separations = separations(self.chains.n_bonds)
        self.frames_per_block = -(-n_frames // MOST_BLOCKS)
        n_blocks = n_frames // self.frames_per_block
        self.internal = np.zeros((n_blocks, n_chains, len(self.separations)))
        self.correlation = np.zeros((n_blocks, n_chains, max(2, (self.n_directions + 1) // 2)))
        self.counts = np.zeros((n_chains, N_TORSION_BINS), dtype=np.int64)
        self.end_to_end: list[Array] = []
        self.order: list[Array] = []
        self.trans: list[Array] = []
        self.chords: list[float] = []
        self.n_seen = 0

    def add(self, positions_nm: Array) -> None:
        """Add consecutive frames."""
        internal = mean_squared_internal_distances(positions_nm, self.chains.atoms, self.separations)
        chords = chords_nm(positions_nm[:, self.chains.atoms[:, self.joints]])
        directions = unit_vectors(chords)
        correlation = correlation_along_chain(directions, self.correlation.shape[2])
        blocks = (self.n_seen + np.arange(len(positions_nm))) // self.frames_per_block
        inside = blocks < len(self.internal)
        np.add.at(self.internal, blocks[inside], internal[inside] / self.frames_per_block)
        np.add.at(self.correlation, blocks[inside], correlation[inside] / self.frames_per_block)
        self.end_to_end.append(internal[:, :, -1])
        self.order.append(nematic_order(directions.reshape(len(directions), -1, 3)))
        self.chords.extend(np.linalg.norm(chords, axis=-1).mean(axis=(1, 2)).tolist())
        if self.torsions.shape[1]:
            angles = torsions_deg(positions_nm, self.torsions)
            self.trans.append(is_trans(angles).mean(axis=2))
            self.counts += count_torsions(angles, N_TORSION_BINS)
        self.n_seen += len(positions_nm)

    def result(self) -> ChainStatistics:
        """What was added up."""
        joint_nm = 0.5 * float(np.mean(self.chords))
        return ChainStatistics(
            separations=self.separations,
            squared_end_to_end_nm2=np.concatenate(self.end_to_end),
            internal_nm2=self.internal,
            squared_bond_nm2=float(self.internal[:, :, 0].mean()),
            joint_nm=joint_nm,
            contour_nm=joint_nm * (len(self.joints) - 1),
            correlation=self.correlation,
            order=np.concatenate(self.order),
            n_directions=self.n_directions * len(self.chains.atoms),
            trans_fraction=np.concatenate(self.trans) if self.trans else None,
            torsion_counts=self.counts,
        )


def _pass_over(simulation: Simulation) -> MoleculeStatistics:
    """Read all frames."""
    cell = simulation.cell
    chains: _Chains | NotEnoughData
    try:
        chains = _Chains(cell, simulation.sample.n_frames)
    except NotEnoughData as error:
        chains = error
    centres, boxes, times, radii = [], [], [], []
    for frames in simulation.sample.chunks():
        _refuse_damage(frames)
        centres.append(centres_of_mass_nm(frames.positions_nm, cell.masses_amu, cell.molecule_of_atom))
        radii.append(
            squared_radius_of_gyration_nm2(frames.positions_nm[:1], cell.masses_amu, cell.molecule_of_atom).mean()
        )
        boxes.append(frames.box_nm)
        times.append(frames.time_ps)
        if isinstance(chains, _Chains):
            chains.add(frames.positions_nm)
    return MoleculeStatistics(
        np.concatenate(centres),
        np.concatenate(boxes),
        np.concatenate(times),
        float(np.mean(radii)),
        chains.result() if isinstance(chains, _Chains) else chains,
    )


def _refuse_damage(frames: Frames) -> None:
    wrong = ~np.isfinite(frames.positions_nm).all(axis=(1, 2))
    if wrong.any():
        raise NotEnoughData(
            f"positions at {frames.time_ps[int(np.argmax(wrong))]:g} ps are not finite; the stage is damaged: delete "
            "its folder and run the study again"
        )
