"""Memory of the passes over frames: bounded, however long the trajectory."""

import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
from beads import CONTEXT, bead_cell

from polyomics.errors import NotEnoughData
from polyomics.properties import PROPERTIES, _frames, _voids, radial_distribution_peak, structure_factor_peak
from polyomics.simulation import Simulation
from polyomics.trajectory import THERMO_COLUMNS, Frames, Trajectory

NAMES = (
    "radial_distribution_peak",
    "structure_factor_peak",
    "largest_pore_diameter",
    "dielectric_constant_dipolar",
)


@dataclass(frozen=True, eq=False)
class MadeOnTheFly(Trajectory):
    """Molecules of ten atoms on a lattice that shakes; no frame exists before it is asked for."""

    length: int = 0

    @property
    def n_frames(self) -> int:
        return self.length

    def chunks(self, n_frames: int | None = None) -> Iterator[Frames]:
        rng = np.random.default_rng(1)
        for first in range(0, self.length, 2):
            size = min(2, self.length - first)
            moved = self.cell.positions_nm + 0.02 * rng.normal(size=(size, self.cell.n_atoms, 3))
            yield Frames(moved, np.tile(self.cell.box_nm, (size, 1)), np.arange(first, first + size, dtype=float))


def lattice(n_edge: int, length: int) -> Simulation:
    n = n_edge**3
    whole = bead_cell()
    cell = replace(
        whole,
        positions_nm=0.215 * np.stack(np.meshgrid(*[np.arange(n_edge)] * 3), axis=-1).reshape(-1, 3),
        box_nm=np.full(3, 0.215 * n_edge),
        atomic_numbers=np.where(np.arange(n) % 2, 6, 1),
        masses_amu=np.ones(n),
        charges_e=np.tile([0.1, -0.1], n // 2),
        molecule_of_atom=np.arange(n) // 10,
        unit_of_atom=np.zeros(n, dtype=int),
        template_atom=np.zeros(n, dtype=int),
        bonds=np.empty((0, 2), dtype=int),
    )
    table = {name: np.ones(length) for name in THERMO_COLUMNS}
    return Simulation(MadeOnTheFly(cell, {"kind": "npt"}, table, (), {}, length))


def peak_mib(name: str, run: Simulation) -> float:
    tracemalloc.start()
    try:
        with suppress(NotEnoughData):  # a lattice has no halo; that shows after the pass
            PROPERTIES[name]().measure(run, CONTEXT)
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def look_at(n_frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have all frames read and some looked at, so that a test ends."""
    few = partial(_frames.spread_frames, most=n_frames)
    for module in (_voids, radial_distribution_peak, structure_factor_peak):
        monkeypatch.setattr(module, "spread_frames", few)


@pytest.mark.parametrize("name", NAMES)
def test_memory_does_not_grow_with_the_number_of_frames(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty more frames of 1,000 atoms would be 1 MiB more."""
    peaks = []
    for length in (20, 60):
        look_at(length // 5, monkeypatch)
        peaks.append(peak_mib(name, lattice(10, length)))
    assert peaks[1] < 1.05 * peaks[0] + 0.3


@pytest.mark.slow
@pytest.mark.parametrize("length", [20, 60])
@pytest.mark.parametrize("name", NAMES)
def test_memory_of_a_hundred_thousand_atoms(name: str, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of the 4 GiB that a run may use, whatever its length."""
    look_at(length // 20, monkeypatch)
    assert peak_mib(name, lattice(46, length)) < 1024
