"""How to get the same study again."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

from polyomics.errors import PolyomicsError
from polyomics.spec import StudySpec

_OPTIONS: tuple[tuple[str, str, Callable[[StudySpec], Any], Any], ...] = (
    ("--preset", "preset", lambda spec: spec.preset, None),
    ("--protocol", "protocol", lambda spec: spec.protocol.name, None),
    ("--chains", "n_chains", lambda spec: spec.cell.n_chains, None),
    ("--units", "n_units", lambda spec: spec.polymer.n_units, None),
    ("--start-density", "start_density_g_cm3", lambda spec: spec.cell.density_g_cm3, None),
    ("--tacticity", "tacticity", lambda spec: spec.polymer.tacticity, "atactic"),
    ("--meso-probability", "meso_probability", lambda spec: spec.polymer.meso_probability, 0.5),
    ("--head-end", "head_end", lambda spec: spec.polymer.head_end, "*C"),
    ("--tail-end", "tail_end", lambda spec: spec.polymer.tail_end, "*C"),
    ("--force-field", "family", lambda spec: spec.force_field.family, None),
    ("--charges", "charges", lambda spec: spec.force_field.charges, None),
    ("--temperature", "temperature_k", lambda spec: spec.conditions.temperature_k, None),
    ("--pressure", "pressure_bar", lambda spec: spec.conditions.pressure_bar, None),
    ("--seed", "seed", lambda spec: spec.seed, None),
    ("--replicate", "replicate", lambda spec: spec.replicate, 0),
)
"""Option, argument of `make_spec`, its value in a spec, and the value at which it may be left out."""


def snippet(key: str) -> str:
    """Python code that runs the study again from its `spec.json`, and checks that it is the same study."""
    return f"""from pathlib import Path

from polyomics import run_study
from polyomics.spec import StudySpec

spec = StudySpec.model_validate_json(Path("spec.json").read_text(encoding="utf-8"))
assert spec.key == {key!r}, "another version of polyomics: its answers may differ"
result = run_study(spec)
"""


def command(spec: StudySpec) -> str | None:
    """The command that asks for the same study, or none where options cannot say it (a protocol of one's own)."""
    from polyomics.request import make_spec

    found = {option: (argument, value(spec), left_out) for option, argument, value, left_out in _OPTIONS}
    try:
        same = make_spec(spec.polymer.psmiles, **{argument: value for argument, value, _ in found.values()})
    except PolyomicsError:
        return None
    if same.key != spec.key:
        return None
    words = ["polyomics", "run", spec.polymer.psmiles]
    for option, (_, value, left_out) in found.items():
        words += [option, str(value)] if value != left_out else []
    if spec.properties != same.properties:
        words += [word for name in spec.properties for word in ("--property", name)]
    return shlex.join(words)
