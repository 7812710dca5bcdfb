"""A whole file into the database: read once to learn its units, and once more to enter its rows, batch by batch."""

from __future__ import annotations

import math
import os
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyomics import __version__
from polyomics.errors import InvalidInputFile, InvalidPolymer, InvalidSettings
from polyomics.helpers import Helpers
from polyomics.interchange.columns import is_understood, plain_name
from polyomics.interchange.csv_rows import CsvRow, read_header, read_rows, sha256_of
from polyomics.interchange.imported_row import (
    Describe,
    DescribedPolymer,
    FileFormat,
    Tally,
    described_or_problem,
)
from polyomics.interchange.units import Evidence, UnitFound, as_written
from polyomics.records import digest

if TYPE_CHECKING:
    from polyomics.database.imports import FinishedStudy
    from polyomics.database.store import Store

ROWS_AT_A_TIME = 250
"""Rows of one transaction: what an interruption loses at most."""
MANY_ROWS = 3000
"""Rows from which it pays to start processes that read SMILES."""
EXAMPLES = 10
"""Rows that were not taken over of which the message is kept."""
SMALLEST_RATIO_OF_SAMPLE = 0.49
"""Of three values, the standard deviation over the range is 0.50 to 0.58 divided by n - 1, and 0.41 to 0.47 by n."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Skipped:
    """A row that was not taken over."""

    line: int
    psmiles: str
    reason: str


@dataclass
class ImportSummary:
    """What became of a file."""

    source: str
    """Name under which its studies are found."""
    rows: int = 0
    """Rows of the file."""
    inserted: int = 0
    """Studies that are new; of a dry run: that would be."""
    existing: int = 0
    """Studies that were there already."""
    changed: int = 0
    """Of those, how many say something else now; they were left as they are."""
    repeated: int = 0
    """Rows that stand twice in the file."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Why rows were not taken over -> number."""
    examples: list[Skipped] = field(default_factory=list)
    """Some of those rows."""
    tally: Tally = field(default_factory=Tally)
    """What was found in the rows that are new."""
    units: list[UnitFound] = field(default_factory=list)
    """Units told by the numbers."""
    not_understood: list[str] = field(default_factory=list)
    """Columns that nothing was made of."""
    seconds: float = 0.0
    """How long it took."""


Report = Callable[[int, int], None]
"""Told the number of rows done and of all; 0 as long as that is not known. May raise, to stop."""


def import_file(
    store: Store | None,
    path: str | Path,
    *,
    source: str | None = None,
    dry_run: bool = False,
    processes: int | None = None,
    report: Report = lambda done, total: None,
) -> ImportSummary:
    """Enter the rows of a CSV file of PolyOmics or RadonPy as studies; those that are there stay as they are.

    Rows are entered some hundred at a time, each time whole; what is interrupted goes on when it is called again.

    Args:
        store: The database; None, only for a dry run, if there is none yet.
        path: The file.
        source: Name of the data set; that of the file unless given.
        dry_run: Find out, but enter nothing.
        processes: Processes that read SMILES; by default one a CPU where the file is long.
        report: Told how far it is.

    Raises:
        InvalidInputFile: The file cannot be read, or is not of PolyOmics or RadonPy.
        InvalidSettings: The name of the source is none.
    """
    started = time.monotonic()
    path = Path(path)
    summary = ImportSummary(checked_source(source if source is not None else path.stem))
    header = read_header(path)
    layout = _learn(path, header, summary, report)
    if store is None and not dry_run:
        raise ValueError("without a database there can only be a dry run")
    n_processes = processes or (_cpus() if summary.rows >= MANY_ROWS else 1)
    seen: set[str] = set()
    replicates: Counter[str] = Counter()
    with _describing(n_processes) as describe:
        done = 0
        rows = read_rows(path, len(header))
        while batch := list(islice(rows, ROWS_AT_A_TIME)):
            studies = _batch(store, layout, batch, describe, summary, seen, replicates)
            summary.inserted += len(studies) if dry_run or store is None else _enter(store, studies)
            done += len(batch)
            report(done, summary.rows)
    summary.seconds = time.monotonic() - started
    return summary


def checked_source(name: str) -> str:
    """The name of a data set, if it can be one.

    Raises:
        InvalidSettings: It cannot.
    """
    if not _NAME.fullmatch(name) or name == "computed":
        raise InvalidSettings(
            f"{name[:80]!r} cannot be the name of a data set; use up to 64 letters, digits, '_', '-' and '.', such as "
            "--source radonpy_pi1070 ('computed' stands for what polyomics ran itself)"
        )
    return name


