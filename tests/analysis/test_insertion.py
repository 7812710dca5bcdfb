"""Test insertion against what is known exactly: ideal gas, second virial coefficient, and Widom's own way."""

import numpy as np
import pytest
from scipy.integrate import quad

from polyomics.analysis.guest_energies import Guest, Sites, Surroundings
from polyomics.analysis.insertion import FrameInsertions, insert, insert_anywhere, widom
from polyomics.errors import InvalidSettings, NotEnoughData, OutOfReach
from polyomics.units import GAS_CONSTANT_KJ_MOL_K

BOX_NM = 2.2
CUTOFF_NM = 1.0
TEMPERATURE_K = 300.0


def sites(*rows: tuple[float, float, float]) -> Sites:
    """From σ [nm], ε [kJ/mol], charge [e]."""
    return Sites(*np.array(rows, dtype=float).T)


BALL = Guest(np.zeros((1, 3)), sites((0.373, 1.23, 0.0)))
ROD = Guest(
    np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.116], [0.0, 0.0, -0.116]]),
    sites((0.28, 0.224, 0.7), (0.305, 0.657, -0.35), (0.305, 0.657, -0.35)),
)


def lattice(n_a_side: int = 4, seed: int = 1, shift_nm: float = 0.0) -> Surroundings:
    """Charged atoms of two kinds near the points of a lattice."""
    places = np.stack(np.meshgrid(*[np.arange(n_a_side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) + 0.5
    noise = np.random.default_rng(seed).normal(scale=0.03, size=places.shape)
    positions = places * BOX_NM / n_a_side + noise + shift_nm
    kind = places.sum(axis=1).astype(int) % 2
    atoms = Sites(np.where(kind, 0.3, 0.34), np.where(kind, 0.5, 0.4), np.where(kind, 0.3, -0.3))
    return Surroundings(positions, np.full(3, BOX_NM), atoms, CUTOFF_NM)


def mean_factor(frame: FrameInsertions, temperature_k: float = TEMPERATURE_K) -> float:
    factors = frame.weights * np.exp(-frame.energies_kj_mol / (GAS_CONSTANT_KJ_MOL_K * temperature_k))
    return float(frame.free_fraction * factors.mean())


@pytest.mark.parametrize("guest", [BALL, ROD])
def test_in_an_empty_box_the_gas_is_ideal(guest: Guest) -> None:
    nothing = Surroundings(np.zeros((1, 3)), np.full(3, BOX_NM), sites((0.3, 0.0, 0.0)), CUTOFF_NM)
    frames = [insert(nothing, guest, 200, 50, 273.15, np.random.default_rng(i)) for i in range(3)]
    found = widom(frames, 273.15)
    assert found.boltzmann.mean == pytest.approx(1.0, abs=1e-12)
    assert found.chemical_potential_kj_mol.mean == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("temperature_k", [150.0, 300.0])
def test_with_one_atom_the_average_is_the_second_virial_coefficient(temperature_k: float) -> None:
    """<exp(-U/kT)> - 1 = -2 B / V for one atom in a volume V, with the pair energy as it is cut off here."""
    atom = sites((0.3405, 0.996, 0.0))
    one = Surroundings(np.full((1, 3), 0.4), np.full(3, BOX_NM), atom, CUTOFF_NM)
    kt = GAS_CONSTANT_KJ_MOL_K * temperature_k
    sigma, epsilon = 0.5 * (0.3405 + 0.373), np.sqrt(0.996 * 1.23)

    def mayer(r: float) -> float:
        return 4.0 * np.pi * r**2 * np.expm1(-4.0 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6) / kt)

    within = quad(mayer, 1e-3, 0.2)[0] + quad(mayer, 0.2, CUTOFF_NM, limit=200)[0]
    expected = (1.0 + within / BOX_NM**3) * np.exp(-one.tail_kj_mol(BALL.sites) / kt)
    found = [
        mean_factor(insert(one, BALL, 20_000, 4_000, temperature_k, np.random.default_rng(seed)), temperature_k)
        for seed in range(16)
    ]
    stderr = np.std(found, ddof=1) / 4.0
    assert np.mean(found) == pytest.approx(expected, abs=4.0 * stderr)
    assert stderr < 0.1 * abs(expected - 1.0)


@pytest.mark.parametrize("guest", [BALL, ROD])
def test_choosing_places_by_cavities_and_maps_does_not_change_the_average(guest: Guest) -> None:
    crowd = lattice()
    chosen = [mean_factor(insert(crowd, guest, 10_000, 400, 300.0, np.random.default_rng(s))) for s in range(8)]
    anywhere = [mean_factor(insert_anywhere(crowd, guest, 2_000, np.random.default_rng(s))) for s in range(16)]
    errors = np.std(chosen, ddof=1) / np.sqrt(8), np.std(anywhere, ddof=1) / np.sqrt(16)
    assert np.mean(chosen) == pytest.approx(np.mean(anywhere), abs=3.5 * np.hypot(*errors))
    assert errors[0] < 2.0 * errors[1]  # with a tenth of the energies


def test_a_frame_that_is_shifted_gives_the_same_value() -> None:
    first, second = (
        insert(lattice(shift_nm=shift), ROD, 5_000, 100, 300.0, np.random.default_rng(1)) for shift in (0.0, 0.7)
    )
    assert second.free_fraction == pytest.approx(first.free_fraction, abs=2e-3)
    assert mean_factor(second) == pytest.approx(mean_factor(first), rel=1e-6)


def test_the_long_ranged_potential_does_not_depend_on_where_ewald_splits_it() -> None:
    """A charged molecule in charged surroundings: two cut-offs split the sum differently, and it is the same."""
    crowd = lattice()
    other = Surroundings(crowd._positions_nm, crowd.box_nm, crowd.atoms, 0.7)
    points = np.random.default_rng(3).random((20, 1, 3)) * BOX_NM
    charge = sites((0.1, 0.0, 1.0))
    here, there = (one.energies_kj_mol(points, charge) for one in (crowd, other))
    assert here == pytest.approx(there, rel=1e-4, abs=3e-3)


def test_volumes_count_at_constant_pressure() -> None:
    """exp(-μ/kT) = <V exp(-U/kT)> / <V>."""
    kt = GAS_CONSTANT_KJ_MOL_K * 300.0
    frames = [
        FrameInsertions(v, f, 10, np.array([u * kt]), np.ones(1)) for v, f, u in ((8.0, 0.5, 1.0), (12.0, 1.0, 2.0))
    ]
    expected = (8.0 * 0.5 * np.exp(-1.0) + 12.0 * np.exp(-2.0)) / 20.0
    assert widom(frames, 300.0).boltzmann.mean == pytest.approx(expected)


def drawn(n_frames: int, n: int, spread_kt: float, seed: int) -> list[FrameInsertions]:
    """Energies from a Gaussian of which the average of Boltzmann factors is exp(s²/2)."""
    rng = np.random.default_rng(seed)
    kt = GAS_CONSTANT_KJ_MOL_K * 300.0
    return [FrameInsertions(8.0, 1.0, n, rng.normal(scale=spread_kt * kt, size=n), np.ones(n)) for _ in range(n_frames)]


def test_the_error_is_that_of_repetitions() -> None:
    found = [widom(drawn(50, 40, 1.0, seed), 300.0) for seed in range(60)]
    pulls = [(one.boltzmann.mean - np.exp(0.5)) / one.boltzmann.stderr for one in found]
    assert abs(np.mean(pulls)) < 0.6
    assert 0.75 < np.std(pulls) < 1.35
    assert not any("few_insertions_dominate" in one.boltzmann.flags for one in found)


def test_an_average_of_rare_events_is_flagged() -> None:
    """With energies spread over 6 kT, two thousand insertions do not find those that matter."""
    found = widom(drawn(50, 40, 6.0, 1), 300.0)
    assert "few_insertions_dominate" in found.boltzmann.flags
    assert found.n_effective < 100


def test_one_frame_that_makes_the_average_is_flagged() -> None:
    frames = drawn(20, 400, 0.1, 1)
    kt = GAS_CONSTANT_KJ_MOL_K * 300.0
    frames[7] = FrameInsertions(8.0, 1.0, 400, np.full(400, -3.0 * kt), np.ones(400))
    found = widom(frames, 300.0)
    assert found.largest_share > 0.3
    assert "few_insertions_dominate" in found.boltzmann.flags


def test_a_molecule_that_fits_nowhere_is_a_failure_that_counts_its_places() -> None:
    dense = lattice(n_a_side=10)
    frames = [insert(dense, BALL, 1000, 10, 300.0, np.random.default_rng(i)) for i in range(2)]
    with pytest.raises(OutOfReach, match=r"not one place of 2,000 in 2 frames"):
        widom(frames, 300.0)
    with pytest.raises(NotEnoughData, match="no frames"):
        widom([], 300.0)


def test_a_box_below_twice_the_cutoff_and_broken_frames_are_refused() -> None:
    with pytest.raises(InvalidSettings, match="below twice the cut-off"):
        Surroundings(np.zeros((1, 3)), np.full(3, 1.9), sites((0.3, 0.5, 0.0)), CUTOFF_NM)
    with pytest.raises(NotEnoughData, match="not finite"):
        Surroundings(np.full((1, 3), np.nan), np.full(3, 3.0), sites((0.3, 0.5, 0.0)), CUTOFF_NM)
