"""One polymer and property: what studies predict beside what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from polyomics.properties import PROPERTIES
from polyomics.records import Failure, Measurement, Record
from polyomics.reference.comparison import deviation_percent
from polyomics.reference.experiment import holds_at
from polyomics.reference.table import State
from polyomics.replicates import combine_measurements
from polyomics.validation.reference_polymers import Reference, ReferencePolymer

Status = Literal["compared", "failed", "skipped"]


class Comparison(Record):
    """A row of the validation."""

    polymer: str
    """Name of the polymer."""
    abbreviation: str
    """Its short name."""
    psmiles: str
    """Its repeat unit, as the table writes it."""
    state: State
    """What it is at 300 K."""
    property: str
    """Registered name of the property."""
    unit: str
    """Unit of all values in the row."""
    status: Status
    """compared; failed: a study was run and gave no value; skipped: nothing could be run."""
    predicted: float | None = None
    """What the studies say."""
    stderr: float | None = None
    """Its standard error."""
    n_replicates: int = 0
    """Studies that have a value."""
    experiment: float
    """What was measured."""
    deviation_percent: float | None = None
    """How far `predicted` is from `experiment` [%]."""
    radonpy_md: float | None = None
    """What RadonPy's published simulations give."""
    radonpy_deviation_percent: float | None = None
    """How far that is from `experiment` [%]."""
    flags: tuple[str, ...] = ()
    """Flags of the prediction."""
    confidence: str
    """How far the experimental number is trusted."""
    source: str
    """Where it is printed."""
    study_keys: tuple[str, ...] = ()
    """The studies asked."""
    reason: str = ""
    """Why there is no prediction."""


@dataclass(frozen=True)
class StudyAnswer:
    """What one study gave."""

    key: str
    measurements: tuple[Measurement, ...] = ()
    failures: tuple[Failure, ...] = ()
    is_failed: bool = False
    """Whether the study as a whole gave nothing."""

    def why_not(self, property_name: str) -> str:
        """Why the study has no value of a property; nothing if it was not asked for it."""
        for failure in self.failures:
            if self.is_failed or failure.stage == property_name:
                return f"{failure.stage}: {failure.kind}: {failure.message}"
        return "the study failed" if self.is_failed else ""


def compare(
    polymer: ReferencePolymer, property_names: Sequence[str], answers: Sequence[StudyAnswer]
) -> list[Comparison]:
    """Hold the properties of one polymer against experiment, replicates combined.

    Args:
        polymer: The polymer, with its experimental values.
        property_names: Registered names; those without an experimental value give no row.
        answers: What its studies gave; none if nothing was run.
    """
    found = []
    for name in property_names:
        reference = polymer.reference(name)
        if reference is not None:
            found.append(_row(polymer, name, reference, answers))
    return found


def skip(polymer: ReferencePolymer, property_names: Sequence[str], reason: str) -> list[Comparison]:
    """The rows of a polymer, or of some of its properties, that nothing was run for."""
    return [
        _base(polymer, name, reference, "skipped", reason=reason)
        for name in property_names
        if (reference := polymer.reference(name)) is not None
    ]


def _row(polymer: ReferencePolymer, name: str, reference: Reference, answers: Sequence[StudyAnswer]) -> Comparison:
    keys = tuple(answer.key for answer in answers)
    values = [one for answer in answers for one in answer.measurements if one.name == name]
    near = [one for one in values if holds_at(name, one.temperature_k)]
    if not near:
        reasons = [reason for answer in answers if (reason := answer.why_not(name))]
        if reasons:
            return _base(polymer, name, reference, "failed", study_keys=keys, reason=reasons[0])
        elsewhere = (
            f"it was measured at {values[0].temperature_k:g} K"
            if values
            else "the protocol of its studies does not give it"
        )
        return _base(polymer, name, reference, "skipped", study_keys=keys, reason=elsewhere)
    combined = combine_measurements(near)
    return _base(
        polymer,
        name,
        reference,
        "compared",
        predicted=combined.value,
        stderr=combined.stderr,
        n_replicates=combined.n_replicates,
        deviation_percent=deviation_percent(combined.value, reference.value),
        flags=combined.flags,
        study_keys=keys,
    )


def _base(polymer: ReferencePolymer, name: str, reference: Reference, status: Status, **found: object) -> Comparison:
    radonpy = reference.radonpy_md
    return Comparison.model_validate(
        {
            "polymer": polymer.name,
            "abbreviation": polymer.abbreviation,
            "psmiles": polymer.psmiles,
            "state": polymer.state,
            "property": name,
            "unit": PROPERTIES[name].unit,
            "status": status,
            "experiment": reference.value,
            "radonpy_md": radonpy,
            "radonpy_deviation_percent": None if radonpy is None else deviation_percent(radonpy, reference.value),
            "confidence": reference.row.confidence,
            "source": reference.row.source,
            **found,
        }
    )
