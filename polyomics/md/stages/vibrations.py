"""A short run with velocities saved often: the vibrational density of states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from polyomics.analysis.vibrations import density_of_states
from polyomics.md.dynamics import Controls, Dynamics
from polyomics.md.recording import write_arrays
from polyomics.md.stage import STAGES, SegmentRequest, SegmentResult

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.md.engine import Running
    from polyomics.md.state import PhaseState

_SETTLING_FRICTION_PER_PS = 5.0


@STAGES.register("vibrations")
class Vibrations(Dynamics):
    """Real masses, constant volume, no thermostat; one spectrum of velocities a segment.

    Every segment is one window: the cell is first brought to temperature with fresh friction, then runs freely
    while velocities are saved. Only the spectrum is kept, in `spectrum.NNNN.npz`: wave numbers [1/cm], modes
    per 1/cm, and the temperature of the window. Repartitioned hydrogen masses would shift the spectrum, so the
    masses are the real ones.
    """

    kind: Literal["vibrations"] = "vibrations"
    role: str = "vibrations"
    """What the stage is for."""
    temperature_k: float = Field(gt=0, le=3000)
    """Temperature [K]."""
    timestep_fs: float = Field(default=1.0, gt=0, le=2.0)
    """Integration time step [fs]."""
    hydrogen_mass_amu: float = Field(default=1.0, ge=1.0, le=1.0)
    """Hydrogens keep their mass; the field says so."""
    segment_ps: float = Field(default=4.0, gt=0.5)
    """Length of a window [ps]; the spectrum's resolution is 33 / this number [1/cm]."""
    settle_ps: float = Field(default=0.4, gt=0)
    """Time with a thermostat before every window [ps]."""
    sample_fs: float = Field(default=4.0, gt=0, le=5.0)
    """Time between saved velocities [fs]; 4 fs resolves up to 4,170 1/cm."""

    @property
    def n_steps(self) -> int:
        """Integration steps at the nominal time step, those that settle included."""
        return super().n_steps + self.n_segments * round(1000.0 * self.settle_ps / self.timestep_fs)

    def controls_at(self, cell: Cell, start: PhaseState, fraction: float, extension: int = 0) -> Controls:
        """The same temperature throughout."""
        return Controls(self.temperature_k)

    def run_segment(self, request: SegmentRequest) -> SegmentResult:
        """Settle, then save velocities and turn them into a spectrum."""
        timestep_fs = self.timestep_fs * request.timestep_factor
        every = max(1, round(self.sample_fs / timestep_fs))
        running = request.engine.start(self, request, Controls(self.temperature_k), timestep_fs)
        running.integrator.setFriction(_SETTLING_FRICTION_PER_PS)
        n_settling = round(1000.0 * self.settle_ps / timestep_fs)
        running.step(n_settling)
        running.integrator.setFriction(0.0)
        velocities = self._velocities(request, running, every, timestep_fs)
        system = running.context.getSystem()
        modes = 3 * request.cell.n_atoms - system.getNumConstraints()
        wave_numbers, density, temperature_k = density_of_states(
            velocities, request.cell.masses_amu, every * timestep_fs * 1e-3, modes
        )
        path = request.path_of("spectrum")
        write_arrays(path, wave_numbers_cm=wave_numbers, modes_per_cm=density, temperature_k=temperature_k, modes=modes)
        n_steps = n_settling + every * len(velocities)
        return SegmentResult(running.state(), n_steps, timestep_fs, (path,), running.details())

    def _velocities(self, request: SegmentRequest, running: Running, every: int, timestep_fs: float) -> np.ndarray:
        n_samples = round(self._blocks_in(request.index) * self.control_ps * 1000.0 / (every * timestep_fs))
        per_look = max(1, round(self.control_ps * 1000.0 / (every * timestep_fs)))
        velocities = np.empty((n_samples, request.cell.n_atoms, 3), dtype=np.float32)
        for sample in range(n_samples):
            running.step(every)
            velocities[sample] = running.velocities_nm_ps()
            if sample % per_look == 0:
                self._check(request, running, (request.index * self.segment_ps) + sample * every * timestep_fs * 1e-3)
        return velocities

    def _check(self, request: SegmentRequest, running: Running, time_ps: float) -> None:
        temperature_k, density_g_cm3 = running.glance()
        self._refuse_explosion(temperature_k, self.temperature_k, time_ps)
        request.on_progress(time_ps, density_g_cm3)
