"""From velocities to the vibrational density of states, and from that to what quantum mechanics takes away.

A classical oscillator has the heat capacity k_B; a quantum one W(x) k_B with x = h c ν / k_B T and
W = x² eˣ / (eˣ - 1)². What a simulation over-counts is k_B ∫ g(ν) [1 - W(ν)] dν, with g the density of
states of the degrees of freedom the constraints left (Berens et al. 1983, DOI 10.1063/1.446044).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyomics.units import AVOGADRO_PER_MOL, BOLTZMANN_J_K, LIGHT_SPEED_CM_PER_PS, PLANCK_J_S

Array = NDArray[np.float64]

AMU_NM2_PS2_IN_J = 1.0e3 / AVOGADRO_PER_MOL
"""An energy of 1 amu nm²/ps², which is 1 kJ/mol, in J."""

_ATOMS_AT_A_TIME = 4096


def density_of_states(
    velocities_nm_ps: ArrayLike, masses_amu: Array, interval_ps: float, n_modes: int
) -> tuple[Array, Array, float]:
    """Density of states from one window of velocities.

    The power spectrum of the mass-weighted velocities, under a Hann window, scaled to integrate to the number of
    modes: every mode holds k_B T / 2 of kinetic energy.

    Args:
        velocities_nm_ps: Velocities [nm/ps], shape=(n_samples, n_atoms, 3).
        masses_amu: Masses [amu], shape=(n_atoms,).
        interval_ps: Time between samples [ps].
        n_modes: Degrees of freedom: three an atom less the constraints.

    Returns:
        Wave numbers [1/cm], shape=(n_samples // 2 + 1,); modes per 1/cm, same shape; kinetic temperature [K].
    """
    velocities = np.asarray(velocities_nm_ps)
    n_samples, n_atoms, _ = velocities.shape
    window = np.hanning(n_samples + 2)[1:-1].astype(np.float32)[:, None, None]
    power = np.zeros(n_samples // 2 + 1)
    twice_kinetic = 0.0
    for first in range(0, n_atoms, _ATOMS_AT_A_TIME):
        part = velocities[:, first : first + _ATOMS_AT_A_TIME]
        masses = masses_amu[first : first + _ATOMS_AT_A_TIME]
        spectrum = np.abs(np.fft.rfft(part * window, axis=0)) ** 2
        power += np.einsum("fax,a->f", spectrum, masses)
        twice_kinetic += float(np.einsum("sax,sax,a->", part, part, masses, dtype=np.float64)) / n_samples
    wave_numbers = np.fft.rfftfreq(n_samples, interval_ps) / LIGHT_SPEED_CM_PER_PS
    density = power * n_modes / (power.sum() * wave_numbers[1])
    temperature_k = twice_kinetic / n_modes / (BOLTZMANN_J_K / AMU_NM2_PS2_IN_J)
    return np.asarray(wave_numbers, dtype=np.float64), np.asarray(density, dtype=np.float64), temperature_k


def quantum_weight(wave_numbers_cm: ArrayLike, temperature_k: float) -> Array:
    """Heat capacity of a quantum harmonic oscillator over k_B: W = x² eˣ / (eˣ - 1)², 1 at zero wave number.

    Args:
        wave_numbers_cm: Wave numbers [1/cm].
        temperature_k: Temperature [K].
    """
    light_cm_s = LIGHT_SPEED_CM_PER_PS * 1e12
    x = PLANCK_J_S * light_cm_s * np.asarray(wave_numbers_cm, dtype=np.float64) / (BOLTZMANN_J_K * temperature_k)
    half = np.minimum(x / 2.0, 300.0)
    return np.where(half < 1e-6, 1.0, (half / np.sinh(np.maximum(half, 1e-9))) ** 2)


def overcounted_modes(wave_numbers_cm: Array, modes_per_cm: Array, temperature_k: float) -> float:
    """Heat capacity that classical mechanics counts too much, in units of k_B: ∫ g (1 - W) dν.

    Args:
        wave_numbers_cm: Equally spaced wave numbers [1/cm], from 0.
        modes_per_cm: Density of states, same shape.
        temperature_k: Temperature [K].
    """
    weights = 1.0 - quantum_weight(wave_numbers_cm, temperature_k)
    return float((modes_per_cm * weights).sum() * (wave_numbers_cm[1] - wave_numbers_cm[0]))
