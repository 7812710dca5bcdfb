"""Dielectric constants and refractive index of fluids that are known."""

from dataclasses import replace

import mdtraj
import numpy as np
import pytest
from beads import BOX_NM, CONTEXT, N_FRAMES, bead_cell, fluctuating, measure

from polyomics.cell.cell import Cell
from polyomics.errors import NotEnoughData
from polyomics.units import VACUUM_PERMITTIVITY_F_M

N_DIPOLES, LENGTH_NM, CHARGE_E = 75, 0.2, 0.5


def dumbbells() -> Cell:
    """75 molecules of two opposite charges."""
    return replace(
        bead_cell(),
        charges_e=np.tile([CHARGE_E, -CHARGE_E], N_DIPOLES),
        molecule_of_atom=np.repeat(np.arange(N_DIPOLES), 2),
        unit_of_atom=np.tile([-1, 0], N_DIPOLES),
        bonds=np.arange(2 * N_DIPOLES).reshape(-1, 2),
    )


def turning_nm(n_frames: int = N_FRAMES) -> np.ndarray:
    """New directions and places in every frame; molecules lie across the boundary."""
    rng = np.random.default_rng(8)
    ends = rng.normal(size=(n_frames, N_DIPOLES, 3))
    ends *= LENGTH_NM / np.linalg.norm(ends, axis=-1, keepdims=True)
    centres = rng.uniform(-BOX_NM, 2 * BOX_NM, (n_frames, N_DIPOLES, 3))
    return np.stack([centres, centres + ends], axis=2).reshape(n_frames, -1, 3)


def expected() -> float:
    """1 + N μ² / (3 ε0 V k_B T)."""
    moment_c_m = CHARGE_E * 1.602176634e-19 * LENGTH_NM * 1e-9
    thermal_j = 1.380649e-23 * CONTEXT.temperature_k
    return 1 + N_DIPOLES * moment_c_m**2 / (3 * VACUUM_PERMITTIVITY_F_M * BOX_NM**3 * 1e-27 * thermal_j)


def test_a_fluid_of_turning_dipoles(simulation) -> None:
    (found,) = measure("dielectric_constant_dipolar", simulation(turning_nm(), cell=dumbbells()))
    assert found.value == pytest.approx(expected(), abs=4 * found.stderr)
    assert found.stderr == pytest.approx((expected() - 1) * np.sqrt(2 / (3 * N_FRAMES)), rel=0.2)
    assert found.flags == ()


def test_agrees_with_mdtraj(simulation) -> None:
    """mdtraj makes molecules whole and divides by the number of frames, not by one less."""
    run = simulation(turning_nm(), cell=dumbbells())
    topology = mdtraj.Topology()
    for _ in range(N_DIPOLES):
        residue = topology.add_residue("UNK", topology.add_chain())
        for _ in range(2):
            topology.add_atom("C", mdtraj.element.carbon, residue)
    positions = np.concatenate([frames.positions_nm for frames in run.sample.chunks()])
    trajectory = mdtraj.Trajectory(
        positions,
        topology,
        unitcell_lengths=np.full((len(positions), 3), BOX_NM),
        unitcell_angles=np.full((len(positions), 3), 90.0),
    )
    theirs = mdtraj.geometry.static_dielectric(trajectory, run.cell.charges_e, CONTEXT.temperature_k)
    (ours,) = measure("dielectric_constant_dipolar", run)
    assert ours.value - 1 == pytest.approx(theirs - 1, rel=0.01)


def test_a_glass_of_dipoles_is_flagged(simulation) -> None:
    """Frozen directions that shake: the run cannot know what they would do in a melt."""
    shaking = turning_nm(1) + 0.01 * np.random.default_rng(9).normal(size=(N_FRAMES, 2 * N_DIPOLES, 3))
    run = simulation(shaking, cell=dumbbells())
    for name in ("dielectric_constant_dipolar", "dielectric_constant_static"):
        (found,) = measure(name, run)
        assert "dipoles_not_relaxed" in found.flags
    (found,) = measure("dielectric_constant_dipolar", run)
    assert found.value - 1 < 0.1 * (expected() - 1)


def test_ions_are_refused(simulation) -> None:
    charges = np.tile([0.5, -0.4], N_DIPOLES)
    with pytest.raises(NotEnoughData, match="net charge"):
        measure("dielectric_constant_dipolar", simulation(turning_nm(12), cell=replace(dumbbells(), charges_e=charges)))


def test_beads_without_charges_are_refused(simulation) -> None:
    with pytest.raises(NotEnoughData, match="charges"):
        measure("dielectric_constant_dipolar", simulation(cell=replace(bead_cell(), charges_e=np.zeros(150))))


def test_static_is_dipolar_plus_electronic(simulation) -> None:
    run = simulation(turning_nm(), cell=dumbbells())
    (static,), (dipolar,), (index,) = (
        measure(name, run) for name in ("dielectric_constant_static", "dielectric_constant_dipolar", "refractive_index")
    )
    assert static.value == dipolar.value - 1 + index.value**2
    assert static.stderr == pytest.approx(np.hypot(dipolar.stderr, 2 * index.value * index.stderr))
    assert "additive_refraction" in static.flags


def test_refractive_index_of_a_known_volume(simulation) -> None:
    """Lorentz and Lorenz backwards: (n² - 1) / (n² + 2) N_A V is the molar refraction."""

    def breathing(table: dict[str, np.ndarray]) -> None:
        edge = np.cbrt(5.0 + 0.05 * fluctuating(N_FRAMES, 3, seed=4))
        for axis in "xyz":
            table[f"box_{axis}_nm"] = edge

    (found,) = measure("refractive_index", simulation(change_thermo=breathing))
    squared = found.value**2
    assert (squared - 1) / (squared + 2) * 5.0e-21 * 6.02214076e23 == pytest.approx(4.6 * 150, rel=5e-3)
    assert found.flags == ("additive_refraction",)
    slope = (found.value**2 - 1) * (squared + 2) / (6 * found.value)
    assert found.stderr == pytest.approx(slope * 0.01 / np.sqrt(50), rel=0.4)


def test_an_unknown_refraction_is_a_failure(simulation) -> None:
    run = simulation(cell=replace(bead_cell(), molar_refractivity_cm3_mol=None))
    for name in ("refractive_index", "dielectric_constant_static"):
        with pytest.raises(NotEnoughData, match="molar refraction"):
            measure(name, run)
