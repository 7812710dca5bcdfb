"""`polyomics check`: what a study would be, and what it would cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyomics.cli.options import spec_of, takes_study_options

if TYPE_CHECKING:
    from polyomics.estimate import CostEstimate
    from polyomics.spec import StudySpec

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@takes_study_options
def check(
    psmiles: Annotated[str, typer.Argument(metavar="SMILES", help="Repeat unit with two '*', in quotes.")],
    options: Mapping[str, Any],
    as_json: AsJson = False,
) -> None:
    """Say what a polymer is, how large its cell would be and what it would cost; or what is wrong with it.

    Takes the options of 'run'. Nothing is written.

    Example:  polyomics check '*CC(*)c1ccccc1' --preset standard

    JSON keys: psmiles, key, as_written, formula, classes, molar_mass_g_mol, n_backbone_atoms, n_stereocentres, preset,
    study_key, n_units, atoms_per_chain, n_chains, n_atoms, chain_molar_mass_g_mol, cell_molar_mass_g_mol,
    start_density_g_cm3, tacticity, force_field, charges, protocol, n_stages, simulated_ns, temperature_k,
    pressure_bar, properties, quality_flags, estimate (n_steps, n_cores, cpu_core_s, cpu_wall_s, gpu_wall_s,
    memory_gb, basis).
    """
    from polyomics.cli.render import print_json

    facts = describe(spec_of(psmiles, options), as_written=psmiles)
    if as_json:
        print_json(facts)
    else:
        _print(facts)


def describe(spec: StudySpec, *, as_written: str) -> dict[str, Any]:
    """Everything known of a study before it runs, as plain JSON values."""
    from polyomics.chemistry import chain_graph, parse_repeat_unit, polymer_classes

    polymer = spec.polymer
    unit = parse_repeat_unit(polymer.psmiles)
    chain = chain_graph(unit, polymer.n_units, polymer.head_end, polymer.tail_end)
    n_atoms = chain.n_atoms * spec.cell.n_chains
    return {
        "psmiles": unit.psmiles,
        "key": unit.key,
        "as_written": as_written,
        "formula": unit.formula,
        "classes": list(polymer_classes(unit)),
        "molar_mass_g_mol": round(unit.molar_mass_g_mol, 3),
        "n_backbone_atoms": unit.n_backbone,
        "n_stereocentres": unit.n_stereocentres,
        "preset": spec.preset,
        "study_key": spec.key,
        "n_units": polymer.n_units,
        "atoms_per_chain": chain.n_atoms,
        "n_chains": spec.cell.n_chains,
        "n_atoms": n_atoms,
        "chain_molar_mass_g_mol": round(chain.molar_mass_g_mol, 3),
        "cell_molar_mass_g_mol": round(chain.molar_mass_g_mol * spec.cell.n_chains, 3),
        "start_density_g_cm3": spec.cell.density_g_cm3,
        "tacticity": polymer.tacticity,
        "force_field": spec.force_field.family,
        "charges": spec.force_field.charges,
        "protocol": spec.protocol.name,
        "n_stages": len(spec.protocol.stages),
        "simulated_ns": spec.protocol.duration_ps / 1000.0,
        "temperature_k": spec.conditions.temperature_k,
        "pressure_bar": spec.conditions.pressure_bar,
        "properties": list(spec.properties),
        "quality_flags": list(spec.quality_flags),
        "estimate": cost_of(spec, n_atoms).model_dump(exclude={"n_atoms", "simulated_ns"}),
    }


def cost_of(spec: StudySpec, n_atoms: int | None = None, n_cores: int | None = None) -> CostEstimate:
    """Rough cost of a study."""
    from polyomics.chemistry import chain_graph, parse_repeat_unit
    from polyomics.estimate import estimate_cost

    if n_atoms is None:
        polymer = spec.polymer
        chain = chain_graph(parse_repeat_unit(polymer.psmiles), polymer.n_units, polymer.head_end, polymer.tail_end)
        n_atoms = chain.n_atoms * spec.cell.n_chains
    return estimate_cost(n_atoms, spec.protocol, n_cores)


def _print(facts: Mapping[str, Any]) -> None:
    from polyomics.cli.render import duration, make_console, number, pairs

    console = make_console()
    cost = facts["estimate"]
    stereo = facts["n_stereocentres"]
    rows = {
        "polymer": facts["psmiles"],
        "key": facts["key"],
        "class": ", ".join(facts["classes"]) or "unclassified",
        "repeat unit": f"{facts['formula']}, {facts['molar_mass_g_mol']:.2f} g/mol, "
        f"{facts['n_backbone_atoms']} backbone atoms"
        + (f", {stereo} open stereocentre{'s' if stereo > 1 else ''} ({facts['tacticity']})" if stereo else ""),
        "chain": f"{facts['n_units']:,} units, {facts['atoms_per_chain']:,} atoms, "
        f"{facts['chain_molar_mass_g_mol']:,.0f} g/mol",
        "cell": f"{facts['n_chains']:,} chains, {facts['n_atoms']:,} atoms, "
        f"{facts['cell_molar_mass_g_mol']:,.0f} g/mol, packed at {number(facts['start_density_g_cm3'], 2)} g/cm³",
        "preset": facts["preset"] + (f" ({', '.join(facts['quality_flags'])})" if facts["quality_flags"] else ""),
        "force field": f"{facts['force_field']}, {facts['charges']} charges",
        "MD": f"protocol {facts['protocol']}: {facts['n_stages']} stages, {facts['simulated_ns']:.3g} ns, "
        f"{cost['n_steps']:,} steps",
        "state": f"{facts['temperature_k']:g} K, {facts['pressure_bar']:g} bar",
        "properties": ", ".join(facts["properties"]),
        "estimated cost": f"{duration(cost['cpu_wall_s'])} on {cost['n_cores']} CPU core"
        f"{'s' if cost['n_cores'] > 1 else ''}, or {duration(cost['gpu_wall_s'])} on one GPU; "
        f"{cost['memory_gb']:.2g} GB of memory",
        "study key": facts["study_key"],
    }
    console.print(pairs(rows))
    console.print(f"estimates: {cost['basis']}", style="dim")
