"""What goes into the database and comes out of it: plain frozen records, no sessions, nothing lazy."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from polyomics.config import stays_below
from polyomics.records import Criterion, Failure, Measurement, Record

StudyStatus = Literal["queued", "running", "done", "failed", "cancelled"]
StageStatus = Literal["queued", "running", "done", "failed", "skipped"]


def relative_path(path: str) -> str:
    """The path itself, if it stays below the home folder; else ValueError."""
    if not stays_below(path):
        raise ValueError(f"{path!r} is not a path below the home folder")
    return path


RelativePath = Annotated[str, AfterValidator(relative_path)]
"""A path below the home folder, with '/' between its parts."""


class Polymer(Record):
    """A repeat unit."""

    key: str = Field(min_length=1)
    """Identity, the same however the repeat unit is written."""
    psmiles: str = Field(min_length=1)
    """Canonical SMILES with two '*'."""
    formula: str
    """Formula of the repeat unit, Hill order."""
    molar_mass_g_mol: float = Field(gt=0)
    """Molar mass of the repeat unit [g/mol]."""
    polymer_class: str = "unclassified"
    """The first of its classes."""
    classes: tuple[str, ...] = ()
    """All backbone classes its main chain belongs to; see `chemistry.polymer_class`."""


class NewStudy(Record):
    """A study to be entered."""

    key: str = Field(min_length=1)
    """Digest of everything that determines the result."""
    polymer: Polymer
    """Which polymer."""
    spec: dict[str, Any]
    """The whole request."""
    preset: str
    """Name of the preset the spec started from."""
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
    gpu_hours: float | None = None
    """Estimated cost on one GPU [h]."""
    segment_gpu_s: float | None = None
    """Estimated time of its longest segment on one GPU [s]."""


class Artifact(Record):
    """A file of a run."""

    kind: str = Field(min_length=1)
    """What it is ("trajectory", "cell", "thermo")."""
    path: RelativePath
    """Where, relative to the home folder."""
    size_bytes: int = Field(ge=0)
    """Length of the file."""
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    """Checksum of its content."""


class StageRecord(Record):
    """A step of a study."""

    sequence: int = Field(ge=0)
    """Its place, from 0."""
    name: str
    """Its name in the protocol ("compress 3")."""
    kind: str
    """Which registered stage or step it is."""
    status: StageStatus
    """How far it came."""
    started: datetime | None = None
    """When it began (UTC)."""
    ended: datetime | None = None
    """When it ended (UTC)."""
    detail: dict[str, Any] = Field(default_factory=dict)
    """What is worth keeping of it, as plain JSON values (ps done, restarts, smallest time step)."""


class Holder(Record):
    """Who holds a study."""

    host: str
    """Name of the machine."""
    pid: int | None = None
    """Process, if it is there already."""
    worker_id: int | None = None
    """Row of the worker it belongs to; none of a run by hand."""
    device: str = ""
    """What it computes on, as `CUDA_VISIBLE_DEVICES` has it; empty on a CPU."""


class Claim(Record):
    """A study that is held, and the attempt that holds it."""

    attempt_id: int
    """The attempt: the fence of everything written for the study."""
    number: int
    """How many attempts there have been, this one included."""
    key: str
    """The study."""
    spec: dict[str, Any]
    """The whole request."""
    flow_run_id: str | None
    """Its run in the Prefect dashboard, if it has one."""


class Attempt(Record):
    """One holder of a study, from its claim to its end."""

    id: int
    """Its identity, and the fence of what it writes."""
    number: int
    """From 1."""
    worker: str | None
    """Name of the worker; none of a run by hand."""
    host: str
    """Machine."""
    pid: int | None
    """Process."""
    device: str
    """What it computed on; empty on a CPU."""
    version: str
    """Version of polyomics."""
    claimed: datetime
    """When it began (UTC)."""
    seen: datetime
    """When it was last heard of (UTC)."""
    lease_until: datetime
    """When its lease runs, or ran, out (UTC)."""
    ended: datetime | None
    """When it ended (UTC); none while it lasts."""
    outcome: Literal["done", "failed", "released", "cancelled", "error", "lost"] | None
    """How it ended."""
    error_kind: str | None
    """Class of what ended it."""
    error_message: str | None
    """What that said."""
    reached_ps: float
    """Simulated time that was done when it was last heard of [ps]."""
    progress: dict[str, Any]
    """What it last said of itself."""


class WorkerRow(Record):
    """A process that takes studies from the queue."""

    id: int
    """Its row."""
    name: str
    """Unique name."""
    host: str
    """Machine."""
    pid: int
    """Process."""
    pool: str
    """Pool it works for."""
    slots: int
    """Studies it runs at a time."""
    devices: tuple[str, ...]
    """Its GPUs, as the driver names them."""
    version: str
    """Version of polyomics."""
    state: Literal["working", "draining", "quarantined", "stopped"]
    """What it does."""
    note: str
    """Why it is in this state."""
    ns_per_day: float | None
    """Speed measured when it started."""
    started: datetime
    """When it started (UTC)."""
    seen: datetime
    """When it was last heard of (UTC)."""


class StoredFailure(Failure):
    """A failure with the moment it was stored."""

    created: datetime
    """When it was stored (UTC)."""


class StudySummary(Record):
    """A study without its children."""

    key: str
    """Digest of everything that determines the result."""
    polymer: Polymer
    """Which polymer."""
    preset: str
    """Name of the preset the spec started from."""
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
    """Version of the layout of the spec."""
    created: datetime
    """When it was asked for (UTC)."""
    started: datetime | None
    """When it began (UTC)."""
    ended: datetime | None
    """When it was done or failed (UTC)."""
    source: str = ""
    """Data set it was imported from; empty: computed here."""


class StudyRow(StudySummary):
    """A study with everything stored of it."""

    spec: dict[str, Any]
    """The whole request, as it was given."""
    measurements: tuple[Measurement, ...]
    """Its results, by name."""
    criteria: tuple[Criterion, ...]
    """Tests of whether its cell is in equilibrium, the overall one last; none of a study that was not judged."""
    failures: tuple[StoredFailure, ...]
    """What gave no result, oldest first."""
    stages: tuple[StageRecord, ...]
    """Its steps, in order."""
    provenance: dict[str, str]
    """Versions, checksums and platform behind the values."""
    artifacts: tuple[Artifact, ...]
    """Its files, by path."""
