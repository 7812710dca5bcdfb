"""Curves and criteria of every kind, to draw."""

import math

from polyomics.records import Criterion, Curve

DISTANCES = tuple(0.1 * place for place in range(1, 30))
CURVES = (
    Curve(
        name="bond_angles", property="radius_of_gyration", x_name="angle [°]", y_name="share [1]",
        x=(100.0, 110.0, 120.0), y=(0.2, 0.5, 0.3), y_stderr=(0.02, 0.02, 0.01), kind="bars",
    ),
    Curve(
        name="other", property="radius_of_gyration", x_name="distance [nm]", y_name="S [nm2]",
        x=(0.5, 1.0), y=(0.5, 0.3),
    ),
    Curve(
        name="decay", property="radius_of_gyration", x_name="distance [nm]", y_name="S [nm2]",
        x=(0.0, *DISTANCES), y=(1.0, *(math.exp(-place) for place in DISTANCES)), kind="points", log=("y",),
    ),
    Curve(
        name="decay_fit", property="radius_of_gyration", x_name="distance [nm]", y_name="exp(-x)",
        x=DISTANCES, y=tuple(math.exp(-place) for place in DISTANCES), log=("y",),
    ),
)  # fmt: skip
"""A histogram, and a series with its fit."""
CRITERIA = (
    Criterion(
        name="density_stationary", verdict="pass", value=0.3, threshold=2.0, unit="1",
        message="the density does not drift: 0.3 standard errors over the stage",
    ),
    Criterion(
        name="chains_relaxed", verdict="fail", value=0.9, threshold=0.1, unit="1",
        message="the chains keep their shape",
    ),
    Criterion(name="pressure", verdict="unknown", value=None, threshold=None, unit="bar", message="too few samples"),
    Criterion(name="equilibrium", verdict="fail", value=None, threshold=None, unit="1", message="one test failed"),
)  # fmt: skip
