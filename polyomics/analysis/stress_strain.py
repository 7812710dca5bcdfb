"""Young's modulus, Poisson's ratio and yield from stress-strain curves of small cells, in which noise is large.

**Elastic part.** Per axis a least squares line of stress over strain from 0 to a window; the modulus is the mean of the
slopes. Of a few windows that one counts whose line has the smallest error by noise and by curvature together. The
lines have free intercepts: a cell is not free of stress when the stretch begins, and a viscous part of the stress is
there at once. Strains of yield are counted from where the line crosses zero stress (toe compensation, as in ASTM D638).

**Errors.** Two roads, the larger one counts: the noise along each curve, with its correlation in time (the residuals'
statistical inefficiency), and the spread between axes, which also holds what differs between them. To the error of the
modulus comes what curvature makes of its slope.

**Yield.** The curves are averaged over axes and smoothed by local parabolas. A maximum after which the stress falls by
more than the noise is the yield point. Where there is none but the curve bends, it is where the elastic line meets the
line through the second half. Errors are from curves made anew: with resampled blocks of the residuals, and with
axes weighted at random. The first of these also tells by how much noise raises a maximum, which is taken off; what a
second smoothing would change is added to the error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.statistics import FEW_SAMPLES, Estimate, statistical_inefficiency
from polyomics.errors import NotEnoughData, NotIdentifiable

Array = NDArray[np.float64]

MPA_PER_BAR = 0.1
WINDOWS = (0.04, 0.03, 0.02, 0.015, 0.01, 0.005)
"""Largest strains of the elastic fit that are tried, from the largest on."""
FEWEST_ROWS = 8
"""Rows of an axis within the window below which it is not tried."""
IDENTIFIED_ERRORS = 3.0
"""A stress rises with strain if its slope is as many errors from zero."""
FALL_ERRORS = 3.0
"""A maximum is one if it is as many errors above zero and the curve falls after it by as many combined errors."""
FLOWING_ERRORS = 6.0
"""The same for the height where no rise from zero is told: of a melt, whose stress wanders, the highest point of the
curve is often three errors high."""
SOFTENED = 0.35
"""Slope of the second half of the curve over the modulus, below which a curve without maximum has yielded."""
SMOOTHING_STRAIN = 0.02
"""Half the width of the local parabolas."""
FLOWS_ABOVE = 0.5
"""Power of the strain rate from which on a response is that of a liquid: 1 in a Newtonian one, 0.1 in a glass."""

_N_BINS = 120
_FEWEST_BINS = 12
_N_REPLICATES = 300
_BINS_IN_PARABOLA = 7
_DEGREE_OF_STRESS, _DEGREE_OF_SIDES = 6, 2
_ROUNDING = 1e-9
_ONE_SIGMA = (15.87, 84.13)


@dataclass(frozen=True, eq=False)
class Pull:
    """One stretch along one axis, row by row."""

    strain: Array
    """Engineering strain, shape=(n,)."""
    stress_mpa: Array
    """Engineering stress of the axis over the lateral mean [MPa], shape=(n,)."""
    lateral_strain: Array
    """Mean engineering strain of the two lateral edges, shape=(n,)."""


@dataclass(frozen=True, eq=False)
class Elastic:
    """What the first part of the curves tells."""

    modulus_mpa: Estimate
    """Young's modulus [MPa]. Flags: `one_axis`: the error does not hold what differs between axes; `few_samples`."""
    poisson: Estimate | None
    """Poisson's ratio, with the same flags and `wider_window`: the sides fluctuate so slowly that their line takes more
    strain than that of the stress; none where even the largest window does not give it an error."""
    window: float
    """Largest strain of the fit."""
    intercept_mpa: float
    """Stress of the line at the strain where the stretch began [MPa]."""

    @property
    def toe(self) -> float:
        """Strain at which the line crosses zero stress; strains are counted from there."""
        return -self.intercept_mpa / self.modulus_mpa.mean


