"""Sites with studies and workers, and nodes with programs of a GPU driver."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "faults"))

from disturbed import HARDWARE, Place, disturbed_spec
from postgres import PostgresServer
from site_of_work import TWO_CARDS, Node, Site, with_last_stage

from polyomics.md.engine import Hardware
from polyomics.md.stages.nvt import Nvt
from polyomics.spec import StudySpec
from polyomics.study import run_study


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "programs")


@pytest.fixture
def gpu_node(node: Node) -> Node:
    """Two cards and a working MPS, as far as a worker can see."""
    node.add("nvidia-smi", TWO_CARDS)
    node.add("nvidia-cuda-mps-control")
    return node


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    home = tmp_path / "site"
    home.mkdir()
    site = Site(home, f"sqlite:///{home / 'polyomics.db'}")
    yield site
    site.kill_all()


@pytest.fixture
def postgres_site(tmp_path: Path) -> Iterator[tuple[Site, PostgresServer]]:
    """One with a PostgreSQL server of its own, which may be killed."""
    server = PostgresServer.start()
    home = tmp_path / "site"
    home.mkdir()
    site = Site(home, server.new_database())
    yield site, server
    site.kill_all()
    server.remove()


@pytest.fixture(scope="session")
def long_spec() -> StudySpec:
    """Seventeen segments, so that a worker can be stopped between the first and the last."""
    spec = disturbed_spec()
    return with_last_stage(spec, spec.protocol.stages[-1].model_copy(update={"duration_ps": 6.0}))


@pytest.fixture(scope="session")
def endless_spec() -> StudySpec:
    """One whose last stage has a single segment, of hours; the box stays, since a cell so loose would shrink."""
    last = Nvt(name="endless", temperature_k=300, duration_ps=1e6, segment_ps=1e6, timestep_fs=2, report_ps=0.2)
    return with_last_stage(disturbed_spec(), last)


@pytest.fixture(scope="session")
def long_undisturbed(tmp_path_factory: pytest.TempPathFactory, long_spec: StudySpec) -> Place:
    place = Place(tmp_path_factory.mktemp("long"), "")
    place.url = f"sqlite:///{place.home / 'polyomics.db'}"
    run_study(long_spec, home=place.home, database_url=place.url, hardware=Hardware(**HARDWARE))
    return place


@pytest.fixture
def stop() -> Callable[["subprocess.Popen[bytes]", signal.Signals], int]:
    """Sends a signal to a worker; its exit code."""

    def send(process: "subprocess.Popen[bytes]", number: signal.Signals = signal.SIGTERM) -> int:
        process.send_signal(number)
        return process.wait(timeout=240)

    return send
