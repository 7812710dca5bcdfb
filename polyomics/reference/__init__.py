"""Experimental values to hold results against, each with its source; see the README in this folder."""

from polyomics.reference.experiment import experimental_value, experimental_values
from polyomics.reference.table import ExperimentalValue

__all__ = ["ExperimentalValue", "experimental_value", "experimental_values"]
