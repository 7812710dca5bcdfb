"""Glass transition temperature from how segments turn."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.backbone import main_chains
from polyomics.analysis.glass_transition import RELAXING_FRACTION, holds_of
from polyomics.analysis.orientation import bends_nm, unit_vectors
from polyomics.analysis.segmental import Correlations, SegmentalTransition, correlations, segmental_transition
from polyomics.cell.cell import Cell
from polyomics.errors import NotEnoughData, NotIdentifiable
from polyomics.properties._glass_transition import TEMPERATURE, CoolingRun, cooling_runs, measurement_of
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.records import Curve
from polyomics.simulation import Simulation
from polyomics.trajectory import Trajectory

Array = NDArray[np.float64]

LEAST_BEND = 0.15
"""Bends shorter than this part of a bond, on average, are left out: bonds in line have no direction across."""
FEWEST_FRAMES = 8
"""Frames of the relaxed part of a hold that show how segments turn."""
_ROUNDING_NM = 1e-9
_N_CURVE = 200


@PROPERTIES.register("glass_transition_temperature_segmental")
class GlassTransitionTemperatureSegmental(Property):
    """Temperature below which segments of chains turn too slowly to follow the cooling, at the slowest rate [K].

    A third opinion on `glass_transition_temperature`, and one that small cells can give: hundreds of segments say how
    fast they turn, where one fluctuating volume says little, and only the melt is needed. At every temperature the
    correlation of directions across the main chain gives a relaxation time τ; a Vogel-Fulcher-Tammann law through them
    gives where τ is as long as the cooling takes for 17 K, which is what calorimetry finds at its rate: 100 s at
    10 K/min. Half the difference that two decades more or less of the law's attempt time make is part of the error.
    This is the transition at the rate simulated, of the motion that turns segments, where τ is some hundred
    picoseconds: 100 K and more above that of a calorimeter (`fast_cooling`), and above that of the volume where other
    motions go on below it. Flags besides: `not_linear`: the relaxation times leave the law by more than their errors,
    which the error bar counts; `few_points`: from three or four temperatures; `few_samples`: from fewer than ten blocks
    of segments.
    """

    name = "glass_transition_temperature_segmental"
    unit = "K"
    definition = "Temperature at which the segmental relaxation time is 16.7 K over the slowest cooling rate simulated."
    reference = "Angell 1995, DOI 10.1126/science.267.5206.1924 (100 s at 10 K/min)"
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = ("cooling",)
    probe: ClassVar[str | None] = "glass_transition"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        run = cooling_runs(simulation)[0]
        holds = holds_of_segments(simulation.cell, run)
        memory = self._memory(holds, run)
        try:
            found = segmental_transition(holds, run.rate_k_per_ns)
        except NotIdentifiable as error:
            raise NotIdentifiable(f"cooled at {run.rate_k_per_ns:.4g} K/ns, {error}", curves=[memory]) from error
        measured = measurement_of(self._measurement(found.estimate, context), run, None)
        return [measured, *self._times(found, run), memory]

    def _memory(self, holds: list[Correlations], run: CoolingRun) -> Curve:
        """What is left of the correlation after the longest lag, which says whether a window is too hot or too cold."""
        left = [one.blocks[:, -1] for one in sorted(holds, key=lambda one: one.temperature_k)]
        return Curve(
            name=f"segmental_memory_{run.label}",
            property=self.name,
            x_name=TEMPERATURE,
            y_name=f"correlation of directions after {holds[0].lags_ps[-1]:.0f} ps",
            x=tuple(sorted(one.temperature_k for one in holds)),
            y=tuple(float(one.mean()) for one in left),
            y_stderr=tuple(float(one.std(ddof=1) / np.sqrt(len(one))) if len(one) > 1 else 0.0 for one in left),
            kind="points",
        )

    def _times(self, found: SegmentalTransition, run: CoolingRun) -> list[Curve]:
        name = f"segmental_relaxation_{run.label}"
        place: dict[str, Any] = {
            "property": self.name,
            "x_name": TEMPERATURE,
            "y_name": "log10 of the relaxation time [ps]",
        }
        points = Curve(
            name=name,
            x=tuple(found.temperature_k.tolist()),
            y=tuple(np.log10(found.relaxation_ps).tolist()),
            y_stderr=tuple((found.log_stderr / np.log(10.0)).tolist()),
            kind="points",
            **place,
        )
        x = np.linspace(min(found.estimate.mean, found.temperature_k[0]), found.temperature_k[-1], _N_CURVE)
        law = np.log10(found.relaxation_at(x))
        return [points, Curve(name=f"{name}_law", x=tuple(x.tolist()), y=tuple(law.tolist()), **place)]


def holds_of_segments(cell: Cell, run: CoolingRun) -> list[Correlations]:
    """Correlations of every temperature, of the relaxed part of its hold.

    Raises:
        NotEnoughData: No frames, too few in a hold, or no main chain that bends.
    """
    trajectory = Trajectory(cell, run.output.stage, {}, tuple(run.output.files("frames")))
    directions, hold_of_frame = _directions(trajectory, float(run.output.stage["hold_ps"]))
    holds = []
    for number, temperature_k in zip(np.unique(run.hold_of_row), run.temperature_k, strict=True):
        mine = directions[hold_of_frame == number]
        relaxed = mine[int(RELAXING_FRACTION * len(mine)) :]
        if len(relaxed) < FEWEST_FRAMES:
            raise NotEnoughData(
                f"the hold at {temperature_k:.0f} K has {len(relaxed)} frames after {RELAXING_FRACTION:.0%} of it were "
                f"left out, {FEWEST_FRAMES} are needed: hold every temperature longer, or set a shorter frame_ps"
            )
        holds.append(correlations(float(temperature_k), relaxed, trajectory.frame_interval_ps))
    return holds


def _directions(trajectory: Trajectory, hold_ps: float) -> tuple[Array, NDArray[np.int64]]:
    """Directions across the main chains, shape=(n_frames, n_chains, n_vectors, 3), and the hold of every frame."""
    cell = trajectory.cell
    chains = main_chains(
        cell.bonds, cell.molecule_of_atom, cell.unit_of_atom, cell.template_atom, cell.atomic_numbers
    ).atoms
    found, holds, bent = [], [], None
    for frames in trajectory.chunks():
        positions = frames.positions_nm[:, chains]
        if not np.isfinite(positions).all():
            raise NotEnoughData(
                f"the cooling {trajectory.stage['name']!r} has positions that are not finite; the stage is damaged: "
                "delete its folder and run the study again"
            )
        bends = bends_nm(positions)
        if bent is None:
            bonds_nm = np.linalg.norm(np.diff(positions, axis=2), axis=-1).mean()
            bent = np.linalg.norm(bends, axis=-1).mean(axis=(0, 1)) > LEAST_BEND * bonds_nm
            if not bent.any():
                raise NotEnoughData("the main chain is straight, so that no direction across it shows how it turns")
        found.append(unit_vectors(bends[:, :, bent] + _ROUNDING_NM))  # frames round, and nought has no direction
        holds.append(holds_of(frames.time_ps, hold_ps))
    return np.concatenate(found), np.concatenate(holds)
