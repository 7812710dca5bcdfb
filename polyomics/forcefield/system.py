"""The OpenMM System of n identical chains, replicated from one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyomics.errors import InvalidSettings
from polyomics.units import KJ_PER_KCAL, NM_PER_ANGSTROM

if TYPE_CHECKING:
    import openmm

    from polyomics.forcefield.parameterize import ParameterizedChain

COULOMB_14_SCALE = 1.0 / 1.2
LENNARD_JONES_14_SCALE = 1.0 / 2.0
"""Fractions of the full interaction between atoms three bonds apart (AMBER: SCEE 1.2, SCNB 2.0)."""

EWALD_TOLERANCE = 5e-4
"""Relative error of forces that OpenMM chooses the PME grid for, its default; the MD part may change it."""

FORCE_GROUPS = {"bond": 1, "angle": 2, "torsion": 3, "nonbonded": 0}
"""Force group of every force, so that energies can be asked term by term."""

_SIGMA_PER_RMIN_HALF = 2.0 ** (5.0 / 6.0)


@dataclass(frozen=True, eq=False)
class _Terms:
    """All terms of one chain in OpenMM's units (nm, kJ/mol, rad, amu, e); atoms counted from 0."""

    masses: list[float]
    nonbonded: list[tuple[float, float, float]]
    constraints: list[tuple[int, int, float]]
    bonds: list[tuple[int, int, float, float]]
    angles: list[tuple[int, int, int, float, float]]
    torsions: list[tuple[int, int, int, int, int, float, float]]
    exceptions: list[tuple[int, int, float, float, float]]


def build_system(
    parameterized: "ParameterizedChain", n_chains: int, box_nm: ArrayLike, *, cutoff_nm: float = 0.9
) -> "openmm.System":
    """System of `n_chains` chains, atoms chain after chain.

    Real masses; bonds to hydrogen constrained; PME; Lennard-Jones cut off without a switch and with the
    long-range dispersion correction; 1-4 interactions scaled as in AMBER. No barostat, thermostat or
    centre-of-mass motion remover. Equal arguments give equal bytes when serialised.

    Args:
        parameterized: One chain.
        n_chains: Number of chains, at least 1.
        box_nm: Edge or edges of the periodic box [nm], a number or shape (3,).
        cutoff_nm: Cut-off of the direct-space interactions [nm].

    Raises:
        InvalidSettings: No chains, or a box too small for the cut-off.
    """
    import openmm

    edges = _checked_box(box_nm, cutoff_nm, n_chains)
    terms = _terms(parameterized)
    system = openmm.System()
    system.setDefaultPeriodicBoxVectors(*np.diag(edges).tolist())
    bonds, angles = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce()
    torsions, nonbonded = openmm.PeriodicTorsionForce(), openmm.NonbondedForce()
    for chain in range(n_chains):
        first = chain * len(terms.masses)
        for mass in terms.masses:
            system.addParticle(mass)
        for values in terms.nonbonded:
            nonbonded.addParticle(*values)
        for i, j, length in terms.constraints:
            system.addConstraint(i + first, j + first, length)
        for i, j, length, k in terms.bonds:
            bonds.addBond(i + first, j + first, length, k)
        for i, j, m, angle, k in terms.angles:
            angles.addAngle(i + first, j + first, m + first, angle, k)
        for i, j, m, n, periodicity, phase, k in terms.torsions:
            torsions.addTorsion(i + first, j + first, m + first, n + first, periodicity, phase, k)
        for i, j, charge_product, sigma, epsilon in terms.exceptions:
            nonbonded.addException(i + first, j + first, charge_product, sigma, epsilon)
    _set_up(nonbonded, cutoff_nm)
    for name, force in zip(FORCE_GROUPS, (bonds, angles, torsions, nonbonded), strict=True):
        force.setName(name)
        force.setForceGroup(FORCE_GROUPS[name])
        force.setUsesPeriodicBoundaryConditions(False) if name != "nonbonded" else None
        system.addForce(force)
    return system


def _set_up(nonbonded: Any, cutoff_nm: float) -> None:
    nonbonded.setNonbondedMethod(nonbonded.PME)
    nonbonded.setCutoffDistance(cutoff_nm)
    nonbonded.setEwaldErrorTolerance(EWALD_TOLERANCE)
    nonbonded.setUseSwitchingFunction(False)
    nonbonded.setUseDispersionCorrection(True)


