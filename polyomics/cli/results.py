"""`polyomics list`, `show`, `query`, `export`: what is in the database."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from polyomics.cli.check import AsJson
from polyomics.cli.ending import say
from polyomics.errors import StudyNotFound, UnknownName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from polyomics.database import ResultRow, Store, StudyRow, StudySummary
    from polyomics.database.rows import Attempt
    from polyomics.records import Criterion

Limit = Annotated[int | None, typer.Option(min=0, help="At most so many.")]
Condition = Annotated[
    str | None, typer.Argument(metavar="CONDITION", help="For example 'density > 1.0 and radius_of_gyration < 2'.")
]
PropertyName = Annotated[str | None, typer.Option("--property", help="Only values of this property.")]
Minimum = Annotated[float | None, typer.Option("--min", help="Only values of --property of at least this.")]
Maximum = Annotated[float | None, typer.Option("--max", help="Only values of --property of at most this.")]
PolymerText = Annotated[str | None, typer.Option("--polymer", help="Only of this polymer: SMILES or key.")]
PresetName = Annotated[str | None, typer.Option("--preset", help="Only of studies from this preset.")]
Status = Annotated[str | None, typer.Option("--status", help="queued, running, done, failed or cancelled.")]
Temperature = Annotated[float | None, typer.Option("--temperature", help="Only of studies at this temperature, K.")]
WithFlag = Annotated[list[str] | None, typer.Option("--flag", help="Only values with this flag; may be repeated.")]
WithoutFlag = Annotated[
    list[str] | None, typer.Option("--without-flag", help="Only values without this flag; may be repeated.")
]
PolymerClass = Annotated[
    str | None, typer.Option("--class", help="Only of polymers of this class: polyester, or its code PEST.")
]
Smarts = Annotated[
    str | None, typer.Option("--smarts", help="Only of polymers that contain this pattern, such as 'c1ccccc1'.")
]
SimilarTo = Annotated[str | None, typer.Option("--similar-to", help="Only of polymers that are similar to this one.")]
Similarity = Annotated[
    float, typer.Option("--similarity", help="How similar, as Tanimoto index from 0 to 1, at least.")
]
Source = Annotated[
    str | None, typer.Option("--source", help="Only from this imported data set; 'computed': only ours.")
]


class Layout(StrEnum):
    """How a file is laid out."""

    long = "long"
    polyomics = "polyomics"


OfCampaign = Annotated[str | None, typer.Option("--campaign", help="Only of studies of this campaign.")]
Equilibrated = Annotated[
    bool, typer.Option("--equilibrated", help="Only of studies whose cell was found to be in equilibrium.")
]
Unflagged = Annotated[bool, typer.Option("--unflagged", help="Only values without any flag.")]
Combine = Annotated[bool, typer.Option("--combine", help="Put replicates together: one value for each request.")]


def list_studies(
    status: Status = None, polymer: PolymerText = None, limit: Limit = None, as_json: AsJson = False
) -> None:
    """List studies, newest first.

    Example:  polyomics list --status failed

    JSON: a list with key, psmiles, polymer_key, formula, preset, status, seed, replicate, temperature_k,
    pressure_bar, run_folder, created, started, ended.
    """
    from polyomics.cli.render import SHORT_KEY, make_console, make_table, moment, print_json, status_text

    checked = study_status(status)
    with _store() as store:
        found = store.studies(status=checked, polymer=polymer_key(polymer), limit=limit) if store else []
        total = sum(store.counts().values()) if store else 0
    if store is None:
        _say_nothing_yet()
    if as_json:
        print_json([_summary_json(study) for study in found])
        return
    table = make_table(
        ("study", {"no_wrap": True}), "status", "preset", "polymer", ("K", {"justify": "right"}), "asked for"
    )
    stopped = {study.key for study in found if _is_abandoned(study)}
    for study in found:
        name = study.polymer.psmiles + (f" #{study.replicate}" if study.replicate else "")
        table.add_row(
            study.key[:SHORT_KEY],
            status_text("stopped" if study.key in stopped else study.status),
            study.preset,
            name,
            f"{study.temperature_k:g}",
            moment(study.created),
        )
    console = make_console()
    console.print(table) if found else None
    more = f" of {total}; --limit shows more" if total > len(found) and limit is not None else ""
    console.print(f"{len(found)} stud{'y' if len(found) == 1 else 'ies'}{more}", style="dim")
    if len(stopped):
        console.print("stopped: it was killed; run the same command again to go on from its last checkpoint")


def show(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Key of a study, or the beginning of it.")],
    as_json: AsJson = False,
) -> None:
    """Show everything stored of one study: request, attempts, stages, tests of equilibrium, values, failures, files.

    Example:  polyomics show 3f2a91

    JSON keys: those of 'list', and spec, stages (sequence, name, kind, status, started, ended, detail),
    measurements (with experiment), criteria (name, verdict, value, threshold, unit, message; the one named equilibrium
    sums the others up), failures, provenance, artifacts (kind, path, size_bytes, sha256), attempts (number, worker,
    host, pid, device, version, claimed, seen, lease_until, ended, outcome, error_kind, error_message, reached_ps,
    progress), home, database.
    """
    from polyomics.cli.render import print_json
    from polyomics.database.queue import Queue

    with _store() as store:
        if store is None:
            raise StudyNotFound(f"no study has the key {key!r}; there are no results yet")
        study = store.study(key)
        attempts = Queue(store).attempts(study.key)
        where = store.url
    if as_json:
        print_json(_study_json(study, attempts, where))
    else:
        _print_study(study, attempts, where)


def query(
    condition: Condition = None,
    property_name: PropertyName = None,
    minimum: Minimum = None,
    maximum: Maximum = None,
    polymer: PolymerText = None,
    preset: PresetName = None,
    status: Status = None,
    temperature: Temperature = None,
    flag: WithFlag = None,
    without_flag: WithoutFlag = None,
    of_class: PolymerClass = None,
    smarts: Smarts = None,
    similar_to: SimilarTo = None,
    similarity: Similarity = 0.6,
    source: Source = None,
    campaign: OfCampaign = None,
    equilibrated: Equilibrated = False,
    unflagged: Unflagged = False,
    combine: Combine = False,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Look values up, by a condition on the studies they belong to and by options.

    A condition compares properties with numbers, joined by and, or, not and parentheses.

    Examples:  polyomics query 'density > 1.0'    polyomics query --property density --min 1.0 --unflagged

    JSON: a list with psmiles, property, value, stderr, unit, n_independent, flags, study_key, polymer_key, formula,
    temperature_k, pressure_bar, preset, replicate, seed, status, created, polymer_class, source. With --combine:
    psmiles, property, value, stderr, unit, n_replicates, spread, between_variance, flags, study_keys, polymer_key,
    formula, temperature_k, pressure_bar, preset; --min, --max and --limit then count for combined values.
    """
    from polyomics.cli.render import WIDE, make_console, print_json
    from polyomics.database import query as ask

    settings = _settings(
        where=condition,
        property=property_name,
        minimum=minimum,
        maximum=maximum,
        polymer=polymer_key(polymer),
        preset=preset,
        status=study_status(status),
        temperature_k=temperature,
        with_flags=tuple(flag or ()),
        without_flags=tuple(without_flag or ()),
        polymer_class=of_class,
        smarts=smarts,
        similar_to=similar_to,
        similarity=similarity,
        source=source,
        campaign=campaign,
        equilibrated=equilibrated,
        unflagged=unflagged,
    )
    if combine:
        _query_combined(settings, limit, as_json=as_json)
        return
    with _store() as store:
        found = ask(store, known_properties=_known(), limit=limit, **settings) if store else _nothing(settings)
    if store is None:
        _say_nothing_yet()
    if as_json:
        print_json([_row_json(row) for row in found])
        return
    console = make_console()
    console.print(_value_table(found, with_flags=console.width >= WIDE)) if found else None
    flags = sorted({flag for row in found for flag in row.flags})
    if flags and console.width < WIDE:
        console.print(f"flags among them: {', '.join(flags)} (a wider window or --json shows which)", style="yellow")
    console.print(f"{len(found)} value{'' if len(found) == 1 else 's'}", style="dim")


