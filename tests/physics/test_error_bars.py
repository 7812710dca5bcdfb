"""Error bars of a real liquid: what a run states must be how far runs lie apart."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "error_bars.py"

EQUATION_OF_STATE = {
    "density": (1.3819, 0.005),
    "specific_heat_capacity_cp_classical": (1083.8, 0.06),
    "specific_heat_capacity_cv_classical": (525.6, 0.04),
    "compressibility_isothermal": (2.054, 0.06),
    "volume_expansion": (4.097e-3, 0.06),
    "compressibility_adiabatic": (0.9959, 0.04),
    "speed_of_sound": (852.4, 0.02),
}
"""Lennard-Jones argon at 94.4 K and 100 bar by the equation of state of Thol et al. 2016, DOI 10.1063/1.4945000
(evaluated with teqp 0.23.2), and the relative deviation allowed for its own uncertainty, 300 atoms and a cut-off."""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("error_bars", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_stated_errors_are_the_spread_of_runs_and_values_those_of_the_equation_of_state(
    script: ModuleType, tmp_path: Path
) -> None:
    """A ratio of 32 runs is uncertain by 13 %."""
    for found in script.compare(tmp_path, n_runs=32, sample_ps=100.0):
        assert found.ratio == pytest.approx(1.0, abs=0.35), found.name
        truth, allowed = EQUATION_OF_STATE[found.name]
        error = found.spread / np.sqrt(len(found.values))
        assert found.values.mean() == pytest.approx(truth, abs=3 * error + allowed * truth), found.name
