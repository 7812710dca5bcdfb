"""What must be true of a run: the same whatever happens to its process, and recovered or refused when it explodes."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from disks import fill, small_disk

from polyomics.cell.cell import Cell
from polyomics.errors import LeaseLost, SimulationUnstable, StorageUnavailable
from polyomics.files import is_intact, read_json
from polyomics.md.engine import Hardware
from polyomics.md.progress import Interrupted, Progress
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.runner import ProtocolRun, run_protocol
from polyomics.md.stage import SegmentRequest, SegmentResult, Unstable
from polyomics.md.stages.minimise import Minimise
from polyomics.md.stages.npt import Npt
from polyomics.md.stages.nvt import Nvt
from polyomics.md.state import PhaseState

REFERENCE = Hardware(platform="Reference")
SHORT = Protocol(
    name="short",
    nonbonded=Nonbonded(cutoff_nm=0.7, pme_force_error=1e-3),
    stages=(
        Minimise(name="minimise", max_iterations=50),
        Nvt(
            name="warm",
            temperature_k=300,
            duration_ps=0.3,
            timestep_fs=2,
            control_ps=0.05,
            segment_ps=0.1,
            report_ps=0.05,
        ),
        Npt(
            name="sample",
            temperature_k=300,
            duration_ps=0.4,
            timestep_fs=4,
            control_ps=0.1,
            segment_ps=0.1,
            report_ps=0.1,
            frame_ps=0.1,
        ),
    ),
)


def fingerprint(folder: Path) -> dict[str, bytes]:
    """The bytes of every table and of every stage's last state."""
    tables = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.glob("*/thermo.*"))}
    states = {}
    for manifest in sorted(folder.glob("*/manifest.json")):
        last = read_json(manifest)["segments"][-1]["state"]
        state = PhaseState.load(manifest.parent / last)
        states[manifest.parent.name] = state.digest().encode()
    return tables | states


