"""Where a curve over temperature bends from one straight branch into another: the glass transition of a cooling.

**Points.** Each temperature was held for a while. The start of the hold relaxes and is left out. The rest is short and
correlated, so that its own correlation time is mostly noise; autocovariances are pooled over neighbouring
temperatures instead. Taking deviations from the mean of a hold lowers all of them by the variance of that mean, V:
E[c(t)] = C(t) - V. With V = (1/n²) Σ_st C(s - t) that is one linear equation for V, which is solved, with lags up to
where C first falls to zero.

**Curve.** A hyperbola (Patrone et al. 2016, DOI 10.1016/j.polymer.2016.01.074), here written as

    y(T) = y_0 + s_g (T - T_0) + Δs H(T),   H = (T - T_0)/2 + √((T - T_0)²/4 + w²),   Δs ≥ 0:

slope s_g far below T_0, s_g + Δs far above, and T_0 where both asymptotes cross. It is linear in all but T_0 and w,
which are searched on a grid, so no start values are needed and no fit can fail to converge; the best is then polished.
w is at most 40 K: a bend that takes more than 200 K is none, and with noise T_0 and w make up for each other. The slope
is within a tenth of Δs of that of its branch at |T - T_0| ≥ 8/3 w: points there are the branches, of which two straight
lines give a second T_0. The window ends 200 K above T_0, and T_0 is that of the window, found by iteration: melts are
not straight over more.

**Error.** Bootstrap: to the fitted curve is added, at every temperature, a draw from the statistical error of its
hold, and, where points scatter by more than that (frozen-in errors, a curve that is no hyperbola), the excess, drawn
from the residuals of all temperatures. What is stated is such that ± 1.96 of it is the central 95 %.

**Is there a transition?** Only if a parabola, with its three parameters, is worse than chance would make it (F test,
1 %; a straight line is a parabola); both branches are there; and the interval of T_0 is narrower than they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyomics.analysis.statistics import Estimate
from polyomics.errors import NotEnoughData, NotIdentifiable

Array = NDArray[np.float64]

RELAXING_FRACTION = 0.3
"""Part of a hold that is left out at its start."""
FEWEST_ROWS = 8
"""Fewest rows of a hold that have an error bar."""
FEWEST_POINTS = 10
"""Fewest temperatures that a transition is looked for in."""
FEWEST_BRANCH_POINTS = 3
SHORTEST_BRANCH_K = 40.0
"""What there must be of each branch."""
LONGEST_MELT_K = 200.0
"""How far above the transition points are used."""
BRANCH_WIDTHS = 8.0 / 3.0
"""Where the branches begin, in widths w from T_0."""
SIGNIFICANCE = 0.01
"""A parabola is given up when chance alone would make it this bad so rarely."""
CERTAINTY = 1e-3
"""The same for a cooling run to end: it is asked several times, and a false yes cannot be taken back."""
GLASS_BRANCH_K = 100.0
GLASS_BRANCH_POINTS = 5
"""How much of the glass a cooling run should see."""

_NEIGHBOURS = 3
_SHORTEST_LAG = 3
_N_WIDTHS = 12
_NARROWEST_K = 2.0
_WIDEST_PART = 1.0 / 8.0
_WIDEST_K = 40.0
_N_CENTRES = 200
_MOST_WINDOWS = 10
_MOST_EVALUATIONS = 60
_N_BOOTSTRAP = 400
_LARGEST_ERROR_PART = 1.0 / 8.0
_N_PARAMETERS = 5

Trouble = Literal["too_short", "no_transition", "no_kink", "no_glass", "no_melt", "uncertain"]


@dataclass(frozen=True, eq=False)
class Points:
    """Means at held temperatures, in rising order."""

    temperature_k: Array
    """Temperatures [K], shape=(n,)."""
    mean: Array
    """Means of the relaxed parts of the holds, shape=(n,)."""
    stderr: Array
    """Their standard errors, correlation counted, shape=(n,)."""
    n_independent: Array
    """Independent samples of each, shape=(n,)."""

    def __len__(self) -> int:
        return len(self.temperature_k)

    def only(self, chosen: NDArray[np.bool_]) -> Points:
        """Some of the points."""
        return Points(self.temperature_k[chosen], self.mean[chosen], self.stderr[chosen], self.n_independent[chosen])


@dataclass(frozen=True)
class Hyperbola:
    """Two straight branches with a bend between them."""

    centre_k: float
    """Where the branches' lines cross [K]."""
    width_k: float
    """w [K]: half the distance from the crossing to the curve over half the change of slope."""
    value: float
    """Of the crossing lines at `centre_k`."""
    slope_glass: float
    """Slope far below [1/K times the unit of the values]."""
    slope_melt: float
    """Slope far above."""
    chi_squared: float
    """Sum of squared deviations over squared errors."""

    def at(self, temperature_k: ArrayLike) -> Array:
        """Values of the curve, shape as `temperature_k`."""
        distance = np.asarray(temperature_k, dtype=np.float64) - self.centre_k
        step = self.slope_melt - self.slope_glass
        value: Array = self.value + self.slope_glass * distance + step * _bend(distance, self.width_k)
        return value

    @property
    def glass_below_k(self) -> float:
        """Temperature below which points belong to the glass [K]."""
        return self.centre_k - BRANCH_WIDTHS * self.width_k

    @property
    def melt_above_k(self) -> float:
        """Temperature above which points belong to the melt [K]."""
        return self.centre_k + BRANCH_WIDTHS * self.width_k


