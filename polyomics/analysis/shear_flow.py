"""Viscosity from the flow under a periodic acceleration, and what is left of it at vanishing shear.

In the steady state an acceleration a_x = A cos(kz) keeps up a velocity u_x = V cos(kz) with

    V = A ρ / (η k²),

(Hess 2002, DOI 10.1063/1.1421362). The velocity is what is measured, so it is the fluidity 1/η that has errors with a
Gauss distribution, and averages and lines are of fluidities; η is taken from them at the end. Turning A around turns
the flow around, so 1/η is an even function of A: 1/η = 1/η₀ + c A² for small A.

The thermostat takes heat from all velocities alike, and so momentum from the profile. In the steady state it takes what
the acceleration puts in, M A V / 2 a time, with a friction that is that over twice the kinetic energy K: of the
acceleration only A (1 - p) is left for viscosity to balance, with p = M V² / 4K, the profile's part of the kinetic
energy. Where p is not small the fluid is colder than the thermostat believes as well, and the flow does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyomics.analysis.slope import disagree, line_through
from polyomics.analysis.statistics import Estimate, estimate_mean
from polyomics.errors import NotEnoughData, NotIdentifiable, NotLinear
from polyomics.units import GAS_CONSTANT_KJ_MOL_K

Array = NDArray[np.float64]

FASTEST = 0.05
"""Part of the kinetic energy that is the profile's, above which a flow is too fast to count."""
LARGEST_ERROR = 0.5
"""With a larger relative error of the viscosity there is no value."""
DIFFER_ERRORS = 2.0
"""The lowest two amplitudes disagree when they are further apart than this many combined errors."""

_NM_PS2_IN_M_S2 = 1e15
_NM_PS_IN_M_S = 1e3
_PER_NM_IN_PER_M = 1e9


@dataclass(frozen=True)
class Fluid:
    """What turns a velocity into a viscosity."""

    wave_nm: float
    """Length of the wave [nm]."""
    density_kg_m3: float
    """Density [kg/m³]."""
    mass_amu: float
    """Mass of the cell [amu]."""
    temperature_k: float
    """Temperature [K]."""
    kinetic_energy_kj_mol: float
    """Mean kinetic energy of the cell, the flow included [kJ/mol]."""

    @property
    def wave_per_nm(self) -> float:
        """Wave number [1/nm]."""
        return 2.0 * float(np.pi) / self.wave_nm

    @property
    def thermal_variance_nm2_ps2(self) -> float:
        """Variance of the profile's amplitude at rest, 2 kT / M [nm²/ps²]."""
        return 2.0 * GAS_CONSTANT_KJ_MOL_K * self.temperature_k / self.mass_amu


@dataclass(frozen=True, eq=False)
class Flow:
    """The flow at one amplitude."""

    acceleration_nm_ps2: float
    """Amplitude A of the acceleration [nm/ps²]."""
    wave_per_nm: float
    """Wave number k [1/nm]."""
    amplitude_nm_ps: Estimate
    """Amplitude V of the velocity [nm/ps], of the part of the run that is steady."""
    fluidity: Estimate
    """1/η [1/(Pa s)]."""
    profile_part: float
    """Part of the kinetic energy that is the profile's."""

    @property
    def shear_rate_per_s(self) -> float:
        """Largest shear rate, kV [1/s]."""
        return self.wave_per_nm * self.amplitude_nm_ps.mean * 1e12

    @property
    def shows(self) -> bool:
        """Whether the flow stands out of the thermal motion by two errors, so that it has a viscosity of its own."""
        return self.fluidity.stderr is not None and self.fluidity.mean > 2.0 * self.fluidity.stderr

    @property
    def viscosity_pa_s(self) -> float:
        """Viscosity [Pa s]."""
        return 1.0 / self.fluidity.mean

    @property
    def viscosity_stderr_pa_s(self) -> float | None:
        """Its standard error [Pa s]; none where that of the velocity is not known."""
        error = self.fluidity.stderr
        return None if error is None else error / self.fluidity.mean**2


@dataclass(frozen=True, eq=False)
class ZeroShear:
    """The viscosity at vanishing shear, and the line it is read from."""

    viscosity_pa_s: Estimate
    """Its value [Pa s]. Flags: `outside_linear_response`: the lowest two amplitudes have different viscosities.
    `one_amplitude`: there is no second one to tell whether shear matters."""
    n_used: int
    """How many flows, from the slowest on, lie on the line."""
    fit_pa_s: Array
    """Viscosity of the line at those flows [Pa s], shape=(n_used,)."""


