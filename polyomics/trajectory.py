"""The trajectory of one stage: its cell, its thermodynamic table and its frames, in our units."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polyomics.cell.cell import Cell
from polyomics.errors import CorruptFile, NotEnoughData
from polyomics.files import MANIFEST_FILE, is_intact, read_json
from polyomics.md.recording import THERMO_COLUMNS

if TYPE_CHECKING:
    import mdtraj

Array = NDArray[np.float64]

_CHUNK_BYTES = 64 * 2**20
REPAIR = "delete the folder of this stage and run the study again; it goes on from the stage before"


@dataclass(frozen=True, eq=False)
class Frames:
    """Consecutive frames of a trajectory."""

    positions_nm: Array
    """Unwrapped positions of whole molecules [nm], shape=(n_frames, n_atoms, 3)."""
    box_nm: Array
    """Edges of the box [nm], shape=(n_frames, 3)."""
    time_ps: Array
    """Time since the start of the stage [ps], shape=(n_frames,)."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """What a finished stage left behind. Frames stay on disk; `chunks` streams them."""

    cell: Cell
    """The cell: topology, masses, charges."""
    stage: dict[str, Any]
    """The record of the stage, as in its manifest ("kind", "name", settings)."""
    thermo: dict[str, Array]
    """Thermodynamic table: column name -> values, shape=(n_rows,)."""
    frame_files: tuple[Path, ...]
    """XTC files, in order of time."""
    _frame_counts: dict[Path, int] = field(default_factory=dict, repr=False)

    @classmethod
    def open(
        cls, cell_folder: Path, stage_folder: Path, *, verify: bool = True, require_frames: bool = True
    ) -> "Trajectory":
        """Read the table of a stage and find its frames.

        Args:
            cell_folder: Folder of the cell.
            stage_folder: Folder of the stage, with its manifest. Only files the manifest lists count.
            verify: Compare checksums; costs one reading of every file.
            require_frames: Refuse a stage that stored no frames; its table alone can be read without.

        Raises:
            CorruptFile: A file is missing, or is not what the manifest says.
            NotEnoughData: The stage recorded nothing.
        """
        manifest = read_json(stage_folder / MANIFEST_FILE)
        try:
            stage = dict(manifest["stage"])
            listed = [dict(segment["files"]) for segment in manifest["segments"]]
        except (KeyError, TypeError, ValueError) as error:
            path = stage_folder / MANIFEST_FILE
            raise CorruptFile(f"{path} is not a manifest of a stage; {REPAIR}") from error
        if verify:
            _verify(stage_folder, listed)
        tables = _of_kind(stage_folder, listed, "thermo.", ".csv")
        frames = _of_kind(stage_folder, listed, "frames.", ".xtc")
        if not frames and (require_frames or not tables):
            raise NotEnoughData(
                f"stage {stage.get('name', stage_folder.name)!r} stored no frames"
                f"{'' if tables else ' and no table'}; set a shorter frame_ps, or measure on a later stage"
            )
        return cls(Cell.load(cell_folder), stage, read_tables(tables), frames)

    @property
    def n_frames(self) -> int:
        """Number of stored frames."""
        return sum(self._count(path) for path in self.frame_files)

    @cached_property
    def frame_interval_ps(self) -> float:
        """Time between frames [ps].

        Raises:
            NotEnoughData: There are fewer than two frames.
        """
        n_frames = self.n_frames
        if n_frames < 2:
            raise NotEnoughData(f"{n_frames} frame(s) have no time between them; store frames more often")
        filled = [path for path in self.frame_files if self._count(path)]
        first, last = self._time_ps(filled[0], 0), self._time_ps(filled[-1], self._count(filled[-1]) - 1)
        return (last - first) / (n_frames - 1)

    @cached_property
    def topology(self) -> "mdtraj.Topology":
        """The cell for mdtraj: a chain per molecule, a residue per repeat unit or end group, bonds."""
        return _topology(self.cell)

    def chunks(self, n_frames: int | None = None) -> Iterator[Frames]:
        """The frames in order, a few at a time, so that memory stays bounded.

        Args:
            n_frames: Most frames in a chunk; by default as many as fit in 64 MiB.

        Raises:
            NotEnoughData: There are no frames.
            CorruptFile: A file cannot be read, is of another cell, or goes back in time.
        """
        if not self.n_frames:
            raise NotEnoughData("the stage stored no frames; set its frame_ps")
        size = n_frames or max(1, _CHUNK_BYTES // (self.cell.n_atoms * 24))
        latest = -np.inf
        for path in self.frame_files:
            for frames in _read_chunks(path, size, self.cell.n_atoms):
                times = np.concatenate(([latest], frames.time_ps))
                if not (np.diff(times) > 0).all():
                    raise CorruptFile(f"the frames of {path} go back in time; {REPAIR}")
                latest = float(times[-1])
                yield frames

    def last_frame(self) -> Frames:
        """The last frame alone, without reading those before it.

        Raises:
            NotEnoughData: There are no frames.
            CorruptFile: A file cannot be read, or is of another cell.
        """
        for path in reversed(self.frame_files):
            n_frames = self._count(path)
            if n_frames:
                return next(_read_chunks(path, 1, self.cell.n_atoms, start=n_frames - 1))
        raise NotEnoughData("the stage stored no frames; set its frame_ps")

    def _count(self, path: Path) -> int:
        if path not in self._frame_counts:
            with _open_xtc(path) as stream:
                self._frame_counts[path] = len(stream)
        return self._frame_counts[path]

    @staticmethod
    def _time_ps(path: Path, index: int) -> float:
        with _open_xtc(path) as stream:
            stream.seek(index)
            return float(stream.read(1)[1][0])


def _verify(folder: Path, listed: list[dict[str, str]]) -> None:
    for files in listed:
        for name, checksum in files.items():
            path = folder / name
            if not is_intact(path, checksum):
                found = "has another checksum than its manifest states" if path.is_file() else "is missing"
                raise CorruptFile(f"{path} {found}; {REPAIR}")


def _of_kind(folder: Path, listed: list[dict[str, str]], start: str, end: str) -> tuple[Path, ...]:
    names = [name for files in listed for name in sorted(files)]
    return tuple(folder / name for name in names if name.startswith(start) and name.endswith(end))


def read_tables(paths: tuple[Path, ...]) -> dict[str, Array]:
    """The tables of all segments, one after the other."""
    tables = [_read_table(path) for path in paths] or [{name: np.empty(0) for name in THERMO_COLUMNS}]
    if any(set(table) != set(tables[0]) for table in tables):
        raise CorruptFile(f"the tables in {paths[0].parent} have different columns; {REPAIR}")
    joined = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    if not (np.diff(joined["time_ps"]) > 0).all():
        raise CorruptFile(f"the tables in {paths[0].parent} go back in time; {REPAIR}")
    return joined


def _read_table(path: Path) -> dict[str, Array]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream))
        values = np.array(rows[1:], dtype=np.float64).reshape(-1, len(rows[0]))
    except (OSError, ValueError, IndexError) as error:
        raise CorruptFile(f"{path} is not a table of numbers ({error}); {REPAIR}") from error
    missing = set(THERMO_COLUMNS) - set(rows[0])
    if missing:
        raise CorruptFile(f"{path} lacks the columns {', '.join(sorted(missing))}; {REPAIR}")
    return dict(zip(rows[0], values.T, strict=True))


def _open_xtc(path: Path) -> Any:
    from mdtraj.formats import XTCTrajectoryFile

    try:
        return XTCTrajectoryFile(str(path))
    except (OSError, RuntimeError) as error:
        raise CorruptFile(f"{path} cannot be read as a trajectory ({error}); {REPAIR}") from error


def _read_chunks(path: Path, size: int, n_atoms: int, start: int = 0) -> Iterator[Frames]:
    with _open_xtc(path) as stream:
        if start:
            stream.seek(start)
        while True:
            try:
                positions, times, _, vectors = stream.read(size)
            except (OSError, RuntimeError) as error:
                raise CorruptFile(f"{path} breaks off ({error}); {REPAIR}") from error
            if not len(times):
                return
            if positions.shape[1] != n_atoms:
                raise CorruptFile(f"{path} has {positions.shape[1]} atoms, the cell {n_atoms}; {REPAIR}")
            box_nm = np.diagonal(vectors, axis1=1, axis2=2)
            yield Frames(positions.astype(np.float64), box_nm.astype(np.float64), times.astype(np.float64))


def _topology(cell: Cell) -> "mdtraj.Topology":
    import mdtraj

    topology = mdtraj.Topology()
    atoms = []
    chain = residue = None
    previous: tuple[int, int] | None = None
    columns = (cell.molecule_of_atom, cell.unit_of_atom, cell.template_atom, cell.atomic_numbers)
    for molecule, unit, template, number in zip(*(column.tolist() for column in columns), strict=True):
        if previous is None or molecule != previous[0]:
            chain = topology.add_chain()
        if (molecule, unit) != previous:
            residue = topology.add_residue("UNK", chain, resSeq=unit)
        previous = (molecule, unit)
        element = mdtraj.element.Element.getByAtomicNumber(number)
        atoms.append(topology.add_atom(f"{element.symbol}{template}", element, residue))
    for first, second in cell.bonds.tolist():
        topology.add_bond(atoms[first], atoms[second])
    return topology
