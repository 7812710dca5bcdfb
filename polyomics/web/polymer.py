"""One polymer: its studies, its values with replicates put together, and what experiment says."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict

from polyomics.database.replicates import CombinedRow, combined_rows
from polyomics.database.rows import Polymer, StudySummary
from polyomics.database.selection import query, query_studies
from polyomics.errors import StudyNotFound
from polyomics.records import Record
from polyomics.reference.experiment import experimental_values, polymer_of
from polyomics.reference.table import ExperimentalValue
from polyomics.web.experiment import Experiment, experiment_beside
from polyomics.web.filters import polymer_key
from polyomics.web.problems import documented
from polyomics.web.results import AtHand

router = APIRouter(tags=["polymers"])
MOST_STUDIES = 500
"""Studies of one polymer that are told of, the newest; and put together."""
MOST_VALUES = 50_000

PolymerKey = Annotated[
    str,
    Path(max_length=2000, pattern=r"^[^\x00]+$", description="Key of a polymer, or a SMILES of its repeat unit."),
]


class CombinedValue(BaseModel):
    """One property of all replicates of one request."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    property: str
    """Name of the property."""
    value: float
    """Weighted mean, in `unit`."""
    stderr: float | None
    """Standard error of `value`, with what replicates differ by."""
    unit: str
    """Unit of `value`, `stderr` and `spread`."""
    n_replicates: int
    """Replicates that have a value."""
    spread: float | None
    """Standard deviation of the replicates' values; none for one."""
    between_variance: float | None
    """Variance between replicates that their own errors do not explain, in the square of `unit`."""
    flags: list[str]
    """Flags of any replicate."""
    study_keys: list[str]
    """The replicates."""
    temperature_k: float | None
    """Temperature it holds at [K]."""
    pressure_bar: float | None
    """Pressure it holds at [bar]."""
    preset: str
    """Preset of the request."""
    source: str
    """Data set they were imported from; empty: computed by polyomics."""
    experiment: Experiment | None
    """The experimental value, if there is a comparable one."""


class StudyOfPolymer(BaseModel):
    """A study without its children."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="ignore")

    key: str
    """Its key."""
    preset: str
    """Preset its request started from."""
    status: str
    """How far it came."""
    source: str
    """Data set it was imported from; empty: computed by polyomics."""
    replicate: int
    """Number of the independent repetition, from 0."""
    temperature_k: float
    """Temperature asked for [K]."""
    pressure_bar: float
    """Pressure asked for [bar]."""
    created: str
    """When it was asked for (UTC)."""


class PolymerDetail(Record):
    """A polymer with what is known of it."""

    polymer: Polymer
    """The repeat unit."""
    n_studies: int
    """Its studies; `studies` has the newest of them."""
    studies: list[StudyOfPolymer]
    """Its studies, newest first."""
    combined: list[CombinedValue]
    """Its values, replicates put together."""
    experiment: list[ExperimentalValue]
    """Experimental values of it, with their source; also those that are not fit for a comparison."""


@router.get("/polymers/{key:path}", responses=documented(404, 422))
def polymer(key: PolymerKey, results: AtHand) -> PolymerDetail:
    """One polymer: its studies, its values with replicates put together, and what experiment says."""
    wanted = polymer_key(key)
    studies = query_studies(results.store, polymer=wanted)
    if not studies:
        raise StudyNotFound(f"no study is of the polymer {key[:200]!r}; search by class or structure finds others")
    found = query(results.store, polymer=wanted, limit=MOST_VALUES)
    combined = combined_rows(results.store, found)
    sources = {row.study_key: row.source for row in found}
    one = studies[0].polymer
    return PolymerDetail(
        polymer=one,
        n_studies=len(studies),
        studies=[_brief(study) for study in studies[:MOST_STUDIES]],
        combined=[_combined(row, sources[row.study_keys[0]]) for row in combined],
        experiment=[item for item in experimental_values() if polymer_of(item.psmiles) == one.key],
    )


def _combined(row: CombinedRow, source: str) -> CombinedValue:
    values = {name: value for name, value in asdict(row).items() if name in CombinedValue.model_fields}
    known = experiment_beside(row.polymer_key, row.property, row.value, row.unit, row.temperature_k)
    return CombinedValue(**values, source=source, experiment=known)


def _brief(study: StudySummary) -> StudyOfPolymer:
    return StudyOfPolymer(**study.model_dump(mode="json"))
