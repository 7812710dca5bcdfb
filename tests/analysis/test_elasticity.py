"""Elastic constants that were put in come out, with errors that hold."""

import numpy as np
import pytest
from scipy.signal import lfilter

from polyomics.analysis.elasticity import (
    EdgeFluctuations,
    Moduli,
    StrainRun,
    edge_fluctuations,
    hill,
    in_intervals,
    isotropic_stiffness,
    mean_stress,
    relaxation,
    reuss,
    stiffness,
    universal_anisotropy,
    voigt,
)
from polyomics.errors import NotEnoughData
from polyomics.units import GAS_CONSTANT_KJ_MOL_K, KJ_MOL_NM3_IN_BAR

BULK, SHEAR = 4.0, 1.2
YOUNGS, POISSON = 9 * BULK * SHEAR / (3 * BULK + SHEAR), (3 * BULK - 2 * SHEAR) / (6 * BULK + 2 * SHEAR)
STRAIN = 0.01


def correlated(rng: np.random.Generator, n: int, n_series: int, frames: float) -> np.ndarray:
    """Unit-variance AR(1) series, shape=(n, n_series)."""
    decay = np.exp(-1 / frames) if frames else 0.0
    noise = rng.standard_normal((n, n_series)) * np.sqrt(1 - decay**2)
    noise[0] /= np.sqrt(1 - decay**2)
    return lfilter([1], [1, -decay], noise, axis=0)


def runs(
    matrix: np.ndarray,
    *,
    noise_gpa: float = 0.0,
    n: int = 200,
    frames: float = 2.0,
    seed: int = 1,
    n_starts: int = 1,
    even_gpa: np.ndarray | None = None,
    decay: np.ndarray | None = None,
) -> list[StrainRun]:
    """Runs of a body of this stiffness, whose stress has an offset, noise that its components share, and a decay.

    Args:
        matrix: C [GPa].
        noise_gpa: Standard deviation of the stress.
        n: Samples a run, one a picosecond.
        frames: Correlation time of the noise [samples].
        seed: Of the noise.
        n_starts: States to start from.
        even_gpa: What is quadratic: stress = C e + even |e|, shape=(6, 6).
        decay: By what C is multiplied at every time, shape=(n,).
    """
    rng = np.random.default_rng(seed)
    mixing = np.eye(6)
    mixing[:3, :3] += 0.8 * (1 - np.eye(3))
    mixing /= np.linalg.norm(mixing, axis=1)[:, None]
    found = []
    for start in range(n_starts):
        for component, sign in [(-1, 0), *((c, s) for c in range(6) for s in (1, -1))]:
            stress = 0.03 + noise_gpa * correlated(rng, n, 6, frames) @ mixing.T
            if sign:
                answer = sign * STRAIN * matrix[:, component] * (np.ones(n) if decay is None else decay)[:, None]
                stress = stress + answer
                if even_gpa is not None:
                    stress = stress + STRAIN * even_gpa[:, component]
            found.append(StrainRun(component, sign * STRAIN, np.arange(1.0, n + 1), stress, start))
    return found


def cubic(c11: float, c12: float, c44: float) -> np.ndarray:
    matrix = np.diag([c11] * 3 + [c44] * 3)
    matrix[:3, :3] += c12 * (1 - np.eye(3))
    return matrix


def random_stable(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(6, 6)) * 0.4 + np.linalg.cholesky(isotropic_stiffness(BULK, SHEAR)).T
    return root.T @ root


ISOTROPIC = isotropic_stiffness(BULK, SHEAR)


@pytest.mark.parametrize("average", [voigt, reuss, hill])
def test_every_average_of_an_isotropic_body_is_its_moduli(average: object) -> None:
    moduli = average(ISOTROPIC)
    assert (moduli.bulk, moduli.shear) == pytest.approx((BULK, SHEAR))
    assert (moduli.youngs, moduli.poisson) == pytest.approx((YOUNGS, POISSON))
    assert universal_anisotropy(ISOTROPIC) == pytest.approx(0.0, abs=1e-12)


