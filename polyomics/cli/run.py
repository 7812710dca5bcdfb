"""`polyomics run`: one polymer or a file of them, to values with error bars."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyomics.cli.check import AsJson, cost_of, describe
from polyomics.cli.ending import Stopped, debugging, say, sentence
from polyomics.cli.options import takes_study_options
from polyomics.cli.stopping import stoppable
from polyomics.errors import InvalidSettings, PolyomicsError, StorageUnavailable

if TYPE_CHECKING:
    from rich.console import Console

    from polyomics.cli.batch import Request
    from polyomics.md.engine import Hardware
    from polyomics.md.progress import Report
    from polyomics.replicates import CombinedMeasurement
    from polyomics.study import StudyResult

HARDWARE, BEHAVIOUR = "Hardware", "How to run"
PREFECT_VARIABLE = "PREFECT_API_URL"
PRECISIONS = ("single", "mixed", "double")


@dataclass(frozen=True)
class Outcome:
    """How one request ended."""

    request: Request
    wall_s: float
    result: StudyResult | None = None
    error: Exception | None = None

    @property
    def status(self) -> str:
        """done, existing, failed, or busy (another process is at it)."""
        if self.result is not None:
            return self.result.status
        return "busy" if type(self.error).__name__ == "StudyBusy" else "failed"

    @property
    def is_complete(self) -> bool:
        """Whether it went through, and every property that was asked for by name has a value."""
        if self.result is None or self.status == "failed":
            return False
        return not {failure.stage for failure in self.result.failures} & set(self.request.named_properties)


@dataclass(frozen=True)
class Runner:
    """Where requests run, and what is shown of it."""

    hardware: Hardware
    through_prefect: bool
    messages: Console
    output: Console | None
    """Where tables go; none for JSON."""

    def run(self, request: Request, *, alone: bool) -> Outcome:
        """Carry out one request.

        Args:
            request: What to run.
            alone: It is the only one, so an error ends the command; else only this request.

        Raises:
            StorageUnavailable: The home folder or the database cannot be used, so no other request could run.
        """
        started = time.monotonic()
        try:
            result = self._result(request)
        except StorageUnavailable:
            raise
        except Exception as error:
            if alone or debugging():
                raise
            say(f"error: {request.label}{sentence(error)}")
            return Outcome(request, time.monotonic() - started, error=error)
        return Outcome(request, time.monotonic() - started, result)

    def _result(self, request: Request) -> StudyResult:
        from polyomics.cli.progress import progress_display
        from polyomics.cli.render import clean_stdout
        from polyomics.md.progress import Interrupted

        terminal = self.messages.is_terminal and not self.messages.is_dumb_terminal
        display = progress_display(self.messages, live=terminal)
        try:
            with clean_stdout(), display as report:
                return self._carry_out(request, report)
        except Interrupted:
            raise Stopped(signal.SIGTERM) from None

    def _carry_out(self, request: Request, report: Report) -> StudyResult:
        from polyomics import config
        from polyomics.study import run_study

        where: dict[str, Any] = {
            "home": config.home(),
            "database_url": config.database_url(),
            "hardware": self.hardware,
            "report": report,
        }
        if not self.through_prefect:
            return run_study(request.spec, **where)
        from flows.polymer import run_polymer

        result: StudyResult = run_polymer(request.spec, **where)
        return result


@takes_study_options
def run(
    what: Annotated[
        str, typer.Argument(metavar="SMILES|FILE.csv", help="Repeat unit with two '*', in quotes, or a CSV file.")
    ],
    options: Mapping[str, Any],
    replicates: Annotated[
        int, typer.Option(min=1, help="Independent repetitions of each polymer.", rich_help_panel=BEHAVIOUR)
    ] = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, say what would run, stop.", rich_help_panel=BEHAVIOUR)
    ] = False,
    skip_invalid: Annotated[
        bool,
        typer.Option("--skip-invalid", help="Leave out wrong lines of a CSV file.", rich_help_panel=BEHAVIOUR),
    ] = False,
    prefect: Annotated[
        bool | None,
        typer.Option(
            "--prefect/--no-prefect",
            help=f"Run as a Prefect flow; the default where {PREFECT_VARIABLE} is set.",
            rich_help_panel=BEHAVIOUR,
        ),
    ] = None,
    as_json: AsJson = False,
    platform: Annotated[
        str | None, typer.Option(help="OpenMM platform; the fastest unless given.", rich_help_panel=HARDWARE)
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; all unless given.", rich_help_panel=HARDWARE)
    ] = None,
    device: Annotated[str | None, typer.Option(help="Index of the GPU.", rich_help_panel=HARDWARE)] = None,
    precision: Annotated[
        str, typer.Option(help="On GPUs: single, mixed or double.", rich_help_panel=HARDWARE)
    ] = "mixed",
) -> int:
    """Run one polymer, or every polymer of a CSV file, one after the other.

    A study that is finished is not run again; one that was stopped or killed goes on from its last checkpoint.
    Progress goes to stderr, results to stdout and into the database.

    A CSV file has a header with a column 'psmiles'; columns named like an option ('chains', 'temperature', ...)
    set it for their line; other columns are ignored. All lines are checked before anything runs.

    Examples:  polyomics run '*CC*'    polyomics run polymers.csv --preset standard --replicates 3

    JSON: a list with, for each study: key, psmiles, preset, replicate, line, status (done, existing, failed,
    busy), measurements (name, value, stderr, unit, n_independent, flags, temperature_k, pressure_bar, experiment),
    equilibrium (verdict: pass, fail or unknown, and message; null of a study that was not judged),
    failures (stage, kind, message, workdir), combined (of all replicates of the request: name, value, stderr, unit,
    n_replicates, spread, between_variance, flags, temperature_k, pressure_bar; empty for one), run_folder, database,
    wall_s. With --dry-run: as 'check'.

    Exit code: 0 if every study went through and has every value asked for with --property, 1 if not, 2 if
    something asked for cannot be.
    """
    from polyomics.cli.batch import requests
    from polyomics.cli.render import make_console, print_json

    asked = requests(what, options, replicates, skip_invalid=skip_invalid, notice=say)
    if dry_run:
        return _dry_run(asked, as_json=as_json)
    runner = Runner(
        hardware=chosen_hardware(platform, threads, device, precision),
        through_prefect=wants_prefect(prefect),
        messages=make_console(stderr=True),
        output=None if as_json else make_console(),
    )
    if "preset" not in options and any(request.spec.preset == "demo" for request in asked):
        say("preset demo (the default): minutes, and values of demo quality; --preset standard is for real ones")
    with stoppable():
        outcomes = _run_all(asked, runner)
    if runner.output is None:
        groups = _by_request(outcomes)
        print_json([_outcome_json(outcome, groups[_group(outcome.request)]) for outcome in outcomes])
    elif len(outcomes) > 1:
        _print_summary(runner.output, outcomes)
    return 0 if all(outcome.is_complete for outcome in outcomes) else 1


def _run_all(asked: list[Request], runner: Runner) -> list[Outcome]:
    outcomes: list[Outcome] = []
    last = {_group(request): index for index, request in enumerate(asked)}
    for index, request in enumerate(asked):
        announce(request, index, len(asked), runner.hardware.threads)
        outcomes.append(runner.run(request, alone=len(asked) == 1))
        if runner.output is not None:
            _print_outcome(runner.output, outcomes[-1])
            if last[_group(request)] == index:
                _print_combined(runner.output, _by_request(outcomes)[_group(request)])
    return outcomes


def _group(request: Request) -> str:
    from polyomics.replicates import replicate_group

    return replicate_group(request.spec.model_dump(mode="json"), request.spec.key)


def _by_request(outcomes: list[Outcome]) -> dict[str, list[Outcome]]:
    """Outcomes of the replicates of each request."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(_group(outcome.request), []).append(outcome)
    return groups


