"""What the Prefect dashboard shows of a study: names, tags, tables, links."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from prefect.artifacts import create_markdown_artifact
from pydantic import ValidationError

from polyomics.database.dashboard import CampaignState, ShownStudy
from polyomics.database.rows import StageRecord
from polyomics.records import Measurement
from polyomics.spec import StudySpec
from polyomics.study import StudyResult

SHORT_KEY = 8
"""Characters of a study's key in the name of its flow run."""
FILES_VARIABLE = "POLYOMICS_FILES_URL"
"""Address under which the home folder is served, for links; by default links go to the files themselves."""


def run_name(parameters: Mapping[str, Any]) -> str:
    """Name of the flow run with these parameters: polymer · preset · start of the key."""
    try:
        spec = StudySpec.model_validate(parameters.get("spec"))
    except ValidationError:
        return "not a study"
    return study_name(spec.polymer.psmiles, spec.preset, spec.key)


def study_name(psmiles: str, preset: str, key: str) -> str:
    """Name of the flow run of a study: polymer · preset · start of the key."""
    return f"{psmiles} · {preset} · {key[:SHORT_KEY]}"


def run_tags(spec: StudySpec) -> tuple[str, ...]:
    """Tags of the flow run of a study."""
    return study_tags(spec.polymer.psmiles, spec.preset, spec.key)


def study_tags(psmiles: str, preset: str, key: str) -> tuple[str, ...]:
    """Tags of the flow run of a study: what it is."""
    return (f"polymer:{psmiles}", f"preset:{preset}", f"study:{key}")


def shown_tags(study: ShownStudy) -> list[str]:
    """Tags of the flow run of a study in the queue: what it is, what for, and who computes it."""
    tags = [*study_tags(study.spec["polymer"]["psmiles"], study.spec["preset"], study.key)]
    tags += [f"campaign:{name}" for name in study.campaigns]
    if study.worker is not None:
        tags += [f"worker:{study.worker}", f"attempt:{study.attempt}"]
    return sorted(tags)


def summary(result: StudyResult) -> str:
    """How a study ended, in one line."""
    values = [f"{m.name} {_value(m)} {m.unit}" for m in result.measurements]
    failures = [f"{f.stage} failed: {f.kind}: {f.message}" for f in result.failures]
    if result.status == "existing":
        values.insert(0, "all of it was there already")
    return "; ".join(values + failures)


def report_artifact(spec: StudySpec, result: StudyResult) -> None:
    """Put the report of a study beside its flow run."""
    create_markdown_artifact(
        key=f"study-{result.key}",
        markdown=report_markdown(spec, result),
        description=report_description(spec, result),
    )


def report_description(spec: StudySpec, result: StudyResult) -> str:
    """What the report is of."""
    return f"Results of `{result.psmiles}`, preset {spec.preset}"


def report_markdown(spec: StudySpec, result: StudyResult) -> str:
    """The report: every value with its error and its flags, every failure, where the files are."""
    lines = [f"## `{result.psmiles}`: {result.status}", ""]
    if result.measurements:
        rows = [_row(measurement) for measurement in result.measurements]
        lines += _table(("property", "value", "stderr", "unit", "n_independent", "flags"), rows)
    if result.failures:
        rows = [(f.stage, f.kind, f.message) for f in result.failures]
        lines += _table(("failed step", "kind", "message"), rows)
    if result.equilibrium is not None:
        lines.append(f"- equilibrium: {result.equilibrium.verdict}; {_cell(result.equilibrium.message)}")
    if result.measurements:
        page = file_url(result.folder / "results" / "report.html")
        lines.append(f"- [page with every figure]({page}), [how it came to equilibrium]({page}#equilibrium)")
    lines += [
        f"- study key: `{result.key}`",
        f"- run folder: `{result.folder}` ([open]({file_url(result.folder)}))",
        f"- preset: {spec.preset}; protocol: {spec.protocol.name}, {spec.protocol.duration_ps:g} ps",
        f"- at {spec.conditions.temperature_k:g} K and {spec.conditions.pressure_bar:g} bar",
    ]
    return "\n".join(lines) + "\n"


def file_url(path: Path) -> str:
    """Where a browser finds a file of a run: below `POLYOMICS_FILES_URL`, if that is set, else on this machine.

    Args:
        path: Of a file or folder below `runs` in the home folder.
    """
    base = os.environ.get(FILES_VARIABLE)
    if not base:
        return path.absolute().as_uri()
    below = path.parts[len(path.parts) - path.parts[::-1].index("runs") - 1 :]
    return base.rstrip("/") + "/" + quote("/".join(below))


def stage_markdown(stage: StageRecord, density_g_cm3: float | None) -> str:
    """What a stage of MD did.

    Args:
        stage: The stage.
        density_g_cm3: Density of the cell at its end.
    """
    detail = stage.detail
    rows = [("simulated", f"{detail.get('ps', 0.0):g}", "ps")]
    if detail.get("ns_per_day"):
        rows.append(("speed", f"{detail['ns_per_day']:.4g}", "ns/day"))
    if density_g_cm3 is not None:
        rows.append(("density at its end", f"{density_g_cm3:.4f}", "g/cm3"))
    rows.append(("recovered with a smaller time step", str(len(detail.get("events", ()))), "times"))
    if "extensions" in detail:
        rows.append(("prolonged", str(detail["extensions"]), "times"))
    return "\n".join([f"## {_cell(stage.name)}", "", *_table(("", "", "unit"), rows)])


def campaign_markdown(campaign: CampaignState) -> str:
    """How far a campaign is: counts by status, work left."""
    n_studies = sum(campaign.counts.values())
    rows = [(status, str(n), f"{100.0 * n / n_studies:.1f} %") for status, n in campaign.counts.items()]
    left = f"- GPU-hours left, by estimate: {campaign.gpu_hours_left:.4g}"
    head = [f"## {_cell(campaign.name)}: {campaign.counts.get('done', 0)} of {n_studies} studies done", ""]
    return "\n".join([*head, *_table(("status", "studies", "share"), rows), left]) + "\n"


def in_words(noted: Mapping[str, Any]) -> str:
    """The plain values among what a step noted, in one line."""
    shown = [f"{name} {_short(value)}" for name, value in noted.items() if isinstance(value, int | float | str)]
    n_events = len(noted.get("events", ()))
    if n_events:
        shown.append(f"recovered {n_events} times with a smaller time step")
    return ", ".join(shown) or "done"


def _short(value: float | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _row(measurement: Measurement) -> tuple[str, ...]:
    stderr = "" if measurement.stderr is None else f"{measurement.stderr:.2g}"
    return (
        measurement.name,
        f"{measurement.value:.5g}",
        stderr,
        measurement.unit,
        f"{measurement.n_independent:.4g}",
        ", ".join(measurement.flags),
    )


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    ruled = [header, ("---",) * len(header), *rows]
    return ["| " + " | ".join(_cell(text) for text in row) + " |" for row in ruled] + [""]


def _cell(text: str) -> str:
    """Text that neither ends its cell nor its line, and whose `*` and `_` stay what they are."""
    for character in "\\|*_<`":
        text = text.replace(character, "\\" + character)
    return " ".join(text.split())


def _value(measurement: Measurement) -> str:
    if measurement.stderr is None:
        return f"{measurement.value:.4g}"
    return f"{measurement.value:.4g} ± {measurement.stderr:.1g}"
