"""Every test of equilibrium: what it passes, what it fails, and what it says it cannot know."""

from dataclasses import replace

import freud
import numpy as np
import pytest
from scipy import stats
from scipy.spatial.transform import Rotation
from synthetic import BOND_NM, BOX_NM, InMemory, ar1, bead_cell, changed, free_chains, in_equilibrium, simulation, stage

from polyomics.equilibrium import CRITERIA, OVERALL, State, chains_move, judge, more_sampling_helps
from polyomics.equilibrium._chains import independent_directions
from polyomics.equilibrium.internal_distances import deviations_percent
from polyomics.equilibrium.no_net_orientation import order_by_chance
from polyomics.equilibrium.no_voids import largest_usual_void_nm
from polyomics.equilibrium.verdict import overall
from polyomics.records import Criterion
from polyomics.simulation import Simulation

STATE = State(temperature_k=300.0, pressure_bar=1.0)
NAMES = CRITERIA.names()


def verdict(name: str, found: Simulation) -> Criterion:
    return CRITERIA[name]().judge(found, STATE)


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_is(name: str) -> None:
    cls = CRITERIA[name]
    assert cls.name == name
    assert cls.unit.strip()
    assert cls.definition.strip()
    assert "DOI 10." in cls.reference
    assert cls.__doc__


@pytest.mark.parametrize("name", NAMES)
def test_damaged_frames_and_tables_are_never_passed(name: str) -> None:
    found = in_equilibrium()
    positions = found.sample.positions_nm.copy()
    positions[50, 3, 1] = np.nan
    table = {column: np.where(np.arange(1000) == 7, np.nan, values) for column, values in found.sample.thermo.items()}
    damaged = replace(found.sample, positions_nm=positions, thermo=table)
    item = verdict(name, Simulation(damaged, melt=damaged))
    assert item.verdict == "unknown"
    assert "not finite" in item.message


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_with_nothing_in_it_is_never_passed(name: str) -> None:
    cell = bead_cell()
    empty = {column: np.empty(0) for column in in_equilibrium().sample.thermo}
    sample = replace(stage(None, cell), thermo=empty)
    assert verdict(name, Simulation(sample, melt=sample)).verdict == "unknown"


def test_a_cell_in_equilibrium_passes_and_later_stages_are_not_needed() -> None:
    criteria = judge(in_equilibrium(), 300.0, 1.0)
    assert [item.name for item in criteria] == [*NAMES, OVERALL]
    assert {item.name: item.verdict for item in criteria if item.verdict != "pass"} == {}
    assert not more_sampling_helps(criteria)


def test_without_a_melt_the_cell_may_still_be_in_equilibrium() -> None:
    criteria = judge(Simulation(in_equilibrium().sample), 300.0, 1.0)
    unknown = {item.name for item in criteria if item.verdict == "unknown"}
    assert unknown == {"chains_move", "end_to_end_decorrelation", "internal_distances"}
    assert criteria[-1].verdict == "pass"


# ---------------------------------------------------------------- series


def test_density_that_creeps_up_fails() -> None:
    noise = ar1(1000, 5.0, np.random.default_rng(0))
    assert verdict("density_stationary", in_equilibrium(density_g_cm3=1.0 + 0.01 * noise)).verdict == "pass"
    creeping = 1.0 + 0.01 * noise + np.linspace(0.0, 0.05, 1000)
    assert verdict("density_stationary", in_equilibrium(density_g_cm3=creeping)).verdict == "fail"


def test_energies_that_drift_against_each_other_are_seen() -> None:
    """Torsions pay for packing, and the sum stays."""
    drift = np.linspace(0.0, 8.0, 1000)
    found = in_equilibrium()
    table = found.sample.thermo
    torsion, nonbonded = table["torsion_energy_kj_mol"] + drift, table["nonbonded_energy_kj_mol"] - 2.0 * drift
    item = verdict(
        "energy_stationary", changed(found, torsion_energy_kj_mol=torsion, nonbonded_energy_kj_mol=nonbonded)
    )
    assert item.verdict == "fail"
    assert "nonbonded" in item.message
    assert verdict("energy_stationary", found).verdict == "pass"


@pytest.mark.parametrize(
    ("offset", "drift", "expected"),
    [(0.0, 0.0, "pass"), (200.0, 0.0, "fail"), (-200.0, 0.0, "fail"), (0.0, 3e3, "fail")],
)
def test_pressure(offset: float, drift: float, expected: str) -> None:
    """1,000 independent values of standard deviation 500 bar: a standard error of 16 bar."""
    series = 1.0 + offset + 500.0 * ar1(1000, 0.2, np.random.default_rng(2)) + np.linspace(-drift / 2, drift / 2, 1000)
    item = verdict("pressure_on_target", in_equilibrium(pressure_bar=series))
    assert item.verdict == expected
    if not drift:
        assert item.value == pytest.approx(offset, abs=60.0)
        assert item.threshold == pytest.approx(3.5 * 500.0 / np.sqrt(1000.0), rel=0.15)