@dataclass(frozen=True, eq=False)
class Smooth:
    """The curve averaged over axes and smoothed."""

    strain: Array
    """Middles of equal intervals of strain, shape=(n,)."""
    mean_mpa: Array
    """Mean over axes and over the rows of the interval [MPa], shape=(n,)."""
    stress_mpa: Array
    """Smoothed [MPa], shape=(n,)."""
    stderr_mpa: Array
    """Standard error of `stress_mpa`, shape=(n,)."""


@dataclass(frozen=True, eq=False)
class YieldPoint:
    """Where a solid gives way."""

    stress_mpa: Estimate
    """Engineering stress [MPa]."""
    strain: Estimate
    """Engineering strain, counted from the toe. Flags: `no_toe`: the elastic line is too uncertain to tell the toe, and
    strains are counted from the start of the stretch."""
    toe: float
    """Strain, from the start of the stretch, that is counted as none."""
    has_maximum: bool
    """Whether it is a maximum; else it is where two lines meet."""


@dataclass(frozen=True)
class RateDependence:
    """How a value goes with the rate of strain, value ~ rate^power."""

    power: float
    """Slope of the logarithm over that of the rate."""
    stderr: float
    """Its standard error."""

    @property
    def is_significant(self) -> bool:
        """Whether the rate matters beyond the noise."""
        return abs(self.power) > 2.0 * self.stderr

    @property
    def flows(self) -> bool:
        """Whether the response is that of a liquid."""
        return self.power > FLOWS_ABOVE and self.is_significant


def pull(strain: Array, stress_bar: Array, box_nm: Array, axis: int) -> Pull:
    """A stretch as engineering stress and lateral strain.

    Lateral edges fluctuate by a per cent in a small cell, so their lengths at zero strain are those of lines through
    them over the first few per cent.

    Args:
        strain: Engineering strain of the axis, shape=(n,).
        stress_bar: True stress, first three components xx, yy, zz, tension positive [bar], shape=(n, ≥3).
        box_nm: Edges of the box [nm], shape=(n, 3).
        axis: 0, 1 or 2.

    Raises:
        NotEnoughData: There are fewer than 8 rows, or numbers that are not finite.
    """
    if len(strain) < FEWEST_ROWS:
        raise NotEnoughData(f"the stretch has {len(strain)} rows of stress; at least {FEWEST_ROWS} are needed")
    if not (np.isfinite(stress_bar).all() and np.isfinite(box_nm).all()):
        raise NotEnoughData("the stretch holds a stress or an edge that is not finite; delete its folder, run it again")
    sides = [index for index in range(3) if index != axis]
    early = max(FEWEST_ROWS, int(np.searchsorted(strain, WINDOWS[0], side="right")))
    at_zero = np.polyfit(strain[:early], box_nm[:early][:, sides], 1)[1]
    ratios = box_nm[:, sides] / at_zero
    excess_bar = stress_bar[:, axis] - stress_bar[:, sides].mean(axis=1)
    return Pull(strain, excess_bar * ratios.prod(axis=1) * MPA_PER_BAR, ratios.mean(axis=1) - 1.0)


def elastic(pulls: Sequence[Pull]) -> Elastic:
    """Young's modulus and Poisson's ratio of stretches at one rate.

    Args:
        pulls: One per axis, or several.

    Raises:
        NotEnoughData: There are too few independent rows for a line and its error.
    """
    of_stress = _inefficiency(pulls, [p.stress_mpa for p in pulls], _DEGREE_OF_STRESS)
    of_sides = _inefficiency(pulls, [p.lateral_strain for p in pulls], _DEGREE_OF_SIDES)
    window, bending = _window(pulls, of_stress)
    stress = [_fitted(p.strain, p.stress_mpa, window, 1, of_stress) for p in pulls]
    poisson = _contraction(pulls, window, of_sides)
    intercept = float(np.mean([fit.coefficients[0] for fit in stress]))
    reached = min(window, *(float(p.strain[-1]) for p in pulls))
    modulus = _combined(stress, 1)
    modulus = replace(modulus, stderr=float(np.hypot(modulus.stderr or 0.0, bending)))
    return Elastic(modulus, poisson, reached, intercept)


