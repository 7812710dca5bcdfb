"""`polyomics validate`: predicted values beside experiment, for every polymer of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyomics.cli.check import AsJson
from polyomics.cli.ending import say, sentence
from polyomics.cli.options import spec_of, takes_study_options
from polyomics.cli.run import BEHAVIOUR, HARDWARE, Runner, announce, chosen_hardware, wants_prefect
from polyomics.cli.stopping import stoppable
from polyomics.errors import InvalidInputFile, InvalidSettings, StorageUnavailable, UserError

if TYPE_CHECKING:
    from rich.console import Console

    from polyomics.cli.batch import Request
    from polyomics.cli.run import Outcome
    from polyomics.database import Store, StudySummary
    from polyomics.validation.comparison import Comparison, StudyAnswer
    from polyomics.validation.reference_polymers import ReferencePolymer
    from polyomics.validation.summary import SummaryRow

WITHOUT_RUNNING = ("preset", "temperature_k", "pressure_bar", "properties")
"""Options that choose among finished studies."""
_SHORT = {"rubber/liquid": "rubber", "polyomics, where RadonPy has a value": "polyomics, same"}
"""What tables on the screen say for it."""
_RIGHT: dict[str, Any] = {"justify": "right", "no_wrap": True}


@dataclass(frozen=True)
class Plan:
    """What is to be compared for one polymer, and the studies that are to be run for it."""

    polymer: ReferencePolymer
    properties: list[str]
    requests: list[Request] = field(default_factory=list)


@takes_study_options
def validate(
    options: Mapping[str, Any],
    table: Annotated[
        Path | None,
        typer.Option("--set", metavar="CSV", help="Table of experimental values; the one that ships unless given."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="ABBREVIATION", help="Only this polymer; may be repeated."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Write tables and parity plots there.")
    ] = None,
    reuse_only: Annotated[
        bool,
        typer.Option(
            "--reuse-only",
            help="Run nothing: take the newest finished studies of the preset.",
            rich_help_panel=BEHAVIOUR,
        ),
    ] = False,
    replicates: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Independent repetitions of each polymer; 1, or with --reuse-only all there are, unless given.",
            rich_help_panel=BEHAVIOUR,
        ),
    ] = None,
    prefect: Annotated[
        bool | None,
        typer.Option("--prefect/--no-prefect", help="Run as Prefect flows, as in 'run'.", rich_help_panel=BEHAVIOUR),
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
    """Hold predicted values against experiment: for each polymer, and how well they agree over all.

    Studies that are finished are not run again; the others are run one after the other, with the options of 'run'.
    Only rows that are comparable and of high or medium confidence count; the README in polyomics/reference says what
    the columns mean. Values of replicates are combined. Polymers the force field has no parameters for are skipped.

    Examples:  polyomics validate --preset standard --out validation    polyomics validate --reuse-only --only PS

    JSON keys: set, preset, comparisons (polymer, abbreviation, psmiles, state, property, unit, status, predicted,
    stderr, n_replicates, experiment, deviation_percent, radonpy_md, radonpy_deviation_percent, flags, confidence,
    source, study_keys, reason), summary (property, unit, states, method, n, r_squared, pearson_r_squared, bias,
    mean_absolute_error, mean_absolute_percentage_error), failures (abbreviation, reason), not_compared, files.

    Exit code: 0 if every study that was run or found gave its values, 1 if one failed, 2 if something asked for
    cannot be.
    """
    from polyomics.cli.render import make_console
    from polyomics.validation.reference_polymers import chosen, reference_polymers
    from polyomics.validation.summary import summarise

    source, rows = _rows(table)
    polymers = chosen(reference_polymers(rows, source), only or ())
    _check_state(options)
    if reuse_only:
        _check_reuse(options)
        plans = [Plan(polymer, _names(options, reuse_only=True)) for polymer in polymers]
    else:
        plans = [_plan(polymer, options, replicates or 1, source) for polymer in polymers]
    if not any(plan.polymer.reference(name) for plan in plans for name in plan.properties if plan.polymer.key):
        raise InvalidInputFile(
            f"{source} has no value to compare for what was asked{_what(options, only)}; properties of probes are "
            "compared where --probe or --property asks for them"
        )
    if out is not None:
        _make_folder(out)
    if reuse_only:
        answers = _stored(plans, options, replicates)
    else:
        runner = Runner(
            hardware=chosen_hardware(platform, threads, device, precision),
            through_prefect=wants_prefect(prefect),
            messages=make_console(stderr=True),
            output=None,
        )
        with stoppable():
            answers = _run_all(plans, runner)
    found = [row for row in _compare(plans, answers, reuse_only=reuse_only) if _is_told(row, options)]
    failures = _failures(plans, answers, found)
    if reuse_only and not any(row.status == "compared" for row in found) and not failures:
        raise InvalidSettings(
            f"there is no finished study of preset {options.get('preset', 'demo')!r} to compare; run without "
            "--reuse-only"
        )
    summary = summarise(found)
    preset = str(options.get("preset", "demo"))
    files = [] if out is None else _write(out, f"{Path(source).name}, preset {preset}", found, summary)
    _show(source, preset, plans, rows, found, summary, failures, files, as_json=as_json)
    return 1 if failures else 0


# -------------------------------------------------------------------- what is asked


def _rows(table: Path | None) -> tuple[str, Sequence[Any]]:
    from polyomics.reference.experiment import BUNDLED, bundled_table
    from polyomics.reference.table import read_table

    return (BUNDLED, bundled_table()) if table is None else (str(table), read_table(table))


def _names(options: Mapping[str, Any], *, reuse_only: bool = False) -> list[str]:
    """Registered properties that may be compared: those asked for, else all; those of probes where these are run."""
    from polyomics.properties import PROPERTIES

    for name in options.get("properties", ()):
        PROPERTIES[name]
    if options.get("properties"):
        return list(dict.fromkeys(options["properties"]))
    probes = {None, *options.get("probes", ())}
    return [name for name, kind in PROPERTIES.items() if reuse_only or kind.probe in probes]


def _is_told(row: Comparison, options: Mapping[str, Any]) -> bool:
    """Whether a comparison is to be told of: one of a probe that nobody asked for, and nobody ran, is not."""
    from polyomics.properties import PROPERTIES

    probe = PROPERTIES[row.property].probe
    asked = probe in options.get("probes", ()) or row.property in options.get("properties", ())
    return probe is None or asked or row.status != "skipped"


def _check_state(options: Mapping[str, Any]) -> None:
    from polyomics.reference.experiment import MEASURED_AT_K, TOLERANCE_K

    temperature_k = options.get("temperature_k")
    if temperature_k is not None and not abs(temperature_k - MEASURED_AT_K) <= TOLERANCE_K:
        raise InvalidSettings(
            f"the experimental values hold at {MEASURED_AT_K:g} K; at {temperature_k:g} K there is nothing to compare"
        )


def _check_reuse(options: Mapping[str, Any]) -> None:
    from polyomics.presets import PRESETS

    others = [name for name in options if name not in WITHOUT_RUNNING]
    if others:
        raise InvalidSettings(
            f"--reuse-only takes the newest studies of a preset; {', '.join(others)} cannot be chosen with it"
        )
    if "preset" in options:
        PRESETS[options["preset"]]


def _plan(polymer: ReferencePolymer, options: Mapping[str, Any], n_replicates: int, source: str) -> Plan:
    """What to run for a polymer, checked before anything runs."""
    from polyomics.cli.batch import Request

    names = _names(options)
    if polymer.key is None or not any(polymer.reference(name) for name in names):
        return Plan(polymer, names)
    first = options.get("replicate", 0)
    try:
        specs = [
            spec_of(polymer.psmiles, {**options, "replicate": number}) for number in range(first, first + n_replicates)
        ]
    except UserError as error:
        raise type(error)(f"{source}, line {polymer.line} ({polymer.abbreviation}): {error}") from error
    given = any(polymer.reference(name) for name in names if name in specs[0].properties)
    return Plan(polymer, names, [Request(spec, polymer.line) for spec in specs] if given else [])


def _what(options: Mapping[str, Any], only: Sequence[str] | None) -> str:
    parts = [*(options.get("properties") or ()), *(only or ())]
    return f": {', '.join(parts)}" if parts else ""


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageUnavailable(f"cannot make the folder {folder}: {error.strerror}") from error


# -------------------------------------------------------------------- running, or looking up


def _run_all(plans: Sequence[Plan], runner: Runner) -> list[list[StudyAnswer]]:
    total = sum(len(plan.requests) for plan in plans)
    done = 0
    answers: list[list[StudyAnswer]] = []
    for plan in plans:
        answers.append([])
        for request in plan.requests:
            say(f"{plan.polymer.abbreviation} ({plan.polymer.name})")
            announce(request, done, total, runner.hardware.threads)
            answers[-1].append(_answer(runner.run(request, alone=False)))
            done += 1
    return answers


def _answer(outcome: Outcome) -> StudyAnswer:
    from polyomics.records import Failure
    from polyomics.validation.comparison import StudyAnswer

    result, error = outcome.result, outcome.error
    if result is not None:
        return StudyAnswer(result.key, result.measurements, result.failures, is_failed=result.status == "failed")
    assert error is not None
    failure = Failure(stage="run", kind=type(error).__name__, message=sentence(error))
    return StudyAnswer(outcome.request.spec.key, (), (failure,), is_failed=True)


def _stored(plans: Sequence[Plan], options: Mapping[str, Any], replicates: int | None) -> list[list[StudyAnswer]]:
    """The newest finished studies of each polymer, with the others of the same request."""
    from polyomics.config import database_url
    from polyomics.database import inspect_schema, open_database

    if inspect_schema(database_url()).status in ("missing", "empty"):
        return [[] for _ in plans]
    with open_database() as store:
        return [_newest(store, plan.polymer.key, options, replicates) for plan in plans]


def _newest(
    store: Store, polymer_key: str | None, options: Mapping[str, Any], replicates: int | None
) -> list[StudyAnswer]:
    from polyomics.replicates import replicate_group
    from polyomics.validation.comparison import StudyAnswer

    if polymer_key is None:
        return []
    found: list[StudyAnswer] = []
    group = None
    for summary in store.studies(status="done", polymer=polymer_key):
        if not _is_wanted(summary, options) or len(found) == replicates:
            continue
        study = store.study(summary.key)
        own = replicate_group(study.spec, study.key)
        group = group or own
        if own == group:
            found.append(StudyAnswer(study.key, study.measurements, study.failures))
    return found


def _is_wanted(study: StudySummary, options: Mapping[str, Any]) -> bool:
    from polyomics.reference.experiment import MEASURED_AT_K, TOLERANCE_K

    temperature_k, pressure_bar = options.get("temperature_k"), options.get("pressure_bar")
    near = abs(study.temperature_k - MEASURED_AT_K) <= TOLERANCE_K
    return (
        study.preset == options.get("preset", "demo")
        and (near if temperature_k is None else study.temperature_k == temperature_k)
        and (pressure_bar is None or study.pressure_bar == pressure_bar)
    )


# -------------------------------------------------------------------- comparing


def _compare(plans: Sequence[Plan], answers: Sequence[list[StudyAnswer]], *, reuse_only: bool) -> list[Comparison]:
    from polyomics.properties import PROPERTIES
    from polyomics.validation.comparison import compare, skip

    found: list[Comparison] = []
    for plan, own in zip(plans, answers, strict=True):
        if plan.polymer.key is None:
            found += skip(plan.polymer, plan.properties, plan.polymer.problem)
        elif own:
            found += compare(plan.polymer, plan.properties, own)
        else:
            reason = "no finished study" if reuse_only else "the protocol cannot give it"
            found += skip(plan.polymer, plan.properties, reason)
    order = PROPERTIES.names()
    return sorted(found, key=lambda row: order.index(row.property))


def _failures(
    plans: Sequence[Plan], answers: Sequence[list[StudyAnswer]], found: Sequence[Comparison]
) -> list[dict[str, str]]:
    """Studies that failed as a whole, and properties of the comparison that a study could not give."""
    failures = []
    for plan, own in zip(plans, answers, strict=True):
        for answer in own:
            names = [row.property for row in found if answer.key in row.study_keys]
            reasons = [answer.why_not("")] if answer.is_failed else [answer.why_not(name) for name in names]
            for reason in dict.fromkeys(filter(None, reasons)):
                failures.append({"abbreviation": plan.polymer.abbreviation, "study_key": answer.key, "reason": reason})
    return failures


def _not_compared(rows: Sequence[Any], comparisons: Sequence[Comparison]) -> dict[str, int]:
    """Properties of the table that nothing here gives, and how many values fit for comparison they have."""
    from polyomics.properties import PROPERTIES
    from polyomics.reference.experiment import names_in_table

    told = {row.property for row in comparisons}
    able = {name for name in PROPERTIES.names() if PROPERTIES[name].probe is None or name in told}
    ours = {name for own in able for name in names_in_table(own)}
    others = [row.property for _, row in rows if row.is_fit_for_comparison() and row.property not in ours]
    return {name: others.count(name) for name in sorted(set(others))}


# -------------------------------------------------------------------- showing


def _write(folder: Path, title: str, comparisons: Sequence[Comparison], summary: Sequence[SummaryRow]) -> list[Path]:
    from polyomics.report.parity import ParityPoint, parity_figure
    from polyomics.report.style import save_image
    from polyomics.validation.files import write_tables
    from polyomics.validation.summary import OURS, RADONPY

    files = write_tables(folder, title, comparisons, summary)
    for row in summary:
        if (row.states, row.method) != ("all", OURS):
            continue
        points = [
            ParityPoint(one.abbreviation, one.experiment, one.predicted, one.stderr, one.state, one.radonpy_md)
            for one in comparisons
            if one.property == row.property and one.predicted is not None
        ]
        figure = parity_figure(
            points, name=row.property, unit=row.unit, other_name=RADONPY, caption=f"{title}\n{_in_a_line(row)}"
        )
        files += [save_image(figure, folder / f"parity_{row.property}{ending}") for ending in (".png", ".svg")]
    return files


def _in_a_line(row: SummaryRow) -> str:
    r_squared = "" if row.r_squared is None else f", R² {row.r_squared:.2f}"
    return f"N {row.n}{r_squared}, bias {row.bias:+.2g}, MAE {row.mean_absolute_error:.2g}"


def _show(
    source: str,
    preset: str,
    plans: Sequence[Plan],
    rows: Sequence[Any],
    comparisons: Sequence[Comparison],
    summary: Sequence[SummaryRow],
    failures: Sequence[dict[str, str]],
    files: Sequence[Path],
    *,
    as_json: bool,
) -> None:
    from polyomics.cli.render import make_console, print_json

    others = _not_compared(rows, comparisons)
    if as_json:
        print_json(
            {
                "set": source,
                "preset": preset,
                "comparisons": [row.model_dump(mode="json") for row in comparisons],
                "summary": [row.model_dump(mode="json") for row in summary],
                "failures": list(failures),
                "not_compared": others,
                "files": [str(path) for path in files],
            }
        )
        return
    console = make_console()
    for name in dict.fromkeys(row.property for row in comparisons if row.status == "compared"):
        _print_property(console, name, [row for row in comparisons if row.property == name])
    _print_summary(console, summary)
    _print_missing(console, comparisons)
    if others:
        listed = ", ".join(f"{name} ({count})" for name, count in others.items())
        console.print(f"in the table, but no property here gives it: {listed}", style="dim")
    for path in files:
        console.print(f"written  {path}", soft_wrap=True)


def _print_property(console: Console, name: str, rows: Sequence[Comparison]) -> None:
    from polyomics.cli.render import WIDE, make_table, number, with_error

    is_wide = console.width >= WIDE
    table = make_table(
        ("polymer", {"no_wrap": True}),
        ("state", {"no_wrap": True}),
        ("predicted ± std. error", _RIGHT),
        ("experiment", _RIGHT),
        ("dev. %", _RIGHT),
        ("RadonPy", _RIGHT),
        ("dev. %", _RIGHT),
        *(["flags"] if is_wide else []),
        title=_heading(name, rows[0].unit),
    )
    for row in rows:
        if row.predicted is None:
            continue
        table.add_row(
            row.abbreviation + (f" ({row.n_replicates})" if row.n_replicates > 1 else ""),
            _SHORT.get(row.state, row.state),
            with_error(row.predicted, row.stderr),
            number(row.experiment),
            _percent(row.deviation_percent),
            "–" if row.radonpy_md is None else number(row.radonpy_md),
            _percent(row.radonpy_deviation_percent),
            *([", ".join(row.flags)] if is_wide else []),
        )
    console.print(table)
    console.print()


def _print_summary(console: Console, summary: Sequence[SummaryRow]) -> None:
    from polyomics.cli.render import make_table
    from polyomics.validation.summary import OURS_BESIDE_RADONPY

    if not summary:
        console.print("nothing was compared", style="yellow")
        return
    for name in dict.fromkeys(row.property for row in summary):
        rows = [row for row in summary if row.property == name]
        table = make_table(
            ("polymers", {"no_wrap": True}),
            ("method", {"no_wrap": True}),
            ("N", _RIGHT),
            ("R² 1:1", _RIGHT),
            ("r²", _RIGHT),
            ("bias", _RIGHT),
            ("MAE", _RIGHT),
            ("MAPE", _RIGHT),
            title=f"agreement with experiment: {_heading(name, rows[0].unit)}",
        )
        for row in rows:
            table.add_row(
                _SHORT.get(row.states, row.states),
                _SHORT.get(row.method, row.method),
                str(row.n),
                _digits(row.r_squared),
                _digits(row.pearson_r_squared),
                f"{row.bias:+.3g}",
                f"{row.mean_absolute_error:.3g}",
                "–" if row.mean_absolute_percentage_error is None else f"{row.mean_absolute_percentage_error:.1f} %",
            )
        console.print(table)
        console.print()
    if any(row.method == OURS_BESIDE_RADONPY for row in summary):
        console.print(f"{_SHORT[OURS_BESIDE_RADONPY]}: {OURS_BESIDE_RADONPY}", style="dim")


def _print_missing(console: Console, comparisons: Sequence[Comparison]) -> None:
    """What failed or was skipped, a line a polymer and reason."""
    missing: dict[tuple[str, str, str], list[str]] = {}
    for row in comparisons:
        if row.status != "compared":
            missing.setdefault((row.status, row.abbreviation, row.reason), []).append(row.property)
    for (status, abbreviation, reason), names in missing.items():
        style = "bold red" if status == "failed" else "yellow"
        console.print(f"{status}: {abbreviation} ({', '.join(names)}): {reason}", style=style)


def _heading(name: str, unit: str) -> str:
    return name if unit == "1" else f"{name} [{unit}]"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:+.1f}"


def _digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
