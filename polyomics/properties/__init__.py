"""Trajectory -> Measurement: one file, one registered name, one property."""

from polyomics.properties.property import PROPERTIES, MeasurementContext, Property

__all__ = ["PROPERTIES", "MeasurementContext", "Property"]
