"""`polyomics presets`, `properties`, `protocol`: what can be asked for."""

from __future__ import annotations

import math
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
    """Show the presets: named choices of size, protocol and charges, and what they cost.

    Example:  polyomics presets standard

    JSON: a list (with NAME, one object) with name, summary, n_chains, atoms_per_chain, n_atoms, protocol, family,
    charges, properties (all it gives), quality_flags, simulated_ns, longest_ns (with every prolongation),
    cooling_rate_k_per_ns (through the glass transition; null if at once), stages (name, kind, ps, temperature_k,
    pressure_bar, ...), estimate.
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


def properties(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the properties that can be measured, and what that takes.

    Example:  polyomics properties density

    JSON: a list (with NAME, one object) with name, unit, definition, reference, needs (npt, nvt or any: the kind of
    stage it is measured on), also_needs (roles of further stages), probe (what brings them, or null), protocols and
    presets (those that can give it without a probe).
    """
    from polyomics.cli.render import make_console, pairs, print_json
    from polyomics.properties import PROPERTIES

    found = [_property_json(item) for item in ([name] if name else PROPERTIES.names())]
    if as_json:
        print_json(found[0] if name else found)
    elif name:
        make_console().print(pairs(_property_facts(found[0])))
    else:
        _print_properties(found)


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


def _property_json(name: str) -> dict[str, Any]:
    from polyomics.presets import PRESETS
    from polyomics.properties import PROPERTIES
    from polyomics.request import protocols_giving

    kind = PROPERTIES[name]
    protocols = protocols_giving(name)
    return {
        "name": name,
        "unit": kind.unit,
        "definition": kind.definition,
        "reference": kind.reference,
        "needs": kind.needs,
        "also_needs": list(kind.also_needs),
        "probe": kind.probe,
        "protocols": list(protocols),
        "presets": [
            preset.name
            for _, preset in PRESETS.items()
            if preset.protocol in protocols and name in (preset.properties or (name,))
        ],
    }


def _needs(item: dict[str, Any]) -> str:
    """The stages a property takes: "npt, melt"."""
    from polyomics.properties.property import FEWEST_STAGES

    ensemble = "npt or nvt" if item["needs"] == "any" else item["needs"]
    further = [f"{FEWEST_STAGES[role]} {role}" if role in FEWEST_STAGES else role for role in item["also_needs"]]
    return ", ".join([ensemble, *further])


def _property_facts(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "property": item["name"],
        "unit": item["unit"],
        "definition": item["definition"],
        "reference": item["reference"],
        "needs": _needs(item),
        **({"probe": item["probe"]} if item["probe"] else {}),
        "protocols": ", ".join(item["protocols"])
        or ("any, with its probe" if item["probe"] else "none of the named ones"),
        "presets": _given_by(item),
    }


def _given_by(item: dict[str, Any]) -> str:
    """The presets that give a property, or the probe that brings it."""
    from polyomics.presets import PRESETS

    if set(item["presets"]) == set(PRESETS.names()):
        return "all"
    return ", ".join(item["presets"]) or (f"probe {item['probe']}" if item["probe"] else "none")


def _print_properties(found: list[dict[str, Any]]) -> None:
    from polyomics.cli.render import WIDE, make_console, make_table

    console = make_console()
    is_wide = console.width >= WIDE
    table = make_table(
        ("property", {"no_wrap": True}),
        ("unit", {"no_wrap": True}),
        ("stages it needs", {"max_width": 20}),
        ("presets", {"max_width": 28}),
        *(["definition", "reference"] if is_wide else []),
    )
    for item in found:
        told = [item["definition"], item["reference"]] if is_wide else []
        table.add_row(item["name"], item["unit"], _needs(item), _given_by(item), *told)
    console.print(table)
    narrow = "" if is_wide else "; definitions: a wider window, --json, or polyomics properties NAME"
    console.print(f"{len(found)} properties; unit 1: a pure number{narrow}", style="dim")
    console.print(
        "stages: npt or nvt is the stage it is measured on, the others are roles (see 'polyomics protocol NAME'); a "
        "protocol of your own gives what it has the stages for; a probe is added by --probe, or by --property",
        style="dim",
    )


def _preset_json(preset: Any) -> dict[str, Any]:
    from polyomics.estimate import cooling_rate_k_per_ns, estimate_cost
    from polyomics.md.protocols import PROTOCOLS, Target
    from polyomics.request import measurable

    target = Target(temperature_k=ROOM_K, pressure_bar=ATMOSPHERE_BAR)
    found = PROTOCOLS[preset.protocol](target)
    rate = cooling_rate_k_per_ns(found, target.glass_transition_guess_k)
    n_atoms = preset.n_chains * preset.atoms_per_chain
    cost = estimate_cost(n_atoms, found)
    stages = [{**stage.model_dump(mode="json"), "ps": stage.simulated_ps} for stage in found.stages]
    return {
        **preset.model_dump(mode="json"),
        "properties": list(preset.properties or measurable(found)),
        "n_atoms": n_atoms,
        "simulated_ns": cost.simulated_ns,
        "longest_ns": sum(stage.simulated_ps * (1 + stage.most_extensions) for stage in found.stages) / 1000.0,
        "cooling_rate_k_per_ns": rate if rate is not None and math.isfinite(rate) else None,
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
        ("cooling\nK/ns", {"justify": "right", "no_wrap": True}),
        (f"{cores} CPU\ncores", {"justify": "right", "no_wrap": True}),
        ("one\nGPU", {"justify": "right", "no_wrap": True}),
        "what it is",
    )
    for item in found:
        cost = item["estimate"]
        table.add_row(
            item["name"],
            f"{item['n_atoms']:,}",
            _simulated(item),
            _rate(item),
            duration(cost["cpu_wall_s"]),
            duration(cost["gpu_wall_s"]),
            item["summary"],
        )
    console = make_console()
    console.print(table)
    console.print(
        "ns: a range where stages are prolonged until in equilibrium, costs for its lower end; cooling: through the "
        "glass transition, at once where the thermostat is set down",
        style="dim",
    )
    console.print(f"estimates: {found[0]['estimate']['basis']}", style="dim")


def _simulated(item: dict[str, Any]) -> str:
    shortest, longest = item["simulated_ns"], item["longest_ns"]
    return f"{shortest:.3g}" if longest == shortest else f"{shortest:.3g} to {longest:.3g}"


def _rate(item: dict[str, Any]) -> str:
    from polyomics.cli.render import number

    rate = item["cooling_rate_k_per_ns"]
    return "at once" if rate is None else number(rate, 3)


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
        "properties": f"{len(item['properties'])}: {', '.join(item['properties'])}",
        "flags": ", ".join(item["quality_flags"]) or None,
        "protocol": f"{item['protocol']}: {_simulated(item)} ns, {cost['n_steps']:,} steps",
        "cooling": "at once: the thermostat is set down"
        if item["cooling_rate_k_per_ns"] is None
        else f"{_rate(item)} K/ns through the glass transition",
        "estimated cost": f"{duration(cost['cpu_wall_s'])} on {cost['n_cores']} CPU cores, or "
        f"{duration(cost['gpu_wall_s'])} on one GPU",
    }
    console.print(pairs(facts))
    console.print()
    right: dict[str, Any] = {"justify": "right"}
    table = make_table("stage", "kind", ("ps", right), ("K", right), ("bar", right), ("fs", right))
    before_k = None
    for stage in item["stages"]:
        if "to_k" in stage:
            stage = {**stage, "from_k": stage.get("from_k") or before_k or stage["to_k"]}
        before_k = stage.get("to_k") or stage.get("temperature_k") or before_k
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
