"""A measured value beside the experimental one."""

from polyomics.records import Measurement
from polyomics.reference.experiment import experimental_value
from polyomics.reference.table import ExperimentalValue


def experiment_of(polymer_key: str, measurement: Measurement) -> ExperimentalValue | None:
    """The experimental value to hold a measurement against, in the same unit."""
    return experiment_for(polymer_key, measurement.name, measurement.unit, measurement.temperature_k)


def experiment_for(polymer_key: str, name: str, unit: str, temperature_k: float | None) -> ExperimentalValue | None:
    """The same for a property in a unit and at a temperature [K]; none for one that holds at no temperature."""
    found = experimental_value(polymer_key, name, temperature_k)
    return found if found is not None and found.unit == unit else None


def deviation_percent(value: float, experiment: float) -> float | None:
    """How far a value is from experiment [%]."""
    return 100.0 * (value / experiment - 1.0) if experiment else None