@pytest.fixture(scope="module")
def undisturbed(polyethylene_cell: Cell, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    run_protocol(polyethylene_cell, SHORT, folder, seed=5, hardware=REFERENCE)
    return fingerprint(folder)


def test_stopping_before_every_segment_changes_nothing(
    polyethylene_cell: Cell, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    for _ in range(20):
        asked = iter([False])
        run = ProtocolRun(
            polyethylene_cell, SHORT, tmp_path, seed=5, hardware=REFERENCE, should_stop=lambda a=asked: next(a, True)
        )
        try:
            run.run_stage(3)
        except Interrupted:
            continue
        break
    assert fingerprint(tmp_path) == undisturbed


def test_kill_9_at_any_moment_changes_nothing(
    polyethylene_cell: Cell, undisturbed: dict[str, bytes], tmp_path: Path, run_under_kills: Callable[..., int]
) -> None:
    polyethylene_cell.save(tmp_path / "cell")
    (tmp_path / "short.yaml").write_text(SHORT.to_yaml())
    code = (
        "import sys; from pathlib import Path\n"
        "from polyomics.cell.cell import Cell; from polyomics.md.engine import Hardware\n"
        "from polyomics.md.protocol import Protocol; from polyomics.md.runner import run_protocol\n"
        "home = Path(sys.argv[1])\n"
        "run_protocol(Cell.load(home / 'cell'), Protocol.from_file(home / 'short.yaml'), home / 'stages', seed=5,\n"
        "             hardware=Hardware(platform='Reference'))\n"
    )
    kills = run_under_kills(code, tmp_path, os.environ, seed=11, arguments=(str(tmp_path),))
    assert kills > 0
    assert fingerprint(tmp_path / "stages") == undisturbed


@pytest.mark.parametrize("left_bytes", [0, 4096, 8192, 16384, 20480])
def test_a_full_disk_stops_the_run_and_leaves_nothing_that_counts_half_written(
    polyethylene_cell: Cell, undisturbed: dict[str, bytes], tmp_path: Path, left_bytes: int
) -> None:
    """With a little space left it stops at another file: the table, the frames, the state, the manifest."""

    def fill_in_the_second_segment(progress: Progress) -> None:
        if progress.done_ps > 0.1 and not (disk / "ballast").exists():
            fill(disk, leave_bytes=left_bytes)

    with small_disk(tmp_path / "disk", megabytes=4) as disk:
        run = ProtocolRun(polyethylene_cell, SHORT, disk, seed=5, hardware=REFERENCE, report=fill_in_the_second_segment)
        with pytest.raises(StorageUnavailable, match=r"No space left|disk full"):
            run.run_stage(3)
        (disk / "ballast").unlink()
        counted = [(path.parent, read_json(path)["segments"]) for path in disk.glob("*/manifest.json")]
        for folder, segments in counted:
            files = {name: checksum for segment in segments for name, checksum in segment["files"].items()}
            assert all(is_intact(folder / name, checksum) for name, checksum in files.items())
        run_protocol(polyethylene_cell, SHORT, disk, seed=5, hardware=REFERENCE)
        assert fingerprint(disk) == undisturbed


def test_a_run_that_lost_its_folder_changes_nothing_in_it(polyethylene_cell: Cell, tmp_path: Path) -> None:
    @contextmanager
    def held_at_first() -> Iterator[None]:
        if len(list(tmp_path.rglob("state.*"))) >= 3:
            raise LeaseLost("another has it")
        yield

    run = ProtocolRun(polyethylene_cell, SHORT, tmp_path, seed=5, hardware=REFERENCE, guard=held_at_first)
    with pytest.raises(LeaseLost):
        run.run_stage(3)
    kept = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(LeaseLost):
        run.run_stage(3)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == kept


def test_a_finished_run_is_not_run_again(polyethylene_cell: Cell, tmp_path: Path) -> None:
    run_protocol(polyethylene_cell, SHORT, tmp_path, seed=5, hardware=REFERENCE)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    started = time.monotonic()
    run_protocol(polyethylene_cell, SHORT, tmp_path, seed=5, hardware=REFERENCE)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()} == before
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("damage", ["truncate", "remove"])
@pytest.mark.parametrize("victim", ["state", "thermo", "frames", "manifest"])
def test_a_damaged_file_is_found_and_its_part_redone(
    polyethylene_cell: Cell, undisturbed: dict[str, bytes], tmp_path: Path, victim: str, damage: str
) -> None:
    run_protocol(polyethylene_cell, SHORT, tmp_path, seed=5, hardware=REFERENCE)
    path = sorted((tmp_path / "03-sample").glob(f"{victim}*"))[-1]
    if damage == "truncate":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.unlink()
    run_protocol(polyethylene_cell, SHORT, tmp_path, seed=5, hardware=REFERENCE)
    assert fingerprint(tmp_path) == undisturbed


def test_another_seed_is_another_run(polyethylene_cell: Cell, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    run_protocol(polyethylene_cell, SHORT, tmp_path, seed=6, hardware=REFERENCE)
    assert fingerprint(tmp_path)["03-sample"] != undisturbed["03-sample"]


def test_a_changed_early_stage_makes_the_later_ones_run_again(
    polyethylene_cell: Cell, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    run_protocol(polyethylene_cell, SHORT, tmp_path, seed=5, hardware=REFERENCE)
    warm = SHORT.stages[1].model_copy(update={"temperature_k": 350.0})
    changed = SHORT.model_copy(update={"stages": (SHORT.stages[0], warm, SHORT.stages[2])})
    run_protocol(polyethylene_cell, changed, tmp_path, seed=5, hardware=REFERENCE)
    now = fingerprint(tmp_path)
    assert now["01-minimise"] == undisturbed["01-minimise"]
    assert now["03-sample"] != undisturbed["03-sample"]


def test_one_cpu_thread_repeats_itself_bit_for_bit(polyethylene_cell: Cell, tmp_path: Path) -> None:
    cpu = Hardware(platform="CPU", threads=1)
    run_protocol(polyethylene_cell, SHORT, tmp_path / "a", seed=5, hardware=cpu)
    run_protocol(polyethylene_cell, SHORT, tmp_path / "b", seed=5, hardware=cpu)
    assert fingerprint(tmp_path / "a") == fingerprint(tmp_path / "b")


class Fragile(Nvt):
    """Explodes with its own time step and holds with a smaller one."""

    kind: Literal["nvt"] = "nvt"
    holds_below: float = 0.3

    def run_segment(self, request: SegmentRequest) -> SegmentResult:
        if request.timestep_factor > self.holds_below:
            raise Unstable("too hot")
        return super().run_segment(request)


def test_an_explosion_is_retried_with_smaller_steps_and_recorded(polyethylene_cell: Cell, tmp_path: Path) -> None:
    stage = Fragile(name="x", temperature_k=300, duration_ps=0.1, control_ps=0.05, timestep_fs=2)
    run = ProtocolRun(polyethylene_cell, Protocol(name="p", stages=(stage,)), tmp_path, seed=1, hardware=REFERENCE)
    done = run.run_stage(1)
    assert [event["halvings"] for event in done.events] == [0, 1]
    assert done.manifest["segments"][0]["timestep_fs"] == 0.5


def test_what_explodes_with_the_smallest_step_is_an_error_that_names_the_stage(
    polyethylene_cell: Cell, tmp_path: Path
) -> None:
    first, second = (polyethylene_cell.molecule_of_atom == i for i in (0, 1))
    positions = polyethylene_cell.positions_nm.copy()
    positions[second] = positions[first] + 0.005
    crushed = replace(polyethylene_cell, positions_nm=positions)
    stage = Nvt(name="crushed", temperature_k=300, duration_ps=0.2, timestep_fs=4)
    with pytest.raises(SimulationUnstable, match="crushed"):
        run_protocol(crushed, Protocol(name="p", stages=(stage,)), tmp_path, seed=1, hardware=REFERENCE)


def test_an_extension_prolongs_a_stage_and_the_next_stage_starts_from_its_end(
    polyethylene_cell: Cell, tmp_path: Path
) -> None:
    """Run in one go, or extended after it was thought to be over: the same trajectory."""
    melt = Npt(name="melt", temperature_k=400, duration_ps=0.8, segment_ps=0.4, max_extensions=2, raise_k=50)
    after = Nvt(name="after", temperature_k=400, duration_ps=0.4)
    protocol = Protocol(name="p", nonbonded=Nonbonded(cutoff_nm=0.7), stages=(Minimise(name="m"), melt, after))
    states = []
    for folder, asked in ((tmp_path / "a", (2,)), (tmp_path / "b", (0, 1, 2))):
        for extensions in asked:  # a new run object each time, as after a kill
            run = ProtocolRun(polyethylene_cell, protocol, folder, seed=5, hardware=Hardware("CPU", 1))
            finished = run.run_stage(2, extensions)
        last = run.run_stage(3)
        assert len(finished.manifest["segments"]) == 6
        states.append(PhaseState.load(last.path / last.manifest["segments"][-1]["state"]).digest())
        times = np.concatenate(
            [np.genfromtxt(p, delimiter=",", names=True)["time_ps"] for p in sorted(finished.path.glob("thermo.*"))],
            axis=None,
        )
        assert (np.diff(times) > 0).all()
    assert states[0] == states[1]


EXTENDED = Protocol(
    name="p",
    nonbonded=Nonbonded(cutoff_nm=0.7),
    stages=(
        Minimise(name="m", max_iterations=50),
        Npt(
            name="melt",
            temperature_k=400,
            duration_ps=0.4,
            control_ps=0.1,
            segment_ps=0.2,
            report_ps=0.1,
            frame_ps=0.1,
            max_extensions=2,
            raise_k=50,
        ),
        Nvt(name="after", temperature_k=400, duration_ps=0.2, control_ps=0.1),
    ),
)
ONE_THREAD = Hardware("CPU", 1)


def test_an_extension_that_was_begun_is_completed_whoever_asks_for_less(
    polyethylene_cell: Cell, tmp_path: Path
) -> None:
    """Killed in an extension, then run by something that knows of no extension: as if nothing had happened."""
    whole = ProtocolRun(polyethylene_cell, EXTENDED, tmp_path / "whole", seed=5, hardware=ONE_THREAD)
    assert whole.run_stage(2, 2).n_extensions == 2
    whole.run_stage(3)
    for n_segments in (3, 5):  # in the middle of the first extension, and of the second
        folder = tmp_path / f"killed{n_segments}"
        asked = iter([False] * (1 + n_segments))
        killed = ProtocolRun(
            polyethylene_cell,
            EXTENDED,
            folder,
            seed=5,
            hardware=ONE_THREAD,
            should_stop=lambda a=asked: next(a, True),
        )
        with pytest.raises(Interrupted):
            killed.run_stage(2, 2)
        assert len(read_json(folder / "02-melt" / "manifest.json")["segments"]) == n_segments
        resumed = ProtocolRun(polyethylene_cell, EXTENDED, folder, seed=5, hardware=ONE_THREAD)
        resumed.run_stage(3)  # finds stage 2 by itself
        done = read_json(folder / "02-melt" / "manifest.json")["segments"]
        assert len(done) == n_segments + 1
        if n_segments == 5:
            assert fingerprint(folder) == fingerprint(tmp_path / "whole")


def test_asking_for_fewer_extensions_later_keeps_those_there_are(polyethylene_cell: Cell, tmp_path: Path) -> None:
    run = ProtocolRun(polyethylene_cell, EXTENDED, tmp_path, seed=5, hardware=ONE_THREAD)
    run.run_stage(2, 1)
    run.run_stage(3)
    before = fingerprint(tmp_path)
    for extensions in (0, 1):
        again = ProtocolRun(polyethylene_cell, EXTENDED, tmp_path, seed=5, hardware=ONE_THREAD)
        found = again.run_stage(2, extensions)
        assert found.n_extensions == 1
        assert found.simulated_ps == pytest.approx(0.8)
        again.run_stage(3)
        assert fingerprint(tmp_path) == before


def test_progress_counts_extensions(polyethylene_cell: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never more done than there is to do, never backwards, all done at the end; also when resumed."""
    monkeypatch.setattr("polyomics.md.runner._REPORT_INTERVAL_S", 0.0)
    reports: list[Progress] = []
    run = ProtocolRun(polyethylene_cell, EXTENDED, tmp_path, seed=5, hardware=ONE_THREAD, report=reports.append)
    run.run_stage(2)
    run.run_stage(2, 1)
    run.run_stage(3)
    done = [report.done_ps for report in reports]
    assert done == sorted(done)
    assert all(report.done_ps <= report.total_ps + 1e-9 for report in reports)
    assert done[-1] == pytest.approx(reports[-1].total_ps) == pytest.approx(0.4 + 0.4 + 0.2)
    assert "extension 1" in [report.message for report in reports]
