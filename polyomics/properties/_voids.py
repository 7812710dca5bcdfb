"""The pass over the frames that all properties of the space between atoms share."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.radii import van_der_waals_radii_nm
from polyomics.analysis.voids import HardSpheres, accessible_fractions, pore_diameters_nm
from polyomics.properties._frames import spread_frames
from polyomics.simulation import Simulation

Array = NDArray[np.float64]

PROBE_RADIUS_NM = 0.11
"""Radius of the probe [nm], about that of the positronium that measures free volume by its lifetime."""
PROBE_RADII_NM = np.linspace(0.0, 0.3, 31)
"""Radii of the probes of the curve [nm]."""
DIAMETER_BIN_NM = 0.02
"""Width of the bins of pore sizes [nm]."""
_SPACING_NM = 0.05


@dataclass(frozen=True, eq=False)
class Voids:
    """The space between the atoms in every frame looked at."""

    accessible: Array
    """Fraction of the box accessible to each of `PROBE_RADII_NM`, shape=(n_frames, n_radii)."""
    accessible_to_probe: Array
    """Fraction accessible to `PROBE_RADIUS_NM`, shape=(n_frames,)."""
    largest_diameter_nm: Array
    """Diameter of the largest empty sphere [nm], shape=(n_frames,)."""
    pore_edges_nm: Array
    """Edges of the bins of pore diameters [nm], shape=(n_bins + 1,)."""
    pore_fractions: Array
    """Fraction of the box in pores of every size, shape=(n_frames, n_bins)."""


def voids(simulation: Simulation) -> Voids:
    """Measure the space between atoms, on at most 50 frames.

    Raises:
        NotEnoughData: An element has no radius, or a position is not finite.
    """
    return simulation.once("voids", lambda: _measure(simulation))


def _measure(simulation: Simulation) -> Voids:
    radii_nm = van_der_waals_radii_nm(simulation.cell.atomic_numbers)
    fractions, largest, counts = [], [], []
    spacing_nm = 0.0
    for positions_nm, box_nm in spread_frames(simulation.sample):
        spheres = HardSpheres(positions_nm, radii_nm, box_nm)
        spacing_nm = spacing_nm or spheres.spacing_nm(_SPACING_NM, PROBE_RADIUS_NM)
        grid = spheres.grid(spacing_nm)
        sphere = spheres.largest_sphere(grid)
        diameters = pore_diameters_nm(grid, PROBE_RADIUS_NM, sphere)
        fractions.append(accessible_fractions(grid, np.append(PROBE_RADII_NM, PROBE_RADIUS_NM)))
        largest.append(2.0 * sphere.radius_nm)
        bins = (diameters[diameters > 0.0] - 2.0 * PROBE_RADIUS_NM) / DIAMETER_BIN_NM
        counts.append(np.bincount(np.maximum(bins.astype(int), 0)) / diameters.size)
    n_bins = max(map(len, counts))
    return Voids(
        np.array(fractions)[:, :-1],
        np.array(fractions)[:, -1],
        np.array(largest),
        np.asarray(2.0 * PROBE_RADIUS_NM + DIAMETER_BIN_NM * np.arange(n_bins + 1), dtype=np.float64),
        np.array([np.pad(one, (0, n_bins - len(one))) for one in counts]),
    )
