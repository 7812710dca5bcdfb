"""A liquid sheared by a periodic acceleration: how fast it flows tells how viscous it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import openmm
from numpy.typing import NDArray
from pydantic import Field, model_validator

from polyomics.cell.replication import repeated, repeated_positions_nm
from polyomics.md.dynamics import Controls, Dynamics
from polyomics.md.engine import degrees_of_freedom
from polyomics.md.masses import repartitioned_masses_amu
from polyomics.md.nose_hoover import bring_to_rest, nose_hoover, refuse_fractions
from polyomics.md.periodic_perturbation import ACCELERATION, WAVE_NM, periodic_acceleration
from polyomics.md.recording import write_arrays
from polyomics.md.stage import STAGES, SegmentRequest, SegmentResult
from polyomics.md.state import PhaseState
from polyomics.units import GAS_CONSTANT_KJ_MOL_K

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.md.engine import Running

Array = NDArray[np.float64]

N_LAYERS = 32
"""Layers of the profile that is kept."""


@STAGES.register("shear_flow")
class ShearFlow(Dynamics):
    """Constant volume, an acceleration A cos(2πz/L) along x on every atom, and the profile of the velocity.

    The cell may be made longer first by copies of itself along z, which start with velocities of their own: the wave
    must be long against molecules. A Nosé-Hoover thermostat on all velocities takes the heat away; a single one, since
    the second of a chain would hold back the steady friction that heating takes. It takes momentum of the profile too,
    in proportion to the profile's part of the kinetic energy, which `analysis.shear_flow` puts right where it is small.
    The centre of mass is held at rest.

    A segment leaves `flow.NNNN.npz`: `time_ps`; `amplitude_nm_ps`, the profile's component along the acceleration, 2 Σ
    m v_x cos(kz) / Σ m; `quadrature_nm_ps`, the same with the sine, nought on average; `profile_nm_ps`, the mean
    velocity in 32 layers along z; `temperature_k` and `kinetic_energy_kj_mol` of all velocities; `acceleration_nm_ps2`;
    `wave_nm`; `density_kg_m3`; `mass_amu`.
    """

    kind: Literal["shear_flow"] = "shear_flow"
    role: str = "shear_flow"
    """What the stage is for."""
    temperature_k: float = Field(gt=0, le=3000)
    """Temperature [K]."""
    acceleration_nm_ps2: float = Field(ge=0, le=10)
    """Largest acceleration A [nm/ps²]."""
    n_copies: int = Field(default=1, ge=1, le=20)
    """How many cells follow each other along z."""
    timestep_fs: float = Field(default=2.0, gt=0, le=5.0)
    """Integration time step [fs]."""
    friction_per_ps: float = Field(default=1.0, gt=0, le=1000)
    """Frequency of the thermostat [1/ps]."""
    sample_fs: float = Field(default=100.0, gt=0, le=10000.0)
    """Time between samples of the profile [fs]."""

    @property
    def n_cells(self) -> int:
        """Copies of the cell."""
        return self.n_copies

    @model_validator(mode="after")
    def _samples_at_steps_and_looks_at_samples(self) -> Self:
        refuse_fractions(
            ("sample_fs by timestep_fs", self.sample_fs, self.timestep_fs),
            ("control_ps (in fs) by sample_fs", self.control_ps * 1000.0, self.sample_fs),
        )
        return self

    def controls_at(self, cell: Cell, start: PhaseState, fraction: float, extension: int = 0) -> Controls:
        """The same temperature and acceleration throughout."""
        wave_nm = float(start.box_nm[2]) * self.n_copies
        return Controls(self.temperature_k, parameters={ACCELERATION: self.acceleration_nm_ps2, WAVE_NM: wave_nm})

    def modify_system(self, system: openmm.System, cell: Cell) -> None:
        """Add the acceleration, and hold the centre of mass."""
        system.addForce(periodic_acceleration(repartitioned_masses_amu(cell, self.hydrogen_mass_amu)))
        system.addForce(openmm.CMMotionRemover(1))

    def make_integrator(self, controls: Controls, timestep_fs: float, seed: int) -> openmm.Integrator:
        """Newton's equations with one Nosé-Hoover thermostat on all velocities."""
        return nose_hoover(controls.temperature_k, self.friction_per_ps, timestep_fs, chain_length=1)

    def run_segment(self, request: SegmentRequest) -> SegmentResult:
        """Step, look at the profile, and every control block at the temperature."""
        blocks, first = self._blocks_in(request.index), self._first_block_of(request.index)
        timestep_fs = self.timestep_fs * request.timestep_factor
        per_block = round(self.control_ps * 1000.0 / self.sample_fs)
        steps = round(self.sample_fs / timestep_fs)
        controls = self.controls_at(request.cell, request.engine.stage_start, 0.0)
        longer = self._longer(request)
        running = longer.engine.start(self, longer, controls, timestep_fs)
        running.apply(controls)
        bring_to_rest(running.context)
        flow = _Flow(longer.cell.masses_amu, controls.parameters[WAVE_NM], blocks * per_block)
        temperatures = np.empty(blocks)
        n_degrees = degrees_of_freedom(running.context.getSystem())
        for number in range(blocks):
            for _ in range(per_block):
                running.step(steps)
                flow.add(running)
            time_ps = (first + number + 1) * self.control_ps
            temperatures[number], density_g_cm3 = running.glance()
            self._refuse_explosion(float(temperatures[number]), self.temperature_k, time_ps)
            request.on_progress(time_ps, density_g_cm3)
        path = write_arrays(
            request.path_of("flow"),
            time_ps=first * self.control_ps + np.arange(1, blocks * per_block + 1) * self.sample_fs * 1e-3,
            amplitude_nm_ps=flow.amplitudes,
            quadrature_nm_ps=flow.quadratures,
            profile_nm_ps=flow.profile_nm_ps(),
            temperature_k=temperatures,
            kinetic_energy_kj_mol=0.5 * n_degrees * GAS_CONSTANT_KJ_MOL_K * temperatures,
            acceleration_nm_ps2=self.acceleration_nm_ps2,
            wave_nm=controls.parameters[WAVE_NM],
            density_kg_m3=1000.0 * density_g_cm3,
            mass_amu=float(longer.cell.mass_amu),
        )
        end = replace(running.state(), hydrogen_mass_amu=self.hydrogen_mass_amu, temperature_k=self.temperature_k)
        return SegmentResult(end, blocks * per_block * steps, timestep_fs, (path,), running.details())

    def _longer(self, request: SegmentRequest) -> SegmentRequest:
        """The request for the cell with its copies; in the first segment they are made from where the stage starts."""
        if self.n_copies == 1:
            return request
        cell, start = repeated(request.cell, self.n_copies), request.start
        if len(start.positions_nm) != cell.n_atoms:
            positions_nm = repeated_positions_nm(start.positions_nm, start.box_nm, self.n_copies)
            start = PhaseState(positions_nm, None, start.box_nm * np.array([1.0, 1.0, self.n_copies]))
        return replace(request, cell=cell, engine=request.engine.of(cell), start=start)