def test_youngs_modulus_is_stress_over_strain_with_free_sides() -> None:
    strain = np.linalg.solve(ISOTROPIC, [1.0, 0, 0, 0, 0, 0])
    moduli = Moduli(np.array(BULK), np.array(SHEAR))
    assert moduli.youngs == pytest.approx(1 / strain[0])
    assert moduli.poisson == pytest.approx(-strain[1] / strain[0])


@pytest.mark.parametrize("seed", range(5))
def test_the_averages_are_in_order(seed: int) -> None:
    matrix = random_stable(seed)
    for name in ("bulk", "shear"):
        upper, middle, lower = (float(getattr(average(matrix), name)) for average in (voigt, hill, reuss))
        assert upper > middle > lower > 0
    assert universal_anisotropy(matrix) > 0


def test_averages_of_a_cubic_crystal() -> None:
    """Closed forms in C11, C12, C44 (Hill 1952); copper."""
    c11, c12, c44 = 168.4, 121.4, 75.4
    matrix = cubic(c11, c12, c44)
    assert voigt(matrix).bulk == pytest.approx((c11 + 2 * c12) / 3)
    assert reuss(matrix).bulk == pytest.approx((c11 + 2 * c12) / 3)
    assert voigt(matrix).shear == pytest.approx((c11 - c12 + 3 * c44) / 5)
    assert reuss(matrix).shear == pytest.approx(5 * (c11 - c12) * c44 / (4 * c44 + 3 * (c11 - c12)))
    ratio = 2 * c44 / (c11 - c12)
    assert universal_anisotropy(matrix) == pytest.approx(6 / 5 * (np.sqrt(ratio) - 1 / np.sqrt(ratio)) ** 2)


@pytest.mark.parametrize("seed", range(3))
def test_a_stiffness_without_noise_comes_back(seed: int) -> None:
    matrix = random_stable(seed)
    found = stiffness(runs(matrix, even_gpa=random_stable(seed + 10)), 50.0)
    assert found.matrix_gpa == pytest.approx(matrix, abs=1e-9)
    assert found.softest_gpa == pytest.approx(np.linalg.eigvalsh(matrix).min())
    assert found.even_gpa == pytest.approx(random_stable(seed + 10), abs=1e-9)


QUANTITIES = {
    "bulk": (lambda matrix: hill(matrix).bulk, BULK),
    "shear": (lambda matrix: hill(matrix).shear, SHEAR),
    "youngs": (lambda matrix: hill(matrix).youngs, YOUNGS),
    "poisson": (lambda matrix: hill(matrix).poisson, POISSON),
}


@pytest.mark.parametrize("n_starts", [1, 3])
def test_errors_are_the_spread_between_repetitions_and_there_is_no_bias(n_starts: int) -> None:
    """Noise that puts a third on single shear elements, stress correlated in time and between components."""
    n_copies = 40
    values = {name: [] for name in QUANTITIES}
    for seed in range(n_copies):
        found = stiffness(
            runs(ISOTROPIC, noise_gpa=0.03 * np.sqrt(n_starts), n=150, seed=seed, n_starts=n_starts), 50.0
        )
        for name, (function, _) in QUANTITIES.items():
            estimate = found.estimate(function)
            values[name].append((estimate.mean, estimate.stderr))
    for name, (_, truth) in QUANTITIES.items():
        means, errors = np.array(values[name]).T
        spread = means.std(ddof=1)
        assert abs(means.mean() - truth) < 4 * spread / np.sqrt(n_copies), name
        assert 0.75 < np.sqrt((errors**2).mean()) / spread < (1.4 if n_starts == 1 else 1.7), name
        within = (np.abs(means - truth) < 2 * errors).mean()
        assert within > 0.8, name


