"""Shear viscosity from the fluctuations of the stress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.green_kubo import GreenKubo, RunningIntegrals, running_integrals, viscosity
from polyomics.errors import InvalidSettings, NotEnoughData, NotIdentifiable, OutOfReach
from polyomics.properties._viscosity import (
    STRESS_ROLE,
    ChainMotion,
    at_temperature,
    chain_motion,
    has_chains,
    refuse_frozen,
    refuse_oriented_melt,
)
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.records import Curve
from polyomics.simulation import Simulation
from polyomics.stage_output import StageOutput

MOST_UNRESOLVED, UNRESOLVED = 0.5, 0.25
"""Part of the viscosity within half an interval between samples from which on it is refused, and flagged."""
MOST_EXTRAPOLATED, EXTRAPOLATED = 0.1, 0.05
"""Part of the viscosity beyond the cut-off from which on it is refused, and flagged."""
LARGEST_ERROR = 0.5
"""Relative standard error from which on there is no value."""
SHORTEST_CUTOFF, SHORT_CUTOFF = 0.25, 1.0
"""Cut-off over the relaxation time of end-to-end vectors below which a viscosity is refused, and flagged."""
FEW_RELAXATIONS = 10.0
"""Relaxation times of the chains in a run that are too few for independent pieces."""
LARGEST_HEAT_DRIFT_PER_PS = 1e-3
"""Friction with which the thermostat takes away the heat of integration, from which on it is flagged [1/ps]."""

_N_POINTS = 150


@PROPERTIES.register("viscosity")
class Viscosity(Property):
    """Zero-shear viscosity of the melt by Green-Kubo, η = V/kT ∫ <σ(0) σ(t)> dt [Pa s].

    At the temperature of the melt that the probe chose, which the value states: 300 K above a guess of Tg, or the one
    wanted where that is hotter. The five components of the molecular stress, in pieces of one record; cut-off, fit and
    error as in Zhang, Otani & Maginn 2015. The chains are watched meanwhile: a viscosity is refused (`OutOfReach`)
    where their end-to-end vectors did not forget their direction within half the run, where the integral is lost in
    noise before a quarter of their relaxation time (a Rouse chain has a third of its viscosity after that), or where
    more than a tenth of it would be extrapolated.

    Flags: `slow_modes_cut_off`: the integral is lost in noise before the relaxation time of the chains, so the slowest
    modes may be missing. `few_relaxations`: the run is shorter than ten relaxation times of the chains. `extrapolated`:
    more than 5 % comes from beyond the cut-off. `coarse_sampling`: more than a quarter lies within half the interval
    between samples. `chain_relaxation_unknown`: no frames were stored beside the stress. `energy_drifts`: integration
    heats the cell, and the thermostat damps flow by more than 0.001/ps.
    """

    name = "viscosity"
    unit = "Pa s"
    definition = "Volume over kT times the integral of the autocorrelation of the shear stress at equilibrium."
    reference = (
        "Zhang, Otani & Maginn 2015, DOI 10.1021/acs.jctc.5b00351; components: Daivis & Evans 1994, "
        "DOI 10.1063/1.466970"
    )
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = (STRESS_ROLE,)
    probe: ClassVar[str | None] = "viscosity"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        outputs = simulation.outputs(STRESS_ROLE)
        here = at_temperature(context, outputs[0])
        refuse_oriented_melt(simulation, self.name)
        integrals = _integrals(outputs)
        curves = [self._running(integrals)]
        motion = chain_motion(simulation)
        refuse_frozen(motion, self.name, here.temperature_k, curves)
        try:
            found = viscosity(integrals)
        except NotEnoughData as error:
            raise NotEnoughData(str(error), curves=curves) from error
        curves.append(self._fit(found))
        curves += [] if motion is None else [motion.curve(self.name)]
        self._refuse(found, motion, curves)
        flags = _flags(found, motion, outputs)
        if motion is None and has_chains(simulation):
            flags += ("chain_relaxation_unknown",)
        estimate = found.viscosity_pa_s
        return [self._measurement(replace(estimate, flags=(*estimate.flags, *flags)), here), *curves]

    def _refuse(self, found: GreenKubo, motion: ChainMotion | None, curves: list[Curve]) -> None:
        estimate = found.viscosity_pa_s
        if found.unresolved > MOST_UNRESOLVED:
            raise NotIdentifiable(
                f"{found.unresolved:.0%} of the viscosity lies within half the interval between samples of the stress, "
                "which is then longer than the stress remembers; set a shorter sample_fs",
                curves=curves,
            )
        if found.extrapolated > MOST_EXTRAPOLATED:
            raise OutOfReach(
                f"the running integral still grows where noise takes over, at {found.cutoff_ps:.3g} ps: "
                f"{found.extrapolated:.0%} of the viscosity would be extrapolated; the melt relaxes more slowly than "
                "the record shows: sample longer, or at a higher temperature",
                curves=curves,
            )
        if estimate.stderr is None or not estimate.stderr < LARGEST_ERROR * estimate.mean:
            raise NotEnoughData(
                f"the viscosity is {estimate.mean:.3g} ± {estimate.stderr or float('nan'):.2g} Pa s, which says "
                "nothing; sample longer",
                curves=curves,
            )
        slowest_ps = motion.relaxation_ps if motion else None
        if slowest_ps is not None and found.cutoff_ps < SHORTEST_CUTOFF * slowest_ps:
            raise OutOfReach(
                f"the running integral is lost in noise after {found.cutoff_ps:.3g} ps, but the chains take "
                f"{slowest_ps:.3g} ps to turn, and a good part of the viscosity comes in the end: sample longer",
                curves=curves,
            )

    def _running(self, integrals: RunningIntegrals) -> Curve:
        places = np.unique(np.geomspace(1, len(integrals.times_ps) - 1, _N_POINTS).astype(int))
        return Curve(
            name="viscosity_running_integral",
            property=self.name,
            x_name="time [ps]",
            y_name="running integral [Pa s]",
            x=tuple(integrals.times_ps[places].tolist()),
            y=tuple(integrals.mean_pa_s[places].tolist()),
            y_stderr=tuple(integrals.stderr_pa_s[places].tolist()),
            kind="points",
            log=("x",),
        )

    def _fit(self, found: GreenKubo) -> Curve:
        return Curve(
            name="viscosity_running_integral_fit",
            property=self.name,
            x_name="time [ps]",
            y_name="running integral [Pa s]",
            x=tuple(found.fitted_ps.tolist()),
            y=tuple(found.fit_pa_s.tolist()),
            log=("x",),
        )


def _integrals(outputs: Sequence[StageOutput]) -> RunningIntegrals:
    """Of all pieces of all stages, which must be alike; another volume is put into the stress."""
    pieces: list[NDArray[np.float64]] = []
    first = None
    for output in outputs:
        temperature_k = float(output.stage["temperature_k"])
        for piece in output.arrays("stress"):
            state = (float(piece["interval_ps"]), float(piece["volume_nm3"]), temperature_k)
            first = first or state
            if state[::2] != first[::2]:
                raise InvalidSettings(
                    f"stages of role {STRESS_ROLE!r} must have one temperature and one sample_fs; found {first[2]:g} "
                    f"and {state[2]:g} K, {1000 * first[0]:g} and {1000 * state[0]:g} fs"
                )
            pieces.append(piece["shear_stress_bar"] * np.sqrt(state[1] / first[1]))
    if first is None:
        raise NotEnoughData(f"the stage of role {STRESS_ROLE!r} left no stress; run it again")
    return running_integrals(pieces, *first)


def _flags(found: GreenKubo, motion: ChainMotion | None, outputs: Sequence[StageOutput]) -> tuple[str, ...]:
    slowest_ps = (motion.relaxation_ps if motion else None) or 0.0
    drifts = [float(piece["heat_drift_per_ps"]) for output in outputs for piece in output.arrays("stress")]
    of = {
        "slow_modes_cut_off": found.cutoff_ps < SHORT_CUTOFF * slowest_ps,
        "few_relaxations": motion is not None and motion.run_ps < FEW_RELAXATIONS * slowest_ps,
        "extrapolated": found.extrapolated > EXTRAPOLATED,
        "coarse_sampling": found.unresolved > UNRESOLVED,
        "energy_drifts": abs(float(np.mean(drifts))) > LARGEST_HEAT_DRIFT_PER_PS,
    }
    return tuple(flag for flag, holds in of.items() if holds)
