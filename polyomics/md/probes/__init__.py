"""Probes, one file each: further stages that make an equilibrated cell show what equilibrium alone does not.

A probe is a function of what is wanted and of the effort that returns stages. The first of them says where it starts:
`after="sample"` (the equilibrated cell) or `after="melt"`. Every one of its own branches starts anew from there, so
that probes do not see each other, and a study gives each probe the same answer with and without the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from polyomics.errors import InvalidSettings
from polyomics.md.protocol import Protocol
from polyomics.md.protocols import Target
from polyomics.md.stage import Stage
from polyomics.registry import Registry

Effort = Literal["smoke", "demo", "standard", "accurate"]
"""How much a probe may cost: seconds to show that it runs, minutes on a CPU, what published sets do, what is needed
for an error bar that holds."""

EFFORTS: tuple[Effort, ...] = ("smoke", "demo", "standard", "accurate")

Probe = Callable[[Target, Effort], Sequence[Stage]]

PROBES: Registry[Probe] = Registry("probe", "polyomics.md.probes")
"""Functions (Target, Effort) -> stages, by name. The first line of the docstring is what the probe is for."""


def probed(protocol: Protocol, names: Sequence[str], target: Target, effort: Effort) -> Protocol:
    """The protocol with the stages of some probes after its own.

    Args:
        protocol: Ends with the equilibrated cell.
        names: Registered probes; one that the protocol already has is left out.
        target: What is wanted.
        effort: How much they may cost.

    Raises:
        UnknownName: There is no such probe.
        InvalidSettings: The protocol has no stage that a probe starts after, or has another stage of its names.
    """
    stages = list(protocol.stages)
    known = {getattr(stage, "role", None) for stage in stages} | {stage.name for stage in stages}
    added = []
    for name in dict.fromkeys(names):
        further = list(PROBES[name](target, effort))
        if {stage.name for stage in further} <= {stage.name for stage in protocol.stages}:
            continue
        start = further[0].after
        if start is None:
            raise InvalidSettings(f"the probe {name!r} does not say which stage it starts after")
        if start not in known:
            raise InvalidSettings(
                f"the probe {name!r} starts after a stage of role {start!r}, which the protocol {protocol.name!r} has "
                "not; choose another protocol, or give one of its stages that role"
            )
        twice = {stage.name for stage in further} & {stage.name for stage in stages}
        if twice:
            raise InvalidSettings(
                f"the probe {name!r} brings a stage {min(twice)!r}, and the protocol {protocol.name!r} has another of "
                "that name; rename that one"
            )
        stages += further
        added.append(name)
    if not added:
        return protocol
    return Protocol(
        name="+".join((protocol.name, *added)),
        reference=protocol.reference,
        nonbonded=protocol.nonbonded,
        stages=tuple(stages),
    )
