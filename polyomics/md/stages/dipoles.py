"""A run at constant volume with the dipole of the cell recorded often: what dielectric relaxation is read from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from polyomics.md.dynamics import Controls, Dynamics
from polyomics.md.nose_hoover import bring_to_rest, nose_hoover
from polyomics.md.recording import Recorder, write_arrays
from polyomics.md.stage import STAGES, SegmentRequest, SegmentResult

if TYPE_CHECKING:
    import openmm

    from polyomics.cell.cell import Cell
    from polyomics.md.engine import Running
    from polyomics.md.state import PhaseState

_WHOLE_WITHIN = 1e-6


@STAGES.register("dipoles")
class Dipoles(Dynamics):
    """Real masses, constant volume, a thermostat without friction; the dipole of the cell every 20 fs.

    Langevin friction adds to the friction of the neighbours, 10 to 100 1/ps in a melt, and slows turning: 1/ps by some
    percent. Too weak a friction does not take away the heat that rounding and cut-offs make: with 0.01/ps water was 7 K
    too warm. A Nosé-Hoover chain on all velocities does, and causes no friction. The barostat is off, since its moves
    shift molecules. Hydrogens have their own mass, since repartitioned ones make hydroxyl and methyl groups turn over
    barriers more slowly. Where the masses of the stage before were other ones, velocities are drawn anew, which leaves
    the ensemble as it is. The centre of mass is brought to rest at the start of every segment.

    A segment leaves `dipoles.NNNN.npz`: `dipole_e_nm`, the sum over whole molecules [e nm], shape=(n, 3), at times
    `interval_ps` apart [ps], and `volume_nm3`. A record is the mean of two moments 10 fs apart. Records 20 fs apart
    would show a vibration of 52 THz, a carbonyl group, as one of 2 THz; the mean leaves 0.4 % of its power, and 96 % of
    that at 6 THz.
    """

    kind: Literal["dipoles"] = "dipoles"
    role: str = "dipoles"
    """What the stage is for."""
    temperature_k: float = Field(gt=0, le=3000)
    """Temperature [K]."""
    timestep_fs: float = Field(default=2.0, gt=0, le=5.0)
    """Integration time step [fs]."""
    friction_per_ps: float = Field(default=1.0, gt=0, le=1000)
    """Frequency of the thermostat [1/ps]; it makes the temperature swing and causes no friction."""
    hydrogen_mass_amu: float = Field(default=1.0, ge=1.0, le=4.0)
    """Mass of a hydrogen [amu]; the real one by default, so that groups turn as fast as they should."""
    record_fs: float = Field(default=20.0, gt=0, le=1000)
    """Time between recorded dipoles [fs], a whole part of `control_ps`."""
    n_averaged: int = Field(default=2, ge=1, le=100)
    """Moments, equally spaced and a whole number of time steps apart, that a record is the mean of."""

    @model_validator(mode="after")
    def _records_fit(self) -> Self:
        if not _is_whole(self.record_fs / (self.n_averaged * self.timestep_fs)):
            raise ValueError(
                f"record_fs = {self.record_fs:g} is no multiple of {self.n_averaged} times timestep_fs = "
                f"{self.timestep_fs:g}"
            )
        if not _is_whole(1000.0 * self.control_ps / self.record_fs):
            raise ValueError(f"control_ps = {self.control_ps:g} is no multiple of record_fs = {self.record_fs:g} fs")
        return self

    def controls_at(self, cell: Cell, start: PhaseState, fraction: float, extension: int = 0) -> Controls:
        """The same temperature throughout."""
        return Controls(self.temperature_k)

    def make_integrator(self, controls: Controls, timestep_fs: float, seed: int) -> openmm.Integrator:
        """Newton's equations with a Nosé-Hoover chain on all velocities."""
        return nose_hoover(controls.temperature_k, self.friction_per_ps, timestep_fs)

    def run_segment(self, request: SegmentRequest) -> SegmentResult:
        """Step, and add up charges times positions as often as asked."""
        blocks, first = self._blocks_in(request.index), self._first_block_of(request.index)
        timestep_fs = self.timestep_fs * request.timestep_factor
        every = round(self.record_fs / (self.n_averaged * timestep_fs))
        controls = Controls(self.temperature_k)
        running = request.engine.start(self, request, controls, timestep_fs)
        bring_to_rest(running.context)
        moments = []
        with Recorder(request, self.report_ps) as recorder:
            for block in range(first + 1, first + blocks + 1):
                moments.append(self._block_of_moments(request, running, every))
                self._look(request, running, recorder, block, controls)
            end = replace(
                running.state(), hydrogen_mass_amu=self.hydrogen_mass_amu, temperature_k=controls.temperature_k
            )
        path = request.path_of("dipoles")
        joined = np.concatenate(moments)
        write_arrays(
            path,
            dipole_e_nm=joined,
            interval_ps=1e-3 * self.record_fs,
            volume_nm3=float(np.prod(request.start.box_nm)),
        )
        n_steps = every * self.n_averaged * len(joined)
        return SegmentResult(end, n_steps, timestep_fs, (*recorder.files, path), running.details())

    def _block_of_moments(self, request: SegmentRequest, running: Running, every: int) -> NDArray[np.float64]:
        n_records = round(1000.0 * self.control_ps / self.record_fs)
        moments = np.empty((n_records * self.n_averaged, 3))
        for number in range(len(moments)):
            running.step(every)
            moments[number] = request.cell.charges_e @ running.positions_and_box_nm()[0]
        averaged: NDArray[np.float64] = moments.reshape(n_records, self.n_averaged, 3).mean(axis=1)
        return averaged


def _is_whole(ratio: float) -> bool:
    return round(ratio) >= 1 and abs(ratio - round(ratio)) <= _WHOLE_WITHIN * ratio
