"""Thermal conductivity from heat that flows between two slabs of a periodic cell.

Heat goes from the hot slab to the cold one both ways around, through the cross-section A twice:
κ = Q / (2 A |dT/dz|), Q being what the hot slab is given and the cold one gives up in unit time, dT/dz the mean slope
of the two straight parts of the profile. Slabs beside the two are left out: heat enters them otherwise than by
conduction.

**Errors.** What is left after the transient is cut into blocks of time. Q and dT/dz of a block fluctuate, partly
together, so the error of their ratio is that of the mean of Q_b / <Q> - g_b / <g> over blocks. Heat given in one moment
and taken back in the next cancels within a block.

**Straightness.** The residuals of the profile from its two lines are correlated between slabs; Hotelling's T² with
their covariance over blocks tells whether they are more than noise. Whether they matter is another question: they do
where they make up more than 2 % of the variance of the profile (what R² < 0.98 says of one without noise).

**Length.** Heat carriers that would fly further than to the next slab are cut short; 1/κ grows as 1/L
(Schelling, Phillpot & Keblinski 2002, DOI 10.1103/PhysRevB.65.144306) and its intercept is that of the bulk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.slope import disagree
from polyomics.analysis.statistics import SIGNIFICANCE, Estimate, estimate_mean, first_relaxed_frame
from polyomics.errors import NotEnoughData, NotIdentifiable, NotLinear
from polyomics.units import AVOGADRO_PER_MOL, GAS_CONSTANT_KJ_MOL_K

Array = NDArray[np.float64]

KJ_MOL_PS_NM_K_IN_W_M_K = 1e24 / AVOGADRO_PER_MOL
"""A conductivity of 1 kJ/(mol ps nm K) in W/(m K)."""
MOST_BLOCKS, USUAL_BLOCKS, FEWEST_BLOCKS = 30, 12, 10
"""Blocks of time that errors come from: at most; where a run is too short for long ones; fewer tell no error."""
BLOCK_RELAXATION_TIMES = 5.0
"""Length of a block in relaxation times of the profile."""
EXCLUDED_SLABS = 1
"""Slabs beside the hot and the cold one that are left out on either side."""
FEWEST_SLABS = 3
"""Slabs on either side that tell whether a profile is straight."""
LARGEST_UNEXPLAINED = 0.02
"""Part of a straight profile's variance that a line may leave: 1 - R² of RadonPy's test."""
LARGEST_DIFFERENCE_OF_HALVES = 0.2
"""Largest difference between the slopes of the two halves, over their mean."""
LARGEST_DRIFT, LARGEST_USABLE_DRIFT = 0.05, 0.25
"""Energy that errors of integration make, over the heat that flows: with more it is flagged, or refused."""
LARGEST_IMBALANCE = 0.1
"""Difference between heat given and taken, over the heat that flows, from which on it is looked at."""
N_ERRORS = 3.0
"""How many standard errors a value must be from nothing, and gradients from each other, to count."""
REFUSAL = 1e-3
"""A profile is refused as bent when chance alone would bend it so this rarely: that is not to be a matter of luck."""
FEWEST_RELAXATION_TIMES = 5.0
"""How long the steady part must be, in relaxation times of the profile, to be believed; twice that, where it does not
look steady."""
_N_POINTS = 200


@dataclass(frozen=True, eq=False)
class HeatFlow:
    """What a stage of heat flow left."""

    time_ps: Array
    """Times of exchanges, equally spaced [ps], shape=(n,)."""
    kinetic_kj_mol: Array
    """Kinetic energy of every slab before each [kJ/mol], shape=(n, n_slabs); slab 0 is hot, n_slabs / 2 cold."""
    degrees: Array
    """Degrees of freedom in every slab, shape=(n, n_slabs)."""
    hot_kj_mol: Array
    """Heat given to the hot slab at each [kJ/mol], shape=(n,)."""
    cold_kj_mol: Array
    """Heat given to the cold slab, negative where it is taken [kJ/mol], shape=(n,)."""
    box_nm: Array
    """Edges of the box [nm], shape=(3,); heat flows along the last."""
    energy_time_ps: Array
    """Times at which the energy of the cell is known, after the exchange there [ps], shape=(m,)."""
    energy_kj_mol: Array
    """Energy of the cell, kinetic and potential [kJ/mol], shape=(m,)."""


@dataclass(frozen=True, eq=False)
class Steady:
    """The steady part of a heat flow, in blocks of time."""

    slab_nm: float
    """Thickness of a slab [nm]."""
    area_nm2: float
    """Cross-section of the box [nm²]."""
    temperature_k: Array
    """Temperature of every slab in every block [K], shape=(n_blocks, n_slabs)."""
    hot_kj_mol_ps: Array
    """Heat given to the hot slab in unit time [kJ/(mol ps)], shape=(n_blocks,)."""
    cold_kj_mol_ps: Array
    """Heat given to the cold slab in unit time, negative, shape=(n_blocks,)."""
    drift_kj_mol_ps: float
    """Energy that integration made in unit time: the change of the cell's energy less the heat it was given."""
    first_ps: float
    """Time of the first sample used: before it the profile was still coming about [ps]."""
    used_ps: float
    """Length of all blocks together [ps]."""
    is_steady: bool
    """Whether the transient was over in the first half."""
    relaxation_ps: float
    """About how long the profile takes to come about [ps]; infinite where that cannot be told."""

    @property
    def n_slabs(self) -> int:
        """Number of slabs."""
        return int(self.temperature_k.shape[1])

    @property
    def length_nm(self) -> float:
        """Edge of the box along the flow [nm]."""
        return self.n_slabs * self.slab_nm

    @property
    def distance_nm(self) -> Array:
        """Distance from the middle of the hot slab to those of the slabs up to the cold one, shape=(n_slabs/2 + 1,)."""
        distance: Array = np.arange(self.n_slabs // 2 + 1, dtype=np.float64) * self.slab_nm
        return distance

    @property
    def halves_k(self) -> tuple[Array, Array]:
        """Temperatures from the hot to the cold slab, up along z and down, each of shape (n_blocks, n_slabs/2 + 1)."""
        half = self.n_slabs // 2
        around = np.concatenate([self.temperature_k, self.temperature_k[:, :1]], axis=1)
        return around[:, : half + 1], around[:, half:][:, ::-1]

    @property
    def folded_k(self) -> Array:
        """Mean temperatures of the two halves, shape=(n_blocks, n_slabs/2 + 1)."""
        up, down = self.halves_k
        mean: Array = 0.5 * (up + down)
        return mean

    @property
    def straight(self) -> slice:
        """The slabs of a half between hot and cold that a line is drawn through."""
        return slice(1 + EXCLUDED_SLABS, self.n_slabs // 2 - EXCLUDED_SLABS)

    @property
    def heat_kj_mol_ps(self) -> Array:
        """Heat that flows in unit time, the mean of what the two slabs say, shape=(n_blocks,)."""
        flow: Array = 0.5 * (self.hot_kj_mol_ps - self.cold_kj_mol_ps)
        return flow

    @property
    def slopes_k_nm(self) -> tuple[Array, Array]:
        """Fall of temperature with distance in both halves [K/nm], each of shape (n_blocks,)."""
        places = self.distance_nm[self.straight]
        weights = (places - places.mean()) / ((places - places.mean()) ** 2).sum()
        up, down = (-half[:, self.straight] @ weights for half in self.halves_k)
        return up, down

    def line_k(self) -> tuple[Array, Array]:
        """Distances [nm] and temperatures [K] of the mean line through the straight parts."""
        places = self.distance_nm[self.straight]
        slope = float(np.mean(self.slopes_k_nm))
        return places, self.folded_k[:, self.straight].mean() - slope * (places - places.mean())


@dataclass(frozen=True)
class Conductivity:
    """Thermal conductivity of one cell at one difference of temperature."""

    value: Estimate
    """[W/(m K)]. Flags, besides those of means: `energy_drift`: errors of integration make 5 to 25 % of the heat.
    `not_steady`: the flow did not look steady in the second half either, or heat given and heat taken differ."""
    length_nm: float
    """Edge of the box along the flow [nm]."""
    slope_k_nm: float
    """Fall of temperature with distance [K/nm]."""


def steady(flow: HeatFlow) -> Steady:
    """Leave out the transient and cut what is left into blocks.

    Raises:
        NotEnoughData: There are too few samples, or one is not finite.
    """
    _refuse_damage(flow)
    relaxed = _first_steady(flow)
    first = min(relaxed, len(flow.time_ps) // 2)
    is_steady = first == relaxed
    n_used = len(flow.time_ps) - first
    interval_ps, relaxation_ps = _interval_ps(flow), _relaxation_ps(flow, first)
    n_long = n_used * interval_ps / (BLOCK_RELAXATION_TIMES * relaxation_ps)
    n_blocks = min(n_used // 2, int(np.clip(n_long, USUAL_BLOCKS, MOST_BLOCKS)))
    if n_blocks < FEWEST_BLOCKS:
        raise NotEnoughData(
            f"{n_used} samples of steady heat flow, from {flow.time_ps[first]:g} ps on, are too few "
            f"for an error; at least {2 * FEWEST_BLOCKS} are needed: run the stage longer"
        )
    size = n_used // n_blocks
    first = len(flow.time_ps) - n_blocks * size

    def blocks(series: Array) -> Array:
        means: Array = series[first:].reshape(n_blocks, size, *series.shape[1:]).mean(axis=1)
        return means

    with np.errstate(invalid="ignore"):
        temperature_k = 2.0 * blocks(flow.kinetic_kj_mol) / (blocks(flow.degrees) * GAS_CONSTANT_KJ_MOL_K)
    if not np.isfinite(temperature_k).all():
        raise NotEnoughData("a slab holds no atoms for a whole block; take fewer slabs, or a larger cell")
    return Steady(
        slab_nm=float(flow.box_nm[2] / temperature_k.shape[1]),
        area_nm2=float(flow.box_nm[0] * flow.box_nm[1]),
        temperature_k=temperature_k,
        hot_kj_mol_ps=blocks(flow.hot_kj_mol) / interval_ps,
        cold_kj_mol_ps=blocks(flow.cold_kj_mol) / interval_ps,
        drift_kj_mol_ps=_drift_kj_mol_ps(flow),
        first_ps=float(flow.time_ps[first]),
        used_ps=n_blocks * size * interval_ps,
        is_steady=is_steady,
        relaxation_ps=relaxation_ps,
    )


def conductivity(found: Steady) -> Conductivity:
    """Thermal conductivity, or an error where it is not one.

    Raises:
        NotEnoughData: There are too few slabs, or the profile had no time to come about.
        NotIdentifiable: Heat or slope cannot be told from nothing, or the energy drifts.
        NotLinear: The profile is not straight.
    """
    n_straight = len(found.distance_nm[found.straight])
    if n_straight < FEWEST_SLABS:
        raise NotEnoughData(f"{n_straight} slabs between hot and cold show no line; take more slabs")
    heat, slope = found.heat_kj_mol_ps, 0.5 * np.add(*found.slopes_k_nm)
    for what, series, unit in (("heat flow", heat, "kJ/(mol ps)"), ("gradient", slope, "K/nm")):
        _refuse_nothing(what, series, unit)
    _refuse_haste(found)
    _refuse_drift(found)
    _refuse_bent(found)
    value = float(heat.mean() / (2.0 * found.area_nm2 * slope.mean())) * KJ_MOL_PS_NM_K_IN_W_M_K
    relative = heat / heat.mean() - slope / slope.mean()
    estimate = estimate_mean(value * (1.0 + relative), discard_start=False)
    flags = estimate.flags
    if abs(found.drift_kj_mol_ps) > LARGEST_DRIFT * heat.mean():
        flags += ("energy_drift",)
    if not found.is_steady or _is_unbalanced(found):
        flags += ("not_steady",)
    return Conductivity(replace(estimate, flags=flags), found.length_nm, float(slope.mean()))


def at_one_length(found: Sequence[Conductivity]) -> Estimate:
    """One conductivity from several gradients in cells of one length.

    Those that agree are averaged with their inverse squared errors. Where they do not, within three errors, the one of
    the smallest gradient counts, flagged `outside_linear_response`. One alone is flagged `one_gradient`.
    """
    gentlest = min(found, key=lambda one: one.slope_k_nm)
    known = [one.value for one in found if one.value.stderr is not None]
    if len(found) == 1:
        return _flagged(gentlest.value, "one_gradient")
    if any(disagree(gentlest.value, one.value, N_ERRORS) for one in found):
        return _flagged(gentlest.value, "outside_linear_response")
    if len(known) < len(found):
        return _flagged((known or [max(found, key=lambda one: one.slope_k_nm).value])[0], "one_gradient")
    weights = np.array([1.0 / (one.stderr or 1.0) ** 2 for one in known])
    mean = float(weights @ [one.mean for one in known] / weights.sum())
    flags = tuple(dict.fromkeys(flag for one in known for flag in one.flags))
    n_independent = sum(one.n_independent for one in known)
    return Estimate(mean, float(weights.sum() ** -0.5), n_independent, 1.0, 0, flags)


def of_infinite_length(lengths_nm: Sequence[float], found: Sequence[Estimate]) -> Estimate:
    """Conductivity at 1/L = 0 of a line through 1/κ over 1/L, weighted with errors.

    One length alone cannot be extrapolated: its value is flagged `finite_size`. Three or more that leave the line are
    flagged `not_linear`.

    Args:
        lengths_nm: Edges along the flow [nm], all different.
        found: Conductivities there [W/(m K)].

    Raises:
        NotIdentifiable: Errors are so large, or the lengths so alike, that the line has no positive intercept.
    """
    from scipy import stats

    longest = found[int(np.argmax(lengths_nm))]
    known = [(length, one) for length, one in zip(lengths_nm, found, strict=True) if one.stderr is not None]
    if len(known) < 2:
        return _flagged(longest, "finite_size")
    inverse_nm = np.array([1.0 / length for length, _ in known])
    resistivity = np.array([1.0 / one.mean for _, one in known])
    weights = np.array([(one.mean**2 / (one.stderr or 1.0)) ** 2 for _, one in known])
    design = np.stack([np.ones(len(known)), inverse_nm], axis=1)
    covariance = np.linalg.inv(design.T @ (weights[:, None] * design))
    intercept, slope = covariance @ (design.T @ (weights * resistivity))
    error = float(np.sqrt(covariance[0, 0]))
    if intercept < N_ERRORS * error:
        raise NotIdentifiable(
            f"1/κ of cells of {', '.join(f'{length:.1f}' for length in lengths_nm)} nm extrapolates to "
            f"{intercept:.2g} ± {error:.1g} m K/W, which cannot be told from nothing; run the stages longer, or choose "
            "lengths further apart"
        )
    flags = tuple(dict.fromkeys(flag for _, one in known for flag in one.flags))
    chi_squared = float(weights @ (resistivity - intercept - slope * inverse_nm) ** 2)
    if len(known) > 2 and stats.chi2.sf(chi_squared, len(known) - 2) < SIGNIFICANCE:
        flags += ("not_linear",)
    n_independent = min(one.n_independent for _, one in known)
    return Estimate(float(1.0 / intercept), error / float(intercept) ** 2, n_independent, 1.0, 0, flags)


def _first_steady(flow: HeatFlow) -> int:
    """First sample at which neither the profile nor the heat looks different from what they become."""
    n = len(flow.time_ps)
    size = max(1, n // _N_POINTS)
    half = flow.kinetic_kj_mol.shape[1] // 2
    antisymmetric = np.cos(np.pi * np.arange(2 * half) / half)
    temperature = flow.kinetic_kj_mol / np.maximum(flow.degrees, 1.0)
    series = (temperature @ antisymmetric, flow.hot_kj_mol - flow.cold_kj_mol, temperature.mean(axis=1))
    firsts = [first_relaxed_frame(one[: n // size * size].reshape(-1, size).mean(axis=1)) for one in series]
    return max(firsts) * size


def _relaxation_ps(flow: HeatFlow, first: int) -> float:
    """Relaxation time of the profile, d² / (4 π² a) [ps], d being the distance between hot and cold.

    That is the slowest mode between two temperatures. For the diffusivity a = κ / c the heat capacity c of a unit of
    volume is taken as k for every degree of freedom.
    """
    n_slabs = flow.kinetic_kj_mol.shape[1]
    half, slab_nm = n_slabs // 2, float(flow.box_nm[2]) / n_slabs
    degrees = flow.degrees[first:].mean(axis=0)
    temperature_k = flow.kinetic_kj_mol[first:].mean(axis=0) / (0.5 * GAS_CONSTANT_KJ_MOL_K * np.maximum(degrees, 1.0))
    fall_k = 0.5 * float(temperature_k[[1, -1]].sum() - temperature_k[[half - 1, half + 1]].sum())
    heat = 0.5 * float((flow.hot_kj_mol - flow.cold_kj_mol)[first:].mean()) / _interval_ps(flow)
    if not (fall_k > 0.0 and heat > 0.0):
        return float("inf")
    conductivity = heat * (half - 2) * slab_nm / (2.0 * float(flow.box_nm[0] * flow.box_nm[1]) * fall_k)
    capacity = GAS_CONSTANT_KJ_MOL_K * float(degrees.sum()) / float(np.prod(flow.box_nm))
    return float((half * slab_nm) ** 2 * capacity / (4.0 * np.pi**2 * conductivity))


def _drift_kj_mol_ps(flow: HeatFlow) -> float:
    """Slope over time of the energy less all heat given before."""
    if len(flow.energy_time_ps) < 2:
        raise NotEnoughData("the energy of the cell is known at fewer than two times; set a shorter report_ps")
    given = np.cumsum(flow.hot_kj_mol + flow.cold_kj_mol)
    half_ps = 0.5 * _interval_ps(flow)
    index = np.searchsorted(flow.time_ps, flow.energy_time_ps + half_ps) - 1
    made = flow.energy_kj_mol - np.where(index < 0, 0.0, given[index])
    return float(np.polyfit(flow.energy_time_ps, made - made[0], 1)[0])


def _interval_ps(flow: HeatFlow) -> float:
    return float((flow.time_ps[-1] - flow.time_ps[0]) / (len(flow.time_ps) - 1))


def _refuse_damage(flow: HeatFlow) -> None:
    if len(flow.time_ps) < 2 * FEWEST_BLOCKS:
        raise NotEnoughData(
            f"{len(flow.time_ps)} samples of heat flow are too few; at least {2 * FEWEST_BLOCKS} are needed"
        )
    series = (flow.kinetic_kj_mol, flow.degrees, flow.hot_kj_mol, flow.cold_kj_mol, flow.energy_kj_mol)
    if not all(np.isfinite(one).all() for one in series):
        raise NotEnoughData(
            "the heat flow holds a value that is not finite; the stage is damaged: delete its folder and run the study "
            "again"
        )


def _refuse_nothing(what: str, series: Array, unit: str) -> None:
    estimate = estimate_mean(series, discard_start=False)
    error = estimate.stderr
    if error is None:
        raise NotEnoughData(f"too few independent samples of the {what} for an error; run the stage longer")
    if estimate.mean < N_ERRORS * error:
        raise NotIdentifiable(
            f"the {what} is {estimate.mean:.3g} ± {error:.2g} {unit}, which cannot be told from nothing; run the stage "
            "longer, or set a larger temperature difference"
        )


def _refuse_haste(found: Steady) -> None:
    needed_ps = found.relaxation_ps * FEWEST_RELAXATION_TIMES * (1.0 if found.is_steady else 2.0)
    if found.used_ps < needed_ps:
        raise NotEnoughData(
            f"the profile takes some {found.relaxation_ps:.2g} ps to come about, and {found.used_ps:.3g} ps "
            f"{'' if found.is_steady else 'that do not look steady '}are left to average; run the stage longer, or "
            "take a shorter cell"
        )


def _refuse_drift(found: Steady) -> None:
    part = abs(found.drift_kj_mol_ps) / found.heat_kj_mol_ps.mean()
    if part > LARGEST_USABLE_DRIFT:
        raise NotIdentifiable(
            f"errors of integration make {100 * part:.0f} % as much energy as heat flows; take a smaller timestep_fs"
        )


def _refuse_bent(found: Steady) -> None:
    """Hotelling's test of both halves, and a comparison of their slopes."""
    from scipy import stats

    for name, half in zip(("upper", "lower"), found.halves_k, strict=True):
        p_value, unexplained = straightness(half[:, found.straight])
        if p_value < REFUSAL and unexplained > LARGEST_UNEXPLAINED:
            raise NotLinear(
                f"the temperature profile of the {name} half is not straight: a line leaves {100 * unexplained:.0f} % "
                f"of its variance, more than noise does (p = {p_value:.1g}); take a longer cell, or a smaller "
                "temperature difference"
            )
    up, down = found.slopes_k_nm
    difference = estimate_mean(up - down, discard_start=False)
    if difference.stderr is None:
        return
    part = abs(difference.mean) / float(np.mean([up, down]))
    by_chance = 2.0 * stats.t.sf(abs(difference.mean) / difference.stderr, max(difference.n_independent - 1.0, 1.0))
    if by_chance < REFUSAL and part > LARGEST_DIFFERENCE_OF_HALVES:
        raise NotLinear(
            f"the two halves of the temperature profile have slopes of {up.mean():.3g} and {down.mean():.3g} K/nm, "
            f"{100 * part:.0f} % apart, more than their errors; the cell is not the same everywhere"
        )


def straightness(profile: Array) -> tuple[float, float]:
    """Whether a profile is a straight line.

    Args:
        profile: Values at equally spaced places in independent blocks, shape=(n_blocks, n_places).

    Returns:
        The probability of residuals from a line at least as large in a straight profile, by Hotelling's test on the
        smoothest ones, one for every four blocks at most; and the part of the variance of the mean profile that a line
        leaves, noise subtracted.
    """
    from scipy import stats

    n_blocks, n_places = profile.shape
    places = np.linspace(-1.0, 1.0, n_places)
    curves = np.linalg.qr(np.vander(places, increasing=True))[0]
    parts = profile @ curves
    n_tested = min(n_places - 2, n_blocks // 4)
    means, errors = parts.mean(axis=0), parts.std(axis=0, ddof=1) / np.sqrt(n_blocks)
    tested = slice(2, 2 + n_tested)
    covariance = np.cov(parts[:, tested], rowvar=False).reshape(n_tested, n_tested) / n_blocks
    statistic = float(means[tested] @ np.linalg.lstsq(covariance, means[tested])[0])
    freedom = n_blocks - n_tested
    p_value = float(stats.f.sf(statistic * freedom / (n_tested * (n_blocks - 1)), n_tested, freedom))
    left = max(0.0, float((means[2:] ** 2 - errors[2:] ** 2).sum()))
    return p_value, left / (left + float(means[1]) ** 2) if left else 0.0


def _is_unbalanced(found: Steady) -> bool:
    net = estimate_mean(found.hot_kj_mol_ps + found.cold_kj_mol_ps + 1.0, discard_start=False)
    difference = abs(net.mean - 1.0)
    if net.stderr is None or difference < N_ERRORS * net.stderr:
        return False
    return difference > LARGEST_IMBALANCE * float(found.heat_kj_mol_ps.mean())


def _flagged(estimate: Estimate, flag: str) -> Estimate:
    return replace(estimate, flags=tuple(dict.fromkeys((*estimate.flags, flag))))
