"""What the Prefect dashboard shows of a study: names, tags, the table of results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.artifacts import create_markdown_artifact
from pydantic import ValidationError

from polyomics.records import Measurement
from polyomics.spec import StudySpec
from polyomics.study import StudyResult

SHORT_KEY = 8
"""Characters of a study's key in the name of its flow run."""


def run_name(parameters: Mapping[str, Any]) -> str:
    """Name of the flow run with these parameters: polymer · preset · start of the key."""
    try:
        spec = StudySpec.model_validate(parameters.get("spec"))
    except ValidationError:
        return "not a study"
    return f"{spec.polymer.psmiles} · {spec.preset} · {spec.key[:SHORT_KEY]}"


def run_tags(spec: StudySpec) -> tuple[str, ...]:
    """Tags of the flow run of a study."""
    return (f"polymer:{spec.polymer.psmiles}", f"preset:{spec.preset}", f"study:{spec.key}")


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
        description=f"Results of {result.psmiles}, preset {spec.preset}",
    )


def report_markdown(spec: StudySpec, result: StudyResult) -> str:
    """The report: every value with its error and its flags, every failure, where the files are."""
    lines = [f"## `{result.psmiles}`: {result.status}", ""]
    if result.measurements:
        rows = [_row(measurement) for measurement in result.measurements]
        lines += _table(("property", "value", "stderr", "unit", "n_independent", "flags"), rows)
    if result.failures:
        rows = [(f.stage, f.kind, f.message) for f in result.failures]
        lines += _table(("failed step", "kind", "message"), rows)
    lines += [
        f"- study key: `{result.key}`",
        f"- run folder: `{result.folder}`",
        f"- preset: {spec.preset}; protocol: {spec.protocol.name}, {spec.protocol.duration_ps:g} ps",
        f"- at {spec.conditions.temperature_k:g} K and {spec.conditions.pressure_bar:g} bar",
    ]
    return "\n".join(lines) + "\n"


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


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
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
