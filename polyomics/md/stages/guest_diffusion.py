"""Molecules of a gas put into the cell's cavities, and where they go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from polyomics.cell.guests import gas_model, places_for_guests_nm, with_guests
from polyomics.md.dynamics import Controls, Dynamics
from polyomics.md.recording import Recorder, write_arrays
from polyomics.md.stage import STAGES, SegmentRequest, SegmentResult
from polyomics.md.state import PhaseState
from polyomics.units import GAS_CONSTANT_KJ_MOL_K

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.forcefield.gases import GasModel

Array = NDArray[np.float64]

RELAXING_FRICTION_PER_PS = 5.0
"""Friction while the cell makes room for its guests [1/ps]; it carries the heat of that away."""


@STAGES.register("guest_diffusion")
class GuestDiffusion(Dynamics):
    """A few rigid gas molecules in the moving polymer; the centres of mass of all molecules saved often.

    The first segment puts the guests into cavities, at places drawn by their Boltzmann weights, and lets the cell
    relax around them. Then, and in every further segment, `paths.NNNN.npz` gets time [ps], box [nm], centres of mass
    [nm] and masses [amu] of all molecules, those of the polymer first: the guests move relative to it. No frames are
    stored. Friction is low, since it slows diffusion: D is too small by a part D m γ / kT.
    """

    kind: Literal["guest_diffusion"] = "guest_diffusion"
    role: str = "guest_diffusion"
    """What the stage is for."""
    gas: str
    """Which gas: he, h2, co2, n2, o2, ch4 or h2o."""
    n_guests: int = Field(default=6, ge=1, le=1000)
    """Number of guest molecules; few enough that they do not see each other."""
    temperature_k: float = Field(gt=0, le=3000)
    """Temperature [K]."""
    pressure_bar: float | None = Field(default=None, ge=0, le=1e5)
    """Pressure [bar]; none holds the volume."""
    friction_per_ps: float = Field(default=0.1, gt=0, le=1000)
    """Langevin friction [1/ps]."""
    relax_ps: float = Field(default=10.0, ge=0)
    """Time in which the cell makes room for the guests, before anything is saved [ps]."""
    record_ps: float = Field(default=0.4, gt=0)
    """Time between saved centres of mass [ps], in multiples of `control_ps`."""

    @field_validator("gas")
    @classmethod
    def _is_known(cls, value: str) -> str:
        gas_model(value)
        return value

    @property
    def n_steps(self) -> int:
        """Integration steps at the nominal time step, those that relax included."""
        return super().n_steps + round(1000.0 * self.relax_ps / self.timestep_fs)

    def controls_at(self, cell: Cell, start: PhaseState, fraction: float, extension: int = 0) -> Controls:
        """The same temperature and pressure throughout."""
        return Controls(self.temperature_k, self.pressure_bar)

    def run_segment(self, request: SegmentRequest) -> SegmentResult:
        """Put the guests in if they are not, step, save where all molecules are."""
        gas = gas_model(self.gas)
        is_first = request.index == 0
        request = self._with_guests_placed(request, gas) if is_first else self._with_guests(request, gas)
        timestep_fs = self.timestep_fs * request.timestep_factor
        steps = self._steps_per_block(request.timestep_factor)
        controls = self._controls(request, 0)
        running = request.engine.start(self, request, controls, timestep_fs)
        running.apply(controls)
        n_relaxing = round(self.relax_ps / self.control_ps) if is_first else 0
        running.integrator.setFriction(RELAXING_FRICTION_PER_PS)
        for _ in range(n_relaxing):
            running.step(steps)
            temperature_k, density_g_cm3 = running.glance()
            self._refuse_explosion(temperature_k, self.temperature_k, 0.0)
            request.on_progress(0.0, density_g_cm3)
        running.integrator.setFriction(self.friction_per_ps)
        first, blocks = self._first_block_of(request.index), self._blocks_in(request.index)
        paths = _Paths(request.cell)
        with Recorder(request, self.report_ps) as recorder:
            for block in range(first + 1, first + blocks + 1):
                running.step(steps)
                self._look(request, running, recorder, block, controls)
                if self._is_due(block, self.record_ps):
                    paths.add(block * self.control_ps, *running.positions_and_box_nm())
        end = replace(running.state(), hydrogen_mass_amu=self.hydrogen_mass_amu, temperature_k=self.temperature_k)
        files = (*recorder.files, *([paths.write(request.path_of("paths"))] if paths.times_ps else []))
        return SegmentResult(end, (n_relaxing + blocks) * steps, timestep_fs, files, running.details())

    def _with_guests_placed(self, request: SegmentRequest, gas: GasModel) -> SegmentRequest:
        """The request for a cell with guests, from one without."""
        start = request.start
        rng = np.random.default_rng([request.seed, 1])
        guests_nm = places_for_guests_nm(
            request.cell,
            gas,
            self.n_guests,
            positions_nm=start.positions_nm,
            box_nm=start.box_nm,
            cutoff_nm=request.engine.nonbonded.cutoff_nm,
            temperature_k=self.temperature_k,
            seed=int(rng.integers(2**31)),
        )
        velocities = start.velocities_nm_ps
        if velocities is not None:
            velocities = np.concatenate([velocities, self._velocities(gas, guests_nm.shape[1], rng)])
        positions = np.concatenate([start.positions_nm, guests_nm.reshape(-1, 3)])
        start = replace(start, positions_nm=positions, velocities_nm_ps=velocities)
        return self._inside(request, with_guests(request.cell, gas, guests_nm), start)

    def _with_guests(self, request: SegmentRequest, gas: GasModel) -> SegmentRequest:
        """The request for the cell that the segment before left, whose guests are in the state already."""
        guests_nm = request.start.positions_nm[request.cell.n_atoms :].reshape(self.n_guests, -1, 3)
        return self._inside(request, with_guests(request.cell, gas, guests_nm), request.start)

    def _inside(self, request: SegmentRequest, cell: Cell, start: PhaseState) -> SegmentRequest:
        return replace(request, cell=cell, engine=request.engine.of(cell), start=start)

    def _velocities(self, gas: GasModel, n_particles: int, rng: np.random.Generator) -> Array:
        """Thermal velocities of whole guests, which do not turn yet [nm/ps], shape=(n_guests * n_particles, 3)."""
        width = np.sqrt(GAS_CONSTANT_KJ_MOL_K * self.temperature_k / gas.mass_amu)
        return np.repeat(rng.normal(scale=width, size=(self.n_guests, 3)), n_particles, axis=0)


class _Paths:
    """Centres of mass of the molecules of a cell, gathered in time."""

    def __init__(self, cell: Cell) -> None:
        self.times_ps: list[float] = []
        self._boxes_nm: list[Array] = []
        self._centres_nm: list[Array] = []
        self._starts = np.flatnonzero(np.diff(cell.molecule_of_atom, prepend=-1))
        self._weights = cell.masses_amu[:, None]
        self._masses_amu = np.add.reduceat(cell.masses_amu, self._starts)

    def add(self, time_ps: float, positions_nm: Array, box_nm: Array) -> None:
        """One moment."""
        sums = np.add.reduceat(self._weights * positions_nm, self._starts, axis=0)
        self.times_ps.append(time_ps)
        self._boxes_nm.append(box_nm)
        self._centres_nm.append(sums / self._masses_amu[:, None])

    def write(self, path: Path) -> Path:
        """All moments, in a file."""
        return write_arrays(
            path,
            time_ps=np.array(self.times_ps),
            box_nm=np.array(self._boxes_nm),
            centres_nm=np.array(self._centres_nm),
            masses_amu=self._masses_amu,
        )
