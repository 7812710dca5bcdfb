"""Small real systems that several test folders share."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from polyomics.cell.cell import Cell
from polyomics.chemistry import build_chain, parse_repeat_unit

# A job in the background, as tests of a server are, ignores these, and so would every process that a test starts.
for _number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(scope="session")
def polyethylene_cell() -> Cell:
    """Two chains of ten units of polyethylene, 128 atoms, quick charges, loosely packed."""
    from polyomics.cell.packing import pack
    from polyomics.forcefield.parameterize import parameterize

    unit = parse_repeat_unit("*CC*")
    chains = [build_chain(unit, 10, seed=seed) for seed in (1, 2)]
    parameterized = parameterize(chains[0], charges="gasteiger")
    return pack(chains, parameterized, density_g_cm3=0.15, seed=3)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, the one polyomics uses in this test."""
    monkeypatch.setenv("POLYOMICS_HOME", str(tmp_path))
    monkeypatch.delenv("POLYOMICS_DATABASE_URL", raising=False)
    return tmp_path


@pytest.fixture
def run_under_kills() -> Callable[..., int]:
    """Run Python code again and again, with `kill -9` shortly after some more segments are on disk, until it ends.

    Returns the number of kills. Called as (code, arguments, folder with stages below, environment, seed).
    """

    def run(code: str, folder: Path, environment: Mapping[str, str], seed: int, arguments: tuple[str, ...] = ()) -> int:
        rng = np.random.default_rng(seed)
        for kills in range(40):
            target = segments_done(folder) + int(rng.integers(1, 4))
            process = subprocess.Popen([sys.executable, "-c", code, *arguments], env=dict(environment))
            while process.poll() is None and segments_done(folder) < target:
                time.sleep(0.005)
            time.sleep(float(rng.random()) * 0.1)
            if process.poll() is not None:
                assert process.returncode == 0
                return kills
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        raise AssertionError("the run made no progress between kills")

    return run


def segments_done(folder: Path) -> int:
    """Segments that the manifests below `folder` list."""
    patterns = (
        "stages/*/manifest.json",
        "runs/*/stages/*/manifest.json",
    )  # no rglob: the run removes folders meanwhile
    manifests = [path for pattern in patterns for path in folder.glob(pattern)]
    return sum(len(json.loads(path.read_text())["segments"]) for path in manifests)


TINY_PROTOCOL = """
name: tiny
nonbonded: {cutoff_nm: 0.5, pme_force_error: 5.0e-3}
stages:
- {kind: minimise, name: minimise, max_iterations: 100}
- {kind: npt, name: melt, role: melt, temperature_k: 450, duration_ps: 2, timestep_fs: 2, friction_per_ps: 10,
   segment_ps: 1, report_ps: 0.1, frame_ps: 0.2}
- {kind: npt, name: sample, role: sample, temperature_k: 300, duration_ps: 4, timestep_fs: 2, segment_ps: 1,
   report_ps: 0.1, frame_ps: 0.2}
"""


@pytest.fixture(scope="session")
def tiny_study(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A finished study of polyethylene, two short chains, a melt and a sample of a few ps: its key and home folder.

    Tests share it, so none may change what is in the folder.
    """
    from polyomics.md.engine import Hardware
    from polyomics.md.protocol import Protocol
    from polyomics.request import make_spec
    from polyomics.study import run_study

    home = tmp_path_factory.mktemp("tiny")
    spec = make_spec(
        "*CC*",
        preset="smoke",
        n_chains=2,
        atoms_per_chain=80,
        start_density_g_cm3=0.1,
        protocol=Protocol.from_yaml(TINY_PROTOCOL),
        properties=("density", "specific_volume", "radius_of_gyration"),
    )
    url = f"sqlite:///{home / 'polyomics.db'}"
    run_study(spec, home=home, database_url=url, hardware=Hardware(platform="CPU", threads=1))
    return spec.key, home
