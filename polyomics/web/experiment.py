"""What experiment says, beside a simulated value."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from polyomics.reference.comparison import deviation_percent, experiment_for


class Experiment(BaseModel):
    """A measured value to hold a simulated one against."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    value: float
    """The value, in `unit`."""
    unit: str
    """Its unit, that of the simulated value."""
    deviation_percent: float | None
    """How far the simulated value is from it [%]."""
    confidence: str
    """high or medium."""
    source: str
    """Where it was published."""


def experiment_beside(
    polymer_key: str, name: str, value: float, unit: str, temperature_k: float | None
) -> Experiment | None:
    """The experimental value that a simulated one is held against, if there is a comparable one."""
    found = experiment_for(polymer_key, name, unit, temperature_k)
    if found is None:
        return None
    return Experiment(
        value=found.value,
        unit=found.unit,
        deviation_percent=deviation_percent(value, found.value),
        confidence=found.confidence,
        source=found.source,
    )
