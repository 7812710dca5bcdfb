"""Shear viscosity from flow under a periodic acceleration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from polyomics.analysis.shear_flow import Flow, Fluid, ZeroShear, flow, zero_shear
from polyomics.errors import InvalidSettings, NotEnoughData, NotIdentifiable, StepFailed
from polyomics.properties._viscosity import (
    FLOW_ROLE,
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

FEW_RELAXATIONS = 3.0
"""Relaxation times of the chains in a flow that are too few for a steady state."""
SHORT_WAVE, SHORTEST_WAVE = 0.5, 3.0
"""Wave number times the size of molecules from which on a viscosity is flagged, and refused."""


@PROPERTIES.register("viscosity_periodic_shear")
class ViscosityPeriodicShear(Property):
    """Zero-shear viscosity of the melt from its flow under a periodic acceleration, η = A ρ / (V k²) [Pa s].

    At the temperature of the melt that the probe chose, which the value states. Every amplitude A gives a velocity V of
    the profile in its steady state, a viscosity and a shear rate kV; the curve is how one depends on the other. The
    value is that at vanishing A, by a line of 1/η over A² through the slowest flows that lie on one. The melt must
    relax within reach, as for `viscosity`: chains that do not turn are refused (`OutOfReach`).

    Flags: `outside_linear_response`: the lowest two amplitudes have viscosities that differ by more than two errors, so
    that slower flows may have yet another one. `shears_faster_than_relaxation`: the slowest flow shears by more than 1
    within the relaxation time of the chains. `few_relaxations`: a flow is shorter than three relaxation times of the
    chains, so that it may not be steady. `finite_wavelength`: the wave is not long against the molecules, k times
    their size being above 0.5; the value is below that of a long wave. `one_amplitude`: nothing tells whether shear
    matters. `chain_relaxation_unknown`: no frames were stored beside the stress. `drifting`, `few_samples`: as
    elsewhere, of the velocity.
    """

    name = "viscosity_periodic_shear"
    unit = "Pa s"
    definition = "Acceleration times density over velocity and squared wave number, at vanishing acceleration."
    reference = "Hess 2002, DOI 10.1063/1.1421362"
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = (STRESS_ROLE, FLOW_ROLE)
    probe: ClassVar[str | None] = "viscosity"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        outputs = [one for one in simulation.outputs(FLOW_ROLE) if one.stage["acceleration_nm_ps2"] > 0]
        if not outputs:
            raise NotIdentifiable(f"no stage of role {FLOW_ROLE!r} has an acceleration above 0, so nothing flows")
        _refuse_unlike(outputs)
        here = at_temperature(context, outputs[0])
        refuse_oriented_melt(simulation, self.name)
        flows = sorted((_flow(output) for output in outputs), key=lambda one: one.acceleration_nm_ps2)
        curves = [*self._over_shear_rate(flows), self._profile(outputs[-1])]
        motion = chain_motion(simulation)
        refuse_frozen(motion, self.name, here.temperature_k, curves)
        size = _size_nm(simulation, motion) * flows[0].wave_per_nm
        if size > SHORTEST_WAVE:
            raise NotIdentifiable(
                f"the wave of {2 * np.pi / flows[0].wave_per_nm:.2f} nm is too short for molecules of "
                f"{size / flows[0].wave_per_nm:.2f} nm: its response is not a viscosity; set more n_copies",
                curves=curves,
            )
        try:
            found = zero_shear(flows)
        except StepFailed as error:
            error.curves = tuple(curves)
            raise
        shortest_ps = min(float(output.stage["duration_ps"]) for output in outputs)
        flags = _flags(flows, motion, size, shortest_ps)
        if motion is None and has_chains(simulation):
            flags += ("chain_relaxation_unknown",)
        estimate = found.viscosity_pa_s
        value = self._measurement(replace(estimate, flags=(*estimate.flags, *flags)), here)
        return [value, *curves, *self._line(flows, found)]

    def _over_shear_rate(self, flows: Sequence[Flow]) -> list[Curve]:
        shown = [one for one in flows if one.shows]
        if not shown:
            return []
        errors = tuple(one.viscosity_stderr_pa_s or 0.0 for one in shown)
        return [
            Curve(
                name="viscosity_over_shear_rate",
                property=self.name,
                x_name="shear rate [1/s]",
                y_name="viscosity [Pa s]",
                x=tuple(one.shear_rate_per_s for one in shown),
                y=tuple(one.viscosity_pa_s for one in shown),
                y_stderr=errors,
                kind="points",
                log=("x", "y"),
            )
        ]

    def _line(self, flows: Sequence[Flow], found: ZeroShear) -> list[Curve]:
        used = [(one, y) for one, y in zip(flows, found.fit_pa_s.tolist(), strict=False) if one.shows and y > 0]
        if not used:
            return []
        return [
            Curve(
                name="viscosity_over_shear_rate_line",
                property=self.name,
                x_name="shear rate [1/s]",
                y_name="viscosity [Pa s]",
                x=tuple(one.shear_rate_per_s for one, _ in used),
                y=tuple(y for _, y in used),
                log=("x", "y"),
            )
        ]

    def _profile(self, output: StageOutput) -> Curve:
        arrays = output.arrays("flow")
        profile = np.mean([piece["profile_nm_ps"] for piece in arrays], axis=0)
        wave_nm = float(arrays[0]["wave_nm"])
        places = (np.arange(len(profile)) + 0.5) / len(profile) * wave_nm
        return Curve(
            name="velocity_profile",
            property=self.name,
            x_name="place along the wave [nm]",
            y_name="velocity [nm/ps]",
            x=tuple(places.tolist()),
            y=tuple(profile.tolist()),
            kind="points",
        )


def _flow(output: StageOutput) -> Flow:
    arrays = output.arrays("flow")
    if not arrays:
        raise NotEnoughData(f"stage {output.stage.get('name')!r} left no flow; run it again")
    last = arrays[-1]
    fluid = Fluid(
        wave_nm=float(last["wave_nm"]),
        density_kg_m3=float(last["density_kg_m3"]),
        mass_amu=float(last["mass_amu"]),
        temperature_k=float(output.stage["temperature_k"]),
        kinetic_energy_kj_mol=float(np.mean([piece["kinetic_energy_kj_mol"].mean() for piece in arrays])),
    )
    amplitudes = np.concatenate([piece["amplitude_nm_ps"] for piece in arrays])
    return flow(amplitudes, 1e-3 * float(output.stage["sample_fs"]), float(last["acceleration_nm_ps2"]), fluid)


def _refuse_unlike(outputs: Sequence[StageOutput]) -> None:
    for setting in ("temperature_k", "n_copies"):
        found = sorted({float(output.stage[setting]) for output in outputs})
        if len(found) > 1:
            raise InvalidSettings(
                f"flows of different {setting} ({', '.join(f'{value:g}' for value in found)}) do not make one "
                "extrapolation; give all stages of role 'shear_flow' the same"
            )
    accelerations = [float(output.stage["acceleration_nm_ps2"]) for output in outputs]
    if len(set(accelerations)) < len(accelerations):
        raise InvalidSettings(f"two flows have the same acceleration ({accelerations} nm/ps²); give each its own")


def _size_nm(simulation: Simulation, motion: ChainMotion | None) -> float:
    """Radius of gyration, or the distance between molecules where that is larger [nm]."""
    stage = simulation.sample
    volume_nm3 = float(np.mean(stage.thermo["box_x_nm"] * stage.thermo["box_y_nm"] * stage.thermo["box_z_nm"]))
    spacing_nm = float(np.cbrt(volume_nm3 / simulation.cell.n_molecules))
    return max(spacing_nm, 0.0 if motion is None else float(np.sqrt(motion.squared_radius_nm2)))


def _flags(flows: Sequence[Flow], motion: ChainMotion | None, size: float, shortest_ps: float) -> tuple[str, ...]:
    slowest_ps = (motion.relaxation_ps if motion else None) or 0.0
    of = {
        "shears_faster_than_relaxation": flows[0].shear_rate_per_s * 1e-12 * slowest_ps > 1.0,
        "few_relaxations": shortest_ps < FEW_RELAXATIONS * slowest_ps,
        "finite_wavelength": size > SHORT_WAVE,
    }
    return tuple(flag for flag, holds in of.items() if holds)
