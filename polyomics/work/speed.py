"""How fast MD runs here: a small melt is built once, and processes side by side step it.

`python -m polyomics.work.speed build ORDERS` and `... measure ORDERS`, with the orders as JSON: in processes of their
own, so that whoever asks never holds a GPU context.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from pydantic import Field

from polyomics.errors import EngineFailed, PolyomicsError
from polyomics.estimate import CPU_S_PER_ATOM_STEP, GPU_S_PER_ATOM_STEP, GPU_S_PER_STEP
from polyomics.md.progress import Interrupted
from polyomics.records import Record
from polyomics.work.ending import ending

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.md.engine import Engine, Hardware
    from polyomics.md.stage import SegmentRequest

MEASURE_S = 1.5
"""How long the speed is measured [s]."""
TIMESTEP_FS, TEMPERATURE_K = 4.0, 400.0
STEPS_AT_A_TIME = 50
"""Steps between controls and energies: 0.2 ps at 4 fs, as in the stages of a study."""
CHAIN_UNITS = 40
"""Length of the chains of the cell: 248 atoms of polyethylene."""
SMALL_CHAINS, LARGE_CHAINS = 4, 40
"""Cells of 992 atoms, for a CPU, and of 9,920, as large as those of the preset `standard`, for a GPU."""
SMALL_ATOMS = 992
CPU_PLATFORMS = ("CPU", "Reference")
PACKED_G_CM3, PACKING_FRACTION = 0.3, 0.58
GO = "go"
"""File that appears when all processes are ready."""
MEASURE_WITHIN_S = 600.0
"""Time after which a measurement that has not ended has failed [s]."""


class Orders(Record):
    """What a process that builds or measures is told."""

    folder: Path
    """Where the cell is."""
    parent_pid: int = 0
    """Who asked: without it, nobody reads the answer."""
    number: int = 0
    """Which of the processes side by side it is."""
    n_chains: int = SMALL_CHAINS
    """Chains of the cell."""
    seconds: float = MEASURE_S
    """How long to measure [s]."""
    hardware: dict[str, Any] = Field(default_factory=dict)
    """Fields of `Hardware`."""
    needs_gpu: bool = False
    """Refuse a CPU."""


class Speed(Record):
    """How fast one process was."""

    ns_per_day: float
    """Simulated time per day [ns/day], at a time step of 4 fs."""
    platform: str
    """Platform of OpenMM."""
    device: str | None
    """Name of the GPU; none of a CPU."""
    n_atoms: int
    """Atoms of the cell."""

    @property
    def of_model(self) -> float:
        """This speed over that of the GPU that estimates of cost assume."""
        return self.ns_per_day / modelled_ns_per_day(self.n_atoms)


@dataclass(frozen=True)
class Lane:
    """One of the processes side by side: where it runs."""

    hardware: Mapping[str, Any]
    environment: Mapping[str, str]
    needs_gpu: bool = False
    """A CPU must not take its place."""


def modelled_ns_per_day(n_atoms: int) -> float:
    """Speed of the GPU that estimates of cost assume, at a time step of 4 fs [ns/day]."""
    return TIMESTEP_FS * 1e-6 * 86400.0 / (GPU_S_PER_STEP + GPU_S_PER_ATOM_STEP * n_atoms)


def relative_speed(speeds: Sequence[Speed], cpu_threads: int | None) -> float:
    """Speed of the slowest slot over that of the GPU that estimates of cost assume.

    Args:
        speeds: What was measured; nothing takes the speed the estimates assume.
        cpu_threads: Threads of a slot on a CPU; none on a GPU.
    """
    if speeds:
        return min(speed.of_model for speed in speeds)
    if cpu_threads is None:
        return 1.0
    n_atoms = SMALL_ATOMS
    return cpu_threads * (GPU_S_PER_STEP + GPU_S_PER_ATOM_STEP * n_atoms) / (CPU_S_PER_ATOM_STEP * n_atoms)


def measure_together(
    lanes: Sequence[Lane],
    *,
    n_chains: int,
    seconds: float = MEASURE_S,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Speed]:
    """The speeds of MD of one cell in several processes that step at the same time.

    Args:
        lanes: Where each process runs.
        n_chains: Size of the cell, in chains of 248 atoms.
        seconds: How long to measure [s].
        should_stop: Asked again and again; True ends it.

    Raises:
        EngineFailed: A process could not do it; the message has what it said last.
        Interrupted: It was asked to stop.
    """
    with TemporaryDirectory(prefix="polyomics-speed-") as name:
        folder = Path(name)
        build_beside(lanes[0], folder, n_chains, should_stop)
        return measure_beside(lanes, folder, seconds, should_stop)


def build_beside(lane: Lane, folder: Path, n_chains: int, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Build the cell to measure on in `folder`, in a process of its own; see `measure_together`."""
    with _processes([_Task("build", Orders(folder=folder, n_chains=n_chains), lane)], should_stop) as running:
        running.outputs()


