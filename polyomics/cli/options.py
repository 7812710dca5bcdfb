"""The options that say what a study is: the same for every command that makes one, and for columns of a CSV."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyomics.polymer_file import SHORT_NAMES, TYPES

if TYPE_CHECKING:
    from polyomics.spec import StudySpec

SIZE, CHAINS, MODEL, STATE = "Size", "Chains", "Force field and MD", "State, properties, randomness"

_DECLARED: dict[str, tuple[str, str]] = {
    "preset": (SIZE, "Named set of defaults (see 'polyomics presets'); demo unless given."),
    "n_chains": (SIZE, "Number of chains."),
    "n_units": (SIZE, "Repeat units in a chain."),
    "atoms_per_chain": (SIZE, "Instead of --units: atoms in a chain, as near as can be."),
    "total_atoms": (SIZE, "Instead of --chains: atoms in the cell, as near as can be."),
    "start_density_g_cm3": (SIZE, "Density at which chains are packed, g/cm³."),
    "tacticity": (CHAINS, "isotactic, syndiotactic or atactic (default)."),
    "meso_probability": (CHAINS, "P_m of an atactic chain, 0 to 1; default 0.5."),
    "head_end": (CHAINS, "First end group, SMILES with one '*'; default '*C'."),
    "tail_end": (CHAINS, "Last end group, SMILES with one '*'; default '*C'."),
    "family": (MODEL, "gaff2 (default), gaff2_mod, ..."),
    "charges": (MODEL, "am1bcc (default) or gasteiger (quick)."),
    "protocol": (MODEL, "Name of an MD protocol, or a YAML file (see 'polyomics protocol')."),
    "temperature_k": (STATE, "Temperature, K; default 300, or that of a protocol file."),
    "pressure_bar": (STATE, "Pressure, bar; default 1.01325, or that of a protocol file."),
    "properties": (STATE, "A property to measure; may be repeated."),
    "probes": (STATE, "A probe to run after equilibration (see 'polyomics probes'); may be repeated."),
    "seed": (STATE, "Seed of every random choice; default 1."),
    "replicate": (STATE, "Number of this independent repetition, from 0."),
}
"""Argument of `make_spec` -> help panel, help."""


def takes_study_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command every option of a study; it receives those that were given as one mapping, `options`."""
    own = inspect.signature(command, eval_str=True)

    @functools.wraps(command)
    def with_options(**given: Any) -> Any:
        options = {name: given.pop(name) for name in _DECLARED}
        return command(**given, options={name: value for name, value in options.items() if value not in (None, [])})

    declared = [_parameter(name, TYPES[name], panel, text) for name, (panel, text) in _DECLARED.items()]
    kept = [parameter for parameter in own.parameters.values() if parameter.name != "options"]
    positional = [p for p in kept if p.default is inspect.Parameter.empty]
    others = [p for p in kept if p.default is not inspect.Parameter.empty]
    parameters = [*positional, *declared, *others]
    with_options.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {p.name: p.annotation for p in parameters}
    return with_options


def option_of(name: str) -> str:
    """The option that sets an argument of `make_spec`."""
    return "--" + SHORT_NAMES.get(name, name).replace("_", "-")


def _parameter(name: str, kind: Any, panel: str, text: str) -> inspect.Parameter:
    option = option_of(name)
    annotation = Annotated[kind | None, typer.Option(option, help=text, rich_help_panel=panel)]
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=annotation)


def spec_of(psmiles: str, options: Mapping[str, Any]) -> StudySpec:
    """The study of a polymer with these options; a protocol file brings its own state.

    Raises:
        UserError: As `make_spec`.
    """
    from polyomics.request import make_spec, with_state_of_protocol

    return make_spec(psmiles, **with_state_of_protocol(options))