def test_a_glass_that_is_noisy_is_not_called_anisotropic_and_a_crystal_is() -> None:
    found = [stiffness(runs(ISOTROPIC, noise_gpa=0.01, seed=seed), 50.0).anisotropy() for seed in range(30)]
    assert sum(is_real for _, is_real in found) <= 3
    assert np.mean([estimate.mean for estimate, _ in found]) < 0.1
    crystal, is_real = stiffness(runs(cubic(6.0, 3.4, 3.4), noise_gpa=0.01), 50.0).anisotropy()
    assert is_real
    assert crystal.mean == pytest.approx(float(universal_anisotropy(cubic(6.0, 3.4, 3.4))), abs=3 * crystal.stderr)


@pytest.mark.parametrize("noise_gpa", [1e-5, 0.003, 0.1])
def test_noise_is_taken_out_and_anisotropy_is_not(noise_gpa: float) -> None:
    """In a crystal, Hill's average is the crystal's while noise is small, and Voigt's where it is all there is."""
    matrix = cubic(6.0, 3.4, 3.4)
    found = stiffness(runs(matrix, noise_gpa=noise_gpa), 50.0)
    shear = found.estimate(lambda m: hill(m).shear)
    truth = hill(matrix).shear if noise_gpa < 0.01 else voigt(matrix).shear
    assert shear.mean == pytest.approx(float(truth), abs=3.5 * shear.stderr)
    if noise_gpa < 0.01:
        assert shear.stderr < 0.1 * float(voigt(matrix).shear - reuss(matrix).shear) + noise_gpa * 10
        assert found.smooth_gpa == pytest.approx(matrix, abs=4 * found.stderr_gpa.max())


def test_elements_that_disagree_with_their_mirrors_widen_all_errors() -> None:
    """A run that fell into another basin: C_12 is not C_21."""
    good = runs(ISOTROPIC, noise_gpa=0.005)
    bad = [
        StrainRun(one.component, one.strain, one.time_ps, one.stress_gpa + 0.02 * np.eye(6)[1], one.start)
        if (one.component, one.strain) == (0, STRAIN) else one
        for one in good
    ]  # fmt: skip
    before, after = stiffness(good, 50.0), stiffness(bad, 50.0)
    assert before.asymmetry < 2.5 < after.asymmetry
    assert after.stderr_gpa[5, 5] > 1.5 * before.stderr_gpa[5, 5]


def test_an_unstable_stiffness_is_known_as_such() -> None:
    assert stiffness(runs(isotropic_stiffness(BULK, -0.1), noise_gpa=0.001), 50.0).softest_gpa < 0
    assert stiffness(runs(ISOTROPIC, noise_gpa=0.001), 50.0).softest_gpa > 0


def test_a_quadratic_answer_shows() -> None:
    linear = stiffness(runs(ISOTROPIC, noise_gpa=0.002), 50.0).nonlinearity()
    assert linear is not None
    assert abs(linear[0]) < 4 * linear[1]
    bent = stiffness(runs(ISOTROPIC, noise_gpa=0.002, even_gpa=-0.3 * ISOTROPIC), 50.0).nonlinearity()
    assert bent is not None
    assert bent[0] == pytest.approx(0.3, abs=4 * bent[1])
    without = [one for one in runs(ISOTROPIC) if one.component >= 0]
    assert stiffness(without, 50.0).nonlinearity() is None


def test_a_fall_is_seen_with_its_size_and_none_where_there_is_none() -> None:
    time = np.arange(1.0, 201.0)
    decay = np.where(time <= 50, 3.0, np.where(time <= 125, 1.2, 0.8))
    falling = relaxation(runs(ISOTROPIC, noise_gpa=0.002, decay=decay), 50.0)
    fall, error = falling.fall(falling.shear_gpa)
    assert fall == pytest.approx(0.4, abs=4 * error)
    assert error < 0.05
    assert falling.shear_gpa[:50].mean() == pytest.approx(3 * SHEAR, rel=0.02)
    falls = []
    for seed in range(40):
        still = relaxation(runs(ISOTROPIC, noise_gpa=0.01, seed=seed), 50.0)
        falls.append(still.fall(still.bulk_gpa))
    z = np.array([fall / error for fall, error in falls])
    assert (z > 2.33).sum() <= 4
    assert 0.6 < z.std() < 1.7


