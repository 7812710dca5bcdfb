"""The soak of `benchmarks/soak.py`, smaller: random kills of studies, workers and PostgreSQL, and nothing is lost."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "soak.py"


def load() -> ModuleType:
    wanted = importlib.util.spec_from_file_location("soak", SCRIPT)
    assert wanted is not None
    assert wanted.loader is not None
    module = importlib.util.module_from_spec(wanted)
    sys.modules["soak"] = module
    wanted.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_a_few_studies_survive_random_kills(tmp_path: Path) -> None:
    soak = load()
    report = soak.soak(tmp_path, n_studies=4, n_workers=2, n_kills=12)
    assert len(report.kills) >= 6
    assert len(report.attempts) == 4
    assert all(outcomes.count("done") == 1 for outcomes in report.attempts.values())
    assert "| study | attempts |" in soak.as_markdown(report, "soak")