@dataclass(frozen=True, eq=False)
class Polynomial:
    """A smooth curve without a transition, by least squares."""

    coefficients: Array
    """Highest power of T - `origin_k` first."""
    origin_k: float
    """Centre of the temperatures [K]."""
    chi_squared: float
    """Sum of squared deviations over squared errors."""

    def at(self, temperature_k: ArrayLike) -> Array:
        """Values of the curve, shape as `temperature_k`."""
        distance = np.asarray(temperature_k, dtype=np.float64) - self.origin_k
        return np.asarray(np.polyval(self.coefficients, distance))


@dataclass(frozen=True, eq=False)
class GlassTransition:
    """A transition that the data tell of."""

    hyperbola_k: Estimate
    """T_0 of the hyperbola [K]. Flags: `not_linear`: the points leave the curve by more than their errors, which the
    error bar counts; `methods_disagree`: the two lines cross elsewhere by more than three errors of the difference;
    `few_points`: a branch has fewer than five points."""
    lines_k: Estimate
    """Crossing of two straight lines through the branches [K]."""
    slope_glass: Estimate
    """Slope of the glass."""
    slope_melt: Estimate
    """Slope of the melt."""
    fit: Hyperbola
    """The hyperbola."""
    lines: tuple[Polynomial, Polynomial]
    """Lines through the points of the glass and of the melt."""
    window: Points
    """The points that were used."""
    interval_k: tuple[float, float]
    """Central 95 % of the bootstrap of `hyperbola_k` [K]."""
    p_of_parabola: float
    """How rarely chance alone would make a parabola as bad as it is."""


class NoTransition(NotIdentifiable):
    """The points do not tell of a transition; `trouble` says what there is too little of."""

    def __init__(self, message: str, trouble: Trouble) -> None:
        super().__init__(message)
        self.trouble = trouble


def holds_of(time_ps: Array, hold_ps: float) -> NDArray[np.int64]:
    """Number of the hold, from 0, that the row at the end of every interval lies in.

    Args:
        time_ps: Times since the start of the cooling [ps], shape=(n_rows,).
        hold_ps: Length of a hold [ps].
    """
    return np.ceil(time_ps / hold_ps - 1e-6).astype(np.int64) - 1


