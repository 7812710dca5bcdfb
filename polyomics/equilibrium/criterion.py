"""What a test of equilibrium is, and the list of all of them. A new test is one file in this package."""

import abc
from typing import ClassVar

from pydantic import Field

from polyomics.errors import NotEnoughData
from polyomics.records import Criterion, Record, Verdict
from polyomics.registry import Registry
from polyomics.simulation import Simulation


class State(Record):
    """The state that was asked for."""

    temperature_k: float = Field(gt=0)
    """Temperature [K]."""
    pressure_bar: float
    """Pressure [bar]."""


class EquilibriumTest(abc.ABC):
    """Base of all tests: Simulation -> Criterion. A test that cannot be made says so; it never passes for that."""

    name: ClassVar[str]
    """Registered name."""
    unit: ClassVar[str]
    """Unit of value and threshold; "1" for a pure number."""
    definition: ClassVar[str]
    """One sentence: what is held against what."""
    reference: ClassVar[str]
    """Source of the test or of its threshold, with DOI."""
    is_essential: ClassVar[bool] = True
    """Whether the cell cannot be said to be in equilibrium while this is not known."""
    sampling_helps: ClassVar[bool] = True
    """Whether a longer sampling stage can change the verdict; it cannot change what the melt was."""

    def judge(self, simulation: Simulation, state: State) -> Criterion:
        """Make the test."""
        try:
            return self._judge(simulation, state)
        except NotEnoughData as error:
            return self._criterion("unknown", None, None, str(error))

    @abc.abstractmethod
    def _judge(self, simulation: Simulation, state: State) -> Criterion:
        """Make the test; NotEnoughData becomes the verdict "unknown"."""

    def _criterion(self, verdict: Verdict, value: float | None, threshold: float | None, message: str) -> Criterion:
        return Criterion(
            name=self.name, verdict=verdict, value=value, threshold=threshold, unit=self.unit, message=message
        )


CRITERIA: Registry[type[EquilibriumTest]] = Registry("criterion of equilibrium", "polyomics.equilibrium")
"""All tests, by name."""
