"""What goes into the database and comes out of it: plain frozen records, no sessions, nothing lazy."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from polyomics.records import Criterion, Failure, Measurement, Record

StudyStatus = Literal["queued", "running", "done", "failed"]
StageStatus = Literal["queued", "running", "done", "failed", "skipped"]


def relative_path(path: str) -> str:
    """The path itself, if it stays below the home folder; else ValueError."""
    parts = path.replace("\\", "/").split("/")
    if not path or path.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in path:
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
