"""`polyomics cancel`, `retry`, `priority`, `logs`: what is asked of studies that were submitted."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyomics.cli.check import AsJson
from polyomics.cli.ending import say
from polyomics.errors import InvalidSettings, NoResults

if TYPE_CHECKING:
    from polyomics.database import Store
    from polyomics.database.control import Changed, Chosen
    from polyomics.database.rows import Attempt

FOLLOW_S = 0.5
"""Time between looks at a log that is followed."""

Targets = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY|CAMPAIGN...", help="Keys of studies, their beginnings, names of campaigns."),
]
CampaignNames = Annotated[
    list[str] | None, typer.Option("--campaign", help="Studies of this campaign; may be repeated.")
]
OfStatus = Annotated[str | None, typer.Option("--status", help="Only studies with this status.")]
WithError = Annotated[
    str | None, typer.Option("--error", metavar="TEXT", help="Only studies whose failure has this text in it.")
]
OfPolymer = Annotated[str | None, typer.Option("--polymer", help="Only studies of this polymer: SMILES or key.")]
Everything = Annotated[bool, typer.Option("--all", help="All studies there are.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]


def cancel(
    targets: Targets = None,
    campaign: CampaignNames = None,
    status: OfStatus = None,
    error: WithError = None,
    polymer: OfPolymer = None,
    everything: Everything = False,
    yes: Annotated[bool, typer.Option("--yes", help="Really cancel all; asked for with --all on a terminal.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take studies out of the queue; those that run stop within 15 s. What was done stays: 'retry' goes on from there.

    Example:  polyomics cancel 3f2a91    polyomics cancel nylons --status queued

    JSON keys: changed (by the status they had), n_changed, left_alone (by why: their status, or 'is so already'),
    dry_run.
    """
    from polyomics.database import control

    if everything and not (yes or dry_run) and sys.stdin.isatty():
        raise InvalidSettings("this would cancel all studies; add --yes to do it, or --dry-run to see how many")

    with _store(read_only=dry_run) as store:
        chosen = _chosen(store, targets, campaign, status, error, polymer, everything=everything)
        changed = control.cancel(store, chosen, dry_run=dry_run)
    stops = bool(changed.changed.get("running")) and not dry_run
    note = "those that run stop within 15 s and keep their checkpoint" if stops else ""
    _answer(changed, "cancelled", note=note, dry_run=dry_run, as_json=as_json)


