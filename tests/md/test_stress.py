"""The stress is the derivative of the energy, with the kinetic part of whole molecules; tension is positive."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import openmm
import pytest
from lennard_jones import EPSILON_KJ_MOL, MASS_AMU, SIGMA_NM, argon_cell
from openmm import unit

from polyomics.cell.cell import Cell
from polyomics.md.engine import Engine, Hardware, langevin, masses_amu, nonbonded_force
from polyomics.md.protocol import Nonbonded
from polyomics.md.stress import COMPONENTS, stress_bar, stress_meter
from polyomics.units import BOLTZMANN_J_K, KJ_MOL_NM3_IN_BAR

ELEMENTS = [tuple("xyz".index(axis) for axis in name) for name in COMPONENTS]
BETWEEN_SHELLS_NM = 0.9
"""A cut-off midway between two shells of an argon crystal of reduced density 1: no pair is near it."""


class Measured:
    """A cell with a meter, standing still."""

    def __init__(self, cell: Cell, cutoff_nm: float, platform: str = "Reference", temperature_k: float = 90.0) -> None:
        engine = Engine(cell, Nonbonded(cutoff_nm=cutoff_nm), Hardware(platform=platform, threads=1))
        system = engine.system()
        if cell.n_molecules < cell.n_atoms:  # their pairs are at all distances; a jump at the cut-off would be noise
            nonbonded_force(system).setUseSwitchingFunction(True)
            nonbonded_force(system).setSwitchingDistance(cutoff_nm - 0.2)
        self.meter, self.isotropic = stress_meter(), openmm.MonteCarloBarostat(0.0, 300.0, 0, True)
        system.addForce(self.meter)
        system.addForce(self.isotropic)
        self.cell, self.context = cell, engine.context(system, langevin(300, 1, 2, 1), cell.box_nm)
        self.context.setPositions(cell.positions_nm)
        self.context.applyConstraints(1e-8)
        self.context.setVelocitiesToTemperature(temperature_k, 5)
        self.masses = masses_amu(system)

    def stress_bar(self) -> np.ndarray:
        return stress_bar(self.context, self.meter)

    def pressure_bar(self) -> float:
        return self.isotropic.computeCurrentPressure(self.context).value_in_unit(unit.bar)

    def state(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        state = self.context.getState(positions=True, velocities=True)
        return (
            state.getPositions(asNumpy=True).value_in_unit(unit.nanometer),
            state.getVelocities(asNumpy=True).value_in_unit(unit.nanometer / unit.picosecond),
            state.getPeriodicBoxVectors(asNumpy=True).value_in_unit(unit.nanometer),
        )

    def energy(self, positions: np.ndarray, box: np.ndarray) -> float:
        self.context.setPeriodicBoxVectors(*box)
        self.context.setPositions(positions)
        return self.context.getState(energy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)

    def centres(self, vectors: np.ndarray, weights: np.ndarray) -> np.ndarray:
        molecule = self.cell.molecule_of_atom
        sums = np.array([np.bincount(molecule, weights * column) for column in vectors.T]).T
        return sums / np.bincount(molecule, weights)[:, None]

    def derivative_bar(self, step: float = 1e-3) -> np.ndarray:
        """The stress from energies of strained cells, and velocities of centres of mass.

        Molecules keep their shape, and how they lie to a box under a symmetric shear: box and molecules are then turned
        until the first edge lies along x.
        """
        positions, velocities, box = self.state()
        centroids = self.centres(positions, np.ones(len(positions)))
        momenta = self.centres(velocities, self.masses)
        kinetic = -(momenta * np.bincount(self.cell.molecule_of_atom, self.masses)[:, None]).T @ momenta
        found = []
        for row, column in ELEMENTS:
            energies = []
            for strain in (step, -step):
                gradient = np.eye(3)
                gradient[row, column] += strain
                turn = np.eye(3)
                if row != column:
                    turn[row, column], turn[column, row] = strain / 2, -strain / 2
                    turn, _ = np.linalg.qr(turn)
                    turn *= np.sign(np.diag(turn))
                inside = positions - centroids[self.cell.molecule_of_atom]
                moved = (centroids @ gradient.T)[self.cell.molecule_of_atom] + inside @ turn.T
                energies.append(self.energy(moved, box @ gradient.T))
            found.append((energies[0] - energies[1]) / (2 * step) + kinetic[row, column])
        self.energy(positions, box)
        return np.array(found) / np.linalg.det(box) * KJ_MOL_NM3_IN_BAR


@pytest.fixture(scope="module")
def chains_cell(polyethylene_cell: Cell) -> Cell:
    """Two chains of polyethylene, relaxed where they were packed."""
    engine = Engine(polyethylene_cell, Nonbonded(cutoff_nm=0.6), Hardware(platform="CPU", threads=1))
    context = engine.context(engine.system(), langevin(400, 5, 2, 1), polyethylene_cell.box_nm)
    context.setPositions(polyethylene_cell.positions_nm)
    openmm.LocalEnergyMinimizer.minimize(context, 50, 100)
    positions, box = context.getState(positions=True).getPositions(asNumpy=True)._value, polyethylene_cell.box_nm
    return replace(polyethylene_cell, positions_nm=np.array(positions), box_nm=box)


def crystal(density_reduced: float = 1.0) -> Cell:
    return argon_cell(4, density_reduced)


CELLS: dict[str, Callable[[Cell], Measured]] = {
    "argon": lambda chains: Measured(crystal(), BETWEEN_SHELLS_NM),
    "chains": lambda chains: Measured(chains, 0.9, temperature_k=300),
}


@pytest.mark.parametrize("name", CELLS)
def test_it_is_the_derivative_of_the_energy_in_all_six_strains(name: str, chains_cell: Cell) -> None:
    measured = CELLS[name](chains_cell)
    expected = measured.derivative_bar()
    assert measured.stress_bar() == pytest.approx(expected, abs=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("name", CELLS)
def test_its_trace_is_the_pressure(name: str, chains_cell: Cell) -> None:
    measured = CELLS[name](chains_cell)
    # Finite differences of different strains: they differ in the third order, and in pairs that cross the cut-off.
    assert -measured.stress_bar()[:3].mean() == pytest.approx(measured.pressure_bar(), rel=5e-4, abs=0.5)


def test_it_is_the_virial_of_pairs() -> None:
    """A sum over pairs, which knows nothing of energies of strained cells."""
    measured = Measured(crystal(), BETWEEN_SHELLS_NM)
    positions, velocities, box = measured.state()
    volume, n_atoms = float(np.linalg.det(box)), len(positions)
    first, second = np.triu_indices(n_atoms, 1)
    apart = positions[first] - positions[second]
    apart -= np.diag(box) * np.round(apart / np.diag(box))
    squared = (apart**2).sum(axis=1)
    near = squared < BETWEEN_SHELLS_NM**2
    apart, sixth = apart[near], (SIGMA_NM**2 / squared[near]) ** 3
    slope_over_r = 4 * EPSILON_KJ_MOL * (6 * sixth - 12 * sixth**2) / squared[near]
    tensor = (apart * slope_over_r[:, None]).T @ apart - MASS_AMU * velocities.T @ velocities
    inverse = SIGMA_NM / BETWEEN_SHELLS_NM
    tail = 8 * np.pi * n_atoms**2 / volume * EPSILON_KJ_MOL * SIGMA_NM**3 * (inverse**9 / 9 - inverse**3 / 3)
    tensor -= np.eye(3) * tail
    expected = np.array([tensor[element] for element in ELEMENTS]) / volume * KJ_MOL_NM3_IN_BAR
    assert measured.stress_bar() == pytest.approx(expected, rel=1e-4, abs=0.5)


def test_a_squeezed_crystal_pushes_and_a_stretched_one_pulls() -> None:
    squeezed, stretched = (Measured(crystal(density), cutoff, temperature_k=1).stress_bar()[:3]
                           for density, cutoff in ((1.25, 0.83), (1.0, BETWEEN_SHELLS_NM)))  # fmt: skip
    assert (squeezed < -5000).all()
    assert (stretched > 500).all()


def test_an_ideal_gas_pushes_with_the_pressure_of_the_gas_law() -> None:
    """And with that alone, on average over velocities: nothing is between its atoms."""
    cell = argon_cell(8, 0.3)
    system = openmm.XmlSerializer.deserialize(cell.system_xml)
    for index in range(cell.n_atoms):
        system.getForce(0).setParticleParameters(index, 0.0, SIGMA_NM, 0.0)
    gas = Measured(replace(cell, system_xml=openmm.XmlSerializer.serialize(system)), 0.7, temperature_k=200)
    stress = gas.stress_bar()
    expected = -cell.n_atoms * BOLTZMANN_J_K * 200 / np.prod(cell.box_nm * 1e-9) / 1e5
    assert stress[:3].mean() == pytest.approx(expected, rel=5 * np.sqrt(2 / (3 * cell.n_atoms)))
    assert np.abs(stress[3:]).max() < 5 * abs(expected) / np.sqrt(cell.n_atoms)


def test_swapping_axes_swaps_components(chains_cell: Cell) -> None:
    """In a cube, a cell whose axes are renamed has the stress with its components renamed."""
    one = Measured(crystal(), BETWEEN_SHELLS_NM)
    stress = one.stress_bar()
    positions, velocities, _ = one.state()
    one.context.setPositions(positions[:, [1, 2, 0]])
    one.context.setVelocities(velocities[:, [1, 2, 0]])
    # The new x is the old y, y the old z, z the old x.
    assert one.stress_bar() == pytest.approx(stress[[1, 2, 0, 5, 3, 4]], abs=1e-3)


def test_the_box_may_be_triclinic(chains_cell: Cell) -> None:
    measured = Measured(chains_cell, 0.6, temperature_k=300)
    positions, _, box = measured.state()
    gradient = np.eye(3)
    gradient[0, 1], gradient[1, 2] = 0.05, -0.03
    measured.energy(positions @ gradient.T, box @ gradient.T)
    expected = measured.derivative_bar()
    assert measured.stress_bar() == pytest.approx(expected, abs=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_measuring_changes_nothing(platform: str, chains_cell: Cell) -> None:
    """To the last bit, so that a run that is measured is the run that is not."""
    ends = []
    for often in (False, True):
        measured = Measured(chains_cell, 0.6, platform, temperature_k=300)
        for _ in range(4):
            if often:
                before = measured.state()
                measured.stress_bar()
                assert all(np.array_equal(*pair) for pair in zip(before, measured.state(), strict=True))
            measured.context.getIntegrator().step(5)
        ends.append(measured.state())
    assert np.abs(ends[0][0] - ends[1][0]).max() < (1e-12 if platform == "Reference" else 1e-5)
