"""Replicates put together, for people and programs: after `run --replicates`, and for `query --combine`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from polyomics.database.replicates import CombinedRow
    from polyomics.replicates import CombinedMeasurement

_RIGHT: dict[str, Any] = {"justify": "right", "no_wrap": True}


def print_combined(console: Console, polymer_key: str, found: Sequence[CombinedMeasurement]) -> None:
    """The table of one polymer's combined values."""
    from polyomics.cli.render import make_table, with_error
    from polyomics.reference import experimental_value

    table = make_table(
        ("property", {"no_wrap": True}),
        ("value ± std. error", _RIGHT),
        ("unit", {"no_wrap": True}),
        ("replicates", _RIGHT),
        ("spread", _RIGHT),
        ("experiment", _RIGHT),
        "flags",
        title="replicates combined",
    )
    for one in found:
        value = experimental_value(polymer_key, one.name, one.temperature_k)
        table.add_row(
            one.name,
            with_error(one.value, one.stderr),
            "" if one.unit == "1" else one.unit,
            str(one.n_replicates),
            spread_text(one.spread),
            _beside(one.value, value.value) if value is not None and value.unit == one.unit else "–",
            ", ".join(one.flags),
        )
    console.print(table)


def print_combined_rows(console: Console, rows: Sequence[CombinedRow]) -> None:
    """The table of combined values of many polymers."""
    from polyomics.cli.render import WIDE, make_table, with_error

    is_wide = console.width >= WIDE
    table = make_table(
        "polymer",
        ("property", {"no_wrap": True}),
        ("value ± std. error", _RIGHT),
        ("unit", {"no_wrap": True}),
        ("replicates", _RIGHT),
        ("spread", _RIGHT),
        *(["preset", "flags"] if is_wide else []),
    )
    for row in rows:
        table.add_row(
            row.psmiles,
            row.property,
            with_error(row.value, row.stderr),
            row.unit,
            str(row.n_replicates),
            spread_text(row.spread),
            *([row.preset, ", ".join(row.flags)] if is_wide else []),
        )
    console.print(table) if rows else None
    console.print(f"{len(rows)} value{'' if len(rows) == 1 else 's'} of all replicates", style="dim")


def combined_row_json(row: CombinedRow) -> dict[str, Any]:
    """A combined value as plain JSON values."""
    from dataclasses import asdict

    return {**asdict(row), "flags": list(row.flags), "study_keys": list(row.study_keys)}


def spread_text(spread: float | None) -> str:
    """A standard deviation to two digits."""
    from polyomics.cli.render import number

    return "–" if spread is None else number(spread, 2)


def _beside(value: float, experiment: float) -> str:
    from polyomics.cli.render import deviation_percent, number

    percent = deviation_percent(value, experiment)
    return number(experiment, 3) + ("" if percent is None else f" ({percent:+.1f} %)")
