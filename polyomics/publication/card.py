"""The card of a data set: what it is, how it was made, how good it is, how to read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from polyomics import __version__
from polyomics.database import Selection
from polyomics.report.flags import meaning

if TYPE_CHECKING:
    from polyomics.publication.about import About
    from polyomics.publication.dataset import Counts

LIMITS = (
    "Amorphous cells of linear homopolymers, simulated with classical force fields; no crystallinity, no processing.",
    "An error bar is that of one cell, or of its replicates: it holds neither what the force field does nor what the "
    "length of the run leaves out.",
    "A value that carries a flag is not what one without would be: read the meanings below before using it.",
    "What gave no value is in failures.parquet, with the reason; it is not a value of zero.",
)


def card(about: About, counts: Counts, columns: Mapping[str, Mapping[str, Any]], selection: Selection) -> str:
    """The card in Markdown, with the front matter that Hugging Face reads."""
    chosen = selection.model_dump(mode="json", exclude_defaults=True)
    parts = [
        _front_matter(about, counts),
        f"# {about.title}\n",
        about.description or "Properties of amorphous polymers, each with its standard error, unit and flags.",
        _contents(counts),
        f"Chosen by: `{json.dumps(chosen, sort_keys=True)}`\n" if chosen else "",
        _quality(counts),
        _made(counts),
        "## Known limits\n\n" + "\n".join(f"- {text}" for text in LIMITS) + "\n",
        _flags(counts),
        _reading(),
        _columns(columns),
        f"## Citing\n\n{', '.join(about.authors)}: {about.title} ({counts.latest[:4]}). Licence: {about.licence}.\n",
    ]
    return "\n".join(part for part in parts if part)


def _front_matter(about: About, counts: Counts) -> str:
    n = counts.values
    size = next((name for limit, name in _SIZES if n < limit), "n>1B")
    lines = [
        "---",
        f"pretty_name: {json.dumps(about.title)}",
        f"license: {about.licence.lower()}",
        f"size_categories: [{json.dumps(size)}]",
        "tags: [chemistry, polymers, molecular-dynamics]",
        "configs:",
        *(
            line
            for name in ("values", "studies", "failures")
            for line in (f"  - config_name: {name}", f"    data_files: {name}.parquet")
        ),
        "---\n",
    ]
    return "\n".join(lines)


_SIZES = (
    (1e3, "n<1K"),
    (1e4, "1K<n<10K"),
    (1e5, "10K<n<100K"),
    (1e6, "100K<n<1M"),
    (1e7, "1M<n<10M"),
    (1e9, "10M<n<1B"),
)


def _contents(counts: Counts) -> str:
    return (
        f"\n{counts.polymers:,} polymers, {counts.studies:,} studies, {counts.values:,} values of "
        f"{len(counts.by_property)} properties; {sum(counts.failures.values()):,} failures. Latest study: "
        f"{counts.latest[:10]}.\n\n"
        "| file | a row is |\n|---|---|\n"
        "| `values.parquet` | a value: polymer, property, value, standard error, unit, flags, state, study |\n"
        "| `studies.parquet` | a study: its values in columns that carry their unit, each with its `_stderr` |\n"
        "| `failures.parquet` | a step of a study that gave no value, and why |\n"
        "| `croissant.json` | the same for machines (MLCommons Croissant) |\n"
        "| `SHA256SUMS` | `sha256sum -c SHA256SUMS` |\n"
    )


def _quality(counts: Counts) -> str:
    head = (
        f"## Quality\n\n{counts.equilibrated:,} of {counts.studies:,} studies passed the tests of equilibrium. "
        f"{counts.with_error:,} of {counts.values:,} values have a standard error, {counts.unflagged:,} no flag.\n\n"
        "| property | unit | values | with error | without flags |\n|---|---|---|---|---|\n"
    )
    rows = [
        f"| {name} | {counts.units[name]} | {one['values']:,} | {one['with_error']:,} | {one['unflagged']:,} |"
        for name, one in sorted(counts.by_property.items())
    ]
    failures = [f"| {kind} | {number:,} |" for kind, number in sorted(counts.failures.items())]
    told = "\n\n| failure | number |\n|---|---|\n" + "\n".join(failures) if failures else ""
    return head + "\n".join(rows) + told + "\n"


def _made(counts: Counts) -> str:
    imported = [f"{number:,} from {name}" for name, number in sorted(counts.sources.items()) if name]
    text = (
        f"## How it was made\n\nWritten by polyomics {__version__}. {counts.sources['']:,} studies were simulated by it"
    )
    text += f"; {', '.join(imported)} were imported (flag `imported`)." if imported else "."
    return (
        text
        + " A study is made of chains grown from the repeat unit, typed and charged, packed, relaxed and sampled by "
        "molecular dynamics; its key is a digest of everything that can change the answer.\n"
    )


def _flags(counts: Counts) -> str:
    if not counts.flags:
        return ""
    rows = [f"| `{flag}` | {number:,} | {meaning(flag) or ''} |" for flag, number in sorted(counts.flags.items())]
    return "## Flags\n\n| flag | values | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _reading() -> str:
    return (
        "## Reading it\n\n```python\nimport pandas\n\nvalues = pandas.read_parquet('values.parquet')\n"
        "good = values[values['flags'].str.len() == 0]\nstudies = pandas.read_parquet('studies.parquet')\n```\n"
    )


def _columns(columns: Mapping[str, Mapping[str, Any]]) -> str:
    parts = ["## Columns\n"]
    for name, some in columns.items():
        parts.append(f"`{name}`\n\n| column | type | unit |\n|---|---|---|")
        parts += [f"| {column} | {about['type']} | {about['unit']} |" for column, about in some.items()]
        parts.append("")
    return "\n".join(parts)
