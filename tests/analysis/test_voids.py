"""Voids of lattices that are known by geometry, and clearances by a loop over atoms."""

import numpy as np
import pytest

from polyomics.analysis.voids import (
    ClearanceGrid,
    HardSpheres,
    accessible_fractions,
    pore_diameters_nm,
    wrap,
)

BOX = np.array([1.2, 1.3, 1.5])


def crowd(n_atoms: int = 50, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(-30, 30, (n_atoms, 3)), rng.choice([0.12, 0.152, 0.17], n_atoms)


def simple_cubic(constant: float = 0.8, radius: float = 0.25, n: int = 2) -> HardSpheres:
    """Off the points of any grid."""
    positions = constant * np.stack(np.meshgrid(*[np.arange(n)] * 3), axis=-1).reshape(-1, 3) + [0.013, 0.027, 0.041]
    return HardSpheres(positions, np.full(len(positions), radius), np.full(3, n * constant))


def test_clearance_is_that_to_the_nearest_image_of_any_atom() -> None:
    positions, radii = crowd()
    points = np.random.default_rng(2).uniform(-5, 5, (500, 3))
    gaps = points[:, None] - positions
    gaps -= BOX * np.round(gaps / BOX)
    expected = (np.linalg.norm(gaps, axis=-1) - radii).min(axis=1)
    found = HardSpheres(positions, radii, BOX).clearance_nm(points)
    outside = expected >= 0
    assert 50 < outside.sum() < 450
    np.testing.assert_allclose(found[outside], expected[outside], atol=1e-9)
    assert (found[~outside] < 0).all()


def test_one_sphere_leaves_the_rest_of_the_box() -> None:
    """1 - 4/3 π (R + a)³ / V for every probe a that fits between the images."""
    radii = np.array([0.0, 0.053, 0.097, 0.211, 0.293])
    one = HardSpheres(np.array([[0.3, 9.0, -4.0]]), np.array([0.2]), BOX)
    found = accessible_fractions(one.grid(0.02), radii)
    expected = 1 - 4 / 3 * np.pi * (0.2 + radii) ** 3 / BOX.prod()
    np.testing.assert_allclose(found, expected, atol=8e-4)


def test_spheres_that_overlap_are_counted_once() -> None:
    """Two spheres at a distance d: the lens is π (4R + d)(2R - d)² / 12."""
    radius, distance = 0.2, 0.25
    pair = HardSpheres(np.array([[0.1, 0.1, 0.1], [0.1, 0.1, 0.1 + distance]]), np.full(2, radius), BOX)
    lens = np.pi * (4 * radius + distance) * (2 * radius - distance) ** 2 / 12
    expected = 1 - (2 * 4 / 3 * np.pi * radius**3 - lens) / BOX.prod()
    assert accessible_fractions(pair.grid(0.03), np.zeros(1))[0] == pytest.approx(expected, abs=3e-4)


def test_accessible_volume_converges_with_the_spacing() -> None:
    """The grid samples the volume without bias: 0.05 nm is within a per cent of half of that."""
    probes = np.array([0.0, 0.05, 0.11])
    coarse, fine = np.zeros(3), np.zeros(3)
    for seed in range(12):
        spheres = HardSpheres(*crowd(60, seed), BOX)
        coarse += accessible_fractions(spheres.grid(0.05), probes)
        fine += accessible_fractions(spheres.grid(0.025), probes)
    assert fine[2] > 0.01 * 12
    np.testing.assert_allclose(coarse, fine, rtol=0.01)


def test_accessible_volume_falls_with_the_probe() -> None:
    found = accessible_fractions(HardSpheres(*crowd(), BOX).grid(0.06), np.linspace(0, 0.3, 31))
    assert (np.diff(found) <= 0).all()
    assert found[0] > found[-1]


@pytest.mark.parametrize("spacing_nm", [0.05, 0.11, 0.2])
def test_the_largest_hole_of_a_simple_cubic_lattice(spacing_nm: float) -> None:
    """In the middle of the cube: radius a √3/2 - R, whatever the grid."""
    lattice = simple_cubic()
    sphere = lattice.largest_sphere(lattice.grid(spacing_nm))
    assert sphere.radius_nm == pytest.approx(0.8 * np.sqrt(3) / 2 - 0.25, abs=1e-4)
    offset = (sphere.centre_nm - [0.013, 0.027, 0.041]) % 0.8
    np.testing.assert_allclose(offset, 0.4, atol=1e-3)


def test_the_largest_hole_of_a_face_centred_lattice() -> None:
    """The octahedral hole, a/2 - R, and not the tetrahedral one, a √3/4 - R."""
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    corners = np.stack(np.meshgrid(*[np.arange(2)] * 3), axis=-1).reshape(-1, 1, 3)
    positions = (corners + basis).reshape(-1, 3) * 0.9 + 0.017
    lattice = HardSpheres(positions, np.full(len(positions), 0.2), np.full(3, 1.8))
    assert lattice.largest_sphere(lattice.grid(0.06)).radius_nm == pytest.approx(0.45 - 0.2, abs=1e-4)


def test_the_largest_hole_between_unequal_atoms() -> None:
    """No point of a fine grid has more room, and none of a coarse one is missed."""
    spheres = HardSpheres(*crowd(50, 3), BOX)
    best = spheres.grid(0.02).clearance_nm.max()
    for spacing in (0.03, 0.06):
        radius = spheres.largest_sphere(spheres.grid(spacing)).radius_nm
        assert radius >= best - 1e-6
        assert radius < best + 0.0174
        assert radius == pytest.approx(spheres.largest_sphere(spheres.grid(0.02)).radius_nm, abs=1e-4)


def test_a_slit_has_one_size() -> None:
    """Between two walls of atoms that touch, every point of the gap is in a sphere as wide as the gap."""
    n = 32
    x, y = np.meshgrid(np.arange(n), np.arange(n))
    wall = np.column_stack([x.ravel() * 0.05, y.ravel() * 0.05, np.zeros(n * n)])
    slit = HardSpheres(wall, np.full(len(wall), 0.3), np.array([1.6, 1.6, 1.4]))
    grid = slit.grid(0.047)
    sizes = pore_diameters_nm(grid, 0.11, slit.largest_sphere(grid))
    inside = sizes > 0
    assert inside.mean() == pytest.approx(0.8 / 1.4, rel=0.06)
    assert sizes.max() == pytest.approx(0.8, abs=2e-3)
    assert np.median(sizes[inside]) == pytest.approx(0.8, abs=0.05)
    assert np.quantile(sizes[inside], 0.1) > 0.6


def test_pore_sizes_of_a_simple_cubic_lattice() -> None:
    """All points of the largest sphere have its size, those in the windows a smaller one, none a larger one."""
    lattice = simple_cubic()
    largest = 2 * (0.8 * np.sqrt(3) / 2 - 0.25)
    grid = lattice.grid(0.05)
    sizes = pore_diameters_nm(grid, 0.05, lattice.largest_sphere(grid))
    assert sizes.max() == pytest.approx(largest, abs=2e-4)
    of_largest = (sizes > largest - 0.03).mean() * grid.box_nm.prod() / 8
    lens = np.pi * (2 * largest + 0.8) * (largest - 0.8) ** 2 / 12
    assert of_largest == pytest.approx(np.pi / 6 * largest**3 - 3 * lens, rel=0.05)


def test_every_pore_is_at_least_as_wide_as_a_sphere_around_the_point() -> None:
    spheres = HardSpheres(*crowd(50, 4), BOX)
    grid = spheres.grid(0.05)
    sizes = pore_diameters_nm(grid, 0.08)
    room = grid.clearance_nm >= 0.08
    assert room.any()
    assert (sizes[room] >= 2 * grid.clearance_nm[room] - 1e-6).all()
    assert set(np.unique(sizes[sizes > 0])) <= set(np.unique(2 * grid.clearance_nm[room]))


def test_pore_sizes_are_those_of_a_loop_over_spheres() -> None:
    spheres = HardSpheres(*crowd(50, 5), BOX)
    grid = spheres.grid(0.1)
    places = np.argwhere(np.ones(grid.clearance_nm.shape)) * grid.spacing_nm
    expected = np.zeros(len(places), dtype=np.float32)
    for place, clearance in zip(places, grid.clearance_nm.ravel(), strict=True):
        if clearance >= 0.05:
            gaps = places - place
            gaps -= BOX * np.round(gaps / BOX)
            reached = (gaps**2).sum(axis=1) <= clearance**2
            expected[reached] = np.maximum(expected[reached], 2 * clearance)
    np.testing.assert_allclose(pore_diameters_nm(grid, 0.05).ravel(), expected, atol=1e-6)


def test_pore_sizes_converge_with_the_spacing() -> None:
    spheres = HardSpheres(*crowd(40, 6), BOX)
    means = []
    for spacing in (0.1, 0.05, 0.025):
        grid = spheres.grid(spacing)
        sizes = pore_diameters_nm(grid, 0.11, spheres.largest_sphere(grid))
        means.append(sizes[sizes > 0].mean())
    assert abs(means[1] - means[2]) < 0.02
    assert abs(means[1] - means[2]) < 1.2 * abs(means[0] - means[1]) + 0.003


def test_shift_and_turns_of_the_box_do_not_matter() -> None:
    positions, radii = crowd(80, 7)
    box = np.full(3, 1.7)
    turn = np.array([[0.0, -1, 0], [0, 0, 1], [-1, 0, 0]])
    reference = HardSpheres(positions, radii, box).grid(0.06)
    for moved in (positions + np.array([0.31, -7.77, 3.3]), positions @ turn.T):
        grid = HardSpheres(moved, radii, box).grid(0.06)
        np.testing.assert_allclose(
            np.sort(grid.clearance_nm.ravel())[-3000:], np.sort(reference.clearance_nm.ravel())[-3000:], atol=1e-6
        )


def test_no_room_has_no_pores() -> None:
    full = HardSpheres(np.zeros((1, 3)), np.array([3.0]), BOX)
    grid = full.grid(0.2)
    assert accessible_fractions(grid, np.zeros(1))[0] == 0
    sphere = full.largest_sphere(grid)
    assert sphere.radius_nm < 0
    assert not pore_diameters_nm(grid, 0.0, sphere).any()


def test_the_grid_is_coarser_only_where_pores_are_large() -> None:
    dense, empty = HardSpheres(*crowd(100, 8), BOX), HardSpheres(np.zeros((1, 3)), np.array([0.1]), np.full(3, 8.0))
    assert dense.spacing_nm(0.05, 0.11) == 0.05
    assert empty.spacing_nm(0.05, 0.11) > 0.3


def test_wrapped_positions_are_in_the_box() -> None:
    found = wrap(np.array([[-1e-18, 1.6, 3.7], [5.0, -0.1, 0.0]]), BOX)
    assert ((found >= 0) & (found < BOX)).all()
    np.testing.assert_allclose(found[1], [0.2, 1.2, 0.0])


def test_the_grid_covers_the_box() -> None:
    grid = HardSpheres(*crowd(), BOX).grid(0.1)
    assert isinstance(grid, ClearanceGrid)
    np.testing.assert_allclose(grid.spacing_nm * grid.clearance_nm.shape, BOX)
    assert (grid.spacing_nm <= 0.1 + 1e-9).all()
