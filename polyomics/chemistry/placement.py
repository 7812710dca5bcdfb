"""Small rotations and frames: how a piece is turned inside and put behind the piece before it."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def dihedral_rad(first: Floats, second: Floats, third: Floats, fourth: Floats) -> float:
    """Torsion angle over four points [rad], IUPAC sign; 0 where three of them are in line."""
    axis = third - second
    left = np.cross(second - first, axis)
    right = np.cross(axis, fourth - third)
    sine = float((second - first) @ right) * float(np.sqrt(axis @ axis))
    return math.atan2(sine, float(left @ right))


def rotation_matrices(axes: Floats, angles_rad: Floats) -> Floats:
    """Matrices, shape (n, 3, 3), of the right-handed rotations about axes of shape (n, 3)."""
    x, y, z = axes.T / np.sqrt((axes * axes).sum(axis=1))
    c, s = np.cos(angles_rad), np.sin(angles_rad)
    d = 1.0 - c
    rows = [
        c + x * x * d, x * y * d - z * s, x * z * d + y * s,
        y * x * d + z * s, c + y * y * d, y * z * d - x * s,
        z * x * d - y * s, z * y * d + x * s, c + z * z * d,
    ]  # fmt: skip
    return np.array(rows).T.reshape(-1, 3, 3)


def frames(origins: Floats, along: Floats, references: Floats) -> Floats:
    """Right-handed axes as rows, shape (n, 3, 3): towards `along`, towards `references` at right angles, their product.

    Where a reference is on the line (or not a number), any direction at right angles is taken.
    """
    first = along - origins
    first = first / np.sqrt((first * first).sum(axis=1))[:, None]
    second = references - origins
    second = second - (second * first).sum(axis=1)[:, None] * first
    length = np.sqrt((second * second).sum(axis=1))
    for row in np.nonzero(~(length > 1e-4))[0]:
        second[row] = np.eye(3)[np.argmin(np.abs(first[row]))]
        second[row] -= (second[row] @ first[row]) * first[row]
        length[row] = np.sqrt(second[row] @ second[row])
    second = second / length[:, None]
    return np.stack([first, second, np.cross(first, second)], axis=1)