def flow(amplitudes_nm_ps: ArrayLike, interval_ps: float, acceleration_nm_ps2: float, fluid: Fluid) -> Flow:
    """Fluidity from the record of a flow; its start is left out where it is not yet steady.

    The velocity fluctuates as that of the fluid at rest, with a variance 2 kT / M that is known and a memory of V / A
    (Onsager). Its standard error is at least the one that follows: a record of a dozen memories underestimates its own.

    Args:
        amplitudes_nm_ps: Component of the profile along the acceleration [nm/ps], equally spaced in time.
        interval_ps: Time between them [ps].
        acceleration_nm_ps2: Amplitude of the acceleration [nm/ps²].
        fluid: What flows.

    Raises:
        NotEnoughData: There are no values, or some that are not finite.
        NotIdentifiable: There is no acceleration.
    """
    if acceleration_nm_ps2 <= 0:
        raise NotIdentifiable("without an acceleration there is no flow to tell a viscosity from; set one above 0")
    velocity = estimate_mean(amplitudes_nm_ps)
    memory_ps = max(velocity.mean, 0.0) / acceleration_nm_ps2
    steady_ps = interval_ps * (len(np.asarray(amplitudes_nm_ps)) - velocity.first_used)
    least = float(np.sqrt(fluid.thermal_variance_nm2_ps2 * min(1.0, 2.0 * memory_ps / steady_ps)))
    if velocity.stderr is not None:
        velocity = replace(velocity, stderr=max(velocity.stderr, least))
    force = acceleration_nm_ps2 * _NM_PS2_IN_M_S2 * fluid.density_kg_m3
    factor = _NM_PS_IN_M_S * (fluid.wave_per_nm * _PER_NM_IN_PER_M) ** 2 / force
    part = 0.25 * fluid.mass_amu * velocity.mean**2 / fluid.kinetic_energy_kj_mol
    fluidity = _scaled(velocity, factor / (1.0 - min(part, 0.5)))
    return Flow(acceleration_nm_ps2, fluid.wave_per_nm, velocity, fluidity, part)


def zero_shear(flows: Sequence[Flow]) -> ZeroShear:
    """The viscosity at vanishing amplitude.

    A line of the fluidity over A² through the slowest flows that are no faster than `FASTEST`: through all of them, if
    chance explains how they leave it, or else through fewer, the fastest being left out first; through two there always
    is one.

    Args:
        flows: In any order, with different amplitudes, at the same wave.

    Raises:
        NotEnoughData: A flow has too few independent samples for an error.
        NotIdentifiable: The flow is lost in thermal motion.
        NotLinear: All flows are as fast as thermal motion.
    """
    slow = [one for one in flows if one.profile_part <= FASTEST]
    if not slow:
        least = min(flows, key=lambda one: one.profile_part)
        raise NotLinear(
            f"already the slowest flow, at an acceleration of {least.acceleration_nm_ps2:g} nm/ps², has "
            f"{least.profile_part:.0%} of the kinetic energy, where {FASTEST:.0%} is the most: it is as fast as the "
            "thermal motion; set smaller accelerations"
        )
    ordered = sorted(slow, key=lambda one: one.acceleration_nm_ps2)
    fluidities = [one.fluidity for one in ordered]
    if any(one.stderr is None for one in fluidities):
        raise NotEnoughData(
            "a flow has fewer than three independent samples, so its velocity has no error; make the flow longer"
        )
    if len(ordered) == 1:
        only = _inverse(fluidities[0].mean, fluidities[0], ("one_amplitude",))
        return ZeroShear(only, 1, np.array([only.mean]))
    squares = np.array([one.acceleration_nm_ps2**2 for one in ordered])
    for n_used in range(len(ordered), 1, -1):
        line = line_through(squares[:n_used], fluidities[:n_used])
        if "not_linear" not in line.slope.flags:
            break
    intercept = float(line.y[0] - line.slope.mean * squares[0])
    errors = np.array([one.stderr for one in fluidities[:n_used]], dtype=np.float64)
    stderr = _stderr_at_zero(squares[:n_used], errors)
    flags: tuple[str, ...] = ()
    if disagree(fluidities[0], fluidities[1], DIFFER_ERRORS):
        flags += ("outside_linear_response",)
    flags += tuple(dict.fromkeys(flag for one in fluidities[:n_used] for flag in one.flags))
    at_zero = Estimate(intercept, stderr, min(one.n_independent for one in fluidities[:n_used]), 1.0, 0, flags)
    return ZeroShear(_inverse(intercept, at_zero, ()), n_used, 1.0 / line.y)


def _stderr_at_zero(places: Array, errors: Array) -> float:
    """Standard error of the weighted least squares line at 0."""
    design = np.column_stack([np.ones_like(places), places / places.max()]) / errors[:, None]
    return float(np.sqrt(np.linalg.inv(design.T @ design)[0, 0]))


def _inverse(fluidity: float, estimate: Estimate, flags: tuple[str, ...]) -> Estimate:
    stderr = estimate.stderr
    if stderr is None or not fluidity > stderr / LARGEST_ERROR:
        raise NotIdentifiable(
            f"the fluidity at vanishing shear is {fluidity:.3g} ± {stderr or np.nan:.2g} 1/(Pa s): the flow is lost in "
            "thermal motion; make the flows longer, or add larger accelerations"
        )
    return Estimate(1.0 / fluidity, stderr / fluidity**2, estimate.n_independent, 1.0, 0, (*flags, *estimate.flags))


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    stderr = None if estimate.stderr is None else estimate.stderr * factor
    return replace(estimate, mean=estimate.mean * factor, stderr=stderr)
