"""Chains and their parameters become a cell: placed at random, without overlap, no ring speared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from polyomics.cell.cell import Cell
from polyomics.cell.placement import Crowd
from polyomics.chemistry.spearing import find_spearings
from polyomics.errors import CellNotPacked, InvalidSettings
from polyomics.units import box_edge_nm

if TYPE_CHECKING:
    from polyomics.chemistry.chain import Chain
    from polyomics.forcefield.parameterize import ParameterizedChain

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

LARGEST_CELL_ATOMS = 2_000_000
MEMORY_PER_ATOM_KB = 8.0
"""Peak memory of packing and of building the System, measured on cells of 10,000 to 100,000 atoms."""
LOWERING_FACTOR = 0.8
"""The density is lowered by this factor each time the chains find no place."""
LOWEST_DENSITY_G_CM3 = 0.01
LARGEST_DENSITY_G_CM3 = 2.0
N_ATTEMPTS = 4
"""Attempts from an empty box at each density."""
HOPELESS_FRACTION = 0.7
"""When no more than this part of the chains found a place, the density is lowered without another attempt."""
N_REPAIRS = 20
"""Times chains that spear a ring are drawn anew in one attempt."""


def chains_for_atoms(target_atoms: int, atoms_per_chain: int) -> int:
    """Number of chains whose atoms come closest to `target_atoms`, at least 1.

    Raises:
        InvalidSettings: A number is not positive, or the cell would be too large.
    """
    if target_atoms < 1 or atoms_per_chain < 1:
        raise InvalidSettings(
            f"a cell of {target_atoms} atoms with {atoms_per_chain} atoms a chain makes no sense; both must be positive"
        )
    n_chains = max(1, round(target_atoms / atoms_per_chain))
    check_cell_size(n_chains * atoms_per_chain)
    return n_chains


def memory_gb(n_atoms: int) -> float:
    """Estimated memory [GB] to pack a cell and build its System."""
    return n_atoms * MEMORY_PER_ATOM_KB * 1e-6


def check_cell_size(n_atoms: int) -> None:
    """Refuse a cell no machine here will ever hold, before anything is allocated.

    Raises:
        InvalidSettings: More than two million atoms.
    """
    if n_atoms > LARGEST_CELL_ATOMS:
        raise InvalidSettings(
            f"a cell of {n_atoms:,} atoms needs about {memory_gb(n_atoms):,.0f} GB to build; the most "
            f"allowed is {LARGEST_CELL_ATOMS:,} atoms: use fewer or shorter chains"
        )


def pack(
    chains: Sequence[Chain],
    parameterized: ParameterizedChain,
    *,
    density_g_cm3: float,
    seed: int,
    minimum_distance_nm: float = 0.2,
    cutoff_nm: float = 0.9,
) -> Cell:
    """Chains of one topology in a cubic periodic box.

    Chains are rigid; see `polyomics.cell.placement` for how they find a place. If they find none the
    density is lowered in steps of 0.8; compare `Cell.density_g_cm3` with what was asked, or ask
    `packing_flags`.

    Args:
        chains: Chains with coordinates, all with the atoms and bonds of the first.
        parameterized: Parameters of each chain.
        density_g_cm3: Density to start at [g/cm³].
        seed: Seed of rotations and places; equal arguments give equal cells.
        minimum_distance_nm: Smallest distance between atoms of two chains or periodic images [nm].
        cutoff_nm: Cut-off of the non-bonded forces [nm]; the box must be at least twice as wide.

    Raises:
        InvalidSettings: No chains, different topologies, an absurd density or size.
        CellNotPacked: No arrangement was found even at 0.01 g/cm³.
    """
    _check(chains, parameterized, density_g_cm3, minimum_distance_nm)
    masses_amu = np.array([atom.mass for atom in parameterized.structure.atoms])
    bonds = np.array([(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in chains[0].mol.GetBonds()])
    rings = tuple(tuple(ring) for ring in chains[0].mol.GetRingInfo().AtomRings())
    molecules = [np.asarray(chain.positions_nm, dtype=np.float64) for chain in chains]
    total_amu = len(chains) * float(masses_amu.sum())
    density = density_g_cm3
    for step in range(100):
        edge_nm = box_edge_nm(total_amu, density)
        rng = np.random.default_rng([seed, step])
        positions = arrange(molecules, bonds, rings, edge_nm, minimum_distance_nm, rng)
        if positions is not None:
            return _cell(chains, parameterized, positions, edge_nm, bonds, rings, cutoff_nm)
        density *= LOWERING_FACTOR
        if density < LOWEST_DENSITY_G_CM3:
            break
    raise CellNotPacked(
        f"{len(chains)} chains of {len(masses_amu)} atoms found no place without overlap between "
        f"{density_g_cm3:g} and {LOWEST_DENSITY_G_CM3:g} g/cm³; use another seed or shorter chains"
    )


def packing_flags(cell: Cell, density_g_cm3: float) -> tuple[str, ...]:
    """`start_density_lowered` when a cell came out less dense than was asked."""
    return ("start_density_lowered",) if cell.density_g_cm3 < 0.999 * density_g_cm3 else ()


def arrange(
    molecules: Sequence[Array],
    bonds: Ints,
    rings: Sequence[Sequence[int]],
    edge_nm: float,
    minimum_distance_nm: float,
    rng: np.random.Generator,
) -> list[Array] | None:
    """Positions of rigid molecules of one topology in a cubic box, or None if no place was found.

    Args:
        molecules: Positions of each molecule [nm], shape=(n_atoms, 3).
        bonds: Bonded pairs of atoms of one molecule, shape=(n_bonds, 2).
        rings: Atoms of each ring of one molecule, in ring order.
        edge_nm: Edge of the box [nm].
        minimum_distance_nm: Smallest distance between atoms of two molecules or images [nm].
        rng: Source of rotations and places.

    Returns:
        Positions [nm] in the order of `molecules`, centres in the box.
    """
    for _ in range(N_ATTEMPTS):
        crowd = Crowd(edge_nm, minimum_distance_nm)
        if crowd.fill(molecules, rng):
            return _without_spearing(crowd, molecules, bonds, rings, rng)
        if len(crowd.placed) <= HOPELESS_FRACTION * len(molecules):
            return None
    return None


def _without_spearing(
    crowd: Crowd,
    molecules: Sequence[Array],
    bonds: Ints,
    rings: Sequence[Sequence[int]],
    rng: np.random.Generator,
) -> list[Array] | None:
    """Positions of all molecules, those that spear a ring placed anew; None if that does not end."""
    n_atoms, edge_nm = len(molecules[0]), crowd.edge_nm
    for _ in range(N_REPAIRS):
        positions = [crowd.placed[index] for index in range(len(molecules))]
        culprits = _spearing_molecules(positions, n_atoms, bonds, rings, edge_nm)
        if not culprits:
            return [one - edge_nm * np.floor(one.mean(axis=0) / edge_nm) for one in positions]
        for index in culprits:
            crowd.remove(index)
        if not all(crowd.add(index, molecules[index], rng) for index in culprits):
            return None
    return None


def _spearing_molecules(
    positions: list[Array], n_atoms: int, bonds: Ints, rings: Sequence[Sequence[int]], edge_nm: float
) -> list[int]:
    """Molecules with a bond through a ring, in ascending order."""
    n_molecules = len(positions)
    box_nm = np.full(3, edge_nm)
    all_rings, all_bonds = _replicated(rings, bonds, n_molecules, n_atoms)
    found = find_spearings(np.concatenate(positions), all_rings, all_bonds, box_nm)
    return sorted({int(all_bonds[bond, 0]) // n_atoms for _, bond in found})


def _replicated(
    rings: Sequence[Sequence[int]], bonds: Ints, n_molecules: int, n_atoms: int
) -> tuple[tuple[tuple[int, ...], ...], Ints]:
    """Rings and bonds of all molecules, from those of one."""
    firsts = range(0, n_molecules * n_atoms, n_atoms)
    all_rings = tuple(tuple(atom + first for atom in ring) for first in firsts for ring in rings)
    return all_rings, np.concatenate([bonds + first for first in firsts])


def _cell(
    chains: Sequence[Chain],
    parameterized: ParameterizedChain,
    positions: list[Array],
    edge_nm: float,
    bonds: Ints,
    rings: Sequence[Sequence[int]],
    cutoff_nm: float,
) -> Cell:
    from openmm import XmlSerializer, unit

    from polyomics.chemistry.refractivity import molar_refractivity_cm3_mol
    from polyomics.chemistry.volume import vdw_volume_nm3
    from polyomics.forcefield.system import build_system

    first, n_chains = chains[0], len(chains)
    n_atoms = len(first.positions_nm)
    box_nm = np.full(3, edge_nm)
    system = build_system(parameterized, n_chains, box_nm, cutoff_nm=cutoff_nm)
    masses = [system.getParticleMass(i).value_in_unit(unit.dalton) for i in range(n_atoms)]
    all_rings, all_bonds = _replicated(rings, bonds, n_chains, n_atoms)
    numbers = np.array([atom.GetAtomicNum() for atom in first.mol.GetAtoms()], dtype=np.int64)
    return Cell(
        positions_nm=np.concatenate(positions),
        box_nm=box_nm,
        system_xml=XmlSerializer.serialize(system),
        atomic_numbers=np.tile(numbers, n_chains),
        masses_amu=np.tile(np.array(masses), n_chains),
        charges_e=np.tile(np.asarray(parameterized.charges_e, dtype=np.float64), n_chains),
        molecule_of_atom=np.repeat(np.arange(n_chains), n_atoms),
        unit_of_atom=np.tile(np.asarray(first.unit_of_atom, dtype=np.int64), n_chains),
        template_atom=np.tile(np.asarray(first.template_atom, dtype=np.int64), n_chains),
        bonds=all_bonds,
        rings=all_rings,
        vdw_volume_nm3=n_chains * vdw_volume_nm3(first.mol),
        molar_refractivity_cm3_mol=n_chains * molar_refractivity_cm3_mol(first.mol),
    )


def _check(
    chains: Sequence[Chain],
    parameterized: ParameterizedChain,
    density_g_cm3: float,
    minimum_distance_nm: float,
) -> None:
    """Refuse what cannot be packed, before any work."""
    if not chains:
        raise InvalidSettings("a cell of no chains was asked for; give at least one")
    check_cell_size(len(chains) * len(chains[0].positions_nm))
    if not 0.0 < density_g_cm3 <= LARGEST_DENSITY_G_CM3:
        raise InvalidSettings(
            f"a start density of {density_g_cm3:g} g/cm³ was asked for; it must be above 0 and at most "
            f"{LARGEST_DENSITY_G_CM3:g}"
        )
    if not 0.0 <= minimum_distance_nm <= 0.5:
        raise InvalidSettings(f"a minimum distance of {minimum_distance_nm:g} nm was asked for; use 0 to 0.5")
    topology = _topology(chains[0])
    alike = all(_topology(chain) == topology for chain in chains[1:])
    if not alike or len(parameterized.charges_e) != len(topology[0]):
        raise InvalidSettings(
            "the chains of a cell must have one topology, that of their parameters; build them with one "
            "repeat unit, length and end groups"
        )


def _topology(chain: Chain) -> tuple[list[int], list[tuple[int, int]]]:
    atoms = [atom.GetAtomicNum() for atom in chain.mol.GetAtoms()]
    return atoms, [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in chain.mol.GetBonds()]
