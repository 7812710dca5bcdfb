"""What the properties of dissolved gases share: insertions into the sample, and the paths of guests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from polyomics.analysis.guest_energies import Surroundings
from polyomics.analysis.guest_motion import GuestMotion, displacements, guest_motion, paths_beside_polymer_nm
from polyomics.analysis.insertion import FrameInsertions, Widom, insert, widom
from polyomics.analysis.statistics import Estimate
from polyomics.cell.guests import GAS_FORMULAS, GAS_NAMES, atoms_of, gas_model, guest_of
from polyomics.errors import CorruptFile, InvalidSettings, NotEnoughData, OutOfReach
from polyomics.files import MANIFEST_FILE, read_json
from polyomics.properties._frames import spread_frames
from polyomics.properties.property import PROPERTIES, MeasurementContext, Property
from polyomics.records import Curve
from polyomics.simulation import Simulation
from polyomics.stage_output import StageOutput
from polyomics.trajectory import REPAIR
from polyomics.units import BAR_PER_ATM

ROLE = "guest_diffusion"
"""Role of the stages with guests."""

STANDARD_TEMPERATURE_K = 273.15
STANDARD_PRESSURE_BAR = BAR_PER_ATM
"""State in which cm3(STP) are counted: 0 °C and 1 atm, as in the permeation literature."""
BAR_IN_CMHG = 1e5 / 1333.22387415
BARRER = 1e-10
"""1 barrer = 1e-10 cm3(STP) cm / (cm2 s cmHg)."""
NM2_PS_IN_CM2_S = 1e-2
"""A diffusion coefficient of 1 nm²/ps in cm²/s."""

PLACES_PER_NM3 = 10_000.0
MOST_PLACES = 500_000
"""Places tried in a frame, over its volume, and at most."""
ENERGIES = 600
"""Exact energies in a frame; what frames differ by then outweighs what places differ by."""
MOST_FRAMES, FEWEST_FRAMES = 150, 20
"""Frames of small cells, and of the largest ones, which show more in one."""
_ATOM_FRAMES = 500_000
_UNEQUAL = 0.02


class GasProperty(Property):
    """A property of one gas in the cell."""

    gas: ClassVar[str]
    """Which gas."""
    also_needs: ClassVar[tuple[str, ...]] = (ROLE,)
    probe: ClassVar[str | None] = "gas_transport"
    sees_images: ClassVar[bool] = True

    @classmethod
    def check_stages(cls, sample: Mapping[str, object], stages: Sequence[Mapping[str, object]]) -> None:
        """Refuse a protocol without a stage for this gas."""
        super().check_stages(sample, stages)
        _refuse_other_gases(cls.name, cls.gas, [stage for stage in stages if stage.get("role") == ROLE])

    def output(self, simulation: Simulation) -> StageOutput:
        """The stage of this gas, the last one if there are several.

        Raises:
            InvalidSettings: There is none.
        """
        outputs = simulation.outputs(ROLE)
        _refuse_other_gases(self.name, self.gas, [output.stage for output in outputs])
        return [output for output in outputs if output.stage.get("gas") == self.gas][-1]


def _refuse_other_gases(name: str, gas: str, stages: Sequence[Mapping[str, object]]) -> None:
    there = [str(stage.get("gas")) for stage in stages]
    if gas not in there:
        raise InvalidSettings(
            f"{name} needs a stage of role {ROLE!r} with the gas {gas!r} in the protocol, which has "
            f"{', '.join(there) or 'none'}; ask for a higher effort, or add such a stage"
        )


def register_for_every_gas(base: type[GasProperty], what: str) -> None:
    """Register a property for every gas, `what_co2` and so on."""
    for gas, formula in GAS_FORMULAS.items():
        name = f"{what}_{gas}"
        fields = {"name": name, "gas": gas, "__module__": base.__module__, "__doc__": f"{formula}: {base.__doc__}"}
        PROPERTIES.register(name)(type(f"{base.__name__}{formula}", (base,), fields))


def at_stage(context: MeasurementContext, output: StageOutput) -> MeasurementContext:
    """The state of a stage."""
    state: dict[str, Any] = {
        name: output.stage[name] for name in ("temperature_k", "pressure_bar") if name in output.stage
    }
    return context.model_copy(update=state)


# -------------------------------------------------------------------- solubility


def insertions(simulation: Simulation, context: MeasurementContext, gas: str) -> tuple[list[FrameInsertions], Widom]:
    """Insertions of a gas into frames of the sample, and their average; done once.

    Random numbers depend on the gas and on the number of the frame only.

    Raises:
        OutOfReach: The gas fits nowhere.
        InvalidSettings: The cell is below twice the cut-off.
        NotEnoughData: A frame holds a value that is not finite, or there are no frames.
    """
    name = f"insertions of {gas} at {context.temperature_k} K"
    return simulation.once(name, lambda: _insertions(simulation, context.temperature_k, gas))


def _insertions(simulation: Simulation, temperature_k: float, gas: str) -> tuple[list[FrameInsertions], Widom]:
    guest = guest_of(gas_model(gas))
    atoms = simulation.once("atoms of the cell", lambda: atoms_of(simulation.cell))
    cutoff_nm = _cutoff_nm(simulation)
    frames = []
    most = int(np.clip(_ATOM_FRAMES // simulation.cell.n_atoms, FEWEST_FRAMES, MOST_FRAMES))
    for number, (positions_nm, box_nm) in enumerate(spread_frames(simulation.sample, most)):
        surroundings = Surroundings(positions_nm, box_nm, atoms, cutoff_nm)
        rng = np.random.default_rng([GAS_NAMES.index(gas), number])
        n_tried = min(MOST_PLACES, round(PLACES_PER_NM3 * surroundings.volume_nm3))
        frames.append(insert(surroundings, guest, n_tried, ENERGIES, temperature_k, rng))
    return frames, widom(frames, temperature_k)


def _cutoff_nm(simulation: Simulation) -> float:
    """Cut-off of the forces that the sample was made with [nm]."""
    path = simulation.sample.frame_files[0].parent / MANIFEST_FILE
    try:
        return float(read_json(path)["nonbonded"]["cutoff_nm"])
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFile(f"{path} does not say how forces were cut off; {REPAIR}") from error


def per_bar(temperature_k: float) -> float:
    """Solubility of an ideal gas in empty space [cm3(STP)/(cm3 bar)]: what exp(-μ_ex/kT) is multiplied with."""
    return STANDARD_TEMPERATURE_K / temperature_k / STANDARD_PRESSURE_BAR


def solubility(simulation: Simulation, context: MeasurementContext, gas: str) -> Estimate:
    """Solubility at infinite dilution [cm3(STP)/(cm3 bar)]."""
    return scaled(insertions(simulation, context, gas)[1].boltzmann, per_bar(context.temperature_k))


# -------------------------------------------------------------------- diffusion


@dataclass(frozen=True, eq=False)
class Guests:
    """How the guests of a stage moved."""

    motion: GuestMotion
    """What their paths say."""
    curves: tuple[Curve, ...]
    """Mean squared displacement, and the straight line."""


def guests(simulation: Simulation, output: StageOutput, owner: str) -> Guests:
    """How the guests of a stage moved; worked out once.

    Args:
        simulation: The simulation.
        output: The stage.
        owner: Name of the property that curves belong to.

    Raises:
        NotEnoughData: There are too few records.
    """
    return simulation.once(f"guests in {output.folder} for {owner}", lambda: _guests(output, owner))


def _guests(output: StageOutput, owner: str) -> Guests:
    parts = output.arrays("paths")
    if not parts:
        raise NotEnoughData(f"stage {output.stage.get('name')!r} recorded no guests; set a shorter record_ps")
    names = ("time_ps", "box_nm", "centres_nm")
    time_ps, box_nm, centres_nm = (np.concatenate([part[name] for part in parts]) for name in names)
    paths = paths_beside_polymer_nm(centres_nm, box_nm, parts[0]["masses_amu"], int(output.stage["n_guests"]))
    interval_ps = _interval_ps(time_ps)
    points = displacements(paths, interval_ps)
    errors = points.stderrs_nm2
    curve = Curve(
        name=f"guest_displacement_{output.stage['gas']}",
        property=owner,
        x_name="time [ps]",
        y_name="mean squared displacement [nm²]",
        x=tuple(points.times_ps.tolist()),
        y=tuple(points.means_nm2.tolist()),
        y_stderr=None if errors is None else tuple(errors.tolist()),
        kind="points",
        log=("x", "y"),
    )
    try:
        motion = guest_motion(paths, interval_ps)
    except NotEnoughData as error:
        raise NotEnoughData(str(error), curves=[curve]) from error
    fit: dict[str, Any] = {"name": f"{curve.name}_fit", "y_stderr": None, "kind": "line"}
    fit |= {"x": tuple(motion.fitted_ps.tolist()), "y": tuple(motion.fit_nm2.tolist())}
    return Guests(motion, (curve, curve.model_copy(update=fit)))


def _interval_ps(time_ps: np.ndarray) -> float:
    """Time between records [ps], which must be the same throughout."""
    steps = np.diff(time_ps)
    if not len(steps):
        raise NotEnoughData("one record shows no motion; simulate longer, or set a shorter record_ps")
    if np.ptp(steps) > _UNEQUAL * steps.mean():
        raise NotEnoughData(
            f"records are {steps.min():.4g} to {steps.max():.4g} ps apart; displacements need equally spaced records: "
            "make segment_ps a multiple of record_ps"
        )
    return float(steps.mean())


def diffusion(simulation: Simulation, output: StageOutput, owner: str) -> tuple[Estimate, tuple[Curve, ...]]:
    """Diffusion coefficient [cm²/s] and the curves behind it.

    Raises:
        OutOfReach: The motion is not, or not surely, diffusion; the curves come with the error.
        NotEnoughData: There are too few records.
    """
    found = guests(simulation, output, owner)
    if found.motion.trouble is not None:
        gas = GAS_FORMULAS[output.stage["gas"]]
        raise OutOfReach(f"{output.stage['n_guests']} guests of {gas}: {found.motion.trouble}", curves=found.curves)
    return scaled(found.motion.coefficient_nm2_ps, NM2_PS_IN_CM2_S), found.curves


# -------------------------------------------------------------------- both


def permeability(solubility: Estimate, diffusion: Estimate) -> Estimate:
    """Permeability P = S D [barrer] from S [cm3(STP)/(cm3 bar)] and D [cm²/s], errors combined.

    They come from different stages, so their errors are independent.
    """
    value = solubility.mean * diffusion.mean / BAR_IN_CMHG / BARRER
    stderr = None
    if solubility.stderr is not None and diffusion.stderr is not None:
        stderr = value * float(np.hypot(solubility.stderr / solubility.mean, diffusion.stderr / diffusion.mean))
    flags = tuple(dict.fromkeys(solubility.flags + diffusion.flags))
    n_independent = min(solubility.n_independent, diffusion.n_independent)
    return Estimate(value, stderr, n_independent, 1.0, 0, flags if stderr is not None or flags else ("few_samples",))


def scaled(estimate: Estimate, factor: float) -> Estimate:
    """The estimate in other units."""
    stderr = None if estimate.stderr is None else estimate.stderr * factor
    return replace(estimate, mean=estimate.mean * factor, stderr=stderr)
