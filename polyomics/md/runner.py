"""Run a protocol segment by segment, so that whatever kills the process costs one segment at most."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openmm

from polyomics.cell.cell import Cell
from polyomics.errors import CorruptFile, EngineFailed, SimulationUnstable
from polyomics.files import MANIFEST_FILE, flush, is_intact, read_json, remove_except, sha256, write_json, writing_to
from polyomics.md.engine import Engine, Hardware
from polyomics.md.progress import Interrupted, Progress, Report, silent
from polyomics.md.protocol import Protocol
from polyomics.md.stage import SegmentRequest, SegmentResult, Stage, Unstable
from polyomics.md.state import PhaseState

UNFINISHED = ".unfinished-"
"""Beginning of the name of the folder in which a run writes the segment it is at; no other run writes there."""
LARGEST_NUMBER_OF_HALVINGS = 3
"""How many times the time step of one segment is halved before the stage is given up."""
EXPLOSION_WORDS = ("NaN", "nan", "infinite", "onstraint", "Maximum number of iterations")
"""What OpenMM's message has when the numbers, rather than the machine, are the trouble."""
Guard = Callable[[], AbstractContextManager[None]]
"""The right to change the folder, held for the moments in which something is made to count."""
_STATES_KEPT = 2
_REPORT_INTERVAL_S = 0.5


@dataclass(frozen=True)
class FinishedStage:
    """A finished stage: which one, where it lies, and what its manifest says."""

    stage: Stage
    path: Path
    manifest: dict[str, Any]

    @property
    def wall_s(self) -> float:
        """Wall time of its segments [s]."""
        return float(sum(segment.get("wall_s", 0.0) for segment in self.manifest["segments"]))

    @property
    def n_extensions(self) -> int:
        """How many times it was prolonged by its own length."""
        return len(self.manifest["segments"]) // self.stage.n_segments - 1

    @property
    def simulated_ps(self) -> float:
        """Simulated time, extensions included [ps]."""
        return self.stage.simulated_ps * (1 + self.n_extensions)

    @property
    def events(self) -> list[dict[str, Any]]:
        """What went wrong and was recovered from."""
        return list(self.manifest["events"])


class ProtocolRun:
    """A protocol being run from a cell, stage by stage, going on from whatever its folder already holds.

    Args:
        cell: The cell to start from.
        protocol: The stages.
        folder: Folder of the stages; one sub-folder is made for each.
        seed: Seed of all random numbers; the same cell, protocol and seed give the same trajectory, also
            when the run was interrupted: bit for bit on the Reference platform and on one CPU thread, within
            rounding of sums (which chaos then amplifies) where threads add forces in no fixed order.
        hardware: Platform, threads, device; the fastest platform by default.
        report: Takes progress reports.
        should_stop: Asked before every segment; True ends the run with `Interrupted`, to be resumed later.
        guard: Entered while a segment is made to count; raises if the folder is not this run's any more.
    """

    def __init__(
        self,
        cell: Cell,
        protocol: Protocol,
        folder: Path,
        *,
        seed: int,
        hardware: Hardware | None = None,
        report: Report = silent,
        should_stop: Callable[[], bool] = lambda: False,
        guard: Guard = nullcontext,
    ) -> None:
        self.protocol = protocol
        self.folder = folder
        self.seed = seed
        self.engine = Engine(cell, protocol.nonbonded, hardware or Hardware())
        self.should_stop = should_stop
        self.guard = guard
        self._tracker = _Tracker(protocol, report)
        self._states = {0: PhaseState(cell.positions_nm, None, cell.box_nm)}

    def stage_folder(self, number: int) -> Path:
        """Folder of stage `number`, counted from 1."""
        return stage_folder(self.folder, self.protocol, number)

    def run_stage(self, number: int, extensions: int = 0) -> FinishedStage:
        """Run stage `number` (from 1) to its end; the stages before it are run first where they are not done.

        Args:
            number: Which stage.
            extensions: How many times to prolong it by its own length, at least. An extension that is on disk stays,
                and one that was begun is completed: the stages after it always start from its last state.

        Raises:
            SimulationUnstable: A segment exploded with the smallest time step as well.
            Interrupted: `should_stop` said so.
        """
        if number - 1 not in self._states:
            self.run_stage(number - 1)
        stage, path = self.protocol.stages[number - 1], self.stage_folder(number)
        before = self.protocol.start_of(number - 1)
        start = self._states[0 if before is None else before + 1]
        run = _StageRun(
            stage,
            number,
            path,
            self.engine,
            start,
            self.seed,
            self._tracker,
            self.should_stop,
            self.guard,
            _word(self.protocol, number),
            extensions,
        )
        manifest, self._states[number] = run.to_the_end()
        return FinishedStage(stage, path, manifest)


def stage_folder(folder: Path, protocol: Protocol, number: int) -> Path:
    """Folder of stage `number` (from 1) of `protocol` below `folder`."""
    return folder / f"{number:02d}-{protocol.stages[number - 1].name}"


