"""Radius of gyration of chains whose size is known."""

import numpy as np
import pytest
from beads import BOND_NM, N_BEADS, N_CHAINS, N_FRAMES, beads_nm, measure


def test_radius_of_gyration_of_freely_jointed_chains(simulation) -> None:
    """<S²> = b² N (N + 2) / (6 (N + 1)) with N bonds."""
    n_bonds = N_BEADS - 1
    expected_nm = np.sqrt(BOND_NM**2 * n_bonds * (n_bonds + 2) / (6 * (n_bonds + 1)))
    (measurement,) = measure("radius_of_gyration", simulation())
    assert measurement.value == pytest.approx(expected_nm, abs=4 * measurement.stderr)
    assert measurement.stderr < 0.02 * expected_nm
    assert measurement.n_independent > 0.3 * N_FRAMES * N_CHAINS


def test_radius_of_gyration_of_a_glass_counts_chains(simulation) -> None:
    """Chains that shake but never change shape are as many samples as there are chains."""
    frozen = beads_nm(1) + 0.01 * np.random.default_rng(3).normal(size=(N_FRAMES, N_CHAINS * N_BEADS, 3))
    (measurement,) = measure("radius_of_gyration", simulation(frozen))
    assert measurement.n_independent == pytest.approx(N_CHAINS, rel=0.05)
    assert {"few_samples", "molecules_not_relaxed"} <= set(measurement.flags)
    assert measurement.stderr > 0.02 * measurement.value
