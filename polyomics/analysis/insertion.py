"""Test insertion of a molecule: its chemical potential at infinite dilution (Widom 1963, DOI 10.1063/1.1734110).

    exp(-μ_ex/kT) = <V exp(-U/kT)> / <V>,

U the energy of the molecule at a random place with a random orientation, averaged over places and frames; the volumes
count at constant pressure. Places are drawn from cavities only, and the average is multiplied with the part of the box
that is cavity (Mezei 1980, DOI 10.1080/00268978000101971); elsewhere one atom alone repels the molecule by
`CLOSED_KT` kT or more, so what is left out is below exp(-40) times the Boltzmann factor of all attraction.

The error is that of a mean over correlated frames. It holds only where many places share the average. An average that
few places make is a sample of rare events and can be wrong by more than its error; it is flagged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.guest_energies import Guest, Surroundings
from polyomics.analysis.statistics import Estimate, estimate_mean
from polyomics.errors import NotEnoughData, OutOfReach
from polyomics.units import GAS_CONSTANT_KJ_MOL_K

Array = NDArray[np.float64]

CLOSED_KT = 40.0
"""Repulsion by one atom that closes a place [kT]."""
FEWEST_EFFECTIVE = 100.0
"""Fewer insertions than this that count make the flag `few_insertions_dominate`."""
LARGEST_SHARE = 0.3
"""A larger share of one frame does so too, where there are enough frames."""
_FRAMES_TO_SHARE = 10


@dataclass(frozen=True, eq=False)
class FrameInsertions:
    """Insertions into one frame."""

    volume_nm3: float
    """Volume of the frame [nm³]."""
    free_fraction: float
    """Part of all places and orientations in which no site is in a closed place."""
    n_tried: int
    """Places drawn to find that."""
    energies_kj_mol: Array
    """Energies at some of these places [kJ/mol], all equally likely, shape=(n,)."""


@dataclass(frozen=True, eq=False)
class Widom:
    """What insertions into many frames say."""

    boltzmann: Estimate
    """exp(-μ_ex/kT). Flags besides those of a mean: `few_insertions_dominate`."""
    chemical_potential_kj_mol: Estimate
    """Excess chemical potential [kJ/mol]."""
    per_frame: Array
    """V exp(-U/kT) / <V> of every frame, shape=(n_frames,)."""
    n_effective: float
    """Insertions that count: the squared sum of the Boltzmann factors over the sum of their squares."""
    largest_share: float
    """Largest share of one frame in the sum."""


def oriented_nm(guest: Guest, points_nm: Array, rng: np.random.Generator) -> Array:
    """Sites of a molecule turned at random, its reference site at given points [nm], shape=(n, n_sites, 3)."""
    from scipy.spatial.transform import Rotation

    arms = guest.positions_nm - guest.positions_nm[guest.reference]
    if len(arms) == 1:
        return points_nm[:, None, :].copy()
    turns = Rotation.random(len(points_nm), rng=rng).as_matrix()
    sites: Array = np.einsum("nij,sj->nsi", turns, arms) + points_nm[:, None, :]
    return sites


def insert(
    surroundings: Surroundings,
    guest: Guest,
    n_tried: int,
    temperature_k: float,
    rng: np.random.Generator,
    *,
    most_energies: int | None = None,
    in_cavities: bool = True,
) -> FrameInsertions:
    """Try a molecule at random places of one frame.

    Args:
        surroundings: The frame.
        guest: The molecule.
        n_tried: How many places.
        temperature_k: Temperature [K]; it decides what is closed.
        rng: Random numbers.
        most_energies: Compute so many energies at most: small molecules find more places than are needed. All by
            default.
        in_cavities: Draw places from cavities only.
    """
    fraction, sites_nm = candidates_nm(surroundings, guest, n_tried, temperature_k, rng, in_cavities=in_cavities)
    free = fraction * len(sites_nm) / n_tried
    chosen = sites_nm[:most_energies]
    energies = surroundings.energies_kj_mol(chosen, guest.sites) if len(chosen) else np.empty(0)
    return FrameInsertions(surroundings.volume_nm3, free, n_tried, energies)


def candidates_nm(
    surroundings: Surroundings,
    guest: Guest,
    n_tried: int,
    temperature_k: float,
    rng: np.random.Generator,
    *,
    in_cavities: bool = True,
) -> tuple[float, Array]:
    """Part of the box that places are drawn from, and sites of those with none in a closed place [nm].

    Returns:
        A fraction, and positions, shape=(n, n_sites, 3) with n at most `n_tried`.
    """
    if not in_cavities:
        return 1.0, oriented_nm(guest, rng.random((n_tried, 3)) * surroundings.box_nm, rng)
    closed_kj_mol = CLOSED_KT * GAS_CONSTANT_KJ_MOL_K * temperature_k
    cubes = surroundings.open_cubes(guest.sites, guest.reference, closed_kj_mol)
    if not len(cubes.open_numbers):
        return 0.0, np.empty((0, len(guest.sites), 3))
    sites_nm = oriented_nm(guest, cubes.points_nm(n_tried, rng), rng)
    known = {_kind(guest, guest.reference): cubes}
    for number in range(len(guest.sites)):
        if number == guest.reference or guest.sites.epsilon_kj_mol[number] == 0.0:
            continue
        kind = _kind(guest, number)
        if kind not in known:
            known[kind] = surroundings.open_cubes(guest.sites, number, closed_kj_mol)
        sites_nm = sites_nm[known[kind].holds(sites_nm[:, number])]
    return cubes.open_fraction, sites_nm


def _kind(guest: Guest, number: int) -> tuple[float, float]:
    return float(guest.sites.sigma_nm[number]), float(guest.sites.epsilon_kj_mol[number])


def widom(frames: Sequence[FrameInsertions], temperature_k: float) -> Widom:
    """Average over frames, with its error.

    Args:
        frames: Insertions into frames that are equally spaced in time.
        temperature_k: Temperature [K].

    Raises:
        NotEnoughData: There are no frames.
        OutOfReach: The molecule fits nowhere.
    """
    if not frames:
        raise NotEnoughData("there are no frames to insert a molecule into; store frames more often")
    kt = GAS_CONSTANT_KJ_MOL_K * temperature_k
    mean_volume = float(np.mean([frame.volume_nm3 for frame in frames]))
    factors = [
        np.exp(-frame.energies_kj_mol / kt)
        * (frame.free_fraction * frame.volume_nm3 / mean_volume / max(1, len(frame.energies_kj_mol)))
        for frame in frames
    ]
    per_frame = np.array([one.sum() for one in factors])
    total = float(per_frame.sum())
    if not total > 0.0:
        tried = sum(frame.n_tried for frame in frames)
        raise OutOfReach(
            f"not one place of {tried:,} in {len(frames)} frames can take the molecule; its solubility is too low to "
            "be measured by insertion, or the cell is too dense"
        )
    n_effective = total**2 / float(sum((one**2).sum() for one in factors))
    share = float(per_frame.max()) / total
    mean = estimate_mean(per_frame, discard_start=False)
    if n_effective < FEWEST_EFFECTIVE or (len(frames) >= _FRAMES_TO_SHARE and share > LARGEST_SHARE):
        mean = replace(mean, flags=(*mean.flags, "few_insertions_dominate"))
    potential = replace(
        mean,
        mean=-kt * float(np.log(mean.mean)),
        stderr=None if mean.stderr is None else kt * mean.stderr / mean.mean,
    )
    return Widom(mean, potential, per_frame, n_effective, share)