def _combined(outcomes: list[Outcome]) -> tuple[CombinedMeasurement, ...]:
    """What several replicates say together; nothing for one."""
    from polyomics.replicates import combine_studies

    if len(outcomes) == 1:
        return ()
    return combine_studies([outcome.result.measurements for outcome in outcomes if outcome.result])


def _print_combined(console: Console, outcomes: list[Outcome]) -> None:
    from polyomics.chemistry import parse_repeat_unit
    from polyomics.cli.combined import print_combined

    found = _combined(outcomes)
    if found:
        print_combined(console, parse_repeat_unit(outcomes[0].request.spec.polymer.psmiles).key, found)


def wants_prefect(asked: bool | None) -> bool:
    """Whether to run through Prefect; if so, its server must answer before anything is written."""
    wanted = bool(os.environ.get(PREFECT_VARIABLE)) if asked is None else asked
    if wanted:
        from flows.server import check_server

        check_server()
    return wanted


def chosen_hardware(platform: str | None, threads: int | None, device: str | None, precision: str) -> Hardware:
    """The hardware asked for, tried out so that a wrong name is refused before anything is written."""
    from polyomics.md.engine import Hardware, available_platforms, choose_platform

    if precision not in PRECISIONS:
        raise InvalidSettings(f"{precision!r} is no precision; there are {', '.join(PRECISIONS)}")
    names = {name.lower(): name for name in available_platforms()}
    hardware = Hardware(names.get((platform or "").lower(), platform), threads, device, precision)
    if platform is not None:
        choose_platform(hardware)
    return hardware


def announce(request: Request, index: int, count: int, threads: int | None) -> None:
    """Say which study starts, how large it is and what it will cost."""
    from polyomics.cli.render import duration

    spec = request.spec
    cost = cost_of(spec, n_cores=threads)
    place = f"[{index + 1}/{count}] " if count > 1 else ""
    say(
        f"{place}{request.label}{spec.polymer.psmiles}  {spec.cell.n_chains} x {spec.polymer.n_units} units, "
        f"{cost.n_atoms:,} atoms, {cost.simulated_ns:.3g} ns, preset {spec.preset}"
        + (f", replicate {spec.replicate}" if spec.replicate else "")
    )
    say(f"study {spec.key}; MD takes roughly {duration(cost.cpu_wall_s)} on {cost.n_cores} CPU cores")


