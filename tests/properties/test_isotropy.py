"""Liquids and melts pass the guard; crystals and cells whose molecules lie along each other do not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from beads import BOX_NM, N_BEADS, N_CHAINS, bead_cell, beads_nm
from lennard_jones import SIGMA_NM, argon_cell, temperature_k

from polyomics.cell.cell import Cell
from polyomics.errors import NotIsotropic
from polyomics.properties._isotropy import highest_bragg_peak, orientation, refuse_oriented
from polyomics.simulation import Simulation
from polyomics.trajectory import Trajectory

Write = Callable[..., Trajectory]


def atoms(n: int) -> Cell:
    """As many single atoms."""
    cell = bead_cell()
    return replace(
        cell,
        positions_nm=np.zeros((n, 3)),
        atomic_numbers=np.full(n, 18),
        masses_amu=np.full(n, 40.0),
        charges_e=np.zeros(n),
        molecule_of_atom=np.arange(n),
        unit_of_atom=np.zeros(n, dtype=int),
        template_atom=np.zeros(n, dtype=int),
        bonds=np.empty((0, 2), dtype=int),
    )


def crystal_nm(basis: list[list[float]], cells_a_side: int, displacement: float, n_frames: int = 6) -> np.ndarray:
    """Vibrating atoms of a cubic lattice that fills the box; the displacement is in units of the lattice constant."""
    edge = BOX_NM / cells_a_side
    corners = np.stack(np.meshgrid(*[np.arange(cells_a_side)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    lattice = ((corners + np.array(basis)) * edge).reshape(-1, 3)
    steps = np.random.default_rng(3).normal(scale=displacement * edge, size=(n_frames, *lattice.shape))
    moved: np.ndarray = lattice + steps
    return moved


def spheres_nm(n: int, diameter_nm: float) -> np.ndarray:
    """Places at random, none nearer to another than the diameter."""
    rng = np.random.default_rng(4)
    placed = np.empty((0, 3))
    while len(placed) < n:
        trial = rng.uniform(0.0, BOX_NM, 3)
        apart = placed - trial
        apart -= BOX_NM * np.round(apart / BOX_NM)
        if not len(placed) or np.linalg.norm(apart, axis=1).min() > diameter_nm:
            placed = np.vstack([placed, trial])
    return placed


FCC = [[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]]
BCC = [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]
AT_MELTING = 0.12 / np.sqrt(6.0)
"""Displacement of fcc atoms along an axis where they melt: 0.12 of the nearest distance in all (Lindemann)."""


def test_a_melt_of_chains_passes(stage: Write) -> None:
    refuse_oriented(Simulation(stage()), "thermal_conductivity")


def test_drawn_chains_are_refused_by_name_and_number(stage: Write) -> None:
    drawn = beads_nm() * np.array([1.0, 1.0, 4.0])
    with pytest.raises(NotIsotropic, match=r"thermal_conductivity .* nematic order of 0\.\d\d"):
        refuse_oriented(Simulation(stage(drawn)), "thermal_conductivity")


@pytest.mark.parametrize(("basis", "cells"), [(FCC, 3), (FCC, 6), (BCC, 5), ([[0.0, 0.0, 0.0]], 5)])
def test_a_crystal_near_melting_is_refused(stage: Write, basis: list[list[float]], cells: int) -> None:
    positions = crystal_nm(basis, cells, AT_MELTING)
    with pytest.raises(NotIsotropic, match="crystal"):
        refuse_oriented(Simulation(stage(positions, cell=atoms(positions.shape[1]))), "viscosity")


@pytest.mark.parametrize("n", [30, 108, 600])
def test_disorder_passes_also_where_it_is_frozen(stage: Write, n: int) -> None:
    places = spheres_nm(n, 0.8 * (BOX_NM**3 / n) ** (1.0 / 3.0))
    frozen = np.tile(places, (6, 1, 1))
    found = Simulation(stage(frozen, cell=atoms(n)))
    refuse_oriented(found, "viscosity")
    assert orientation(found).order is None


def test_small_molecules_that_lie_along_each_other_are_refused(stage: Write) -> None:
    """Dumbbells at random places: along one axis a nematic, in all directions a liquid."""
    n = N_CHAINS * N_BEADS // 2
    cell = replace(bead_cell(), molecule_of_atom=np.repeat(np.arange(n), 2), unit_of_atom=np.zeros(2 * n, dtype=int))
    rng = np.random.default_rng(2)
    for spread, is_isotropic in ((0.2, False), (100.0, True)):
        directions = np.array([0.0, 1.0, 0.0]) + rng.normal(scale=spread, size=(6, n, 3))
        directions *= 0.1 / np.linalg.norm(directions, axis=-1, keepdims=True)
        centres = rng.uniform(0.0, BOX_NM, (6, n, 3))
        positions = np.stack([centres - directions, centres + directions], axis=2).reshape(6, -1, 3)
        found = Simulation(stage(positions, cell=cell))
        if is_isotropic:
            refuse_oriented(found, "viscosity")
        else:
            with pytest.raises(NotIsotropic, match="nematic order"):
                refuse_oriented(found, "viscosity")


def test_the_height_of_a_bragg_peak_is_that_of_debye_and_waller() -> None:
    """S = N exp(-q² u²) at 111, whatever the origin and the wrapping."""
    displacement = 0.04
    frames = crystal_nm(FCC, 5, displacement, n_frames=20)
    edge = BOX_NM / 5
    q = 2.0 * np.pi * np.sqrt(3.0) / edge
    box = np.full(3, BOX_NM)
    shifted = [(frame + 0.1 * number + box * (number % 3), box) for number, frame in enumerate(frames)]
    height, q_found = highest_bragg_peak(shifted)
    assert q_found == pytest.approx(q)
    assert height == pytest.approx(500 * np.exp(-((q * displacement * edge) ** 2)), rel=0.05)


@pytest.mark.slow
def test_argon_passes_as_a_liquid_and_not_as_a_crystal(stage: Write) -> None:
    """Real dynamics: fcc argon kept cold stays a crystal, heated it melts."""
    import openmm

    cell = argon_cell(5, 0.8442)
    for reduced_k, is_isotropic in ((0.2, False), (1.5, True)):
        system = openmm.XmlSerializer.deserialize(cell.system_xml)
        force = next(iter(system.getForces()))
        force.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
        force.setCutoffDistance(2.5 * SIGMA_NM)
        integrator = openmm.LangevinMiddleIntegrator(temperature_k(reduced_k), 1.0, 0.005)
        context = openmm.Context(system, integrator, openmm.Platform.getPlatform("CPU"), {"Threads": "1"})
        context.setPositions(cell.positions_nm)
        integrator.step(4000)
        frames = []
        for _ in range(6):
            integrator.step(200)
            frames.append(context.getState(positions=True).getPositions(asNumpy=True)._value)
        scaled = np.array(frames) * BOX_NM / cell.box_nm
        found = Simulation(stage(scaled, cell=replace(cell, box_nm=np.full(3, BOX_NM))))
        if is_isotropic:
            refuse_oriented(found, "viscosity")
        else:
            with pytest.raises(NotIsotropic, match="crystal"):
                refuse_oriented(found, "viscosity")
