"""X-ray scattering of a periodic cell, from the scattering vectors that its box allows.

A periodic structure scatters only at q = 2π (h/L_x, k/L_y, l/L_z) with whole h, k, l. There the amplitude is a plain
sum over atoms: no cutoff, no window, no correction for a finite range, unlike the transform of a pair distribution. The
price is noise: the intensity at one vector of one frame of a disordered structure scatters by as much as its mean. So
it is averaged over shells of vectors and over frames.
"""

from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.form_factors import form_factor

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
Integers = NDArray[np.int64]

_ATOMS_AT_ONCE = 2048
_VECTORS_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class Scattering:
    """Scattering of one frame in shells of q; shells without a vector hold values that are not numbers."""

    q_per_nm: Array
    """Mean length of the scattering vectors in the shell [1/nm], shape=(n_shells,)."""
    intensity: Array
    """Coherent intensity an atom [electrons²], shape=(n_shells,)."""
    structure_factor: Array
    """Intensity over that of the same atoms without any correlation, Σ f², shape=(n_shells,)."""
    n_vectors: Array
    """Vectors in the shell, shape=(n_shells,)."""


def scattering_vectors(
    box_nm: Array, largest_per_nm: float, shell_per_nm: float, per_shell: int, seed: int = 0
) -> Integers:
    """Whole numbers h, k, l of scattering vectors of a box, one of each pair q and -q.

    All vectors of a shell of q where there are few, otherwise a random choice of about `per_shell`. With a vector come
    all that a permutation of axes or a reflection makes of it, so that a cube turned onto itself scatters the same.

    Args:
        box_nm: Edges of the box [nm], shape=(3,).
        largest_per_nm: Longest scattering vector [1/nm].
        shell_per_nm: Thickness of the shells [1/nm].
        per_shell: About how many vectors to have in a shell.
        seed: Of the choice.

    Returns:
        Whole numbers, shape=(n_vectors, 3).
    """
    edge_nm = float(np.mean(box_nm))
    most = int(largest_per_nm * edge_nm / (2.0 * np.pi))
    h, k, l = np.meshgrid(*[np.arange(most + 1)] * 3, indexing="ij")  # noqa: E741
    kept = (h >= k) & (k >= l) & (h > 0)
    triples = np.column_stack([h[kept], k[kept], l[kept]])
    lengths = 2.0 * np.pi / edge_nm * np.linalg.norm(triples, axis=1)
    shell = (lengths / shell_per_nm).astype(int)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(triples))
    order = order[np.argsort(shell[order], kind="stable")]
    triples, lengths, shell = triples[order], lengths[order], shell[order]
    sizes = _orbit_sizes(triples)
    before = np.cumsum(sizes) - sizes
    starts = np.searchsorted(shell, shell)
    chosen = (before - before[starts] < per_shell) & (lengths <= largest_per_nm)
    return _orbits(triples[chosen])


def _orbit_sizes(triples: Integers) -> Integers:
    """How many vectors, of each pair q and -q one, the symmetries of a cube make of h ≥ k ≥ l ≥ 0."""
    equal = (triples[:, :-1] == triples[:, 1:]).sum(axis=1)
    arrangements = np.array([6, 3, 1])[equal]
    signs = 2 ** (triples > 0).sum(axis=1)
    sizes: Integers = arrangements * signs // 2
    return sizes


def _orbits(triples: Integers) -> Integers:
    images = [triples[:, axes] * signs for axes in permutations(range(3)) for signs in product((1, -1), repeat=3)]
    every = np.unique(np.concatenate(images), axis=0)
    h, k, l = every.T  # noqa: E741
    half = (h > 0) | ((h == 0) & ((k > 0) | ((k == 0) & (l > 0))))
    found: Integers = every[half]
    return found