def test_the_fall_of_noise_alone_cannot_be_told() -> None:
    short = relaxation(runs(ISOTROPIC, noise_gpa=0.01, n=6), 4.0)
    assert short.fall(short.shear_gpa)[1] == float("inf")


def test_intervals_cover_the_series_once() -> None:
    time, series = np.arange(1.0, 301.0), np.random.default_rng(1).normal(size=300)
    times, _, errors = in_intervals(time, series)
    assert len(times) <= 17
    assert (np.diff(times) > 0).all()
    assert times[0] == 1.0
    assert (np.diff(errors) <= 0).all()
    assert errors[-1] < errors[0]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda found: found[:-1], "all six of both signs"),
        (lambda found: [one for one in found if one.component != 3], "strain 3"),
        (lambda found: [*found, StrainRun(0, 0.02, found[1].time_ps, found[1].stress_gpa, 0)], "one size"),
        (lambda found: [one for one in found if one.component < 0], "none"),
    ],
)
def test_missing_runs_are_named(change: object, match: str) -> None:
    with pytest.raises(NotEnoughData, match=match):
        stiffness(change(runs(ISOTROPIC)), 50.0)


def test_too_short_and_damaged_runs_are_refused() -> None:
    with pytest.raises(NotEnoughData, match="2 stresses"):
        stiffness(runs(ISOTROPIC, n=52), 50.0)
    with pytest.raises(NotEnoughData, match="not finite"):
        mean_stress(np.full((10, 6), np.nan))


EDGE_NM, TEMPERATURE_K = 3.0, 300.0


def edges_nm(n: int, seed: int, frames: float = 3.0) -> np.ndarray:
    """Edges of a cube of the isotropic body at zero pressure."""
    unit = GAS_CONSTANT_KJ_MOL_K * TEMPERATURE_K / EDGE_NM**3 * KJ_MOL_NM3_IN_BAR * 1e-4
    covariance = unit * np.linalg.inv(ISOTROPIC)[:3, :3]
    noise = correlated(np.random.default_rng(seed), n, 3, frames)
    return EDGE_NM * (1 + noise @ np.linalg.cholesky(covariance).T)


TRUTHS = {"youngs_gpa": YOUNGS, "poisson": POISSON, "bulk_gpa": BULK, "shear_gpa": SHEAR}


def test_edges_that_fluctuate_as_an_isotropic_body_give_its_moduli() -> None:
    found = edge_fluctuations(edges_nm(40_000, 1), TEMPERATURE_K)
    for name, truth in TRUTHS.items():
        estimate = getattr(found, name)()
        assert estimate.stderr < 0.06 * truth
        assert estimate.mean == pytest.approx(truth, abs=3.5 * estimate.stderr)
    assert found.flags == ()


def test_the_errors_from_edges_hold() -> None:
    found: list[EdgeFluctuations] = [edge_fluctuations(edges_nm(1500, seed), TEMPERATURE_K) for seed in range(60)]
    for name, truth in TRUTHS.items():
        values = [getattr(one, name)() for one in found]
        means, errors = np.array([(value.mean, value.stderr) for value in values]).T
        assert 0.7 < np.sqrt((errors**2).mean()) / means.std(ddof=1) < 1.5, name
        assert means.mean() == pytest.approx(truth, rel=0.06), name


def test_edges_that_drift_are_flagged_and_those_that_stand_refused() -> None:
    edges = edges_nm(3000, 2)
    drifting = edges * (1 + np.linspace(0, 0.05, 3000))[:, None] ** [1, -1, 0]
    assert "drifting" in edge_fluctuations(drifting, TEMPERATURE_K).flags
    with pytest.raises(NotEnoughData, match="does not move"):
        edge_fluctuations(np.full((100, 3), 3.0), TEMPERATURE_K)
    with pytest.raises(NotEnoughData, match="independent samples"):
        edge_fluctuations(3.0 * (1 + 1e-3 * np.arange(10.0))[:, None] * np.ones(3), TEMPERATURE_K)