def test_pressure_is_held_against_what_was_asked_for() -> None:
    found = in_equilibrium(pressure_bar=1000.0 + 500.0 * ar1(1000, 0.2, np.random.default_rng(2)))
    test = CRITERIA["pressure_on_target"]()
    assert test.judge(found, State(temperature_k=300.0, pressure_bar=1000.0)).verdict == "pass"
    assert test.judge(found, STATE).verdict == "fail"


def test_pressure_of_a_few_values_is_unknown_and_at_constant_volume_nothing_is_asked_of_it() -> None:
    found = in_equilibrium()
    few = Simulation(replace(found.sample, thermo={k: v[:2] for k, v in found.sample.thermo.items()}))
    assert verdict("pressure_on_target", few).verdict == "unknown"
    held = Simulation(replace(found.sample, stage={"kind": "nvt"}))
    assert verdict("pressure_on_target", changed(held, pressure_bar=np.full(1000, 900.0))).verdict == "pass"


def grown(cell, factor: np.ndarray, seed: int = 4) -> InMemory:
    """Frozen chains of different sizes that grow by a factor from frame to frame."""
    rng = np.random.default_rng(seed)
    first = free_chains(cell, 1, rng)[0].reshape(cell.n_molecules, -1, 3)
    centres = first.mean(axis=1, keepdims=True)
    wobble = 1.0 + 1e-3 * ar1(len(factor), 3.0, rng)
    frames = (first - centres)[None] * (factor * wobble)[:, None, None, None] + centres
    return stage(frames.reshape(len(factor), -1, 3), cell)


def test_chains_that_swell_fail_and_those_that_creep_pass() -> None:
    """The limit is half of what the mean over ten chains would fluctuate by."""
    cell, time = bead_cell(), np.linspace(0.0, 1.0, 200)
    assert verdict("rg_stationary", simulation(grown(cell, 1.0 + 0.01 * time))).verdict == "pass"
    assert verdict("rg_stationary", simulation(grown(cell, 1.0 + 0.3 * time))).verdict == "fail"


# ---------------------------------------------------------------- chains


def scaled(cell, factor: float, seed: int = 5, n_frames: int = 100) -> InMemory:
    return stage(factor * free_chains(cell, n_frames, np.random.default_rng(seed)), cell)


@pytest.mark.parametrize(("factor", "expected"), [(1.0, "pass"), (1.05, "pass"), (1.15, "fail"), (0.85, "fail")])
def test_stretched_and_squeezed_chains(factor: float, expected: str) -> None:
    """Squared distances are off by the square: +10 % passes, +32 % and -28 % do not."""
    cell = bead_cell()
    item = verdict("internal_distances", simulation(scaled(cell, factor), scaled(cell, 1.0, seed=6)))
    assert item.verdict == expected
    assert item.value == pytest.approx(100.0 * abs(factor**2 - 1.0), abs=8.0)


def test_a_frozen_cell_of_few_chains_is_given_the_benefit_of_its_spread() -> None:
    """One frame of a few chains has large differences from the mean that say nothing."""
    cell, failed, large = bead_cell(n_chains=4), 0, 0
    melt = scaled(cell, 1.0, n_frames=300)
    for seed in range(30):
        item = verdict("internal_distances", simulation(scaled(cell, 1.0, seed=100 + seed, n_frames=1), melt))
        failed += item.verdict == "fail"
        large += item.value > 20.0
    assert large >= 4
    assert failed <= 2


def test_differences_of_internal_distances_are_a_paired_t_test() -> None:
    rng = np.random.default_rng(7)
    sample, melt = rng.uniform(1.0, 2.0, (2, 9, 4))
    percent, p_value = deviations_percent(sample, melt)
    assert p_value == pytest.approx(stats.ttest_rel(sample, melt).pvalue)
    assert percent == pytest.approx(100.0 * (sample.mean(axis=0) / melt.mean(axis=0) - 1.0))
    same, certain = deviations_percent(melt, melt)
    assert (same == 0.0).all()
    assert (certain == 1.0).all()


def test_too_few_chains_have_no_spread() -> None:
    cell = bead_cell(n_chains=2)
    item = verdict("internal_distances", simulation(scaled(cell, 1.2), scaled(cell, 1.0)))
    assert item.verdict == "unknown"
    assert "too few" in item.message


