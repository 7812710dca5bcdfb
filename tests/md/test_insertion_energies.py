"""Energies of inserted molecules are those of the MD engine, and a fluid's chemical potential is the published one."""

import numpy as np
import openmm
import pytest
from lennard_jones import EPSILON_KJ_MOL, SIGMA_NM, argon_cell, temperature_k

from polyomics.analysis.guest_energies import Guest, Sites, Surroundings
from polyomics.analysis.insertion import insert, maps_of, oriented_nm, widom
from polyomics.cell.cell import Cell
from polyomics.cell.guests import GAS_NAMES, _particles_nm, atoms_of, gas_model, guest_of, with_guests
from polyomics.cell.packing import pack
from polyomics.chemistry import build_chain, parse_repeat_unit
from polyomics.forcefield.parameterize import parameterize
from polyomics.md.engine import Engine, Hardware, langevin
from polyomics.md.protocol import Nonbonded

CUTOFF_NM = 0.8
_X = [
    *(0.8623085097507421, 2.976218765822098, -8.402230115796038, 0.1054136629203555, -0.8564583828174598),
    *(1.582759470107601, 0.7639421948305453, 1.753173414312048, 2.798291772190376e3, -4.8394220260857657e-2),
    *(0.9963265197721935, -3.698000291272493e1, 2.084012299434647e1, 8.305402124717285e1, -9.574799715203068e2),
    *(-1.477746229234994e2, 6.398607852471505e1, 1.603993673294834e1, 6.805916615864377e1, -2.791293578795945e3),
    *(-6.245128304568454, -8.116836104958410e3, 1.488735559561229e1, -1.059346754655084e4, -1.131607632802822e2),
    *(-8.867771540418822e3, -3.986982844450543e1, -4.689270299917261e3, 2.593535277438717e2, -2.694523589434903e3),
    *(-7.218487631550215e2, 1.721802063863269e2),
]


def published_chemical_potential(t: float, rho: float) -> float:
    """Excess chemical potential of the Lennard-Jones fluid over ε, from the equation of state of Johnson, Zollweg and
    Gubbins 1993, DOI 10.1080/00268979300100411."""
    x = dict(enumerate(_X, start=1))
    a = [
        x[1] * t + x[2] * np.sqrt(t) + x[3] + x[4] / t + x[5] / t**2,
        x[6] * t + x[7] + x[8] / t + x[9] / t**2,
        x[10] * t + x[11] + x[12] / t,
        x[13],
        x[14] / t + x[15] / t**2,
        x[16] / t,
        x[17] / t + x[18] / t**2,
        x[19] / t**2,
    ]
    b = [
        x[20] / t**2 + x[21] / t**3,
        x[22] / t**2 + x[23] / t**4,
        x[24] / t**2 + x[25] / t**3,
        x[26] / t**2 + x[27] / t**4,
        x[28] / t**2 + x[29] / t**3,
        x[30] / t**2 + x[31] / t**3 + x[32] / t**4,
    ]
    gamma = 3.0
    damped = np.exp(-gamma * rho**2)
    g = [(1.0 - damped) / (2.0 * gamma)]
    for power in range(1, 6):
        g.append(-(damped * rho ** (2 * power) - 2 * power * g[-1]) / (2.0 * gamma))
    helmholtz = sum(a[i] * rho ** (i + 1) / (i + 1) for i in range(8)) + sum(b[i] * g[i] for i in range(6))
    pressure = rho * t + sum(a[i] * rho ** (i + 2) for i in range(8))
    pressure += damped * sum(b[i] * rho ** (2 * i + 3) for i in range(6))
    return float(helmholtz + pressure / rho - t)


@pytest.fixture(scope="module")
def polar_cell() -> Cell:
    """Two chains of poly(vinyl acetate), charged, loosely packed."""
    unit = parse_repeat_unit("*CC(*)OC(C)=O")
    chains = [build_chain(unit, 6, seed=seed) for seed in (1, 2)]
    return pack(chains, parameterize(chains[0], charges="gasteiger"), density_g_cm3=0.15, seed=3)


