"""`polyomics compare`: two studies, polymers, presets or data sets side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyomics.cli.check import AsJson
from polyomics.errors import NoResults

if TYPE_CHECKING:
    from rich.console import Console

    from polyomics.comparison import ComparedSides, Value

Limit = Annotated[int, typer.Option(min=0, help="Values that are shown, largest difference first.")]
OnlyProperties = Annotated[list[str] | None, typer.Option("--property", help="Only this property; may be repeated.")]
STYLES = {"agree": "green", "unclear": "yellow", "differ": "bold red"}
_RIGHT: dict[str, Any] = {"justify": "right", "no_wrap": True}


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="Study, polymer, preset, data set, or 'computed'.")],
    b: Annotated[str, typer.Argument(metavar="B", help="What to hold against it.")],
    property_name: OnlyProperties = None,
    limit: Limit = 40,
    as_json: AsJson = False,
) -> None:
    """Compare two studies, polymers, presets or data sets, value by value.

    A side is the key of a study, a polymer's SMILES, the name of a preset, that of an imported data set, or 'computed'.
    Presets and data sets are compared polymer by polymer. The difference is B - A; z is the difference in its standard
    errors, and says up to 2 agree, from 3 on differ, between unclear. One value in twenty differs by 2 by chance.

    Examples:  polyomics compare 3f2a91 77c0de    polyomics compare radonpy_pi1070 computed --property density

    JSON keys: a, b (text, kind, name), values (psmiles, property, a and b with value, stderr, unit, n_studies,
    temperature_k, pressure_bar, flags, difference, stderr, z, verdict: agree, unclear, differ, no error, other state,
    other unit), properties (property, unit, n, bias, mean_absolute_difference, r_squared, n_agree, n_differ), only_a,
    only_b.
    """
    from dataclasses import asdict

    from polyomics.cli.render import make_console, print_json
    from polyomics.comparison import compare as side_by_side
    from polyomics.config import database_url
    from polyomics.database import inspect_schema, open_database
    from polyomics.presets import PRESETS

    if inspect_schema(database_url()).status in ("missing", "empty"):
        raise NoResults("there are no results yet, so there is nothing to compare; start with: polyomics run '*CC*'")
    with open_database() as store:
        found = side_by_side(store, a, b, properties=property_name or (), known_presets=PRESETS.names())
    if as_json:
        print_json(_plain(asdict(found)))
    else:
        _print(make_console(), found, limit)


def _plain(value: Any) -> Any:
    """With lists for tuples."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _print(console: Console, found: ComparedSides, limit: int) -> None:
    from rich.text import Text

    from polyomics.cli.render import make_table, number, with_error

    for letter, side in (("A", found.a), ("B", found.b)):
        console.print(f"{letter}: {side.kind} {side.text}")
    if found.properties:
        _print_summaries(console, found)
    several = len({item.psmiles for item in found.values}) > 1
    columns: list[tuple[str, dict[str, Any]]] = [
        *([("polymer", {})] if several else []),
        ("property", {"no_wrap": True}),
        ("A", _RIGHT),
        ("B", _RIGHT),
        ("unit", {"no_wrap": True}),
        ("B - A", _RIGHT),
        ("z", _RIGHT),
        ("verdict", {"no_wrap": True}),
    ]
    table = make_table(*columns)
    items = sorted(found.values, key=lambda item: -abs(item.z or 0.0)) if several else list(found.values)
    for item in items[:limit]:
        difference = "–" if item.difference is None else with_error(item.difference, item.stderr)
        table.add_row(
            *([item.psmiles] if several else []),
            item.property,
            with_error(item.a.value, item.a.stderr),
            with_error(item.b.value, item.b.stderr),
            "" if item.a.unit == "1" else item.a.unit,
            difference,
            "–" if item.z is None else number(item.z, 2),
            Text(item.verdict + _states(item.a, item.b, item.verdict), style=STYLES.get(item.verdict, "dim")),
        )
    console.print(table)
    if len(items) > limit:
        console.print(f"{limit} of {len(items)} values; --limit shows more, --json all", style="dim")
    for letter, names in (("A", found.only_a), ("B", found.only_b)):
        if names:
            console.print(f"only {letter} has: {', '.join(names)}", style="dim")


def _states(a: Value, b: Value, verdict: str) -> str:
    if verdict == "other unit":
        return f": {b.unit}"
    if verdict != "other state":
        return ""
    return f": {_state(a)} and {_state(b)}"


def _state(value: Value) -> str:
    parts = [(value.temperature_k, "K"), (value.pressure_bar, "bar")]
    return " ".join(f"{number:g} {unit}" for number, unit in parts if number is not None)


def _print_summaries(console: Console, found: ComparedSides) -> None:
    from polyomics.cli.render import make_table, number

    table = make_table(
        ("property", {"no_wrap": True}),
        ("polymers", _RIGHT),
        ("mean B - A", _RIGHT),
        ("mean |B - A|", _RIGHT),
        ("unit", {"no_wrap": True}),
        ("r²", _RIGHT),
        ("agree", _RIGHT),
        ("differ", _RIGHT),
    )
    for item in found.properties:
        table.add_row(
            item.property,
            str(item.n),
            number(item.bias, 3),
            number(item.mean_absolute_difference, 3),
            "" if item.unit == "1" else item.unit,
            "–" if item.r_squared is None else f"{item.r_squared:.3f}",
            str(item.n_agree),
            str(item.n_differ),
        )
    console.print(table)
