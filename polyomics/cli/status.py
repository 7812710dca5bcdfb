"""`polyomics status`: what the queue holds and what runs."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyomics.cli.check import AsJson
from polyomics.cli.ending import say
from polyomics.errors import StorageUnavailable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from polyomics.database import Store
    from polyomics.database.overview import Overview, RunningStudy, Some
    from polyomics.database.rows import WorkerRow

REFRESH_S = 2.0
"""Time between two looks with --watch."""
LINE_S = 60.0
"""A line is written at least this often where the screen is no terminal."""
SHOWN = 20
"""Running studies and workers in a table, at most."""
FEWEST_SHOWN = 3
"""The same, at least, on a screen that is redrawn and must hold everything."""
LINES_BESIDE = 8
"""Half the lines that counts, headings, failures and warnings take."""
LONGEST_MESSAGE = 240
"""Characters of a failure's message that are shown."""


def status(
    campaign: Annotated[str | None, typer.Option("--campaign", help="Only studies of this campaign.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every 2 s, until all studies have ended.")] = False,
    as_json: AsJson = False,
) -> int:
    """Say how many studies wait, run and have ended, what runs where, how long it will take, and what went wrong.

    With --watch it ends when nothing is queued or running: with exit code 0 if no study failed, else 1.

    Example:  polyomics status --campaign nylons --watch

    JSON keys: campaign, moment, counts (by status), running (key, psmiles, preset, priority, stage, stage_index,
    n_stages, progress_percent, done_ps, total_ps, ns_per_day, density_g_cm3, seconds_left, gpu_hours, attempt, worker,
    host, pid, device, claimed, seen, is_overdue), workers (name, host, pid, pool, slots, devices, version, state, note,
    ns_per_day, started, seen, is_silent), waiting (pool, count, n_workers), failures (kind, count, example_key,
    example_message, retry), gpu_hours (done, remaining, n_without_estimate), seconds_left, warnings, prefect (address
    of the dashboard), database. With --watch: one object a line.
    """
    require_database()
    from polyomics.database import open_database

    with open_database() as store:
        if watch:
            return _watch(store, campaign, as_json=as_json)
        _show(store, campaign, as_json=as_json)
    return 0


def require_database() -> None:
    """Refuse to go on without a database.

    Raises:
        StorageUnavailable: There is none yet, or it has no tables.
    """
    from polyomics.config import database_url
    from polyomics.database import inspect_schema

    state = inspect_schema(database_url())
    if state.status in ("missing", "empty"):
        raise StorageUnavailable(
            f"there are no studies in {state.url} yet; polyomics submit enters some, or set POLYOMICS_DATABASE_URL to "
            "the database they are in"
        )


def _show(store: Store, campaign: str | None, *, as_json: bool) -> None:
    from polyomics.cli.render import make_console, print_json
    from polyomics.database.overview import overview

    now = overview(store, campaign)
    if as_json:
        print_json(_json(now, store.url))
        return
    console = make_console()
    console.print(_page(now, console))


# -------------------------------------------------------------------- watching


