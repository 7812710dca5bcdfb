"""Lennard-Jones argon as a `Cell`: matter whose transport coefficients and elastic constants are published."""

import numpy as np
import openmm

from polyomics.cell.cell import Cell

SIGMA_NM, EPSILON_KJ_MOL, MASS_AMU = 0.3405, 0.99607, 39.948
"""Argon, ε/k = 119.8 K: reduced units are these."""


def argon_cell(cells_a_side: int | tuple[int, int, int], density_reduced: float, *, seed: int = 1) -> Cell:
    """Atoms on an fcc lattice, 4 a unit cell, moved a little; every atom a molecule of its own.

    Args:
        cells_a_side: Unit cells along every edge, or along each.
        density_reduced: Number density times σ³; 0.8442 near the triple point.
        seed: Of the small displacements.
    """
    sides = np.array((cells_a_side,) * 3 if isinstance(cells_a_side, int) else cells_a_side)
    edge_nm = (4.0 / density_reduced) ** (1.0 / 3.0) * SIGMA_NM
    corners = np.stack(np.meshgrid(*(np.arange(n) for n in sides), indexing="ij"), axis=-1).reshape(-1, 1, 3)
    basis = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]])
    lattice = ((corners + basis).reshape(-1, 3) + 0.25) * edge_nm
    positions = lattice + np.random.default_rng(seed).normal(scale=0.002, size=lattice.shape)
    n_atoms = len(positions)
    box_nm = sides * edge_nm
    system = openmm.System()
    system.setDefaultPeriodicBoxVectors(*np.diag(box_nm).tolist())
    force = openmm.NonbondedForce()
    for _ in range(n_atoms):
        system.addParticle(MASS_AMU)
        force.addParticle(0.0, SIGMA_NM, EPSILON_KJ_MOL)
    force.setNonbondedMethod(force.PME)
    force.setName("nonbonded")
    system.addForce(force)
    return Cell(
        positions_nm=positions,
        box_nm=box_nm,
        system_xml=openmm.XmlSerializer.serialize(system),
        atomic_numbers=np.full(n_atoms, 18),
        masses_amu=np.full(n_atoms, MASS_AMU),
        charges_e=np.zeros(n_atoms),
        molecule_of_atom=np.arange(n_atoms),
        unit_of_atom=np.zeros(n_atoms, dtype=np.int64),
        template_atom=np.zeros(n_atoms, dtype=np.int64),
        bonds=np.empty((0, 2), dtype=np.int64),
        rings=(),
        vdw_volume_nm3=n_atoms * np.pi / 6.0 * SIGMA_NM**3,
    )


def temperature_k(reduced: float) -> float:
    """A reduced temperature kT/ε in kelvin."""
    return reduced * EPSILON_KJ_MOL / 0.00831446261815324
