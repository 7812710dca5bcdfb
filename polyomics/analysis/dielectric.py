"""The dielectric constant from the fluctuations of the dipole of a cell, and the refractive index."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyomics.analysis.fluctuations import unbiased_covariance
from polyomics.analysis.statistics import (
    FEW_SAMPLES,
    FEWEST_SAMPLES,
    SIGNIFICANCE,
    Estimate,
    drift,
    estimate_mean,
    first_relaxed_frame,
    statistical_inefficiency,
)
from polyomics.errors import NotEnoughData
from polyomics.units import AVOGADRO_PER_MOL, BOLTZMANN_J_K, ELEMENTARY_CHARGE_C, VACUUM_PERMITTIVITY_F_M

Array = NDArray[np.float64]

LARGEST_NET_CHARGE_E = 1e-3
"""A molecule with more charge than this has no dipole that is its own."""
RELAXED_SAMPLES = 20.0
"""With fewer independent samples of the dipole than this, its relaxation takes a large part of the run."""

_NM_PER_M = 1e9
_CM3_PER_NM3 = 1e-21
_BLOCK_INEFFICIENCIES = 2.0


def check_neutral(charges_e: Array, molecule_of_atom: NDArray[np.int64]) -> None:
    """Refuse charged molecules, whose dipoles depend on the origin.

    Raises:
        NotEnoughData: A molecule has a net charge.
    """
    net = np.bincount(molecule_of_atom, charges_e)
    worst = int(np.abs(net).argmax())
    if abs(net[worst]) > LARGEST_NET_CHARGE_E:
        raise NotEnoughData(
            f"molecule {worst} has a net charge of {net[worst]:.4f} e, so its dipole depends on the origin and the "
            "dielectric constant is not that of dipoles; use charges that make every molecule neutral"
        )


def dipole_moments_e_nm(positions_nm: Array, charges_e: Array) -> Array:
    """Dipole of the cell, the sum over whole molecules, in every frame [e nm], shape=(n_frames, 3).

    Args:
        positions_nm: Positions of whole molecules, unwrapped [nm], shape=(n_frames, n_atoms, 3).
        charges_e: Charges [e]; every molecule is neutral, shape=(n_atoms,).
    """
    moments: Array = np.einsum("fax,a->fx", positions_nm, charges_e)
    return moments


def dielectric_constant(moments_e_nm: ArrayLike, volume_nm3: float, temperature_k: float) -> Estimate:
    """Dielectric constant of fluctuating dipoles under conducting boundaries (Ewald summation).

    ε = 1 + (<M²> - <M>²) / (3 ε0 V k_B T) (Neumann 1983, DOI 10.1080/00268978300102721). The variance is corrected
    for the correlation within a finite run, as that of the volume is (`fluctuations.unbiased_covariance`). The error is
    that of the mean of the squared deviations, all three components, correlation counted.

    `dipoles_not_relaxed` is flagged where the dipole has fewer than 20 independent samples, and where its mean
    over the run differs from zero by more than its fluctuations allow (F test): an isotropic cell has none, a glass
    keeps the one it froze with. Then only the motion that happens within the run counts.

    Args:
        moments_e_nm: Dipole of the cell in every frame [e nm], shape=(n_frames, 3).
        volume_nm3: Mean volume of the cell [nm³].
        temperature_k: Temperature [K].

    Raises:
        NotEnoughData: A value is not finite, the dipole does not move, or there are fewer than three independent
            samples.
    """
    components = np.asarray(moments_e_nm, dtype=np.float64).T
    first = max(first_relaxed_frame(one) for one in components)
    used = components[:, first:]
    if (np.ptp(used, axis=1) == 0.0).any():
        raise NotEnoughData(
            f"the dipole is the same in all {used.shape[1]} frame(s) used, so it has no fluctuations to measure; "
            "sample longer, and check that atoms have charges"
        )
    inefficiencies = np.array([statistical_inefficiency(one) for one in used])
    n_independent = used.shape[1] / float(inefficiencies.max())
    if n_independent < FEWEST_SAMPLES:
        raise NotEnoughData(
            f"{n_independent:.1f} independent samples of the dipole in {used.shape[1]} frames; its fluctuations take "
            f"at least {FEWEST_SAMPLES:g}, and {FEW_SAMPLES:g} to be trusted: sample longer, or hotter"
        )
    variance = unbiased_covariance(used, _BLOCK_INEFFICIENCIES * float(inefficiencies.max())).diagonal()
    to_constant = dielectric_per_e2_nm2(volume_nm3, temperature_k)
    squares = ((used - used.mean(axis=1, keepdims=True)) ** 2).sum(axis=0)
    of_mean = estimate_mean(to_constant * squares, discard_start=False)
    n_squares = min(n_independent, of_mean.n_independent)
    flags: tuple[str, ...] = ("few_samples",) if n_squares < FEW_SAMPLES else ()
    if first > components.shape[1] / 2 or any(drift(one).is_significant for one in used):
        flags += ("drifting",)
    if n_independent < RELAXED_SAMPLES or _mean_is_frozen(used, variance, inefficiencies):
        flags += ("dipoles_not_relaxed",)
    return Estimate(
        1.0 + to_constant * float(variance.sum()),
        of_mean.stderr,
        n_squares,
        float(inefficiencies.max()),
        first,
        flags,
    )


def dielectric_per_e2_nm2(volume_nm3: float, temperature_k: float) -> float:
    """What a variance of the dipole of 1 e² nm² adds to the dielectric constant."""
    energy_j = 3.0 * VACUUM_PERMITTIVITY_F_M * volume_nm3 / _NM_PER_M**3 * BOLTZMANN_J_K * temperature_k
    return (ELEMENTARY_CHARGE_C / _NM_PER_M) ** 2 / energy_j


def _mean_is_frozen(components: Array, variance: Array, inefficiencies: Array) -> bool:
    """F test of the squared mean dipole against what fluctuations leave of it in a run of this length."""
    from scipy import stats

    n_samples = components.shape[1] / inefficiencies
    ratio = float(np.mean(components.mean(axis=1) ** 2 / (variance / n_samples)))
    return float(stats.f.sf(ratio, 3, max(float((n_samples - 1.0).sum()), 1.0))) < SIGNIFICANCE


def refractive_index(molar_refractivity_cm3_mol: float, volume_nm3: ArrayLike) -> Array:
    """Refractive index by Lorentz and Lorenz, (n² - 1) / (n² + 2) = R / (N_A V), in the shape of `volume_nm3`.

    Args:
        molar_refractivity_cm3_mol: Molar refraction of all molecules of the cell together [cm³/mol].
        volume_nm3: Volume of the cell [nm³].

    Raises:
        NotEnoughData: The cell is too dense for the formula.
    """
    molar_volume_cm3 = np.asarray(volume_nm3, dtype=np.float64) * _CM3_PER_NM3 * AVOGADRO_PER_MOL
    ratio = molar_refractivity_cm3_mol / molar_volume_cm3
    if (ratio >= 1.0).any():
        raise NotEnoughData(
            f"a molar refraction of {molar_refractivity_cm3_mol:.4g} cm³/mol in a molar volume of "
            f"{float(molar_volume_cm3.min()):.4g} cm³/mol has no refractive index by Lorentz and Lorenz; check the "
            "density of the cell"
        )
    index: Array = np.sqrt((1.0 + 2.0 * ratio) / (1.0 - ratio))
    return index