def turning(n_chains: int, n_frames: int, tau: float, seed: int = 8) -> InMemory:
    """Rods whose end-to-end vectors forget exponentially: three components of Gaussian noise."""
    rng = np.random.default_rng(seed)
    cell = bead_cell(n_chains=n_chains, n_beads=6)
    ends = np.stack([[ar1(n_frames, tau, rng) for _ in range(3)] for _ in range(n_chains)]).transpose(2, 0, 1)
    places = ends[:, :, None, :] * np.linspace(-0.5, 0.5, 6)[:, None]
    return stage(places.reshape(n_frames, -1, 3), cell)


def test_end_to_end_vectors_that_forget_and_those_that_do_not() -> None:
    """C(0.9 T) of vectors that forget exponentially, and the time it takes to reach 1/e."""
    found = simulation(turning(200, 400, 100.0), turning(200, 400, 100.0))
    item = verdict("end_to_end_decorrelation", found)
    assert item.verdict == "pass"
    assert item.value == pytest.approx(np.exp(-0.9 * 400 / 100), abs=0.1)
    slow = turning(200, 400, 1000.0)
    item = verdict("end_to_end_decorrelation", simulation(slow, slow))
    assert item.verdict == "unknown"
    assert item.value == pytest.approx(np.exp(-0.9 * 400 / 1000), abs=0.06)
    needed = float(item.message.rsplit("about ", 1)[1].split(" ps")[0])
    assert needed == pytest.approx(1000.0 / 0.9, rel=0.2)


# ---------------------------------------------------------------- order


def test_aligned_chains_fail_and_the_order_is_that_of_freud() -> None:
    cell, rng = bead_cell(), np.random.default_rng(9)
    frame = free_chains(cell, 1, rng)
    assert verdict("no_net_orientation", simulation(stage(frame, cell))).verdict == "pass"
    stretched = frame * np.array([1.0, 1.0, 2.0]) @ Rotation.random(rng=rng).as_matrix().T
    item = verdict("no_net_orientation", simulation(stage(stretched, cell)))
    assert item.verdict == "fail"
    chains = stretched.reshape(cell.n_molecules, -1, 3)
    chords = (chains[:, 2:] - chains[:, :-2]).reshape(-1, 3)
    nematic = freud.order.Nematic()
    nematic.compute(chords / np.linalg.norm(chords, axis=1, keepdims=True))
    assert item.value == pytest.approx(nematic.order, abs=1e-4)


@pytest.mark.parametrize("n_directions", [40, 400])
def test_order_by_chance_is_what_random_directions_give(n_directions: int) -> None:
    rng = np.random.default_rng(10)
    vectors = rng.standard_normal((6000, n_directions, 3))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    order = np.einsum("fvx,fvy->fxy", vectors, vectors) / n_directions
    largest = np.linalg.eigvalsh(1.5 * order - 0.5 * np.eye(3))[:, -1]
    for quantile in (0.5, 0.99):
        expected = np.quantile(largest, quantile)
        assert order_by_chance(n_directions, quantile) == pytest.approx(expected, rel=0.03 + 1.5 / n_directions)


def test_directions_that_know_of_each_other_count_once() -> None:
    rng = np.random.default_rng(11)
    vectors = rng.standard_normal((50, 8, 30, 3))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    assert independent_directions(vectors) == pytest.approx(240.0, rel=0.05)
    rods = np.repeat(vectors[:, :, :1], 30, axis=2)
    assert independent_directions(rods) == pytest.approx(8.0, rel=1e-6)
    pairs = np.repeat(vectors[:, :, :15], 2, axis=2)
    assert independent_directions(pairs) == pytest.approx(120.0, rel=0.1)


# ---------------------------------------------------------------- voids


