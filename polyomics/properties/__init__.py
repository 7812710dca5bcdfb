"""Simulation -> Measurement: one file, one registered name, one property."""

from polyomics.properties.property import PROPERTIES, MeasurementContext, Property, Result

__all__ = ["PROPERTIES", "MeasurementContext", "Property", "Result"]
