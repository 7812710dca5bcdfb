"""From what a user asks for to a complete, checked `StudySpec`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from polyomics.chemistry import ChainGraph, RepeatUnit, chain_graph, parse_repeat_unit, units_for_atoms
from polyomics.chemistry.glass_transition import glass_transition_guess_k
from polyomics.chemistry.volume import vdw_volume_nm3
from polyomics.errors import InvalidInputFile, InvalidSettings
from polyomics.forcefield.charges import CHARGE_MODELS
from polyomics.forcefield.families import FAMILIES
from polyomics.md.protocol import Protocol
from polyomics.md.protocols import PROTOCOLS, Target
from polyomics.presets import PRESETS
from polyomics.properties import PROPERTIES
from polyomics.spec import CellSpec, Conditions, ForceFieldSpec, PolymerSpec, StudySpec, Tacticity
from polyomics.units import box_edge_nm

LARGEST_CELL_ATOMS = 1_000_000
"""Cells above this are refused: they would need a machine this tool does not target."""
BYTES_PER_ATOM = 6_000
"""Memory of building and running a cell, per atom; measured, rounded up."""
SMALL_CELL_ATOMS = 5_000
"""Cells above this always have edges of more than twice the cut-off."""
DENSEST_PACKING_FRACTION = 0.7
"""Van der Waals volume over cell volume of a compressed polymer; 0.58 to 0.65 at ambient pressure (Bondi,
DOI 10.1021/j100785a001)."""


def make_spec(
    psmiles: str,
    *,
    preset: str = "demo",
    n_units: int | None = None,
    atoms_per_chain: int | None = None,
    n_chains: int | None = None,
    total_atoms: int | None = None,
    tacticity: Tacticity = "atactic",
    meso_probability: float = 0.5,
    head_end: str = "*C",
    tail_end: str = "*C",
    family: str | None = None,
    charges: str | None = None,
    protocol: str | Path | Protocol | None = None,
    temperature_k: float = 300.0,
    pressure_bar: float = 1.01325,
    start_density_g_cm3: float | None = None,
    properties: Sequence[str] | None = None,
    seed: int = 1,
    replicate: int = 0,
) -> StudySpec:
    """The complete request for one study.

    Args:
        psmiles: Repeat unit as p-SMILES with two `*`.
        preset: Named set of defaults; everything else here overrides it.
        n_units: Degree of polymerisation.
        atoms_per_chain: Instead of `n_units`: chains as near as possible to this many atoms.
        n_chains: Number of chains.
        total_atoms: Instead of `n_chains`: as many chains as come nearest to this many atoms.
        tacticity: isotactic, syndiotactic or atactic.
        meso_probability: P_m of an atactic chain.
        head_end: End group before the first unit, SMILES with one `*`.
        tail_end: End group after the last unit, SMILES with one `*`.
        family: Force-field family.
        charges: Charge model.
        protocol: Name of a protocol, path of a YAML file, or a `Protocol`.
        temperature_k: Temperature the properties are wanted at [K].
        pressure_bar: Pressure the properties are wanted at [bar].
        start_density_g_cm3: Density at which chains are packed [g/cm³].
        properties: Names of the properties, each measured once; by default all that the preset or, if it names
            none, the protocol can give.
        seed: Seed of all random choices.
        replicate: Number of this independent repetition.

    Raises:
        UserError: Something asked for cannot be; the message says what and what to do.
    """
    defaults = PRESETS[preset]
    unit = parse_repeat_unit(psmiles)
    if n_units is None:
        target = defaults.atoms_per_chain if atoms_per_chain is None else atoms_per_chain
        n_units = units_for_atoms(unit, target, (head_end, tail_end))
    elif atoms_per_chain is not None:
        raise InvalidSettings("both a number of units and a number of atoms per chain were given; give one")
    chain = chain_graph(unit, n_units, head_end, tail_end)
    chain_atoms = chain.n_atoms
    if total_atoms is not None:
        if n_chains is not None:
            raise InvalidSettings("both a number of chains and a total number of atoms were given; give one")
        if total_atoms < 1:
            raise InvalidSettings(f"the total number of atoms is {total_atoms}; give a whole number of at least 1")
        n_chains = max(1, round(total_atoms / chain_atoms))
    chosen = _protocol(protocol or defaults.protocol, temperature_k, pressure_bar, unit)
    try:
        spec = StudySpec(
            polymer=PolymerSpec(
                psmiles=unit.psmiles,
                n_units=n_units,
                tacticity=tacticity,
                meso_probability=meso_probability,
                head_end=head_end,
                tail_end=tail_end,
            ),
            cell=CellSpec(
                n_chains=defaults.n_chains if n_chains is None else n_chains,
                density_g_cm3=_or(start_density_g_cm3, defaults.start_density_g_cm3),
            ),
            force_field=ForceFieldSpec(family=family or defaults.family, charges=charges or defaults.charges),
            conditions=Conditions(temperature_k=temperature_k, pressure_bar=pressure_bar),
            protocol=chosen,
            properties=tuple(dict.fromkeys(properties or defaults.properties or measurable(chosen))),
            preset=preset,
            quality_flags=defaults.quality_flags,
            seed=seed,
            replicate=replicate,
        )
    except ValidationError as error:
        raise InvalidSettings(_first_problem(error)) from error
    _check_names(spec)
    _check_state(spec)
    _check_size(spec.cell.n_chains * chain_atoms, spec.cell.n_chains, chain_atoms)
    _check_box(spec, chain)
    return spec


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _protocol(asked: str | Path | Protocol, temperature_k: float, pressure_bar: float, unit: RepeatUnit) -> Protocol:
    if isinstance(asked, Protocol):
        return asked
    if isinstance(asked, Path) or asked.endswith((".yaml", ".yml")):
        return Protocol.from_file(Path(asked))
    # The name is looked up before the state is checked, so that a typing error is reported as one.
    build = PROTOCOLS[asked]
    try:
        Conditions(temperature_k=temperature_k, pressure_bar=pressure_bar)
    except ValidationError as error:
        raise InvalidSettings(_first_problem(error)) from error
    target = Target(
        temperature_k=temperature_k,
        pressure_bar=pressure_bar,
        glass_transition_guess_k=glass_transition_guess_k(unit),
    )
    return build(target)


def measurable(protocol: Protocol) -> tuple[str, ...]:
    """Names of the properties that a protocol can give, in order of name."""
    found = []
    for name, kind in PROPERTIES.items():
        try:
            kind.check_stages(*_stages(protocol))
        except InvalidSettings:
            continue
        found.append(name)
    return tuple(found)


def _stages(protocol: Protocol) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    records = [stage.model_dump(mode="json") for stage in protocol.stages]
    return records[protocol.sample_index], records


def _check_names(spec: StudySpec) -> None:
    """Look every registered name up, so that a wrong one is refused before anything is written."""
    FAMILIES[spec.force_field.family]
    CHARGE_MODELS[spec.force_field.charges]
    sample, stages = _stages(spec.protocol)
    if sample.get("frame_ps") is None:
        raise InvalidSettings(
            f"the stage of protocol {spec.protocol.name!r} to measure on, {sample['name']!r}, stores no frames; "
            "give it a frame_ps"
        )
    for name in spec.properties:
        try:
            PROPERTIES[name].check_stages(sample, stages)
        except InvalidSettings as error:
            raise InvalidSettings(f"{error}; {_able(name)}") from error


def _able(name: str) -> str:
    return f"protocols that can give it: {', '.join(protocols_giving(name)) or 'none of the named ones'}"


def protocols_giving(property_name: str) -> tuple[str, ...]:
    """Named protocols that can give a property, in order of name."""
    return tuple(name for name, build in PROTOCOLS.items() if property_name in measurable(build(Target())))


def _check_state(spec: StudySpec) -> None:
    """Refuse a protocol that ends in another state than the properties are wanted at."""
    last = spec.protocol.sample
    for name in ("temperature_k", "pressure_bar"):
        asked, found = getattr(spec.conditions, name), getattr(last, name, None)
        if found is not None and found != asked:
            raise InvalidSettings(
                f"the protocol {spec.protocol.name!r} samples at {name} = {found:g}, but the properties are asked for "
                f"at {asked:g}; ask for {found:g}, or change the protocol"
            )


def _check_box(spec: StudySpec, chain: ChainGraph) -> None:
    """Refuse a cell whose edge is, or when dense would be, below twice the cut-off."""
    n_chains, cutoff_nm = spec.cell.n_chains, spec.protocol.nonbonded.cutoff_nm
    if n_chains * chain.n_atoms > SMALL_CELL_ATOMS:
        return
    packed_nm = box_edge_nm(n_chains * chain.molar_mass_g_mol, spec.cell.density_g_cm3)
    dense_nm = (n_chains * vdw_volume_nm3(chain.mol()) / DENSEST_PACKING_FRACTION) ** (1.0 / 3.0)
    if min(packed_nm, dense_nm) < 2.0 * cutoff_nm:
        raise InvalidSettings(
            f"{n_chains:,} chains of {chain.n_atoms:,} atoms fill a box of about {min(packed_nm, dense_nm):.2f} nm, "
            f"less than twice the cut-off of {cutoff_nm:g} nm; ask for more or longer chains"
        )


def _check_size(n_atoms: int, n_chains: int, chain_atoms: int) -> None:
    if n_atoms > LARGEST_CELL_ATOMS:
        raise InvalidSettings(
            f"{n_chains:,} chains of {chain_atoms:,} atoms make {n_atoms:,} atoms, above the limit of "
            f"{LARGEST_CELL_ATOMS:,}; that would need about {n_atoms * BYTES_PER_ATOM / 1e9:,.0f} GB of memory: "
            "ask for fewer or shorter chains"
        )


def _first_problem(error: ValidationError) -> str:
    first: Any = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "the request"
    return f"{where}: {first['msg']}; found {first['input']!r}"


def read_polymers(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file of polymers, with their line numbers.

    The header must have a column `psmiles` (or `smiles`); other columns may set options of `make_spec`.

    Raises:
        InvalidInputFile: Not there, empty, no header with `psmiles`, or a row of another length.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidInputFile(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInputFile(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    reader = csv.reader(text.splitlines(), strict=True)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise InvalidInputFile(f"{path}, line {reader.line_num}: not CSV: {error}") from error
    if not lines:
        raise InvalidInputFile(f"{path} is empty; it needs a header line with a column 'psmiles'")
    header = [name.lower() for name in lines[0][1]]
    columns = ["psmiles" if name == "smiles" else name for name in header]
    if columns.count("psmiles") != 1:
        raise InvalidInputFile(
            f"{path}, line {lines[0][0]}: the header is {','.join(header)!r}; it needs one column 'psmiles'"
        )
    if len(lines) == 1:
        raise InvalidInputFile(f"{path} has a header but no polymers")
    rows = []
    for number, values in lines[1:]:
        if len(values) != len(columns):
            raise InvalidInputFile(f"{path}, line {number}: {len(values)} fields where the header has {len(columns)}")
        rows.append((number, dict(zip(columns, values, strict=True))))
    return rows
