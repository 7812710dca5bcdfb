"""Two small real studies: flexible chains without impropers, and chains with rings, impropers and charges."""

from pathlib import Path

import pytest

from polyomics.inputs.snapshot import Snapshot, take_snapshot
from polyomics.md.engine import Hardware
from polyomics.md.protocol import Protocol
from polyomics.request import make_spec
from polyomics.study import run_study

PROTOCOL = """
name: brief
nonbonded: {cutoff_nm: 0.6}
stages:
- {kind: minimise, name: minimise, max_iterations: 100}
- {kind: nvt, name: held, temperature_k: 350, duration_ps: 0.2, timestep_fs: 2, segment_ps: 0.2}
- {kind: npt, name: sample, role: sample, temperature_k: 300, pressure_bar: 2, duration_ps: 0.4, timestep_fs: 2,
   segment_ps: 0.2, report_ps: 0.1, frame_ps: 0.2}
- {kind: nvt, name: after, temperature_k: 300, duration_ps: 0.2, timestep_fs: 2}
"""


@pytest.fixture(scope="session")
def pvp_study(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Poly(N-vinylpyrrolidone): five-membered rings, amides with impropers, large charges. Key and home folder."""
    home = tmp_path_factory.mktemp("pvp")
    spec = make_spec(
        "*CC(*)N1CCCC1=O",
        preset="smoke",
        n_chains=3,
        n_units=5,
        start_density_g_cm3=0.2,
        protocol=Protocol.from_yaml(PROTOCOL),
        pressure_bar=2.0,
        properties=("density",),
    )
    url = f"sqlite:///{home / 'polyomics.db'}"
    run_study(spec, home=home, database_url=url, hardware=Hardware(platform="CPU", threads=1))
    return spec.key, home


@pytest.fixture(scope="session")
def run_folder(pvp_study: tuple[str, Path]) -> Path:
    """Run folder of that study; tests change nothing in it."""
    key, home = pvp_study
    return home / "runs" / key


@pytest.fixture(scope="session")
def snapshot(run_folder: Path) -> Snapshot:
    """Its cell at the end of the sample."""
    return take_snapshot(run_folder)
