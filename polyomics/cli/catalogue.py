"""`polyomics presets`, `properties`, `protocol`: what can be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyomics.cli.check import AsJson

if TYPE_CHECKING:
    from polyomics.md.protocol import Protocol

Temperature = Annotated[float, typer.Option("--temperature", help="Temperature the properties are wanted at, K.")]
Pressure = Annotated[float, typer.Option("--pressure", help="Pressure the properties are wanted at, bar.")]
ROOM_K, ATMOSPHERE_BAR = 300.0, 1.01325


def presets(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this one, with its stages.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the presets: named choices of size, protocol and charges.

    Example:  polyomics presets standard

    JSON: a list (with NAME, one object) with name, summary, n_chains, atoms_per_chain, n_atoms, protocol, family,
    charges, properties, quality_flags, simulated_ns, stages (name, kind, ps, temperature_k, pressure_bar, ...),
    estimate.
    """
    from polyomics.cli.render import print_json
    from polyomics.presets import PRESETS

    found = [_preset_json(PRESETS[item]) for item in ([name] if name else PRESETS.names())]
    found.sort(key=lambda preset: preset["estimate"]["n_steps"] * preset["n_atoms"])
    if as_json:
        print_json(found[0] if name else found)
    elif name:
        _print_preset(found[0])
    else:
        _print_presets(found)


def properties(as_json: AsJson = False) -> None:
    """Show the properties that can be measured.

    Example:  polyomics properties

    JSON: a list with name, unit, definition, reference, needs (npt, nvt or any: the kind of the last MD stage).
    """
    from polyomics.cli.render import make_console, make_table, print_json
    from polyomics.properties import PROPERTIES

    fields = ("name", "unit", "definition", "reference", "needs")
    found = [{field: getattr(item, field) for field in fields} for _, item in PROPERTIES.items()]
    if as_json:
        print_json(found)
        return
    table = make_table(("property", {"no_wrap": True}), "unit", "last stage", "definition", "reference")
    for item in found:
        needs = "npt or nvt" if item["needs"] == "any" else item["needs"]
        table.add_row(item["name"], item["unit"], needs, item["definition"], item["reference"])
    make_console().print(table)