def _dry_run(asked: list[Request], *, as_json: bool) -> int:
    from polyomics.cli.render import duration, make_console, make_table, print_json

    facts = [describe(request.spec, as_written=request.spec.polymer.psmiles) for request in asked]
    if as_json:
        print_json(facts)
        return 0
    table = make_table(
        "polymer",
        "preset",
        ("atoms", {"justify": "right"}),
        ("ns", {"justify": "right"}),
        ("CPU", {"justify": "right"}),
        ("GPU", {"justify": "right"}),
        ("study key", {"no_wrap": True}),
    )
    for item in facts:
        cost = item["estimate"]
        table.add_row(
            item["psmiles"],
            item["preset"],
            f"{item['n_atoms']:,}",
            f"{item['simulated_ns']:.3g}",
            duration(cost["cpu_wall_s"]),
            duration(cost["gpu_wall_s"]),
            item["study_key"],
        )
    console = make_console()
    console.print(table)
    console.print(f"{len(facts)} to run; nothing was run. Estimates: {facts[0]['estimate']['basis']}", style="dim")
    return 0


def _print_outcome(console: Console, outcome: Outcome) -> None:
    from polyomics.chemistry import parse_repeat_unit
    from polyomics.cli.render import clock, print_failures, print_measurements, verdict_text
    from polyomics.config import database_url
    from polyomics.database.connection import masked

    result = outcome.result
    if result is None:
        return
    if result.status == "existing":
        console.print(f"nothing to do: study {result.key} is finished; its results:", style="green")
    elif result.status == "done":
        console.print(f"done in {clock(outcome.wall_s)}", style="green")
    if result.measurements:
        print_measurements(console, parse_repeat_unit(result.psmiles).key, result.measurements)
    if result.equilibrium is not None:
        console.print("equilibrium", verdict_text(result.equilibrium.verdict), f"({result.equilibrium.message})")
    print_failures(console, result.failures)
    console.print(f"run folder  {result.folder}", soft_wrap=True)
    page = result.folder / "results" / "report.html"
    if page.is_file():
        console.print(f"report      {page}", soft_wrap=True)
    console.print(f"database    {masked(database_url())}  (polyomics show {result.key[:12]})", soft_wrap=True)


def _outcome_json(outcome: Outcome, replicates: list[Outcome]) -> dict[str, Any]:
    from polyomics import config
    from polyomics.chemistry import parse_repeat_unit
    from polyomics.cli.render import measurement_json
    from polyomics.database.connection import masked

    spec, result = outcome.request.spec, outcome.result
    polymer_key = parse_repeat_unit(spec.polymer.psmiles).key
    failures = [item.model_dump(mode="json") for item in result.failures] if result else [_failure_json(outcome)]
    return {
        "key": spec.key,
        "psmiles": spec.polymer.psmiles,
        "preset": spec.preset,
        "replicate": spec.replicate,
        "line": outcome.request.line,
        "status": outcome.status,
        "measurements": [measurement_json(polymer_key, item) for item in (result.measurements if result else ())],
        "equilibrium": _verdict_json(result),
        "failures": failures,
        "combined": [item.model_dump(mode="json") for item in _combined(replicates)],
        "run_folder": str(config.run_folder(spec.key)),
        "database": masked(config.database_url()),
        "wall_s": round(outcome.wall_s, 3),
    }


def _verdict_json(result: StudyResult | None) -> dict[str, str] | None:
    overall = result.equilibrium if result else None
    return {"verdict": overall.verdict, "message": overall.message} if overall else None


def _failure_json(outcome: Outcome) -> dict[str, Any]:
    error = outcome.error
    assert error is not None
    kind = error.kind if isinstance(error, PolyomicsError) else type(error).__name__
    return {"stage": "run", "kind": kind, "message": sentence(error), "workdir": None}


def _print_summary(console: Console, outcomes: list[Outcome]) -> None:
    from polyomics.cli.render import clock, make_table, status_text, with_error

    found = [item for outcome in outcomes if outcome.result for item in outcome.result.measurements]
    names = list(dict.fromkeys(item.name for item in found))
    units = {item.name: item.unit for item in found}
    headings = [(f"{name}\n[{units[name]}]", {"justify": "right"}) for name in names]
    table = make_table("polymer", "status", *headings, ("time", {"justify": "right"}), title="summary")
    for outcome in outcomes:
        values = {item.name: item for item in outcome.result.measurements} if outcome.result else {}
        spec = outcome.request.spec
        table.add_row(
            spec.polymer.psmiles + (f" #{spec.replicate}" if spec.replicate else ""),
            status_text(outcome.status),
            *(with_error(values[name].value, values[name].stderr) if name in values else "–" for name in names),
            clock(outcome.wall_s),
        )
    console.print(table)
