"""Made-up stress-strain curves of which everything is known, with noise as that of a small cell."""

from collections.abc import Callable

import numpy as np
from scipy.signal import lfilter

from polyomics.analysis.stress_strain import Pull, pull

MODULUS_MPA, POISSON = 3000.0, 0.35
YIELD_MPA, YIELD_STRAIN = 135.0, 0.06
INTERVAL_PS = 0.2
SIDE_NM = 3.0


def correlated(rng: np.random.Generator, n: int, deviation: float, time_ps: float) -> np.ndarray:
    """Noise that forgets itself exponentially."""
    decay = np.exp(-INTERVAL_PS / time_ps)
    drawn = rng.standard_normal(n) * np.sqrt(1.0 - decay**2)
    drawn[:1] /= np.sqrt(1.0 - decay**2)
    return deviation * lfilter([1], [1, -decay], drawn)


def glass_mpa(strain: np.ndarray) -> np.ndarray:
    """Straight up to a strain of 0.03, round with its maximum of 135 MPa at 0.06, then softening by 40 MPa."""
    bent = YIELD_MPA - (YIELD_MPA - MODULUS_MPA * 0.03) * ((YIELD_STRAIN - strain) / 0.03) ** 2
    soft = YIELD_MPA - 40.0 * (1.0 - np.exp(-(((strain - YIELD_STRAIN) / 0.04) ** 2)))
    return np.select([strain < 0.03, strain < YIELD_STRAIN], [MODULUS_MPA * strain, bent], soft)


def plastic_mpa(strain: np.ndarray) -> np.ndarray:
    """Elastic up to a strain of 0.04, then at 120 MPa for ever."""
    return np.minimum(MODULUS_MPA * strain, 120.0)


def rubber_mpa(strain: np.ndarray) -> np.ndarray:
    """Elastic throughout."""
    return MODULUS_MPA * strain


def liquid_mpa(strain: np.ndarray) -> np.ndarray:
    """No stress at all."""
    return np.zeros_like(strain)


def stretches(
    stress_mpa: Callable[[np.ndarray], np.ndarray],
    seed: int,
    *,
    rate_per_ps: float = 3e-4,
    end: float = 0.2,
    noise_mpa: float = 25.0,
    toe: float = 0.004,
    spread: float = 0.0,
    n_axes: int = 3,
) -> list[Pull]:
    """Stretches of one material, one along each axis.

    Args:
        stress_mpa: Engineering stress over strain.
        seed: Of the noise.
        rate_per_ps: Strain rate [1/ps].
        end: Largest strain.
        noise_mpa: Standard deviation of the stress, correlated over 0.3 ps.
        toe: Strain that the material already has at the start.
        spread: Relative standard deviation of the stress between axes.
        n_axes: How many stretches.
    """
    rng = np.random.default_rng(seed)
    return [
        pull(*one, axis % 3)
        for axis in range(n_axes)
        for one in [table(stress_mpa, rng, axis % 3, rate_per_ps, end, noise_mpa, toe, 1.0 + spread * rng.normal())]
    ]


def table(
    stress_mpa: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
    axis: int,
    rate_per_ps: float,
    end: float,
    noise_mpa: float,
    toe: float = 0.0,
    factor: float = 1.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a stage records: strain, true stress [bar] and edges [nm]."""
    n = round(end / (rate_per_ps * INTERVAL_PS))
    strain = rate_per_ps * INTERVAL_PS * np.arange(1, n + 1)
    sides = [side for side in range(3) if side != axis]
    box_nm = np.empty((n, 3))
    box_nm[:, axis] = SIDE_NM * (1.0 + strain)
    for side in sides:
        box_nm[:, side] = SIDE_NM * (1.0 - POISSON * strain) * (1.0 + correlated(rng, n, 0.004, 1.0))
    area = box_nm[:, sides].prod(axis=1) / SIDE_NM**2
    stress_bar = np.zeros((n, 6))
    lateral = -1.0 + correlated(rng, n, 200.0, 0.3)
    stress_bar[:, :3] = lateral[:, None]
    engineering = stress_mpa(strain + toe) * factor + correlated(rng, n, noise_mpa, 0.3)
    stress_bar[:, axis] += 10.0 * engineering / area
    return strain, stress_bar, box_nm