class _Flow:
    """Collects the profile of the velocity along x over z."""

    def __init__(self, masses_amu: Array, wave_nm: float, n_samples: int) -> None:
        self._masses, self._wave_nm = masses_amu, wave_nm
        self.amplitudes, self.quadratures = np.empty(n_samples), np.empty(n_samples)
        self._n_seen = 0
        self._momentum, self._mass = np.zeros(N_LAYERS), np.zeros(N_LAYERS)

    def add(self, running: Running) -> None:
        """Look at the present state."""
        positions_nm, _ = running.positions_and_box_nm()
        momenta = self._masses * running.velocities_nm_ps()[:, 0]
        waves = positions_nm[:, 2] / self._wave_nm
        per_mass = 2.0 / float(self._masses.sum())
        self.amplitudes[self._n_seen] = per_mass * momenta @ np.cos(2.0 * np.pi * waves)
        self.quadratures[self._n_seen] = per_mass * momenta @ np.sin(2.0 * np.pi * waves)
        layer = (np.floor(waves * N_LAYERS).astype(np.int64)) % N_LAYERS
        self._momentum += np.bincount(layer, momenta, N_LAYERS)
        self._mass += np.bincount(layer, self._masses, N_LAYERS)
        self._n_seen += 1

    def profile_nm_ps(self) -> Array:
        """Mean velocity in the layers [nm/ps], shape=(32,)."""
        profile: Array = self._momentum / np.maximum(self._mass, 1e-300)
        return profile
