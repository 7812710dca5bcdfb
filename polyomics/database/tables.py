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
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

RECORD_SCHEMA_VERSION = 1
"""Version of the layout of `study.spec`, kept with each row so that old specs stay readable."""

STUDY_STATUSES = ("queued", "running", "done", "failed")
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
        CheckConstraint("key <> ''", name="key_not_empty"),
        CheckConstraint("molar_mass_g_mol > 0", name="molar_mass_positive"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    key: Mapped[str]
    psmiles: Mapped[str]
    formula: Mapped[str]
    molar_mass_g_mol: Mapped[float]
    created: Mapped[datetime]


class Study(Base):
    """One polymer, one way of simulating it, one seed; the key is the digest of all that."""

    __tablename__ = "study"
    __table_args__ = (
        UniqueConstraint("key"),
        Index(None, "polymer_id"),
        Index(None, "status", "created"),
        one_of("status", STUDY_STATUSES),
        CheckConstraint("key <> ''", name="key_not_empty"),
        CheckConstraint("(status IN ('done', 'failed')) = (ended IS NOT NULL)", name="ended_when_over"),
        CheckConstraint("status <> 'running' OR started IS NOT NULL", name="started_when_running"),
        CheckConstraint("replicate >= 0", name="replicate_not_negative"),
        CheckConstraint("temperature_k > 0", name="temperature_positive"),
        CheckConstraint("substr(run_folder, 1, 1) <> '/'", name="run_folder_relative"),
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


class MeasurementRow(Base):
    """A value with its error.

    `conditions` spells out `temperature_k` and `pressure_bar` ("300.0 K", "" for neither), because two NULLs
    are never equal to a unique constraint.
    """

    __tablename__ = "measurement"
    __table_args__ = (
        UniqueConstraint("study_id", "name", "conditions"),
        Index(None, "name", "value"),
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


class CriterionRow(Base):
    """One test of whether the cell of a study is in equilibrium; the one named "equilibrium" sums them up."""

    __tablename__ = "criterion"
    __table_args__ = (
        UniqueConstraint("study_id", "name"),
        Index(None, "name", "verdict"),
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
