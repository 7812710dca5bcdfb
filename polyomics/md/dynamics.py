"""The loop all stages with dynamics share: drive the controls, step, record."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from polyomics.md.recording import Recorder
from polyomics.md.stage import SegmentRequest, SegmentResult, Stage, Unstable

if TYPE_CHECKING:
    import openmm

    from polyomics.cell.cell import Cell
    from polyomics.md.engine import Running
    from polyomics.md.state import PhaseState


@dataclass(frozen=True)
class Controls:
    """What a stage holds the cell at, at one moment."""

    temperature_k: float
    pressure_bar: float | None = None
    """None: no barostat."""
    box_nm: NDArray[np.float64] | None = None
    """Edges to bring the box to [nm], shape=(3,); None: leave the box alone."""
    parameters: Mapping[str, float] = field(default_factory=dict)
    """Global parameters of forces the stage added."""


class Dynamics(Stage):
    """A stage that integrates Langevin dynamics (LangevinMiddle; DOI 10.1021/acs.jpca.9b02771).

    Hydrogens are constrained and their masses repartitioned, which allows 4 fs where forces are
    gentle. Velocities are carried over from the stage before if that had the same masses, and else drawn
    from Maxwell-Boltzmann.
    """

    role: str = "prepare"
    """What the stage is for: `sample` is what properties are measured on, `neighbour` the same cell at a
    neighbouring temperature, `melt` the melt that the shapes of chains are held against, `prepare` a step on
    the way. A kind of stage that leaves something else to measure brings a role of its own: `vibrations`, ..."""
    duration_ps: float = Field(gt=0, le=1e7)
    """Simulated time [ps]."""
    timestep_fs: float = Field(default=4.0, gt=0, le=5.0)
    """Integration time step [fs]."""
    friction_per_ps: float = Field(default=1.0, gt=0, le=1000)
    """Langevin friction [1/ps]."""
    hydrogen_mass_amu: float = Field(default=3.0, ge=1.0, le=4.0)
    """Mass of a hydrogen [amu]; the difference is taken from the atom it is bonded to."""
    segment_ps: float = Field(default=100.0, gt=0)
    """Time between checkpoints [ps]."""
    control_ps: float = Field(default=0.2, gt=0)
    """Time between updates of temperature, pressure and box, and between checks for an explosion [ps]."""
    report_ps: float = Field(default=1.0, gt=0)
    """Time between rows of the thermodynamic table [ps]."""
    frame_ps: float | None = Field(default=None, gt=0)
    """Time between stored frames [ps]; none stores no frames."""

    @property
    def simulated_ps(self) -> float:
        """Simulated time [ps]."""
        return self.duration_ps

    @property
    def n_steps(self) -> int:
        """Integration steps at the nominal time step."""
        return sum(self._blocks_in(i) for i in range(self.n_segments)) * self._steps_per_block(1.0)

    @property
    def n_segments(self) -> int:
        """Number of segments, each ended by a checkpoint."""
        return max(1, math.ceil(self._n_blocks / self._blocks_per_segment))

    @abc.abstractmethod
    def controls_at(self, cell: Cell, start: PhaseState, fraction: float, extension: int = 0) -> Controls:
        """Temperature, pressure and box at `fraction` (0 to 1) of the stage, or of one of its extensions.

        Args:
            cell: The cell.
            start: The state the stage began from.
            fraction: Part of the stage, or of the extension, that is over.
            extension: 0 in the stage itself, 1 in its first extension, ...
        """

    def modify_system(self, system: openmm.System, cell: Cell) -> None:
        """Change the forces for this stage; the default leaves them."""

    def make_integrator(self, controls: Controls, timestep_fs: float, seed: int) -> openmm.Integrator:
        """What steps the cell: Langevin dynamics here."""
        from polyomics.md.engine import langevin

        return langevin(controls.temperature_k, self.friction_per_ps, timestep_fs, seed)

    def make_barostat(self, controls: Controls, seed: int) -> openmm.Force:
        """What holds the pressure, or only measures it: isotropic moves of whole molecules here."""
        from polyomics.md.engine import make_barostat

        return make_barostat(controls.pressure_bar, controls.temperature_k, seed)

    def run_segment(self, request: SegmentRequest) -> SegmentResult:
        """Run one segment: for every control block, set the controls, step, check, record."""
        blocks = self._blocks_in(request.index)
        first = self._first_block_of(request.index)
        timestep_fs = self.timestep_fs * request.timestep_factor
        steps = self._steps_per_block(request.timestep_factor)
        controls = self._controls(request, first)
        running = request.engine.start(self, request, controls, timestep_fs)
        with Recorder(request, self.frame_ps or self.report_ps) as recorder:
            for block in range(first + 1, first + blocks + 1):
                controls = self._controls(request, block)
                running.apply(controls)
                running.step(steps)
                self._look(request, running, recorder, block, controls)
                if self.frame_ps is not None and self._is_due(block, self.frame_ps):
                    recorder.add_frame(block * self.control_ps, *running.positions_and_box_nm())
            end = replace(
                running.state(), hydrogen_mass_amu=self.hydrogen_mass_amu, temperature_k=controls.temperature_k
            )
        return SegmentResult(end, blocks * steps, timestep_fs, recorder.files, running.details())

    def _look(
        self, request: SegmentRequest, running: Running, recorder: Recorder, block: int, controls: Controls
    ) -> None:
        """Stop an explosion before it reaches numbers OpenMM crashes on; keep the row if one is due.

        Between rows only velocities are looked at: an energy costs as much as a step.
        """
        time_ps = block * self.control_ps
        temperature_k, density_g_cm3 = running.glance()
        self._refuse_explosion(temperature_k, controls.temperature_k, time_ps)
        if self._is_due(block, self.report_ps):
            row = running.thermo(time_ps)
            recorder.add_row(row | running.terms(row["potential_energy_kj_mol"]))
        request.on_progress(time_ps, density_g_cm3)

    def _refuse_explosion(self, temperature_k: float, wanted_k: float, time_ps: float) -> None:
        if not temperature_k < 3.0 * wanted_k + 1000.0:  # NaN too, and a NaN energy is in the velocities a step later
            raise Unstable(f"{temperature_k:.0f} K at {time_ps:g} ps of {self.name}")

    def _controls(self, request: SegmentRequest, block: int) -> Controls:
        extension = max(0, block - 1) // self._n_blocks
        fraction = block / self._n_blocks - extension
        return self.controls_at(request.cell, request.engine.stage_start, fraction, extension)

    def _is_due(self, block: int, interval_ps: float) -> bool:
        every = max(1, round(interval_ps / self.control_ps))
        return block % every == 0

    @property
    def _n_blocks(self) -> int:
        return max(1, round(self.duration_ps / self.control_ps))

    @property
    def _blocks_per_segment(self) -> int:
        return max(1, round(self.segment_ps / self.control_ps))

    def _blocks_in(self, segment: int) -> int:
        """Blocks of a segment; those from `n_segments` on are of extensions."""
        inside = segment % self.n_segments
        return min(self._blocks_per_segment, self._n_blocks - inside * self._blocks_per_segment)

    def _first_block_of(self, segment: int) -> int:
        extension, inside = divmod(segment, self.n_segments)
        return extension * self._n_blocks + inside * self._blocks_per_segment

    def _steps_per_block(self, timestep_factor: float) -> int:
        return max(1, round(self.control_ps * 1000.0 / (self.timestep_fs * timestep_factor)))
