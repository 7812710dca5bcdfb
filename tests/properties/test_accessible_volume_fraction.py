"""Accessible volume and pores of cells whose holes are known."""

from dataclasses import replace

import numpy as np
import pytest
from beads import BOX_NM, bead_cell, measure, results

from polyomics.errors import NotEnoughData
from polyomics.records import Curve

CARBON_NM = 0.17


def lattice_nm(n_frames: int = 12) -> np.ndarray:
    """64 atoms on a simple cubic lattice of 1 nm that moves as a whole."""
    sites = np.stack(np.meshgrid(*[np.arange(BOX_NM)] * 3), axis=-1).reshape(-1, 3)
    return sites + np.random.default_rng(3).uniform(-5, 5, (n_frames, 1, 3)).round(3)


@pytest.fixture
def lattice(simulation):
    """The lattice as a cell of 64 molecules of one atom."""
    whole = bead_cell()
    first = slice(0, 64)
    names = ("positions_nm", "atomic_numbers", "masses_amu", "charges_e", "unit_of_atom", "template_atom")
    cell = replace(
        whole,
        molecule_of_atom=np.arange(64),
        bonds=np.empty((0, 2), dtype=int),
        **{name: getattr(whole, name)[first] for name in names},
    )
    return lambda cell=cell, n_frames=12: simulation(lattice_nm(n_frames), cell=cell), cell


def curve(name: str, run: object) -> Curve:
    """The curve of a property."""
    return next(item for item in results(name, run) if isinstance(item, Curve))


def test_what_spheres_leave_of_the_box(lattice) -> None:
    make, _ = lattice
    run = make()
    (found,) = measure("accessible_volume_fraction", run)
    radius = CARBON_NM + 0.11
    assert found.value == pytest.approx(1 - 4 / 3 * np.pi * radius**3, abs=4e-3)
    line = curve("accessible_volume_fraction", run)
    x = np.array(line.x)
    assert (x[0], x[-1]) == (0.0, 0.3)
    np.testing.assert_allclose(line.y, 1 - 4 / 3 * np.pi * (CARBON_NM + x) ** 3, atol=1.2e-2)
    assert np.interp(0.11, line.x, line.y) == pytest.approx(found.value, abs=1e-6)


def test_the_largest_pore_is_in_the_middle_of_the_cube(lattice) -> None:
    make, _ = lattice
    run = make()
    (found,) = measure("largest_pore_diameter", run)
    assert found.value == pytest.approx(2 * (np.sqrt(3) / 2 - CARBON_NM), abs=1.5e-3)
    sizes = curve("largest_pore_diameter", run)
    width = sizes.x[1] - sizes.x[0]
    assert sum(sizes.y) * width == pytest.approx(1.0)
    assert np.array(sizes.x)[np.array(sizes.y) > 0].max() == pytest.approx(found.value, abs=width)


def test_larger_atoms_leave_less(lattice) -> None:
    make, cell = lattice
    iodine = make(replace(cell, atomic_numbers=np.full(64, 53)))
    (small,), (large,) = (measure("largest_pore_diameter", run) for run in (make(), iodine))
    assert small.value - large.value == pytest.approx(2 * (0.198 - CARBON_NM), abs=2e-3)
    (small,), (large,) = (measure("accessible_volume_fraction", run) for run in (make(), iodine))
    assert large.value < small.value


def test_an_element_without_radius_is_named(lattice) -> None:
    make, cell = lattice
    with pytest.raises(NotEnoughData, match="79"):
        measure("accessible_volume_fraction", make(replace(cell, atomic_numbers=np.full(64, 79))))


def test_both_properties_share_one_pass(lattice) -> None:
    make, _ = lattice
    run = make()
    results("accessible_volume_fraction", run)
    emptied = replace(run, sample=replace(run.sample, frame_files=()))
    assert measure("largest_pore_diameter", emptied)
