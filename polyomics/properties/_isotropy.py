"""The guard of properties that are numbers only in isotropic matter: refuse what has a direction.

Two things give a cell a direction: chains (or long molecules) that lie along each other, and a crystal. The first shows
in the nematic order of directions, the second in a Bragg peak: one scattering vector at which a good part of all atoms
scatters in phase. A few frames tell both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.backbone import joints, main_chains
from polyomics.analysis.orientation import chords_nm, nematic_order, unit_vectors
from polyomics.analysis.shape import gyration_tensors_nm2
from polyomics.cell.cell import Cell
from polyomics.equilibrium._chains import independent_directions
from polyomics.equilibrium.no_net_orientation import LARGEST_ORDER, order_by_chance
from polyomics.errors import NotEnoughData, NotIsotropic
from polyomics.properties._frames import spread_frames
from polyomics.simulation import Simulation

Array = NDArray[np.float64]

MOST_FRAMES = 5
"""Frames that are looked at, evenly spread over the sample."""
ORDER_QUANTILE = 0.999
"""Part of isotropic cells that have less order than is refused; a refusal is not to be a matter of luck."""
CRYSTALLINE_PART = 0.1
"""Part of the atoms that scatter in phase at a Bragg peak, from which on a large cell counts as a crystal."""
HIGHEST_OF_LIQUID = 40.0
"""No liquid or glass has a structure factor above this at one scattering vector, mean over frames: its mean is at most
3 at the first maximum (Hansen & Verlet 1969, DOI 10.1103/PhysRev.184.151), and the noise of single vectors is
exponential."""
SMALL_CRYSTAL_PART = 0.4
"""The same part in a cell of fewer than 100 atoms, where 40 would be more than all."""
SPACINGS = (0.35, 1.6)
"""Shortest and longest scattering vector that is looked at, in units of 2π n^(1/3), n being the number density. The
first Bragg peaks of fcc, bcc and sc lattices are at 1.09, 1.12 and 1.00; shorter vectors see holes."""

_GRID_POINTS_PER_WAVE = 4


@dataclass(frozen=True)
class Orientation:
    """What gives a cell a direction, and what chance alone would."""

    order: float | None
    """Nematic order, largest eigenvalue of Q, Q being averaged over frames; none for single atoms."""
    order_limit: float
    """What isotropic cells stay below."""
    n_directions: float
    """Independent directions in a frame."""
    peak: float
    """Highest structure factor at one scattering vector, mean over frames, the same atoms at random giving 1."""
    peak_limit: float
    """What liquids and glasses stay below."""
    peak_per_nm: float
    """Length of that scattering vector [1/nm]."""
    n_atoms: int
    """Atoms that scatter: those heavier than hydrogen."""


def refuse_oriented(simulation: Simulation, property_name: str) -> None:
    """Refuse a crystal, and a cell whose molecules lie along each other.

    Cheap, and done once for all properties: five frames of the sample.

    Args:
        simulation: The stages of a study.
        property_name: Registered name of the property that asks, for the message.

    Raises:
        NotIsotropic: The cell has a direction; the message says what was found.
        NotEnoughData: There are no frames, or positions that are not finite.
    """
    found = orientation(simulation)
    if found.order is not None and found.order > found.order_limit:
        raise NotIsotropic(
            f"{property_name} is a number only in isotropic matter, and this cell has a nematic order of "
            f"{found.order:.2f}, where {found.n_directions:.0f} independent random directions stay below "
            f"{found.order_limit:.2f}; melt the cell, or take more chains"
        )
    if found.peak > found.peak_limit:
        raise NotIsotropic(
            f"{property_name} is a number only in isotropic matter, and this cell is a crystal: {found.n_atoms} atoms "
            f"have a Bragg peak of S = {found.peak:.0f} at {found.peak_per_nm:.1f}/nm, where liquids and glasses stay "
            f"below {found.peak_limit:.0f}; melt the cell"
        )


def orientation(simulation: Simulation) -> Orientation:
    """Nematic order and highest Bragg peak of the sample, computed once."""
    return simulation.once("orientation", lambda: _look(simulation))


def _look(simulation: Simulation) -> Orientation:
    cell = simulation.cell
    frames = list(spread_frames(simulation.sample, MOST_FRAMES))
    directions = _directions(cell, np.array([positions for positions, _ in frames]))
    order, n_directions, limit = None, 0.0, 1.0
    if directions is not None:
        n_directions = max(1.0, independent_directions(directions))
        flat = directions.reshape(1, -1, 3)
        order = float(nematic_order(flat)[0])
        limit = max(LARGEST_ORDER, order_by_chance(n_directions, ORDER_QUANTILE))
    scatters = cell.atomic_numbers > 1
    scatters = scatters if scatters.any() else np.ones(cell.n_atoms, dtype=bool)
    peak, peak_per_nm = highest_bragg_peak([(positions[scatters], box) for positions, box in frames])
    n_atoms = int(scatters.sum())
    part = max(CRYSTALLINE_PART * n_atoms, min(HIGHEST_OF_LIQUID, SMALL_CRYSTAL_PART * n_atoms))
    return Orientation(order, limit, n_directions, peak, part, peak_per_nm, n_atoms)


def _directions(cell: Cell, positions_nm: Array) -> Array | None:
    """Unit vectors along the molecules, shape=(n_frames, n_molecules, n_vectors, 3); none for single atoms.

    Main chains have one at every joint but two, other molecules one each: their longest axis.
    """
    try:
        chains = main_chains(
            cell.bonds, cell.molecule_of_atom, cell.unit_of_atom, cell.template_atom, cell.atomic_numbers
        )
        places = chains.atoms[:, joints(chains, cell.rings)]
    except NotEnoughData:
        places = np.empty((0, 0), dtype=np.int64)
    if places.shape[1] >= 3:
        return unit_vectors(chords_nm(positions_nm[:, places]))
    if cell.n_molecules == cell.n_atoms:
        return None
    tensors = gyration_tensors_nm2(positions_nm, cell.masses_amu, cell.molecule_of_atom)
    longest: Array = np.linalg.eigh(tensors)[1][..., :, -1]
    return longest[:, :, None, :]


def highest_bragg_peak(frames: list[tuple[Array, Array]]) -> tuple[float, float]:
    """The highest |Σ exp(i q·r)|² / N at one scattering vector of the box, mean over frames, and the vector's length.

    The sums are those of atoms on a grid of a quarter of the shortest wave, by FFT; what the grid takes from a peak, up
    to 40 % at the shortest waves, is given back on average.

    Args:
        frames: Positions, wrapped or not [nm], shape=(n_atoms, 3), and edges of the box [nm], shape=(3,), of each.

    Returns:
        S and |q| [1/nm]; 0 and 0 where the box has no scattering vector to look at.
    """
    mean_box = np.mean([box for _, box in frames], axis=0)
    n_atoms = len(frames[0][0])
    largest = 2.0 * np.pi * SPACINGS[1] * (n_atoms / mean_box.prod()) ** (1.0 / 3.0)
    most = np.maximum(1, (largest * mean_box / (2.0 * np.pi)).astype(int))
    shape = tuple((_GRID_POINTS_PER_WAVE * most).tolist())
    waves = [np.fft.fftfreq(shape[0], 1.0 / shape[0]), np.fft.fftfreq(shape[1], 1.0 / shape[1]), np.arange(most[2] + 1)]
    lengths = np.linalg.norm(
        _grid([2.0 * np.pi * wave / edge for wave, edge in zip(waves, mean_box, strict=True)]), axis=0
    )
    kept = (lengths <= largest) & (lengths >= largest * SPACINGS[0] / SPACINGS[1])
    if not kept.any():
        return 0.0, 0.0
    squared = np.zeros(int(kept.sum()))
    for positions_nm, box_nm in frames:
        places = np.floor((positions_nm / box_nm) % 1.0 * shape).astype(np.int64) % np.array(shape)
        counts = np.bincount(np.ravel_multi_index(tuple(places.T), shape), minlength=int(np.prod(shape)))
        amplitudes = np.fft.rfftn(counts.reshape(shape).astype(np.float64))[..., : most[2] + 1]
        squared += np.abs(amplitudes[kept]) ** 2
    seen = np.prod(_grid([np.sinc(wave / points) ** 2 for wave, points in zip(waves, shape, strict=True)]), axis=0)
    factors = squared / (seen[kept] * n_atoms * len(frames))
    highest = int(factors.argmax())
    return float(factors[highest]), float(lengths[kept][highest])


def _grid(axes: list[Array]) -> Array:
    return np.array(np.meshgrid(*axes, indexing="ij"))
