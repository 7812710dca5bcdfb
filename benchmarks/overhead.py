"""What the engine costs beside bare OpenMM steps: `python benchmarks/overhead.py [--rounds N] [--cell FOLDER]`.

One cell of about 1,000 atoms, one thread, constant pressure, 4 fs. "Bare" is `integrator.step` on the same system with
the same barostat and nothing else; "engine" is a stage with the default intervals of control, report and checkpoint, as
a study runs it: table with energies and pressure, frames, checkpoints with checksums, a lease that is renewed in SQLite
every 5 s. The two take turns, and CPU seconds of the whole process are compared, so that other work on the machine
counts as little as can be; on a GPU (`--platform CUDA`) seconds of the clock. The minimisation and the warming up
before are not timed. `--cell` takes the cell in a folder, such as `slots.py --cell` leaves.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

from polyomics.cell.cell import Cell
from polyomics.cell.packing import pack
from polyomics.chemistry import build_chain, parse_repeat_unit
from polyomics.database.queue import Queue
from polyomics.database.rows import Holder
from polyomics.database.store import Store
from polyomics.forcefield.parameterize import parameterize
from polyomics.md.engine import Engine, Hardware
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.runner import ProtocolRun
from polyomics.md.stage import SegmentRequest
from polyomics.md.stages.minimise import Minimise
from polyomics.md.stages.npt import Npt
from polyomics.md.state import PhaseState
from polyomics.request import make_spec
from polyomics.study import new_study
from polyomics.work.lease import Lease

NONBONDED = Nonbonded(cutoff_nm=0.9)
STEP_FS = 4.0


def cell_of(n_chains: int, n_units: int) -> Cell:
    unit = parse_repeat_unit("*CC*")
    chains = [build_chain(unit, n_units, seed=seed) for seed in range(n_chains)]
    return pack(chains, parameterize(chains[0], charges="gasteiger"), density_g_cm3=0.5, cutoff_nm=0.9, seed=1)


def clock(hardware: Hardware) -> float:
    return time.process_time() if hardware.platform == "CPU" else time.perf_counter()


def dense(cell: Cell, folder: Path, hardware: Hardware) -> PhaseState:
    stages = (
        Minimise(name="minimise"),
        Npt(name="settle", temperature_k=450, pressure_bar=500, duration_ps=30, timestep_fs=2, friction_per_ps=10),
    )
    run = ProtocolRun(
        cell, Protocol(name="prepare", nonbonded=NONBONDED, stages=stages), folder, seed=1, hardware=hardware
    )
    run.run_stage(2)
    return PhaseState.load(sorted(run.stage_folder(2).glob("state.*.npz"))[-1])


def bare_s(cell: Cell, start: PhaseState, stage: Npt, hardware: Hardware) -> float:
    engine = Engine(cell, NONBONDED, hardware)
    request = SegmentRequest(cell, engine, start, 0, 1, 1.0, Path(), Path(), lambda _ps, _density: None)
    running = engine.start(stage, request, stage.controls_at(cell, start, 0.0), STEP_FS)
    running.step(50)
    running.thermo(0.0)
    begun = clock(hardware)
    running.step(stage.n_steps)
    running.thermo(0.0)  # waits for the steps
    return clock(hardware) - begun


def engine_s(cell: Cell, start: PhaseState, stage: Npt, folder: Path, store: Store, hardware: Hardware) -> float:
    started = Cell(**{**vars(cell), "positions_nm": start.positions_nm, "box_nm": start.box_nm})
    spec = make_spec("*CC*", preset="smoke")
    store.add_study(new_study(spec))
    claim = Queue(store).claim(spec.key, Holder(host="here"), holder_before_is_dead=True)
    protocol = Protocol(name="overhead", nonbonded=NONBONDED, stages=(stage,))
    begun = clock(hardware)
    with Lease(Queue(store), claim) as lease:
        ProtocolRun(started, protocol, folder, seed=1, hardware=hardware, report=lease.report).run_stage(1)
        Queue(store).release(claim.attempt_id)
    return clock(hardware) - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ps", type=float, default=100.0, help="length of a turn; a checkpoint is every 100 ps")
    parser.add_argument("--platform", default="CPU", help="CPU (one thread) or CUDA")
    parser.add_argument("--cell", type=Path, help="folder of a cell to take; else one of 1,024 atoms is made")
    asked = parser.parse_args()
    hardware = Hardware(platform=asked.platform, threads=1)
    cell = Cell.load(asked.cell) if asked.cell else cell_of(8, 20)
    stage = Npt(name="sample", temperature_k=450, duration_ps=asked.ps, timestep_fs=STEP_FS, frame_ps=1.0)
    ratios = []
    with tempfile.TemporaryDirectory() as name, Store.open(f"sqlite:///{name}/p.db") as store:
        start = dense(cell, Path(name) / "prepare", hardware)
        print(f"{cell.n_atoms} atoms, {stage.n_steps:,} steps a turn")
        print("| round | bare s | engine s | overhead |\n| --- | --- | --- | --- |")
        for number in range(asked.rounds):
            bare = bare_s(cell, start, stage, hardware)
            engine = engine_s(cell, start, stage, Path(name) / f"run{number}", store, hardware)
            ratios.append(engine / bare - 1.0)
            print(f"| {number + 1} | {bare:.2f} | {engine:.2f} | {ratios[-1]:+.1%} |", flush=True)
    print(f"median overhead {median(ratios):+.2%}")


if __name__ == "__main__":
    main()
