"""Pair distribution and X-ray scattering of fluids and lattices that are known."""

from dataclasses import replace

import numpy as np
import pytest
from beads import BOX_NM, bead_cell, beads_nm, measure, results

from polyomics.cell.cell import Cell
from polyomics.errors import NotEnoughData
from polyomics.records import Curve


def atoms(n: int, number: int = 6) -> Cell:
    """A cell of molecules of one atom."""
    zeros = np.zeros(n, dtype=int)
    return replace(
        bead_cell(),
        positions_nm=np.zeros((n, 3)),
        atomic_numbers=np.full(n, number),
        masses_amu=np.full(n, 12.0),
        charges_e=np.zeros(n),
        molecule_of_atom=np.arange(n),
        unit_of_atom=zeros,
        template_atom=zeros,
        bonds=np.empty((0, 2), dtype=int),
    )


def curves(name: str, run: object) -> dict[str, Curve]:
    return {item.name: item for item in results(name, run) if isinstance(item, Curve)}


def pairs_nm(distance_nm: float, n_pairs: int, n_frames: int = 40) -> np.ndarray:
    """Pairs of atoms at a distance that varies by 0.03 nm, anywhere in the box and in any direction."""
    rng = np.random.default_rng(6)
    centres = rng.uniform(0, BOX_NM, (n_frames, n_pairs, 3))
    bonds = rng.normal(size=(n_frames, n_pairs, 3))
    bonds *= (distance_nm + 0.03 * rng.normal(size=(n_frames, n_pairs, 1))) / np.linalg.norm(
        bonds, axis=-1, keepdims=True
    )
    return np.concatenate([centres, centres + bonds], axis=1)


def test_an_ideal_gas_has_no_structure(simulation) -> None:
    """Both curves are 1 and neither has a maximum to report."""
    gas = np.random.default_rng(5).uniform(0, BOX_NM, (40, 300, 3))
    run = simulation(gas, cell=atoms(300))
    for name in ("radial_distribution_peak", "structure_factor_peak"):
        with pytest.raises(NotEnoughData, match="stands out"):
            measure(name, run)


@pytest.mark.parametrize("distance_nm", [0.45, 0.62])
def test_the_distance_of_pairs_is_found(simulation, distance_nm: float) -> None:
    """The peak of g is that of a Gaussian over r²: lower by 2 σ² / r."""
    run = simulation(pairs_nm(distance_nm, 100), cell=atoms(200))
    (found,) = measure("radial_distribution_peak", run)
    expected = distance_nm - 2 * 0.03**2 / distance_nm
    assert found.value == pytest.approx(expected, abs=4 * found.stderr + 1e-3)
    assert found.stderr < 0.01
    line = curves("radial_distribution_peak", run)["radial_distribution"]
    assert max(line.x) == pytest.approx(BOX_NM / 2, abs=0.011)
    far = np.array(line.x) > 1.0
    assert np.mean(np.array(line.y)[far]) == pytest.approx(1.0, abs=0.02)


def test_hydrogen_does_not_count(simulation) -> None:
    cell = atoms(200)
    numbers = np.where(np.arange(200) < 100, 6, 1)
    with pytest.raises(NotEnoughData):
        measure("radial_distribution_peak", simulation(pairs_nm(0.5, 100), cell=replace(cell, atomic_numbers=numbers)))


def test_atoms_of_one_molecule_are_no_pairs(simulation) -> None:
    """The same pairs, bonded: what is left is an ideal gas."""
    molecules = replace(atoms(200), molecule_of_atom=np.repeat(np.arange(100), 2))
    positions = pairs_nm(0.5, 100).reshape(40, 2, 100, 3).swapaxes(1, 2).reshape(40, 200, 3)
    with pytest.raises(NotEnoughData, match="stands out"):
        measure("radial_distribution_peak", simulation(positions, cell=molecules))


def test_the_halo_of_pairs(simulation) -> None:
    """S = 1 + sin(qd)/qd, blurred: the maximum is at q d = 7.725."""
    run = simulation(pairs_nm(0.5, 150), cell=atoms(300))
    (found,) = measure("structure_factor_peak", run)
    lines = curves("structure_factor_peak", run)
    q, factor = (np.array(getattr(lines["structure_factor"], axis)) for axis in "xy")
    blurred = 1 + np.sinc(q * 0.5 / np.pi) * np.exp(-0.5 * (0.03 * q) ** 2)
    high = q > 6
    assert np.sqrt(np.mean((factor - blurred)[high] ** 2)) < 0.05
    fine = np.linspace(10, 20, 2001)
    expected = fine[np.argmax(np.sinc(fine * 0.5 / np.pi) * np.exp(-0.5 * (0.03 * fine) ** 2))]
    assert found.value == pytest.approx(expected, abs=4 * found.stderr + 0.15)


def test_the_intensity_is_in_electrons(simulation) -> None:
    """Atoms without correlation scatter f² each, so I / S is f²: 36 electrons² towards q = 0 for carbon."""
    lines = curves("structure_factor_peak", simulation(pairs_nm(0.5, 150), cell=atoms(300)))
    ratio = np.array(lines["scattering_intensity"].y) / np.array(lines["structure_factor"].y)
    assert ratio[0] == pytest.approx(36.0, rel=0.05)
    assert (np.diff(ratio) < 0).all()


def test_bonds_of_beads(simulation) -> None:
    """Freely jointed chains: S = (1 + x) / (1 - x) for long ones, x = sin(qb)/qb, whose maximum is at q b = 7.725."""
    (found,) = measure("structure_factor_peak", simulation())
    assert found.value == pytest.approx(7.725 / 0.3, abs=4 * found.stderr)
    assert found.stderr < 0.6


def test_one_molecule_has_no_neighbours(simulation) -> None:
    one = replace(bead_cell(), molecule_of_atom=np.zeros(150, dtype=int))
    with pytest.raises(NotEnoughData, match="two molecules"):
        measure("radial_distribution_peak", simulation(beads_nm(12), cell=one))


def test_an_element_without_form_factor_is_named(simulation) -> None:
    with pytest.raises(NotEnoughData, match="79"):
        measure(
            "structure_factor_peak", simulation(beads_nm(3), cell=replace(bead_cell(), atomic_numbers=np.full(150, 79)))
        )
