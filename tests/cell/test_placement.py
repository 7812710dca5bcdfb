"""Rigid placement: no overlaps by an independent count, uniform orientations, the seed decides."""

import numpy as np
import pytest

from polyomics.cell.placement import Crowd


def rods(n_rods: int, length: int = 12, spacing_nm: float = 0.15) -> list[np.ndarray]:
    """Straight molecules along z."""
    rod = np.zeros((length, 3))
    rod[:, 2] = spacing_nm * np.arange(length)
    return [rod] * n_rods


def smallest_distance_nm(placed: dict[int, np.ndarray], edge_nm: float) -> float:
    """Between atoms of two molecules or of a molecule and its images, over all 27 images, by brute force."""
    shifts = edge_nm * np.stack(np.meshgrid(*[[-1, 0, 1]] * 3), axis=-1).reshape(-1, 3)
    folded = [p - edge_nm * np.floor(p.mean(axis=0) / edge_nm) for p in placed.values()]
    smallest = np.inf
    for i, one in enumerate(folded):
        for j, other in enumerate(folded):
            for shift in shifts:
                if i == j and not shift.any():
                    continue
                gaps = np.linalg.norm(one[:, None] - other[None] - shift, axis=-1)
                smallest = min(smallest, gaps.min())
    return float(smallest)


@pytest.mark.parametrize("seed", range(4))
def test_no_two_molecules_or_images_touch(seed: int) -> None:
    edge_nm = 2.4
    crowd = Crowd(edge_nm, 0.2)
    assert crowd.fill(rods(25), np.random.default_rng(seed))
    assert len(crowd.contacts()) == 0
    assert smallest_distance_nm(crowd.placed, edge_nm) >= 0.2


def test_molecules_stay_rigid() -> None:
    rng = np.random.default_rng(5)
    molecules = [rng.normal(size=(30, 3)) * 0.3 for _ in range(8)]
    crowd = Crowd(2.6, 0.2)
    assert crowd.fill(molecules, rng)
    for index, before in enumerate(molecules):
        after = crowd.placed[index]
        gaps_before = np.linalg.norm(before[:, None] - before[None], axis=-1)
        gaps_after = np.linalg.norm(after[:, None] - after[None], axis=-1)
        np.testing.assert_allclose(gaps_after, gaps_before, atol=1e-9)


def test_molecules_are_not_mirrored() -> None:
    corners = np.array([[0, 0, 0], [0.3, 0, 0], [0, 0.5, 0], [0, 0, 0.9]])
    crowd = Crowd(3.0, 0.2)
    assert crowd.fill([corners] * 10, np.random.default_rng(1))
    for placed in crowd.placed.values():
        assert np.linalg.det(placed[1:] - placed[0]) == pytest.approx(0.3 * 0.5 * 0.9)


def test_orientations_are_isotropic_also_when_crowded() -> None:
    """<P2> about any axis is 0 and the mean rotation matrix is 0, within 4 standard errors."""
    directions = []
    for seed in range(60):
        crowd = Crowd(2.0, 0.2)
        assert crowd.fill(rods(8), np.random.default_rng(seed))
        directions += [placed[-1] - placed[0] for placed in crowd.placed.values()]
    axes = np.array(directions) / np.linalg.norm(directions, axis=1, keepdims=True)
    n = len(axes)
    assert np.abs(axes.mean(axis=0)).max() < 4 * np.sqrt(1 / 3 / n)
    for axis in [*np.eye(3), np.ones(3) / np.sqrt(3), np.array([1, -1, 0]) / np.sqrt(2)]:
        assert abs((1.5 * (axes @ axis) ** 2 - 0.5).mean()) < 4 * np.sqrt(0.2 / n)


def test_rotations_are_uniform_on_so3() -> None:
    """All nine elements of the rotation matrix average to 0 and their squares to 1/3."""
    tripod = 0.3 * np.vstack([np.zeros(3), np.eye(3)])
    matrices = []
    for seed in range(400):
        crowd = Crowd(3.0, 0.2)
        assert crowd.add(0, tripod, np.random.default_rng(seed))
        matrices.append((crowd.placed[0][1:] - crowd.placed[0][0]) / 0.3)
    mean, square = np.mean(matrices, axis=0), np.mean(np.square(matrices), axis=0)
    assert np.abs(mean).max() < 4 * np.sqrt(1 / 3 / 400)
    assert np.abs(square - 1 / 3).max() < 4 * np.sqrt(4 / 45 / 400)


def test_centres_are_uniform() -> None:
    """The centre of the second molecule is anywhere in the box relative to the axes."""
    centres = []
    for seed in range(200):
        crowd = Crowd(3.0, 0.2)
        assert crowd.fill(rods(2, length=4), np.random.default_rng(seed))
        centres += [np.mod(placed.mean(axis=0) / 3.0, 1.0) for placed in crowd.placed.values()]
    waves = np.exp(2j * np.pi * np.array(centres)).mean(axis=0)
    assert np.abs(waves).max() < 4 / np.sqrt(400)


def test_same_seed_same_place() -> None:
    results = []
    for seed in (3, 3, 4):
        crowd = Crowd(2.4, 0.2)
        assert crowd.fill(rods(20), np.random.default_rng(seed))
        results.append(np.concatenate([crowd.placed[i] for i in range(20)]))
    np.testing.assert_array_equal(results[0], results[1])
    assert np.abs(results[0] - results[2]).max() > 0.1


def test_pushing_apart_finds_room_that_the_grid_does_not() -> None:
    """A flat plate in a slot it just fits: few places are free, and pushing ends without overlap."""
    side = np.stack(np.meshgrid(*[np.arange(6) * 0.2] * 2), axis=-1).reshape(-1, 2)
    plate = np.column_stack([side, np.zeros(len(side))])
    crowd = Crowd(1.6, 0.2)
    assert crowd.fill([plate] * 3, np.random.default_rng(0))
    assert smallest_distance_nm(crowd.placed, 1.6) >= 0.2


def test_a_molecule_longer_than_the_box_keeps_off_its_images() -> None:
    crowd = Crowd(1.6, 0.2)
    assert crowd.fill(rods(1, length=16), np.random.default_rng(0))
    assert smallest_distance_nm(crowd.placed, 1.6) >= 0.2


def test_a_full_box_is_refused() -> None:
    crowd = Crowd(1.0, 0.2)
    assert not crowd.fill(rods(60, length=6), np.random.default_rng(0))
