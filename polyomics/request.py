"""From what a user asks for to a complete, checked `StudySpec`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr, ValidationError

from polyomics.chemistry import ChainSize, RepeatUnit, chain_size, parse_end_group, parse_repeat_unit, units_for_atoms
from polyomics.chemistry.glass_transition import glass_transition_guess_k
from polyomics.errors import InvalidSettings
from polyomics.forcefield.charges import CHARGE_MODELS
from polyomics.forcefield.families import FAMILIES
from polyomics.md.probes import PROBES, Effort, probed
from polyomics.md.protocol import MOST_KEPT, Protocol, once_per_protocol
from polyomics.md.protocols import PROTOCOLS, Target
from polyomics.presets import PRESETS
from polyomics.properties import PROPERTIES
from polyomics.registry import Registry
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
    psmiles: str | RepeatUnit,
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
    probes: Sequence[str] | None = None,
    seed: int = 1,
    replicate: int = 0,
) -> StudySpec:
    """The complete request for one study.

    Args:
        psmiles: Repeat unit as p-SMILES with two `*`, or already read.
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
        probes: Probes whose stages follow those of the protocol; a property asked for by name brings its own.
        seed: Seed of all random choices.
        replicate: Number of this independent repetition.

    Raises:
        UserError: Something asked for cannot be; the message says what and what to do.
    """
    defaults = PRESETS[preset]
    unit = psmiles if isinstance(psmiles, RepeatUnit) else parse_repeat_unit(psmiles)
    if n_units is None:
        target = defaults.atoms_per_chain if atoms_per_chain is None else atoms_per_chain
        n_units = units_for_atoms(unit, target, (head_end, tail_end))
    elif atoms_per_chain is not None:
        raise InvalidSettings("both a number of units and a number of atoms per chain were given; give one")
    chain = chain_size(unit, n_units, head_end, tail_end)
    if total_atoms is not None:
        if n_chains is not None:
            raise InvalidSettings("both a number of chains and a total number of atoms were given; give one")
        if total_atoms < 1:
            raise InvalidSettings(f"the total number of atoms is {total_atoms}; give a whole number of at least 1")
        n_chains = max(1, round(total_atoms / chain.n_atoms))
    chosen = _protocol(protocol or defaults.protocol, temperature_k, pressure_bar, unit)
    wanted = _probes_wanted(chosen, properties or defaults.properties, probes or ())
    if wanted:
        chosen = _probed(chosen, wanted, temperature_k, pressure_bar, glass_transition_guess_k(unit), defaults.effort)
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
    _check_size(spec.cell.n_chains * chain.n_atoms, spec.cell.n_chains, chain.n_atoms)
    _check_box(spec, chain)
    return spec


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _protocol(asked: str | Path | Protocol, temperature_k: float, pressure_bar: float, unit: RepeatUnit) -> Protocol:
    if isinstance(asked, Protocol):
        return asked
    if isinstance(asked, Path) or _is_file(asked):
        return read_protocol(asked)
    # The name is looked up before the state is checked, so that a typing error is reported as one.
    PROTOCOLS[asked]
    try:
        Conditions(temperature_k=temperature_k, pressure_bar=pressure_bar)
    except ValidationError as error:
        raise InvalidSettings(_first_problem(error)) from error
    protocol, asks_for_guess = _built(asked, float(temperature_k), float(pressure_bar), None)
    if asks_for_guess:
        protocol, _ = _built(asked, float(temperature_k), float(pressure_bar), glass_transition_guess_k(unit))
    return protocol


def _probes_wanted(protocol: Protocol, properties: Sequence[str], probes: Sequence[str]) -> tuple[str, ...]:
    """The probes asked for, and those that the properties asked for need and the protocol has not."""
    can_give = measurable(protocol)
    missing = [PROPERTIES[name].probe for name in properties if name not in can_give]
    return tuple(dict.fromkeys([*probes, *(name for name in missing if name is not None)]))


_PROBED: dict[tuple[Any, ...], tuple[Protocol, Protocol]] = {}


def _probed(
    protocol: Protocol,
    names: tuple[str, ...],
    temperature_k: float,
    pressure_bar: float,
    guess_k: float,
    effort: Effort,
) -> Protocol:
    """A protocol with probes, the same object for the same request, so that what follows from it is worked out once."""
    key = (id(protocol), names, temperature_k, pressure_bar, round(guess_k), effort)
    known = _PROBED.get(key)
    if known is not None and known[0] is protocol:
        return known[1]
    target = Target(
        temperature_k=temperature_k, pressure_bar=pressure_bar, glass_transition_guess_k=float(round(guess_k))
    )
    made = probed(protocol, names, target, effort)
    while len(_PROBED) >= MOST_KEPT:
        _PROBED.pop(next(iter(_PROBED)), None)
    _PROBED[key] = (protocol, made)
    return made


def _is_file(protocol: object) -> bool:
    return isinstance(protocol, Path) or (isinstance(protocol, str) and protocol.endswith((".yaml", ".yml")))


@lru_cache(maxsize=64)
def _built(name: str, temperature_k: float, pressure_bar: float, guess_k: float | None) -> tuple[Protocol, bool]:
    """A named protocol for a state, and whether it depends on the guess of the glass transition temperature.

    Most do not, and are built once for all polymers.
    """
    state = {"temperature_k": temperature_k, "pressure_bar": pressure_bar}
    if guess_k is not None:
        return PROTOCOLS[name](Target(**state, glass_transition_guess_k=guess_k)), True
    target = _WatchedTarget(**state)
    return PROTOCOLS[name](target), target.guess_was_read


class _WatchedTarget(Target):
    """A target that notices whether the guess of the glass transition temperature is read, by itself or with all."""

    _was_read: bool = PrivateAttr(default=False)

    @property
    def guess_was_read(self) -> bool:
        return self._was_read

    def __getattribute__(self, name: str) -> Any:
        if name in _LOOKS_AT_GUESS:
            object.__getattribute__(self, "__pydantic_private__")["_was_read"] = True
        return super().__getattribute__(name)


_LOOKS_AT_GUESS = {"glass_transition_guess_k", "__dict__", "model_dump", "model_dump_json", "model_copy", "__iter__"}


def with_state_of_protocol(options: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `make_spec`; where a protocol comes from a file, its sampling stage gives the state not given.

    Raises:
        InvalidInputFile: The file cannot be read, or is no protocol.
    """
    name: Any = options.get("protocol")
    if not _is_file(name):
        return dict(options)
    protocol = read_protocol(name)
    last = protocol.sample
    state = {name: getattr(last, name, None) for name in ("temperature_k", "pressure_bar")}
    return {**{name: value for name, value in state.items() if value is not None}, **options, "protocol": protocol}


