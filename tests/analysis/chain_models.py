"""Chains and walkers whose statistics are known."""

import numpy as np


def freely_rotating(
    rng: np.random.Generator, n_frames: int, n_chains: int, n_bonds: int, cosine: float, bond_nm: float = 0.15
) -> np.ndarray:
    """Chains with a fixed angle between bonds and free rotation, shape=(n_frames, n_chains, n_bonds + 1, 3)."""
    direction = unit(rng.normal(size=(n_frames, n_chains, 3)))
    places = [np.zeros_like(direction), bond_nm * direction]
    for _ in range(n_bonds - 1):
        aside = rng.normal(size=direction.shape)
        aside = unit(aside - (aside * direction).sum(axis=-1, keepdims=True) * direction)
        direction = cosine * direction + np.sqrt(1 - cosine**2) * aside
        places.append(places[-1] + bond_nm * direction)
    return np.stack(places, axis=2)


def freely_jointed(
    rng: np.random.Generator, n_frames: int, n_chains: int, n_bonds: int, bond_nm: float = 0.3
) -> np.ndarray:
    """Chains of independent bonds, shape=(n_frames, n_chains, n_bonds + 1, 3)."""
    steps = bond_nm * unit(rng.normal(size=(n_frames, n_chains, n_bonds, 3)))
    return np.concatenate([np.zeros((n_frames, n_chains, 1, 3)), steps.cumsum(axis=2)], axis=2)


def freely_rotating_squared_nm2(n_bonds: int, cosine: float, bond_nm: float = 0.15) -> float:
    """<R²> of the freely rotating chain, exact for any length."""
    ratio = (1 + cosine) / (1 - cosine) - 2 * cosine * (1 - cosine**n_bonds) / (n_bonds * (1 - cosine) ** 2)
    return n_bonds * bond_nm**2 * ratio


def as_frames(chains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chains as positions of all atoms, and the numbers of those of each chain."""
    n_frames, n_chains, n_atoms = chains.shape[:3]
    return chains.reshape(n_frames, -1, 3), np.arange(n_chains * n_atoms).reshape(n_chains, n_atoms)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def fractional_walk(rng: np.random.Generator, n_frames: int, n_walkers: int, exponent: float) -> np.ndarray:
    """Walkers with MSD = 3 t^exponent (fractional Brownian motion, circulant embedding)."""
    lags = np.arange(n_frames, dtype=float)
    covariance = 0.5 * ((lags + 1) ** exponent - 2 * lags**exponent + np.abs(lags - 1) ** exponent)
    circle = np.concatenate([covariance, covariance[-2:0:-1]])
    strength = np.sqrt(np.fft.fft(circle).real.clip(0) / len(circle))[:, None, None]
    size = (len(circle), n_walkers, 3)
    noise = rng.normal(size=size) + 1j * rng.normal(size=size)
    return np.fft.fft(strength * noise, axis=0).real[:n_frames].cumsum(axis=0)
