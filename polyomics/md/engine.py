"""OpenMM behind one door: which platform, how a context is made, how it is stepped."""

from __future__ import annotations

import copy
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import unit

from polyomics.errors import InvalidSettings
from polyomics.md.masses import repartitioned_masses_amu
from polyomics.md.pme import set_pme
from polyomics.md.stage import Unstable
from polyomics.md.state import PhaseState
from polyomics.units import GAS_CONSTANT_KJ_MOL_K, density_g_cm3

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.md.dynamics import Controls, Dynamics
    from polyomics.md.protocol import Nonbonded
    from polyomics.md.stage import SegmentRequest

PLATFORMS_BY_SPEED = ("CUDA", "HIP", "OpenCL", "CPU", "Reference")
"""Platforms in the order they are tried."""

LARGEST_START_FORCE_KJ_MOL_NM = 1e6
"""Force [kJ/mol/nm] on an atom above which a segment is not started; packed cells have up to 1e5 before minimisation,
melts 1e4."""

BONDED_GROUPS = {"bond": 1, "angle": 2, "torsion": 3}
"""Force groups of the bonded terms, as `forcefield.system` numbers them."""

CONSTRAINT_TOLERANCE = 1e-6
"""Relative error of constrained lengths."""

BAROSTAT_TEMPERATURES = (openmm.MonteCarloBarostat.Temperature(), openmm.MonteCarloAnisotropicBarostat.Temperature())
BAROSTAT_PRESSURES = (
    openmm.MonteCarloBarostat.Pressure(),
    openmm.MonteCarloAnisotropicBarostat.PressureX(),
    openmm.MonteCarloAnisotropicBarostat.PressureY(),
    openmm.MonteCarloAnisotropicBarostat.PressureZ(),
)
"""Names of the global parameters of barostats; the flexible one shares those of the isotropic one."""

BAROSTAT_INTERVAL_STEPS = 25
"""Steps between Monte Carlo volume moves (OpenMM's own default)."""


@dataclass(frozen=True)
class Hardware:
    """Where to run. Never part of a study's key: the same study may run anywhere."""

    platform: str | None = None
    """OpenMM platform; none takes the fastest that works."""
    threads: int | None = None
    """CPU threads; none takes all cores this process may use."""
    device: str | None = None
    """Index of the GPU; none leaves the choice to the driver (`CUDA_VISIBLE_DEVICES`)."""
    precision: str = "mixed"
    """Precision on GPUs: single, mixed or double."""


def available_platforms() -> list[str]:
    """Names of the OpenMM platforms that are installed, fastest first."""
    names = [openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())]
    return [name for name in PLATFORMS_BY_SPEED if name in names]


@dataclass
class Engine:
    """Makes running contexts for one cell on one piece of hardware."""

    cell: Cell
    nonbonded: Nonbonded
    hardware: Hardware = field(default_factory=Hardware)

    def __post_init__(self) -> None:
        self.stage_start = PhaseState(self.cell.positions_nm, None, self.cell.box_nm)
        """The state the present stage began from."""
        self.platform = choose_platform(self.hardware)

    def of(self, cell: Cell) -> Engine:
        """The same for another cell, one made larger or with guests in it."""
        other = copy.copy(self)
        other.cell = cell
        other.stage_start = PhaseState(cell.positions_nm, None, cell.box_nm)
        return other

    def system(self) -> openmm.System:
        """A fresh copy of the cell's forces with this protocol's cut-offs."""
        system = openmm.XmlSerializer.deserialize(self.cell.system_xml)
        set_pme(nonbonded_force(system), self.nonbonded, self.platform.getName())
        return system

    def context(
        self, system: openmm.System, integrator: openmm.Integrator, box_nm: NDArray[np.float64]
    ) -> openmm.Context:
        """A context of `system` on this engine's platform, with this box."""
        system.setDefaultPeriodicBoxVectors(*np.diag(box_nm))
        return openmm.Context(system, integrator, self.platform, self._properties())

    def start(self, stage: Dynamics, request: SegmentRequest, controls: Controls, timestep_fs: float) -> Running:
        """A context that stands at the start of a segment, ready to step."""
        system = self.system()
        stage.modify_system(system, self.cell)
        masses = repartitioned_masses_amu(self.cell, stage.hydrogen_mass_amu)
        for index, mass in enumerate(masses):
            system.setParticleMass(index, mass)
        seeds = np.random.default_rng(request.seed).integers(1, 2**31 - 1, size=3)
        barostat = stage.make_barostat(controls, int(seeds[0]))
        system.addForce(barostat)
        integrator = stage.make_integrator(controls, timestep_fs, int(seeds[1]))
        context = self.context(system, integrator, request.start.box_nm)
        context.setPositions(request.start.positions_nm)
        _refuse_overlaps(context)
        start = request.start
        if start.velocities_nm_ps is None or start.hydrogen_mass_amu != stage.hydrogen_mass_amu:
            context.setVelocitiesToTemperature(controls.temperature_k, int(seeds[2]))
        else:
            context.setVelocities(start.velocities_nm_ps)
        return Running(context, integrator, barostat, float(self.cell.mass_amu))

    def _properties(self) -> dict[str, str]:
        name = self.platform.getName()
        if name == "CPU":
            threads = self.hardware.threads or len(os.sched_getaffinity(0))
            return {"Threads": str(threads), "DeterministicForces": "true"}
        if name == "Reference":
            return {}
        properties = {"Precision": self.hardware.precision}
        if name == "CUDA":
            properties["DeterministicForces"] = "true"
        if self.hardware.device is not None:
            properties["DeviceIndex"] = self.hardware.device
        return properties