def engine_energies_kj_mol(xml: str, box_nm: np.ndarray, positions_nm: list[np.ndarray]) -> np.ndarray:
    """Non-bonded energies by OpenMM, without the tail, electrostatics by Ewald's sum."""
    system = openmm.XmlSerializer.deserialize(xml)
    for index in reversed(range(system.getNumForces())):
        if not isinstance(system.getForce(index), openmm.NonbondedForce):
            system.removeForce(index)
    force = system.getForce(0)
    force.setNonbondedMethod(openmm.NonbondedForce.Ewald)
    force.setUseDispersionCorrection(False)
    force.setCutoffDistance(CUTOFF_NM)
    force.setEwaldErrorTolerance(1e-6)
    system.setDefaultPeriodicBoxVectors(*np.diag(box_nm))
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))
    energies = []
    for positions in positions_nm:
        context.setPositions(positions)
        energy = context.getState(energy=True).getPotentialEnergy()
        energies.append(energy.value_in_unit(openmm.unit.kilojoule_per_mole))
    return np.array(energies)


def without_polymer(xml: str, n_atoms: int) -> str:
    """The same forces with the cell's own atoms switched off."""
    system = openmm.XmlSerializer.deserialize(xml)
    force = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    for index in range(n_atoms):
        force.setParticleParameters(index, 0.0, 0.1, 0.0)
    for index in range(force.getNumExceptions()):
        one, other, *_ = force.getExceptionParameters(index)
        force.setExceptionParameters(index, one, other, 0.0, 0.1, 0.0)
    return openmm.XmlSerializer.serialize(system)


@pytest.mark.parametrize("name", GAS_NAMES)
def test_the_energy_of_an_inserted_molecule_is_the_difference_of_two_engine_energies(
    polar_cell: Cell, name: str
) -> None:
    """With it, without it, and it alone with its own images, which it is not to see."""
    gas, guest = gas_model(name), guest_of(gas_model(name))
    surroundings = Surroundings(polar_cell.positions_nm, polar_cell.box_nm, atoms_of(polar_cell), CUTOFF_NM)
    rng = np.random.default_rng(1)
    cubes = maps_of(surroundings, guest, 50.0)[guest.reference].cubes
    sites_nm = oriented_nm(guest, cubes.points_nm(60, rng), rng)
    mine = surroundings.energies_kj_mol(sites_nm, guest.sites)
    sites_nm = sites_nm[np.argsort(mine)[:3]]
    mine = surroundings.energies_kj_mol(sites_nm, guest.sites) - surroundings.tail_kj_mol(guest.sites)
    particles = [_particles_nm(gas, one) for one in sites_nm]
    both = with_guests(polar_cell, gas, np.array(particles[:1]))
    joined = [np.concatenate([polar_cell.positions_nm, one]) for one in particles]
    expected = engine_energies_kj_mol(both.system_xml, polar_cell.box_nm, joined)
    expected -= engine_energies_kj_mol(polar_cell.system_xml, polar_cell.box_nm, [polar_cell.positions_nm])
    alone = without_polymer(both.system_xml, polar_cell.n_atoms)
    expected -= engine_energies_kj_mol(alone, polar_cell.box_nm, joined)
    assert np.abs(expected).max() > 0.5
    assert mine == pytest.approx(expected, rel=1e-4, abs=2e-5)


def test_the_tail_is_that_of_the_engine() -> None:
    """OpenMM's correction for N + 1 like atoms less that for N is twice the mean-field energy of one, to order 1/N.

    An atom beside N others: E(N) = N² c/V, so the difference is (2 N + 1) c/V, and one atom's tail with N is 2 N c/V.
    """
    cell = argon_cell(4, 0.5)
    surroundings = Surroundings(cell.positions_nm, cell.box_nm, atoms_of(cell), 0.9)
    system = openmm.XmlSerializer.deserialize(cell.system_xml)
    force = system.getForce(0)
    force.setCutoffDistance(0.9)
    energies = []
    for corrected in (True, False):
        force.setUseDispersionCorrection(corrected)
        context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))
        context.setPositions(cell.positions_nm)
        energy = context.getState(energy=True).getPotentialEnergy()
        energies.append(energy.value_in_unit(openmm.unit.kilojoule_per_mole))
    of_cell = energies[0] - energies[1]
    assert surroundings.tail_kj_mol(argon_atom().sites) == pytest.approx(2 * of_cell / cell.n_atoms, rel=1e-6)