def points_of_holds(temperature_k: ArrayLike, holds: Sequence[ArrayLike]) -> Points:
    """Mean of the relaxed part of every hold, with its standard error.

    Args:
        temperature_k: Temperature of every hold [K], shape=(n_holds,).
        holds: Values of every hold, equally spaced in time, each shape=(n_rows,).

    Returns:
        The points, in rising order of temperature.

    Raises:
        NotEnoughData: A hold has too few rows, or a value that is not finite.
    """
    temperatures = np.asarray(temperature_k, dtype=np.float64)
    series = [np.asarray(hold, dtype=np.float64) for hold in holds]
    relaxed = [one[int(RELAXING_FRACTION * len(one)) :] for one in series]
    shortest = min((len(one) for one in relaxed), default=0)
    if shortest < FEWEST_ROWS:
        raise NotEnoughData(
            f"{len(series)} holds, the shortest with {shortest} rows after {RELAXING_FRACTION:.0%} of it were left "
            f"out; an error bar takes {FEWEST_ROWS}: hold every temperature longer, or set a shorter report_ps"
        )
    values = np.array([one[len(one) - shortest :] for one in relaxed])
    if not np.isfinite(values).all():
        raise NotEnoughData(
            "a value of the cooling run is not finite; the stage is damaged: delete its folder and run the study again"
        )
    order = np.argsort(temperatures, kind="stable")
    values = values[order]
    variance, variance_of_mean = _pooled_variances(values)
    n_independent = np.clip(variance / variance_of_mean, 1.0, shortest)
    return Points(temperatures[order], values.mean(axis=1), np.sqrt(variance_of_mean), n_independent)


def _pooled_variances(values: Array) -> tuple[Array, Array]:
    """Variance of single values, and of the mean of a hold, each pooled over neighbouring holds; shapes=(n_holds,)."""
    n_holds, n_rows = values.shape
    deviations = values - values.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(deviations, 2 * n_rows, axis=1)
    products = np.fft.irfft(spectrum * spectrum.conj(), 2 * n_rows, axis=1)[:, :n_rows]
    lags = np.arange(n_rows)
    covariances = products / (n_rows - lags)
    variance, variance_of_mean = np.empty(n_holds), np.empty(n_holds)
    for hold in range(n_holds):
        pooled = covariances[max(0, hold - _NEIGHBOURS) : hold + _NEIGHBOURS + 1].mean(axis=0)
        variance_of_mean[hold] = _variance_of_mean(pooled)
        variance[hold] = pooled[0] + variance_of_mean[hold]
    smallest = np.finfo(np.float64).eps * np.abs(values).max() ** 2
    return np.maximum(variance, smallest), np.maximum(variance_of_mean, smallest)


