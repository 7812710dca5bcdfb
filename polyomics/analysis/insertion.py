"""Test insertion of a molecule: its chemical potential at infinite dilution (Widom 1963, DOI 10.1063/1.1734110).

    exp(-μ_ex/kT) = <V exp(-U/kT)> / <V>,

U the energy of the molecule at a random place with a random orientation, averaged over places and frames; the volumes
count at constant pressure. Places are drawn from cavities only, and the average is multiplied with the part of the box
that is cavity (Mezei 1980, DOI 10.1080/00268978000101971); elsewhere one atom alone repels the molecule by
`CLOSED_KT` kT or more, so what is left out is below exp(-40) times the Boltzmann factor of all attraction.
Of these places, those that look good on a coarse map of energies are taken more often for an exact energy, and weigh
less in turn, so that the map changes the error and not the average.

The error is that of a mean over correlated frames. It holds only where many places share the average. An average that
few places make is a sample of rare events and can be wrong by more than its error; it is flagged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.guest_energies import EnergyMap, Guest, Surroundings
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
SOFTENING = 1.5
"""Maps are trusted as if it were so much hotter: they overestimate steep repulsion."""
AT_RANDOM = 0.2
"""Part of the places that are chosen without looking at the map, so that no place weighs too much."""

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
    """Energies at some of the free places [kJ/mol], shape=(n,)."""
    weights: Array
    """How much each counts: the mean of a function over free places is the mean of weight times function, shape=(n,).
    """


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
    n_energies: int,
    temperature_k: float,
    rng: np.random.Generator,
) -> FrameInsertions:
    """Try a molecule at random places of one frame.

    Args:
        surroundings: The frame.
        guest: The molecule.
        n_tried: How many places are drawn.
        n_energies: How many of them are chosen, with repetition, for an exact energy.
        temperature_k: Temperature [K]; it decides what is closed, and which places look good.
        rng: Random numbers.
    """
    fraction, sites_nm, weights = chosen_nm(surroundings, guest, n_tried, n_energies, temperature_k, rng)
    energies = surroundings.energies_kj_mol(sites_nm, guest.sites) if len(sites_nm) else np.empty(0)
    return FrameInsertions(surroundings.volume_nm3, fraction, n_tried, energies, weights)


def chosen_nm(
    surroundings: Surroundings,
    guest: Guest,
    n_tried: int,
    n_energies: int,
    temperature_k: float,
    rng: np.random.Generator,
) -> tuple[float, Array, Array]:
    """Free places of a molecule, those that look good more often; see `insert` for the arguments.

    Returns:
        The part of all places that is free, positions of sites at n of them [nm], shape=(n, n_sites, 3), and the
        weights of these, shape=(n,); see `FrameInsertions`.
    """
    kt = GAS_CONSTANT_KJ_MOL_K * temperature_k
    maps = maps_of(surroundings, guest, CLOSED_KT * kt)
    fraction, sites_nm = candidates_nm(guest, maps, n_tried, rng)
    n_free = len(sites_nm)
    if not n_free:
        return 0.0, sites_nm, np.empty(0)
    likelihood = _likelihood(guest, maps, sites_nm, kt)
    chosen, counts = np.unique(rng.choice(n_free, n_energies, p=likelihood), return_counts=True)
    weights = counts * (len(chosen) / n_energies) / (n_free * likelihood[chosen])
    return fraction * n_free / n_tried, sites_nm[chosen], weights


def insert_anywhere(
    surroundings: Surroundings, guest: Guest, n_tried: int, rng: np.random.Generator
) -> FrameInsertions:
    """Widom's own way: places from the whole box, all with exact energies. Right, and slow."""
    sites_nm = oriented_nm(guest, rng.random((n_tried, 3)) * surroundings.box_nm, rng)
    energies = surroundings.energies_kj_mol(sites_nm, guest.sites)
    return FrameInsertions(surroundings.volume_nm3, 1.0, n_tried, energies, np.ones(n_tried))


Maps = Mapping[int, EnergyMap]
"""Maps of energies by number of the site; alike sites share one."""


def maps_of(surroundings: Surroundings, guest: Guest, closed_kj_mol: float) -> Maps:
    """Maps of the sites of a molecule, up to the energy that closes a place [kJ/mol]."""
    made: dict[tuple[float, ...], EnergyMap] = {}
    maps: dict[int, EnergyMap] = {}
    for number in range(len(guest.sites)):
        kind = tuple(float(values[number]) for values in vars(guest.sites).values())
        if kind not in made:
            made[kind] = surroundings.energy_map(guest.sites, number, closed_kj_mol)
        maps[number] = made[kind]
    return maps


def candidates_nm(guest: Guest, maps: Maps, n_tried: int, rng: np.random.Generator) -> tuple[float, Array]:
    """Draw places from where the reference site can be; keep those with no site in a closed place.

    Returns:
        The part of the box that was drawn from, and positions of sites [nm], shape=(n, n_sites, 3) with n at most
        `n_tried`.
    """
    cubes = maps[guest.reference].cubes
    if not len(cubes.open_numbers):
        return 0.0, np.empty((0, len(guest.sites), 3))
    sites_nm = oriented_nm(guest, cubes.points_nm(n_tried, rng), rng)
    for number in range(len(guest.sites)):
        if number != guest.reference:
            sites_nm = sites_nm[maps[number].cubes.holds(sites_nm[:, number])]
    return cubes.open_fraction, sites_nm


def _likelihood(guest: Guest, maps: Maps, sites_nm: Array, kt: float) -> Array:
    """How likely each place is to be chosen: mostly by what the map says, some at random, shape=(n,)."""
    about = sum(maps[number].at_kj_mol(sites_nm[:, number]) for number in range(len(guest.sites)))
    looks = np.exp(-(about - np.min(about)) / (SOFTENING * kt))
    mixed = (1.0 - AT_RANDOM) * looks / looks.sum() + AT_RANDOM / len(sites_nm)
    likelihood: Array = mixed / mixed.sum()
    return likelihood


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
        frame.weights
        * np.exp(-frame.energies_kj_mol / kt)
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