def _checked_box(box_nm: ArrayLike, cutoff_nm: float, n_chains: int) -> NDArray[np.float64]:
    edges = np.asarray(box_nm, dtype=float)
    if edges.ndim == 0:
        edges = np.repeat(edges, 3)
    if edges.shape != (3,) or not np.isfinite(edges).all():
        raise InvalidSettings(f"the box is {box_nm!r}; give one edge or three edges in nm")
    if n_chains < 1:
        raise InvalidSettings(f"a cell of {n_chains} chains was asked for; give at least 1")
    if cutoff_nm <= 0 or edges.min() < 2 * cutoff_nm:
        raise InvalidSettings(
            f"the shortest edge of the box, {edges.min():.3f} nm, is below twice the cut-off of {cutoff_nm:.3f} nm; "
            "use more or longer chains, a lower density or a shorter cut-off"
        )
    return edges


def _terms(parameterized: "ParameterizedChain") -> _Terms:
    structure, charges_e = parameterized.structure, parameterized.charges_e
    number = {id(atom): i for i, atom in enumerate(structure.atoms)}

    def index(*atoms: Any) -> tuple[int, ...]:
        return tuple(number[id(atom)] for atom in atoms)

    nonbonded = [
        (
            float(charge),
            float(atom.rmin * _SIGMA_PER_RMIN_HALF * NM_PER_ANGSTROM),
            float(atom.epsilon * KJ_PER_KCAL),
        )
        for atom, charge in zip(structure.atoms, charges_e, strict=True)
    ]
    bonds, constraints = [], []
    for bond in structure.bonds:
        i, j = index(bond.atom1, bond.atom2)
        length = float(bond.type.req * NM_PER_ANGSTROM)
        if 1 in (bond.atom1.atomic_number, bond.atom2.atomic_number):
            constraints.append((i, j, length))
        else:
            bonds.append((i, j, length, float(2 * bond.type.k * KJ_PER_KCAL / NM_PER_ANGSTROM**2)))
    angles = [
        (
            *index(angle.atom1, angle.atom2, angle.atom3),
            float(np.radians(angle.type.theteq)),
            float(2 * angle.type.k * KJ_PER_KCAL),
        )
        for angle in structure.angles
    ]
    return _Terms(
        masses=[float(atom.mass) for atom in structure.atoms],
        nonbonded=nonbonded,
        constraints=constraints,
        bonds=bonds,
        angles=angles,  # type: ignore[arg-type]
        torsions=_torsions(structure, index),
        exceptions=_exceptions(structure, index, nonbonded),
    )


def _torsions(structure: Any, index: Any) -> list[tuple[int, int, int, int, int, float, float]]:
    torsions = []
    for dihedral in structure.dihedrals:
        atoms = index(dihedral.atom1, dihedral.atom2, dihedral.atom3, dihedral.atom4)
        kinds = [dihedral.type] if dihedral.improper else dihedral.type
        for kind in kinds:
            if kind.phi_k:
                phase = float(np.radians(kind.phase))
                torsions.append((*atoms, int(kind.per), phase, float(kind.phi_k * KJ_PER_KCAL)))
    return torsions


def _exceptions(
    structure: Any, index: Any, nonbonded: list[tuple[float, float, float]]
) -> list[tuple[int, int, float, float, float]]:
    """Pairs up to three bonds apart: nothing for one or two bonds, scaled for three."""
    near: list[set[int]] = [set() for _ in nonbonded]
    for bond in structure.bonds:
        i, j = index(bond.atom1, bond.atom2)
        near[i].add(j)
        near[j].add(i)
    exceptions = []
    for i, first in enumerate(near):
        second = {k for j in first for k in near[j]} - {i} - first
        third = {m for k in second for m in near[k]} - {i} - first - second
        exceptions += [(i, j, 0.0, 1.0, 0.0) for j in sorted(first | second) if j > i]
        for j in sorted(third):
            if j > i:
                charge_i, sigma_i, epsilon_i = nonbonded[i]
                charge_j, sigma_j, epsilon_j = nonbonded[j]
                exceptions.append(
                    (
                        i,
                        j,
                        charge_i * charge_j * COULOMB_14_SCALE,
                        0.5 * (sigma_i + sigma_j),
                        float(np.sqrt(epsilon_i * epsilon_j)) * LENNARD_JONES_14_SCALE,
                    )
                )
    return exceptions
