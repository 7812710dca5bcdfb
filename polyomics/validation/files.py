"""A validation as files: every row, the summary for programs and for readers."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from polyomics.files import write_text
from polyomics.records import Record
from polyomics.validation.comparison import Comparison
from polyomics.validation.summary import STATES, SummaryRow

PREDICTIONS, SUMMARY, SUMMARY_TEXT = "predictions.csv", "summary.csv", "summary.md"


def write_tables(
    folder: Path, title: str, comparisons: Sequence[Comparison], summary: Sequence[SummaryRow]
) -> list[Path]:
    """Write `predictions.csv`, `summary.csv` and `summary.md` into a folder that exists.

    Args:
        folder: Where.
        title: What was validated, for the heading of `summary.md`.
        comparisons: Every row.
        summary: Their agreement.

    Returns:
        The files.
    """
    texts = {
        PREDICTIONS: _csv(Comparison, comparisons),
        SUMMARY: _csv(SummaryRow, summary),
        SUMMARY_TEXT: markdown(title, comparisons, summary),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def _csv(kind: type[Record], rows: Sequence[Record]) -> str:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(kind.model_fields), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        fields = row.model_dump(mode="json")
        writer.writerow({name: ";".join(v) if isinstance(v, list) else v for name, v in fields.items()})
    return stream.getvalue()


def markdown(title: str, comparisons: Sequence[Comparison], summary: Sequence[SummaryRow]) -> str:
    """The summary and what is missing from it, as Markdown."""
    lines = [f"# {title}", "", "Predicted against experiment; R² is that of the line predicted = experiment.", ""]
    lines += _table(
        ("property", "unit", "polymers", "method", "N", "R²", "r²", "bias", "MAE", "MAPE %"),
        [
            (
                row.property,
                row.unit,
                row.states,
                row.method,
                str(row.n),
                _short(row.r_squared),
                _short(row.pearson_r_squared),
                f"{row.bias:+.3g}",
                f"{row.mean_absolute_error:.3g}",
                _short(row.mean_absolute_percentage_error),
            )
            for row in sorted(summary, key=lambda row: (row.property, STATES.index(row.states)))
        ],
    )
    missing = [row for row in comparisons if row.status != "compared"]
    if missing:
        lines += ["", "## Without a prediction", ""]
        lines += _table(
            ("polymer", "property", "status", "why"),
            [(row.abbreviation, row.property, row.status, row.reason) for row in missing],
        )
    sources = dict.fromkeys(row.source for row in comparisons)
    lines += ["", "## Sources of the experimental values", "", *(f"- {_cell(source)}" for source in sources), ""]
    return "\n".join(lines)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(headings)} |",
        f"|{'---|' * len(headings)}",
        *(f"| {' | '.join(map(_cell, row))} |" for row in rows),
    ]


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("*", "\\*").split())


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