def _learn(path: Path, header: Sequence[str], summary: ImportSummary, report: Report) -> FileFormat:
    """Go through the file once: how many rows, which units, how deviations were formed."""
    plain = [plain_name(name) for name in header]
    twice = sorted({name for name in plain if name and plain.count(name) > 1})
    if twice:
        raise InvalidInputFile(f"{path}: two columns are {twice[0]!r}")
    try:
        layout = FileFormat(summary.source, header, {})
    except InvalidInputFile as error:
        raise InvalidInputFile(f"{path} is not a file of PolyOmics or RadonPy: {error}") from error
    summary.not_understood = [
        name for name, known in zip(header, plain, strict=True) if not is_understood(known, plain)
    ]
    evidence = Evidence()
    ratios: list[float] = []
    for row in read_rows(path, len(header)):
        summary.rows += 1
        if summary.rows % ROWS_AT_A_TIME == 0:
            report(0, 0)
        if not row.problem and evidence.wants_next():
            evidence.add(layout.numbers_for_units(row.fields))
            ratios += _deviation_ratio(layout, row.fields)
    if not summary.rows:
        raise InvalidInputFile(f"{path} has a header but no rows")
    units = as_written(plain) if layout.is_ours else evidence.units(plain)
    summary.units = list(units.values())
    facts = {"file": path.name, "file_sha256": sha256_of(path), "imported_by": f"polyomics {__version__}"}
    divides_by_n = bool(ratios) and statistics.median(ratios) < SMALLEST_RATIO_OF_SAMPLE
    return FileFormat(summary.source, header, units, divides_by_n=divides_by_n, facts=facts)


def _deviation_ratio(layout: FileFormat, fields: Sequence[str]) -> list[float]:
    """Standard deviation of the density over its range, of rows with three runs."""
    if layout.number(fields, "density_count") != 3:
        return []
    deviation, low, high = (layout.number(fields, f"density_{end}") for end in ("std", "min", "max"))
    if not deviation or low is None or high is None or high <= low:
        return []
    return [deviation / (high - low)]


def _batch(
    store: Store | None,
    layout: FileFormat,
    rows: Sequence[CsvRow],
    describe: Describe,
    summary: ImportSummary,
    seen: set[str],
    replicates: Counter[str],
) -> list[FinishedStudy]:
    """The new studies of some rows."""
    good: dict[str, tuple[CsvRow, str, int]] = {}
    for row in rows:
        try:
            if row.problem:
                raise InvalidInputFile(row.problem)
            psmiles = layout.psmiles(row.fields)
        except (InvalidInputFile, InvalidPolymer) as error:
            _skip(summary, row, "", error.kind, str(error))
            continue
        key = layout.study_key(row.fields)
        if key in seen:
            summary.repeated += 1
            continue
        seen.add(key)
        group = digest([psmiles, layout.request(row.fields)])
        good[key] = (row, psmiles, replicates[group])
        replicates[group] += 1
    there = _there(store, layout, {key: row.fields for key, (row, _, _) in good.items()}, summary)
    new = {key: found for key, found in good.items() if key not in there}
    polymers = describe(list(dict.fromkeys(psmiles for _, psmiles, _ in new.values())))
    studies = []
    for row, psmiles, replicate in new.values():
        described = polymers[psmiles]
        if isinstance(described, DescribedPolymer):
            studies.append(layout.study(row.fields, row.line, described, replicate, summary.tally))
        else:
            _skip(summary, row, psmiles, "InvalidPolymer", described)
    return studies


def _there(
    store: Store | None, layout: FileFormat, fields_of: dict[str, Sequence[str]], summary: ImportSummary
) -> set[str]:
    """Keys of the rows that are in the database; those that say something else now are counted."""
    if store is None:
        return set()
    from polyomics.database.imports import known_keys, provenance_values

    there = known_keys(store, fields_of)
    before = {} if layout.is_ours else provenance_values(store, "row_sha256", there)
    summary.existing += len(there)
    summary.changed += sum(text != layout.content_digest(fields_of[key]) for key, text in before.items())
    return there


def _skip(summary: ImportSummary, row: CsvRow, psmiles: str, kind: str, reason: str) -> None:
    summary.skipped[kind] += 1
    if len(summary.examples) < EXAMPLES:
        summary.examples.append(Skipped(row.line, psmiles, reason))


def _enter(store: Store, studies: Sequence[FinishedStudy]) -> int:
    from polyomics.database.imports import put_finished

    return len(put_finished(store, studies))


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _describing(n_processes: int) -> Iterator[Describe]:
    """Reads many SMILES, in so many processes."""
    if n_processes <= 1:
        yield _described
        return
    with Helpers(n_processes, _described) as helpers:

        def describe(texts: Sequence[str]) -> dict[str, Any]:
            size = max(1, math.ceil(len(texts) / (4 * n_processes)))
            parts = [texts[start : start + size] for start in range(0, len(texts), size)]
            return {text: found for part in helpers.answers(parts) for text, found in part.items()}

        yield describe


def _described(texts: Sequence[str]) -> dict[str, Any]:
    return {text: described_or_problem(text) for text in texts}