def with_a_hole(diameter_nm: float) -> tuple[Simulation, float]:
    """Carbon on a random dense arrangement without the atoms that reach into a sphere; one atom a chain does not do."""
    n = 24
    grid = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) * (BOX_NM / n)
    away = grid - BOX_NM / 2 - BOX_NM / n / 2
    distance = np.linalg.norm(away, axis=1)
    kept = grid[distance >= diameter_nm / 2 + 0.17]
    kept = kept[: len(kept) // 12 * 12]
    cell = bead_cell(n_chains=12, n_beads=len(kept) // 12)
    cell = replace(cell, vdw_volume_nm3=0.65 * BOX_NM**3)
    expected = 2.0 * (np.linalg.norm(kept - BOX_NM / 2 - BOX_NM / n / 2, axis=1).min() - 0.17)
    return simulation(stage(np.tile(kept, (3, 1, 1)), cell)), expected


@pytest.mark.parametrize(("diameter_nm", "expected"), [(0.7, "pass"), (1.2, "fail"), (2.0, "fail")])
def test_the_diameter_of_a_hole_is_found(diameter_nm: float, expected: str) -> None:
    found, exact = with_a_hole(diameter_nm)
    item = verdict("no_voids", found)
    assert item.verdict == expected
    assert item.value == pytest.approx(exact, abs=0.02)
    assert item.threshold == pytest.approx(0.9)


def test_a_looser_cell_may_have_larger_holes() -> None:
    assert largest_usual_void_nm(0.65) == pytest.approx(0.9)
    limits = [largest_usual_void_nm(packing) for packing in (0.75, 0.65, 0.55, 0.45)]
    assert limits == sorted(limits)


# ---------------------------------------------------------------- motion


def moved(distance_nm: float, seed: int = 12) -> InMemory:
    """Frozen chains; up to the last frame each moves by `distance_nm`, half of them opposite to the others."""
    cell, rng = bead_cell(), np.random.default_rng(seed)
    steps = rng.standard_normal((cell.n_molecules // 2, 3))
    steps *= distance_nm / np.linalg.norm(steps, axis=1, keepdims=True)
    whole = np.repeat(np.concatenate([steps, -steps]), cell.n_atoms // cell.n_molecules, axis=0)
    part = np.linspace(0.0, 1.0, 50)[:, None, None]
    return stage(free_chains(cell, 1, rng) + part * whole, cell)


@pytest.mark.parametrize(("distance_nm", "expected"), [(0.9 * BOND_NM, "fail"), (1.1 * BOND_NM, "pass")])
def test_units_that_move_by_their_distance(distance_nm: float, expected: str) -> None:
    item = chains_move(moved(distance_nm))
    assert item.verdict == expected
    assert item.value == pytest.approx(distance_nm, rel=1e-6)
    assert item.threshold == pytest.approx(BOND_NM, rel=1e-6)


def test_motion_within_a_chain_counts() -> None:
    """Every unit on its own, by a known distance; the ends of chains do not count."""
    still = moved(0.0)
    rng = np.random.default_rng(14)
    steps = rng.normal(scale=0.1 / np.sqrt(3.0), size=still.positions_nm.shape[1:])
    steps[still.cell.unit_of_atom == -1] = 7.0
    last = still.positions_nm.copy()
    last[-1] += steps
    item = chains_move(replace(still, positions_nm=last))
    inside = (still.cell.unit_of_atom >= 0) & (still.cell.unit_of_atom < 38)
    own = steps[inside] - steps[inside].mean(axis=0)
    assert item.value == pytest.approx(np.sqrt((own**2).sum(axis=1).mean()), rel=1e-6)


def test_what_the_barostat_and_drift_of_the_whole_cell_do_is_not_motion() -> None:
    """Molecules jump by a box edge; the cell as a whole moves; both leave the units where they were."""
    still = moved(0.1)
    rng = np.random.default_rng(13)
    jumps = rng.integers(-1, 2, (50, 10, 3)).cumsum(axis=0) * BOX_NM
    drift = np.linspace(0.0, 3.0, 50)[:, None, None]
    shifted = still.positions_nm + np.repeat(jumps, 40, axis=1) + drift
    item = chains_move(replace(still, positions_nm=shifted))
    assert item.value == pytest.approx(chains_move(still).value, rel=1e-6)


@pytest.mark.parametrize("n_frames", [0, 1])
def test_a_melt_without_frames_is_unknown(n_frames: int) -> None:
    cell = bead_cell()
    frames = free_chains(cell, n_frames, np.random.default_rng(1)) if n_frames else None
    assert chains_move(stage(frames, cell)).verdict == "unknown"


# ---------------------------------------------------------------- together


def made(**verdicts: str) -> list[Criterion]:
    part = {"value": None, "threshold": None, "unit": "1", "message": ""}
    return [Criterion(name=name, verdict=verdicts.get(name, "pass"), **part) for name in NAMES]


@pytest.mark.parametrize(
    ("verdicts", "expected", "helps"),
    [
        ({}, "pass", False),
        ({"end_to_end_decorrelation": "unknown"}, "pass", False),
        ({"internal_distances": "unknown", "chains_move": "unknown"}, "pass", False),
        ({"density_stationary": "unknown"}, "unknown", True),
        ({"density_stationary": "unknown", "no_voids": "fail"}, "fail", True),
        ({"chains_move": "fail"}, "fail", False),
        ({"chains_move": "fail", "rg_stationary": "unknown"}, "fail", True),
        ({"internal_distances": "fail"}, "fail", True),
    ],
)
def test_the_overall_verdict(verdicts: dict[str, str], expected: str, helps: bool) -> None:
    criteria = made(**verdicts)
    whole = overall(criteria)
    assert (whole.name, whole.verdict) == (OVERALL, expected)
    assert whole.value == list(verdicts.values()).count("fail")
    assert all(name in whole.message for name in verdicts)
    assert more_sampling_helps([*criteria, whole]) is helps
