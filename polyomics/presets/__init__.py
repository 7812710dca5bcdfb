"""Named choices of system size, protocol and charges, one file each."""

from __future__ import annotations

from pydantic import Field

from polyomics.md.probes import Effort
from polyomics.records import Record
from polyomics.registry import Registry


class Preset(Record):
    """A named set of defaults for a study."""

    name: str
    """Name, as in `--preset`."""
    summary: str
    """What it is for, in a sentence."""
    n_chains: int = Field(ge=1)
    """Number of chains."""
    atoms_per_chain: int = Field(ge=1)
    """Chains are as long as comes nearest to this number of atoms."""
    start_density_g_cm3: float = Field(gt=0, le=3)
    """Density at which chains are packed [g/cm³]."""
    protocol: str
    """Registered protocol."""
    family: str = "gaff2"
    """Registered force-field family."""
    charges: str = "am1bcc"
    """Registered charge model."""
    effort: Effort = "standard"
    """How much the probes asked for may cost."""
    properties: tuple[str, ...] = ()
    """Registered properties; none given: all that the protocol can give."""
    quality_flags: tuple[str, ...] = ()
    """Flags every measurement carries."""


PRESETS: Registry[Preset] = Registry("preset", "polyomics.presets")