def argon_atom() -> Guest:
    return Guest(np.zeros((1, 3)), Sites(np.array([SIGMA_NM]), np.array([EPSILON_KJ_MOL]), np.zeros(1)))


def argon_frames(n_cells: int, density: float, reduced_k: float, n_frames: int, spacing: int) -> list[tuple]:
    """Frames of fluid argon by Langevin dynamics, and the box."""
    cell = argon_cell(n_cells, density)
    engine = Engine(cell, Nonbonded(cutoff_nm=CUTOFF_NM, pme_force_error=5e-3), Hardware(platform="CPU", threads=1))
    system = engine.system()
    force = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    force.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
    context = engine.context(system, langevin(temperature_k(reduced_k), 2.0, 10.0, 5), cell.box_nm)
    context.setPositions(cell.positions_nm)
    context.setVelocitiesToTemperature(temperature_k(reduced_k), 3)
    context.getIntegrator().step(1000)
    frames = []
    for _ in range(n_frames):
        context.getIntegrator().step(spacing)
        positions = context.getState(positions=True).getPositions(asNumpy=True)
        frames.append(positions.value_in_unit(openmm.unit.nanometer))
    return [cell, frames]


def excess_chemical_potential(density: float, reduced_k: float, n_cells: int, n_frames: int, spacing: int):
    cell, frames = argon_frames(n_cells, density, reduced_k, n_frames, spacing)
    argon, atoms = argon_atom(), atoms_of(cell)
    kelvin = temperature_k(reduced_k)
    inserted = [
        insert(Surroundings(frame, cell.box_nm, atoms, CUTOFF_NM), argon, 3000, 150, kelvin, np.random.default_rng(i))
        for i, frame in enumerate(frames)
    ]
    return widom(inserted, kelvin)


def test_the_published_equation_of_state_has_the_second_virial_coefficient_of_the_potential() -> None:
    """A check of how it is written down here: μ_ex = 2 kT B ρ at low density."""
    from scipy.integrate import quad

    for t in (1.2, 2.0, 5.0):
        virial = -2.0 * np.pi * quad(lambda r, t=t: r**2 * np.expm1(-4.0 * (r**-12 - r**-6) / t), 0.3, 60, limit=400)[0]
        virial += 2.0 * np.pi * 0.3**3 / 3.0
        assert published_chemical_potential(t, 1e-5) / 2e-5 / t == pytest.approx(virial, rel=0.02, abs=0.02)


def test_the_chemical_potential_of_fluid_argon_is_the_published_one() -> None:
    found = excess_chemical_potential(0.5, 2.0, 3, 40, 50).chemical_potential_kj_mol
    expected = published_chemical_potential(2.0, 0.5)
    assert found.stderr / EPSILON_KJ_MOL < 0.25
    assert found.mean / EPSILON_KJ_MOL == pytest.approx(expected, abs=4 * found.stderr / EPSILON_KJ_MOL)


@pytest.mark.slow
@pytest.mark.parametrize(("density", "reduced_k"), [(0.5, 1.5), (0.5, 2.0), (0.7, 1.5)])
def test_the_chemical_potential_of_dense_argon_is_the_published_one(density: float, reduced_k: float) -> None:
    result = excess_chemical_potential(density, reduced_k, 4, 400, 100)
    found = result.chemical_potential_kj_mol
    assert found.stderr / EPSILON_KJ_MOL < 0.06
    expected = published_chemical_potential(reduced_k, density)
    assert found.mean / EPSILON_KJ_MOL == pytest.approx(expected, abs=3 * found.stderr / EPSILON_KJ_MOL + 0.02)