def is_elastic(found: Elastic) -> bool:
    """Whether the stress rises with strain by more than its noise."""
    modulus = found.modulus_mpa
    return modulus.stderr is not None and modulus.mean >= IDENTIFIED_ERRORS * modulus.stderr


def refuse_flow(found: Elastic) -> None:
    """Refuse curves whose stress does not rise with strain by more than the noise.

    Raises:
        NotIdentifiable: The message says what was found.
    """
    modulus = found.modulus_mpa
    if not is_elastic(found):
        error = "unknown" if modulus.stderr is None else f"{modulus.stderr:.0f}"
        raise NotIdentifiable(
            f"the stress does not rise with strain by more than its noise: the slope up to a strain of "
            f"{found.window:g} is {modulus.mean:.0f} MPa with an error of {error}; either it flows at this temperature "
            "and rate, or the cell is too small or the stretch too fast to see"
        )


def smooth(pulls: Sequence[Pull], seed: int = 1) -> Smooth:
    """The mean curve of stretches at one rate, smoothed, with its error.

    Raises:
        NotEnoughData: The curves are too short to be smoothed.
    """
    made = _Replicas.of(pulls, seed)
    error = np.maximum(made.noise.std(axis=0), made.between.std(axis=0))
    return Smooth(made.strain, made.mean, made.curve, error)


def yield_point(pulls: Sequence[Pull], found: Elastic, seed: int = 1) -> YieldPoint:
    """The yield point of stretches at one rate.

    Args:
        pulls: One per axis, or several.
        found: Their elastic part.
        seed: Of the resampling.

    Raises:
        NotIdentifiable: The stress does not rise, or does not stop rising, within the strains there are.
        NotEnoughData: The curves are too short to be smoothed.
    """
    made = _Replicas.of(pulls, seed)
    peak = int(made.curve.argmax())
    least = peak + int(made.curve[peak:].argmin())
    noise = made.noise.std(axis=0)
    fall = float(made.curve[peak] - made.curve[least])
    height, error = float(made.curve[peak]), float(max(noise[peak], made.between[:, peak].std()))
    least_height = (FALL_ERRORS if is_elastic(found) else FLOWING_ERRORS) * error
    if height > least_height and fall > FALL_ERRORS * float(np.hypot(noise[peak], noise[least])):
        return _at_maximum(made, found)
    refuse_flow(found)
    return _at_kink(made, found)


def rate_dependence(rates_per_s: Sequence[float], values: Sequence[Estimate]) -> RateDependence | None:
    """Power of the strain rate in some values, weighted with their errors; none where two have no error or sign."""
    known = [
        (rate, one.mean, one.stderr)
        for rate, one in zip(rates_per_s, values, strict=True)
        if one.stderr is not None and one.stderr > 0.0 and one.mean > 0.0
    ]
    if len({rate for rate, _, _ in known}) < 2:
        return None
    rates, means, errors = np.array(known).T
    weights = (means / errors) ** 2
    away = np.log(rates) - weights @ np.log(rates) / weights.sum()
    squares = float(weights @ away**2)
    return RateDependence(float(weights * away @ np.log(means)) / squares, squares**-0.5)


@dataclass(frozen=True, eq=False)
class _Fit:
    """A polynomial through a correlated series."""

    coefficients: Array
    """From the constant on."""
    errors: Array
    n_independent: float


def _contraction(pulls: Sequence[Pull], window: float, inefficiency: float) -> Estimate | None:
    """Poisson's ratio over the window, or over the next larger one that gives an error."""
    for wider in sorted(one for one in WINDOWS if one >= window):
        try:
            fits = [_fitted(p.strain, p.lateral_strain, wider, 1, inefficiency) for p in pulls]
        except NotEnoughData:
            continue
        slope = _combined(fits, 1)
        flags = slope.flags + (("wider_window",) if wider > window else ())
        return replace(slope, mean=-slope.mean, flags=flags)
    return None