def _query_combined(settings: dict[str, Any], limit: int | None, *, as_json: bool) -> None:
    """Replicates put together, then chosen by their combined value."""
    from polyomics.cli.combined import combined_row_json, print_combined_rows
    from polyomics.cli.render import make_console, print_json
    from polyomics.database import query as ask
    from polyomics.database.replicates import combined_rows
    from polyomics.database.selection import select_results

    asked = select_results(**settings, limit=limit)
    everything = {**settings, "minimum": None, "maximum": None}
    with _store() as store:
        single = ask(store, known_properties=_known(), **everything) if store else _nothing(everything)
        found = combined_rows(store, single) if store else []
    if store is None:
        _say_nothing_yet()
    low = float("-inf") if asked.minimum is None else asked.minimum
    high = float("inf") if asked.maximum is None else asked.maximum
    chosen = [row for row in found if low <= row.value <= high][:limit]
    if as_json:
        print_json([combined_row_json(row) for row in chosen])
    else:
        print_combined_rows(make_console(), chosen)


def export(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Its ending says the format: .csv, .parquet, .json.")],
    condition: Condition = None,
    property_name: PropertyName = None,
    minimum: Minimum = None,
    maximum: Maximum = None,
    polymer: PolymerText = None,
    preset: PresetName = None,
    status: Status = None,
    temperature: Temperature = None,
    flag: WithFlag = None,
    without_flag: WithoutFlag = None,
    of_class: PolymerClass = None,
    smarts: Smarts = None,
    similar_to: SimilarTo = None,
    similarity: Similarity = 0.6,
    source: Source = None,
    campaign: OfCampaign = None,
    equilibrated: Equilibrated = False,
    unflagged: Unflagged = False,
    layout: Annotated[
        Layout, typer.Option("--layout", help="long: a row a value; polyomics: a row a study, in PolyOmics' columns.")
    ] = Layout.long,
    as_json: AsJson = False,
) -> None:
    """Write values to a file, one row a value; all of them unless options select.

    Columns: those that 'query --json' gives. In CSV flags are joined by ';'. With --layout polyomics, a CSV file whose
    columns have PolyOmics' names and units.

    Example:  polyomics export results.parquet --property density

    JSON keys: path, rows.
    """
    from polyomics.cli.render import print_json
    from polyomics.database import export as write
    from polyomics.database import open_database
    from polyomics.database.selection import select_results
    from polyomics.interchange import export_polyomics

    settings = _settings(
        where=condition,
        property=property_name,
        minimum=minimum,
        maximum=maximum,
        polymer=polymer_key(polymer),
        preset=preset,
        status=study_status(status),
        temperature_k=temperature,
        with_flags=tuple(flag or ()),
        without_flags=tuple(without_flag or ()),
        polymer_class=of_class,
        smarts=smarts,
        similar_to=similar_to,
        similarity=similarity,
        source=source,
        campaign=campaign,
        equilibrated=equilibrated,
        unflagged=unflagged,
    )
    selection = select_results(**settings)
    with open_database() as store:
        if layout is Layout.polyomics:
            n_rows = export_polyomics(store, path, selection, _known())
        else:
            n_rows = write(store, path, selection=selection, known_properties=_known())
    if as_json:
        print_json({"path": str(path), "rows": n_rows})
    else:
        typer.echo(f"{n_rows} row{'' if n_rows == 1 else 's'} written to {path}")


