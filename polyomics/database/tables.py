"""The tables of the results, long rather than wide: a new property is new rows, not a migration.

A failed step is a row of `failure`; a value that could not be had is simply not there. Every number that
leaves a study carries its unit and its error. `store` writes the rows; only `migrations` change the tables.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

RECORD_SCHEMA_VERSION = 1
"""Version of the layout of `study.spec`, kept with each row so that old specs stay readable."""

STUDY_STATUSES = ("queued", "running", "done", "failed", "cancelled")
OVER = ("done", "failed", "cancelled")
"""Statuses of a study nobody works on any more."""
OUTCOMES = ("done", "failed", "released", "cancelled", "error", "lost")
WORKER_STATES = ("working", "draining", "quarantined", "stopped")
STAGE_STATUSES = ("queued", "running", "done", "failed", "skipped")
VERDICTS = ("pass", "fail", "unknown")

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

LARGEST_DOUBLE = "1.7976931348623157e308"


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware in Python, `timestamptz` in PostgreSQL, naive UTC in SQLite (which has no zones)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; a time without zone is refused, since it could be anyone's."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the time {value!r} has no time zone; use datetime.now(UTC)")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """As aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


RowId = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    """Base of the tables: one naming convention, one type per Python type.

    JSON is kept as text in PostgreSQL too: `jsonb` turns 1e16 into an integer, and a spec would lose its
    digest.
    """

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {  # noqa: RUF012 - read by SQLAlchemy
        str: Text(),
        float: Double(),
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(),
        list[str]: JSON(),
    }


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """CHECK that a text column holds one of some words."""
    words = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({words})", name=f"{column}_known")


def _study_id() -> Mapped[int]:
    return mapped_column(RowId, ForeignKey("study.id", ondelete="CASCADE"))


