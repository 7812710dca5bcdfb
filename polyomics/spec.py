"""What one study is: everything that can change its answer, and the key that follows from it."""

import hashlib
from typing import Any, Literal

from pydantic import Field

from polyomics.md.protocol import Protocol
from polyomics.records import Record, canonical_json, digest

SCIENCE_VERSION = 2
"""Raised when a change of code changes answers; part of every study's key."""

NOT_IN_KEY = frozenset({"preset", "properties"})
"""Fields of a `StudySpec` that do not change its run, and so are no part of its key."""

Tacticity = Literal["isotactic", "syndiotactic", "atactic"]


class PolymerSpec(Record):
    """The chains: which polymer, how long, which stereo-sequence, which ends."""

    psmiles: str
    """Canonical p-SMILES of the repeat unit."""
    n_units: int = Field(ge=1)
    """Degree of polymerisation: repeat units in a chain."""
    tacticity: Tacticity = "atactic"
    """Stereo-sequence of the stereocentres the p-SMILES leaves open."""
    meso_probability: float = Field(default=0.5, ge=0, le=1)
    """Probability P_m that a dyad of an atactic chain is meso."""
    head_end: str = "*C"
    """End group before the first unit, as SMILES with one `*`."""
    tail_end: str = "*C"
    """End group after the last unit, as SMILES with one `*`."""


class CellSpec(Record):
    """The cell before MD."""

    n_chains: int = Field(ge=1)
    """Number of chains."""
    density_g_cm3: float = Field(gt=0, le=3)
    """Density at which the chains are packed [g/cm³]."""


class ForceFieldSpec(Record):
    """Where the forces come from."""

    family: str = "gaff2"
    """Registered force-field family."""
    charges: str = "am1bcc"
    """Registered charge model."""


class Conditions(Record):
    """The state the properties are wanted at."""

    temperature_k: float = Field(default=300.0, gt=0, le=2000)
    """Temperature [K]."""
    pressure_bar: float = Field(default=1.01325, ge=0, le=1e5)
    """Pressure [bar]."""


class StudySpec(Record):
    """One study, completely. Two specs with the same key give the same answer."""

    polymer: PolymerSpec
    """The chains."""
    cell: CellSpec
    """The cell before MD."""
    force_field: ForceFieldSpec = ForceFieldSpec()
    """Where the forces come from."""
    conditions: Conditions = Conditions()
    """The state the properties are wanted at."""
    protocol: Protocol
    """The MD stages, with all their numbers."""
    properties: tuple[str, ...] = ("density", "radius_of_gyration")
    """Registered names of the properties to measure."""
    preset: str = "custom"
    """Preset the numbers came from: a label, not part of the key."""
    quality_flags: tuple[str, ...] = ()
    """Flags every measurement of this study carries ("demo_quality")."""
    seed: int = Field(default=1, ge=0, le=2**31 - 1)
    """Seed of chains, packing and dynamics."""
    replicate: int = Field(default=0, ge=0)
    """Number of this independent repetition; changes every random choice."""

    @property
    def key(self) -> str:
        """Digest of everything that can change the answer: the study's name in folders and tables."""
        content = self.model_dump(mode="json", exclude={*NOT_IN_KEY, "protocol"})
        texts = {name: canonical_json(value) for name, value in content.items()}
        texts |= {"science_version": canonical_json(SCIENCE_VERSION), "protocol": self.protocol.plain.text}
        whole = ",".join(f'"{name}":{texts[name]}' for name in sorted(texts))
        return hashlib.sha256(f"{{{whole}}}".encode()).hexdigest()[:20]

    def plain(self) -> dict[str, Any]:
        """The request as JSON values; those of the protocol are shared, and not to be changed."""
        content = self.model_dump(mode="json", exclude={"protocol"})
        return {name: content.get(name, self.protocol.plain.content) for name in type(self).model_fields}

    @property
    def random_seed(self) -> int:
        """The seed that chains, packing and dynamics start from, different for every replicate."""
        return int(digest([self.seed, self.replicate])[:7], 16)
