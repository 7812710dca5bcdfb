"""The cohesive energy, held against sums over pairs, a single chain in OpenMM's hands, and what must be true of it."""

from dataclasses import replace

import numpy as np
import openmm
import pytest
from openmm import unit
from scipy.spatial.transform import Rotation

from polyomics.cell.cell import Cell
from polyomics.md.cohesion import Cohesion, cohesion
from polyomics.md.engine import nonbonded_force
from polyomics.md.protocol import Nonbonded
from polyomics.trajectory import Frames

COULOMB_KJ_NM = 138.935456
"""1/(4π ε0) [kJ/mol nm/e²]."""
LONG = Nonbonded(cutoff_nm=2.0, pme_force_error=1e-5)


@pytest.fixture(scope="module")
def two_beside(polyethylene_cell: Cell) -> Cell:
    """Two chains of polyethylene side by side, all atoms within 2 nm of each other, in a box of 12 nm."""
    n = polyethylene_cell.n_atoms // 2
    chain = polyethylene_cell.positions_nm[:n] - polyethylene_cell.positions_nm[:n].mean(axis=0)
    along = np.linalg.svd(chain, full_matrices=False)[2]
    straight = chain @ along.T
    other = straight * np.array([1.0, 1.0, -1.0]) @ np.diag([1.0, -1.0, 1.0])
    other = other + np.array([0.0, 0.0, straight[:, 2].max() - other[:, 2].min() + 0.22])
    positions = np.concatenate([straight, other]) + 6.0
    return replace(polyethylene_cell, positions_nm=positions, box_nm=np.full(3, 12.0))


def of(cell: Cell, nonbonded: Nonbonded = LONG, positions_nm: np.ndarray | None = None) -> Cohesion:
    positions = cell.positions_nm[None] if positions_nm is None else positions_nm
    return cohesion(cell, nonbonded, [Frames(positions, np.tile(cell.box_nm, (len(positions), 1)), np.zeros(1))])


def charged_by(cell: Cell, factor: float) -> Cell:
    """The cell with all charges multiplied; polyethylene has hardly any."""
    system = openmm.XmlSerializer.deserialize(cell.system_xml)
    force = nonbonded_force(system)
    for index in range(force.getNumParticles()):
        charge, sigma, epsilon = force.getParticleParameters(index)
        force.setParticleParameters(index, factor * charge, sigma, epsilon)
    for index in range(force.getNumExceptions()):
        one, other, product, sigma, epsilon = force.getExceptionParameters(index)
        force.setExceptionParameters(index, one, other, factor**2 * product, sigma, epsilon)
    return replace(cell, system_xml=openmm.XmlSerializer.serialize(system), charges_e=factor * cell.charges_e)


