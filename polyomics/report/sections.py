"""The tables and texts of a report."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from polyomics.records import Criterion, Measurement
from polyomics.reference.comparison import deviation_percent, experiment_of
from polyomics.report.flags import meaning
from polyomics.report.html import Child, Markup, element, joined, table, with_doi_links
from polyomics.report.recorded import RecordedRun
from polyomics.report.reproduce import command, snippet
from polyomics.report.text import VERDICT_SIGNS, clock, number, plain, unit_text, with_error
from polyomics.spec import StudySpec


def section(title: str, identifier: str, *children: Child | Iterable[Child]) -> Markup:
    """A part of the page with a heading."""
    return element("section", element("h2", title), *children, id=identifier)


def heading(run: RecordedRun) -> Markup:
    """The polymer, its state, and the overall verdict."""
    study = run.study
    facts: list[Child] = [
        _fact("state", f"{study.temperature_k:g} K, {study.pressure_bar:g} bar"),
        _fact("cell", _cell_text(study.spec)),
        _fact("force field", _model_text(study.spec)),
        _fact("preset", f"{study.preset}, seed {study.seed}, replicate {study.replicate}"),
        _fact("repeat unit", f"{study.polymer.formula}, {study.polymer.molar_mass_g_mol:.2f} g/mol"),
        _fact("study", study.key),
        _fact("ended", _moment(study.ended)),
    ]
    overall = next((item for item in run.criteria if item.name == "equilibrium"), None)
    verdict = element("p", "equilibrium: ", verdict_badge(overall.verdict)) if overall is not None else None
    title = element("h1", element("span", "polyomics report", class_="over"), element("code", study.polymer.psmiles))
    return element("header", title, element("dl", facts, class_="facts"), verdict)


def results(run: RecordedRun) -> Markup:
    """Values with errors, beside experiment, with their flags in words."""
    items = run.study.measurements
    if not items:
        return section("Results", "results", element("p", "No property has a value."))
    headings = ("property", "value ± standard error", "unit", "independent samples", "experiment", "flags")
    rows = [_result_row(run.study.polymer.key, item) for item in items]
    return section(
        "Results", "results", table(headings, rows, class_="results"), _flag_list(items), _sources(run, items),
        _definitions(items),
    )  # fmt: skip


def failures(run: RecordedRun) -> Markup | None:
    """What gave no result, and why."""
    found = run.study.failures
    if not found:
        return None
    rows = [(item.stage, item.kind, item.message) for item in found]
    return section("What gave no value", "failures", table(("step or property", "kind", "why"), rows))


def criteria_table(criteria: Sequence[Criterion]) -> Markup:
    """Every test of equilibrium with its numbers."""
    if not criteria:
        return element("p", "No tests of equilibrium are stored for this study.", class_="note")
    rows = [
        (
            plain(item.name),
            verdict_badge(item.verdict),
            number(item.value),
            number(item.threshold),
            unit_text(item.unit),
            item.message,
        )
        for item in criteria
    ]
    return table(("test", "verdict", "value", "limit", "unit", "what it means"), rows, class_="criteria")


def verdict_badge(verdict: str) -> Markup:
    """A verdict as a sign and a word, in its colour."""
    return element("span", f"{VERDICT_SIGNS.get(verdict, '')} {verdict}", class_=f"badge {verdict}")


def stages(run: RecordedRun) -> Markup | None:
    """The steps of the study."""
    found = run.study.stages
    if not found:
        return None
    rows = []
    for stage in found:
        detail = dict(stage.detail)
        wall_s = detail.pop("wall_s", None)
        if wall_s is None and stage.started and stage.ended:
            wall_s = (stage.ended - stage.started).total_seconds()
        ps, speed = detail.pop("ps", None), detail.pop("ns_per_day", None)
        notes = ", ".join(f"{plain(name)}: {_brief(value)}" for name, value in detail.items() if value not in _NOTHING)
        rows.append(
            (
                stage.name,
                stage.kind,
                stage.status,
                f"{ps:g}" if ps is not None else "",
                clock(wall_s) if wall_s is not None else "",
                number(speed, 3),
                notes,
            )
        )
    headings = ("step", "kind", "status", "simulated [ps]", "wall time", "ns/day", "notes")
    return section("Steps", "stages", table(headings, rows))


def reproduction(run: RecordedRun) -> Markup:
    """How to run the same study again: the spec, a command, a snippet."""
    study = run.study
    text = json.dumps(study.spec, indent=1, sort_keys=True, ensure_ascii=False)
    encoded = base64.b64encode(text.encode()).decode()
    link = element("a", "spec.json", href=f"data:application/json;base64,{encoded}", download="spec.json")
    parts: list[Child] = []
    try:
        spec = StudySpec.model_validate(study.spec)
    except ValidationError:
        spec = None
    if spec is None or spec.key != study.key:
        parts.append(
            element("p", "This version of polyomics gives this request another key; take the version named below.")
        )
    asked = run.attempt("the command", lambda: command(spec)) if spec is not None and spec.key == study.key else None
    if asked is not None:
        parts += [element("p", "The same study from the command line:"), element("pre", asked, id="command")]
    parts += [
        element("p", "The same study from Python; it reads ", link, ", which is also in the run folder:"),
        element("pre", snippet(study.key), id="snippet"),
        element("details", element("summary", "The exact request"), element("pre", text), id="spec"),
    ]
    return section("How to reproduce it", "reproduce", parts)


def provenance(run: RecordedRun) -> Markup:
    """Versions and facts behind the values."""
    known = {name: value for name, value in run.study.provenance.items() if value}
    rows = [(plain(name), value) for name, value in known.items()]
    return section("Versions and provenance", "provenance", table(("what", "which"), rows) if rows else None)


# -------------------------------------------------------------------- inside

_NOTHING: tuple[Any, ...] = (None, [], {}, "")


def _fact(name: str, value: str | None) -> Markup | None:
    return element("div", element("dt", name), element("dd", value)) if value else None


def _cell_text(spec: dict[str, Any]) -> str | None:
    polymer, cell = spec.get("polymer", {}), spec.get("cell", {})
    if "n_units" not in polymer or "n_chains" not in cell:
        return None
    return f"{cell['n_chains']} chains of {polymer['n_units']} units, {polymer.get('tacticity', '?')}"


def _model_text(spec: dict[str, Any]) -> str | None:
    model, protocol = spec.get("force_field", {}), spec.get("protocol", {})
    parts = [model.get("family"), f"{model['charges']} charges" if "charges" in model else None]
    parts.append(f"protocol {protocol['name']}" if "name" in protocol else None)
    return ", ".join(str(part) for part in parts if part) or None


def _moment(when: datetime | None) -> str | None:
    return None if when is None else when.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _result_row(polymer_key: str, item: Measurement) -> tuple[Child, ...]:
    found = experiment_of(polymer_key, item)
    beside: Child = "–"
    if found is not None:
        percent = deviation_percent(item.value, found.value)
        beside = f"{number(found.value, 3)}" + (f" ({percent:+.1f} %)" if percent is not None else "")
    flags = [element("span", flag, class_="flag", title=meaning(flag)) for flag in item.flags]
    return (
        element("span", plain(item.name), title=item.name),
        with_error(item.value, item.stderr),
        unit_text(item.unit),
        f"{item.n_independent:.0f}",
        beside,
        joined(flags),
    )


def _flag_list(items: Sequence[Measurement]) -> Markup | None:
    flags = dict.fromkeys(flag for item in items for flag in item.flags)
    rows = [
        element("div", element("dt", element("span", flag, class_="flag")), element("dd", meaning(flag)))
        for flag in flags
        if meaning(flag)
    ]
    return element("dl", rows, class_="meanings") if rows else None


def _sources(run: RecordedRun, items: Sequence[Measurement]) -> Markup | None:
    sources: dict[str, list[str]] = {}
    for item in items:
        found = experiment_of(run.study.polymer.key, item)
        if found is not None:
            sources.setdefault(f"{found.source} (confidence: {found.confidence})", []).append(plain(item.name))
    lines = [element("li", f"{', '.join(names)}: ", with_doi_links(source)) for source, names in sources.items()]
    return joined(element("p", "Experimental values:"), element("ul", lines)) if lines else None


def _definitions(items: Sequence[Measurement]) -> Markup | None:
    from polyomics.properties import PROPERTIES

    lines = []
    for item in items:
        if item.name in PROPERTIES:
            kind = PROPERTIES[item.name]
            source = joined(kind.definition, " ", element("small", with_doi_links(kind.reference)))
            lines.append(element("div", element("dt", plain(item.name)), element("dd", source)))
    if not lines:
        return None
    return element("details", element("summary", "How each value is defined"), element("dl", lines, class_="meanings"))


def _brief(value: Any) -> str:
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        return ", ".join(map(_brief, value))
    return str(value)
