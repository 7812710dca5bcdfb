"""What the properties of chains say of freely jointed chains, liquids and glasses; and where another program errs."""

from dataclasses import replace

import mdtraj
import numpy as np
import pytest
from beads import BOND_NM, N_BEADS, N_CHAINS, N_FRAMES, STEP_NM, bead_cell, beads_nm, measure, results

from polyomics.analysis.orientation import isotropic_nematic_order
from polyomics.cell.cell import Cell
from polyomics.errors import NotEnoughData
from polyomics.properties import _chain_statistics
from polyomics.records import Curve
from polyomics.trajectory import Trajectory

CHAIN_PROPERTIES = (
    "mean_squared_end_to_end_distance",
    "characteristic_ratio",
    "kuhn_length",
    "persistence_length",
    "nematic_order",
    "trans_fraction",
)


def curves(name: str, simulation) -> dict[str, Curve]:
    return {one.name: one for one in results(name, simulation) if isinstance(one, Curve)}


def frozen_beads_nm() -> np.ndarray:
    """Chains that shake but never change shape."""
    return beads_nm(1) + 0.005 * np.random.default_rng(3).normal(size=(N_FRAMES, N_CHAINS * N_BEADS, 3))


def test_end_to_end_distance_of_freely_jointed_chains(simulation) -> None:
    (found,) = measure("mean_squared_end_to_end_distance", simulation())
    assert found.value == pytest.approx((N_BEADS - 1) * BOND_NM**2, abs=4 * found.stderr)
    assert found.stderr < 0.05 * found.value


def test_characteristic_ratio_of_freely_jointed_chains(simulation) -> None:
    cell = simulation()
    (found,) = measure("characteristic_ratio", cell)
    assert found.value == pytest.approx(1.0, abs=4 * found.stderr)
    assert "chain_too_short" not in found.flags
    msid = curves("characteristic_ratio", cell)["msid"]
    assert msid.x[0] == 1
    assert msid.x[-1] == N_BEADS - 1
    assert msid.log == ("x",)
    (whole,) = measure("mean_squared_end_to_end_distance", cell)
    assert msid.y[-1] * (N_BEADS - 1) * BOND_NM**2 == pytest.approx(whole.value, rel=1e-3)
    np.testing.assert_allclose(msid.y, 1.0, atol=4 * max(msid.y_stderr))


def test_kuhn_and_persistence_length_of_freely_jointed_chains(simulation) -> None:
    """The mean distance of second neighbours is 4/3 of a bond: L = 2/3 N l and b = 3/2 l."""
    cell = simulation()
    (kuhn,), (persistence,) = measure("kuhn_length", cell), measure("persistence_length", cell)
    assert kuhn.value == pytest.approx(1.5 * BOND_NM, abs=4 * kuhn.stderr)
    assert persistence.value == pytest.approx(0.5 * kuhn.value, rel=0.2)
    assert {"direction_correlation", "direction_correlation_fit"} == set(curves("persistence_length", cell))


def test_nematic_order_of_freely_jointed_chains_is_that_of_random_vectors(simulation) -> None:
    """Between the values for as many vectors as there are chords and as there are bonds apart that know nothing."""
    (found,) = measure("nematic_order", simulation())
    n_chords = N_CHAINS * (N_BEADS - 2)
    assert isotropic_nematic_order(n_chords) < found.value < isotropic_nematic_order(n_chords / 3)


def test_rods_in_parallel_are_in_order(simulation) -> None:
    rods = beads_nm(20)
    rods[..., 2] += np.tile(20.0 * np.arange(N_BEADS), N_CHAINS)
    (found,) = measure("nematic_order", simulation(rods))
    assert found.value > 0.99


def test_torsions_of_freely_jointed_chains(simulation) -> None:
    """All angles are as likely: a third is within 60 degrees of 180, and the density is 1/360 everywhere."""
    cell = simulation()
    (found,) = measure("trans_fraction", cell)
    assert found.value == pytest.approx(1 / 3, abs=4 * found.stderr)
    curve = curves("trans_fraction", cell)["torsion_distribution"]
    width_deg = curve.x[1] - curve.x[0]
    assert sum(curve.y) * width_deg == pytest.approx(1.0)
    np.testing.assert_allclose(curve.y, 1 / 360, atol=6 * np.median(curve.y_stderr))
    trans = sum(y for x, y in zip(curve.x, curve.y, strict=True) if abs(x) > 120) * width_deg
    assert trans == pytest.approx(found.value, abs=0.01)


def test_diffusion_coefficient_is_that_of_the_steps(simulation) -> None:
    """<Δr²> = 3 s² a frame of 1 ps: D = s²/2."""
    cell = simulation()
    (found,) = measure("self_diffusion", cell)
    assert found.value == pytest.approx(0.5 * STEP_NM**2 * 1e-6, abs=3 * found.stderr)
    assert "finite_size" in found.flags
    drawn = curves("self_diffusion", cell)
    assert drawn["mean_squared_displacement"].log == ("x", "y")
    assert drawn["mean_squared_displacement"].x[0] == pytest.approx(1.0)
    assert len(drawn["mean_squared_displacement_fit"].x) > 5


def test_a_glass_counts_chains_and_has_no_diffusion(simulation) -> None:
    glass = simulation(frozen_beads_nm())
    for name in CHAIN_PROPERTIES[:4]:
        (found,) = measure(name, glass)
        assert found.n_independent < 2 * N_CHAINS
        assert "few_samples" in found.flags
    with pytest.raises(NotEnoughData, match="not diffusive"):
        measure("self_diffusion", glass)