@dataclass
class Running:
    """A context in motion."""

    context: openmm.Context
    integrator: openmm.Integrator
    barostat: openmm.Force
    mass_amu: float

    def __post_init__(self) -> None:
        system = self.context.getSystem()
        self._degrees_of_freedom = degrees_of_freedom(system)
        self._masses_amu = masses_amu(system)
        self._controls: Controls | None = None
        self._parameters = frozenset(self.context.getParameters())
        self._started = time.perf_counter()

    def apply(self, controls: Controls) -> None:
        """Set temperature, pressure and box for the next steps; settings that stay are left alone."""
        if controls.box_nm is None and controls == self._controls:
            return
        self._controls = controls
        if hasattr(self.integrator, "setTemperature"):
            self.integrator.setTemperature(controls.temperature_k)
        self._set(BAROSTAT_TEMPERATURES, controls.temperature_k)
        if controls.pressure_bar is not None:
            self._set(BAROSTAT_PRESSURES, controls.pressure_bar)
        for name, value in controls.parameters.items():
            self.context.setParameter(name, value)
        if controls.box_nm is not None:
            self._scale_box(controls.box_nm)

    def _set(self, names: tuple[str, ...], value: float) -> None:
        for name in self._parameters.intersection(names):
            self.context.setParameter(name, value)

    def step(self, n_steps: int) -> None:
        """Integrate `n_steps`."""
        self.integrator.step(n_steps)

    def glance(self) -> tuple[float, float]:
        """Temperature of the velocities [K] and density [g/cm³]: what shows at no cost whether all is well."""
        state = self.context.getState(velocities=True)
        velocities = state.getVelocities(asNumpy=True).value_in_unit(unit.nanometer / unit.picosecond)
        kinetic = 0.5 * float(self._masses_amu @ np.square(velocities).sum(axis=1))
        temperature_k = 2.0 * kinetic / (self._degrees_of_freedom * GAS_CONSTANT_KJ_MOL_K)
        return temperature_k, density_g_cm3(self.mass_amu, float(np.prod(_box_nm(state))))

    def thermo(self, time_ps: float) -> dict[str, float]:
        """One row of the thermodynamic table."""
        state = self.context.getState(energy=True)
        kinetic = state.getKineticEnergy().value_in_unit(unit.kilojoule_per_mole)
        box = _box_nm(state)
        return {
            "time_ps": time_ps,
            "temperature_k": 2.0 * kinetic / (self._degrees_of_freedom * GAS_CONSTANT_KJ_MOL_K),
            "potential_energy_kj_mol": state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole),
            "kinetic_energy_kj_mol": kinetic,
            "box_x_nm": float(box[0]),
            "box_y_nm": float(box[1]),
            "box_z_nm": float(box[2]),
            "density_g_cm3": density_g_cm3(self.mass_amu, float(np.prod(box))),
        }

    def terms(self, potential_energy_kj_mol: float) -> dict[str, float]:
        """Parts of the potential energy, and the pressure, of which the mean over time is that of the barostat.

        The pressure is that of whole molecules, from the change of energy with volume (OpenMM's
        `computeCurrentPressure`), also where the volume is held.
        """
        row = {
            f"{name}_energy_kj_mol": self.context.getState(energy=True, groups={group})
            .getPotentialEnergy()
            .value_in_unit(unit.kilojoule_per_mole)
            for name, group in BONDED_GROUPS.items()
        }
        pressure = self.barostat.computeCurrentPressure(self.context)  # one number, three, or three and those of shear
        pressure_bar = np.atleast_1d(np.asarray(pressure.value_in_unit(unit.bar)))[:3].mean()
        return row | {
            "nonbonded_energy_kj_mol": potential_energy_kj_mol - sum(row.values()),
            "pressure_bar": float(pressure_bar),
        }

    def positions_and_box_nm(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Unwrapped positions [nm], shape=(n_atoms, 3), and box edges [nm], shape=(3,)."""
        state = self.context.getState(positions=True)
        return state.getPositions(asNumpy=True).value_in_unit(unit.nanometer), _box_nm(state)

    def velocities_nm_ps(self) -> NDArray[np.float64]:
        """Velocities [nm/ps], shape=(n_atoms, 3)."""
        velocities = self.context.getState(velocities=True).getVelocities(asNumpy=True)
        return np.asarray(velocities.value_in_unit(unit.nanometer / unit.picosecond))

    def state(self) -> PhaseState:
        """The phase-space point."""
        state = self.context.getState(positions=True, velocities=True)
        positions = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        velocities = state.getVelocities(asNumpy=True).value_in_unit(unit.nanometer / unit.picosecond)
        return PhaseState(positions, velocities, _box_nm(state))

    def details(self) -> dict[str, Any]:
        """What to note of a finished segment: wall time and platform."""
        return {
            "wall_s": round(time.perf_counter() - self._started, 3),
            "platform": self.context.getPlatform().getName(),
        }

    def _scale_box(self, box_nm: NDArray[np.float64]) -> None:
        positions, old = self.positions_and_box_nm()
        if np.array_equal(old, box_nm):
            return
        self.context.setPeriodicBoxVectors(*np.diag(box_nm))
        self.context.setPositions(positions * (box_nm / old))
        self.context.applyConstraints(1e-6)


def choose_platform(hardware: Hardware) -> openmm.Platform:
    """The platform asked for, or the fastest one on which a context can be made.

    Raises:
        InvalidSettings: The platform asked for is not installed or does not work here.
    """
    names = available_platforms()
    if hardware.platform is not None and hardware.platform not in names:
        raise InvalidSettings(
            f"OpenMM platform {hardware.platform!r} is not installed here; there are {', '.join(names)}"
        )
    for name in [hardware.platform] if hardware.platform else names:
        platform = openmm.Platform.getPlatform(name)
        try:
            _try_platform(platform)
        except openmm.OpenMMException as error:
            if hardware.platform:
                raise InvalidSettings(f"OpenMM platform {name} does not work here: {error}") from error
            continue
        return platform
    raise InvalidSettings("no OpenMM platform works here; reinstall the 'openmm' package")


def make_barostat(pressure_bar: float | None, temperature_k: float, seed: int) -> openmm.MonteCarloBarostat:
    """The barostat of all constant-pressure stages: Monte Carlo moves that keep molecules rigid.

    Without a pressure it makes no moves, and only measures the pressure.

    Scaling every atom instead (`setScaleMoleculesAsRigid(False)`) counts the constrained degrees of freedom
    in the ideal-gas term and so expands a cell with H-bond constraints; measured in `benchmarks/barostat.md`.
    """
    interval = 0 if pressure_bar is None else BAROSTAT_INTERVAL_STEPS
    barostat = openmm.MonteCarloBarostat(pressure_bar or 0.0, temperature_k, interval, True)
    barostat.setRandomNumberSeed(seed)
    return barostat


def langevin(temperature_k: float, friction_per_ps: float, timestep_fs: float, seed: int) -> openmm.Integrator:
    """Langevin dynamics with its own random numbers (LangevinMiddle; DOI 10.1021/acs.jpca.9b02771)."""
    integrator = openmm.LangevinMiddleIntegrator(temperature_k, friction_per_ps, timestep_fs * 1e-3)
    integrator.setRandomNumberSeed(seed)
    integrator.setConstraintTolerance(CONSTRAINT_TOLERANCE)
    return integrator


def nonbonded_force(system: openmm.System) -> openmm.NonbondedForce:
    """The one NonbondedForce of a system."""
    return next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))


def degrees_of_freedom(system: openmm.System) -> int:
    """Degrees of freedom that carry kinetic energy: three per massive particle less the constraints."""
    return 3 * int((masses_amu(system) > 0).sum()) - int(system.getNumConstraints())


def masses_amu(system: openmm.System) -> NDArray[np.float64]:
    """Masses of the particles [amu], shape=(n_particles,)."""
    masses = [system.getParticleMass(i).value_in_unit(unit.dalton) for i in range(system.getNumParticles())]
    return np.array(masses, dtype=np.float64)


def _refuse_overlaps(context: openmm.Context) -> None:
    """Raise Unstable for forces that only overlapping atoms have: stepping on can crash the platform itself."""
    forces = context.getState(forces=True).getForces(asNumpy=True)
    largest = float(np.abs(forces.value_in_unit(unit.kilojoule_per_mole / unit.nanometer)).max())
    if not largest < LARGEST_START_FORCE_KJ_MOL_NM:
        raise Unstable(f"atoms overlap: a force of {largest:.3g} kJ/mol/nm at the start")


def _box_nm(state: openmm.State) -> NDArray[np.float64]:
    vectors: NDArray[np.float64] = state.getPeriodicBoxVectors(asNumpy=True).value_in_unit(unit.nanometer)
    return np.diag(vectors).copy()


def _try_platform(platform: openmm.Platform) -> None:
    system = openmm.System()
    system.addParticle(1.0)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions([[0.0, 0.0, 0.0]])
    context.getState(energy=True)
