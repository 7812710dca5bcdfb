"""Cells of bead chains in memory, in equilibrium unless told otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import lfilter

from polyomics.cell.cell import Cell
from polyomics.errors import NotEnoughData
from polyomics.simulation import Simulation
from polyomics.trajectory import THERMO_COLUMNS, Frames, Trajectory

BOND_NM, BOX_NM = 0.3, 6.0


def ar1(n: int, correlation: float, rng: np.random.Generator) -> np.ndarray:
    """Stationary noise of unit variance that forgets within `correlation` values."""
    decay = np.exp(-1.0 / correlation)
    drawn = rng.standard_normal(n) * np.sqrt(1.0 - decay**2)
    drawn[0] /= np.sqrt(1.0 - decay**2)
    return lfilter([1.0], [1.0, -decay], drawn)


def bead_cell(n_chains: int = 10, n_beads: int = 40) -> Cell:
    """Chains of carbon beads, the first and the last an end group, with `n_beads` - 2 repeat units of one bead."""
    links = np.column_stack([np.arange(n_beads - 1), np.arange(1, n_beads)])
    n_atoms = n_chains * n_beads
    return Cell(
        positions_nm=np.zeros((n_atoms, 3)),
        box_nm=np.full(3, BOX_NM),
        system_xml="<System/>",
        atomic_numbers=np.full(n_atoms, 6),
        masses_amu=np.full(n_atoms, 12.0),
        charges_e=np.zeros(n_atoms),
        molecule_of_atom=np.repeat(np.arange(n_chains), n_beads),
        unit_of_atom=np.tile(np.arange(-1, n_beads - 1), n_chains),
        template_atom=np.zeros(n_atoms, dtype=int),
        bonds=np.concatenate([links + n_beads * i for i in range(n_chains)]),
        rings=(),
        vdw_volume_nm3=n_atoms * 4.0 / 3.0 * np.pi * 0.17**3,
    )


def free_chains(cell: Cell, n_frames: int, rng: np.random.Generator) -> np.ndarray:
    """Freely jointed chains, drawn anew in every frame, about centres anywhere in the box [nm]."""
    n_chains, n_beads = cell.n_molecules, cell.n_atoms // cell.n_molecules
    steps = rng.standard_normal((n_frames, n_chains, n_beads, 3))
    steps *= BOND_NM / np.linalg.norm(steps, axis=-1, keepdims=True)
    chains = steps.cumsum(axis=2)
    centres = rng.uniform(0.0, BOX_NM, (1, n_chains, 1, 3))
    return (chains - chains.mean(axis=2, keepdims=True) + centres).reshape(n_frames, -1, 3)


@dataclass(frozen=True, eq=False)
class InMemory(Trajectory):
    """A stage that was never on disk."""

    positions_nm: np.ndarray | None = None
    boxes_nm: np.ndarray | None = None

    @property
    def n_frames(self) -> int:
        return 0 if self.positions_nm is None else len(self.positions_nm)

    def chunks(self, n_frames: int | None = None) -> Iterator[Frames]:
        if not self.n_frames:
            raise NotEnoughData("the stage stored no frames; set its frame_ps")
        for first in range(0, self.n_frames, 37):
            part = slice(first, first + 37)
            places = self.positions_nm[part]
            boxes = np.tile(self.cell.box_nm, (len(places), 1)) if self.boxes_nm is None else self.boxes_nm[part]
            yield Frames(places, boxes, 1.0 + first + np.arange(len(places)))


def stage(
    positions_nm: np.ndarray | None,
    cell: Cell,
    *,
    kind: str = "npt",
    boxes_nm: np.ndarray | None = None,
    n_rows: int = 1000,
    seed: int = 1,
    **columns: np.ndarray,
) -> InMemory:
    """A stage with these frames, and a table of noise except for the columns given."""
    rng = np.random.default_rng(seed)
    table = {name: 100.0 + ar1(n_rows, 3.0, rng) for name in THERMO_COLUMNS}
    table["time_ps"] = 1.0 + np.arange(n_rows)
    table["pressure_bar"] = 1.0 + 500.0 * ar1(n_rows, 1.0, rng)
    record = {"kind": kind, "name": "sample", "role": "sample"}
    return InMemory(cell, record, table | columns, (), {}, positions_nm, boxes_nm)


def simulation(sample: InMemory, melt: InMemory | None = None) -> Simulation:
    return Simulation(sample, melt=melt)


def in_equilibrium(seed: int = 1, **columns: np.ndarray) -> Simulation:
    """A cell that passes everything: chains that forget, units that move, noise that stays."""
    rng, cell = np.random.default_rng(seed), bead_cell()
    positions = [free_chains(cell, 200, rng) for _ in range(2)]
    return simulation(stage(positions[0], cell, **columns), stage(positions[1], cell))


def changed(found: Simulation, **columns: np.ndarray) -> Simulation:
    """The same with other columns in the table of the sample."""
    return Simulation(replace(found.sample, thermo=found.sample.thermo | columns), melt=found.melt)
