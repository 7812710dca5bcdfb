"""Heat driven through the cell, repeated along z, from a hot slab to a cold one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from openmm import unit
from pydantic import Field, model_validator

from polyomics.cell.replication import repeated, repeated_positions_nm
from polyomics.md.dynamics import Controls, Dynamics
from polyomics.md.heat_exchange import Slabs, at_rest
from polyomics.md.recording import Recorder, write_arrays
from polyomics.md.stage import STAGES, SegmentRequest, SegmentResult
from polyomics.md.stages.npt import Npt
from polyomics.md.stages.nvt import Nvt
from polyomics.units import GAS_CONSTANT_KJ_MOL_K

if TYPE_CHECKING:
    import openmm

    from polyomics.cell.cell import Cell
    from polyomics.md.engine import Running
    from polyomics.md.state import PhaseState

LARGEST_PART = 0.3
"""Largest difference of temperature between the slabs, over their mean: response is no longer linear beyond."""
THINNEST_SLAB_NM = 0.18
"""Thinner slabs [nm] are thinner than the group of atoms that is counted as one."""
_SETTLING_FRICTION_PER_PS = 2.0


@STAGES.register("heat_flow")
class HeatFlow(Dynamics):
    """Non-equilibrium dynamics at constant volume: two slabs are held at two temperatures, all else moves freely.

    The cell is repeated along z, settled with a thermostat, first at constant pressure if there is one, whose mean box
    is kept. Then slab 0 is driven to the mean temperature and half the difference, the slab half a box away to the
    mean less half the difference, by rescaling of velocities every `control_ps` (`md.heat_exchange`); between these
    the cell is stepped by Verlet's method without any thermostat. That takes positions and velocities to the host once
    every `control_ps`, where the temperature profile is measured on them too.

    Masses are real: repartitioned ones conduct otherwise. Every segment leaves `heat.NNNN.npz`, a row for every
    exchange: `time_ps` (n,), `kinetic_energy_kj_mol` and `degrees_of_freedom` (n, n_slabs) before it, `hot_kj_mol` and
    `cold_kj_mol` (n,) given to the two slabs. The table has the energy of the cell, by which the balance is judged.
    A cell that is too short is not run: the note `refused` of the segments says why.
    """

    kind: Literal["heat_flow"] = "heat_flow"
    role: str = "heat_flow"
    """What the stage is for."""
    temperature_k: float = Field(gt=0, le=3000)
    """Mean temperature of the two slabs [K]."""
    temperature_difference_k: float = Field(ge=0)
    """Temperature of the hot slab less that of the cold one [K], at most 30 % of the mean."""
    pressure_bar: float | None = Field(default=None, ge=0, le=1e5)
    """Pressure whose mean volume is taken [bar]; none keeps the volume of the start."""
    n_copies: int = Field(default=3, ge=1, le=20)
    """How many times the cell is repeated along z."""
    n_slabs: int = Field(default=20, ge=12, le=200)
    """Number of slabs, even; the first and the one in the middle are hot and cold."""
    settle_ps: float = Field(default=50.0, gt=0)
    """Time to settle before heat flows [ps]: at constant pressure if there is one, then half as long at constant
    volume."""
    coupling_ps: float = Field(default=0.2, gt=0)
    """Time in which a slab alone would come to its temperature [ps]."""
    timestep_fs: float = Field(default=1.0, gt=0, le=5.0)
    """Integration time step [fs]."""
    hydrogen_mass_amu: float = Field(default=1.0, ge=1.0, le=1.0)
    """Hydrogens keep their mass; the field says so."""
    control_ps: float = Field(default=0.2, gt=0)
    """Time between exchanges of heat, and between samples of the profile [ps]."""

    @model_validator(mode="after")
    def _are_two_slabs_and_a_small_difference(self) -> Self:
        largest = LARGEST_PART * self.temperature_k
        if self.temperature_difference_k > largest:
            raise ValueError(
                f"a temperature difference of {self.temperature_difference_k:g} K at {self.temperature_k:g} K is out "
                f"of linear response; take at most {largest:.0f} K"
            )
        if self.n_slabs % 2:
            raise ValueError(f"{self.n_slabs} slabs have no middle; take an even number")
        return self

    @property
    def n_cells(self) -> int:
        """Copies of the cell."""
        return self.n_copies

    @property
    def n_steps(self) -> int:
        """Integration steps at the nominal time step, those that settle included."""
        return super().n_steps + round(1000.0 * self._settling_ps / self.timestep_fs)

    @property
    def _settling_ps(self) -> float:
        return self.settle_ps * (1.0 if self.pressure_bar is None else 1.5)

    def controls_at(self, cell: Cell, start: PhaseState, fraction: float, extension: int = 0) -> Controls:
        """The mean temperature throughout."""
        return Controls(self.temperature_k)

    def make_integrator(self, controls: Controls, timestep_fs: float, seed: int) -> openmm.Integrator:
        """Verlet's leapfrog: no thermostat."""
        import openmm

        from polyomics.md.engine import CONSTRAINT_TOLERANCE

        integrator = openmm.VerletIntegrator(timestep_fs * 1e-3)
        integrator.setConstraintTolerance(CONSTRAINT_TOLERANCE)
        return integrator

    def why_not(self, box_nm: NDArray[np.float64]) -> str | None:
        """Why a cell of this box cannot be run, with the size needed; none where it can.

        Args:
            box_nm: Edges of the box, not repeated [nm], shape=(3,).
        """
        thickness_nm = float(box_nm[2]) * self.n_copies / self.n_slabs
        if thickness_nm >= THINNEST_SLAB_NM:
            return None
        needed_nm = THINNEST_SLAB_NM * self.n_slabs / self.n_copies
        most = int(box_nm[2] * self.n_copies / THINNEST_SLAB_NM) // 2 * 2
        fewer = f" or at most {most} slabs" if most >= 12 else ""
        return (
            f"{self.n_slabs} slabs in {self.n_copies} cell(s) of {box_nm[2]:.2f} nm are {thickness_nm:.2f} nm thin, "
            f"and groups of atoms are as large; take a cell of at least {needed_nm:.2f} nm, more n_copies{fewer}"
        )

    def run_segment(self, request: SegmentRequest) -> SegmentResult:
        """Repeat the cell and settle it in the first segment; then drive heat through it."""
        timestep_fs = self.timestep_fs * request.timestep_factor
        why_not = self.why_not(request.engine.stage_start.box_nm)
        if why_not is not None:
            return SegmentResult(request.start, 0, timestep_fs, (), {"refused": why_not, "wall_s": 0.0})
        cell = repeated(request.engine.cell, self.n_copies)
        larger = replace(request, cell=cell, engine=request.engine.of(cell))
        n_steps = 0
        if request.index == 0:
            larger = replace(larger, start=self._repeated(request.start))
            larger, n_steps = self._settled(larger, timestep_fs)
        return self._driven(larger, timestep_fs, n_steps)

    def _repeated(self, start: PhaseState) -> PhaseState:
        """Copies of the positions, velocities to be drawn: with equal ones the copies would stay copies."""
        positions_nm = repeated_positions_nm(start.positions_nm, start.box_nm, self.n_copies)
        return replace(
            start,
            positions_nm=positions_nm,
            velocities_nm_ps=None,
            box_nm=start.box_nm * np.array([1.0, 1.0, self.n_copies]),
        )

    def _settled(self, request: SegmentRequest, timestep_fs: float) -> tuple[SegmentRequest, int]:
        """The same request from a settled start, and how many steps it took."""
        shared: dict[str, Any] = {
            "name": self.name,
            "temperature_k": self.temperature_k,
            "hydrogen_mass_amu": self.hydrogen_mass_amu,
            "friction_per_ps": _SETTLING_FRICTION_PER_PS,
        }
        steps = self._steps_per_block(request.timestep_factor)
        n_blocks = max(2, round(self.settle_ps / self.control_ps))
        n_done = 0
        if self.pressure_bar is not None:
            npt = Npt(**shared, duration_ps=self.settle_ps, pressure_bar=self.pressure_bar)
            running, boxes = self._free_run(npt, request, Controls(self.temperature_k, self.pressure_bar), n_blocks)
            volumes_nm3 = np.prod(boxes[len(boxes) // 2 :], axis=1)
            box_nm = boxes[-1] * (volumes_nm3.mean() / np.prod(boxes[-1])) ** (1.0 / 3.0)
            running.apply(Controls(self.temperature_k, box_nm=box_nm))
            request = replace(request, start=self._end(running))
            n_done, n_blocks = n_blocks, max(1, n_blocks // 2)
        nvt = Nvt(**shared, duration_ps=self.settle_ps)
        running, _ = self._free_run(nvt, request, Controls(self.temperature_k), n_blocks)
        return replace(request, start=self._end(running)), (n_done + n_blocks) * steps

    def _free_run(
        self, stage: Dynamics, request: SegmentRequest, controls: Controls, n_blocks: int
    ) -> tuple[Running, NDArray[np.float64]]:
        """Equilibrium dynamics, and the box after every block [nm], shape=(n_blocks, 3)."""
        running = request.engine.start(stage, request, controls, self.timestep_fs * request.timestep_factor)
        boxes = []
        for _ in range(n_blocks):
            running.step(self._steps_per_block(request.timestep_factor))
            temperature_k, density_g_cm3 = running.glance()
            self._refuse_explosion(temperature_k, self.temperature_k, 0.0)
            request.on_progress(0.0, density_g_cm3)
            boxes.append(np.array(running.positions_and_box_nm()[1]))
        return running, np.array(boxes)

    def _end(self, running: Running) -> PhaseState:
        state = running.state()
        return replace(state, hydrogen_mass_amu=self.hydrogen_mass_amu, temperature_k=self.temperature_k)

    def _driven(self, request: SegmentRequest, timestep_fs: float, n_settling: int) -> SegmentResult:
        first, n_blocks = self._first_block_of(request.index), self._blocks_in(request.index)
        running = request.engine.start(self, request, self.controls_at(request.cell, request.start, 0.0), timestep_fs)
        exchange = _Exchange(self, running, request)
        steps = self._steps_per_block(request.timestep_factor)
        with Recorder(request, self.report_ps) as recorder:
            for block in range(first + 1, first + n_blocks + 1):
                time_ps = block * self.control_ps
                running.step(steps)
                temperature_k = exchange.make(time_ps)
                self._refuse_explosion(temperature_k, self.temperature_k, time_ps)
                if self._is_due(block, self.report_ps):
                    row = running.thermo(time_ps)
                    recorder.add_row(row | running.terms(row["potential_energy_kj_mol"]))
                request.on_progress(time_ps, exchange.density_g_cm3)
            end = self._end(running)
        heat = write_arrays(request.path_of("heat"), **exchange.arrays())
        n_steps = n_settling + n_blocks * steps
        return SegmentResult(end, n_steps, timestep_fs, (*recorder.files, heat), running.details())


@dataclass
class _Exchange:
    """The two slabs of a running cell, and what they were given."""

    stage: HeatFlow
    running: Running
    request: SegmentRequest
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.slabs = Slabs.of(self.running.context.getSystem(), self.stage.n_slabs)
        self.edge_nm = float(self.request.start.box_nm[2])
        self.kept = float(np.exp(-self.stage.control_ps / self.stage.coupling_ps))
        self.rng = np.random.default_rng([self.request.seed, 1])
        self.density_g_cm3 = self.running.glance()[1]

    def make(self, time_ps: float) -> float:
        """Measure the profile, then exchange heat; returns the temperature of the cell before [K]."""
        state = self.running.context.getState(positions=True, velocities=True)
        positions_nm = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        velocities = state.getVelocities(asNumpy=True).value_in_unit(unit.nanometer / unit.picosecond)
        if not np.isfinite(velocities).all():
            return float("nan")
        velocities = at_rest(velocities, self.slabs.masses_amu)
        places = self.slabs.slab_of_group(positions_nm, self.edge_nm)
        kinetic, degrees = self.slabs.profile(velocities, places)
        given = [self._rescale(velocities, places, slab, sign) for slab, sign in ((0, 0.5), (len(kinetic) // 2, -0.5))]
        self.running.context.setVelocities(velocities)
        self.rows.append((time_ps, kinetic, degrees, *given))
        return float(2.0 * kinetic.sum() / (degrees.sum() * GAS_CONSTANT_KJ_MOL_K))

    def _rescale(
        self, velocities: NDArray[np.float64], places: NDArray[np.int64], slab: int, part_of_difference: float
    ) -> float:
        wanted_k = self.stage.temperature_k + part_of_difference * self.stage.temperature_difference_k
        return self.slabs.rescale(velocities, places, slab, wanted_k, self.kept, self.rng)

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """What the segment leaves."""
        names = ("time_ps", "kinetic_energy_kj_mol", "degrees_of_freedom", "hot_kj_mol", "cold_kj_mol")
        return dict(zip(names, map(np.array, zip(*self.rows, strict=True)), strict=True))
