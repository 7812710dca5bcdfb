"""The options that say what a study is: the same for every command that makes one, and for columns of a CSV."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from polyomics.spec import StudySpec

SIZE, CHAINS, MODEL, STATE = "Size", "Chains", "Force field and MD", "State, properties, randomness"

_DECLARED: dict[str, tuple[str, Any, str, str]] = {
    "preset": ("--preset", str, SIZE, "Named set of defaults (see 'polyomics presets'); demo unless given."),
    "n_chains": ("--chains", int, SIZE, "Number of chains."),
    "n_units": ("--units", int, SIZE, "Repeat units in a chain."),
    "atoms_per_chain": ("--atoms-per-chain", int, SIZE, "Instead of --units: atoms in a chain, as near as can be."),
    "total_atoms": ("--total-atoms", int, SIZE, "Instead of --chains: atoms in the cell, as near as can be."),
    "start_density_g_cm3": ("--start-density", float, SIZE, "Density at which chains are packed, g/cm³."),
    "tacticity": ("--tacticity", str, CHAINS, "isotactic, syndiotactic or atactic (default)."),
    "meso_probability": ("--meso-probability", float, CHAINS, "P_m of an atactic chain, 0 to 1; default 0.5."),
    "head_end": ("--head-end", str, CHAINS, "First end group, SMILES with one '*'; default '*C'."),
    "tail_end": ("--tail-end", str, CHAINS, "Last end group, SMILES with one '*'; default '*C'."),
    "family": ("--force-field", str, MODEL, "gaff2 (default), gaff2_mod, ..."),
    "charges": ("--charges", str, MODEL, "am1bcc (default) or gasteiger (quick)."),
    "protocol": ("--protocol", str, MODEL, "Name of an MD protocol, or a YAML file (see 'polyomics protocol')."),
    "temperature_k": ("--temperature", float, STATE, "Temperature, K; default 300, or that of a protocol file."),
    "pressure_bar": ("--pressure", float, STATE, "Pressure, bar; default 1.01325, or that of a protocol file."),
    "properties": ("--property", list[str], STATE, "A property to measure; may be repeated."),
    "seed": ("--seed", int, STATE, "Seed of every random choice; default 1."),
    "replicate": ("--replicate", int, STATE, "Number of this independent repetition, from 0."),
}
"""Argument of `make_spec` -> option, type, help panel, help."""

TYPES: dict[str, Any] = {name: declared[1] for name, declared in _DECLARED.items()}
"""Argument of `make_spec` -> type of its value."""

ARGUMENT_OF_COLUMN: dict[str, str] = {
    **{declared[0].removeprefix("--").replace("-", "_"): name for name, declared in _DECLARED.items()},
    **{name: name for name in _DECLARED},
}
"""Name of a CSV column -> argument of `make_spec`."""


def takes_study_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command every option of a study; it receives those that were given as one mapping, `options`."""
    own = inspect.signature(command, eval_str=True)

    @functools.wraps(command)
    def with_options(**given: Any) -> Any:
        options = {name: given.pop(name) for name in _DECLARED}
        return command(**given, options={name: value for name, value in options.items() if value not in (None, [])})

    declared = [_parameter(name, *what) for name, what in _DECLARED.items()]
    kept = [parameter for parameter in own.parameters.values() if parameter.name != "options"]
    positional = [p for p in kept if p.default is inspect.Parameter.empty]
    others = [p for p in kept if p.default is not inspect.Parameter.empty]
    parameters = [*positional, *declared, *others]
    with_options.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {p.name: p.annotation for p in parameters}
    return with_options


def _parameter(name: str, option: str, kind: Any, panel: str, text: str) -> inspect.Parameter:
    annotation = Annotated[kind | None, typer.Option(option, help=text, rich_help_panel=panel)]
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=annotation)


def spec_of(psmiles: str, options: Mapping[str, Any]) -> StudySpec:
    """The study of a polymer with these options; a protocol file brings its own state.

    Raises:
        UserError: As `make_spec`.
    """
    from polyomics.request import make_spec

    return make_spec(psmiles, **_with_state_of_protocol(dict(options)))


def _with_state_of_protocol(options: dict[str, Any]) -> dict[str, Any]:
    """Where a protocol comes from a file, the state wanted is that of its sampling stage unless said otherwise."""
    name = str(options.get("protocol", ""))
    if not name.endswith((".yaml", ".yml")):
        return options
    from pathlib import Path

    from polyomics.md.protocol import Protocol

    protocol = Protocol.from_file(Path(name))
    last = protocol.sample
    state = {name: getattr(last, name, None) for name in ("temperature_k", "pressure_bar")}
    return {**{name: value for name, value in state.items() if value is not None}, **options, "protocol": protocol}
