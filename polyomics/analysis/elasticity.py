"""Elastic constants from the stress of strained cells, and from how the edges of a cell fluctuate.

**Strained cells.** Components are in the order xx, yy, zz, xy, xz, yz; strains of the last three are engineering
shears. From runs strained by +e and -e in component j

    C_ij = (<σ_i>(+e) - <σ_i>(-e)) / 2e,

in which the stress of the unstrained cell and everything quadratic in e drop out. C_ij and C_ji come from different
runs; where they differ by more than their errors, all errors are scaled up by √(χ²/15). Averages of Voigt (uniform
strain) and Reuss (uniform stress) bound the moduli of a body made of such cells in all directions, Hill's is their
mean (Hill 1952, DOI 10.1088/0370-1298/65/5/307); the universal anisotropy A = 5 G_V/G_R + K_V/K_R - 6 is 0 for an
isotropic body (Ranganathan & Ostoja-Starzewski 2008, DOI 10.1103/PhysRevLett.101.055504).

**Noise.** Voigt's moduli are means over many elements of C. Reuss' need its inverse, and noise in C that is as large
as its shear moduli leaves nothing of them. So what C is beside the isotropic stiffness of its Voigt moduli is made
smaller by λ = 1 - χ²_noise/χ², at least 0: χ² is its square in units of its errors, χ²_noise the mean of that for noise
alone. Without noise λ is 1 and Hill's averages are those of C; in noise alone they are Voigt's.

**Errors.** The mean stress of every run is drawn anew with its covariance, 1,000 times and once more with the opposite
sign. The error of any function of C is half the width of the middle 68 % of its values.

**Edges.** At constant pressure the strains e_i = L_i/<L_i> - 1 of the edges have <e_i e_j> = kT S_ij / V with the
compliance S (Parrinello & Rahman 1982, DOI 10.1063/1.443248): for an isotropic body S_11 = 1/E, S_12 = -ν/E.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyomics.analysis.fluctuations import unbiased_covariance
from polyomics.analysis.statistics import (
    FEW_SAMPLES,
    FEWEST_SAMPLES,
    Estimate,
    drift,
    estimate_mean,
    first_relaxed_frame,
    statistical_inefficiency,
)
from polyomics.errors import NotEnoughData
from polyomics.units import GAS_CONSTANT_KJ_MOL_K, KJ_MOL_NM3_IN_BAR

Array = NDArray[np.float64]

BAR_IN_GPA = 1e-4
N_COMPONENTS = 6
FEWEST_STARTS = 3
"""Starts from which on the spread between them is an error bar."""

_N_DRAWS = 1000
_BLOCK_INEFFICIENCIES = 2.0
_FINITE_SAMPLE_WIDENING = 9.0 / 4.0
_MIDDLE = (15.865525393145708, 84.1344746068543)
_RELATIVE_STEP = 1e-6
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class StrainRun:
    """The stress of a cell that was strained at time 0, or was not."""

    component: int
    """Which of the six strains; -1: none."""
    strain: float
    """Its size, signed."""
    time_ps: Array
    """Time since straining [ps], shape=(n,)."""
    stress_gpa: Array
    """Stress at these times [GPa], tension positive, shape=(n, 6)."""
    start: int = 0
    """Number of the state it started from."""


@dataclass(frozen=True)
class Moduli:
    """Bulk and shear modulus, and what follows from them for an isotropic body."""

    bulk: Array
    """K, in the unit of the stiffness."""
    shear: Array
    """G, in the unit of the stiffness."""

    @property
    def youngs(self) -> Array:
        """E = 9 K G / (3 K + G)."""
        return 9.0 * self.bulk * self.shear / (3.0 * self.bulk + self.shear)

    @property
    def poisson(self) -> Array:
        """ν = (3 K - 2 G) / (6 K + 2 G)."""
        return (3.0 * self.bulk - 2.0 * self.shear) / (6.0 * self.bulk + 2.0 * self.shear)


def voigt(stiffness: Array) -> Moduli:
    """Moduli of uniform strain.

    Args:
        stiffness: C, shape=(..., 6, 6).
    """
    trace, beside, shears = _invariants(stiffness)
    return Moduli((trace + 2.0 * beside) / 9.0, (trace - beside + 3.0 * shears) / 15.0)


def reuss(stiffness: Array) -> Moduli:
    """Moduli of uniform stress.

    Args:
        stiffness: C, shape=(..., 6, 6).
    """
    trace, beside, shears = _invariants(np.asarray(np.linalg.inv(stiffness), dtype=np.float64))
    return Moduli(1.0 / (trace + 2.0 * beside), 15.0 / (4.0 * (trace - beside) + 3.0 * shears))


def hill(stiffness: Array) -> Moduli:
    """Mean of Voigt's and Reuss' moduli.

    Args:
        stiffness: C, shape=(..., 6, 6).
    """
    upper, lower = voigt(stiffness), reuss(stiffness)
    return Moduli((upper.bulk + lower.bulk) / 2.0, (upper.shear + lower.shear) / 2.0)


def universal_anisotropy(stiffness: Array) -> Array:
    """5 G_V/G_R + K_V/K_R - 6.

    Args:
        stiffness: C, shape=(..., 6, 6).
    """
    upper, lower = voigt(stiffness), reuss(stiffness)
    return 5.0 * upper.shear / lower.shear + upper.bulk / lower.bulk - 6.0


def isotropic_stiffness(bulk: float, shear: float) -> Array:
    """C of an isotropic body, shape=(6, 6)."""
    stiffness = np.zeros((N_COMPONENTS, N_COMPONENTS))
    stiffness[:3, :3] = bulk - 2.0 * shear / 3.0
    stiffness[range(3), range(3)] = bulk + 4.0 * shear / 3.0
    stiffness[range(3, 6), range(3, 6)] = shear
    return stiffness


def _isotropic_part(matrices: Array) -> Array:
    """Isotropic stiffnesses with the Voigt moduli of others, shape=(..., 6, 6)."""
    averages = voigt(matrices)
    bulk, shear = np.asarray(averages.bulk)[..., None, None], np.asarray(averages.shear)[..., None, None]
    return bulk * isotropic_stiffness(1.0, 0.0) + shear * isotropic_stiffness(0.0, 1.0)


def _invariants(matrix: Array) -> tuple[Array, Array, Array]:
    """M11+M22+M33, M12+M13+M23 and M44+M55+M66."""
    normal = matrix[..., :3, :3]
    trace = np.trace(normal, axis1=-2, axis2=-1)
    beside = (normal.sum(axis=(-2, -1)) - trace) / 2.0
    return trace, beside, np.trace(matrix[..., 3:, 3:], axis1=-2, axis2=-1)


@dataclass(frozen=True, eq=False)
class MeanStress:
    """Mean stress of a run, and how sure it is."""

    mean_gpa: Array
    """Mean [GPa], shape=(6,)."""
    covariance_gpa2: Array
    """Covariance matrix of the errors [GPa²], shape=(6, 6)."""
    n_independent: float
    """Independent samples, mean over components."""


def mean_stress(stress_gpa: Array) -> MeanStress:
    """Mean of a correlated series of stresses, every component with its own correlation time.

    Args:
        stress_gpa: Stresses at equal intervals [GPa], shape=(n, 6).

    Raises:
        NotEnoughData: Fewer than three samples, or one that is not finite.
    """
    if len(stress_gpa) < FEWEST_SAMPLES or not np.isfinite(stress_gpa).all():
        raise NotEnoughData(
            f"{len(stress_gpa)} stresses are left after relaxation, {int((~np.isfinite(stress_gpa)).sum())} numbers of "
            "them not finite; run longer after straining"
        )
    inefficiency = np.array([statistical_inefficiency(one) for one in stress_gpa.T])
    n_independent = len(stress_gpa) / inefficiency
    widths = 1.0 / np.sqrt(np.maximum(n_independent - 1.0, 0.5))
    covariance = np.cov(stress_gpa.T, bias=True) * np.outer(widths, widths)
    return MeanStress(stress_gpa.mean(axis=0), covariance, float(n_independent.mean()))


@dataclass(frozen=True, eq=False)
class Stiffness:
    """The stiffness of a cell, its errors, and checks of it."""

    matrix_gpa: Array
    """C, symmetrised [GPa], shape=(6, 6)."""
    stderr_gpa: Array
    """Standard errors of its elements [GPa], shape=(6, 6)."""
    asymmetry: float
    """χ² of C_ij - C_ji over their 15 degrees of freedom."""
    n_independent: float
    """Independent stresses in the run that has fewest."""
    even_gpa: Array | None
    """What of (<σ_i>(+e) + <σ_i>(-e) - 2 <σ_i>(0)) / 2e is left, which is nought where the cell answers linearly [GPa],
    shape=(6, 6); none without an unstrained run."""
    _deviations: Array
    """Errors C may have [GPa], shape=(n, 6, 6); the second half mirrors the first."""
    _even_draws: Array | None
    _without_a_start: Array
    """C without one of the starts [GPa], shape=(n_starts, 6, 6); empty where there are too few."""

    @cached_property
    def smooth_gpa(self) -> Array:
        """C without what noise makes anisotropic in it [GPa], shape=(6, 6)."""
        return self._smoothed(self.matrix_gpa)

    @property
    def softest_gpa(self) -> float:
        """Smallest eigenvalue of `smooth_gpa` [GPa]; where it is positive every strain costs energy."""
        return float(np.linalg.eigvalsh(self.smooth_gpa).min())

    def estimate(self, function: Callable[[Array], Array]) -> Estimate:
        """The value of a function of C with its standard error.

        Args:
            function: Of stiffnesses [GPa], shape=(..., 6, 6).
        """
        part = self._real_part(self.matrix_gpa)
        isotropic = _isotropic_part(self._deviations)
        drawn = function(self.smooth_gpa + isotropic + part * (self._deviations - isotropic))
        return self._estimate(function, drawn, part)

    def anisotropy(self) -> tuple[Estimate, bool]:
        """Universal anisotropy, and whether noise in an isotropic body explains it only one time in a hundred."""
        drawn = universal_anisotropy(self._smoothed(self.smooth_gpa + self._deviations))
        limit = float(np.percentile(self._chi_squared(self._deviations), 99.0))
        is_real = float(self._chi_squared(self.matrix_gpa)) > limit
        return self._estimate(universal_anisotropy, drawn, self._real_part(self.matrix_gpa)), is_real

    def _estimate(self, function: Callable[[Array], Array], drawn: Array, part: Array) -> Estimate:
        value = float(function(self.smooth_gpa))
        low, high = np.percentile(drawn, _MIDDLE)
        stderr = max(float(high - low) / 2.0, self._between_starts(function, part))
        if stderr <= 0.0:
            return Estimate(value, None, self.n_independent, 1.0, 0, ("constant",))
        flags = ("few_samples",) if self.n_independent < FEW_SAMPLES else ()
        return Estimate(value, stderr, self.n_independent, 1.0, 0, flags)

    def _between_starts(self, function: Callable[[Array], Array], part: Array) -> float:
        """Standard error from the spread between starts, by leaving out one at a time; 0 where there are too few."""
        n_starts = len(self._without_a_start)
        if n_starts < FEWEST_STARTS:
            return 0.0
        moved = self._without_a_start - self.matrix_gpa
        isotropic = _isotropic_part(moved)
        values = function(self.smooth_gpa + isotropic + part * (moved - isotropic))
        return float(np.sqrt((n_starts - 1) * values.var()))

    def _smoothed(self, matrices: Array) -> Array:
        isotropic = _isotropic_part(matrices)
        return isotropic + self._real_part(matrices)[..., None, None] * (matrices - isotropic)

    def _real_part(self, matrices: Array) -> Array:
        """How much of what is beside the isotropic part is more than noise, shape=(...)."""
        by_noise = float(np.mean(self._chi_squared(self._deviations)))
        part: Array = np.clip(1.0 - by_noise / np.maximum(self._chi_squared(matrices), 1e-300), 0.0, 1.0)
        return part

    def _chi_squared(self, matrices: Array) -> Array:
        """Square of what is beside the isotropic part, in units of its errors, shape=(...)."""
        above = np.triu_indices(N_COMPONENTS)
        beside = (matrices - _isotropic_part(matrices))[..., above[0], above[1]]
        errors = self.stderr_gpa[above]
        smallest = max(float(errors.max()), 1e-12 * float(np.abs(self.matrix_gpa).max())) * 1e-6
        squares: Array = ((beside / np.maximum(errors, smallest)) ** 2).sum(axis=-1)
        return squares

    def nonlinearity(self) -> tuple[float, float] | None:
        """How much stiffer, as a part of the modulus, the cell is under -e than under +e, and the error of that.

        Of the bulk and the shear modulus that which is larger in units of its error; none without an unstrained run.
        """
        if self.even_gpa is None or self._even_draws is None:
            return None
        even, drawn, odd = voigt(self.even_gpa), voigt(self._even_draws), voigt(self.matrix_gpa)
        parts = []
        for name in ("bulk", "shear"):
            modulus = float(getattr(odd, name))
            low, high = np.percentile(getattr(drawn, name), _MIDDLE)
            parts.append((-float(getattr(even, name)) / modulus, float((high - low) / 2.0 / abs(modulus))))
        return max(parts, key=lambda part: abs(part[0]) / max(part[1], 1e-12))


def stiffness(runs: Sequence[StrainRun], relax_ps: float) -> Stiffness:
    """The stiffness of a cell from runs with all six strains of both signs.

    Args:
        runs: Strained runs, the same of every start; unstrained ones among them are for checks.
        relax_ps: Time after straining that is left out [ps].

    Raises:
        NotEnoughData: A run is missing, or too short.
    """
    means = {
        (run.start, run.component, np.sign(run.strain)): mean_stress(
            run.stress_gpa[run.time_ps > relax_ps * (1 + 1e-9)]
        )
        for run in runs
    }
    starts = sorted({run.start for run in runs})
    size = _common_strain(runs)
    _refuse_missing(means, starts)
    rng = np.random.default_rng(20_111)
    parts = [_odd_and_even(means, start, size, rng) for start in starts]
    odd, odd_draws = np.mean([part[0] for part in parts], axis=0), np.mean([part[1] for part in parts], axis=0)
    raw_stderr = odd_draws.std(axis=0)
    asymmetry = _asymmetry(odd, raw_stderr)
    scale = max(1.0, float(np.sqrt(asymmetry)))
    deviations = scale * _symmetric(odd_draws)
    even = [part[2] for part in parts if part[2] is not None]
    even_draws = [part[3] for part in parts if part[3] is not None]
    return Stiffness(
        matrix_gpa=_symmetric(odd),
        stderr_gpa=deviations.std(axis=0),
        asymmetry=asymmetry,
        n_independent=min(mean.n_independent for mean in means.values()) * len(starts),
        even_gpa=np.mean(even, axis=0) if len(even) == len(starts) else None,
        _deviations=deviations,
        _even_draws=np.mean(even_draws, axis=0) if len(even) == len(starts) else None,
        _without_a_start=_leave_one_out([_symmetric(part[0]) for part in parts]),
    )


def _mean_after(run: StrainRun, relax_ps: float) -> MeanStress:
    return mean_stress(run.stress_gpa[_is_after(run.time_ps, relax_ps)])


def _is_after(time_ps: Array, relax_ps: float) -> NDArray[np.bool_]:
    later: NDArray[np.bool_] = time_ps > relax_ps * (1.0 + _ROUNDING)
    return later


_Means = dict[tuple[int, int, float], MeanStress]


def _common_strain(runs: Sequence[StrainRun]) -> float:
    sizes = {abs(run.strain) for run in runs if run.component >= 0}
    if len(sizes) != 1:
        raise NotEnoughData(f"a stiffness takes strains of one size; found {sorted(sizes) or 'none'}")
    return sizes.pop()


def _refuse_missing(means: _Means, starts: list[int]) -> None:
    for start in starts:
        for component in range(N_COMPONENTS):
            for sign in (1.0, -1.0):
                if (start, component, sign) not in means:
                    raise NotEnoughData(
                        f"start {start} has no run with strain {component} of sign {sign:+.0f}; all six of both signs "
                        "are needed"
                    )


def _odd_and_even(
    means: _Means, start: int, size: float, rng: np.random.Generator
) -> tuple[Array, Array, Array | None, Array | None]:
    """C and what is even in the strain, of one start, with deviations of the first and values of the second drawn.

    Returns:
        C, shape=(6, 6); deviations, shape=(2 n, 6, 6); even part and its draws, or none.
    """
    odd, odd_draws = np.empty((6, 6)), np.empty((2 * _N_DRAWS, 6, 6))
    even, even_draws = np.empty((6, 6)), np.empty((2 * _N_DRAWS, 6, 6))
    rest = means.get((start, -1, 0.0))
    rest_draws = _draws(rest, rng) if rest else np.zeros((2 * _N_DRAWS, 6))
    for component in range(N_COMPONENTS):
        plus, minus = means[start, component, 1.0], means[start, component, -1.0]
        drawn_plus, drawn_minus = _draws(plus, rng), _draws(minus, rng)
        odd[:, component] = (plus.mean_gpa - minus.mean_gpa) / (2.0 * size)
        odd_draws[:, :, component] = (drawn_plus - drawn_minus) / (2.0 * size)
        if rest:
            even[:, component] = (plus.mean_gpa + minus.mean_gpa - 2.0 * rest.mean_gpa) / (2.0 * size)
            deviation = (drawn_plus + drawn_minus - 2.0 * rest_draws) / (2.0 * size)
            even_draws[:, :, component] = even[:, component] + deviation
    return odd, odd_draws, even if rest else None, even_draws if rest else None


def _draws(mean: MeanStress, rng: np.random.Generator) -> Array:
    """Deviations with the covariance of the mean's error, the second half minus the first, shape=(2 n, 6)."""
    values, vectors = np.linalg.eigh(mean.covariance_gpa2)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    drawn = rng.standard_normal((_N_DRAWS, N_COMPONENTS)) @ root.T
    return np.concatenate([drawn, -drawn])


