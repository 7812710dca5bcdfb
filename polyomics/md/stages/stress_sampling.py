"""Constant volume and temperature with the shear stress saved often: what viscosity is made from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import openmm
from openmm import unit
from pydantic import Field, model_validator

from polyomics.md.dynamics import Controls, Dynamics
from polyomics.md.engine import degrees_of_freedom, masses_amu
from polyomics.md.nose_hoover import bring_to_rest, nose_hoover, refuse_fractions
from polyomics.md.recording import Recorder, write_arrays
from polyomics.md.shear_stress import ShearStressMeter
from polyomics.md.stage import STAGES, SegmentRequest, SegmentResult
from polyomics.units import GAS_CONSTANT_KJ_MOL_K

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.md.engine import Running
    from polyomics.md.state import PhaseState


@STAGES.register("stress_sampling")
class StressSampling(Dynamics):
    """The fluctuations of the shear stress at equilibrium, one piece of their record a segment.

    A Nosé-Hoover chain holds the temperature of the whole cell: it keeps momentum and damps no flow, so that the
    transport coefficients are those of Newton's dynamics, where Langevin friction of 1/ps makes liquids more viscous
    (Basconi & Shirts 2013, DOI 10.1021/ct400109a). Without any thermostat the energy of nanoseconds drifts with the
    time step; with one, the drift is heat that it takes away, and is written down. The centre of mass is brought to
    rest at the start of every segment.

    A segment leaves `stress.NNNN.npz`: `shear_stress_bar`, shape=(n_samples, 5), components as in `md.shear_stress`;
    `interval_ps`; `volume_nm3`; `temperature_k` of the velocities, averaged; `heat_drift_per_ps`, the energy that was
    gained by integration, over twice the kinetic energy and the time.
    """

    kind: Literal["stress_sampling"] = "stress_sampling"
    role: str = "stress_fluctuations"
    """What the stage is for."""
    temperature_k: float = Field(gt=0, le=3000)
    """Temperature [K]."""
    timestep_fs: float = Field(default=2.0, gt=0, le=5.0)
    """Integration time step [fs]."""
    friction_per_ps: float = Field(default=1.0, gt=0, le=1000)
    """Frequency of the thermostat [1/ps]; it makes the temperature swing and causes no friction."""
    segment_ps: float = Field(default=100.0, gt=0)
    """Length of a piece [ps]; correlations are known up to half of it."""
    sample_fs: float = Field(default=20.0, gt=0, le=500.0)
    """Time between samples of the stress [fs]; a sample costs as much as 8 to 10 steps."""

    @model_validator(mode="after")
    def _samples_at_steps_and_looks_at_samples(self) -> Self:
        refuse_fractions(
            ("sample_fs by timestep_fs", self.sample_fs, self.timestep_fs),
            ("control_ps (in fs) by sample_fs", self.control_ps * 1000.0, self.sample_fs),
        )
        return self

    def controls_at(self, cell: Cell, start: PhaseState, fraction: float, extension: int = 0) -> Controls:
        """The same temperature throughout."""
        return Controls(self.temperature_k)

    def make_integrator(self, controls: Controls, timestep_fs: float, seed: int) -> openmm.Integrator:
        """Newton's equations with a Nosé-Hoover chain on all velocities."""
        return nose_hoover(controls.temperature_k, self.friction_per_ps, timestep_fs)

    def run_segment(self, request: SegmentRequest) -> SegmentResult:
        """Step, look at the stress, and every control block at temperature, table and frames."""
        blocks, first = self._blocks_in(request.index), self._first_block_of(request.index)
        timestep_fs = self.timestep_fs * request.timestep_factor
        per_block = round(self.control_ps * 1000.0 / self.sample_fs)
        steps = round(self.sample_fs / timestep_fs)
        running = request.engine.start(self, request, Controls(self.temperature_k), timestep_fs)
        bring_to_rest(running.context)
        meter = ShearStressMeter(request.engine, masses_amu(running.context.getSystem()))
        gauge = _HeatGauge(running)
        stress, temperatures = np.empty((blocks * per_block, 5)), np.empty(blocks)
        controls = Controls(self.temperature_k)
        with Recorder(request, self.frame_ps or self.report_ps) as recorder:
            for number in range(blocks):
                for sample in range(number * per_block, (number + 1) * per_block):
                    running.step(steps)
                    now = running.state()
                    assert now.velocities_nm_ps is not None
                    stress[sample] = meter.stress_bar(now.positions_nm, now.velocities_nm_ps, now.box_nm)
                block = first + number + 1
                self._look(request, running, recorder, block, controls)
                temperatures[number] = running.glance()[0]
                if self.frame_ps is not None and self._is_due(block, self.frame_ps):
                    recorder.add_frame(block * self.control_ps, *running.positions_and_box_nm())
            end = replace(running.state(), hydrogen_mass_amu=self.hydrogen_mass_amu, temperature_k=self.temperature_k)
        path = write_arrays(
            request.path_of("stress"),
            shear_stress_bar=stress,
            interval_ps=self.sample_fs * 1e-3,
            volume_nm3=float(np.prod(end.box_nm)),
            temperature_k=float(temperatures.mean()),
            heat_drift_per_ps=gauge.drift_per_ps(blocks * self.control_ps),
        )
        n_steps = blocks * per_block * steps
        return SegmentResult(end, n_steps, timestep_fs, (*recorder.files, path), running.details())


class _HeatGauge:
    """Energy that integration adds to the cell and its heat bath, which Newton's equations would keep.

    The bath is at rest where a segment begins; asking OpenMM for its energy before the first step ends the process.
    """

    def __init__(self, running: Running) -> None:
        self._running = running
        self._before = self._energy_kj_mol()

    def drift_per_ps(self, time_ps: float) -> float:
        """Energy gained since the beginning, over twice the kinetic energy and the time [1/ps].

        That is the friction with which the thermostat takes it away.
        """
        bath = self._running.integrator.computeHeatBathEnergy().value_in_unit(unit.kilojoule_per_mole)
        gained = self._energy_kj_mol() + bath - self._before
        temperature_k, _ = self._running.glance()
        n_degrees = degrees_of_freedom(self._running.context.getSystem())
        return float(gained / (n_degrees * GAS_CONSTANT_KJ_MOL_K * temperature_k * time_ps))

    def _energy_kj_mol(self) -> float:
        state = self._running.context.getState(energy=True)
        energy = state.getPotentialEnergy() + state.getKineticEnergy()
        return float(energy.value_in_unit(unit.kilojoule_per_mole))