def protocol(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Which one; a list of all without it.")] = None,
    temperature: Temperature = ROOM_K,
    pressure: Pressure = ATMOSPHERE_BAR,
    polymer: Annotated[
        str | None, typer.Option("--polymer", help="Repeat unit it is for: some choose the melt by it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print an MD protocol as YAML, to be edited and given to 'run --protocol FILE.yaml'.

    Example:  polyomics protocol demo --temperature 400 > mine.yaml

    JSON: with NAME the protocol; without, a list with name, reference, n_stages, simulated_ns, n_steps.
    """
    from polyomics.cli.render import make_console, make_table, print_json
    from polyomics.md.protocols import PROTOCOLS, Target

    if name is not None:
        build = PROTOCOLS[name]
        found = build(_target(temperature, pressure, polymer))
        if as_json:
            print_json(found.model_dump(mode="json"))
        else:
            typer.echo(found.to_yaml(), nl=False)
        return
    listed = [_protocol_json(item, build(Target())) for item, build in PROTOCOLS.items()]
    if as_json:
        print_json(listed)
        return
    right: dict[str, Any] = {"justify": "right"}
    table = make_table(("protocol", {"no_wrap": True}), ("stages", right), ("ns", right), ("steps", right), "reference")
    for item in listed:
        table.add_row(
            item["name"],
            str(item["n_stages"]),
            f"{item['simulated_ns']:.3g}",
            f"{item['n_steps']:,}",
            item["reference"],
        )
    make_console().print(table)


def _target(temperature: float, pressure: float, polymer: str | None) -> Any:
    from pydantic import ValidationError

    from polyomics.chemistry import parse_repeat_unit
    from polyomics.chemistry.glass_transition import glass_transition_guess_k
    from polyomics.errors import InvalidSettings
    from polyomics.md.protocols import Target

    known = {"glass_transition_guess_k": glass_transition_guess_k(parse_repeat_unit(polymer))} if polymer else {}
    try:
        return Target(temperature_k=temperature, pressure_bar=pressure, **known)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidSettings(f"{first['loc'][0]}: {first['msg']}; found {first['input']!r}") from error


def _protocol_json(name: str, found: Protocol) -> dict[str, Any]:
    return {
        "name": name,
        "reference": found.reference,
        "n_stages": len(found.stages),
        "simulated_ns": found.duration_ps / 1000.0,
        "n_steps": found.n_steps,
    }


def _preset_json(preset: Any) -> dict[str, Any]:
    from polyomics.estimate import estimate_cost
    from polyomics.md.protocols import PROTOCOLS, Target

    found = PROTOCOLS[preset.protocol](Target(temperature_k=ROOM_K, pressure_bar=ATMOSPHERE_BAR))
    n_atoms = preset.n_chains * preset.atoms_per_chain
    cost = estimate_cost(n_atoms, found)
    stages = [{**stage.model_dump(mode="json"), "ps": stage.simulated_ps} for stage in found.stages]
    return {
        **preset.model_dump(mode="json"),
        "n_atoms": n_atoms,
        "simulated_ns": cost.simulated_ns,
        "stages": stages,
        "estimate": cost.model_dump(exclude={"n_atoms", "simulated_ns"}),
    }


def _print_presets(found: list[dict[str, Any]]) -> None:
    from polyomics.cli.render import duration, make_console, make_table

    right: dict[str, Any] = {"justify": "right"}
    cores = found[0]["estimate"]["n_cores"]
    table = make_table(
        ("preset", {"no_wrap": True}),
        ("atoms", right),
        ("ns", right),
        ("stages", right),
        (f"{cores} CPU\ncores", {"justify": "right", "no_wrap": True}),
        ("one\nGPU", {"justify": "right", "no_wrap": True}),
        "what it is",
    )
    for item in found:
        cost = item["estimate"]
        table.add_row(
            item["name"],
            f"{item['n_atoms']:,}",
            f"{item['simulated_ns']:.3g}",
            str(len(item["stages"])),
            duration(cost["cpu_wall_s"]),
            duration(cost["gpu_wall_s"]),
            item["summary"],
        )
    console = make_console()
    console.print(table)
    console.print(f"estimates: {found[0]['estimate']['basis']}", style="dim")


def _print_preset(item: dict[str, Any]) -> None:
    from polyomics.cli.render import duration, make_console, make_table, pairs

    console = make_console()
    cost = item["estimate"]
    facts = {
        "preset": item["name"],
        "what it is": item["summary"],
        "cell": f"{item['n_chains']} chains of about {item['atoms_per_chain']:,} atoms, {item['n_atoms']:,} in all, "
        f"packed at {item['start_density_g_cm3']:g} g/cm³",
        "force field": f"{item['family']}, {item['charges']} charges",
        "properties": ", ".join(item["properties"]),
        "flags": ", ".join(item["quality_flags"]) or None,
        "protocol": f"{item['protocol']}: {item['simulated_ns']:.3g} ns, {cost['n_steps']:,} steps",
        "estimated cost": f"{duration(cost['cpu_wall_s'])} on {cost['n_cores']} CPU cores, or "
        f"{duration(cost['gpu_wall_s'])} on one GPU",
    }
    console.print(pairs(facts))
    console.print()
    right: dict[str, Any] = {"justify": "right"}
    table = make_table("stage", "kind", ("ps", right), ("K", right), ("bar", right), ("fs", right))
    for stage in item["stages"]:
        table.add_row(
            stage["name"],
            stage["kind"],
            f"{stage['ps']:g}" if stage["ps"] else "–",
            _range(stage, "temperature_k", "from_k", "to_k"),
            _range(stage, "pressure_bar", "from_bar", "to_bar"),
            f"{stage['timestep_fs']:g}" if "timestep_fs" in stage else "–",
        )
    console.print(table)
    console.print(f"estimates: {cost['basis']}", style="dim")


def _range(stage: dict[str, Any], one: str, start: str, end: str) -> str:
    if stage.get(one) is not None:
        return f"{stage[one]:,.6g}"
    first, last = stage.get(start), stage.get(end)
    if first is None:
        return "–"
    return f"{first:,.6g}" if last is None or last == first else f"{first:,.6g} → {last:,.6g}"
