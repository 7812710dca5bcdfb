"""Dipoles whose dielectric constant is known, and another program's."""

import mdtraj
import numpy as np
import pytest

from polyomics.analysis.dielectric import check_neutral, dielectric_constant, dipole_moments_e_nm, refractive_index
from polyomics.errors import NotEnoughData

VOLUME_NM3, TEMPERATURE_K = 30.0, 350.0
N_DIPOLES, DIPOLE_E_NM = 200, 0.04
EXPECTED = 1 + N_DIPOLES * (DIPOLE_E_NM * 1.602176634e-28) ** 2 / (
    3 * 8.8541878128e-12 * VOLUME_NM3 * 1e-27 * 1.380649e-23 * TEMPERATURE_K
)
"""1 + N μ² / (3 ε0 V k_B T), independent dipoles of fixed length."""


def free_dipoles(n_frames: int, rng: np.random.Generator) -> np.ndarray:
    """Dipole of the cell when every molecule has a new direction in every frame."""
    directions = rng.normal(size=(n_frames, N_DIPOLES, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return DIPOLE_E_NM * directions.sum(axis=1)


def slow(n_frames: int, correlation_frames: float, rng: np.random.Generator) -> np.ndarray:
    """A dipole of the same variance as `free_dipoles` that takes its time."""
    decay = np.exp(-1 / correlation_frames)
    moments = rng.normal(size=(n_frames, 3))
    for number in range(1, n_frames):
        moments[number] = decay * moments[number - 1] + np.sqrt(1 - decay**2) * moments[number]
    return moments * DIPOLE_E_NM * np.sqrt(N_DIPOLES / 3)


def test_free_dipoles() -> None:
    rng = np.random.default_rng(1)
    runs = [dielectric_constant(free_dipoles(100, rng), VOLUME_NM3, TEMPERATURE_K) for _ in range(100)]
    values = np.array([run.mean for run in runs])
    assert EXPECTED > 2
    assert values.mean() == pytest.approx(EXPECTED, abs=4 * values.std() / np.sqrt(len(runs)))
    assert np.mean([run.stderr for run in runs]) == pytest.approx(values.std(), rel=0.2)
    assert np.mean(["dipoles_not_relaxed" in run.flags for run in runs]) < 0.06


def test_a_finite_run_of_slow_dipoles_is_not_biased() -> None:
    """Twenty independent samples; the plain variance would be 5 % short."""
    rng = np.random.default_rng(2)
    runs = [dielectric_constant(slow(600, 15, rng), VOLUME_NM3, TEMPERATURE_K) for _ in range(100)]
    values = np.array([run.mean for run in runs]) - 1
    assert values.mean() == pytest.approx(EXPECTED - 1, abs=4 * values.std() / np.sqrt(len(runs)) + 0.03)
    assert np.mean([run.stderr for run in runs]) == pytest.approx(values.std(), rel=0.3)


def test_slow_dipoles_are_flagged() -> None:
    found = dielectric_constant(slow(400, 40, np.random.default_rng(3)), VOLUME_NM3, TEMPERATURE_K)
    assert "dipoles_not_relaxed" in found.flags


def test_a_frozen_dipole_that_shakes_is_flagged() -> None:
    """The shaking alone looks relaxed; a mean that is not zero gives it away."""
    rng = np.random.default_rng(4)
    frozen = 0.1 * free_dipoles(300, rng) + free_dipoles(1, rng)
    found = dielectric_constant(frozen, VOLUME_NM3, TEMPERATURE_K)
    assert "dipoles_not_relaxed" in found.flags
    assert found.mean - 1 == pytest.approx(0.01 * (EXPECTED - 1), rel=0.3)


def test_scales_with_temperature_and_volume() -> None:
    moments = free_dipoles(100, np.random.default_rng(5))
    one, other = dielectric_constant(moments, 30.0, 300.0), dielectric_constant(moments, 60.0, 450.0)
    assert one.mean - 1 == pytest.approx(3 * (other.mean - 1))
    assert one.stderr == pytest.approx(3 * other.stderr)


@pytest.mark.parametrize("n_frames", [1, 2])
def test_no_variance_without_frames(n_frames: int) -> None:
    with pytest.raises(NotEnoughData):
        dielectric_constant(free_dipoles(n_frames, np.random.default_rng(6)), VOLUME_NM3, TEMPERATURE_K)


def test_no_dipoles_no_constant() -> None:
    with pytest.raises(NotEnoughData, match="charges"):
        dielectric_constant(np.zeros((50, 3)), VOLUME_NM3, TEMPERATURE_K)
    with pytest.raises(NotEnoughData, match="not finite"):
        dielectric_constant(np.full((50, 3), np.nan), VOLUME_NM3, TEMPERATURE_K)


def test_a_charged_molecule_is_refused() -> None:
    check_neutral(np.array([0.3, -0.3, 0.5, -0.5]), np.array([0, 0, 1, 1]))
    with pytest.raises(NotEnoughData, match="molecule 1"):
        check_neutral(np.array([0.3, -0.3, 0.5, -0.4]), np.array([0, 0, 1, 1]))


def test_agrees_with_mdtraj() -> None:
    """Molecules smaller than half the box, which mdtraj makes whole about the first atom of a residue.

    Its dipoles point from plus to minus, ours from minus to plus, which no variance shows. It divides the plain
    variance by the number of frames; ours is about a hundredth larger with a hundred frames.
    """
    rng = np.random.default_rng(7)
    n_frames, n_molecules = 100, 40
    shapes = rng.normal(scale=0.1, size=(n_frames, n_molecules, 3, 3))
    positions = (shapes + rng.uniform(0, 3.1, (n_frames, n_molecules, 1, 3))).reshape(n_frames, -1, 3)
    charges = np.tile([0.4, -0.7, 0.3], n_molecules)
    topology = mdtraj.Topology()
    for _ in range(n_molecules):
        residue = topology.add_residue("UNK", topology.add_chain())
        for _ in range(3):
            topology.add_atom("C", mdtraj.element.carbon, residue)
    edges = np.full((n_frames, 3), VOLUME_NM3 ** (1 / 3))
    trajectory = mdtraj.Trajectory(
        positions, topology, unitcell_lengths=edges, unitcell_angles=np.full((n_frames, 3), 90.0)
    )
    theirs = mdtraj.geometry.static_dielectric(trajectory, charges, TEMPERATURE_K)
    moments = dipole_moments_e_nm(positions, charges)
    ours = dielectric_constant(moments, VOLUME_NM3, TEMPERATURE_K)
    assert theirs > 1.5
    assert ours.mean - 1 == pytest.approx(theirs - 1, rel=0.02)
    np.testing.assert_allclose(mdtraj.geometry.dipole_moments(trajectory, charges), -moments, atol=1e-4)


def test_dipoles_do_not_depend_on_the_origin() -> None:
    rng = np.random.default_rng(8)
    positions, charges = rng.normal(size=(4, 10, 3)), np.tile([0.2, -0.2], 5)
    np.testing.assert_allclose(
        dipole_moments_e_nm(positions, charges),
        dipole_moments_e_nm(positions + np.array([9.0, -3.0, 70.0]), charges),
        atol=1e-9,
    )


def test_refractive_index_of_water() -> None:
    """R = 3.71 cm³/mol in 18.07 cm³/mol at 25 °C is 1.333."""
    assert refractive_index(3.71, 18.07 / 0.602214076 * 1e-3) == pytest.approx(1.333, abs=0.002)


def test_refractive_index_in_thin_and_impossible_matter() -> None:
    """n - 1 goes to 3/2 R / V; a molecule that is all electrons has no index."""
    thin_nm3 = 1e4
    ratio = 10.0 / (thin_nm3 * 0.602214076e3)
    assert refractive_index(10.0, thin_nm3) - 1 == pytest.approx(1.5 * ratio, rel=1e-2)
    with pytest.raises(NotEnoughData, match="density"):
        refractive_index(10.0, 0.016)