def _inefficiency(pulls: Sequence[Pull], series: Sequence[Array], degree: int) -> float:
    """Rows between independent ones, from the whole curves less smooth polynomials, mean over axes.

    A window has too few rows to tell.
    """
    found = []
    for one, values in zip(pulls, series, strict=True):
        smooth_part = np.polynomial.Polynomial.fit(one.strain, values, min(degree, len(values) // 4))
        residuals = values - smooth_part(one.strain)
        is_smooth = np.ptp(residuals) <= _ROUNDING * np.ptp(values)
        found.append(1.0 if is_smooth else statistical_inefficiency(residuals))
    return float(np.mean(found))


def _fitted(x: Array, y: Array, window: float, degree: int, inefficiency: float) -> _Fit:
    used = x <= window * (1.0 + 1e-9)
    x, y = x[used], y[used]
    powers = np.vander(x, degree + 1, increasing=True)
    coefficients = np.asarray(np.linalg.lstsq(powers, y, rcond=None)[0], dtype=np.float64)
    residuals = y - powers @ coefficients
    n_independent = len(y) / inefficiency
    freedom = n_independent - degree - 1.0
    if freedom < 1.0:
        raise NotEnoughData(
            f"up to a strain of {window:g} there are {n_independent:.1f} independent rows, too few for a fit; stretch "
            "more slowly"
        )
    inverse = np.linalg.inv(powers.T @ powers / len(y))
    variance = float(np.mean(residuals**2)) / freedom
    errors = np.asarray(np.sqrt(variance * np.diag(inverse)), dtype=np.float64)
    return _Fit(coefficients, errors, n_independent)


def _combined(fits: Sequence[_Fit], power: int, *, between: bool = True) -> Estimate:
    """The mean over axes of one coefficient; its error without what differs between axes, where that is not asked."""
    values = np.array([fit.coefficients[power] for fit in fits])
    errors = np.array([fit.errors[power] for fit in fits])
    stderr = float(np.sqrt(np.sum(errors**2))) / len(fits)
    if between and len(fits) > 1:
        stderr = max(stderr, float(values.std(ddof=1)) / len(fits) ** 0.5)
    n_independent = sum(fit.n_independent for fit in fits)
    flags: tuple[str, ...] = ("one_axis",) if len(fits) == 1 else ()
    flags += ("few_samples",) if n_independent < FEW_SAMPLES else ()
    return Estimate(float(values.mean()), stderr, n_independent, 1.0, 0, flags)


def _window(pulls: Sequence[Pull], inefficiency: float) -> tuple[float, float]:
    """The window whose line has the smallest error, that by noise and that by curvature together, and the latter.

    A parabola c ε² that goes with the line makes its slope wrong by c times the window. What noise has in c stays in:
    windows are chosen for a small c, which is small by chance too: with it taken off, errors were 40 % too small.
    """
    noise, bending = {}, {}
    for window in WINDOWS:
        if min(int((p.strain <= window * (1.0 + 1e-9)).sum()) for p in pulls) < FEWEST_ROWS:
            break
        try:
            lines, parabolas = (
                [_fitted(p.strain, p.stress_mpa, window, n, inefficiency) for p in pulls] for n in (1, 2)
            )
        except NotEnoughData:
            break
        slope, curvature = _combined(lines, 1, between=False), _combined(parabolas, 2, between=False)
        noise[window], bending[window] = slope.stderr or 0.0, abs(curvature.mean) * window
    if not noise:
        raise NotEnoughData(
            f"up to a strain of {WINDOWS[0]:g} there are not the {FEWEST_ROWS} rows of stress, enough of them "
            "independent, that a modulus needs; stretch more slowly"
        )
    best = min(noise, key=lambda window: float(np.hypot(noise[window], bending[window])))
    return best, bending[best]


@dataclass(frozen=True, eq=False)
class _Replicas:
    """The mean curve, and what it might have been with other noise and with other axes."""

    strain: Array
    mean: Array
    curve: Array
    smoother: Array
    raw: Array
    """Deviations of the mean curve by noise, shape=(n_replicates, n_bins)."""
    noise: Array
    """The same, smoothed."""
    between: Array
    """Deviations by the choice of axes, smoothed, shape=(n_replicates, n_bins)."""
    n_in_parabola: float
    """Independent values behind a point of the smoothed curve."""

    @classmethod
    def of(cls, pulls: Sequence[Pull], seed: int) -> _Replicas:
        strain, curves = _binned(pulls)
        smoother = _smoother(strain)
        smoothed = curves @ smoother.T
        kept = 1.0 - float(np.trace(2.0 * smoother - smoother @ smoother.T)) / len(strain)
        residuals = (curves - smoothed) / max(kept, 0.1) ** 0.5
        inefficiency = float(np.mean([statistical_inefficiency(one) for one in residuals]))
        rng = np.random.default_rng(seed)
        raw = np.mean([_resampled(one, int(np.ceil(2.0 * inefficiency)), rng) for one in residuals], axis=0)
        n_axes = len(curves)
        weights = rng.standard_normal((_N_REPLICATES, n_axes)) / max(n_axes * (n_axes - 1.0), 1.0) ** 0.5
        return cls(
            strain,
            curves.mean(axis=0),
            smoothed.mean(axis=0),
            smoother,
            raw,
            raw @ smoother.T,
            weights @ (smoothed - smoothed.mean(axis=0)),
            n_axes / (inefficiency * float(np.mean(np.sum(smoother**2, axis=1)))),
        )


def _binned(pulls: Sequence[Pull]) -> tuple[Array, Array]:
    """Middles of equal intervals of strain, and the mean stress of every axis in each, shape=(n_axes, n_bins)."""
    end = min(float(p.strain[-1]) for p in pulls)
    n_bins = min(_N_BINS, min(int((p.strain <= end).sum()) for p in pulls) // 2)
    if n_bins < _FEWEST_BINS:
        raise NotEnoughData(
            f"the curves have {2 * n_bins} rows, too few to be smoothed; at least {2 * _FEWEST_BINS} are needed"
        )
    curves = []
    for one in pulls:
        used = one.strain <= end
        bins = np.minimum((one.strain[used] / end * n_bins).astype(int), n_bins - 1)
        curves.append(np.bincount(bins, one.stress_mpa[used], n_bins) / np.bincount(bins, minlength=n_bins))
    return (np.arange(n_bins) + 0.5) * end / n_bins, np.array(curves)


def _smoother(strain: Array) -> Array:
    """Matrix of local parabolas with parabolic weights, shape=(n, n); its rows sum to 1."""
    width = float(strain[1] - strain[0])
    half = max(SMOOTHING_STRAIN, 0.5 * (_BINS_IN_PARABOLA + 1) * width)
    rows = []
    for place in strain:
        away = (strain - place) / half
        weights = np.clip(1.0 - away**2, 0.0, None)
        powers = np.vander(away, 3, increasing=True)
        moments = (powers * weights[:, None]).T @ powers
        rows.append(np.linalg.solve(moments, (powers * weights[:, None]).T)[0])
    return np.array(rows)


def _resampled(residuals: Array, length: int, rng: np.random.Generator) -> Array:
    """Series of blocks of the residuals, taken at random places, shape=(n_replicates, n)."""
    n = len(residuals)
    n_blocks = -(-n // length)
    starts = rng.integers(0, n, size=(_N_REPLICATES, n_blocks, 1))
    taken: Array = residuals[((starts + np.arange(length)) % n).reshape(_N_REPLICATES, -1)[:, :n]]
    return taken


def _at_maximum(made: _Replicas, found: Elastic) -> YieldPoint:
    peak = int(made.curve.argmax())
    toe = found.toe if is_elastic(found) else 0.0
    strain = float(made.strain[peak]) - toe
    again = made.smoother @ made.curve
    blunted = float(made.curve.max() - again.max())
    moved = float(made.strain[again.argmax()] - made.strain[peak])
    by_noise = made.curve + made.noise
    bias = float(by_noise.max(axis=1).mean() - made.curve[peak])
    strains, stresses = [], []
    for deviations, raw in ((made.noise, made.raw), (made.between, made.between)):
        curves = made.curve + deviations
        toes = _toes(made, raw, found.window) if is_elastic(found) else 0.0
        strains.append(_half_width(made.strain[curves.argmax(axis=1)] - toes))
        stresses.append(float(curves.max(axis=1).std()))
    n, flags = made.n_in_parabola, found.modulus_mpa.flags
    stress = Estimate(float(made.curve[peak]) - bias, float(np.hypot(max(stresses), blunted)), n, 1.0, 0, flags)
    flags += () if is_elastic(found) else ("no_toe",)
    return YieldPoint(
        stress, Estimate(strain, float(np.hypot(max(strains), moved)), n, 1.0, 0, flags), toe, has_maximum=True
    )


def _at_kink(made: _Replicas, found: Elastic) -> YieldPoint:
    """Where the elastic line meets that of the second half.

    Raises:
        NotIdentifiable: The curve does not bend enough.
    """
    late = _line_weights(made.strain, made.strain >= 0.5 * made.strain[-1])
    late_slope, late_start = (float(row @ made.mean) for row in late)
    slope, start = found.modulus_mpa.mean, found.intercept_mpa
    noise, between = (deviations @ late[0] for deviations in (made.raw, made.between))
    error = float(np.hypot(max(noise.std(), between.std()), found.modulus_mpa.stderr or 0.0))
    place = (late_start - start) / (slope - late_slope) if slope > late_slope else np.inf
    bends = late_slope < SOFTENED * slope and slope - late_slope > IDENTIFIED_ERRORS * error
    if not bends or not 0.0 < place < 0.5 * made.strain[-1]:
        end = float(made.strain[-1] + made.strain[0])
        raise NotIdentifiable(
            f"no yield up to a strain of {end:.3g}: the stress has no maximum, and its slope in the second "
            f"half of the curve is {late_slope:.0f} MPa beside {slope:.0f} MPa at the start; stretch further"
        )
    strains, stresses = [], []
    early = _line_weights(made.strain, made.strain <= max(found.window, float(made.strain[2])))
    for deviations in (made.raw, made.between):
        slopes, starts = slope + deviations @ early[0], start + deviations @ early[1]
        late_slopes, late_starts = late_slope + deviations @ late[0], late_start + deviations @ late[1]
        with np.errstate(divide="ignore", invalid="ignore"):
            places = (late_starts - starts) / (slopes - late_slopes)
            strains.append(_half_width(places + starts / slopes))
        stresses.append(_half_width(starts + slopes * places))
    flags = (*found.modulus_mpa.flags, "no_maximum")
    n = made.n_in_parabola
    return YieldPoint(
        Estimate(start + slope * place, max(stresses), n, 1.0, 0, flags),
        Estimate(place - found.toe, max(strains), n, 1.0, 0, flags),
        found.toe,
        has_maximum=False,
    )


def _toes(made: _Replicas, deviations: Array, window: float) -> Array:
    """Strains at which the elastic lines of replicates cross zero stress, shape=(n_replicates,)."""
    slope, start = _line_weights(made.strain, made.strain <= max(window, float(made.strain[2])))
    curves = made.mean + deviations
    toes: Array = -(curves @ start) / (curves @ slope)
    return toes


def _line_weights(strain: Array, used: NDArray[np.bool_]) -> Array:
    """Rows whose products with a curve are slope and start of a line through the points used, shape=(2, n)."""
    powers = np.vander(strain[used], 2)
    weights = np.zeros((2, len(strain)))
    weights[:, used] = np.linalg.pinv(powers)
    return weights


def _half_width(values: Array) -> float:
    """Half the width of the middle 68 %, a standard deviation that outliers leave alone."""
    low, high = np.percentile(values[np.isfinite(values)], _ONE_SIGMA)
    return 0.5 * float(high - low)
