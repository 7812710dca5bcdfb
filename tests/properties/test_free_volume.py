"""Van der Waals volume, free volume and its fraction: arithmetic of a known volume, and what ties them together."""

from dataclasses import replace

import numpy as np
import pytest
from beads import N_FRAMES, bead_cell, fluctuating, measure

from polyomics.errors import NotEnoughData

CM3_PER_NM3, G_PER_AMU = 1e-21, 1 / 6.02214076e23


def breathing(table: dict[str, np.ndarray]) -> None:
    """50 nm³ with noise of 0.5 nm³ and g = 6."""
    edge = np.cbrt(50.0 + 0.5 * fluctuating(N_FRAMES, 3, seed=4))
    for axis in "xyz":
        table[f"box_{axis}_nm"] = edge


def test_the_van_der_waals_volume_is_exact(simulation) -> None:
    (found,) = measure("vdw_volume", simulation())
    assert found.value == pytest.approx(2.0 * CM3_PER_NM3 / (150 * 14.0 * G_PER_AMU))
    assert found.stderr is None
    assert found.flags == ("exact",)


def test_a_damaged_van_der_waals_volume_is_a_failure(simulation) -> None:
    damaged = simulation(cell=replace(bead_cell(), vdw_volume_nm3=np.nan))
    for name in ("vdw_volume", "free_volume", "fractional_free_volume"):
        with pytest.raises(NotEnoughData, match="not finite"):
            measure(name, damaged)


def test_bondis_fraction_of_a_known_volume(simulation) -> None:
    (found,) = measure("fractional_free_volume", simulation(change_thermo=breathing))
    assert found.value == pytest.approx(1 - 1.3 * 2.0 / 50.0, abs=4 * found.stderr)
    assert found.stderr == pytest.approx(1.3 * 2.0 / 50.0 * 0.01 / np.sqrt(50), rel=0.4)


def test_volumes_add_up(simulation) -> None:
    run = simulation(change_thermo=breathing)
    (whole,), (free,), (atoms,) = (measure(name, run) for name in ("specific_volume", "free_volume", "vdw_volume"))
    assert free.value + atoms.value == pytest.approx(whole.value, rel=1e-12)
    assert free.stderr == pytest.approx(whole.stderr, rel=1e-9)
