"""A cell with molecules of a gas in its cavities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.guest_energies import Guest, Sites, Surroundings
from polyomics.analysis.insertion import chosen_nm
from polyomics.cell.cell import Cell
from polyomics.errors import CellNotPacked, InvalidSettings
from polyomics.forcefield.gases import GAS_FORMULAS, GAS_NAMES, GasModel, gas_model
from polyomics.units import GAS_CONSTANT_KJ_MOL_K

__all__ = [
    "GAS_FORMULAS",
    "GAS_NAMES",
    "atoms_of",
    "gas_model",
    "guest_of",
    "places_for_guests_nm",
    "with_guests",
]

Array = NDArray[np.float64]

PLACES_TRIED = 20_000
"""Places tried for one guest in one round."""
ENERGIES = 300
"""Energies computed of these."""
MOST_ROUNDS = 5
HIGHEST_KT = 30.0
"""Energy [kT] above which a place is not taken: the push would heat the cell."""


def atoms_of(cell: Cell) -> Sites:
    """Lennard-Jones parameters and charges of the atoms of a cell."""
    import openmm
    from openmm import unit

    system = openmm.XmlSerializer.deserialize(cell.system_xml)
    force = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    units = (unit.elementary_charge, unit.nanometer, unit.kilojoule_per_mole)
    rows = [
        [value.value_in_unit(u) for value, u in zip(force.getParticleParameters(i), units, strict=True)]
        for i in range(force.getNumParticles())
    ]
    charges, sigma, epsilon = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    return Sites(sigma, epsilon, charges)


def guest_of(gas: GasModel) -> Guest:
    """The molecule of a gas, to be inserted."""
    return Guest(gas.positions_nm, Sites(gas.sigma_nm, gas.epsilon_kj_mol, gas.charges_e))


def with_guests(cell: Cell, gas: GasModel, guests_nm: Array) -> Cell:
    """The cell with rigid molecules of a gas after its own; their particles are those of `GasModel.particles`.

    Guests see the cell and each other. Bonds of `Cell` are none for them, so that their masses stay as they are.

    Args:
        cell: The cell, at the positions wanted.
        gas: The gas.
        guests_nm: Positions of the guests' particles [nm], shape=(n_guests, n_particles, 3).

    Raises:
        InvalidSettings: There are no guests.
    """
    n_guests, n_particles = guests_nm.shape[:2]
    if n_guests < 1:
        raise InvalidSettings(f"{n_guests} guests of {gas.name} were asked for; give at least 1")
    n_added = n_particles - gas.n_sites
    per_atom = np.concatenate([gas.atomic_numbers, np.zeros(n_added, dtype=np.int64)])
    charges = np.concatenate([gas.charges_e, np.zeros(n_added)])
    nothing = np.zeros(n_guests * n_particles, dtype=np.int64)
    return replace(
        cell,
        positions_nm=np.concatenate([cell.positions_nm, guests_nm.reshape(-1, 3)]),
        system_xml=_system_with(cell, gas, n_guests),
        atomic_numbers=np.concatenate([cell.atomic_numbers, np.tile(per_atom, n_guests)]),
        masses_amu=np.concatenate([cell.masses_amu, np.tile(gas.particles.masses_amu, n_guests)]),
        charges_e=np.concatenate([cell.charges_e, np.tile(charges, n_guests)]),
        molecule_of_atom=np.concatenate(
            [cell.molecule_of_atom, cell.n_molecules + np.repeat(np.arange(n_guests), n_particles)]
        ),
        unit_of_atom=np.concatenate([cell.unit_of_atom, nothing]),
        template_atom=np.concatenate([cell.template_atom, nothing]),
    )


def _system_with(cell: Cell, gas: GasModel, n_guests: int) -> str:
    import openmm

    system = openmm.XmlSerializer.deserialize(cell.system_xml)
    force = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    particles = gas.particles
    n_particles = len(particles.masses_amu)
    for _ in range(n_guests):
        first = system.getNumParticles()
        for mass in particles.masses_amu:
            system.addParticle(float(mass))
        for site in range(n_particles):
            force.addParticle(*_nonbonded(gas, site))
        for one in range(n_particles):
            for other in range(one + 1, n_particles):
                force.addException(first + one, first + other, 0.0, 1.0, 0.0)
        for one, other, length in particles.constraints:
            system.addConstraint(first + one, first + other, length)
        for follower, one, other, weight_one, weight_other in particles.followers:
            average = openmm.TwoParticleAverageSite(first + one, first + other, weight_one, weight_other)
            system.setVirtualSite(first + follower, average)
    xml: str = openmm.XmlSerializer.serialize(system)
    return xml


def _nonbonded(gas: GasModel, site: int) -> tuple[float, float, float]:
    if site >= gas.n_sites:
        return 0.0, 0.1, 0.0
    return float(gas.charges_e[site]), float(gas.sigma_nm[site]), float(gas.epsilon_kj_mol[site])


def places_for_guests_nm(
    cell: Cell,
    gas: GasModel,
    n_guests: int,
    *,
    positions_nm: Array,
    box_nm: Array,
    cutoff_nm: float,
    temperature_k: float,
    seed: int,
) -> Array:
    """Places for guests, one after the other, drawn from many random ones with their Boltzmann weights.

    So guests start where they like to be, as in equilibrium, and none overlaps an atom or another guest.

    Args:
        cell: The cell without guests.
        gas: The gas.
        n_guests: How many.
        positions_nm: Positions of the cell's atoms [nm], shape=(n_atoms, 3).
        box_nm: Edges of the box [nm], shape=(3,).
        cutoff_nm: Cut-off of the non-bonded forces [nm].
        temperature_k: Temperature [K].
        seed: Of the random numbers.

    Returns:
        Positions of the guests' particles [nm], shape=(n_guests, n_particles, 3).

    Raises:
        CellNotPacked: A guest fits nowhere.
        InvalidSettings: The box is below twice the cut-off.
    """
    rng = np.random.default_rng(seed)
    guest, atoms, taken = guest_of(gas), atoms_of(cell), positions_nm
    placed: list[Array] = []
    for number in range(n_guests):
        surroundings = Surroundings(taken, box_nm, atoms, cutoff_nm)
        sites_nm = _place(surroundings, guest, temperature_k, rng)
        if sites_nm is None:
            raise CellNotPacked(
                f"not one place of {MOST_ROUNDS * PLACES_TRIED:,} can take guest {number + 1} of {n_guests} of "
                f"{gas.name}; ask for fewer guests, a smaller gas, or a larger or less dense cell"
            )
        placed.append(sites_nm)
        taken, atoms = np.concatenate([taken, sites_nm]), atoms.joined(guest.sites)
    return np.array([_particles_nm(gas, sites_nm) for sites_nm in placed])


def _place(surroundings: Surroundings, guest: Guest, temperature_k: float, rng: np.random.Generator) -> Array | None:
    """Sites of the guest at one place, shape=(n_sites, 3); none where it fits nowhere."""
    kt = GAS_CONSTANT_KJ_MOL_K * temperature_k
    for _ in range(MOST_ROUNDS):
        _, sites_nm, weights = chosen_nm(surroundings, guest, PLACES_TRIED, ENERGIES, temperature_k, rng)
        if not len(sites_nm):
            continue
        energies = surroundings.energies_kj_mol(sites_nm, guest.sites) / kt
        if energies.min() < HIGHEST_KT:
            weights = weights * np.exp(energies.min() - energies)
            chosen: Array = sites_nm[rng.choice(len(weights), p=weights / weights.sum())]
            return chosen
    return None


def _particles_nm(gas: GasModel, sites_nm: Array) -> Array:
    """Particles of a molecule whose sites are known: added mass points are on the line through the first two sites."""
    n_added = len(gas.particles.masses_amu) - gas.n_sites
    if not n_added:
        return sites_nm
    own, axis = gas.positions_nm, gas.positions_nm[1] - gas.positions_nm[0]
    along = (gas.particles.positions_nm[gas.n_sites :] - own[0]) @ axis / (axis @ axis)
    added = sites_nm[0] + np.outer(along, sites_nm[1] - sites_nm[0])
    return np.concatenate([sites_nm, added])
