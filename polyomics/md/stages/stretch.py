"""The box stretched along one axis at a constant rate while the other two edges are free to shrink."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import unit
from pydantic import Field, model_validator
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from polyomics.analysis.statistics import estimate_mean
from polyomics.md.dynamics import Controls, Dynamics
from polyomics.md.engine import masses_amu
from polyomics.md.recording import Recorder, write_arrays
from polyomics.md.stage import STAGES, SegmentRequest, SegmentResult
from polyomics.md.stress import stress_bar, stress_meter

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.md.engine import Running
    from polyomics.md.state import PhaseState

Array = NDArray[np.float64]

Axis = Literal["x", "y", "z"]
AXES: tuple[Axis, ...] = ("x", "y", "z")
LARGEST_STRAIN = 1.0
"""A cell of the size that is simulated has no meaning left when it is twice as long."""
NARROWEST = 1.02
"""Lateral edges over twice the cut-off at which a stretch ends: a Monte Carlo move is not to reach the cut-off."""

_TOO_NARROW = "twice the nonbonded cutoff"
_SAME_EDGE = 1e-9


@STAGES.register("stretch")
class Stretch(Dynamics):
    """Uniaxial tension: one edge grows linearly in time, the pressure holds the other two.

    Every `control_ps` the box grows a little along the axis, and all **atoms** move with it affinely, those held
    together by constraints as one. Moving whole molecules as rigid bodies instead, as barostats do, would shift a chain
    against its neighbours by the strain times the distance of their centres, far more than atoms in contact part in a
    solid. Velocities are those relative to the affine flow, and those of the centres are divided by the same factor:
    a canonical transformation, so that the energy changes by the work of the whole stress, kinetic part included.
    Scaling constrained atoms one by one would lose kT of work for every constraint.

    **Thermostat.** Langevin friction acts on these peculiar velocities, whose mean is zero, and so does not drag on the
    imposed flow, as it would if the flow were carried by the velocities. It damps what atoms do besides: with the
    default of 1/ps it is a small part of the friction between atoms in a dense polymer, of tens per ps. And it is
    enough to carry off the heat of plastic flow: at 1e10/s and 100 MPa that warms a polymer by 0.5 K/ps.

    **Sides.** The lateral edges make Monte Carlo moves of their own (`MonteCarloAnisotropicBarostat`, rigid molecules).
    Left to these alone they come too late at 1e10/s, so each increment already shrinks them as a Poisson's ratio of
    `expected_contraction` would, and the moves do the rest. Without a pressure they stay as they are, which is uniaxial
    strain instead of uniaxial stress.

    **Stress.** That of a molecular cell forgets itself in a tenth of a picosecond and swings back, so it is taken at
    every increment and averaged over a row: three normal components from the barostat that moves the sides, which take
    six energies, and once a row all six, which take twelve.

    Leaves `stress.NNNN.npz`, a row every `stress_ps`: means over the row of `time_ps`, `strain` (engineering, of the
    edge at the start of the stage), `stress_bar` (true stress, xx yy zz xy xz yz, tension positive, shape (n, 6); the
    shear components are of the end of the row), `box_nm` (n, 3) and `temperature_k`. A stretch whose sides come within
    reach of twice the cut-off ends there: the details of the segment say `stopped` and how wide the sides should have
    been (`needed_side_nm`), and later segments do nothing.
    """

    kind: Literal["stretch"] = "stretch"
    role: str = "stretch"
    """What the stage is for."""
    temperature_k: float = Field(gt=0, le=3000)
    """Temperature [K]."""
    pressure_bar: float | None = Field(default=1.01325, ge=0, le=1e5)
    """Pressure on the sides [bar]; none keeps the lateral edges."""
    axis: Axis = "z"
    """The edge that grows."""
    strain_rate_per_ns: float = Field(gt=0, le=100)
    """Rate of the engineering strain [1/ns]; 1/ns is 1e9/s."""
    control_ps: float = Field(default=0.1, gt=0)
    """Time between increments of the strain, each followed by a look at the stress [ps]."""
    stress_ps: float = Field(default=0.4, gt=0)
    """Time between rows of the table of stresses [ps]."""
    expected_contraction: float = Field(default=0.35, ge=0, le=0.5)
    """Poisson's ratio by which the sides follow at once; what is wrong about it the barostat makes good."""
    barostat_steps: int = Field(default=10, ge=1)
    """Steps between Monte Carlo moves of the sides; every other move is of one of the two edges."""

    @model_validator(mode="after")
    def _a_strain_that_makes_sense(self) -> Self:
        if self.largest_strain > LARGEST_STRAIN:
            raise ValueError(
                f"stretch {self.name!r} would reach a strain of {self.largest_strain:.3g} ({self.strain_rate_per_ns:g} "
                f"per ns for {self.duration_ps:g} ps), more than {LARGEST_STRAIN:g}; make it slower or shorter"
            )
        return self

    @property
    def largest_strain(self) -> float:
        """Engineering strain at the end."""
        return self.strain_rate_per_ns * self.duration_ps * 1e-3

    @property
    def strain_rate_per_s(self) -> float:
        """Rate of the engineering strain [1/s]."""
        return self.strain_rate_per_ns * 1e9

    def controls_at(self, cell: Cell, start: PhaseState, fraction: float, extension: int = 0) -> Controls:
        """The same temperature and lateral pressure throughout; the axis is driven apart from these."""
        return Controls(self.temperature_k, self.pressure_bar)

    def modify_system(self, system: openmm.System, cell: Cell) -> None:
        """Add what measures the stress."""
        system.addForce(stress_meter())

    def make_barostat(self, controls: Controls, seed: int) -> openmm.Force:
        """Moves of the two lateral edges; none without a pressure."""
        pressure = openmm.Vec3(1, 1, 1) * (controls.pressure_bar or 0.0)
        free = [axis != self.axis for axis in AXES]
        every = 0 if controls.pressure_bar is None else self.barostat_steps
        barostat = openmm.MonteCarloAnisotropicBarostat(pressure, controls.temperature_k, *free, every, True)
        barostat.setRandomNumberSeed(seed)
        return barostat

    def run_segment(self, request: SegmentRequest) -> SegmentResult:
        """Stretch a little, step, check, record; until the end of the segment or until the sides are too narrow."""
        first, blocks = self._first_block_of(request.index), self._blocks_in(request.index)
        if self._has_stopped(request, first):
            return SegmentResult(request.start, 0, self.timestep_fs, details={"stopped": True})
        timestep_fs = self.timestep_fs * request.timestep_factor
        steps = self._steps_per_block(request.timestep_factor)
        running = request.engine.start(self, request, self._controls(request, first), timestep_fs)
        running.apply(self._controls(request, first))
        rows, groups = _Rows(_meter(running)), _Groups.of(running.context.getSystem())
        with Recorder(request, self.report_ps) as recorder:
            for block in range(first + 1, first + blocks + 1):
                end = running.state()
                if not self._advance(request, running, groups, end, block, steps):
                    blocks = block - first - 1
                    break
                self._look(request, running, recorder, block, self._controls(request, block))
                self._keep(request, running, recorder, rows, block)
            else:
                end = running.state()
        end = replace(end, hydrogen_mass_amu=self.hydrogen_mass_amu, temperature_k=self.temperature_k)
        files = (*recorder.files, *rows.write(request.path_of("stress")))
        details = running.details() | self._lateral(rows)
        if blocks < self._blocks_in(request.index):
            details |= {"stopped": True, "needed_side_nm": self._needed_side_nm(request)}
        return SegmentResult(end, blocks * steps, timestep_fs, files, details)

    def _advance(
        self, request: SegmentRequest, running: Running, groups: _Groups, now: PhaseState, block: int, steps: int
    ) -> bool:
        """Stretch to the strain of a block and step; False where the sides are, or would become, too narrow."""
        sides = [edge for edge, axis in zip(now.box_nm, AXES, strict=True) if axis != self.axis]
        if min(sides) < NARROWEST * 2.0 * request.engine.nonbonded.cutoff_nm:
            return False
        try:
            self._stretch_to(running, groups, now, self._edge_nm(request, block))
            running.step(steps)
        except openmm.OpenMMException as error:
            if _TOO_NARROW in str(error):
                return False
            raise
        return True

    def _stretch_to(self, running: Running, groups: _Groups, now: PhaseState, edge_nm: float) -> None:
        """Bring the edge along the axis to its length, the sides, atoms and velocities with it."""
        context, axis = running.context, AXES.index(self.axis)
        longer = edge_nm / now.box_nm[axis]
        factors = np.full(3, 1.0 if self.pressure_bar is None else longer**-self.expected_contraction)
        factors[axis] = longer
        assert now.velocities_nm_ps is not None
        context.setPeriodicBoxVectors(*np.diag(now.box_nm * factors))
        context.setPositions(groups.scaled(now.positions_nm, factors))
        context.setVelocities(groups.scaled(now.velocities_nm_ps, 1.0 / factors))

    def _edge_nm(self, request: SegmentRequest, block: int) -> float:
        """Length of the edge along the axis after a block [nm]."""
        start_nm = float(request.engine.stage_start.box_nm[AXES.index(self.axis)])
        return start_nm * (1.0 + self._strain(block))

    def _strain(self, block: int) -> float:
        return self.strain_rate_per_ns * 1e-3 * block * self.control_ps

    def _has_stopped(self, request: SegmentRequest, first: int) -> bool:
        """Whether an earlier segment ended before its time, which the edge it left tells."""
        edge_nm = float(request.start.box_nm[AXES.index(self.axis)])
        return edge_nm < self._edge_nm(request, first) * (1.0 - _SAME_EDGE)

    def _needed_side_nm(self, request: SegmentRequest) -> float:
        """Lateral edges at the start that are still wide enough at the end, if the volume stays [nm]."""
        return float(NARROWEST * 2.0 * request.engine.nonbonded.cutoff_nm * (1.0 + self.largest_strain) ** 0.5)

    def _keep(self, request: SegmentRequest, running: Running, recorder: Recorder, rows: _Rows, block: int) -> None:
        time_ps = block * self.control_ps
        rows.look(running, time_ps, self._strain(block))
        if self._is_due(block, self.stress_ps):
            rows.add(running)
        if self.frame_ps is not None and self._is_due(block, self.frame_ps):
            recorder.add_frame(time_ps, *running.positions_and_box_nm())

    def _lateral(self, rows: _Rows) -> dict[str, Any]:
        """Mean stress on the sides in this segment and its error; it is to be minus the pressure."""
        sides = [index for index, axis in enumerate(AXES) if axis != self.axis]
        if not rows.means:
            return {}
        found = estimate_mean(rows.stress_bar[:, sides].mean(axis=1), discard_start=False)
        return {"lateral_stress_bar": found.mean, "lateral_stress_error_bar": found.stderr}