def _asymmetry(raw: Array, stderr: Array) -> float:
    above = np.triu_indices(N_COMPONENTS, 1)
    difference = (raw - raw.T)[above]
    variance = (stderr**2 + stderr.T**2)[above]
    certain = variance <= 0.0
    if certain.all():
        return 1.0
    return float(np.mean(difference[~certain] ** 2 / variance[~certain]))


def _symmetric(matrix: Array) -> Array:
    symmetric: Array = (matrix + np.swapaxes(matrix, -1, -2)) / 2.0
    return symmetric


def _leave_one_out(matrices: list[Array]) -> Array:
    if len(matrices) < FEWEST_STARTS:
        return np.empty((0, N_COMPONENTS, N_COMPONENTS))
    stacked = np.array(matrices)
    rest: Array = (stacked.sum(axis=0) - stacked) / (len(stacked) - 1)
    return rest


@dataclass(frozen=True, eq=False)
class Relaxation:
    """Moduli over the time after straining, averaged over directions, signs and starts."""

    time_ps: Array
    """Time since straining [ps], shape=(n,)."""
    bulk_gpa: Array
    """Voigt's K at that time [GPa], shape=(n,)."""
    shear_gpa: Array
    """Voigt's G at that time [GPa], shape=(n,)."""
    relax_ps: float
    """Time that is left out of averages [ps]."""

    @cached_property
    def is_averaged(self) -> NDArray[np.bool_]:
        """Which times are averaged over, shape=(n,)."""
        return _is_after(self.time_ps, self.relax_ps)

    def fall(self, series: Array) -> tuple[float, float]:
        """How much larger a series is in the first half of what is averaged than in the second, and the error of that.

        Args:
            series: One of the moduli, shape=(n,).

        Returns:
            Fall and standard error, as parts of the mean; the error is infinite where it cannot be told.
        """
        used = series[self.is_averaged]
        mean, half = float(used.mean()), len(used) // 2
        if half < 2:
            return 0.0, float("inf")
        early, late = (estimate_mean(part, discard_start=False) for part in (used[:half], used[half:]))
        if early.stderr is None or late.stderr is None:
            certain = "constant" in early.flags and "constant" in late.flags
            return (early.mean - late.mean) / abs(mean), 0.0 if certain else float("inf")
        return (early.mean - late.mean) / abs(mean), float(np.hypot(early.stderr, late.stderr)) / abs(mean)