def scattering_amplitudes(positions_nm: Array, box_nm: Array, vectors: Integers) -> Complex:
    """Σ exp(i q·r) over atoms, for every vector, shape=(n_vectors,).

    Args:
        positions_nm: Positions, wrapped or not [nm], shape=(n_atoms, 3).
        box_nm: Edges of the box [nm], shape=(3,).
        vectors: Whole numbers h, k, l, shape=(n_vectors, 3).
    """
    amplitudes = np.zeros(len(vectors), dtype=np.complex128)
    most = np.abs(vectors).max(axis=0)
    fractions = positions_nm / box_nm
    for first in range(0, len(fractions), _ATOMS_AT_ONCE):
        block = fractions[first : first + _ATOMS_AT_ONCE].T
        waves = [_waves(one, int(n)) for one, n in zip(block, most, strict=True)]
        for start in range(0, len(vectors), _VECTORS_AT_ONCE):
            chosen = vectors[start : start + _VECTORS_AT_ONCE] + most
            phases = waves[0][chosen[:, 0]]
            phases *= waves[1][chosen[:, 1]]
            phases *= waves[2][chosen[:, 2]]
            amplitudes[start : start + _VECTORS_AT_ONCE] += phases.sum(axis=1)
    return amplitudes


def _waves(fractions: Array, most: int) -> NDArray[np.complex64]:
    """exp(2πi n x) for n from -most to most, shape=(2 most + 1, n_atoms); single precision is 1e-7 of an atom."""
    upper = np.exp(2.0j * np.pi * np.outer(np.arange(most + 1), fractions - np.floor(fractions)))
    return np.concatenate([upper[:0:-1].conj(), upper]).astype(np.complex64)


def xray_scattering(
    positions_nm: Array, box_nm: Array, atomic_numbers: Integers, vectors: Integers, edges_per_nm: Array
) -> Scattering:
    """Coherent X-ray scattering of one frame: I(q) = |Σ f_j(q) exp(i q·r_j)|², averaged over shells.

    The structure factor is S(q) = I(q) / Σ f_j(q)², that is I / (N <f²>); atoms without any correlation give 1.

    Args:
        positions_nm: Positions, wrapped or not [nm], shape=(n_atoms, 3).
        box_nm: Edges of the box [nm], shape=(3,).
        atomic_numbers: Elements, shape=(n_atoms,).
        vectors: Whole numbers h, k, l, shape=(n_vectors, 3).
        edges_per_nm: Edges of the shells [1/nm], ascending, shape=(n_shells + 1,).

    Raises:
        NotEnoughData: An element has no form factor.
    """
    q_per_nm = 2.0 * np.pi * np.linalg.norm(vectors / box_nm, axis=1)
    amplitude = np.zeros(len(vectors), dtype=np.complex128)
    uncorrelated = np.zeros(len(vectors))
    for element in np.unique(atomic_numbers).tolist():
        mine = atomic_numbers == element
        factor = form_factor(element, q_per_nm)
        amplitude += factor * scattering_amplitudes(positions_nm[mine], box_nm, vectors)
        uncorrelated += mine.sum() * factor**2
    intensity = np.abs(amplitude) ** 2
    columns = (q_per_nm, intensity / len(positions_nm), intensity / uncorrelated)
    means, n_vectors = shell_means(q_per_nm, np.array(columns), edges_per_nm)
    return Scattering(means[0], means[1], means[2], n_vectors)


def shell_means(q_per_nm: Array, values: Array, edges_per_nm: Array) -> tuple[Array, Array]:
    """Means of values over the vectors of every shell, and how many these are.

    Args:
        q_per_nm: Length of every vector [1/nm], shape=(n_vectors,).
        values: Any number of values for every vector, shape=(n_values, n_vectors).
        edges_per_nm: Edges of the shells [1/nm], shape=(n_shells + 1,).

    Returns:
        Means, shape=(n_values, n_shells), not a number where a shell is empty; and numbers of vectors,
        shape=(n_shells,).
    """
    n_shells = len(edges_per_nm) - 1
    shell = np.searchsorted(edges_per_nm, q_per_nm, side="right") - 1
    inside = (shell >= 0) & (shell < n_shells)
    numbers = np.bincount(shell[inside], minlength=n_shells).astype(np.float64)
    sums = np.array([np.bincount(shell[inside], one[inside], n_shells) for one in values])
    means: Array = np.divide(sums, numbers, out=np.full_like(sums, np.nan), where=numbers > 0)
    return means, numbers
