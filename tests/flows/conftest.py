"""A real Prefect server, and a study small enough to run on it in seconds."""

from collections.abc import Iterator

import pytest
from prefect_server import Server, prefect_server

from polyomics.md.engine import Hardware
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.stages.minimise import Minimise
from polyomics.md.stages.npt import Npt
from polyomics.md.stages.nvt import Nvt
from polyomics.request import make_spec
from polyomics.spec import StudySpec


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that all tests share."""
    with prefect_server(tmp_path_factory.mktemp("prefect")) as server:
        yield server


@pytest.fixture
def on_server(server: Server) -> Iterator[Server]:
    """The same server, as the one this process uses."""
    with server.used():
        yield server


@pytest.fixture(scope="session")
def hardware() -> Hardware:
    """One core of a platform whose sums do not depend on chance."""
    return Hardware(platform="CPU", threads=1)


@pytest.fixture(scope="session")
def tiny_protocol() -> Protocol:
    """Three stages of a few hundred steps."""
    every = {"control_ps": 0.1, "report_ps": 0.1}
    return Protocol(
        name="tiny",
        nonbonded=Nonbonded(cutoff_nm=0.45),
        stages=(
            Minimise(name="minimise", max_iterations=100),
            Nvt(name="warm", temperature_k=300, duration_ps=0.4, timestep_fs=1, segment_ps=0.2, **every),
            Npt(name="sample", temperature_k=300, duration_ps=2, timestep_fs=2, frame_ps=0.2, **every),
        ),
    )


@pytest.fixture(scope="session")
def tiny_spec(tiny_protocol: Protocol) -> StudySpec:
    """Two short chains of polyethylene, about 110 atoms."""
    return make_spec(
        "*CC*",
        n_units=8,
        n_chains=2,
        charges="gasteiger",
        protocol=tiny_protocol,
        start_density_g_cm3=0.1,
        seed=3,
    )