def read_protocol(path: str | Path) -> Protocol:
    """A protocol from a YAML file, read again only when the file has changed.

    Raises:
        InvalidInputFile: The file cannot be read, or is no protocol.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return Protocol.from_file(Path(path))
    return _protocol_of_file(Path(path), found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=64)
def _protocol_of_file(path: Path, _changed_ns: int, _size: int) -> Protocol:
    return Protocol.from_file(path)


@once_per_protocol
def measurable(protocol: Protocol) -> tuple[str, ...]:
    """Names of the properties that a protocol can give, in order of name."""
    sample, stages = _stages(protocol)
    return tuple(name for name in PROPERTIES.names() if _refusal(name, sample, stages) is None)


def _refusal(name: str, sample: Mapping[str, Any], stages: Sequence[Mapping[str, Any]]) -> InvalidSettings | None:
    """Why a protocol cannot give a property."""
    try:
        PROPERTIES[name].check_stages(sample, stages)
    except InvalidSettings as error:
        return error
    return None


def _stages(protocol: Protocol) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    records = protocol.plain.content["stages"]
    return records[protocol.sample_index], records


def check_names(options: Mapping[str, Any]) -> None:
    """Look up whatever arguments of `make_spec` name, and check the state they ask for, without a polymer.

    Raises:
        UserError: Something is not known, or cannot be.
    """
    for name, registry in _REGISTRIES.items():
        if isinstance(options.get(name), str):
            registry[options[name]]
    for name in options.get("properties") or ():
        PROPERTIES[name]
    for name in options.get("probes") or ():
        PROBES[name]
    for name in ("head_end", "tail_end"):
        if name in options:
            parse_end_group(options[name])
    protocol: Any = options.get("protocol")
    if _is_file(protocol):
        read_protocol(protocol)
    elif isinstance(protocol, str):
        PROTOCOLS[protocol]
    state = {name: options[name] for name in ("temperature_k", "pressure_bar") if name in options}
    try:
        Conditions(**state)
    except ValidationError as error:
        raise InvalidSettings(_first_problem(error)) from error


_REGISTRIES: dict[str, Registry[Any]] = {"preset": PRESETS, "family": FAMILIES, "charges": CHARGE_MODELS}


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
    can_give = measurable(spec.protocol)
    for name in spec.properties:
        if name in can_give:
            continue
        error = _refusal(name, sample, stages)
        if error is not None:
            raise InvalidSettings(f"{error}; {_able(name, spec.protocol)}") from error


def _able(name: str, protocol: Protocol) -> str:
    probe = PROPERTIES[name].probe
    if probe is not None:
        is_there = probe in protocol.name.split("+")[1:]
        return f"the probe {probe!r} does not at this effort" if is_there else f"the probe {probe!r} gives it"
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


def _check_box(spec: StudySpec, chain: ChainSize) -> None:
    """Refuse a cell whose edge is, or when dense would be, below twice the cut-off."""
    n_chains, cutoff_nm = spec.cell.n_chains, spec.protocol.nonbonded.cutoff_nm
    if n_chains * chain.n_atoms > SMALL_CELL_ATOMS:
        return
    packed_nm = box_edge_nm(n_chains * chain.molar_mass_g_mol, spec.cell.density_g_cm3)
    dense_nm = (n_chains * chain.vdw_volume_nm3 / DENSEST_PACKING_FRACTION) ** (1.0 / 3.0)
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
