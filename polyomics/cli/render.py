"""What the user sees: JSON for programs, tables for people."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from polyomics.analysis.statistics import FEW_SAMPLES
from polyomics.reference.comparison import deviation_percent as deviation_percent
from polyomics.reference.comparison import experiment_of as experiment_of
from polyomics.report.flags import FLAG_MEANINGS
from polyomics.report.text import clock as clock
from polyomics.report.text import number as number
from polyomics.report.text import with_error as with_error

if TYPE_CHECKING:
    from polyomics.records import Measurement

SHORT_KEY = 12
"""Characters of a study's key that tables show; every command takes the beginning of a key."""
WIDE = 100
"""Columns from which a table of results has room for flags."""
MEANINGS = {
    flag: FLAG_MEANINGS[flag] for flag in ("demo_quality", "smoke_test", "not_equilibrated", "equilibrium_unknown")
}
"""Flags that need a sentence."""
WIDTH_OF_A_PIPE = 160
"""Columns where the output is not a terminal and nothing says how wide it is."""


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


def make_console(*, stderr: bool = False) -> Console:
    """A console that takes text as it is (a SMILES is full of brackets and colons)."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else WIDTH_OF_A_PIPE
    return _Console(stderr=stderr, markup=False, highlight=False, emoji=False, width=width, soft_wrap=False)


def print_json(value: Any) -> None:
    """Write `value` as JSON to stdout."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")
    sys.stdout.flush()


@contextmanager
def clean_stdout() -> Iterator[None]:
    """Send what libraries write to stdout, also from compiled code, to stderr meanwhile."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def make_table(*columns: str | tuple[str, dict[str, Any]], title: str | None = None) -> Table:
    """An empty table; a column is its heading, or heading and settings."""
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    table.show_edge = False
    for column in columns:
        heading, settings = (column, {}) if isinstance(column, str) else column
        table.add_column(heading, **({"overflow": "fold"} | settings))
    return table


def pairs(rows: Mapping[str, Any], *, title: str | None = None) -> Table:
    """Names and values, a line each; what is None is left out."""
    table = Table.grid(padding=(0, 2), pad_edge=False)
    table.title, table.title_justify, table.title_style = title, "left", "bold"
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        if value is not None:
            table.add_row(name, value if isinstance(value, Text) else str(value))
    return table


# -------------------------------------------------------------------- numbers


def duration(seconds: float | None) -> str:
    """A wall time: 42 s, 6 min, 3.2 h, 2.4 days."""
    if seconds is None:
        return ""
    for size, unit, digits in ((86400.0, "days", 1), (3600.0, "h", 1), (60.0, "min", 0)):
        if seconds >= 2 * size or (unit != "days" and seconds >= size * 1.5):
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "1 s"


def size(n_bytes: float) -> str:
    """A file size: 820 B, 3.1 MB."""
    units = ("B", "kB", "MB", "GB", "TB")
    power = min(len(units) - 1, int(math.log10(max(n_bytes, 1)) / 3))
    return f"{n_bytes / 1000**power:.{1 if power else 0}f} {units[power]}"


def moment(when: datetime | None) -> str:
    """Local date and time to the minute."""
    return "" if when is None else when.astimezone().strftime("%Y-%m-%d %H:%M")


# -------------------------------------------------------------------- results


def measurement_json(polymer_key: str, measurement: Measurement) -> dict[str, Any]:
    """A measurement with the experimental value beside it, or null."""
    found = experiment_of(polymer_key, measurement)
    beside = found and {
        "value": found.value,
        "unit": found.unit,
        "deviation_percent": deviation_percent(measurement.value, found.value),
        "confidence": found.confidence,
        "source": found.source,
    }
    return {**measurement.model_dump(mode="json"), "experiment": beside}


def print_measurements(console: Console, polymer_key: str, measurements: Sequence[Measurement]) -> None:
    """The table of results, and below it what does not fit and where the experimental values come from."""
    is_wide = console.width >= WIDE
    columns: list[tuple[str, dict[str, Any]]] = [
        ("property", {"no_wrap": True}),
        ("value ± std. error", {"justify": "right", "no_wrap": True}),
        ("unit", {"no_wrap": True}),
        ("indep.\nsamples", {"justify": "right", "no_wrap": True}),
        ("experiment", {"justify": "right", "no_wrap": True}),
        *([("flags", {})] if is_wide else []),
    ]
    table = make_table(*columns)
    sources: dict[str, list[str]] = {}
    for item in measurements:
        found = experiment_of(polymer_key, item)
        if found is not None:
            sources.setdefault(found.source, []).append(item.name)
        row: list[str | Text] = [
            item.name,
            with_error(item.value, item.stderr),
            "" if item.unit == "1" else item.unit,
            f"{item.n_independent:.0f}",
            _beside(item.value, found.value) if found is not None else "–",
            Text(", ".join(item.flags), style="yellow"),
        ]
        table.add_row(*row[: len(columns)])
    console.print(table)
    for item in measurements if not is_wide else ():
        if item.flags:
            console.print(f"flags ({item.name}): {', '.join(item.flags)}", style="yellow")
    for source, names in sources.items():
        console.print(f"experiment ({', '.join(names)}): {source}", style="dim")
    for flag, meaning in MEANINGS.items():
        if any(flag in item.flags for item in measurements):
            console.print(f"{flag}: {meaning}", style="yellow")
    if advice := longer_sampling(measurements):
        console.print(f"few_samples: {advice}", style="yellow")


def longer_sampling(measurements: Sequence[Measurement]) -> str:
    """How much longer to sample for ten independent samples of what has fewer; "" where nothing has."""
    short = [item for item in measurements if "few_samples" in item.flags]
    if not short:
        return ""
    times = {item.name: FEW_SAMPLES / max(item.n_independent, 0.1) for item in short}
    listed = ", ".join(f"{name} {times[name]:.2g}" for name in sorted(times, key=lambda name: -times[name]))
    return f"error bars are themselves uncertain; for ten independent samples, sample so many times as long: {listed}"


def _beside(value: float, experiment: float) -> str:
    percent = deviation_percent(value, experiment)
    return f"{number(experiment, 3)} ({percent:+.1f} %)" if percent is not None else number(experiment, 3)


def print_failures(console: Console, failures: Sequence[Any]) -> None:
    """What gave no result, and why."""
    for item in failures:
        console.print(Text.assemble((f"failed: {item.stage}", "bold red"), f"  {item.kind}: {item.message}"))


STATUS_STYLE = {
    "done": "green",
    "existing": "green",
    "failed": "bold red",
    "running": "cyan",
    "queued": "dim",
    "cancelled": "yellow",
    "stopped": "yellow",
}


def status_text(status: str) -> Text:
    """A status in its colour."""
    return Text(status, style=STATUS_STYLE.get(status, ""))


def verdict_text(verdict: str) -> Text:
    """The verdict of a test of equilibrium in its colour."""
    return Text(verdict, style={"pass": "green", "fail": "bold red"}.get(verdict, "yellow"))
