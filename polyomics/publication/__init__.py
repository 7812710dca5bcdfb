"""A part of the results as a data set that others can read, check and cite."""

from polyomics.publication.about import About
from polyomics.publication.dataset import Published, publish

__all__ = ["About", "Published", "publish"]
