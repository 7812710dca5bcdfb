"""Which results: the same settings at every address, and how they become a `Selection`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from polyomics.database.rows import StudyStatus
from polyomics.database.selection import Selection, select_results
from polyomics.errors import InvalidSettings, UnsupportedElement

LONGEST_TEXT = 2000
MOST_FLAGS = 20
MOST_ROWS = 500
"""Rows of one page."""
FURTHEST = 10_000_000
"""Rows that may be skipped."""

Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, pattern=r"^[^\x00]*$")]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Flags = Annotated[
    list[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.:+ -]{0,99}$")]], Field(max_length=MOST_FLAGS)
]
_NAME = r"[^\x00,]{1,200}"
Names = Annotated[str, Field(pattern=rf"^$|^{_NAME}(,{_NAME})*$", max_length=4000)]
"""Names with commas between them."""
SortedBy = Annotated[str, Field(pattern=rf"^-?{_NAME}$")]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Query(BaseModel):
    """Settings of an address; one that it does not have is refused, since a misspelt filter must not be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Filters(Query):
    """Which results; everything given must hold."""

    where: Text | None = None
    """Only of studies that satisfy a condition, such as `density > 1.0 and not radius_of_gyration >= 2`."""
    property: Name | None = None
    """Only values of this property; of studies, those that have such a value."""
    minimum: Number | None = None
    """Only values of `property` of at least this, in its unit."""
    maximum: Number | None = None
    """Only values of `property` of at most this, in its unit."""
    polymer: Text | None = None
    """Only of this polymer: a SMILES of its repeat unit with two `*`, or its key."""
    polymer_class: Name | None = Field(default=None, alias="class")
    """Only of polymers of this class: a name (`polyester`) or a code (`PEST`)."""
    smarts: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")] | None = None
    """Only of polymers that contain this pattern, a SMARTS."""
    similar_to: Text | None = None
    """Only of polymers similar to this one, a SMILES of a repeat unit."""
    similarity: Annotated[float, Field(gt=0, le=1)] = 0.6
    """How similar to `similar_to` at least: Tanimoto index of Morgan fingerprints of radius 2."""
    preset: Name | None = None
    """Only of studies from this preset."""
    status: StudyStatus | None = None
    """Only of studies with this status."""
    source: Name | None = None
    """Only of studies imported from this data set; `computed`: only those that polyomics ran."""
    campaign: Name | None = None
    """Only of studies of this campaign."""
    polyomics_version: Name | None = None
    """Only of studies whose values are from this version of polyomics."""
    temperature_k: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Only of studies at this temperature [K]."""
    equilibrated: bool = False
    """Only of studies whose cell was found to be in equilibrium."""
    unflagged: bool = False
    """Only values without any flag."""
    flag: Flags = Field(default_factory=list)
    """Only values that carry this flag; several: all of them."""
    without_flag: Flags = Field(default_factory=list)
    """Only values that do not carry this flag; several: none of them."""

    def selection(self) -> Selection:
        """The same for the database.

        Raises:
            InvalidSettings: They make no sense together.
            InvalidPolymer: `polymer` has a `*` and is no repeat unit.
        """
        return select_results(**self._settings())

    def _settings(self) -> dict[str, Any]:
        names = Filters.model_fields.keys() - {"flag", "without_flag", "polymer"}
        return {name: getattr(self, name) for name in names} | {
            "polymer": polymer_key(self.polymer) if self.polymer is not None else None,
            "with_flags": tuple(self.flag),
            "without_flags": tuple(self.without_flag),
        }


class Page(Query):
    """A part of what was found."""

    offset: Annotated[int, Field(ge=0, le=FURTHEST)] = 0
    """Rows to skip."""
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 50
    """Rows to give, at most."""


def listed(names: str, most: int) -> list[str]:
    """Names that were written with commas between them, each once.

    Raises:
        InvalidSettings: There are more than `most`.
    """
    found = list(dict.fromkeys(filter(None, names.split(","))))
    if len(found) > most:
        raise InvalidSettings(f"{len(found)} columns were asked for; there may be up to {most}")
    return found


def polymer_key(text: str) -> str:
    """Key of a polymer, however its repeat unit is written; what has no `*` is a key already.

    Raises:
        InvalidPolymer: It is no repeat unit.
    """
    if "*" not in text:
        return text
    from polyomics.chemistry import parse_repeat_unit

    try:
        return str(parse_repeat_unit(text).key)
    except UnsupportedElement:
        return text  # it cannot be simulated here, but may have been imported
