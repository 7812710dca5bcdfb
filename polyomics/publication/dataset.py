"""Write the files of a data set, whole or not at all; the same database and version give the same bytes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyomics.database import Selection, export
from polyomics.database.failures import FailureOfStudy, failures_of
from polyomics.database.selection import query_studies, result_batches
from polyomics.errors import InvalidSettings, StorageUnavailable
from polyomics.files import sha256
from polyomics.frames import Search
from polyomics.publication.about import About
from polyomics.publication.card import card
from polyomics.publication.croissant import croissant

if TYPE_CHECKING:
    from polyomics.database import Store

VALUES, STUDIES, FAILURES = "values.parquet", "studies.parquet", "failures.parquet"
CARD, METADATA, CHECKSUMS = "README.md", "croissant.json", "SHA256SUMS"


@dataclass
class Counts:
    """What is in a data set, by quality."""

    polymers: int = 0
    studies: int = 0
    equilibrated: int = 0
    """Studies whose cell was found to be in equilibrium."""
    values: int = 0
    unflagged: int = 0
    with_error: int = 0
    by_property: dict[str, Counter[str]] = field(default_factory=dict)
    """values, unflagged, with_error of every property."""
    units: dict[str, str] = field(default_factory=dict)
    """Unit of every property."""
    flags: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    """By kind."""
    sources: Counter[str] = field(default_factory=Counter)
    """Studies by data set; "" computed here."""
    latest: str = ""
    """When the latest study was asked for: the date of the data set."""


@dataclass(frozen=True)
class Published:
    """A data set that was written."""

    folder: Path
    files: tuple[str, ...]
    counts: Counts


def publish(store: Store, folder: Path, about: About, selection: Selection | None = None) -> Published:
    """Write a data set: values, studies and failures as Parquet, a card, croissant metadata and checksums.

    Args:
        store: Where the results are.
        folder: A folder that is not there yet, or is empty.
        about: What only its authors can say.
        selection: Which results; all without it.

    Raises:
        InvalidSettings: The folder has files in it, or nothing fits the selection.
        StorageUnavailable: The folder cannot be written.
    """
    selection = selection or Selection()
    target = folder.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidSettings(f"{folder} is there already and not empty; name a new folder")
    counts = _counted(store, selection)
    if not counts.values:
        raise InvalidSettings("no value fits what was asked for, so there is nothing to publish")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise StorageUnavailable(f"{folder} cannot be written: {error.strerror}") from error
    try:
        files = _write(store, unfinished, about, selection, counts)
        unfinished.chmod(0o755)
        if target.exists():
            target.rmdir()
        os.replace(unfinished, target)
    except OSError as error:
        raise StorageUnavailable(f"{folder} cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Published(target, files, counts)


def _counted(store: Store, selection: Selection) -> Counts:
    counts = Counts()
    studies = query_studies(store, **selection.model_dump(exclude_defaults=True))
    counts.studies = len(studies)
    counts.polymers = len({study.polymer.key for study in studies})
    counts.sources = Counter(study.source for study in studies)
    counts.latest = max((study.created.isoformat() for study in studies), default="")
    judged = selection.model_copy(update={"equilibrated": True})
    counts.equilibrated = Search(store, judged).count()
    for rows in result_batches(store, selection):
        for row in rows:
            of_property = counts.by_property.setdefault(row.property, Counter())
            of_property["values"] += 1
            of_property["unflagged"] += not row.flags
            of_property["with_error"] += row.stderr is not None
            counts.units[row.property] = row.unit
            counts.flags.update(row.flags)
    counts.values, counts.unflagged, counts.with_error = (
        sum(one[name] for one in counts.by_property.values()) for name in ("values", "unflagged", "with_error")
    )
    return counts


def _write(store: Store, folder: Path, about: About, selection: Selection, counts: Counts) -> tuple[str, ...]:
    export(store, folder / VALUES, selection=selection)
    Search(store, selection).write(folder / STUDIES, "wide")
    counts.failures = _write_failures(store, selection, folder / FAILURES)
    columns = {name: _columns(folder / name) for name in (VALUES, STUDIES, FAILURES)}
    checksums = {name: sha256(folder / name) for name in columns}
    (folder / METADATA).write_text(croissant(about, counts, columns, checksums), encoding="utf-8")
    (folder / CARD).write_text(card(about, counts, columns, selection), encoding="utf-8")
    files = (*columns, CARD, METADATA)
    lines = [f"{sha256(folder / name)}  {name}\n" for name in sorted(files)]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")
    return (*files, CHECKSUMS)


def _write_failures(store: Store, selection: Selection, path: Path) -> Counter[str]:
    """Write all failures; how many there are by kind."""
    import pyarrow
    from pyarrow import parquet

    rows = [asdict(one) for one in failures_of(store, selection)]
    schema = pyarrow.schema([(name, pyarrow.string()) for name in FailureOfStudy.__dataclass_fields__])
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), path, compression="zstd")
    return Counter(row["kind"] for row in rows)


def _columns(path: Path) -> dict[str, Any]:
    """Type and unit of every column of a Parquet file."""
    from pyarrow import parquet

    return {
        one.name: {"type": str(one.type), "unit": (one.metadata or {}).get(b"unit", b"").decode()}
        for one in parquet.read_schema(path)
    }
