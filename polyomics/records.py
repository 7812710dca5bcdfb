"""The base of every record: frozen, typed, unknown keys refused; and the records that results are made of."""

import hashlib
import json
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Record(BaseModel):
    """An immutable set of named values that survives JSON, YAML and SQL."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


def canonical_json(value: Any) -> str:
    """The one way to write `value` as JSON: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)


def digest(value: Any) -> str:
    """Hexadecimal SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


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


class Curve(Record):
    """A property that is a function (a pair distribution, a spectrum), or the fit behind a value."""

    name: str
    """What it is, unique in its study ("radial_distribution", "msid")."""
    property: str
    """Registered name of the property it belongs to."""
    x_name: str
    """What runs along x, with its unit in brackets: "distance [nm]"."""
    y_name: str
    """What runs along y, with its unit in brackets."""
    x: tuple[float, ...]
    """Places, in order."""
    y: tuple[float, ...]
    """Values, as many as `x`."""
    y_stderr: tuple[float, ...] | None = None
    """Standard errors of `y`, as many; none where they are not known."""
    kind: Literal["line", "points", "bars"] = "line"
    """How it is drawn."""
    log: tuple[Literal["x", "y"], ...] = ()
    """Axes that are logarithmic."""

    @model_validator(mode="after")
    def _as_many_values_as_places(self) -> Self:
        lengths = {len(self.x), len(self.y), len(self.x if self.y_stderr is None else self.y_stderr)}
        if len(lengths) != 1:
            raise ValueError(f"the curve {self.name} has x, y and errors of different lengths: {sorted(lengths)}")
        return self


Verdict = Literal["pass", "fail", "unknown"]


class Criterion(Record):
    """One test of whether a cell is in equilibrium, with the numbers behind its verdict."""

    name: str
    """Registered name of the criterion ("density_stationary"), or "equilibrium" for the overall one."""
    verdict: Verdict
    """unknown: there were too few independent samples, or the protocol has no stage, to tell."""
    value: float | None
    """What was measured, in `unit`; none where nothing could be."""
    threshold: float | None
    """What `value` is held against, in `unit`."""
    unit: str
    """Unit of `value` and `threshold`; "1" for a pure number."""
    message: str
    """The numbers and what they mean, in a sentence."""


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