class Polymer(Base):
    """A repeat unit, under the key that does not depend on how it was written."""

    __tablename__ = "polymer"
    __table_args__ = (
        UniqueConstraint("key"),
        Index(None, "polymer_class"),
        CheckConstraint("key <> ''", name="key_not_empty"),
        CheckConstraint("molar_mass_g_mol > 0", name="molar_mass_positive"),
        CheckConstraint("polymer_class <> ''", name="polymer_class_not_empty"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    key: Mapped[str]
    psmiles: Mapped[str]
    formula: Mapped[str]
    molar_mass_g_mol: Mapped[float]
    created: Mapped[datetime]
    polymer_class: Mapped[str] = mapped_column(Text, server_default="unclassified")
    """The first of its classes."""
    classes: Mapped[list[str]] = mapped_column(JSON, server_default="[]")
    """All classes its main chain belongs to."""


class Structure(Base):
    """What a polymer is found by when structures are looked for; see `chemistry.structure`."""

    __tablename__ = "structure"

    polymer_id: Mapped[int] = mapped_column(RowId, ForeignKey("polymer.id", ondelete="CASCADE"), primary_key=True)
    molecule: Mapped[bytes] = mapped_column(LargeBinary)
    """The heavy atoms searched, as RDKit's binary molecule."""
    pattern: Mapped[bytes] = mapped_column(LargeBinary)
    """Fingerprint that rules substructures out, 2048 bits."""
    similarity: Mapped[bytes] = mapped_column(LargeBinary)
    """Fingerprint of atoms' environments, 2048 bits."""


class Protocol(Base):
    """The protocol of many studies, kept once: it is nine tenths of a spec."""

    __tablename__ = "protocol"
    __table_args__ = (UniqueConstraint("key"), CheckConstraint("key <> ''", name="key_not_empty"))

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    key: Mapped[str]
    content: Mapped[dict[str, Any]]


class Study(Base):
    """One polymer, one way of simulating it, one seed; the key is the digest of all that.

    `spec` is without its protocol, which is in the row `protocol_id` points to. The columns from `priority` on are
    of the queue, and change no result.
    """

    __tablename__ = "study"
    __table_args__ = (
        UniqueConstraint("key"),
        Index(None, "polymer_id"),
        Index(None, "status", "created"),
        Index(None, "created"),
        Index(None, "source"),
        Index("ix_study_waiting", "status", "pool", "priority", "id", "segment_gpu_s", "gpu_hours"),
        one_of("status", STUDY_STATUSES),
        CheckConstraint("key <> ''", name="key_not_empty"),
        CheckConstraint("(status IN ('done', 'failed', 'cancelled')) = (ended IS NOT NULL)", name="ended_when_over"),
        CheckConstraint("status <> 'running' OR started IS NOT NULL", name="started_when_running"),
        CheckConstraint("replicate >= 0", name="replicate_not_negative"),
        CheckConstraint("temperature_k > 0", name="temperature_positive"),
        CheckConstraint("substr(run_folder, 1, 1) <> '/'", name="run_folder_relative"),
        CheckConstraint("priority BETWEEN 0 AND 2", name="priority_known"),
        CheckConstraint("gpu_hours >= 0", name="gpu_hours_not_negative"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    key: Mapped[str]
    polymer_id: Mapped[int] = mapped_column(RowId, ForeignKey("polymer.id"))
    spec: Mapped[dict[str, Any]]
    preset: Mapped[str]
    status: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    replicate: Mapped[int] = mapped_column(Integer)
    temperature_k: Mapped[float]
    pressure_bar: Mapped[float]
    run_folder: Mapped[str]
    schema_version: Mapped[int] = mapped_column(Integer)
    created: Mapped[datetime]
    started: Mapped[datetime | None]
    ended: Mapped[datetime | None]
    protocol_id: Mapped[int] = mapped_column(RowId, ForeignKey("protocol.id"))
    priority: Mapped[int] = mapped_column(Integer, server_default="1")
    """0 low, 1 normal, 2 high."""
    pool: Mapped[str] = mapped_column(Text, server_default="")
    """Workers of which pool may take it; empty: of any."""
    gpu_hours: Mapped[float | None]
    """Estimated cost."""
    segment_gpu_s: Mapped[float | None]
    """Estimated time of its longest segment: what a worker that has to leave must still have [s]."""
    flow_run_id: Mapped[str | None]
    """Its run in the Prefect dashboard."""
    source: Mapped[str] = mapped_column(Text, server_default="")
    """Data set it was imported from; empty: computed here."""


class Campaign(Base):
    """A name under which studies were submitted; a study may be of several."""

    __tablename__ = "campaign"
    __table_args__ = (UniqueConstraint("name"), CheckConstraint("name <> ''", name="name_not_empty"))

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str]
    created: Mapped[datetime]


class CampaignStudy(Base):
    """Which studies a campaign has."""

    __tablename__ = "campaign_study"
    __table_args__ = (Index(None, "study_id"),)

    campaign_id: Mapped[int] = mapped_column(RowId, ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True)
    study_id: Mapped[int] = mapped_column(RowId, ForeignKey("study.id", ondelete="CASCADE"), primary_key=True)


class Worker(Base):
    """A process that takes studies from the queue and runs them."""

    __tablename__ = "worker"
    __table_args__ = (
        UniqueConstraint("name"),
        Index(None, "pool", "seen"),
        one_of("state", WORKER_STATES),
        CheckConstraint("name <> ''", name="name_not_empty"),
        CheckConstraint("slots >= 0", name="slots_not_negative"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str]
    host: Mapped[str]
    pid: Mapped[int] = mapped_column(Integer)
    pool: Mapped[str]
    slots: Mapped[int] = mapped_column(Integer)
    devices: Mapped[list[str]]
    version: Mapped[str]
    state: Mapped[str]
    note: Mapped[str] = mapped_column(Text, server_default="")
    """Why it is in this state."""
    ns_per_day: Mapped[float | None]
    """Speed measured when it started."""
    started: Mapped[datetime]
    seen: Mapped[datetime]


class Attempt(Base):
    """One holder of a study from its claim to its end; the latest without an end holds the lease.

    The id is the fence: whoever writes for a study names the attempt it holds, and is refused once that has ended.
    """

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("study_id", "number"),
        Index(
            "uq_attempt_study_id_live",
            "study_id",
            unique=True,
            sqlite_where=text("ended IS NULL"),
            postgresql_where=text("ended IS NULL"),
        ),
        Index(None, "ended", "lease_until"),
        Index(None, "worker_id"),
        one_of("outcome", OUTCOMES),
        CheckConstraint("(outcome IS NULL) = (ended IS NULL)", name="outcome_when_ended"),
        CheckConstraint("number >= 1", name="number_positive"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    study_id: Mapped[int] = _study_id()
    number: Mapped[int] = mapped_column(Integer)
    worker_id: Mapped[int | None] = mapped_column(RowId, ForeignKey("worker.id", ondelete="SET NULL"))
    host: Mapped[str]
    pid: Mapped[int | None] = mapped_column(Integer)
    device: Mapped[str] = mapped_column(Text, server_default="")
    version: Mapped[str]
    claimed: Mapped[datetime]
    seen: Mapped[datetime]
    lease_until: Mapped[datetime]
    ended: Mapped[datetime | None]
    outcome: Mapped[str | None]
    error_kind: Mapped[str | None]
    error_message: Mapped[str | None]
    reached_ps: Mapped[float] = mapped_column(Double, server_default="0")
    """Simulated time that was done when it was last heard of [ps]."""
    progress: Mapped[dict[str, Any]]
    """What it last said of itself."""


class Duty(Base):
    """A task that one process at a time does for all, such as keeping the dashboard filled."""

    __tablename__ = "duty"
    __table_args__ = (CheckConstraint("name <> ''", name="name_not_empty"),)

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    holder: Mapped[str]
    until: Mapped[datetime]


class Provenance(Base):
    """What made the values of a study: versions of programs, checksums of parameter files, platform."""

    __tablename__ = "provenance"
    __table_args__ = (UniqueConstraint("study_id", "name"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    study_id: Mapped[int] = _study_id()
    name: Mapped[str]
    value: Mapped[str]


class Stage(Base):
    """A step of a study, in order."""

    __tablename__ = "stage"
    __table_args__ = (
        UniqueConstraint("study_id", "sequence"),
        one_of("status", STAGE_STATUSES),
        CheckConstraint("sequence >= 0", name="sequence_not_negative"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    study_id: Mapped[int] = _study_id()
    sequence: Mapped[int] = mapped_column(Integer)
    name: Mapped[str]
    kind: Mapped[str]
    status: Mapped[str]
    started: Mapped[datetime | None]
    ended: Mapped[datetime | None]
    detail: Mapped[dict[str, Any]]


VALUE_INDEXES = (
    Index(
        "ix_measurement_with_flags",
        *("name", "study_id", "value", "temperature_k", "flags"),
    ).ddl_if(dialect="sqlite"),
    Index(
        "ix_measurement_including_flags",
        *("name", "study_id", "value", "temperature_k"),
        postgresql_include=["flags"],
    ).ddl_if(dialect="postgresql"),
)
"""Answers which studies have a property within a range, or without flags, from the index alone: their rows lie far
apart in the table. The study comes before the value, so that SQLite, which keeps no statistics unless told to, also
looks up one value of one study by it. One for each database, as PostgreSQL cannot sort JSON."""


class MeasurementRow(Base):
    """A value with its error.

    `conditions` spells out `temperature_k` and `pressure_bar` ("300.0 K", "" for neither), because two NULLs
    are never equal to a unique constraint.
    """

    __tablename__ = "measurement"
    __table_args__ = (
        UniqueConstraint("study_id", "name", "conditions"),
        *VALUE_INDEXES,
        CheckConstraint("name <> ''", name="name_not_empty"),
        CheckConstraint("unit <> ''", name="unit_not_empty"),
        CheckConstraint(f"value BETWEEN -{LARGEST_DOUBLE} AND {LARGEST_DOUBLE}", name="value_finite"),
        CheckConstraint(f"stderr BETWEEN 0 AND {LARGEST_DOUBLE}", name="stderr_not_negative"),
        CheckConstraint(f"n_independent BETWEEN 0 AND {LARGEST_DOUBLE}", name="n_independent_not_negative"),
        CheckConstraint("temperature_k > 0", name="temperature_positive"),
        CheckConstraint(
            "(conditions = '') = (temperature_k IS NULL AND pressure_bar IS NULL)",
            name="conditions_spelt_out",
        ),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    study_id: Mapped[int] = _study_id()
    name: Mapped[str]
    value: Mapped[float]
    stderr: Mapped[float | None]
    unit: Mapped[str]
    n_independent: Mapped[float]
    flags: Mapped[list[str]]
    temperature_k: Mapped[float | None]
    pressure_bar: Mapped[float | None]
    conditions: Mapped[str]


class FlagSet(Base):
    """A set of flags that values of a study carry, once however many do: few rows to look through for flags.

    Follows from the values, and is written with them (`writes.keep_flag_sets`).
    """

    __tablename__ = "flag_set"
    __table_args__ = ({"sqlite_with_rowid": False},)

    study_id: Mapped[int] = mapped_column(RowId, ForeignKey("study.id", ondelete="CASCADE"), primary_key=True)
    flags: Mapped[str] = mapped_column(Text, primary_key=True)
    """As in `measurement`: the text of a JSON list."""


class CriterionRow(Base):
    """One test of whether the cell of a study is in equilibrium; the one named "equilibrium" sums them up."""

    __tablename__ = "criterion"
    __table_args__ = (
        UniqueConstraint("study_id", "name"),
        Index(None, "name", "verdict", "study_id"),
        one_of("verdict", VERDICTS),
        CheckConstraint("name <> ''", name="name_not_empty"),
        CheckConstraint("unit <> ''", name="unit_not_empty"),
        CheckConstraint(f"value BETWEEN -{LARGEST_DOUBLE} AND {LARGEST_DOUBLE}", name="value_finite"),
        CheckConstraint(f"threshold BETWEEN -{LARGEST_DOUBLE} AND {LARGEST_DOUBLE}", name="threshold_finite"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    study_id: Mapped[int] = _study_id()
    name: Mapped[str]
    verdict: Mapped[str]
    value: Mapped[float | None]
    threshold: Mapped[float | None]
    unit: Mapped[str]
    message: Mapped[str]


class FailureRow(Base):
    """A step that gave no result, and why."""

    __tablename__ = "failure"
    __table_args__ = (UniqueConstraint("study_id", "stage", "kind"), Index(None, "kind"))

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    study_id: Mapped[int] = _study_id()
    stage: Mapped[str]
    kind: Mapped[str]
    message: Mapped[str]
    workdir: Mapped[str | None]
    created: Mapped[datetime]


class ArtifactRow(Base):
    """A file of a run, with what is needed to tell whether it is still the same; bytes stay on disk."""

    __tablename__ = "artifact"
    __table_args__ = (
        UniqueConstraint("study_id", "path"),
        CheckConstraint("size_bytes >= 0", name="size_not_negative"),
        CheckConstraint("length(sha256) = 64", name="sha256_whole"),
        CheckConstraint("substr(path, 1, 1) <> '/'", name="path_relative"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    study_id: Mapped[int] = _study_id()
    kind: Mapped[str]
    path: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
