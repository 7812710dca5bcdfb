"""Replicates of one request: which studies they are, and what they say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from polyomics.analysis.replicates import combine
from polyomics.records import Measurement, Record, digest
from polyomics.spec import NOT_IN_KEY, SCIENCE_VERSION

_RANDOM = ("seed", "replicate")


class CombinedMeasurement(Record):
    """One property of several replicates."""

    name: str
    """Registered name of the property."""
    value: float
    """Weighted mean, in `unit`."""
    stderr: float | None
    """Standard error of `value`, with what replicates differ by; none where nothing tells."""
    unit: str
    """Unit of `value`, `stderr` and `spread`."""
    n_replicates: int
    """Replicates that have a value."""
    spread: float | None
    """Standard deviation of the replicates' values; none for one."""
    between_variance: float | None
    """Variance between replicates that their own errors do not explain, in the square of `unit`."""
    flags: tuple[str, ...]
    """Flags of any replicate."""
    temperature_k: float | None = None
    """Temperature the value holds at [K]."""
    pressure_bar: float | None = None
    """Pressure the value holds at [bar]."""


def replicate_group(spec: Mapping[str, Any], study_key: str) -> str:
    """A name that replicates share: a digest of the request without its seed and replicate number.

    Studies whose key this version of the code would not give, since answers have changed, are never replicates of
    those it would.

    Args:
        spec: The request of a study, as plain JSON values.
        study_key: Key of the study.
    """
    content = {name: value for name, value in spec.items() if name not in NOT_IN_KEY}
    is_current = digest({"science_version": SCIENCE_VERSION, **content})[: len(study_key)] == study_key
    return digest([is_current, {name: value for name, value in content.items() if name not in _RANDOM}])[:20]


def combine_measurements(members: Sequence[Measurement]) -> CombinedMeasurement:
    """Replicates of one property as one value; see `analysis.replicates.combine`.

    Raises:
        NotEnoughData: There are none.
        ValueError: They are not of one property, unit and state.
    """
    states = {(one.name, one.unit, one.temperature_k, one.pressure_bar) for one in members}
    if len(states) > 1:
        raise ValueError(f"not replicates of one property: {sorted(map(str, states))}")
    found = combine([one.value for one in members], [one.stderr for one in members])
    first = members[0]
    return CombinedMeasurement(
        name=first.name,
        value=found.value,
        stderr=found.stderr,
        unit=first.unit,
        n_replicates=found.n,
        spread=found.spread,
        between_variance=found.between_variance,
        flags=tuple(dict.fromkeys(flag for one in members for flag in one.flags)),
        temperature_k=first.temperature_k,
        pressure_bar=first.pressure_bar,
    )


def combine_studies(studies: Sequence[Sequence[Measurement]]) -> tuple[CombinedMeasurement, ...]:
    """Every property of several replicates, each over the replicates that have it."""
    found: dict[tuple[Any, ...], list[Measurement]] = {}
    for measurements in studies:
        for one in measurements:
            found.setdefault((one.name, one.temperature_k, one.pressure_bar), []).append(one)
    return tuple(combine_measurements(members) for members in found.values())