def measure_beside(
    lanes: Sequence[Lane], folder: Path, seconds: float, should_stop: Callable[[], bool] = lambda: False
) -> list[Speed]:
    """The speeds on the cell in `folder`, of processes that begin when all are ready; see `measure_together`."""
    for path in folder.glob("ready-*"):
        path.unlink()
    (folder / GO).unlink(missing_ok=True)
    tasks = [
        _Task("measure", Orders(folder=folder, number=number, seconds=seconds), lane)
        for number, lane in enumerate(lanes)
    ]
    with _processes(tasks, should_stop) as running:
        running.until(lambda: len(list(folder.glob("ready-*"))) == len(tasks))
        (folder / GO).touch()
        return [Speed.model_validate_json(output) for output in running.outputs()]


def measure_speed(
    cell: Cell, hardware: Hardware, seconds: float = MEASURE_S, *, wait: Callable[[], object] = lambda: None
) -> Speed:
    """Speed of MD at constant pressure of a cell, in this process.

    Args:
        cell: A melt that stands steps of 4 fs.
        hardware: Where to run.
        seconds: How long to measure [s].
        wait: Called when the context stands and has made a step, before the clock starts.

    Raises:
        PolyomicsError: The platform does not work; the message says why.
    """
    from polyomics.md.dynamics import Controls
    from polyomics.md.engine import Engine
    from polyomics.md.protocol import Nonbonded
    from polyomics.md.stages.npt import Npt

    engine = Engine(cell, Nonbonded(), hardware)
    stage = Npt(name="speed", temperature_k=TEMPERATURE_K, duration_ps=1.0, timestep_fs=TIMESTEP_FS)
    running = engine.start(stage, _request(cell, engine), Controls(TEMPERATURE_K, stage.pressure_bar), TIMESTEP_FS)
    running.step(1)
    running.thermo(0.0)
    wait()
    n_steps, chunk, started = 0, 1, time.monotonic()
    while (elapsed := time.monotonic() - started) < seconds:
        running.step(chunk)
        running.thermo(0.0)
        n_steps += chunk
        chunk = STEPS_AT_A_TIME if elapsed < 0.1 * seconds and n_steps > 2 else chunk
    return Speed(
        ns_per_day=n_steps * TIMESTEP_FS * 1e-6 / elapsed * 86400.0,
        platform=engine.platform.getName(),
        device=_device_name(running.context),
        n_atoms=cell.n_atoms,
    )


