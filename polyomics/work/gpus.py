"""The GPUs a worker may use, and which slot computes on which."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from polyomics.errors import EngineFailed, InvalidSettings

VISIBLE = "CUDA_VISIBLE_DEVICES"
NONE = {"", "-1", "nodevfiles", "none", "void"}
"""Values of `CUDA_VISIBLE_DEVICES` that mean none; "NoDevFiles" is Slurm's."""
LIST_WITHIN_S = 60.0
"""How long nvidia-smi may take: it wakes sleeping drivers [s]."""

_GPU = re.compile(r"^GPU (?P<index>\d+): (?P<name>.*?) \(UUID: (?P<id>GPU-[^)\s]+)\)")
_MIG = re.compile(r"^\s+MIG (?P<name>\S+)\s+Device\s+\d+: \(UUID: (?P<id>MIG-[^)\s]+)\)")


@dataclass(frozen=True)
class Gpu:
    """A card, or a part of one that the driver has cut out (MIG)."""

    id: str
    """What `CUDA_VISIBLE_DEVICES` calls it: its UUID where that is known."""
    name: str = ""
    """Its model."""
    index: int | None = None
    """Number of the card, in the order of nvidia-smi."""

    @property
    def is_part(self) -> bool:
        """Whether it is a part of a card."""
        return self.id.startswith("MIG-")

    def __str__(self) -> str:
        return f"{self.id} ({self.name})" if self.name else self.id


@dataclass(frozen=True)
class Place:
    """Where the studies of one slot run."""

    gpu: Gpu | None = None
    """Its GPU; none on a CPU."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What its processes find in their environment beside that of the worker."""
    is_shared: bool = False
    """Other processes compute on the GPU at the same time, through one MPS server."""

    @property
    def device(self) -> str:
        """What it is called in the database."""
        return self.gpu.id if self.gpu else ""


def find_gpus(devices: str | None = None, environment: Mapping[str, str] = os.environ) -> list[Gpu]:
    """The GPUs a worker may use, in order; none on a machine without.

    Those of `devices` if given, else of `CUDA_VISIBLE_DEVICES`, else all that `nvidia-smi -L` lists, cards that are cut
    into parts by their parts. Numbers are those of nvidia-smi, whatever `CUDA_DEVICE_ORDER` says.

    Args:
        devices: Numbers or UUIDs, separated by commas, as in `CUDA_VISIBLE_DEVICES`.
        environment: Where to look for that.

    Raises:
        InvalidSettings: A device asked for is not there.
        EngineFailed: The driver does not work.
    """
    asked = environment.get(VISIBLE) if devices is None else devices
    if asked is not None and asked.strip().lower() in NONE:
        return []
    program = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if program is None:
        return [Gpu(word.strip()) for word in asked.split(",")] if asked else []
    groups = _listed(program, environment)
    if asked is None:
        return [gpu for group in groups for gpu in _whole_or_parts(group)]
    chosen = [gpu for word in asked.split(",") for gpu in _named(word.strip(), groups, asked)]
    return list(dict.fromkeys(chosen))


def spread(slots: int, gpus: Sequence[Gpu]) -> list[Gpu | None]:
    """The GPU of each slot, in turn, so that their loads differ by one at most; None on a machine without."""
    return [gpus[number % len(gpus)] if gpus else None for number in range(slots)]


def _listed(program: str, environment: Mapping[str, str]) -> list[list[Gpu]]:
    """Every card, followed by its parts."""
    hidden = {name: value for name, value in environment.items() if name != VISIBLE}
    try:
        done = subprocess.run(
            [program, "-L"], capture_output=True, text=True, timeout=LIST_WITHIN_S, env=hidden, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineFailed(f"the GPUs cannot be listed: {error}; {_REPAIR}") from error
    said = (done.stdout + done.stderr).strip()
    groups: list[list[Gpu]] = []
    for line in done.stdout.splitlines():
        if found := _GPU.match(line):
            groups.append([Gpu(found["id"], found["name"], int(found["index"]))])
        elif groups and (found := _MIG.match(line)):
            card = groups[-1][0]
            groups[-1].append(Gpu(found["id"], f"{card.name} {found['name']}", card.index))
    if not groups and "no devices" not in said.lower():
        reason = said.splitlines()[0] if said else f"code {done.returncode}"
        raise EngineFailed(f"the GPUs cannot be listed: nvidia-smi says: {reason}; {_REPAIR}")
    return groups


_REPAIR = "mend the driver, or compute without GPU: --platform CPU"


def _named(word: str, groups: list[list[Gpu]], asked: str) -> list[Gpu]:
    for group in groups:
        card = group[0]
        if word == str(card.index) or (word.startswith("GPU-") and card.id.startswith(word)):
            return _whole_or_parts(group)
        parts = [part for part in group[1:] if word.startswith("MIG-") and part.id.startswith(word)]
        if parts:
            return parts[:1]
    there = ", ".join(f"{gpu.index}: {gpu}" for group in groups for gpu in group) or "none"
    raise InvalidSettings(f"there is no GPU {word!r} (asked for: {asked!r}); nvidia-smi lists {there}")


def _whole_or_parts(group: list[Gpu]) -> list[Gpu]:
    """A card that is cut into parts cannot compute as a whole."""
    return group[1:] or group