@dataclass(frozen=True, eq=False)
class _Groups:
    """Atoms held together by constraints; one without any is a group of its own."""

    of_atom: NDArray[np.int64]
    """Index of the group, shape=(n_atoms,)."""
    share: Array
    """Mass of the atom over that of its group, shape=(n_atoms,)."""

    @classmethod
    def of(cls, system: openmm.System) -> _Groups:
        """Find the groups of a system."""
        masses = masses_amu(system)
        pairs = [system.getConstraintParameters(index)[:2] for index in range(system.getNumConstraints())]
        first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        n = len(masses)
        joined = coo_array((np.ones(len(first)), (first, second)), shape=(n, n))
        labels = connected_components(joined, directed=False)[1].astype(np.int64)
        return cls(labels, masses / np.bincount(labels, masses)[labels])

    def scaled(self, vectors: Array, factors: Array) -> Array:
        """Vectors of atoms with the mean of each group scaled, shape=(n_atoms, 3)."""
        means = np.column_stack([np.bincount(self.of_atom, self.share * vectors[:, k]) for k in range(3)])
        moved: Array = vectors + (means * (factors - 1.0))[self.of_atom]
        return moved


@dataclass
class _Rows:
    """The table of stresses while it grows."""

    meter: openmm.MonteCarloFlexibleBarostat
    looks: list[Array] = field(default_factory=list)
    """Since the last row: time, strain, temperature, three edges, three normal stresses."""
    means: list[Array] = field(default_factory=list)
    """The same, averaged over each row."""
    shear_bar: list[Array] = field(default_factory=list)

    def look(self, running: Running, time_ps: float, strain: float) -> None:
        """Note the normal stress as it is now."""
        pressure_bar = running.barostat.computeCurrentPressure(running.context).value_in_unit(unit.bar)
        normal_bar = -np.array([pressure_bar[0], pressure_bar[1], pressure_bar[2]])
        self.looks.append(np.array([time_ps, strain, running.glance()[0], *_edges_nm(running), *normal_bar]))

    def add(self, running: Running) -> None:
        """End a row."""
        self.means.append(np.mean(self.looks, axis=0))
        self.shear_bar.append(stress_bar(running.context, self.meter)[3:])
        self.looks.clear()

    @property
    def stress_bar(self) -> Array:
        """Stress of every row [bar], shape=(n, 6)."""
        return np.column_stack([np.array(self.means)[:, 6:], np.array(self.shear_bar)])

    def write(self, path: Path) -> tuple[Path, ...]:
        """Write the rows, if there are any; returns the files."""
        if not self.means:
            return ()
        means = np.array(self.means)
        write_arrays(
            path,
            time_ps=means[:, 0],
            strain=means[:, 1],
            temperature_k=means[:, 2],
            box_nm=means[:, 3:6],
            stress_bar=self.stress_bar,
        )
        return (path,)


def _meter(running: Running) -> openmm.MonteCarloFlexibleBarostat:
    """The meter among the forces of a running system."""
    forces = running.context.getSystem().getForces()
    return next(force for force in forces if isinstance(force, openmm.MonteCarloFlexibleBarostat))


def _edges_nm(running: Running) -> Array:
    vectors = running.context.getState().getPeriodicBoxVectors(asNumpy=True).value_in_unit(unit.nanometer)
    return np.diag(vectors).astype(np.float64)
