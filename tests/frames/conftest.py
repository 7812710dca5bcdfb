"""Some results with what frames have to get right: other temperatures, other units, flags, gaps, replicates."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from frame_results import enter, value

from polyomics.database import Store
from polyomics.records import Criterion


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Polyethylene (a), polystyrene at 300 K (b) and 400 K (c), two replicates of PMMA (d, e); f has no values."""
    with Store.open(f"sqlite:///{tmp_path}/p.db") as opened:
        passed = Criterion(name="equilibrium", verdict="pass", value=None, threshold=None, unit="1", message="all")
        density = [value("density", 0.83, "g/cm3", 320.0), value("density", 0.85, "g/cm3")]
        enter(opened, "a", "*CC*", [*density, value("tortuosity", 2.0, "1", None, stderr=None, flags=("single_run",))])
        styrene = [
            value("density", 1.04, "g/cm3", flags=("few_samples", "demo_quality")),
            value(
                "glass_transition_temperature", 373.0, "K", None, stderr=None, pressure_bar=None, flags=("single_run",)
            ),
        ]
        enter(opened, "b", "*CC(*)c1ccccc1", styrene, criteria=[passed])
        enter(opened, "c", "*CC(*)c1ccccc1", [value("density", 0.99, "g/cm3", 380.0)], temperature_k=400.0)
        for replicate, (key, number) in enumerate((("d", 1.15), ("e", 1.25))):
            flags = ("few_samples",) if replicate else ("demo_quality",)
            values = [value("density", number, "g/cm3", stderr=0.01, flags=flags)]
            enter(opened, key, "*CC(C)(*)C(=O)OC", values, seed=replicate, replicate=replicate)
        enter(opened, "f", "*CC(*)Cl", [])
        yield opened
