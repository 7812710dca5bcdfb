"""Torsions of main chains follow rotational-isomeric statistics."""

import numpy as np
import pytest
from rdkit.Chem import rdMolTransforms

from polyomics.chemistry import Chain, RepeatUnit, build_chain, chain_graph, parse_repeat_unit
from polyomics.chemistry.contact import CLOSEST_CONTACT
from polyomics.chemistry.growth import _draw_stereo, _Grower, _Sequence
from polyomics.chemistry.placement import dihedral_rad, frames, rotation_matrices
from polyomics.chemistry.torsion import TorsionDistribution, scan_kj_mol


def main_chain(chain: Chain, unit: RepeatUnit) -> list[int]:
    starts = [int(np.nonzero(chain.unit_of_atom == k)[0][0]) for k in range(chain.n_units)]
    return [start + i for start in starts for i in unit.backbone]


def torsions_deg(positions_nm: np.ndarray, path: list[int]) -> np.ndarray:
    quads = zip(path, path[1:], path[2:], path[3:], strict=False)
    return np.degrees([dihedral_rad(*positions_nm[list(quad)]) for quad in quads])


def test_butane_scan_has_the_known_minima_and_barriers() -> None:
    """Gauche 3.0 to 4.2, trans-gauche barrier 13 to 16, cis barrier 19 to 28 kJ/mol (experiment and theory)."""
    energy = scan_kj_mol("[101CH3][102CH2][103CH2][104CH3]")
    angles = np.arange(-180, 180, 360 // len(energy))
    value = dict(zip(angles.tolist(), energy.tolist(), strict=True))
    assert value[-180] == 0.0
    assert 2.5 < value[60] < 4.5
    assert value[60] == pytest.approx(value[-60], abs=0.2)
    assert 12 < value[120] < 17
    assert 18 < value[0] < 28


def test_mirror_image_fragments_have_mirrored_energies() -> None:
    left = scan_kj_mol("[101CH3][102C@H](Cl)[103CH2][104CH3]")
    right = scan_kj_mol("[101CH3][102C@@H](Cl)[103CH2][104CH3]")
    assert np.allclose(left, np.roll(right[::-1], 1), atol=0.7)
    assert not np.allclose(left, right, atol=1.5)


def test_draws_follow_the_weights() -> None:
    energies = 4.0 * (1 + np.cos(np.radians(np.arange(-180, 180, 15))))
    distribution = TorsionDistribution(energies)
    drawn = distribution.draw_deg(np.random.default_rng(1), 40_000)
    counts = np.histogram(drawn, bins=len(distribution.weights), range=(-180, 180))[0] / len(drawn)
    expected = np.exp(-4.0 * (1 + np.cos(np.radians(-180 + (np.arange(144) + 0.5) * 2.5))) / (8.314462e-3 * 500))
    assert np.abs(counts - expected / expected.sum()).max() < 5e-3


def test_polyethylene_is_trans_and_gauche_and_symmetric() -> None:
    unit = parse_repeat_unit("*CC*")
    chain = build_chain(unit, 300, seed=3)
    angles = torsions_deg(chain.positions_nm, main_chain(chain, unit))
    gauche = np.mean(np.abs(angles) < 120)
    assert 0.25 < gauche < 0.55
    assert np.mean(np.abs(angles) < 30) < 0.03
    assert np.mean((np.abs(angles) > 90) & (np.abs(angles) < 140)) < 0.15
    n_gauche = np.sum(np.abs(angles) < 120)
    assert abs(np.sum(np.sign(angles[np.abs(angles) < 120]))) < 4 * np.sqrt(n_gauche)
    pairs = angles[:-1] * angles[1:]
    pentane = np.mean((pairs < 0) & (np.abs(angles[:-1]) < 100) & (np.abs(angles[1:]) < 100))
    assert pentane < 0.25 * gauche**2, "g+g- is suppressed"


def test_characteristic_ratio_of_polyethylene_without_long_range_excluded_volume() -> None:
    """Only units up to three apart see each other; 100 bonds at 500 K (experiment and Flory at 410 K: 6 to 8)."""
    unit = parse_repeat_unit("*CC*")
    graph = chain_graph(unit, 50)
    path = [int(graph.first_atom[k + 1]) + i for k in range(50) for i in unit.backbone]
    squares, length = [], 0.0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        sequence = _Sequence(graph, _draw_stereo(unit, 50, "atactic", 0.5, rng)[0])
        chain = _Grower(sequence, rng, CLOSEST_CONTACT, horizon=3).grow()[path]
        squares.append(np.sum((chain[-1] - chain[0]) ** 2))
        length = float(np.mean(np.sum(np.diff(chain, axis=0) ** 2, axis=1)))
    ratio = np.mean(squares) / (len(path) - 1) / length
    assert 3.5 < ratio < 8.5


def test_amides_and_esters_are_trans() -> None:
    for text, name in (("*NCCCCCC(*)=O", "N"), ("*OCCCCCC(*)=O", "O")):
        unit = parse_repeat_unit(text)
        chain = build_chain(unit, 40, seed=1)
        path = main_chain(chain, unit)
        angles = torsions_deg(chain.positions_nm, path)
        symbols = [chain.mol.GetAtomWithIdx(i).GetSymbol() for i in path]
        carbonyl = [any(n.GetSymbol() == "O" and n.GetDegree() == 1 for n in chain.mol.GetAtomWithIdx(i).GetNeighbors())
                    for i in path]  # fmt: skip
        planar = [
            angle
            for i, angle in enumerate(angles)
            if {symbols[i + 1], symbols[i + 2]} == {name, "C"} and (carbonyl[i + 1] or carbonyl[i + 2])
        ]
        assert len(planar) >= 39
        assert np.mean(np.abs(planar) > 140) > 0.85


def test_dihedral_has_the_sign_of_rdkit() -> None:
    chain = build_chain(parse_repeat_unit("*CC*"), 4, seed=1)
    quad = [0, 4, 5, 10]
    ours = np.degrees(dihedral_rad(*chain.positions_nm[quad]))
    assert ours == pytest.approx(rdMolTransforms.GetDihedralDeg(chain.mol.GetConformer(), *quad), abs=1e-6)


def test_rotations_and_frames_are_proper() -> None:
    rng = np.random.default_rng(2)
    axes, angles = rng.normal(size=(20, 3)), rng.uniform(-4, 4, 20)
    matrices = rotation_matrices(axes, angles)
    assert np.allclose(matrices @ matrices.transpose(0, 2, 1), np.eye(3))
    assert np.allclose(np.linalg.det(matrices), 1.0)
    assert np.allclose(np.einsum("nij,nj->ni", matrices, axes), axes)
    assert np.allclose(np.trace(matrices, axis1=1, axis2=2), 1 + 2 * np.cos(angles))
    points = rng.normal(size=(3, 20, 3))
    points[2, :5] = points[0, :5] + 2.0 * (points[1, :5] - points[0, :5])
    points[2, 5:8] = np.nan
    own = frames(*points)
    assert np.allclose(own @ own.transpose(0, 2, 1), np.eye(3))
    assert np.allclose(np.linalg.det(own), 1.0)