def _variance_of_mean(covariance: Array) -> float:
    """V from the autocovariance of deviations from the mean, as the module says."""
    n_rows = len(covariance)
    lags = np.arange(n_rows)
    weights = np.where(lags == 0, 1.0, 2.0) * (n_rows - lags) / n_rows**2
    longest = max(n_rows // 2, 1)
    sums, parts = np.cumsum(weights * covariance)[:longest], np.cumsum(weights)[:longest]
    variances = sums / (1.0 - parts)
    beyond = covariance[1 : longest + 1] + variances
    crossed = np.flatnonzero((beyond <= 0.0) & (lags[1 : longest + 1] > _SHORTEST_LAG))
    found = variances[crossed[0] if len(crossed) else -1]
    return float(max(found, covariance[0] / n_rows))


def fit_polynomial(points: Points, degree: int) -> Polynomial:
    """The best line (1) or parabola (2), every point weighted with its error."""
    origin = float(points.temperature_k.mean())
    distance = points.temperature_k - origin
    coefficients = np.polyfit(distance, points.mean, degree, w=1.0 / points.stderr)
    residuals = (points.mean - np.polyval(coefficients, distance)) / points.stderr
    return Polynomial(coefficients, origin, float(residuals @ residuals))


def fit_hyperbola(points: Points) -> Hyperbola:
    """The best hyperbola of all points, whether or not they tell of a transition.

    Raises:
        NotIdentifiable: There are too few points.
    """
    return _polished(points, _Search(_enough(points)).best())


def window_of(points: Points) -> Points:
    """The points up to 200 K above the transition, which is that of these points; all of them where none shows.

    Raises:
        NotIdentifiable: There are too few points.
    """
    window = _enough(points)
    for _ in range(_MOST_WINDOWS):
        fit = _Search(window).best()
        below = window.temperature_k <= fit.centre_k + LONGEST_MELT_K
        if below.all() or below.sum() < FEWEST_POINTS or _p_of_parabola(window, fit) > SIGNIFICANCE:
            break
        window = window.only(below)
    return window


def glass_transition(points: Points, *, seed: int = 1, n_bootstrap: int = _N_BOOTSTRAP) -> GlassTransition:
    """The transition of a curve over temperature, with its error.

    Args:
        points: Means at held temperatures.
        seed: Of the bootstrap.
        n_bootstrap: Number of its draws.

    Raises:
        NoTransition: The points do not tell of one; the message says what is missing.
    """
    window = window_of(points)
    search = _Search(window)
    on_grid = search.best()
    _refuse_smooth_curves(window, _p_of_parabola(window, on_grid))
    fit = _polished(window, on_grid)
    p_value = _p_of_parabola(window, fit)
    _refuse_missing_branches(window, fit)
    draws = _draws(window, fit, np.random.default_rng(seed), n_bootstrap)
    found = search.all_best(draws)
    crossings = _crossings(window, draws, found)
    interval = _central(found.centre_k)
    _refuse_uncertainty(window, fit, found, interval)
    return _assembled(window, fit, found, crossings, interval, p_value)


def sees_enough_glass(points: Points) -> bool:
    """Whether cooling may end: there surely is a transition, enough of the glass below it, and its Tg is known."""
    if len(points) < FEWEST_POINTS:
        return False
    window = window_of(points)
    fit = _Search(window).best()
    if _p_of_parabola(window, fit) > CERTAINTY or fit.melt_above_k + SHORTEST_BRANCH_K > window.temperature_k[-1]:
        return False
    glass = window.temperature_k[window.temperature_k <= fit.glass_below_k]
    if len(glass) < GLASS_BRANCH_POINTS or fit.glass_below_k - float(glass[0]) < GLASS_BRANCH_K:
        return False
    try:
        glass_transition(points)
    except NoTransition:
        return False
    return True


# ------------------------------------------------------------------- the search for T_0 and w


@dataclass(frozen=True, eq=False)
class _Found:
    """The best hyperbola of every set of values, each shape=(n_sets,)."""

    centre_k: Array
    width_k: Array
    value: Array
    slope_glass: Array
    slope_melt: Array
    chi_squared: Array


def _widest_k(temperature_k: Array) -> float:
    """The widest bend that is looked for over some temperatures [K]."""
    return min(float(np.ptp(temperature_k)) * _WIDEST_PART, _WIDEST_K)


class _Search:
    """All hyperbolas of a grid of T_0 and w, for the temperatures and errors of some points."""

    def __init__(self, points: Points) -> None:
        self._points = points
        x = points.temperature_k
        self._origin = float(x.mean())
        inner = np.unique(x)[[1, -2]]
        widest = max(_widest_k(x), 2.0 * _NARROWEST_K)
        self._centres = np.linspace(inner[0], inner[1], min(_N_CENTRES, max(16, round(np.ptp(inner)) + 1)))
        self._widths = np.geomspace(_NARROWEST_K, widest, _N_WIDTHS)
        weights = 1.0 / points.stderr
        bends = _bend(x - self._centres[:, None, None], self._widths[:, None])
        straight = np.broadcast_to(np.stack([np.ones_like(x), x - self._origin], axis=-1), (*bends.shape, 2))
        designs = np.concatenate([straight, bends[..., None]], axis=-1) * weights[:, None]
        self._q, self._r = np.linalg.qr(designs)

    def best(self) -> Hyperbola:
        found = self.all_best(self._points.mean[:, None])
        return Hyperbola(*(float(getattr(found, name)[0]) for name in Hyperbola.__dataclass_fields__))

    def all_best(self, values: Array) -> _Found:
        """The best hyperbola of every column of values, shape=(n_points, n_sets)."""
        n_sets = values.shape[1]
        base = _weighted_lines(self._points, values)
        rest = (values - base) / self._points.stderr[:, None]
        parts = np.swapaxes(self._q, -1, -2).reshape(-1, len(rest)) @ rest
        parts = parts.reshape(len(self._centres), len(self._widths), 3, n_sets)
        bends_up = parts[..., 2, :] * np.sign(self._r[..., 2, 2])[..., None] > 0
        gained = np.where(bends_up, parts[..., 2, :] ** 2, 0.0)
        best = gained.reshape(-1, n_sets).argmax(axis=0)
        place, width = np.unravel_index(best, gained.shape[:2])
        sets = np.arange(n_sets)
        coefficients = np.linalg.solve(self._r[place, width], parts[place, width, :, sets][..., None])[..., 0]
        coefficients[gained[place, width, sets] == 0.0, 2] = 0.0
        centre = self._between_nodes(gained, place, width)
        chi_squared = (rest**2).sum(axis=0) - gained[place, width, sets]
        lines = _line_coefficients(self._points, values, self._origin)
        slope_glass = coefficients[:, 1] + lines[1]
        value = coefficients[:, 0] + lines[0] + slope_glass * (centre - self._origin)
        return _Found(
            centre,
            self._widths[width],
            value,
            slope_glass,
            slope_glass + coefficients[:, 2],
            np.maximum(chi_squared, 0.0),
        )

    def _between_nodes(self, gained: Array, place: NDArray[np.intp], width: NDArray[np.intp]) -> Array:
        """T_0 at the top of the parabola through the best node and its neighbours."""
        sets = np.arange(gained.shape[-1])
        last = len(self._centres) - 1
        middle = np.clip(place, 1, last - 1)
        below, here, above = (gained[middle + step, width, sets] for step in (-1, 0, 1))
        curvature = 2.0 * here - below - above
        with np.errstate(divide="ignore", invalid="ignore"):
            shift = np.where(curvature > 0.0, 0.5 * (above - below) / curvature, 0.0)
        inside = (place > 0) & (place < last)
        step_k = self._centres[1] - self._centres[0]
        return np.asarray(self._centres[place] + np.where(inside, np.clip(shift, -1.0, 1.0), 0.0) * step_k)


def _polished(points: Points, start: Hyperbola) -> Hyperbola:
    """The best hyperbola between the nodes of the grid."""
    from scipy.optimize import least_squares

    if start.slope_melt <= start.slope_glass:
        return start
    low, high = np.unique(points.temperature_k)[[1, -2]]
    widest = max(start.width_k, _widest_k(points.temperature_k))
    reach = max(float(np.ptp(points.mean)), 1e-300)
    slope = reach / float(np.ptp(points.temperature_k))

    def curve(scaled: Array) -> Hyperbola:
        centre, log_width, value, glass, step = scaled
        return Hyperbola(
            centre * 10.0, np.exp(log_width), value * reach, glass * slope, (glass + abs(step)) * slope, 0.0
        )

    def residuals(scaled: Array) -> Array:
        return np.asarray((points.mean - curve(scaled).at(points.temperature_k)) / points.stderr)

    guess = [
        np.clip(start.centre_k, low, high) / 10.0,
        np.log(start.width_k),
        start.value / reach,
        start.slope_glass / slope,
        (start.slope_melt - start.slope_glass) / slope,
    ]
    narrow, wide = np.log(0.99 * _NARROWEST_K), np.log(1.01 * widest)
    bounds = ([low / 10.0 - 1e-9, narrow, *[-np.inf] * 3], [high / 10.0 + 1e-9, wide, *[np.inf] * 3])
    found = least_squares(residuals, guess, bounds=bounds, max_nfev=_MOST_EVALUATIONS)
    chi_squared = 2.0 * float(found.cost)
    return replace(curve(found.x), chi_squared=chi_squared) if chi_squared <= start.chi_squared else start


def _bend(distance_k: Array, width_k: Array | float) -> Array:
    """H: nought far below, the distance far above."""
    bend: Array = 0.5 * distance_k + np.sqrt(0.25 * distance_k**2 + np.square(width_k))
    return bend


def _line_coefficients(points: Points, values: Array, origin_k: float) -> Array:
    """Value at the origin and slope of the best line of every column, shape=(2, n_sets)."""
    design = np.stack([np.ones(len(points)), points.temperature_k - origin_k], axis=1) / points.stderr[:, None]
    return np.asarray(np.linalg.lstsq(design, values / points.stderr[:, None], rcond=None)[0], dtype=np.float64)


def _weighted_lines(points: Points, values: Array) -> Array:
    origin = float(points.temperature_k.mean())
    lines = _line_coefficients(points, values, origin)
    return np.asarray(lines[0] + (points.temperature_k - origin)[:, None] * lines[1])


# ------------------------------------------------------------------- is it there?


def _enough(points: Points) -> Points:
    n_places = len(np.unique(points.temperature_k))
    if n_places < FEWEST_POINTS:
        raise NoTransition(
            f"{n_places} temperatures are too few to tell a transition, which takes {FEWEST_POINTS}; cool through more "
            "steps",
            "too_short",
        )
    return points


def _p_of_parabola(window: Points, fit: Hyperbola) -> float:
    """F test of the parabola against the hyperbola; where points scatter by less than their errors, chi-squared."""
    from scipy import stats

    gained = max(fit_polynomial(window, 2).chi_squared - fit.chi_squared, 0.0)
    freedom = len(window) - _N_PARAMETERS
    excess = fit.chi_squared / freedom
    if excess <= 1.0:
        return float(stats.chi2.sf(gained, 2))
    return float(stats.f.sf(gained / 2.0 / excess, 2, freedom))


def _refuse_smooth_curves(window: Points, p_value: float) -> None:
    from scipy import stats

    if p_value <= SIGNIFICANCE:
        return
    low, high = window.temperature_k[0], window.temperature_k[-1]
    line, parabola = fit_polynomial(window, 1), fit_polynomial(window, 2)
    excess = max(1.0, parabola.chi_squared / max(len(window) - 3, 1))
    bends = stats.chi2.sf((line.chi_squared - parabola.chi_squared) / excess, 1) < SIGNIFICANCE
    if not bends:
        raise NoTransition(
            f"the points from {low:.0f} to {high:.0f} K lie on one straight line within their errors", "no_transition"
        )
    raise NoTransition(
        f"the points from {low:.0f} to {high:.0f} K bend, but a parabola without a transition fits them as well as a "
        f"hyperbola (chance alone would do that in {p_value:.0%} of cases; {SIGNIFICANCE:.0%} is asked)",
        "no_kink",
    )


def _refuse_missing_branches(window: Points, fit: Hyperbola) -> None:
    x = window.temperature_k
    glass, melt = x[x <= fit.glass_below_k], x[x >= fit.melt_above_k]
    for name, branch, trouble in (("glass", glass, "no_glass"), ("melt", melt, "no_melt")):
        length = float(np.ptp(branch)) if len(branch) else 0.0
        if len(branch) < FEWEST_BRANCH_POINTS or length < SHORTEST_BRANCH_K:
            raise NoTransition(
                f"a bend at {fit.centre_k:.0f} K leaves {len(branch)} points over {length:.0f} K of the {name} between "
                f"{x[0]:.0f} and {x[-1]:.0f} K; it takes {FEWEST_BRANCH_POINTS} over {SHORTEST_BRANCH_K:.0f} K",
                "no_glass" if trouble == "no_glass" else "no_melt",
            )


def _refuse_uncertainty(window: Points, fit: Hyperbola, found: _Found, interval_k: tuple[float, float]) -> None:
    x = window.temperature_k
    stderr_k = (interval_k[1] - interval_k[0]) / (2 * 1.96)
    step = found.slope_melt - found.slope_glass
    if stderr_k > _LARGEST_ERROR_PART * np.ptp(x) or interval_k[0] <= x[1] or interval_k[1] >= x[-2]:
        raise NoTransition(
            f"the bend at {fit.centre_k:.0f} K could as well be anywhere from {interval_k[0]:.0f} to "
            f"{interval_k[1]:.0f} K (95 %) in the window from {x[0]:.0f} to {x[-1]:.0f} K",
            "uncertain",
        )
    if fit.slope_melt - fit.slope_glass < 3.0 * step.std(ddof=1):
        raise NoTransition(
            f"the slopes above and below the bend at {fit.centre_k:.0f} K differ by "
            f"{fit.slope_melt - fit.slope_glass:.3g} ± {step.std(ddof=1):.3g}, less than three errors",
            "uncertain",
        )


# ------------------------------------------------------------------- errors


def _draws(window: Points, fit: Hyperbola, rng: np.random.Generator, n_draws: int) -> Array:
    """Values as they might have come out, shape=(n_points, n_draws)."""
    n = len(window)
    curve = fit.at(window.temperature_k)
    freedom = n - _N_PARAMETERS
    excess = max(0.0, 1.0 - freedom / max(fit.chi_squared, 1e-300))
    residuals = (window.mean - curve) / window.stderr * np.sqrt(n / freedom)
    residuals -= residuals.mean()
    of_holds = rng.standard_normal((n, n_draws))
    of_curve = rng.choice(residuals, size=(n, n_draws)) * np.sqrt(excess)
    return np.asarray(curve[:, None] + window.stderr[:, None] * (of_holds + of_curve))


def _crossings(window: Points, draws: Array, found: _Found) -> Array:
    """Where lines through the branches of every draw cross [K]; not a number where there are no branches."""
    x = window.temperature_k[:, None]
    reach = BRANCH_WIDTHS * found.width_k
    lines = [
        _lines_through(window, draws, chosen) for chosen in (x <= found.centre_k - reach, x >= found.centre_k + reach)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((lines[0][0] - lines[1][0]) / (lines[1][1] - lines[0][1]) + window.temperature_k.mean())


def _lines_through(window: Points, values: Array, chosen: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Value at the mean temperature and slope of a line through the chosen points of every column."""
    weights = chosen / window.stderr[:, None] ** 2
    x = (window.temperature_k - window.temperature_k.mean())[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        total = weights.sum(axis=0)
        mean_x, mean_y = (weights * x).sum(axis=0) / total, (weights * values).sum(axis=0) / total
        slope = (weights * (x - mean_x) * (values - mean_y)).sum(axis=0) / (weights * (x - mean_x) ** 2).sum(axis=0)
        return mean_y - slope * mean_x, slope


def _central(draws: Array) -> tuple[float, float]:
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(low), float(high)


def _stderr(draws: Array) -> float | None:
    """Such that ± 1.96 of it is as wide as the central 95 %; none where fewer than half of the draws have a value."""
    finite = draws[np.isfinite(draws)]
    if len(finite) < len(draws) / 2:
        return None
    low, high = _central(finite)
    return (high - low) / (2 * 1.96)


def _assembled(
    window: Points, fit: Hyperbola, found: _Found, crossings: Array, interval: tuple[float, float], p_value: float
) -> GlassTransition:
    from scipy import stats

    x = window.temperature_k
    glass, melt = window.only(x <= fit.glass_below_k), window.only(x >= fit.melt_above_k)
    lines = (fit_polynomial(glass, 1), fit_polynomial(melt, 1))
    crossing = _crossing_k(*lines)
    n_independent = float(window.n_independent.sum())
    flags: tuple[str, ...] = ()
    if stats.chi2.sf(fit.chi_squared, len(window) - _N_PARAMETERS) < SIGNIFICANCE:
        flags += ("not_linear",)
    apart = _stderr(crossings - found.centre_k)
    if apart is not None and abs(crossing - fit.centre_k) > 3.0 * apart:
        flags += ("methods_disagree",)
    if min(len(glass), len(melt)) < GLASS_BRANCH_POINTS:
        flags += ("few_points",)

    def estimate(value: float, draws: Array) -> Estimate:
        return Estimate(value, _stderr(draws), n_independent, 1.0, 0, flags)

    return GlassTransition(
        estimate(fit.centre_k, found.centre_k),
        estimate(crossing, crossings),
        estimate(fit.slope_glass, found.slope_glass),
        estimate(fit.slope_melt, found.slope_melt),
        fit,
        lines,
        window,
        interval,
        p_value,
    )


def _crossing_k(glass: Polynomial, melt: Polynomial) -> float:
    """Where two lines cross [K]."""
    apart = float(glass.at(0.0) - melt.at(0.0))
    return apart / float(melt.coefficients[0] - glass.coefficients[0])
