"""Density against known series."""

import numpy as np
import pytest
from beads import N_FRAMES, fluctuating, measure


def test_density_is_recovered(simulation) -> None:
    """0.9 plus noise of 0.01 with g = 6: 300 rows are 50 samples."""

    def known(table: dict[str, np.ndarray]) -> None:
        table["density_g_cm3"] = 0.9 + 0.01 * fluctuating(N_FRAMES, 3, seed=9)

    (measurement,) = measure("density", simulation(change_thermo=known))
    assert measurement.value == pytest.approx(0.9, abs=4 * measurement.stderr)
    assert measurement.stderr == pytest.approx(0.01 / np.sqrt(50), rel=0.4)
    assert measurement.unit == "g/cm3"


def test_a_drifting_density_is_flagged(simulation) -> None:
    def drift(table: dict[str, np.ndarray]) -> None:
        table["density_g_cm3"] *= np.linspace(1, 1.2, N_FRAMES)

    (measurement,) = measure("density", simulation(change_thermo=drift))
    assert "drifting" in measurement.flags
