"""A protocol is a list of stages you can read aloud; it goes to YAML and back without loss."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self, TypeVar

from pydantic import (
    Field,
    SerializeAsAny,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from polyomics.errors import InvalidInputFile, InvalidSettings
from polyomics.md.stage import STAGES, Stage
from polyomics.records import Record, canonical_json

T = TypeVar("T")

BASIC_ROLES = ("prepare", "melt", "neighbour", "sample")
"""Roles that stages of any kind may have; the others come with their kind of stage."""
MOST_KEPT = 16
"""Of how many protocols is kept what follows from them."""


def _stage_by_kind(value: Any, handler: ValidatorFunctionWrapHandler) -> Stage:
    """Turn a mapping with a `kind` into the stage class of that kind."""
    if isinstance(value, dict):
        if not isinstance(value.get("kind"), str):
            raise InvalidSettings(f"a stage needs a 'kind', one of {', '.join(STAGES.names())}; found {value}")
        return STAGES[value["kind"]].model_validate(value)
    stage: Stage = handler(value)
    return stage


def _role(stage: Stage) -> str | None:
    return getattr(stage, "role", None)


AnyStage = Annotated[SerializeAsAny[Stage], WrapValidator(_stage_by_kind)]


class Nonbonded(Record):
    """How non-bonded forces are cut off, the same through all stages of a protocol."""

    cutoff_nm: float = Field(default=0.9, gt=0.4, le=2.0)
    """Cut-off of Lennard-Jones and direct-space Coulomb forces [nm]; the tail correction is on."""
    pme_force_error: float = Field(default=5e-4, gt=1e-7, le=1e-2)
    """Relative error allowed in the electrostatic forces; the engine picks the cheapest grid for it."""
    lj_pme: bool = False
    """Sum Lennard-Jones dispersion by PME too, instead of cut-off and tail correction."""


class PlainProtocol(NamedTuple):
    """A protocol as plain values."""

    content: dict[str, Any]
    """As JSON values; not to be changed."""
    text: str
    """The same as canonical JSON."""


def once_per_protocol(work_out: Callable[[Protocol], T]) -> Callable[[Protocol], T]:
    """Keep what follows from the latest protocols, which thousands of studies share.

    They are known by identity: to compare two would cost as much as the work.
    """
    kept: dict[int, tuple[Protocol, T]] = {}

    @functools.wraps(work_out)
    def found(protocol: Protocol) -> T:
        known = kept.get(id(protocol))
        if known is not None and known[0] is protocol:
            return known[1]
        value = work_out(protocol)
        while len(kept) >= MOST_KEPT:
            kept.pop(next(iter(kept)), None)
        kept[id(protocol)] = (protocol, value)
        return value

    return found


class Protocol(Record):
    """A named, ordered list of MD stages."""

    name: str = Field(min_length=1)
    """Name of the protocol, as in `polyomics presets`."""
    reference: str = ""
    """Paper or DOI the protocol is taken from."""
    nonbonded: Nonbonded = Nonbonded()
    """Cut-offs and electrostatics."""
    stages: tuple[AnyStage, ...] = Field(min_length=1)
    """The stages, in order."""

    @model_validator(mode="after")
    def _one_sample_and_no_name_twice(self) -> Self:
        _check_names_and_roles(self)
        return self

    @property
    def sample_index(self) -> int:
        """Index of the stage that properties are measured on: that of role `sample`, else the last before probes."""
        return _sample_index(self)

    @property
    def sample(self) -> Stage:
        """The stage that properties are measured on."""
        return self.stages[self.sample_index]

    def start_of(self, index: int) -> int | None:
        """Index of the stage whose end stage `index` starts from; none: the cell."""
        after = self.stages[index].after
        if after is None:
            return index - 1 if index else None
        return _found_before(self, index, after)

    @property
    def n_of_equilibration(self) -> int:
        """Number of stages before the first that starts from another than the one before it: those of probes follow."""
        return next((i for i, stage in enumerate(self.stages) if stage.after is not None), len(self.stages))

    @property
    def duration_ps(self) -> float:
        """Simulated time of all stages [ps]."""
        return sum(stage.simulated_ps for stage in self.stages)

    @property
    def n_steps(self) -> int:
        """Integration steps of all stages at their nominal time steps."""
        return sum(stage.n_steps for stage in self.stages)

    @property
    def plain(self) -> PlainProtocol:
        """The protocol as plain values."""
        return _plain(self)

    def to_yaml(self) -> str:
        """The protocol as YAML, defaults written out."""
        import yaml

        text: str = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        return text

    @classmethod
    def from_yaml(cls, text: str, source: str = "the protocol") -> Self:
        """Read a protocol from YAML.

        Raises:
            InvalidInputFile: Not YAML, or not a protocol; the message names the field.
        """
        import yaml

        try:
            return cls.model_validate(yaml.safe_load(text))
        except yaml.YAMLError as error:
            raise InvalidInputFile(f"{source} is not YAML: {error}") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the document"
            raise InvalidInputFile(f"{source} is not a protocol: {where}: {first['msg']}") from error

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a protocol from a YAML file."""
        try:
            return cls.from_yaml(path.read_text(encoding="utf-8"), source=str(path))
        except OSError as error:
            raise InvalidInputFile(f"cannot read the protocol {path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise InvalidInputFile(f"the protocol {path} is not UTF-8 text") from error


@once_per_protocol
def _plain(protocol: Protocol) -> PlainProtocol:
    content = protocol.model_dump(mode="json")
    return PlainProtocol(content, canonical_json(content))


def _found_before(protocol: Protocol, index: int, name: str) -> int | None:
    """The earlier stage of that name, else the latest of that role."""
    for what in ("name", "role"):
        for earlier in reversed(range(index)):
            if getattr(protocol.stages[earlier], what, None) == name:
                return earlier
    return None


@functools.cache
def known_roles() -> frozenset[str]:
    """Roles that mean something: those of every protocol, and what registered kinds of stages are for."""
    own = {kind.model_fields["role"].default for _, kind in STAGES.items() if "role" in kind.model_fields}
    return frozenset({*BASIC_ROLES, *own})


@once_per_protocol
def _check_names_and_roles(protocol: Protocol) -> None:
    names = [stage.name for stage in protocol.stages]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"two stages are called {min(twice)!r}; give each its own name")
    if sum(_role(stage) == "sample" for stage in protocol.stages) > 1:
        raise ValueError("more than one stage has the role 'sample'; properties are measured on one")
    for index, stage in enumerate(protocol.stages):
        role = _role(stage)
        if role is not None and role not in known_roles():
            raise ValueError(
                f"stage {stage.name!r} has the role {role!r}, which nothing looks for; "
                f"there are {', '.join(sorted(known_roles()))}"
            )
        if stage.after is not None and protocol.start_of(index) is None:
            raise ValueError(
                f"stage {stage.name!r} starts after {stage.after!r}, but no earlier stage has that name or role"
            )


@once_per_protocol
def _sample_index(protocol: Protocol) -> int:
    for index, stage in enumerate(protocol.stages):
        if _role(stage) == "sample":
            return index
    return protocol.n_of_equilibration - 1
