"""`polyomics submit`: polymers into the queue, one or a hundred thousand."""

from __future__ import annotations

import csv
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyomics.cli.check import AsJson
from polyomics.cli.ending import say
from polyomics.cli.options import takes_study_options
from polyomics.cli.stopping import stoppable
from polyomics.errors import InvalidInputFile, InvalidSettings
from polyomics.polymer_file import is_file

if TYPE_CHECKING:
    from rich.console import Console

    from polyomics.submission import InvalidLine, Submission

QUEUE = "The queue"
STDIN = "-"
COLUMNS_NAMED = 8
"""Ignored columns that are named."""
FIRST_LINE_S = 2.0
"""Time after which a submission says how far it is."""


@takes_study_options
def submit(
    what: Annotated[
        str,
        typer.Argument(
            metavar="SMILES|FILE.csv|-", help="Repeat unit with two '*', in quotes, or a CSV file; '-' reads one."
        ),
    ],
    options: Mapping[str, Any],
    campaign: Annotated[
        str | None, typer.Option("--campaign", help="Name to find the studies under.", rich_help_panel=QUEUE)
    ] = None,
    priority: Annotated[
        str, typer.Option(help="Of the new studies: low, normal or high.", rich_help_panel=QUEUE)
    ] = "normal",
    pool: Annotated[
        str, typer.Option(help="Only workers of this pool take the new studies.", rich_help_panel=QUEUE)
    ] = "",
    replicates: Annotated[
        int, typer.Option(min=1, help="Independent repetitions of each polymer.", rich_help_panel=QUEUE)
    ] = 1,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check and count everything, write nothing.", rich_help_panel=QUEUE),
    ] = False,
    invalid: Annotated[
        Path | None,
        typer.Option("--invalid", metavar="FILE.csv", help="Where to list all wrong lines.", rich_help_panel=QUEUE),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that check a long file; all cores unless given.", rich_help_panel=QUEUE),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Put one polymer, or every polymer of a CSV file, into the queue; 'polyomics worker' takes them from there.

    A study that is there already is not entered again, but joins the campaign. Wrong lines are listed, and the others
    go in. After an interruption, give the same command again: what is missing goes in.

    A CSV file has a header with a column 'psmiles'; columns named like an option ('chains', 'temperature', ...)
    set it for their line; other columns are ignored.

    Examples:  polyomics submit '*CC*' --replicates 3    polyomics submit polymers.csv --campaign nylons

    JSON keys: campaign, priority, pool, dry_run, ignored_columns, n_lines, inserted, existing, existing_by_status,
    repeated, invalid, invalid_by_kind, first_invalid (line, psmiles, kind, message), first_keys, gpu_hours_new,
    gpu_hours, database. Invalid lines are counted; everything else counts studies.

    Exit code: 0 if every line went in, 1 if some were wrong, 2 if nothing could go in.
    """
    from polyomics.cli.render import make_console, print_json
    from polyomics.config import database_url
    from polyomics.database.connection import masked
    from polyomics.estimate import available_cores
    from polyomics.submission import submit as enter

    from_file = what == STDIN or is_file(what)
    if invalid is not None and not from_file:
        raise InvalidSettings("--invalid is for a CSV file; one polymer was given")
    listing = _listing(invalid, what) if invalid is not None else nullcontext()
    messages = make_console(stderr=True)
    with stoppable(), listing as on_invalid, _progress(messages) as watch:
        result = enter(
            sys.stdin.buffer if what == STDIN else what,
            campaign=campaign,
            priority=priority,
            pool=pool,
            replicates=replicates,
            dry_run=dry_run,
            processes=processes or available_cores(),
            on_invalid=on_invalid,
            watch=watch,
            **options,
        )
    for line in result.first_invalid:
        say(f"error: line {line.line}: {line.message}" if from_file else f"error: {line.message}")
    _say_what_is_left_out(result, invalid)
    if as_json:
        print_json({**result.model_dump(mode="json"), "database": masked(database_url())})
    elif result.n_studies or from_file:
        _print(make_console(), result)
    if not result.n_studies:
        return 2
    return 1 if result.invalid else 0


@contextmanager
def _listing(path: Path, what: str) -> Iterator[Callable[[InvalidLine], None]]:
    """Writes wrong lines to a file, a header only if there are none."""
    if what != STDIN and path.exists() and path.samefile(what):
        raise InvalidSettings(f"--invalid {path} is the file of polymers itself; give another name")
    try:
        stream = path.open("w", newline="", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise InvalidInputFile(f"cannot write {path}: {error.strerror}") from error
    with stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(("line", "psmiles", "kind", "message"))

        def add(line: InvalidLine) -> None:
            rows.writerow((line.line, line.psmiles, line.kind, line.message))

        yield add


@contextmanager
def _progress(messages: Console) -> Iterator[Callable[[Submission, float | None], None]]:
    """Says how far a long submission is: on a line that is redrawn, or on a line every few seconds."""
    from polyomics.cli.progress import LINE_INTERVAL_S

    started = time.monotonic()
    last = started + FIRST_LINE_S - LINE_INTERVAL_S
    redrawn = messages.status("checking polymers") if messages.is_terminal and not messages.is_dumb_terminal else None

    def watch(so_far: Submission, fraction: float | None) -> None:
        nonlocal last
        now = time.monotonic()
        text = _so_far(so_far, fraction, now - started)
        if redrawn is not None:
            redrawn.update(text)
        elif now - last >= LINE_INTERVAL_S:
            last = now
            say(text)

    with redrawn or nullcontext():
        yield watch


def _so_far(so_far: Submission, fraction: float | None, elapsed_s: float) -> str:
    from polyomics.cli.render import clock

    part = "" if fraction is None else f" ({100 * fraction:.0f} %)"
    rate = so_far.n_lines / max(elapsed_s, 1e-3)
    counts = f"{so_far.inserted:,} new, {so_far.existing:,} existing, {so_far.invalid:,} wrong lines"
    return f"[{clock(elapsed_s)}] {so_far.n_lines:,} lines{part}, {rate:,.0f} a second: {counts}"


def _say_what_is_left_out(result: Submission, listed: Path | None) -> None:
    if result.ignored_columns:
        shown = ", ".join(map(repr, result.ignored_columns[:COLUMNS_NAMED]))
        more = f" and {n - COLUMNS_NAMED} more" if (n := len(result.ignored_columns)) > COLUMNS_NAMED else ""
        say(f"ignoring the columns {shown}{more}, which are no options")
    n_more = result.invalid - len(result.first_invalid)
    if listed is not None and result.invalid:
        say(f"all {result.invalid:,} wrong lines are in {listed}")
    elif n_more > 0:
        say(f"and {n_more:,} more wrong lines; --invalid FILE.csv lists all")


def _print(console: Console, result: Submission) -> None:
    from polyomics.cli.render import number, pairs

    there = ", ".join(f"{count:,} {status}" for status, count in result.existing_by_status.items())
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in result.invalid_by_kind.items())
    rows: dict[str, Any] = {
        "campaign": result.campaign,
        "would be inserted" if result.dry_run else "inserted": _studies(result.inserted),
        "existing": _studies(result.existing) + (f" ({there})" if there else ""),
        "repeated": f"{result.repeated:,} asked for twice or more, counted once" if result.repeated else None,
        "invalid": f"{result.invalid:,} line{'' if result.invalid == 1 else 's'}" + (f" ({kinds})" if kinds else ""),
        "estimated MD": f"{number(result.gpu_hours_new, 1)} GPU-hours of new studies, "
        f"{number(result.gpu_hours, 1)} of all; expect a factor of 2 either way",
        "study key": result.first_keys[0] if result.n_studies == 1 else None,
    }
    console.print(pairs(rows))
    again = [status for status in ("failed", "cancelled") if result.existing_by_status.get(status)]
    for status in again:
        target = f"--campaign {shlex.quote(result.campaign)}" if result.campaign else "--all"
        console.print(f"those that are {status} stay so; to run them again: polyomics retry {target} --status {status}")


def _studies(count: int) -> str:
    return f"{count:,} {'study' if count == 1 else 'studies'}"
