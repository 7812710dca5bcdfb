"""What is in the database, in numbers: what a page shows first, and offers to choose from."""

from __future__ import annotations

from functools import cache

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from polyomics import __version__
from polyomics.chemistry.polymer_class import POLYMER_CLASSES
from polyomics.reference.experiment import experimental_values
from polyomics.report.flags import meaning
from polyomics.report.text import plain
from polyomics.web.problems import documented
from polyomics.web.results import AtHand

router = APIRouter(tags=["facts"])


class PropertyFact(BaseModel):
    """A property that has values."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    """Its name."""
    title: str
    """Its name as words."""
    unit: str
    """Its unit; "1" for a pure number."""
    n_values: int
    """How many values it has."""
    minimum: float
    """The smallest of them."""
    maximum: float
    """The largest of them."""


class ClassFact(BaseModel):
    """A class of polymers."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    """Its name."""
    code: str
    """Its short name; empty for polymers of no class."""
    n_polymers: int
    """Polymers that belong to it, as their primary class or another."""


class PolymerName(BaseModel):
    """What a common polymer is called."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    """Its name."""
    abbreviation: str
    """Its usual short name."""
    psmiles: str
    """Its repeat unit."""


class DatabaseFacts(BaseModel):
    """The database in numbers."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    n_polymers: int
    """Polymers."""
    n_studies: int
    """Studies."""
    n_values: int
    """Values."""
    version: str
    """Version of polyomics that answers."""
    properties: list[PropertyFact]
    """Properties that have values, by name."""
    classes: list[ClassFact]
    """Classes that have polymers, most frequent first."""
    presets: list[str]
    """Presets of the studies."""
    sources: list[str]
    """Data sets the studies are from; `computed` for those that polyomics ran."""
    flags: list[str]
    """Flags that values have."""
    flag_meanings: dict[str, str]
    """What they mean, as far as that is known."""
    names: list[PolymerName]
    """Names of common polymers, whether or not they are in the database."""


@router.get("/facts", responses=documented())
def facts(results: AtHand) -> DatabaseFacts:
    """What is in the database, in numbers; they may be some seconds old, in a large database a minute."""
    found = results.facts.of(results.store)
    return DatabaseFacts(
        n_polymers=found.n_polymers,
        n_studies=found.n_studies,
        n_values=found.n_values,
        version=__version__,
        properties=[
            PropertyFact(
                name=one.name,
                title=plain(one.name),
                unit=one.unit,
                n_values=one.n_values,
                minimum=one.minimum,
                maximum=one.maximum,
            )
            for one in found.properties
        ],
        classes=[
            ClassFact(name=name, code=POLYMER_CLASSES.get(name, ""), n_polymers=number)
            for name, number in found.classes.items()
        ],
        presets=sorted(found.presets),
        sources=sorted(name or "computed" for name in found.sources),
        flags=list(found.flags),
        flag_meanings={flag: text for flag in found.flags if (text := meaning(flag)) is not None},
        names=list(_names()),
    )


@cache
def _names() -> tuple[PolymerName, ...]:
    found = {
        item.psmiles: PolymerName(name=item.polymer, abbreviation=item.abbreviation, psmiles=item.psmiles)
        for item in experimental_values()
    }
    return tuple(found.values())