# -------------------------------------------------------------------- reading


@contextmanager
def _store() -> Iterator[Store | None]:
    """The database, or None if nothing was ever stored in it."""
    from polyomics.config import database_url
    from polyomics.database import inspect_schema, open_database

    if inspect_schema(database_url()).status in ("missing", "empty"):
        yield None
        return
    with open_database() as store:
        yield store


def _say_nothing_yet() -> None:
    from polyomics.config import database_url
    from polyomics.database.connection import masked

    say(f"no results yet in {masked(database_url())}; start with: polyomics run '*CC*'")


def study_status(text: str | None) -> Any:
    """The status, if there is such a one."""
    from polyomics.database.rows import StudyStatus

    known = get_args(StudyStatus)
    if text is not None and text not in known:
        raise UnknownName(f"{text!r} is not a known status (known: {', '.join(known)})")
    return text


def polymer_key(text: str | None) -> str | None:
    """Key of a polymer, however its repeat unit is written."""
    if text is None or "*" not in text:
        return text
    from polyomics.chemistry import parse_repeat_unit

    return parse_repeat_unit(text).key  # type: ignore[no-any-return]


def _known() -> list[str]:
    from polyomics.properties import PROPERTIES

    return PROPERTIES.names()


def _settings(**settings: Any) -> dict[str, Any]:
    """What was asked for, with patterns checked before anything is read."""
    if settings["smarts"] is not None:
        from polyomics.chemistry.structure import read_smarts

        read_smarts(settings["smarts"])
    return settings


