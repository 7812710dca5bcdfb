"""What a property is, and the list of all of them. A new property is one file in this package."""

import abc
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from polyomics.analysis.statistics import Estimate
from polyomics.errors import InvalidSettings
from polyomics.records import Curve, Measurement, Record
from polyomics.registry import Registry
from polyomics.simulation import Simulation

Ensemble = Literal["npt", "nvt", "any"]

STAGES_OF_ENSEMBLE: dict[Ensemble, tuple[str, ...]] = {
    "npt": ("npt",),
    "nvt": ("nvt",),
    "any": ("npt", "nvt"),
}
"""Kinds of stages that sample an ensemble; only a stage with constant conditions does."""


FEWEST_STAGES = {"neighbour": 2}
"""How many stages of a role it takes, where that is not one."""


class MeasurementContext(Record):
    """The state a measurement holds at, and what the reader of its value must know besides."""

    temperature_k: float = Field(gt=0)
    """Temperature of the stage [K]."""
    pressure_bar: float | None = None
    """Pressure of the stage [bar]; none at constant volume."""
    extra_flags: tuple[str, ...] = ()
    """Flags of the study that every measurement of it carries ("demo_quality")."""


Result = Measurement | Curve
"""What a property gives: values, and the curves behind them."""


class Property(abc.ABC):
    """Base of all properties: Simulation -> Measurements and Curves.

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
    """Ensemble of the stage it is measured on, the one of role `sample`."""
    also_needs: ClassVar[tuple[str, ...]] = ()
    """Roles of further stages it reads: "neighbour" (two temperatures beside), "melt", "vibrations", or that of a
    kind of stage that was made for it."""
    probe: ClassVar[str | None] = None
    """Name of the probe whose stages it is measured on, which is added where the property is asked for by name."""
    sees_images: ClassVar[bool] = False
    """Whether it looks at periodic images (distances between molecules, holes): then only rotations that map the box
    onto itself leave it the same."""

    def measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        """Measure the property.

        Raises:
            InvalidSettings: The stages cannot give the property; the message names those that can.
            NotEnoughData: There is nothing to measure, or a number that is not finite.
        """
        self.check_stage(simulation.sample.stage)
        present = {
            "neighbour": len(simulation.neighbours),
            "melt": int(simulation.melt is not None),
            "vibrations": int(simulation.spectrum is not None),
        }
        for role in self.also_needs:
            found = present[role] if role in present else len(simulation.folders.get(role, ()))
            if found < FEWEST_STAGES.get(role, 1):
                raise InvalidSettings(_lacks(self.name, role))
        return self._measure(simulation, context)

    @abc.abstractmethod
    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        """Measure on stages that can give the property."""

    @classmethod
    def check_stage(cls, stage: Mapping[str, object]) -> None:
        """Refuse a stage to measure on that cannot give the property.

        Raises:
            InvalidSettings: The message names the stages that can.
        """
        kinds = STAGES_OF_ENSEMBLE[cls.needs]
        if stage.get("kind") not in kinds:
            raise InvalidSettings(
                f"{cls.name} cannot be measured on stage {stage.get('name', '?')!r} of kind "
                f"{stage.get('kind')!r}; it needs a sampling stage of kind {' or '.join(kinds)}"
            )

    @classmethod
    def check_stages(cls, sample: Mapping[str, object], stages: Sequence[Mapping[str, object]]) -> None:
        """Refuse a protocol that cannot give the property.

        Args:
            sample: Record of the stage to measure on.
            stages: Records of all stages.

        Raises:
            InvalidSettings: The message says what is missing.
        """
        cls.check_stage(sample)
        roles = [stage.get("role") for stage in stages]
        for role in cls.also_needs:
            if roles.count(role) < FEWEST_STAGES.get(role, 1):
                raise InvalidSettings(_lacks(cls.name, role))

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


def _lacks(name: str, role: str) -> str:
    count = {1: "a stage", 2: "two stages"}[FEWEST_STAGES.get(role, 1)]
    return f"{name} needs {count} of role {role!r} in the protocol"


PROPERTIES: Registry[type[Property]] = Registry("property", "polyomics.properties")
