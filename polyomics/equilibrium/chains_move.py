"""Repeat units of the melt have moved by their own distance."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.displacement import unwrapped_nm
from polyomics.analysis.shape import centres_of_mass_nm
from polyomics.cell.cell import Cell
from polyomics.equilibrium._chains import refuse_damage, with_frames
from polyomics.equilibrium.criterion import CRITERIA, EquilibriumTest, State
from polyomics.errors import NotEnoughData
from polyomics.records import Criterion, Verdict
from polyomics.simulation import Simulation
from polyomics.trajectory import Trajectory

Array = NDArray[np.float64]


@CRITERIA.register("chains_move")
class ChainsMove(EquilibriumTest):
    """Root mean square displacement of repeat units over the melt, in nm, against the distance of neighbouring ones.

    A unit that has moved by less is still where packing put it, and chains whose units are have the shapes they were
    grown with. It is the least a melt must do: the shape of a whole chain takes far longer (Auhl et al. 2003,
    DOI 10.1063/1.1628670). Displacements are those of the centres of mass of units relative to that of the cell.
    """

    name: ClassVar[str] = "chains_move"
    unit: ClassVar[str] = "nm"
    definition: ClassVar[str] = "Displacement of repeat units over the melt against the distance of neighbouring ones."
    reference: ClassVar[str] = "Auhl et al. 2003, DOI 10.1063/1.1628670"
    is_essential: ClassVar[bool] = False
    sampling_helps: ClassVar[bool] = False

    def _judge(self, simulation: Simulation, state: State) -> Criterion:
        melt = with_frames(simulation.melt)
        moved = _displacement(melt)
        verdict: Verdict = "pass" if moved.distance_nm >= moved.unit_nm else "fail"
        message = (
            f"over {moved.time_ps:.4g} ps of melt repeat units moved by {moved.distance_nm:.2g} nm, where neighbouring "
            f"ones are {moved.unit_nm:.2g} nm apart"
        )
        return self._criterion(verdict, moved.distance_nm, moved.unit_nm, message)


def chains_move(melt: Trajectory) -> Criterion:
    """Whether the repeat units of a melt have moved by their own distance; unknown without frames."""
    return ChainsMove().judge(Simulation(melt, melt=melt), State(temperature_k=1.0, pressure_bar=0.0))


@dataclass(frozen=True)
class _Moved:
    distance_nm: float
    """Root mean square displacement of repeat units."""
    unit_nm: float
    """Root mean squared distance between neighbouring units of a chain."""
    time_ps: float


def _displacement(melt: Trajectory) -> _Moved:
    """From the first frame to the last.

    The barostat moves molecules back into the box, so the path of their centres is followed from frame to frame;
    the units are where they are relative to the centre of their molecule.
    """
    cell = melt.cell
    units = _Units(cell)
    centres, boxes, times = [], [], []
    ends: list[Array] = []
    for frames in melt.chunks():
        refuse_damage(frames)
        centres.append(centres_of_mass_nm(frames.positions_nm, cell.masses_amu, cell.molecule_of_atom))
        boxes.append(frames.box_nm)
        times.append(frames.time_ps)
        first = ends[:1] or [units.centres_nm(frames.positions_nm[0])]
        ends = [*first, units.centres_nm(frames.positions_nm[-1])]
    joined = np.concatenate(centres)
    time = np.concatenate(times)
    if len(joined) < 2:
        raise NotEnoughData("one frame of the melt does not show whether chains move; set a shorter frame_ps")
    paths = unwrapped_nm(joined, np.concatenate(boxes))
    inside = [units_nm - centre[:, None] for units_nm, centre in zip(ends, joined[[0, -1]], strict=True)]
    moved = (paths[-1] - paths[0])[:, None] + inside[1] - inside[0]
    moved -= moved.mean(axis=(0, 1))
    steps = np.diff(np.stack(ends), axis=2)
    return _Moved(
        float(np.sqrt((moved**2).sum(axis=-1).mean())),
        float(np.sqrt((steps**2).sum(axis=-1).mean())),
        float(time[-1] - time[0]),
    )


class _Units:
    """The repeat units of identical molecules, without end groups."""

    def __init__(self, cell: Cell) -> None:
        self._n_chains, self._n_units = cell.n_molecules, int(cell.unit_of_atom.max())
        if self._n_units < 2:
            raise NotEnoughData("chains of one repeat unit have no neighbouring units")
        self._atoms = np.flatnonzero((cell.unit_of_atom >= 0) & (cell.unit_of_atom < self._n_units))
        self._unit = cell.molecule_of_atom[self._atoms] * self._n_units + cell.unit_of_atom[self._atoms]
        self._masses = cell.masses_amu[self._atoms]

    def centres_nm(self, positions_nm: Array) -> Array:
        """Centres of mass [nm] of one frame, shape=(n_chains, n_units, 3)."""
        n_all = self._n_chains * self._n_units
        total = np.bincount(self._unit, self._masses, n_all)
        places = positions_nm[self._atoms]
        axes = [np.bincount(self._unit, self._masses * places[:, axis], n_all) / total for axis in range(3)]
        return np.stack(axes, axis=-1).reshape(self._n_chains, self._n_units, 3)