def _word(protocol: Protocol, number: int) -> int:
    """What tells the random numbers of a stage from those of the others: its number; in a probe, its name.

    So a probe gives the same with and without others before it.
    """
    if number <= protocol.n_of_equilibration:
        return number
    return int.from_bytes(hashlib.sha256(protocol.stages[number - 1].name.encode()).digest()[:6], "big")


def run_protocol(
    cell: Cell,
    protocol: Protocol,
    folder: Path,
    *,
    seed: int,
    hardware: Hardware | None = None,
    report: Report = silent,
) -> list[FinishedStage]:
    """Run all stages of `protocol`; see `ProtocolRun`."""
    run = ProtocolRun(cell, protocol, folder, seed=seed, hardware=hardware, report=report)
    return [run.run_stage(number) for number in range(1, len(protocol.stages) + 1)]


@dataclass
class _StageRun:
    """One stage being run; `manifest` is its memory on disk."""

    stage: Stage
    number: int
    path: Path
    engine: Engine
    start: PhaseState
    seed: int
    tracker: _Tracker
    should_stop: Callable[[], bool]
    guard: Guard
    word: int
    extensions: int = 0
    unfinished: Path = Path()

    def to_the_end(self) -> tuple[dict[str, Any], PhaseState]:
        manifest, state = self._resume()
        self.engine.stage_start = self.start
        n_done = len(manifest["segments"])
        n_wanted = self.stage.n_segments * (1 + max(self.extensions, self._n_begun(n_done)))
        self.tracker.begin(self.stage, self.number, n_done, n_wanted)
        with self._unfinished_folder() as self.unfinished:
            for index in range(n_done, n_wanted):
                if self.should_stop():
                    raise Interrupted(f"stopped before segment {index} of stage {self.stage.name}")
                state = self._run_segment(manifest, state, index)
        if not manifest["done"]:
            manifest["done"] = True
            self._save(manifest)
        return manifest, state

    def _save(self, manifest: dict[str, Any]) -> None:
        with self.guard():
            write_json(self.path / MANIFEST_FILE, manifest)

    @contextmanager
    def _unfinished_folder(self) -> Iterator[Path]:
        """A folder that no other run writes in, whatever it believes to hold."""
        with writing_to(self.path):
            folder = tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=self.path, ignore_cleanup_errors=True)
        with folder as name:
            yield Path(name)

    def _n_begun(self, n_done: int) -> int:
        """Extensions that segments on disk are of; each was asked for by a run before this one."""
        return max(0, -(-n_done // self.stage.n_segments) - 1)

    def _resume(self) -> tuple[dict[str, Any], PhaseState]:
        """The manifest cut back to its last intact state, and that state."""
        manifest = self._read_manifest()
        segments = manifest["segments"]
        while segments and not self._can_go_on_from(segments[-1]):
            segments.pop()
            manifest["done"] = False
        if any(not self._is_intact(segment, states=False) for segment in segments):
            segments.clear()
            manifest["done"] = False
        known = {name for segment in segments for name in segment["files"]} | {MANIFEST_FILE}
        with self.guard(), writing_to(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            remove_except(self.path, lambda path: path.name in known)
        if not segments:
            return manifest, self.start
        return manifest, PhaseState.load(self.path / segments[-1]["state"])

    def _read_manifest(self) -> dict[str, Any]:
        origin = {
            "stage": self.stage.model_dump(mode="json"),
            "nonbonded": self.engine.nonbonded.model_dump(mode="json"),
            "start": self.start.digest(),
            "seed": self.seed,
        }
        fresh = {**origin, "done": False, "segments": [], "events": []}
        try:
            manifest = read_json(self.path / MANIFEST_FILE)
        except CorruptFile:
            return fresh
        same = isinstance(manifest, dict) and all(manifest.get(k) == v for k, v in origin.items())
        return manifest if same else fresh

    def _can_go_on_from(self, segment: dict[str, Any]) -> bool:
        return segment["state"] in segment["files"] and self._is_intact(segment, states=True)

    def _is_intact(self, segment: dict[str, Any], *, states: bool) -> bool:
        names = [n for n in segment["files"] if states or n != segment["state"]]
        return all(is_intact(self.path / name, segment["files"][name]) for name in names)

    def _run_segment(self, manifest: dict[str, Any], state: PhaseState, index: int) -> PhaseState:
        for halvings in range(LARGEST_NUMBER_OF_HALVINGS + 1):
            request = self._request(state, index, halvings)
            try:
                result = self._try_segment(request)
            except Unstable as error:
                manifest["events"].append(
                    {"segment": index, "event": "unstable", "halvings": halvings, "message": str(error)}
                )
                continue
            self._commit(manifest, index, result)
            return result.end
        self._save(manifest)
        raise SimulationUnstable(
            f"stage {self.stage.name!r} exploded in segment {index} with its time step and with "
            f"{2**LARGEST_NUMBER_OF_HALVINGS} times smaller ones ({manifest['events'][-1]['message']}); "
            "try a longer minimisation, a lower start density or a smaller timestep_fs"
        )

    def _try_segment(self, request: SegmentRequest) -> SegmentResult:
        try:
            result = self.stage.run_segment(request)
        except openmm.OpenMMException as error:
            if any(word in str(error) for word in EXPLOSION_WORDS):
                raise Unstable(str(error)) from error
            raise EngineFailed(
                f"OpenMM stopped in segment {request.index} of stage {self.stage.name!r} on platform "
                f"{self.engine.platform.getName()}: {error}"
            ) from error
        _check_finite(result.end)
        return result

    def _request(self, state: PhaseState, index: int, halvings: int) -> SegmentRequest:
        entropy = np.random.SeedSequence([self.seed, self.word, index, halvings])
        return SegmentRequest(
            cell=self.engine.cell,
            engine=self.engine,
            start=state,
            index=index,
            seed=int(entropy.generate_state(1, np.uint64)[0]),
            timestep_factor=0.5**halvings,
            thermo_path=self.unfinished / f"thermo.{index:04d}.csv",
            frames_path=self.unfinished / f"frames.{index:04d}.xtc",
            on_progress=self.tracker.update,
        )

    def _commit(self, manifest: dict[str, Any], index: int, result: SegmentResult) -> None:
        """Put the segment's files in place, then the manifest that makes it count, then drop old states."""
        state_path = self.unfinished / f"state.{index:04d}.npz"
        result.end.save(state_path)
        written = (*result.files, state_path)
        with writing_to(self.unfinished):
            for path in result.files:
                flush(path)
            files = {path.name: sha256(path) for path in written}
        manifest["segments"].append(
            {
                "index": index,
                "files": files,
                "state": state_path.name,
                "n_steps": result.n_steps,
                "timestep_fs": result.timestep_fs,
                **result.details,
            }
        )
        old = manifest["segments"][:-_STATES_KEPT]
        stale = [segment["state"] for segment in old if segment["state"] in segment["files"]]
        for segment in old:
            segment["files"].pop(segment["state"], None)
        with self.guard(), writing_to(self.path):
            for path in written:
                path.replace(self.path / path.name)
            write_json(self.path / MANIFEST_FILE, manifest)
            for name in stale:
                (self.path / name).unlink(missing_ok=True)


class _Tracker:
    """Turns what segments say into progress reports with a speed and a time left."""

    def __init__(self, protocol: Protocol, report: Report) -> None:
        self._protocol = protocol
        self._report = report
        self._planned_ps = {number: stage.simulated_ps for number, stage in enumerate(protocol.stages, start=1)}
        self._stage: Stage | None = None
        self._number = 0
        self._last_report_s = 0.0
        self._mark = (0.0, 0.0)

    def begin(self, stage: Stage, number: int, n_done: int, n_wanted: int) -> None:
        self._stage, self._number = stage, number
        self._planned_ps[number] = stage.simulated_ps * n_wanted / stage.n_segments
        self._mark = (time.monotonic(), -1.0)
        if n_done >= n_wanted:
            return
        extension, inside = divmod(n_done, stage.n_segments)
        parts = [f"extension {extension}"] if extension else []
        parts += [f"resumed after segment {n_done}"] if inside else []
        self._send(stage.simulated_ps * n_done / stage.n_segments, None, None, ", ".join(parts))

    def update(self, stage_ps: float, density_g_cm3: float) -> None:
        now = time.monotonic()
        if self._mark[1] < 0:
            self._mark = (now, stage_ps)
        if now - self._last_report_s < _REPORT_INTERVAL_S:
            return
        elapsed = now - self._mark[0]
        speed = (stage_ps - self._mark[1]) / elapsed * 86.4 if elapsed > 0 else None
        self._send(stage_ps, speed or None, density_g_cm3)

    def _send(self, stage_ps: float, speed: float | None, density: float | None, message: str = "") -> None:
        assert self._stage is not None
        self._last_report_s = time.monotonic()
        total = sum(self._planned_ps.values())
        done = sum(ps for number, ps in self._planned_ps.items() if number < self._number) + stage_ps
        left = (total - done) / speed * 86.4 if speed else None
        self._report(
            Progress(
                step=self._stage.name,
                stage_index=self._number,
                n_stages=len(self._protocol.stages),
                done_ps=done,
                total_ps=total,
                ns_per_day=speed,
                seconds_left=left,
                density_g_cm3=density,
                message=message,
            )
        )


def _check_finite(state: PhaseState) -> None:
    for array in (state.positions_nm, state.velocities_nm_ps, state.box_nm):
        if array is not None and not np.isfinite(array).all():
            raise Unstable("the end state has positions or velocities that are not finite")
