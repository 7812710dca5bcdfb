"""A bond through a ring is found; a bond beside it is not."""

import numpy as np
import pytest

from polyomics.chemistry import find_spearings

RING = [0, 1, 2, 3, 4, 5]
BONDS = [(i, (i + 1) % 6) for i in range(6)] + [(6, 7)]


def benzene_and_bond(start: tuple[float, float, float], end: tuple[float, float, float]) -> np.ndarray:
    angle = np.arange(6) * np.pi / 3
    ring = 0.139 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    return np.concatenate([ring, [start, end]])


def random_rotation(seed: int) -> np.ndarray:
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.diag(r))


THROUGH = [((0.02, 0.01, -0.07), (0.0, 0.03, 0.08)), ((0.05, -0.06, -0.02), (0.06, -0.05, 0.13))]
BESIDE = [
    ((0.2, 0.0, -0.07), (0.2, 0.0, 0.08)),
    ((0.0, 0.0, 0.02), (0.0, 0.0, 0.17)),
    ((-0.07, 0, 0.3), (0.08, 0, 0.3)),
]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("bond", THROUGH)
def test_speared_benzene_is_found_in_any_orientation(bond: tuple, seed: int) -> None:
    positions = benzene_and_bond(*bond) @ random_rotation(seed).T + seed
    assert find_spearings(positions, [RING], BONDS) == [(0, 6)]


@pytest.mark.parametrize("bond", BESIDE)
def test_bond_beside_a_ring_is_not(bond: tuple) -> None:
    assert find_spearings(benzene_and_bond(*bond), [RING], BONDS) == []


def test_bond_of_a_substituent_is_not() -> None:
    positions = np.concatenate([benzene_and_bond(*BESIDE[0])[:6], [[0.28, 0, 0]]])
    assert find_spearings(positions, [RING], [*BONDS[:6], (0, 6)]) == []


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("wrapped", [True, False])
def test_found_across_the_periodic_boundary(seed: int, wrapped: bool) -> None:
    rng = np.random.default_rng(seed)
    box = np.array([1.9, 2.3, 2.7])
    positions = benzene_and_bond(*THROUGH[0]) @ random_rotation(seed).T
    positions[:6] += rng.integers(-2, 3, 3) * box
    positions += rng.random(3) * box
    if wrapped:
        positions %= box
    assert find_spearings(positions, [RING], BONDS, box) == [(0, 6)]
    assert find_spearings(positions, [RING], BONDS[:6], box) == []


def test_large_rings_can_be_threaded_without_any_contact() -> None:
    n = 18
    angle = np.arange(n) * 2 * np.pi / n
    ring = 0.45 * np.stack([np.cos(angle), np.sin(angle), 0.05 * (-1.0) ** np.arange(n)], axis=1)
    positions = np.concatenate([ring, [[0.1, 0.1, -0.07], [0.1, 0.1, 0.08]]])
    bonds = [(i, (i + 1) % n) for i in range(n)] + [(n, n + 1)]
    assert find_spearings(positions, [range(n)], bonds) == [(0, n)]


def test_rings_of_several_sizes_agree_with_a_test_of_each_pair() -> None:
    rng = np.random.default_rng(1)
    positions, rings, bonds = [], [], []
    for k in range(24):
        n = 5 + k % 3
        angle = np.arange(n) * 2 * np.pi / n
        ring = 0.14 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1) @ random_rotation(k).T
        start = sum(len(block) for block in positions)
        rings.append(tuple(range(start, start + n)))
        bonds += [(start + i, start + (i + 1) % n) for i in range(n)]
        positions.append(ring + rng.random(3) * 0.9)
    points = np.concatenate(positions)
    box = np.array([0.9, 0.9, 0.9])
    expected = [
        (r, b)
        for r, ring in enumerate(rings)
        for b, bond in enumerate(bonds)
        if find_spearings(points, [ring], [bond], box)
    ]
    assert expected
    assert find_spearings(points, rings, bonds, box) == expected


def test_nothing_to_test() -> None:
    assert find_spearings(np.zeros((0, 3)), [], []) == []
    assert find_spearings(np.zeros((2, 3)), [], [(0, 1)]) == []