def retry(
    targets: Targets = None,
    campaign: CampaignNames = None,
    status: OfStatus = None,
    error: WithError = None,
    polymer: OfPolymer = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Put studies that failed or were cancelled into the queue again; they go on from their last checkpoint.

    Example:  polyomics retry --error NaN    polyomics retry nylons --status failed

    JSON keys: changed (by the status they had), n_changed, left_alone (by why: their status), dry_run.
    """
    from polyomics.database import control

    with _store(read_only=dry_run) as store:
        chosen = _chosen(store, targets, campaign, status, error, polymer, everything=everything)
        changed = control.retry(store, chosen, dry_run=dry_run)
    _answer(changed, "queued again", dry_run=dry_run, as_json=as_json)


def priority(
    wanted: Annotated[str, typer.Argument(metavar="high|normal|low", help="How soon they are wanted.")],
    targets: Targets = None,
    campaign: CampaignNames = None,
    status: OfStatus = None,
    error: WithError = None,
    polymer: OfPolymer = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Say how soon studies are wanted: workers take high before normal before low, and of one kind the oldest first.

    Example:  polyomics priority high nylons

    JSON keys: changed (by their status), n_changed, left_alone (by why: their status, or 'is so already'), dry_run.
    """
    from polyomics.database import control

    with _store(read_only=dry_run) as store:
        chosen = _chosen(store, targets, campaign, status, error, polymer, everything=everything)
        changed = control.set_priority(store, chosen, wanted, dry_run=dry_run)
    _answer(changed, f"given priority {wanted}", dry_run=dry_run, as_json=as_json)


def logs(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Key of a study, or the beginning of it.")],
    attempt: Annotated[int | None, typer.Option(min=1, help="Of this attempt; the latest unless given.")] = None,
    lines: Annotated[int | None, typer.Option(min=0, help="Only so many of the last lines.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing until the attempt ends.")] = False,
) -> None:
    """Print what the process of a study has written: its steps, warnings, and how it ended.

    Example:  polyomics logs 3f2a91 --follow
    """
    from polyomics.config import home
    from polyomics.database.queue import Queue
    from polyomics.work.worker import log_file

    with _store(read_only=True) as store:
        study = store.study(key)
        queue = Queue(store)
        chosen = _attempt(study.key, queue.attempts(study.key), attempt)
        path = log_file(home(), study.key, chosen.number)
        if not path.is_file():
            raise NoResults(_where_the_log_is(study.key, chosen, path))

        def has_ended() -> bool:
            return queue.attempts(study.key)[chosen.number - 1].ended is not None

        _print_log(path, lines, has_ended if follow else None)


# -------------------------------------------------------------------- choosing


def _store(*, read_only: bool) -> Store:
    from polyomics.cli.status import require_database
    from polyomics.database import open_database

    require_database()
    return open_database(read_only=read_only)


def _chosen(
    store: Store,
    texts: list[str] | None,
    campaigns: list[str] | None,
    status: str | None,
    error: str | None,
    polymer: str | None,
    *,
    everything: bool,
) -> Chosen:
    """The studies that are meant.

    Raises:
        InvalidSettings: Nothing was chosen, or everything and something.
        UserError: No such study, campaign, status or polymer.
    """
    from polyomics.cli.results import polymer_key, study_status
    from polyomics.database.control import Chosen, find_campaigns, find_targets

    if everything and (texts or campaigns):
        raise InvalidSettings("--all means every study; leave the keys and campaigns out, or leave --all out")
    if not (everything or texts or campaigns or status or error or polymer):
        raise InvalidSettings("say which studies: keys, campaigns, --status, --error, --polymer, or --all")
    found = find_targets(store, [text.strip() for text in texts or ()])
    for text in found.ambiguous:
        say(f"{text} is a study and a campaign; the study was taken, write --campaign {text} for the campaign")
    return Chosen(
        keys=found.keys,
        campaigns=(*found.campaigns, *find_campaigns(store, campaigns or ())),
        status=study_status(status),
        error=error,
        polymer=polymer_key(polymer),
    )


def _answer(changed: Changed, what: str, *, note: str = "", dry_run: bool, as_json: bool) -> None:
    from polyomics.cli.render import print_json

    if as_json:
        print_json({**changed.model_dump(), "n_changed": changed.n_changed, "dry_run": dry_run})
        return
    if not changed.n_chosen:
        typer.echo("no study fits; nothing was changed")
        return
    were = ", ".join(f"{count:,} {status}" for status, count in changed.changed.items())
    would = "would be " if dry_run else ""
    typer.echo(f"{studies(changed.n_changed)} {would}{what}" + (f" ({were})" if were else ""))
    if changed.left_alone:
        left = ", ".join(f"{count:,} {reason}" for reason, count in changed.left_alone.items())
        typer.echo(f"{studies(sum(changed.left_alone.values()))} left alone ({left})")
    if note:
        typer.echo(note)


def studies(count: int) -> str:
    """So many studies, in words."""
    return f"{count:,} stud{'y' if count == 1 else 'ies'}"


# -------------------------------------------------------------------- logs


def _attempt(key: str, attempts: list[Attempt], number: int | None) -> Attempt:
    if not attempts:
        raise NoResults(
            f"study {key} has not been begun, so there is no log; 'polyomics status' says what it waits for"
        )
    if number is not None and number > len(attempts):
        raise InvalidSettings(f"there is no attempt {number} at study {key}; the latest is {len(attempts)}")
    return attempts[-1] if number is None else attempts[number - 1]


def _where_the_log_is(key: str, attempt: Attempt, path: Path) -> str:
    from polyomics.config import home
    from polyomics.database.queue import this_host

    what = f"attempt {attempt.number} at study {key}"
    if attempt.worker is None:
        return f"{what} was run by hand on {attempt.host}; what it said went to the terminal it was started from"
    if attempt.host == this_host():
        return f"{what} left no log at {path}; if its worker had another home folder, set POLYOMICS_HOME to that"
    below = path.relative_to(home())
    return f"{what} ran on {attempt.host}; its log is there, {below} in the home folder of worker {attempt.worker}"


def _print_log(path: Path, lines: int | None, has_ended: Callable[[], bool] | None) -> None:
    """Print a log, and what is added to it until `has_ended`."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        kept: Any = stream if lines is None else deque(stream, maxlen=lines)
        for line in kept:
            sys.stdout.write(line)
        while has_ended is not None:
            is_last = has_ended()
            sys.stdout.write(stream.read())
            sys.stdout.flush()
            if is_last:
                return
            time.sleep(FOLLOW_S)
