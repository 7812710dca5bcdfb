"""Strain the cell a little, in six ways and both directions, and record the stress that answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from polyomics.md.dynamics import Controls, Dynamics
from polyomics.md.engine import CONSTRAINT_TOLERANCE
from polyomics.md.recording import write_arrays
from polyomics.md.stage import STAGES, SegmentRequest, SegmentResult
from polyomics.md.stress import COMPONENTS, METER_STRAIN, stress_bar, stress_meter

if TYPE_CHECKING:
    import openmm

    from polyomics.cell.cell import Cell
    from polyomics.md.engine import Running
    from polyomics.md.state import PhaseState

Array = NDArray[np.float64]

UNSTRAINED = -1
"""Number that stands for no component in the file of an unstrained run."""
_USED_TO_SETTLE = 1.0 / 3.0
_RUNS_A_START = 1 + 2 * len(COMPONENTS)


@STAGES.register("strain")
class Strain(Dynamics):
    """Twelve strained runs and one that is not, all from one state of the cell; `n_starts` times.

    The first segment of a start settles the cell at constant pressure, brings the box to its mean edges over that
    time (a cell at the volume of one moment is under a pressure of hundreds of bar), and then runs without strain.
    Each of the twelve that follow starts from the end of the first, strains box and atoms at once, and runs at
    constant volume. All atoms move affinely and constrained bonds are then given their lengths back: to move whole
    molecules would leave the inside of long chains unstrained and press them against their neighbours. The end of a
    strained segment is the state it started from, so every start goes on from the unstrained run.

    Every segment writes `stress.NNNN.npz`: `time_ps` since straining, `stress_bar` (components xx, yy, zz, xy, xz, yz;
    tension positive), `component` (0 to 5, -1 unstrained), `strain` (signed; of shears the engineering one, γ), and
    `start`. A cell that would be smaller than twice the cut-off when strained leaves no stress and the reason in
    `refused`.
    """

    kind: Literal["strain"] = "strain"
    role: str = "strain"
    """What the stage is for."""
    temperature_k: float = Field(gt=0, le=3000)
    """Temperature [K]."""
    pressure_bar: float | None = Field(default=1.01325, ge=0, le=1e5)
    """Pressure the cell settles at [bar]; none: it keeps the box it comes with."""
    strain: float = Field(default=0.01, gt=0, le=0.05)
    """Size of the strains; beyond 0.05 glasses yield."""
    duration_ps: float = Field(gt=0, le=20_000)
    """Time of one run after straining [ps]."""
    relax_ps: float = Field(ge=0)
    """The part of it that relaxes and is not averaged [ps]."""
    settle_ps: float = Field(default=50.0, ge=0, le=20_000)
    """Time at constant pressure before the runs of a start [ps]."""
    stress_ps: float = Field(default=0.5, gt=0)
    """Time between stresses [ps]; one costs as much as 14 to 20 steps on a CPU."""
    n_starts: int = Field(default=1, ge=1, le=100)
    """From how many states of the cell it is done."""

    @model_validator(mode="after")
    def _something_is_averaged(self) -> Self:
        if not self.relax_ps + self.stress_ps <= self.duration_ps:
            raise ValueError(
                f"of duration_ps = {self.duration_ps:g}, relax_ps = {self.relax_ps:g} relax, which leaves less than "
                f"the {self.stress_ps:g} ps between two stresses; run longer or relax less"
            )
        return self

    @property
    def simulated_ps(self) -> float:
        """Simulated time of all runs [ps]."""
        return self.n_starts * (self._settle_ps + _RUNS_A_START * self.duration_ps)

    @property
    def n_steps(self) -> int:
        """Integration steps at the nominal time step."""
        a_run = self._n_samples * self._steps_in(self.stress_ps, 1.0)
        return self.n_starts * (self._n_settling * self._steps_in(self.control_ps, 1.0) + _RUNS_A_START * a_run)

    @property
    def n_segments(self) -> int:
        """One a run."""
        return self.n_starts * _RUNS_A_START

    def controls_at(self, cell: Cell, start: PhaseState, fraction: float, extension: int = 0) -> Controls:
        """The same temperature throughout."""
        return Controls(self.temperature_k)

    def make_barostat(self, controls: Controls, seed: int) -> openmm.Force:
        """A barostat while the cell settles, and else one that only measures."""
        return stress_meter() if controls.pressure_bar is None else super().make_barostat(controls, seed)

    def run_segment(self, request: SegmentRequest) -> SegmentResult:
        """Settle and run without strain, or strain and run."""
        start, number = divmod(request.index, _RUNS_A_START)
        done_ps = start * self.simulated_ps / self.n_starts
        if number == 0:
            return self._run_without_strain(request, start, done_ps)
        component, sign = divmod(number - 1, 2)
        done_ps += self._settle_ps + number * self.duration_ps
        return self._run_strained(request, start, component, self.strain * (1 - 2 * sign), done_ps)

    def _run_without_strain(self, request: SegmentRequest, start: int, done_ps: float) -> SegmentResult:
        timestep_fs = self.timestep_fs * request.timestep_factor
        base = self._settled(request, timestep_fs, done_ps) if self._n_settling else request.start
        refusal = _refusal(base.box_nm, self.strain, request.engine.nonbonded.cutoff_nm)
        if refusal:
            return SegmentResult(base, 0, timestep_fs, details={"refused": refusal})
        seed = int(np.random.default_rng(request.seed).integers(2**62))
        request = replace(request, start=base, seed=seed)
        running = request.engine.start(self, request, Controls(self.temperature_k), timestep_fs)
        stress, n_steps = self._stresses_bar(request, running, timestep_fs, done_ps + self._settle_ps)
        path = self._write(request, stress, start=start, component=UNSTRAINED, strain=0.0)
        n_steps += self._n_settling * self._steps_in(self.control_ps, request.timestep_factor)
        return SegmentResult(self._state(running), n_steps, timestep_fs, (path,), running.details())

    def _settled(self, request: SegmentRequest, timestep_fs: float, done_ps: float) -> PhaseState:
        """The cell after some time at constant pressure, in a box with the mean edges of the later part of it."""
        running = request.engine.start(self, request, Controls(self.temperature_k, self.pressure_bar), timestep_fs)
        running.apply(Controls(self.temperature_k, self.pressure_bar))
        steps, edges = self._steps_in(self.control_ps, request.timestep_factor), []
        for block in range(1, self._n_settling + 1):
            running.step(steps)
            self._check(request, running, done_ps + block * self.control_ps)
            edges.append(running.positions_and_box_nm()[1])
        mean_nm = np.mean(edges[int(_USED_TO_SETTLE * len(edges)) :], axis=0)
        running.apply(Controls(self.temperature_k, box_nm=mean_nm))
        return self._state(running)

    def _run_strained(
        self, request: SegmentRequest, start: int, component: int, strain: float, done_ps: float
    ) -> SegmentResult:
        timestep_fs = self.timestep_fs * request.timestep_factor
        refusal = _refusal(request.start.box_nm, self.strain, request.engine.nonbonded.cutoff_nm)
        if refusal:
            return SegmentResult(request.start, 0, timestep_fs, details={"refused": refusal})
        running = request.engine.start(self, request, Controls(self.temperature_k), timestep_fs)
        deform(running.context, request.start, deformation(component, strain))
        stress, n_steps = self._stresses_bar(request, running, timestep_fs, done_ps)
        path = self._write(request, stress, start=start, component=component, strain=strain)
        return SegmentResult(request.start, n_steps, timestep_fs, (path,), running.details())

    def _stresses_bar(
        self, request: SegmentRequest, running: Running, timestep_fs: float, done_ps: float
    ) -> tuple[Array, int]:
        """Stress at equal intervals [bar], shape=(n_samples, 6), and how many steps that took."""
        running.apply(Controls(self.temperature_k))
        steps = self._steps_in(self.stress_ps, request.timestep_factor)
        at_once = self._steps_in(min(self.control_ps, self.stress_ps), request.timestep_factor)
        stress = np.empty((self._n_samples, len(COMPONENTS)))
        for sample in range(self._n_samples):
            for taken in range(0, steps, at_once):
                running.step(min(at_once, steps - taken))
                self._check(request, running, done_ps + sample * self.stress_ps + taken * timestep_fs * 1e-3)
            stress[sample] = stress_bar(running.context, running.barostat)
        return stress, self._n_samples * steps

    def _check(self, request: SegmentRequest, running: Running, time_ps: float) -> None:
        temperature_k, density_g_cm3 = running.glance()
        self._refuse_explosion(temperature_k, self.temperature_k, time_ps)
        request.on_progress(time_ps, density_g_cm3)

    def _state(self, running: Running) -> PhaseState:
        return replace(running.state(), hydrogen_mass_amu=self.hydrogen_mass_amu, temperature_k=self.temperature_k)

    def _write(self, request: SegmentRequest, stress: Array, **what: float) -> Path:
        time_ps = self.stress_ps * np.arange(1, len(stress) + 1)
        return write_arrays(request.path_of("stress"), time_ps=time_ps, stress_bar=stress, **what)

    @property
    def _settle_ps(self) -> float:
        return self._n_settling * self.control_ps

    @property
    def _n_settling(self) -> int:
        return 0 if self.pressure_bar is None else round(self.settle_ps / self.control_ps)

    @property
    def _n_samples(self) -> int:
        return max(1, round(self.duration_ps / self.stress_ps))

    def _steps_in(self, time_ps: float, timestep_factor: float) -> int:
        return max(1, round(time_ps * 1000.0 / (self.timestep_fs * timestep_factor)))


def deformation(component: int, strain: float) -> Array:
    """Deformation gradient of one strain, shape=(3, 3).

    A shear is the one that leaves the first edge of the box along x and the second in the xy plane, as OpenMM wants
    them; the symmetric one differs from it by a rotation, of which an isotropic stress knows nothing.

    Args:
        component: Its number in `COMPONENTS`.
        strain: Its size; of a shear the engineering strain γ, the change of the right angle.
    """
    gradient = np.eye(3)
    gradient[tuple("xyz".index(axis) for axis in COMPONENTS[component])] += strain
    return gradient


def deform(context: openmm.Context, state: PhaseState, gradient: Array) -> None:
    """Give the context the state with its box and all its atoms deformed, and its constraints kept.

    Args:
        context: A context; its velocities stay, but for the constraints.
        state: Where the deformation starts from.
        gradient: Deformation gradient, upper triangular, shape=(3, 3).
    """
    context.setPeriodicBoxVectors(*(np.diag(state.box_nm) @ gradient.T))
    context.setPositions(state.positions_nm @ gradient.T)
    context.applyConstraints(CONSTRAINT_TOLERANCE)
    context.applyVelocityConstraints(CONSTRAINT_TOLERANCE)


def _refusal(box_nm: Array, strain: float, cutoff_nm: float) -> str | None:
    """Why a box is too small to be strained, or none."""
    needed_nm = 2.0 * cutoff_nm / ((1.0 - strain) * (1.0 - METER_STRAIN))
    if box_nm.min() >= needed_nm:
        return None
    return (
        f"the shortest edge of the cell is {box_nm.min():.3f} nm; to strain it by {strain:g} with a cut-off of "
        f"{cutoff_nm:g} nm takes edges of at least {needed_nm:.3f} nm: take more or longer chains"
    )
