"""Torsion angles made by hand, with their signs."""

import mdtraj
import numpy as np
import pytest

from polyomics.analysis.torsions import count_torsions, is_trans, torsions_deg


def butane(angle_deg: float) -> np.ndarray:
    """Four carbons, looked at along z from the second to the third: the first above the axis, the fourth turned
    clockwise by the angle, as seen by the reader, for whom x is right if y is up and z points away from... the left.

    With z pointing away and y up, x points left in a right-handed frame, so clockwise is towards -x.
    """
    angle = np.radians(angle_deg)
    return np.array([[0, 0.14, -0.05], [0, 0, 0], [0, 0, 0.15], [-0.14 * np.sin(angle), 0.14 * np.cos(angle), 0.2]])


@pytest.mark.parametrize("angle_deg", [-179.0, -120.0, -60.0, -1.0, 0.0, 60.0, 90.0, 120.0, 179.0])
def test_butane(angle_deg: float) -> None:
    """Clockwise is positive; the angle is the same from the other end and changes sign in the mirror."""
    atoms = butane(angle_deg)[None]
    forward, backward = np.array([[0, 1, 2, 3]]), np.array([[3, 2, 1, 0]])
    assert torsions_deg(atoms, forward)[0, 0] == pytest.approx(angle_deg, abs=1e-9)
    assert torsions_deg(atoms, backward)[0, 0] == pytest.approx(angle_deg, abs=1e-9)
    assert torsions_deg(-atoms, forward)[0, 0] == pytest.approx(-angle_deg, abs=1e-9)


def test_trans_is_180_of_either_sign() -> None:
    assert abs(torsions_deg(butane(180.0)[None], np.array([[0, 1, 2, 3]]))[0, 0]) == pytest.approx(180.0)
    states = is_trans(np.array([180.0, -180.0, 121.0, -121.0, 119.0, -119.0, 60.0, 0.0]))
    assert states.tolist() == [True] * 4 + [False] * 4


def test_angles_are_those_of_mdtraj() -> None:
    rng = np.random.default_rng(1)
    topology = mdtraj.Topology()
    residue = topology.add_residue("X", topology.add_chain())
    for number in range(40):
        topology.add_atom(f"C{number}", mdtraj.element.carbon, residue)
    positions = rng.normal(size=(5, 40, 3))
    quadruples = np.array([rng.choice(40, 4, replace=False) for _ in range(30)])
    expected = mdtraj.compute_dihedrals(mdtraj.Trajectory(positions, topology), quadruples, periodic=False)
    found = torsions_deg(positions.astype(np.float32), quadruples)
    off = (found - np.degrees(expected) + 180.0) % 360.0 - 180.0
    assert np.abs(off).max() < 0.05


def test_counts_hold_every_torsion_of_every_chain() -> None:
    angles = np.random.default_rng(2).uniform(-180, 180, size=(7, 3, 11))
    counts = count_torsions(angles, 36)
    assert counts.sum(axis=1).tolist() == [77, 77, 77]
    for chain in range(3):
        expected, _ = np.histogram(angles[:, chain], bins=36, range=(-180, 180))
        assert counts[chain].tolist() == expected.tolist()
    assert count_torsions(np.array([[[180.0, -180.0]]]), 4)[0, 0] == 2