def _nothing(settings: dict[str, Any]) -> list[ResultRow]:
    """No rows, once the question has been checked as far as it can be without results."""
    from polyomics.database.condition import study_condition
    from polyomics.database.selection import select_results

    select_results(**settings)
    name, known = settings["property"], _known()
    if name is not None and name not in known:
        raise UnknownName(f"{name!r} is not a known property (known: {', '.join(known)})")
    if settings["where"] is not None:
        study_condition(settings["where"], known)
    return []


# -------------------------------------------------------------------- showing


def _value_table(rows: Sequence[ResultRow], *, with_flags: bool) -> Any:
    from polyomics.cli.render import make_table, with_error

    columns: list[tuple[str, dict[str, Any]]] = [
        ("polymer", {}),
        ("property", {"no_wrap": True}),
        ("value ± std. error", {"justify": "right", "no_wrap": True}),
        ("unit", {"no_wrap": True}),
        ("study", {"no_wrap": True}),
        *([("indep.\nsamples", {"justify": "right"}), ("flags", {})] if with_flags else []),
    ]
    table = make_table(*columns)
    for row in rows:
        shown = [row.psmiles, row.property, with_error(row.value, row.stderr), row.unit, row.study_key[:8]]
        table.add_row(*shown, *([f"{row.n_independent:.0f}", ", ".join(row.flags)] if with_flags else []))
    return table


def _is_abandoned(study: StudySummary) -> bool:
    """Whether a study that is marked as running lies on this machine and no process holds it any more."""
    import fcntl

    from polyomics.config import below, home

    if study.status != "running":
        return False
    try:
        with (below(home(), study.run_folder) / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return True
    except OSError:
        return False


def _summary_json(study: StudySummary) -> dict[str, Any]:
    fields = study.model_dump(mode="json")
    polymer = fields.pop("polymer")
    fields.pop("schema_version", None)
    return {
        "key": fields.pop("key"),
        "psmiles": polymer["psmiles"],
        "polymer_key": polymer["key"],
        "formula": polymer["formula"],
        **fields,
    }


def _study_json(study: StudyRow, attempts: Sequence[Attempt], where: str) -> dict[str, Any]:
    from polyomics.cli.render import measurement_json
    from polyomics.config import home

    values = [measurement_json(study.polymer.key, item) for item in study.measurements]
    return {
        **_summary_json(study),
        "measurements": values,
        "attempts": [attempt.model_dump(mode="json", exclude={"id"}) for attempt in attempts],
        "home": str(home()),
        "database": where,
    }


def _row_json(row: ResultRow) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(row), "flags": list(row.flags), "created": row.created.isoformat()}


def _print_study(study: StudyRow, attempts: Sequence[Attempt], where: str) -> None:
    from polyomics.cli.render import make_console, pairs, print_failures, print_measurements

    console = make_console()
    console.print(pairs(_facts(study)))
    console.print()
    if attempts:
        console.print(_attempt_table(attempts))
        console.print()
    if study.stages:
        console.print(_stage_table(study))
        console.print()
    if study.criteria:
        console.print(_criteria_table(study.criteria))
        console.print()
    if study.measurements:
        print_measurements(console, study.polymer.key, study.measurements)
    print_failures(console, study.failures)
    if study.measurements or study.failures:
        console.print()
    if study.provenance:
        known = {name: value for name, value in study.provenance.items() if value}
        console.print(pairs(known, title="versions and provenance"))
        console.print()
    _print_files(console, study, where)


def _facts(study: StudyRow) -> dict[str, Any]:
    from polyomics.cli.render import clock, moment, status_text

    wall_s = (study.ended - study.started).total_seconds() if study.ended and study.started else None
    times = f"asked for {moment(study.created)}"
    if study.started:
        times += f", began {moment(study.started)}"
    if study.ended and wall_s is not None:
        times += f", ended {moment(study.ended)} after {clock(wall_s)}"
    return {
        "study": study.key,
        "status": status_text("stopped" if _is_abandoned(study) else study.status),
        "polymer": study.polymer.psmiles,
        "repeat unit": f"{study.polymer.formula}, {study.polymer.molar_mass_g_mol:.2f} g/mol, key {study.polymer.key}",
        **_request(study.spec),
        "state": f"{study.temperature_k:g} K, {study.pressure_bar:g} bar",
        "preset": f"{study.preset}, seed {study.seed}, replicate {study.replicate}",
        "times": times,
    }


