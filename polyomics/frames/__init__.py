"""Results as pandas and polars frames, with units in the names of columns and an error beside every value."""

from polyomics.frames.naming import column_name
from polyomics.frames.search import Search

__all__ = ["Search", "column_name"]
