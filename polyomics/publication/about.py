"""What only its authors can say of a data set."""

from pydantic import Field

from polyomics.records import Record


class About(Record):
    """Title, licence, authors."""

    title: str = Field(min_length=1, max_length=200)
    """What it is called."""
    licence: str = Field(min_length=1, max_length=100)
    """SPDX identifier of its licence ("CC-BY-4.0")."""
    authors: tuple[str, ...] = Field(min_length=1)
    """Who is to be cited."""
    description: str = Field(default="", max_length=5000)
    """What it is, in a few sentences."""
