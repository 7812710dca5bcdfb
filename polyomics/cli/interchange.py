"""`polyomics import`: results of others, from their CSV files, into the same tables."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyomics.cli.check import AsJson
from polyomics.cli.ending import say

if TYPE_CHECKING:
    from rich.console import Console

    from polyomics.interchange import ImportSummary

MOST_FAILURES = 20
"""Lines of failures that are shown."""

SourceName = Annotated[
    str | None, typer.Option("--source", metavar="NAME", help="Name to find them by; that of the file unless given.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and store nothing.")]
Processes = Annotated[
    int | None, typer.Option("--processes", min=1, help="Processes that read SMILES; one a CPU for long files.")
]


def import_table(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="CSV file of PolyOmics or RadonPy, or one of 'export'.")],
    source: SourceName = None,
    dry_run: DryRun = False,
    processes: Processes = None,
    as_json: AsJson = False,
) -> None:
    """Take results of PolyOmics or RadonPy over from their CSV files.

    Every row becomes a study with the status done and the preset imported, with its values under our names and in our
    units, errors from the spread of its runs, and the flag imported. What is no value (a failed fit, a number that
    cannot be) becomes a failure. In which unit a column is, its numbers tell. Rows that are there already stay as they
    are, so an import that was stopped goes on when it is called again.

    Example:  polyomics import PI1070.csv --source radonpy_pi1070

    JSON keys: source, dry_run, rows, inserted, existing, changed, repeated, skipped (by reason), examples, values,
    failures (property, kind, n), units (column, unit, documented, told, reason), identities (name, checked, broken),
    restored_errors, other_units, misfits, not_understood, seconds, rows_per_s.
    """
    try:
        with _interrupted_between_batches() as check:
            _import_table(path, source, processes, check, dry_run=dry_run, as_json=as_json)
    except KeyboardInterrupt:
        say("stopped; what was entered is whole, and the same command goes on from there")
        raise


@contextmanager
def _interrupted_between_batches() -> Iterator[Callable[[], None]]:
    """Hold Ctrl-C back until the function that is given is called: then a batch is whole.

    RDKit catches the signal while it searches a structure, and returns what it has found by then as if that were all.
    """
    held = {signal.SIGINT}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)  # threads and processes started from here on inherit it

    def check() -> None:
        if signal.sigpending() & held:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        yield check
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _import_table(
    path: Path,
    source: str | None,
    processes: int | None,
    check: Callable[[], None],
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from polyomics.cli.render import make_console, print_json
    from polyomics.config import database_url
    from polyomics.database import inspect_schema, open_database
    from polyomics.interchange import import_file

    console = make_console(stderr=True)
    is_new = inspect_schema(database_url()).status in ("missing", "empty")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("rows", total=None)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total or None)
            check()

        def run(store: Any) -> ImportSummary:
            return import_file(
                store,
                path,
                source=source,
                dry_run=dry_run,
                processes=processes,
                report=report,
            )

        if dry_run and is_new:
            summary = run(None)
        else:
            _refuse_what_is_none(path, source)
            with open_database(read_only=dry_run) as store:
                summary = run(store)
    if as_json:
        print_json(summary_json(summary, dry_run=dry_run))
    else:
        print_summary(make_console(), summary, dry_run=dry_run)


def _refuse_what_is_none(path: Path, source: str | None) -> None:
    """A file or name that cannot be leaves no database behind."""
    from polyomics.interchange.csv_rows import read_header
    from polyomics.interchange.import_file import checked_source
    from polyomics.interchange.imported_row import FileFormat

    name = checked_source(source if source is not None else path.stem)
    FileFormat(name, read_header(path), {})


def summary_json(summary: ImportSummary, *, dry_run: bool) -> dict[str, Any]:
    """A summary as plain JSON values."""
    tally = summary.tally
    return {
        "source": summary.source,
        "dry_run": dry_run,
        "rows": summary.rows,
        "inserted": summary.inserted,
        "existing": summary.existing,
        "changed": summary.changed,
        "repeated": summary.repeated,
        "skipped": dict(summary.skipped),
        "examples": [vars(example) for example in summary.examples],
        "values": tally.n_values,
        "failures": [{"property": name, "kind": kind, "n": n} for (name, kind), n in tally.failures.most_common()],
        "units": [
            {
                "column": unit.column,
                "unit": unit.unit,
                "documented": unit.documented,
                "told": unit.is_told,
                "reason": unit.reason,
            }
            for unit in summary.units
        ],
        "identities": [
            {"name": name, "checked": checked, "broken": n} for name, (checked, n) in tally.identities.items()
        ],
        "restored_errors": tally.restored_errors,
        "other_units": tally.other_units,
        "misfits": tally.misfits,
        "not_understood": summary.not_understood,
        "seconds": summary.seconds,
        "rows_per_s": summary.rows / summary.seconds if summary.seconds else None,
    }


def print_summary(console: Console, summary: ImportSummary, *, dry_run: bool) -> None:
    """What became of a file, for people."""
    from polyomics.cli.render import duration, make_table

    tally = summary.tally
    verb = "would be inserted" if dry_run else "inserted"
    speed = f", {summary.rows / summary.seconds:.0f} rows/s" if summary.seconds else ""
    console.print(
        f"{summary.source}: {summary.rows:,} rows, {summary.inserted:,} {verb}, {summary.existing:,} were there, "
        f"{tally.n_values:,} values ({duration(summary.seconds)}{speed})"
    )
    for line in _remarks(summary):
        console.print(line, style="yellow")
    if tally.failures:
        right: dict[str, Any] = {"justify": "right"}
        table = make_table("property", "what is no value", ("rows", right), title="failures")
        for (name, kind), n in tally.failures.most_common(MOST_FAILURES):
            table.add_row(name, kind, f"{n:,}")
        console.print(table)
        if len(tally.failures) > MOST_FAILURES:
            console.print(f"and {len(tally.failures) - MOST_FAILURES} more kinds; --json has all", style="dim")
    for example in summary.examples:
        console.print(f"line {example.line} {example.psmiles}: {example.reason}", style="dim")


def _remarks(summary: ImportSummary) -> list[str]:
    tally = summary.tally
    lines = []
    for unit in summary.units:
        if unit.is_trap and unit.is_told:
            lines.append(f"{unit.column} is in {unit.unit}, not in {unit.documented} as documented: {unit.reason}")
        elif not unit.is_told:
            lines.append(f"{unit.column} is taken to be in {unit.unit}: {unit.reason}")
    for name, (checked, n) in tally.identities.items():
        if n:
            lines.append(f"{name} does not hold in {n:,} of {checked:,} rows (flag inconsistent)")
    if tally.restored_errors:
        lines.append(
            f"{tally.restored_errors:,} standard deviations of two runs were zero; restored from smallest and largest"
        )
    if tally.other_units:
        lines.append(f"{tally.other_units:,} repeat units are several of ours; chains have as many more of these")
    if tally.misfits:
        lines.append(f"{tally.misfits:,} rows state another mass of the repeat unit than their SMILES has")
    if summary.changed:
        lines.append(f"{summary.changed:,} rows say something else than when they were taken over; those were kept")
    if summary.repeated:
        lines.append(f"{summary.repeated:,} rows stand in the file a second time; left out")
    lines += [f"{n:,} rows were not taken over: {reason}" for reason, n in summary.skipped.most_common()]
    if summary.not_understood:
        lines.append(f"columns not understood: {', '.join(summary.not_understood)}")
    return lines
