"""What a property is, and the list of all of them. A new property is one file in this package."""

import abc
from typing import ClassVar, Literal

from pydantic import Field

from polyomics.analysis.statistics import Estimate
from polyomics.errors import InvalidSettings
from polyomics.records import Measurement, Record
from polyomics.registry import Registry
from polyomics.trajectory import Trajectory

Ensemble = Literal["npt", "nvt", "any"]

STAGES_OF_ENSEMBLE: dict[Ensemble, tuple[str, ...]] = {
    "npt": ("npt",),
    "nvt": ("nvt",),
    "any": ("npt", "nvt"),
}
"""Kinds of stages that sample an ensemble; only a stage with constant conditions does."""


class MeasurementContext(Record):
    """The state a measurement holds at, and what the reader of its value must know besides."""

    temperature_k: float = Field(gt=0)
    """Temperature of the stage [K]."""
    pressure_bar: float | None = None
    """Pressure of the stage [bar]; none at constant volume."""
    extra_flags: tuple[str, ...] = ()
    """Flags of the study that every measurement of it carries ("demo_quality")."""


class Property(abc.ABC):
    """Base of all properties: Trajectory -> Measurements.

    A measurement never changes under translation or rotation of the frames, nor with the order of atoms in
    a molecule; a trajectory too short for an error bar gives a flag, one that is damaged an error.
    """

    name: ClassVar[str]
    """Registered name; the one in the experimental table where that has the property."""
    unit: ClassVar[str]
    """Unit of value and error; "1" for a pure number."""
    definition: ClassVar[str]
    """One sentence: what is averaged over what."""
    reference: ClassVar[str]
    """Source of the definition or the estimator, with DOI."""
    needs: ClassVar[Ensemble]
    """Ensemble of the stage it reads."""

    def measure(self, trajectory: Trajectory, context: MeasurementContext) -> list[Measurement]:
        """Measure the property on a stage.

        Raises:
            InvalidSettings: The stage cannot give the property; the message names those that can.
            NotEnoughData: There is nothing to measure, or a number that is not finite.
        """
        self.check_stage(trajectory.stage)
        return self._measure(trajectory, context)

    @abc.abstractmethod
    def _measure(self, trajectory: Trajectory, context: MeasurementContext) -> list[Measurement]:
        """Measure on a stage that can give the property."""

    @classmethod
    def check_stage(cls, stage: dict[str, object]) -> None:
        """Refuse a stage that cannot give the property.

        Raises:
            InvalidSettings: The message names the stages that can.
        """
        kinds = STAGES_OF_ENSEMBLE[cls.needs]
        if stage.get("kind") not in kinds:
            raise InvalidSettings(
                f"{cls.name} cannot be measured on stage {stage.get('name', '?')!r} of kind "
                f"{stage.get('kind')!r}; it needs a stage of kind {' or '.join(kinds)} at the end of the protocol"
            )

    def _measurement(self, estimate: Estimate, context: MeasurementContext) -> Measurement:
        """The estimate as a measurement of this property."""
        return Measurement(
            name=self.name,
            value=estimate.mean,
            stderr=estimate.stderr,
            unit=self.unit,
            n_independent=estimate.n_independent,
            flags=tuple(dict.fromkeys(estimate.flags + context.extra_flags)),
            temperature_k=context.temperature_k,
            pressure_bar=context.pressure_bar,
        )


PROPERTIES: Registry[type[Property]] = Registry("property", "polyomics.properties")