def parameters(cell: Cell) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Charge [e], sigma [nm] and epsilon [kJ/mol] of every atom."""
    system = openmm.XmlSerializer.deserialize(cell.system_xml)
    force = nonbonded_force(system)
    rows = [force.getParticleParameters(i) for i in range(cell.n_atoms)]
    units = (unit.elementary_charge, unit.nanometer, unit.kilojoule_per_mole)
    return tuple(np.array([row[k].value_in_unit(units[k]) for row in rows]) for k in range(3))


def test_it_is_the_sum_over_pairs_of_atoms_of_different_molecules(two_beside: Cell) -> None:
    two_beside = charged_by(two_beside, 30.0)
    charge, sigma, epsilon = parameters(two_beside)
    n = two_beside.n_atoms // 2
    one, other = slice(None, n), slice(n, None)
    places = two_beside.positions_nm
    distance = np.linalg.norm(places[one][:, None] - places[other][None], axis=-1)
    assert 0.15 < distance.min() < distance.max() < LONG.cutoff_nm
    ratio = (0.5 * (sigma[one][:, None] + sigma[other][None]) / distance) ** 6
    lennard_jones = 4.0 * np.sqrt(epsilon[one][:, None] * epsilon[other][None]) * (ratio**2 - ratio)
    coulomb = COULOMB_KJ_NM * charge[one][:, None] * charge[other][None] / distance
    found = of(two_beside)
    assert found.van_der_waals_kj_mol[0] == pytest.approx(-lennard_jones.sum(), abs=0.05)
    assert found.electrostatic_kj_mol[0] == pytest.approx(-coulomb.sum(), rel=0.02, abs=0.02)
    assert found.van_der_waals_kj_mol[0] > 1.0
    assert abs(coulomb.sum()) > 2.0
    assert found.volume_nm3[0] == pytest.approx(12.0**3)


def test_molecules_far_apart_do_not_hold_together(two_beside: Cell) -> None:
    apart = two_beside.positions_nm.copy()
    apart[two_beside.molecule_of_atom == 1] += np.array([0.0, 5.0, 0.0])
    found = of(two_beside, positions_nm=apart[None])
    near = of(two_beside)
    assert abs(found.van_der_waals_kj_mol[0]) < 0.01 * near.van_der_waals_kj_mol[0]
    assert abs(found.electrostatic_kj_mol[0]) < 0.02


@pytest.mark.parametrize("lj_pme", [False, True])
def test_it_is_the_energy_of_a_chain_alone_less_that_of_the_cell(polyethylene_cell: Cell, lj_pme: bool) -> None:
    """On the double precision of the Reference platform, each molecule cut out of the whole system."""
    polyethylene_cell = charged_by(polyethylene_cell, 10.0)
    nonbonded = Nonbonded(cutoff_nm=0.9, pme_force_error=1e-5, lj_pme=lj_pme)
    found = of(polyethylene_cell, nonbonded)
    alone = sum(energy_alone(polyethylene_cell, molecule) for molecule in range(2))
    system = openmm.XmlSerializer.deserialize(polyethylene_cell.system_xml)
    force = nonbonded_force(system)
    force.setNonbondedMethod(force.LJPME if lj_pme else force.PME)
    force.setEwaldErrorTolerance(1e-5)
    force.setCutoffDistance(0.9)
    only = openmm.System()
    for _ in range(polyethylene_cell.n_atoms):
        only.addParticle(1.0)
    only.addForce(openmm.XmlSerializer.clone(force))
    only.setDefaultPeriodicBoxVectors(*np.diag(polyethylene_cell.box_nm))
    expected = alone - reference_energy(only, polyethylene_cell.positions_nm)
    assert found.van_der_waals_kj_mol[0] + found.electrostatic_kj_mol[0] == pytest.approx(expected, rel=1e-3, abs=0.02)


def energy_alone(cell: Cell, molecule: int) -> float:
    """Non-bonded energy of one molecule in vacuum [kJ/mol]: the whole system with everything else switched off."""
    system = openmm.XmlSerializer.deserialize(cell.system_xml)
    force = nonbonded_force(system)
    away = cell.molecule_of_atom != molecule
    for index in np.flatnonzero(away).tolist():
        force.setParticleParameters(index, 0.0, 0.1, 0.0)
    for index in range(force.getNumExceptions()):
        one, other, *_ = force.getExceptionParameters(index)
        if away[one]:
            force.setExceptionParameters(index, one, other, 0.0, 0.1, 0.0)
    force.setNonbondedMethod(openmm.NonbondedForce.NoCutoff)
    only = openmm.System()
    for _ in range(cell.n_atoms):
        only.addParticle(1.0)
    only.addForce(openmm.XmlSerializer.clone(force))
    return reference_energy(only, cell.positions_nm)


def reference_energy(system: openmm.System, positions_nm: np.ndarray) -> float:
    platform = openmm.Platform.getPlatform("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(positions_nm)
    return context.getState(energy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)


def test_without_charges_there_is_no_electrostatic_part(polyethylene_cell: Cell) -> None:
    uncharged, charged = (of(charged_by(polyethylene_cell, factor), Nonbonded()) for factor in (0.0, 10.0))
    assert uncharged.electrostatic_kj_mol[0] == pytest.approx(0.0, abs=1e-9)
    assert uncharged.van_der_waals_kj_mol[0] == pytest.approx(charged.van_der_waals_kj_mol[0], abs=1e-6)
    assert abs(charged.electrostatic_kj_mol[0]) > 0.05


def test_wrapped_shifted_and_turned_cells_are_the_same(polyethylene_cell: Cell) -> None:
    """Molecules may lie anywhere, whole; a cube may be turned onto itself."""
    cell = polyethylene_cell
    jump = np.where(cell.molecule_of_atom[:, None] == 1, 2.0 * cell.box_nm, 0.0)
    turn = Rotation.from_euler("xz", [90, 90], degrees=True).as_matrix()
    frames = [cell.positions_nm, cell.positions_nm + jump, cell.positions_nm + np.array([0.7, -3.0, 1.9])]
    if np.ptp(cell.box_nm) == 0.0:
        frames.append(cell.positions_nm @ turn.T)
    found = of(cell, Nonbonded(), np.array(frames))
    for part in (found.van_der_waals_kj_mol, found.electrostatic_kj_mol):
        assert part == pytest.approx(part[0], rel=1e-3, abs=0.02)


def test_the_rounding_of_stored_frames_does_not_matter(polyethylene_cell: Cell) -> None:
    """Frames keep 1e-3 nm. The error of a frame is random, and small against what a cell fluctuates by."""
    rng = np.random.default_rng(0)
    shifts = rng.uniform(-1.0, 1.0, (10, 1, 3))
    exact = polyethylene_cell.positions_nm + shifts
    rounded = np.round(exact, 3)
    one, other = of(polyethylene_cell, Nonbonded(), exact), of(polyethylene_cell, Nonbonded(), rounded)
    whole = one.van_der_waals_kj_mol + one.electrostatic_kj_mol
    error = other.van_der_waals_kj_mol + other.electrostatic_kj_mol - whole
    assert np.abs(error).max() > 0.0
    assert np.abs(error).max() < 0.01 * np.abs(whole).mean()


def test_a_frame_that_is_not_finite_gives_nothing_and_leaves_the_others(polyethylene_cell: Cell) -> None:
    frames = np.tile(polyethylene_cell.positions_nm, (3, 1, 1))
    frames[1, 5, 2] = np.nan
    found = of(polyethylene_cell, Nonbonded(), frames)
    assert np.isnan(found.van_der_waals_kj_mol).tolist() == [False, True, False]
    assert found.electrostatic_kj_mol[0] == found.electrostatic_kj_mol[2]


def test_the_box_of_each_frame_counts(two_beside: Cell) -> None:
    """A chain and its images: what comes nearer holds together more firmly."""
    boxes = np.array([[12.0, 12.0, 12.0], [12.0, 12.0, 4.5]])
    frames = Frames(np.tile(two_beside.positions_nm, (2, 1, 1)), boxes, np.zeros(2))
    short = Nonbonded(cutoff_nm=2.0)
    found = cohesion(replace(two_beside, box_nm=boxes[1]), short, [frames])
    assert found.volume_nm3 == pytest.approx(boxes.prod(axis=1))
    assert found.van_der_waals_kj_mol[1] > found.van_der_waals_kj_mol[0]
