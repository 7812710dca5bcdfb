"""`polyomics probes`: what further stages can make a cell show, and what that costs."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyomics.cli.check import AsJson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polyomics.md.probes import Probe
    from polyomics.md.stage import Stage

N_ATOMS = 10_000
"""Atoms of the cell that costs are told for."""


def probes(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this one, with its stages.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the probes: further stages, after a cell is in equilibrium, that some properties are measured on.

    A property asked for by name (run --property NAME) brings its probe along; its effort, and so its cost, is that of
    the preset.

    Example:  polyomics probes viscosity

    JSON: a list (with NAME, one object) with name, summary, starts_after (names or roles of the stages it branches off
    from), properties (all it gives), n_atoms (what costs are for), basis, efforts (effort, presets, simulated_ns,
    n_steps, gpu_wall_s, longest_ns and longest_gpu_wall_s with every prolongation, and with NAME stages: name, kind,
    after, ps, ...).
    """
    from polyomics.cli.render import print_json
    from polyomics.md.probes import PROBES

    found = [_probe_json(item, PROBES[item], with_stages=bool(name)) for item in ([name] if name else PROBES.names())]
    if as_json:
        print_json(found[0] if name else found)
    elif name:
        _print_probe(found[0])
    else:
        _print_probes(found)


def _probe_json(name: str, probe: Probe, *, with_stages: bool) -> dict[str, Any]:
    from polyomics.estimate import BASIS
    from polyomics.md.probes import EFFORTS
    from polyomics.md.protocols import Target
    from polyomics.properties import PROPERTIES

    target = Target()
    stages = {effort: probe(target, effort) for effort in EFFORTS}
    return {
        "name": name,
        "summary": (inspect.getdoc(probe) or "").split("\n")[0],
        "starts_after": sorted({one.after for every in stages.values() for one in every if one.after is not None}),
        "properties": [item for item, kind in PROPERTIES.items() if kind.probe == name],
        "n_atoms": N_ATOMS,
        "basis": BASIS,
        "efforts": [_effort_json(effort, stages[effort], with_stages=with_stages) for effort in EFFORTS],
    }


def _effort_json(effort: str, stages: Sequence[Stage], *, with_stages: bool) -> dict[str, Any]:
    from polyomics.presets import PRESETS

    listed = [{**stage.model_dump(mode="json"), "ps": stage.simulated_ps} for stage in stages]
    return {
        "effort": effort,
        "presets": [preset.name for _, preset in PRESETS.items() if preset.effort == effort],
        "simulated_ns": sum(stage.simulated_ps for stage in stages) / 1000.0,
        "n_steps": sum(stage.n_steps for stage in stages),
        "gpu_wall_s": sum(_gpu_wall_s(stage) for stage in stages),
        "longest_ns": sum(stage.simulated_ps * (1 + stage.most_extensions) for stage in stages) / 1000.0,
        "longest_gpu_wall_s": sum(_gpu_wall_s(stage) * (1 + stage.most_extensions) for stage in stages),
        **({"stages": listed} if with_stages else {}),
    }


def _gpu_wall_s(stage: Stage) -> float:
    """Rough time of a stage on one GPU [s]."""
    from polyomics.estimate import gpu_wall_s, steps_of_stage

    return gpu_wall_s(steps_of_stage(stage), N_ATOMS)


def _print_probes(found: list[dict[str, Any]]) -> None:
    from polyomics.cli.render import WIDE, duration, make_console, make_table

    console = make_console()
    is_wide = console.width >= WIDE
    right: dict[str, Any] = {"justify": "right", "no_wrap": True}
    efforts = [item["effort"] for item in found[0]["efforts"]] if found else []
    table = make_table(
        ("probe", {"no_wrap": True}), *((effort, right) for effort in efforts), *(["what it is for"] if is_wide else [])
    )
    for item in found:
        costs = [
            f"{_at_most(one)}{one['longest_ns']:.3g} ns\n{_at_most(one)}{duration(one['longest_gpu_wall_s'])}"
            for one in item["efforts"]
        ]
        table.add_row(item["name"], *costs, *([item["summary"]] if is_wide else []))
    console.print(table)
    for item in found:
        console.print(f"{item['name']}: {', '.join(item['properties']) or 'no property yet'}")
    console.print(
        "first line: simulated time (≤: with every prolongation it may need); second: time on one GPU for "
        f"{N_ATOMS:,} atoms; both on top of the preset of that effort. After the table: the properties that each "
        "gives, which bring it along when asked for by name",
        style="dim",
    )
    if found:
        console.print(f"estimates: {found[0]['basis']}", style="dim")


def _print_probe(item: dict[str, Any]) -> None:
    from polyomics.cli.render import duration, make_console, make_table, pairs

    console = make_console()
    facts = {
        "probe": item["name"],
        "what it is for": item["summary"],
        "starts after": ", ".join(item["starts_after"]),
        "properties": ", ".join(item["properties"]) or "none yet",
    }
    console.print(pairs(facts))
    console.print()
    right: dict[str, Any] = {"justify": "right"}
    table = make_table("effort", "preset", ("simulated", right), ("steps", right), (f"GPU, {N_ATOMS:,} atoms", right))
    for one in item["efforts"]:
        table.add_row(
            one["effort"],
            ", ".join(one["presets"]) or "–",
            _range(*(f"{one[key]:.3g} ns" for key in ("simulated_ns", "longest_ns"))),
            f"{one['n_steps']:,}",
            _range(*(duration(one[key]) for key in ("gpu_wall_s", "longest_gpu_wall_s"))),
        )
    console.print(table)
    console.print()
    table = make_table("stage", "kind", "after", *((one["effort"] + "\nps", right) for one in item["efforts"]))
    for number, stage in enumerate(item["efforts"][-1]["stages"]):
        lengths = [_length(one["stages"], stage["name"]) for one in item["efforts"]]
        table.add_row(
            stage["name"], stage["kind"], stage.get("after", "" if not number else "the one before"), *lengths
        )
    console.print(table)
    console.print(f"estimates: {item['basis']}", style="dim")


def _length(stages: list[dict[str, Any]], name: str) -> str:
    """Length of the stage of that name [ps], where the effort has it."""
    found = [stage["ps"] for stage in stages if stage["name"] == name]
    return f"{found[0]:,.6g}" if found else "–"


def _at_most(effort: dict[str, Any]) -> str:
    return "≤ " if effort["longest_ns"] > effort["simulated_ns"] else ""


def _range(least: str, most: str) -> str:
    return least if least == most else f"{least} to {most}"
