"""The cell of a study in 3D: its last sampled frame."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Response
from fastapi import Query as FromQuery
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from polyomics.cell.cell import Cell
from polyomics.config import below
from polyomics.database.rows import StudyRow
from polyomics.errors import FileNotThere, PolyomicsError
from polyomics.report.recorded import RecordedRun
from polyomics.report.scene import MOST_ATOMS, scene, symbols, wrapped_by_molecule_nm
from polyomics.trajectory import Frames, Trajectory
from polyomics.web.filters import Query
from polyomics.web.problems import documented
from polyomics.web.results import AtHand, Results
from polyomics.web.study_key import StudyKey

router = APIRouter(tags=["files"])
ANGSTROM_PER_NM = 10.0


class Scene(BaseModel):
    """Atoms, bonds and box of one frame; lengths in thousandths of a nanometre."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    elements: list[str]
    """Symbol of every atom."""
    molecules: list[int]
    """Number of the molecule of every atom, from 0."""
    positions: list[int]
    """x, y, z of every atom, one after the other; molecules are whole."""
    bonds: list[int]
    """Numbers of the two atoms of every bond, one after the other, from 0."""
    box: list[int]
    """Edges of the box."""
    shown: int
    """Molecules that are shown."""
    total: int
    """Molecules that the cell has."""


class Xyz(Response):
    """Atoms with their places."""

    media_type = "chemical/x-xyz"


class Detail(Query):
    """How much of the cell."""

    most_atoms: Annotated[int, Field(ge=1, le=100_000)] = MOST_ATOMS
    """Some of the molecules only, where there are more atoms than this."""


@router.get("/studies/{key}/cell.json", responses=documented(404, 422))
def cell_json(key: StudyKey, detail: Annotated[Detail, FromQuery()], results: AtHand) -> Scene:
    """The last sampled frame with its bonds, as the 3D view of a report draws it."""
    cell, frame = _last_frame(results, results.store.study(key))
    return Scene(**scene(cell, frame.positions_nm[-1], frame.box_nm[-1], detail.most_atoms))


@router.get("/studies/{key}/cell.xyz", response_class=Xyz, responses=documented(404, 422))
def cell_xyz(key: StudyKey, results: AtHand) -> Xyz:
    """The last sampled frame, all atoms, as extended XYZ in ångström."""
    study = results.store.study(key)
    cell, frame = _last_frame(results, study)
    name = f"{study.key[:12]}.xyz"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Xyz(_xyz(cell, frame.positions_nm[-1], frame.box_nm[-1]), headers=headers)


def has_cell(results: Results, study: StudyRow) -> bool:
    """Whether the cell of a study is on this machine."""
    try:
        folder = (below(results.home, study.run_folder) / "cell").resolve()
    except (PolyomicsError, OSError, RuntimeError):
        return False
    return folder.is_relative_to(results.home.resolve()) and folder.is_dir()


def _last_frame(results: Results, study: StudyRow) -> tuple[Cell, Frames]:
    run = RecordedRun(study, results.home)
    stage = run.sample if has_cell(results, study) else None
    if stage is None or not stage.has_frames:
        raise FileNotThere(f"no frame of study {study.key[:12]} is on this machine; {study.run_folder} would hold it")
    trajectory = Trajectory.open(run.cell_folder, stage.folder, verify=False)
    return trajectory.cell, trajectory.last_frame()


def _xyz(cell: Cell, positions_nm: NDArray[np.float64], box_nm: NDArray[np.float64]) -> str:
    places = ANGSTROM_PER_NM * wrapped_by_molecule_nm(cell, positions_nm, box_nm)
    a, b, c = (ANGSTROM_PER_NM * box_nm).tolist()
    lattice = f"{a:.4f} 0 0 0 {b:.4f} 0 0 0 {c:.4f}"
    head = f'Lattice="{lattice}" Properties=species:S:1:pos:R:3:molecule:I:1 pbc="T T T"'
    rows = zip(symbols(cell.atomic_numbers), places.tolist(), cell.molecule_of_atom.tolist(), strict=True)
    lines = [f"{symbol} {x:.4f} {y:.4f} {z:.4f} {molecule}" for symbol, (x, y, z), molecule in rows]
    return "\n".join([str(cell.n_atoms), head, *lines]) + "\n"