def test_one_pass_serves_all(simulation, monkeypatch) -> None:
    whole = simulation()
    passes = []

    class Counted(Trajectory):
        def chunks(self, n_frames: int | None = None):
            passes.append(1)
            return super().chunks(n_frames)

    sample = whole.sample
    counted = replace(whole, sample=Counted(sample.cell, sample.stage, sample.thermo, sample.frame_files), _shared={})
    for name in (*CHAIN_PROPERTIES, "self_diffusion"):
        assert measure(name, counted)
    assert len(passes) == 1


def test_chunks_and_blocks_change_nothing_but_the_bookkeeping(simulation, monkeypatch) -> None:
    whole = simulation()
    before = {name: measure(name, whole)[0] for name in CHAIN_PROPERTIES}
    monkeypatch.setattr("polyomics.trajectory._CHUNK_BYTES", 7 * N_CHAINS * N_BEADS * 24)
    sample = whole.sample
    same = replace(whole, _shared={})
    for name in CHAIN_PROPERTIES:
        assert measure(name, same)[0].value == pytest.approx(before[name].value, rel=1e-9)
    monkeypatch.setattr(_chain_statistics, "MOST_BLOCKS", 60)
    blocked = _chain_statistics.chain_statistics(replace(whole, _shared={}))
    assert len(blocked.internal_nm2) == len(blocked.correlation) == 60
    assert blocked.squared_end_to_end_nm2.shape == (sample.n_frames, N_CHAINS)
    for name in CHAIN_PROPERTIES[1:4]:
        found = measure(name, replace(whole, _shared={}))[0]
        assert found.value == pytest.approx(before[name].value, abs=0.5 * found.stderr)
        assert found.stderr == pytest.approx(before[name].stderr, rel=0.7)


def no_chains(cell: Cell, kind: str) -> Cell:
    """A liquid: of single atoms, or of molecules whose main chain is too short."""
    if kind == "atoms":
        return replace(
            cell,
            molecule_of_atom=np.arange(cell.n_atoms),
            unit_of_atom=np.zeros(cell.n_atoms, dtype=int),
            bonds=np.empty((0, 2), dtype=int),
        )
    trimer = np.arange(cell.n_atoms)
    bonds = np.array([(i, i + 1) for i in trimer[:-1] if i % 3 < 2])
    return replace(cell, molecule_of_atom=trimer // 3, unit_of_atom=trimer % 3 - 1, bonds=bonds)


@pytest.mark.parametrize("kind", ["atoms", "trimers"])
def test_liquids_have_no_chain_statistics_but_diffuse(kind: str, simulation) -> None:
    cell = no_chains(bead_cell(), kind)
    rng = np.random.default_rng(4)
    centres = rng.normal(scale=0.2, size=(N_FRAMES, cell.n_molecules, 3)).cumsum(axis=0)
    liquid = simulation(
        centres[:, cell.molecule_of_atom] + 0.01 * rng.normal(size=(N_FRAMES, cell.n_atoms, 3)), cell=cell
    )
    for name in CHAIN_PROPERTIES:
        with pytest.raises(NotEnoughData, match="main chain"):
            measure(name, liquid)
    (found,) = measure("self_diffusion", liquid)
    assert found.value == pytest.approx(0.02e-6, abs=3 * found.stderr)


def test_mdtraj_folds_long_chains_into_the_box(simulation) -> None:
    """By default its distances are to the nearest image: the ends of a chain longer than half the box seem nearer."""
    straight = beads_nm(5)
    straight[..., 0] += np.tile(0.3 * np.arange(N_BEADS), N_CHAINS)
    cell = simulation(straight)
    (found,) = measure("mean_squared_end_to_end_distance", cell)
    box = np.full((5, 3), cell.sample.cell.box_nm[0])
    trajectory = mdtraj.Trajectory(
        straight, cell.sample.topology, unitcell_lengths=box, unitcell_angles=np.full((5, 3), 90.0)
    )
    ends = np.array([[i * N_BEADS, (i + 1) * N_BEADS - 1] for i in range(N_CHAINS)])
    folded = np.mean(mdtraj.compute_distances(trajectory, ends) ** 2)
    whole = np.mean(mdtraj.compute_distances(trajectory, ends, periodic=False) ** 2)
    assert found.value == pytest.approx(whole, rel=1e-3)
    assert folded < 0.5 * whole


def test_mdtraj_weighs_all_atoms_alike_unless_told(simulation) -> None:
    """Its radius of gyration is that of the geometry; with masses it is ours."""
    masses = np.random.default_rng(5).uniform(1, 100, N_CHAINS * N_BEADS)
    cell = replace(bead_cell(), masses_amu=masses)
    one = slice(0, N_BEADS)
    trajectory = mdtraj.Trajectory(beads_nm()[:, one], simulation(cell=cell).sample.topology.subset(np.arange(N_BEADS)))
    statistics = _chain_statistics.molecule_statistics(simulation(cell=cell))
    plain = mdtraj.compute_rg(trajectory)
    weighted = mdtraj.compute_rg(trajectory, masses=masses[one])
    assert np.abs(plain / weighted - 1).max() > 0.05
    centres = np.einsum("fax,a->fx", beads_nm()[:, one], masses[one]) / masses[one].sum()
    np.testing.assert_allclose(statistics.centres_nm[:, 0], centres, atol=2e-3)