def build_melt(n_chains: int, hardware: Hardware) -> Cell:
    """A melt of polyethylene with quick charges, relaxed and compressed so that it stands steps of 4 fs."""
    from polyomics.cell.packing import pack
    from polyomics.chemistry import build_chain, parse_repeat_unit
    from polyomics.forcefield.parameterize import parameterize
    from polyomics.md.engine import Engine
    from polyomics.md.protocol import Nonbonded
    from polyomics.md.stages.compress import Compress
    from polyomics.md.stages.minimise import Minimise

    unit = parse_repeat_unit("*CC*")
    chains = [build_chain(unit, CHAIN_UNITS, seed=seed) for seed in range(n_chains)]
    cell = pack(chains, parameterize(chains[0], charges="gasteiger"), density_g_cm3=PACKED_G_CM3, seed=1)
    engine = Engine(cell, Nonbonded(), hardware)
    stages = (
        Minimise(name="relax", max_iterations=100),
        Compress(
            name="compress",
            temperature_k=TEMPERATURE_K,
            packing_fraction=PACKING_FRACTION,
            duration_ps=1.0,
            timestep_fs=2.0,
            friction_per_ps=20.0,
        ),
    )
    for stage in stages:
        end = stage.run_segment(_request(cell, engine)).end
        cell = replace(cell, positions_nm=end.positions_nm, box_nm=end.box_nm)
    return cell


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the cell, or measure on it; what was measured goes to stdout as JSON."""
    from polyomics.cell.cell import Cell
    from polyomics.md.engine import Hardware

    task, text = sys.argv[1:] if arguments is None else arguments
    orders = Orders.model_validate_json(text)
    hardware = Hardware(**orders.hardware)
    try:
        if orders.needs_gpu:
            _refuse_cpu(hardware)
        if task == "build":
            build_melt(orders.n_chains, hardware).save(orders.folder)
        else:
            speed = measure_speed(
                Cell.load(orders.folder), hardware, orders.seconds, wait=partial(_wait_for_the_others, orders)
            )
            print(speed.model_dump_json())  # noqa: T201
    except PolyomicsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _refuse_cpu(hardware: Hardware) -> None:
    from polyomics.md.engine import choose_platform

    if choose_platform(hardware).getName() in CPU_PLATFORMS:
        raise EngineFailed(
            "OpenMM does not reach the GPU and would compute on the CPU; pip install 'polyomics[cuda]', mend the "
            "driver, or ask for it: --platform CPU"
        )


@dataclass(frozen=True)
class _Task:
    name: str
    orders: Orders
    lane: Lane

    def _of_lane(self) -> dict[str, Any]:
        lane = self.lane
        return {"hardware": dict(lane.hardware), "needs_gpu": lane.needs_gpu, "parent_pid": os.getpid()}

    def start(self, output: IO[str]) -> subprocess.Popen[str]:
        orders = self.orders.model_copy(update=self._of_lane())
        return subprocess.Popen(
            [sys.executable, "-m", "polyomics.work.speed", self.name, orders.model_dump_json()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **self.lane.environment},
            start_new_session=True,
        )


class _Running:
    """Processes that measure; what they write is in files, so that none of them waits for a reader."""

    def __init__(self, tasks: Sequence[_Task], files: Sequence[IO[str]], should_stop: Callable[[], bool]) -> None:
        self._files = files
        self._should_stop = should_stop
        self._until_s = time.monotonic() + MEASURE_WITHIN_S
        self.processes = [task.start(file) for task, file in zip(tasks, files, strict=True)]

    def until(self, is_reached: Callable[[], bool]) -> None:
        while not is_reached():
            for process, file in zip(self.processes, self._files, strict=True):
                if process.poll():
                    raise EngineFailed(f"MD does not run here: {_last_line(file) or ending(process.returncode)}")
            if self._should_stop():
                raise Interrupted
            if time.monotonic() > self._until_s:
                raise EngineFailed(f"MD of a small cell did not end within {MEASURE_WITHIN_S:.0f} s")
            time.sleep(0.02)

    def outputs(self) -> list[str]:
        self.until(lambda: all(process.poll() == 0 for process in self.processes))
        return [_last_line(file) for file in self._files]


@contextmanager
def _processes(tasks: Sequence[_Task], should_stop: Callable[[], bool]) -> Iterator[_Running]:
    with ExitStack() as stack:
        files = [stack.enter_context(TemporaryFile("w+", encoding="utf-8")) for _ in tasks]
        running = _Running(tasks, files, should_stop)
        try:
            yield running
        finally:
            for process in running.processes:
                process.kill()
                process.wait()


def _last_line(file: IO[str]) -> str:
    file.seek(0)
    return (file.read().strip().splitlines() or [""])[-1]


def _wait_for_the_others(orders: Orders) -> None:
    (orders.folder / f"ready-{orders.number}").touch()
    while not (orders.folder / GO).exists():
        if os.getppid() != orders.parent_pid:
            sys.exit(1)
        time.sleep(0.002)


def _request(cell: Cell, engine: Engine) -> SegmentRequest:
    from polyomics.md.stage import SegmentRequest
    from polyomics.md.state import PhaseState

    return SegmentRequest(
        cell=cell,
        engine=engine,
        start=PhaseState(cell.positions_nm, None, cell.box_nm),
        index=0,
        seed=1,
        timestep_factor=1.0,
        thermo_path=Path(os.devnull),
        frames_path=Path(os.devnull),
        on_progress=lambda _time_ps, _density_g_cm3: None,
    )


def _device_name(context: Any) -> str | None:
    platform = context.getPlatform()
    if "DeviceName" not in platform.getPropertyNames():
        return None
    return str(platform.getPropertyValue(context, "DeviceName"))


if __name__ == "__main__":
    sys.exit(main())
