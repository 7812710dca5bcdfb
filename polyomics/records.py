"""The base of every record: frozen, typed, unknown keys refused; and the records that results are made of."""

import hashlib
import json
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Record(BaseModel):
    """An immutable set of named values that survives JSON, YAML and SQL."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


def digest(value: Any) -> str:
    """Hexadecimal SHA-256 of the canonical JSON of `value` (sorted keys, no spaces)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Measurement(Record):
    """One property of one study, with its error bar."""

    name: str
    """Registered name of the property."""
    value: float
    """Best estimate, in `unit`."""
    stderr: float | None = Field(default=None, ge=0)
    """Standard error of `value`, in `unit`, from decorrelated samples; none where there are too few."""
    unit: str
    """Unit of `value` and `stderr`; "1" for a pure number."""
    n_independent: float = Field(ge=0)
    """Number of statistically independent samples behind `value`."""
    flags: tuple[str, ...] = ()
    """What a reader must know before using the value, as short words ("demo_quality", "drifting")."""
    temperature_k: float | None = None
    """Temperature the value holds at [K]."""
    pressure_bar: float | None = None
    """Pressure the value holds at [bar]."""

    @model_validator(mode="after")
    def _no_error_bar_without_a_flag(self) -> Self:
        if self.stderr is None and not self.flags:
            raise ValueError(f"{self.name} has no error bar and no flag that says why")
        return self


class Failure(Record):
    """A step that did not give a result, and why."""

    stage: str
    """Step, stage or property that failed."""
    kind: str
    """Class of the error ("ChargesNotConverged")."""
    message: str
    """What was asked, what was found, what to do."""
    workdir: str | None = None
    """Folder that holds the evidence, relative to the home folder."""