def _watch(store: Store, campaign: str | None, *, as_json: bool) -> int:
    from polyomics.cli.render import make_console
    from polyomics.database.overview import overview

    console = make_console()
    now = overview(store, campaign)
    if as_json:
        return _until_over(store, now, lambda now: typer.echo(json.dumps(_json(now, store.url), ensure_ascii=False)))
    if not console.is_terminal:
        return _until_over(store, now, _Lines())
    from rich.live import Live

    rows = max(FEWEST_SHOWN, min(SHOWN, console.height // 2 - LINES_BESIDE))
    with Live(console=console, auto_refresh=False) as live:
        return _until_over(store, now, lambda now: live.update(_page(now, console, rows), refresh=True))


def _until_over(store: Store, now: Overview, show: Callable[[Overview], None]) -> int:
    from polyomics.database.overview import overview

    while True:
        show(now)
        sys.stdout.flush()
        if now.is_over:
            return 1 if now.counts["failed"] else 0
        time.sleep(REFRESH_S)
        try:
            now = overview(store, now.campaign)
        except StorageUnavailable as error:
            say(f"waiting for the database: {error}")


class _Lines:
    """A line at every change of the counts, and now and then in between."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._last = float("-inf")

    def __call__(self, now: Overview) -> None:
        if now.counts == self._counts and time.monotonic() - self._last < LINE_S:
            return
        self._counts, self._last = now.counts, time.monotonic()
        moment = now.moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        typer.echo("  ".join([moment, _counts_in_words(now), *(text for text in (_hours(now), _left(now)) if text)]))


# -------------------------------------------------------------------- in words


def _counts_in_words(now: Overview) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in now.counts.items())


def _hours(now: Overview) -> str:
    if not (now.gpu_hours_done or now.gpu_hours_remaining):
        return ""
    text = f"{now.gpu_hours_done:,.1f} GPU-hours done, {now.gpu_hours_remaining:,.1f} to go"
    return text + (f" ({now.n_without_estimate:,} studies not counted)" if now.n_without_estimate else "")


def _left(now: Overview) -> str:
    from polyomics.cli.render import duration

    if now.is_over or now.seconds_left is None:
        return ""
    return f"about {duration(now.seconds_left)} at the speed of what runs now"


def warnings_of(now: Overview) -> list[str]:
    """What somebody has to see to, a sentence each, with what to do."""
    from polyomics.cli.render import duration

    found = [*_nobody_works(now)]
    for worker in now.workers:
        if worker.state == "quarantined":
            why = worker.note or "it did not say why"
            found.append(
                f"worker {worker.name} on {worker.host} takes no more work: {why}; mend that and start it anew"
            )
        elif now.is_silent(worker):
            ago = duration((now.moment - worker.seen).total_seconds())
            found.append(f"worker {worker.name} on {worker.host} has not been heard of for {ago}; it may be gone")
    if now.overdue.count:
        who = _some(now.overdue, "was", "were")
        found.append(f"{who} not heard of until the lease ran out; the next free worker goes on with it")
    if now.unheld.count:
        who = _some(now.unheld, "is", "are")
        found.append(f"{who} marked as running and held by nobody; polyomics retry KEY queues it again")
    if now.stopping.count:
        found.append(f"{_some(now.stopping, 'is', 'are')} cancelled and still stopping")
    return found


def _nobody_works(now: Overview) -> list[str]:
    from polyomics.cli.control import studies

    idle = [share for share in now.waiting if not share.n_workers]
    if not idle:
        return []
    count = sum(share.count for share in idle)
    if not any(worker.state == "working" and not now.is_silent(worker) for worker in now.workers):
        pools = [share.pool for share in now.waiting if share.pool]
        options = " or ".join(f"--pool {shlex.quote(pool)}" for pool in pools)
        command = f"polyomics worker {options}".strip()
        return [f"{studies(count)} wait{'s' if count == 1 else ''} and no worker is at work; start one: {command}"]
    return [
        f"{studies(share.count)} wait{'s' if share.count == 1 else ''} for pool {share.pool} and no worker of it is at "
        f"work; start one: polyomics worker --pool {shlex.quote(share.pool)}"
        for share in idle
    ]


def _some(some: Some, singular: str, plural: str) -> str:
    from polyomics.cli.control import studies
    from polyomics.cli.render import SHORT_KEY

    keys = ", ".join(key[:SHORT_KEY] for key in some.keys) + (", ..." if some.count > len(some.keys) else "")
    return f"{studies(some.count)} ({keys}) {singular if some.count == 1 else plural}"


def dashboard_address() -> str | None:
    """Where the Prefect dashboard is, by the environment; without a password."""
    from polyomics.database.connection import masked

    address = os.environ.get("PREFECT_UI_URL") or os.environ.get("PREFECT_API_URL", "").rstrip("/").removesuffix("/api")
    return masked(address) if address else None


def _retry_command(kind: str, campaign: str | None) -> str:
    of = f" --campaign {shlex.quote(campaign)}" if campaign is not None else ""
    return f"polyomics retry --error {shlex.quote(kind)}{of}"


# -------------------------------------------------------------------- as JSON


def _json(now: Overview, where: str) -> dict[str, Any]:
    return {
        "campaign": now.campaign,
        "moment": now.moment.isoformat(),
        "counts": now.counts,
        "running": [
            {**study.model_dump(mode="json"), "progress_percent": round(100.0 * study.progress, 2)}
            for study in now.running
        ],
        "workers": [
            {**worker.model_dump(mode="json", exclude={"id"}), "is_silent": now.is_silent(worker)}
            for worker in now.workers
        ],
        "waiting": [share.model_dump() for share in now.waiting],
        "failures": [{**item.model_dump(), "retry": _retry_command(item.kind, now.campaign)} for item in now.failures],
        "gpu_hours": {
            "done": now.gpu_hours_done,
            "remaining": now.gpu_hours_remaining,
            "n_without_estimate": now.n_without_estimate,
        },
        "seconds_left": now.seconds_left,
        "warnings": warnings_of(now),
        "prefect": dashboard_address(),
        "database": where,
    }


# -------------------------------------------------------------------- as a page


def _page(now: Overview, console: Console, rows: int = SHOWN) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from polyomics.cli.render import pairs, status_text

    if not sum(now.counts.values()):
        where = "in this campaign" if now.campaign is not None else "yet"
        return Group(
            Text(f"nothing was submitted {where}; enter polymers with: polyomics submit polymers.csv"),
            *_sections(now, console, rows),
        )
    counts = Text("  ").join(
        Text.assemble((f"{count:,} ", "bold" if count else "dim"), status_text(name))
        for name, count in now.counts.items()
    )
    facts = {
        "campaign": now.campaign,
        "studies": counts,
        "cost": _hours(now) or None,
        "time left": _left(now) or None,
        "dashboard": dashboard_address(),
    }
    return Group(pairs(facts), *_sections(now, console, rows))


def _sections(now: Overview, console: Console, rows: int) -> list[RenderableType]:
    from rich.text import Text

    found: list[RenderableType] = []
    if now.running:
        found += ["", _running_table(now.running[:rows], console), *_more(len(now.running) - rows, "running studies")]
    if now.workers:
        found += ["", _worker_table(now, rows), *_more(len(now.workers) - rows, "workers")]
    if now.failures:
        found += ["", _failure_table(now)]
        found += [Text(f"to run them again: {_retry_command('CLASS', now.campaign)}", style="dim")]
    warnings = warnings_of(now)
    if warnings:
        found += ["", *(Text(f"! {warning}", style="yellow") for warning in warnings)]
    return found


def _more(count: int, what: str) -> list[RenderableType]:
    from rich.text import Text

    return [Text(f"{count:,} more {what}; --json has all", style="dim")] if count > 0 else []


def _running_table(running: Sequence[RunningStudy], console: Console) -> RenderableType:
    from polyomics.cli.render import SHORT_KEY, WIDE, duration, make_table, number

    is_wide = console.width >= WIDE
    cut: dict[str, Any] = {"no_wrap": True, "overflow": "ellipsis"}
    right: dict[str, Any] = {"justify": "right", "no_wrap": True}
    table = make_table(
        ("running", {"no_wrap": True, "min_width": 8}),
        ("polymer", cut | {"max_width": 40 if is_wide else 11}),
        ("stage", cut | {"max_width": 20 if is_wide else 10}),
        ("%", right | {"min_width": 3}),
        ("ns/day", right | {"min_width": 6}),
        ("g/cm³", right | {"min_width": 5}),
        ("left", right | {"min_width": 8}),
        ("worker", cut),
    )
    table.collapse_padding = not is_wide
    for study in running:
        stage = f"{study.stage_index}/{study.n_stages} {study.stage}" if study.n_stages else study.stage
        where = study.worker or (f"by hand, {study.host}" if study.host else "nobody")
        table.add_row(
            study.key[: SHORT_KEY if is_wide else 8],
            study.psmiles,
            stage or "starting",
            f"{100.0 * study.progress:.0f}" if study.total_ps else "",
            number(study.ns_per_day, 3),
            number(study.density_g_cm3, 3),
            duration(study.seconds_left),
            where + (f" GPU {study.device}" if study.device else ""),
            style="yellow" if study.is_overdue else "",
        )
    return table


def _worker_table(now: Overview, rows: int) -> RenderableType:
    from polyomics.cli.render import make_table, number

    cut: dict[str, Any] = {"no_wrap": True, "overflow": "ellipsis"}
    right: dict[str, Any] = {"justify": "right", "no_wrap": True}
    table = make_table(
        ("worker", cut), ("host", cut), ("pool", cut), ("slots", right), "state", ("ns/day", right), ("heard", right)
    )
    for worker in now.workers[:rows]:
        table.add_row(
            worker.name,
            worker.host,
            worker.pool,
            str(worker.slots),
            _state_text(now, worker),
            number(worker.ns_per_day, 3),
            _ago(now, worker),
        )
    return table


def _state_text(now: Overview, worker: WorkerRow) -> Any:
    from rich.text import Text

    if now.is_silent(worker):
        return Text("silent", style="yellow")
    return Text(worker.state, style={"working": "green", "quarantined": "bold red"}.get(worker.state, "yellow"))


def _ago(now: Overview, worker: WorkerRow) -> str:
    from polyomics.cli.render import duration

    return f"{duration(max((now.moment - worker.seen).total_seconds(), 0.0))} ago"


def _failure_table(now: Overview) -> RenderableType:
    from rich.text import Text

    from polyomics.cli.render import SHORT_KEY, make_table

    table = make_table(("failed", {"no_wrap": True}), ("studies", {"justify": "right"}), "for example")
    for item in now.failures:
        message = " ".join(item.example_message.split())
        if len(message) > LONGEST_MESSAGE:
            message = message[:LONGEST_MESSAGE] + " ..."
        table.add_row(
            Text(item.kind, style="bold red"), f"{item.count:,}", f"{item.example_key[:SHORT_KEY]}: {message}"
        )
    return table