def relaxation(runs: Sequence[StrainRun], relax_ps: float) -> Relaxation:
    """Moduli over time from runs of one length, as `stiffness` takes them.

    Raises:
        NotEnoughData: The strains differ in size.
    """
    size = _common_strain(runs)
    strained = [run for run in runs if run.component >= 0]
    n_times = min(len(run.time_ps) for run in strained)
    stiffness_gpa = np.zeros((n_times, N_COMPONENTS, N_COMPONENTS))
    for run in strained:
        stiffness_gpa[:, :, run.component] += np.sign(run.strain) * run.stress_gpa[:n_times] / (2.0 * size)
    moduli = voigt(stiffness_gpa / len({run.start for run in strained}))
    return Relaxation(strained[0].time_ps[:n_times], moduli.bulk, moduli.shear, relax_ps)


def in_intervals(time_ps: Array, series: Array, n_intervals: int = 16) -> tuple[Array, Array, Array]:
    """Means of a series over intervals that grow in proportion to time.

    Args:
        time_ps: Times, equally spaced [ps], shape=(n,).
        series: Values, shape=(n,).
        n_intervals: At most so many.

    Returns:
        Mean times, means, and standard errors of the means, those from the spread of the second half of the series and
        its correlation time, shape=(n_found,) each.
    """
    edges = np.unique(np.geomspace(1, len(series), n_intervals + 1).round().astype(int))
    edges = np.concatenate([[0], edges]) if len(edges) < 2 or edges[0] > 0 else edges
    lengths = np.diff(edges)
    late = series[len(series) // 2 :]
    inefficiency = statistical_inefficiency(late) if len(late) > 1 else 1.0
    per_sample = np.minimum(1.0, inefficiency / lengths)
    means = np.add.reduceat(series, edges[:-1]) / lengths
    return np.add.reduceat(time_ps, edges[:-1]) / lengths, means, late.std() * np.sqrt(per_sample)


@dataclass(frozen=True, eq=False)
class EdgeFluctuations:
    """How the edges of a cell vary at constant pressure, and the moduli of an isotropic body that varies so."""

    alone: float
    """Mean variance of the strain of an edge."""
    together: float
    """Mean covariance of the strains of two edges."""
    stiffness_unit_gpa: float
    """kT over the volume [GPa]."""
    n_independent: float
    """Independent samples of the slowest edge."""
    flags: tuple[str, ...]
    """`few_samples`, `drifting`."""
    _series: Array
    """Squares and products of strains at every time, shape=(2, n)."""

    def youngs_gpa(self) -> Estimate:
        """E = kT / (V <e_1²>) [GPa]."""
        return self._estimate(lambda alone, together: self.stiffness_unit_gpa / alone)

    def poisson(self) -> Estimate:
        """ν = -<e_1 e_2> / <e_1²>."""
        return self._estimate(lambda alone, together: -together / alone)

    def bulk_gpa(self) -> Estimate:
        """K = kT / (V <(e_1 + e_2 + e_3)²>) [GPa]."""
        return self._estimate(lambda alone, together: self.stiffness_unit_gpa / (3.0 * alone + 6.0 * together))

    def shear_gpa(self) -> Estimate:
        """G = kT / (V 2 <e_1² - e_1 e_2>) [GPa]."""
        return self._estimate(lambda alone, together: self.stiffness_unit_gpa / (2.0 * (alone - together)))

    def _estimate(self, function: Callable[[float, float], float]) -> Estimate:
        value, step = function(self.alone, self.together), _RELATIVE_STEP * self.alone
        slopes = np.array(
            [
                function(self.alone + step, self.together) - function(self.alone - step, self.together),
                function(self.alone, self.together + step) - function(self.alone, self.together - step),
            ]
        ) / (2.0 * step)
        of_mean = estimate_mean(slopes @ self._series, discard_start=False)
        n_independent = min(of_mean.n_independent, self.n_independent)
        flags = self.flags
        if n_independent < FEW_SAMPLES and "few_samples" not in flags:
            flags = ("few_samples", *flags)
        return replace(of_mean, mean=value, n_independent=n_independent, flags=flags)


def edge_fluctuations(edges_nm: ArrayLike, temperature_k: float) -> EdgeFluctuations:
    """Fluctuations of the edges, from the rows after all have relaxed.

    Variances are corrected for the finite run, and errors follow, as `analysis.fluctuations` says.

    Args:
        edges_nm: Edges of the cell at equal intervals [nm], shape=(n, 3).
        temperature_k: Temperature [K].

    Raises:
        NotEnoughData: Fewer than three independent samples, or edges that do not move.
    """
    edges = np.asarray(edges_nm, dtype=np.float64)
    first = max(first_relaxed_frame(edge) for edge in edges.T)
    used = edges[first:]
    if (np.ptp(used, axis=0) <= 0.0).any():
        raise NotEnoughData("an edge of the cell does not move, so it has no fluctuations to measure; sample longer")
    inefficiency = max(statistical_inefficiency(edge) for edge in used.T)
    n_independent = len(used) / inefficiency
    if n_independent < FEWEST_SAMPLES:
        raise NotEnoughData(
            f"{n_independent:.1f} independent samples of the edges in {len(used)} rows; fluctuations take at least "
            f"{FEWEST_SAMPLES:g}, and {FEW_SAMPLES:g} to be trusted: sample longer"
        )
    strains = (used / used.mean(axis=0) - 1.0).T
    covariance = unbiased_covariance(strains, _BLOCK_INEFFICIENCIES * inefficiency)
    widening = 1.0 + _FINITE_SAMPLE_WIDENING / n_independent
    alone = (strains**2).mean(axis=0)
    together = (strains.sum(axis=0) ** 2 - 3.0 * alone) / 6.0
    flags: tuple[str, ...] = ("few_samples",) if n_independent < FEW_SAMPLES else ()
    if first > len(edges) / 2 or any(drift(one).is_significant for one in strains):
        flags += ("drifting",)
    unit = GAS_CONSTANT_KJ_MOL_K * temperature_k / float(used.prod(axis=1).mean()) * KJ_MOL_NM3_IN_BAR * BAR_IN_GPA
    return EdgeFluctuations(
        alone=float(np.trace(covariance) / 3.0),
        together=float((covariance.sum() - np.trace(covariance)) / 6.0),
        stiffness_unit_gpa=unit,
        n_independent=n_independent,
        flags=flags,
        _series=widening * np.array([alone, together]),
    )
