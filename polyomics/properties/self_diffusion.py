"""Self-diffusion coefficient."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.displacement import (
    mean_squared_displacements_nm2,
    self_diffusion,
    unwrapped_nm,
    without_common_motion,
)
from polyomics.errors import NotEnoughData
from polyomics.properties._chain_statistics import molecule_statistics
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.records import Curve
from polyomics.simulation import Simulation

NM2_PS_IN_M2_S = 1e-6
"""A diffusion coefficient of 1 nm²/ps in m²/s."""

_N_POINTS = 60
_UNEQUAL = 0.02


@PROPERTIES.register("self_diffusion")
class SelfDiffusion(Property):
    """Self-diffusion coefficient of the molecules, D = lim d<|r(t) - r(0)|²>/dt / 6 [m²/s].

    r is the centre of mass of a molecule relative to that of the cell. The mean squared displacement over all origins
    is fitted between a twentieth and a fifth of the run. Only if it grows there as t to the power 1, within two
    errors, and beyond the radius of gyration, is there a number; else the failure says what was found and how long a
    run is needed. An exponent of 0.9 instead of 1 is noticed with some fifty molecules, not with ten. The value is that
    of the periodic cell with its thermostat: a box of edge L lowers D by 2.84 kT/(6π η L), and Langevin
    friction γ damps collective flow and lowers it further. Neither is corrected, the first being flagged
    `finite_size`. Ref.: Yeh & Hummer 2004, DOI 10.1021/jp0477147.
    """

    name = "self_diffusion"
    unit = "m2/s"
    definition = "A sixth of the slope of the mean squared displacement of centres of mass, where it is diffusive."
    reference = "Yeh & Hummer 2004, DOI 10.1021/jp0477147; unwrapping: Bülow et al. 2020, DOI 10.1063/5.0008316"
    needs: ClassVar[Ensemble] = "any"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        molecules = molecule_statistics(simulation)
        cell = simulation.cell
        interval_ps = _interval_ps(molecules.time_ps)
        masses = np.bincount(cell.molecule_of_atom, weights=cell.masses_amu).astype(np.float64)
        paths = without_common_motion(unwrapped_nm(molecules.centres_nm, molecules.box_nm), masses)
        found = self_diffusion(paths, interval_ps, molecules.squared_radius_nm2)
        in_nm2_ps = found.coefficient_nm2_ps
        estimate = replace(
            in_nm2_ps,
            mean=in_nm2_ps.mean * NM2_PS_IN_M2_S,
            stderr=None if in_nm2_ps.stderr is None else in_nm2_ps.stderr * NM2_PS_IN_M2_S,
            flags=(*in_nm2_ps.flags, "finite_size"),
        )
        fit = Curve(
            name="mean_squared_displacement_fit",
            property=self.name,
            x_name="time [ps]",
            y_name="mean squared displacement [nm²]",
            x=tuple(found.fitted_ps.tolist()),
            y=tuple(found.fit_nm2.tolist()),
            log=("x", "y"),
        )
        return [self._measurement(estimate, context), self._curve(paths, interval_ps), fit]

    def _curve(self, paths_nm: NDArray[np.float64], interval_ps: float) -> Curve:
        n_molecules = paths_nm.shape[1]
        longest = max(1, len(paths_nm) // 2)
        lags = np.unique(np.rint(np.geomspace(1, longest, _N_POINTS)).astype(int))
        squared = mean_squared_displacements_nm2(paths_nm)[lags] * (n_molecules / (n_molecules - 1.0))
        return Curve(
            name="mean_squared_displacement",
            property=self.name,
            x_name="time [ps]",
            y_name="mean squared displacement [nm²]",
            x=tuple((lags * interval_ps).tolist()),
            y=tuple(squared.mean(axis=1).tolist()),
            y_stderr=tuple((squared.std(axis=1, ddof=1) / np.sqrt(n_molecules)).tolist()),
            kind="points",
            log=("x", "y"),
        )


def _interval_ps(time_ps: NDArray[np.float64]) -> float:
    """Time between frames [ps], which must be the same throughout."""
    steps = np.diff(time_ps)
    if not len(steps):
        raise NotEnoughData("one frame shows no motion; store frames more often")
    if np.ptp(steps) > _UNEQUAL * steps.mean():
        raise NotEnoughData(
            f"frames are {steps.min():.4g} to {steps.max():.4g} ps apart; displacements need equally spaced frames"
        )
    return float(steps.mean())
