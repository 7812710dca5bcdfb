"""One study with everything stored of it."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from polyomics.database.connection import masked
from polyomics.database.dashboard import shown
from polyomics.database.queue import Queue
from polyomics.database.rows import Attempt, StageRecord, StoredFailure, StudyRow, StudyStatus
from polyomics.records import Criterion, Measurement
from polyomics.report.flags import meaning
from polyomics.web.experiment import Experiment, experiment_beside
from polyomics.web.files import has_report
from polyomics.web.problems import documented
from polyomics.web.results import AtHand, Results
from polyomics.web.scene import has_cell
from polyomics.web.study_key import StudyKey

router = APIRouter(tags=["studies"])


class MeasurementBeside(BaseModel):
    """A value with the experimental one."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    """Name of the property."""
    value: float
    """Best estimate, in `unit`."""
    stderr: float | None
    """Standard error of `value`; none where nothing tells, and a flag says why."""
    unit: str
    """Unit of `value` and `stderr`; "1" for a pure number."""
    n_independent: float
    """Statistically independent samples behind it."""
    flags: list[str]
    """What a reader must know before using it."""
    temperature_k: float | None
    """Temperature it holds at [K]."""
    pressure_bar: float | None
    """Pressure it holds at [bar]."""
    experiment: Experiment | None
    """The experimental value, if there is a comparable one."""


class StoredFile(BaseModel):
    """A file of a study."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    kind: str
    """What it is."""
    path: str
    """Where, relative to the home folder."""
    size_bytes: int
    """Its length when the study ended."""
    sha256: str
    """Its checksum when the study ended."""
    url: str
    """Where it is given out, if it is on this machine."""


class StudyDetail(BaseModel):
    """A study with everything stored of it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    key: str
    """Digest of everything that determines the result."""
    psmiles: str
    """Canonical SMILES of the repeat unit."""
    polymer_key: str
    """The polymer."""
    formula: str
    """Formula of the repeat unit."""
    molar_mass_g_mol: float
    """Molar mass of the repeat unit [g/mol]."""
    polymer_class: str
    """Primary class of the polymer."""
    classes: list[str]
    """All its classes."""
    source: str
    """Data set it was imported from; empty: computed by polyomics."""
    preset: str
    """Preset its request started from."""
    status: StudyStatus
    """How far it came."""
    seed: int
    """Seed of every random choice."""
    replicate: int
    """Number of the independent repetition, from 0."""
    temperature_k: float
    """Temperature asked for [K]."""
    pressure_bar: float
    """Pressure asked for [bar]."""
    run_folder: str
    """Folder of the run, relative to the home folder."""
    schema_version: int
    """Version of the layout of the request."""
    created: datetime
    """When it was asked for (UTC)."""
    started: datetime | None
    """When it began (UTC)."""
    ended: datetime | None
    """When it was over (UTC)."""
    spec: dict[str, Any]
    """The whole request."""
    measurements: list[MeasurementBeside]
    """Its values, by name."""
    criteria: list[Criterion]
    """Tests of equilibrium; the one named equilibrium sums the others up."""
    failures: list[StoredFailure]
    """What gave no value, oldest first."""
    stages: list[StageRecord]
    """Its steps, in order."""
    provenance: dict[str, str]
    """Versions, checksums and platform behind the values."""
    attempts: list[Attempt]
    """Who worked on it."""
    campaigns: list[str]
    """Campaigns it is of."""
    flag_meanings: dict[str, str]
    """What the flags of its values mean, as far as that is known."""
    files: list[StoredFile]
    """Its files."""
    has_report: bool
    """Whether its page can be shown."""
    has_cell: bool
    """Whether its cell can be shown in 3D."""
    prefect_url: str | None
    """Its run in the Prefect dashboard, if it has one and the address of that is known."""


@router.get("/studies/{key}", responses=documented(404, 422))
def study(key: StudyKey, results: AtHand) -> StudyDetail:
    """One study with everything stored of it."""
    found = results.store.study(key)
    return detail(results, found)


def detail(results: Results, found: StudyRow) -> StudyDetail:
    """What is told of a study."""
    in_queue = shown(results.store, [found.key])[0]
    fields = {name: getattr(found, name) for name in type(found).model_fields if name in StudyDetail.model_fields}
    polymer = found.polymer.model_dump(exclude={"key"})
    flags = dict.fromkeys(flag for one in found.measurements for flag in one.flags)
    return StudyDetail(
        **fields
        | polymer
        | {
            "polymer_key": found.polymer.key,
            "measurements": [beside(found.polymer.key, one) for one in found.measurements],
            "attempts": Queue(results.store).attempts(found.key),
            "campaigns": in_queue.campaigns,
            "flag_meanings": {flag: text for flag in flags if (text := meaning(flag)) is not None},
            "files": [_file(found.key, item) for item in found.artifacts],
            "has_report": has_report(results.home, found),
            "has_cell": has_cell(results, found),
            "prefect_url": prefect_url(in_queue.flow_run_id),
        }
    )


def beside(polymer_key: str, measurement: Measurement) -> MeasurementBeside:
    """A value with the experimental one."""
    one = measurement
    known = experiment_beside(polymer_key, one.name, one.value, one.unit, one.temperature_k)
    return MeasurementBeside(**one.model_dump(), experiment=known)


def prefect_url(flow_run_id: str | None) -> str | None:
    """Where the dashboard shows a run; none where there is no run, or the environment does not say where that is."""
    address = os.environ.get("PREFECT_UI_URL") or os.environ.get("PREFECT_API_URL", "").rstrip("/").removesuffix("/api")
    if not flow_run_id or not address.startswith(("http://", "https://")):
        return None
    return f"{masked(address).rstrip('/')}/runs/flow-run/{quote(flow_run_id, safe='')}"


def _file(key: str, item: Any) -> StoredFile:
    return StoredFile(**item.model_dump(), url=f"/api/v1/studies/{key}/files/{quote(item.path)}")