def _request(spec: dict[str, Any]) -> dict[str, Any]:
    """Lines on what was asked; a spec of another version may lack parts."""
    polymer, cell = spec.get("polymer", {}), spec.get("cell", {})
    model, protocol = spec.get("force_field", {}), spec.get("protocol", {})
    chains = None
    if "n_units" in polymer and "n_chains" in cell:
        ends = f"ends {polymer.get('head_end', '?')} and {polymer.get('tail_end', '?')}"
        chains = f"{cell['n_chains']} chains of {polymer['n_units']} units, {polymer.get('tacticity', '?')}, {ends}"
    names = [str(stage.get("name", "?")) for stage in protocol.get("stages", [])]
    has_model = {"family", "charges"} <= set(model)
    return {
        "cell": chains,
        "force field": f"{model['family']}, {model['charges']} charges" if has_model else None,
        "protocol": f"{protocol.get('name', '?')}: {', '.join(names)}" if names else None,
    }


def _attempt_table(attempts: Sequence[Attempt]) -> Any:
    from polyomics.cli.render import clock, make_table, moment, number

    right: dict[str, Any] = {"justify": "right"}
    table = make_table("attempt", "worker", "on", "outcome", "began", ("took", right), ("ps", right), "why")
    for item in attempts:
        device = f" GPU {item.device}" if item.device else ""
        why = f"{item.error_kind}: {item.error_message}" if item.error_kind else ""
        table.add_row(
            str(item.number),
            item.worker or "by hand",
            f"{item.host}{device}",
            item.outcome or "running",
            moment(item.claimed),
            clock(((item.ended or item.seen) - item.claimed).total_seconds()),
            number(item.reached_ps) if item.reached_ps else "",
            why,
        )
    return table


def _stage_table(study: StudyRow) -> Any:
    from polyomics.cli.render import clock, make_table, number, status_text

    right: dict[str, Any] = {"justify": "right"}
    table = make_table("step", "kind", "status", ("ps", right), ("wall", right), ("ns/day", right), "notes")
    for stage in study.stages:
        detail = dict(stage.detail)
        wall_s = detail.pop("wall_s", None)
        if wall_s is None and stage.started and stage.ended:
            wall_s = (stage.ended - stage.started).total_seconds()
        ps, speed = detail.pop("ps", None), detail.pop("ns_per_day", None)
        kept = {name: value for name, value in detail.items() if value not in (None, [], {}, "")}
        notes = ", ".join(f"{name}: {_brief(value)}" for name, value in kept.items())
        table.add_row(
            stage.name,
            stage.kind,
            status_text(stage.status),
            f"{ps:g}" if ps is not None else "",
            clock(wall_s) if wall_s is not None else "",
            number(speed, 3),
            notes,
        )
    return table


def _criteria_table(criteria: Sequence[Criterion]) -> Any:
    from polyomics.cli.render import make_table, number, verdict_text

    right: dict[str, Any] = {"justify": "right", "no_wrap": True}
    columns = (("test of equilibrium", {"no_wrap": True}), "verdict", ("value", right), ("limit", right), "unit", "why")
    table = make_table(*columns)
    for item in criteria:
        numbers = [number(value, 3) for value in (item.value, item.threshold)]
        unit = "" if item.unit == "1" else item.unit
        table.add_row(item.name, verdict_text(item.verdict), *numbers, unit, item.message)
    return table


def _brief(value: Any) -> str:
    from polyomics.cli.render import number

    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        return ", ".join(map(_brief, value))
    return str(value)


def _print_files(console: Console, study: StudyRow, where: str) -> None:
    from polyomics.cli.render import make_table, size
    from polyomics.config import home

    if study.artifacts:
        folders: dict[str, list[Any]] = {}
        for item in study.artifacts:
            folders.setdefault(item.path.rpartition("/")[0].removeprefix(study.run_folder).strip("/"), []).append(item)
        right: dict[str, Any] = {"justify": "right"}
        table = make_table("folder", ("files", right), ("size", right), "names")
        for folder, items in folders.items():
            names = [item.path.rpartition("/")[2] for item in items]
            shown = ", ".join(names[:4]) + (f", ... {len(names) - 4} more" if len(names) > 4 else "")
            table.add_row(folder or ".", str(len(items)), size(sum(item.size_bytes for item in items)), shown)
        console.print(table)
    console.print(f"run folder  {home() / study.run_folder}", soft_wrap=True)
    console.print(f"database    {where}", soft_wrap=True)
