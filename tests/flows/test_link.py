"""A worker beside a real Prefect server: what the dashboard shows of its studies, and what it takes from there."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import Artifact, FlowRun, StateType, TaskRun, WorkerStatus
from prefect.states import Cancelling, Scheduled
from prefect_server import Server, free_port, own_process, prefect_server

from flows import feed as feeding
from flows.feed import feed, window_size
from flows.mirror import Mirror
from flows.pool import ensure_deployment, ensure_pool, queues_of
from flows.wishes import hear_cancels, take
from polyomics.database.control import Chosen, cancel, retry
from polyomics.database.dashboard import next_in_line, shown
from polyomics.database.queue import Queue
from polyomics.database.rows import Holder
from polyomics.database.store import Store
from polyomics.database.submission import put_studies
from polyomics.database.tables import Campaign, CampaignStudy, Study
from polyomics.database.workers import enter_worker
from polyomics.database.writes import now
from polyomics.md.stages.npt import Npt
from polyomics.spec import StudySpec
from polyomics.study import new_study

POOL = "cells"
PATIENCE_S = 120.0
WORKER = str(Path(__file__).with_name("worker_process.py"))
STEPS = ["charges", "cell", "minimise", "warm", "sample", "measure"]
SECRET = "user:correct-horse"

T = TypeVar("T")


def until(found: Callable[[], T], what: str) -> T:
    """What `found` returns, once it is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := found()):
        assert time.monotonic() < deadline, what
        time.sleep(0.2)
    return value


@dataclass
class Place:
    """A home folder with its database, and a server to show it on."""

    home: Path
    store: Store
    environment: dict[str, str]

    def add(self, spec: StudySpec, *, priority: int = 1) -> str:
        with self.store.writing() as connection:
            put_studies(connection, [new_study(spec)], priority=priority)
        return spec.key

    @contextmanager
    def worker(self, name: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """A worker process of one slot with its link; its log is NAME.log."""
        everything = {**self.environment, **environment}
        with own_process([WORKER, POOL, name], everything, self.home / f"{name}.log") as process:
            yield process

    def log(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text()

    def status(self, key: str) -> str:
        return self.store.study(key).status

    def run_of(self, client: SyncPrefectClient, key: str) -> FlowRun | None:
        (study,) = shown(self.store, [key])
        return client.read_flow_run(UUID(study.flow_run_id)) if study.flow_run_id else None

    def run_in_state(self, client: SyncPrefectClient, key: str, name: str) -> FlowRun:
        def found() -> FlowRun | None:
            run = self.run_of(client, key)
            return run if run is not None and run.state is not None and run.state.name == name else None

        return until(found, f"no run {name} of study {key}")

    def sampling(self, key: str) -> int:
        """Process that samples, once it has something on disk."""

        def found() -> int | None:
            attempts = Queue(self.store).attempts(key)
            here = [
                a.pid
                for a in attempts
                if a.ended is None and list(self.home.glob(f"runs/{key}/stages/*-sample/thermo*"))
            ]
            return here[-1] if here else None

        return until(found, f"study {key} does not sample")


@pytest.fixture
def place(server: Server, tmp_path: Path) -> Iterator[Place]:
    """A place of its own for each test, on the server of all."""
    with made_at(tmp_path, server) as made, server.used():
        yield made


@contextmanager
def made_at(folder: Path, server: Server) -> Iterator[Place]:
    home = folder / "home"
    home.mkdir()
    environment = {name: value for name, value in server.environment.items() if "SERVER_API_AUTH" not in name}
    environment |= {"POLYOMICS_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    with Store.open(f"sqlite:///{home / 'polyomics.db'}") as store:
        yield Place(home, store, environment)


@pytest.fixture
def client(place: Place) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture(scope="session")
def long_spec(tiny_spec: StudySpec) -> StudySpec:
    """Samples for a while, in segments of half a second or so."""
    *before, sample = tiny_spec.protocol.stages
    assert isinstance(sample, Npt)
    longer = sample.model_copy(update={"duration_ps": 6.0, "segment_ps": 0.4})
    protocol = tiny_spec.protocol.model_copy(update={"stages": (*before, longer)})
    return tiny_spec.model_copy(update={"protocol": protocol, "properties": ("density",)})


def numbered(spec: StudySpec, number: int) -> StudySpec:
    """Another study of the same kind: runs are found by their key, and all tests share a server."""
    return spec.model_copy(update={"replicate": number})


def tasks_of(client: SyncPrefectClient, run: FlowRun) -> list[TaskRun]:
    tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])))
    return sorted(tasks, key=lambda task: int(task.dynamic_key))


def ended_tasks_of(client: SyncPrefectClient, run: FlowRun, names: Sequence[str]) -> list[TaskRun]:
    """The task runs, once all are told of: the server takes events in the background."""

    def found() -> list[TaskRun]:
        tasks = tasks_of(client, run)
        ended = all(task.state is not None and task.state.is_final() for task in tasks)
        return tasks if [task.name for task in tasks] == list(names) and ended else []

    return until(found, f"the tasks of {run.name} have not all ended")


def artifacts_of(client: SyncPrefectClient, run: FlowRun) -> dict[str, Artifact]:
    found = client.read_artifacts(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])))
    return {str(artifact.key): artifact for artifact in found}


def add_to_campaign(store: Store, name: str, keys: Sequence[str]) -> None:
    with store.writing() as connection:
        made = Campaign.__table__.insert().values(name=name, created=now(connection)).returning(Campaign.__table__.c.id)
        campaign_id = connection.execute(made).scalar_one()
        ids = connection.scalars(Study.__table__.select().with_only_columns(Study.id).where(Study.key.in_(keys))).all()
        for study_id in ids:
            connection.execute(CampaignStudy.__table__.insert().values(campaign_id=campaign_id, study_id=study_id))


# -------------------------------------------------------------------- shown


def test_a_study_of_a_worker_is_shown(place: Place, client: SyncPrefectClient, tiny_spec: StudySpec) -> None:
    spec = numbered(tiny_spec, 100)
    key = place.add(spec)
    add_to_campaign(place.store, "First ones", [key])
    with place.worker("shown-1"):
        run = place.run_in_state(client, key, "Completed")
        workers = client.read_workers_for_work_pool(POOL)
        tasks = ended_tasks_of(client, run, STEPS)
        progress = ArtifactFilter(key=ArtifactFilterKey(any_=["campaign-first-ones"]))

        def as_done() -> list[Artifact]:
            found = client.read_artifacts(artifact_filter=progress)
            return [artifact for artifact in found if "1 of 1 studies done" in str(artifact.data)]

        until(as_done, "the campaign is not shown as done")
    assert run.name == f"{spec.polymer.psmiles} · {spec.preset} · {key[:8]}"
    expected = {f"polymer:{spec.polymer.psmiles}", f"preset:{spec.preset}", f"study:{key}", "campaign:First ones"}
    assert set(run.tags) == expected | {"worker:shown-1", "attempt:1"}
    assert StudySpec.model_validate(run.parameters["spec"]) == spec
    assert run.run_count == 1
    assert [worker.status for worker in workers if worker.name == "shown-1"] == [WorkerStatus.ONLINE]
    assert all(task.state_type is StateType.COMPLETED for task in tasks)
    stored = {stage.name: stage for stage in place.store.study(key).stages}
    assert [(task.start_time, task.end_time) for task in tasks] == [(stored[n].started, stored[n].ended) for n in STEPS]
    assert all(before.end_time <= after.start_time for before, after in pairwise(tasks))

    shown_artifacts = artifacts_of(client, run)
    assert set(shown_artifacts) == {f"stage-{key[:8]}-03", f"stage-{key[:8]}-04", f"study-{key}"}
    density = place.store.study(key).measurements
    (value,) = [m for m in density if m.name == "density"]
    text = str(shown_artifacts[f"study-{key}"].data)
    (row,) = [line for line in text.splitlines() if line.startswith("| density ")]
    assert float(row.split("|")[2]) == pytest.approx(value.value, rel=1e-4)
    assert float(row.split("|")[3]) == pytest.approx(value.stderr, rel=0.1)
    assert "results/report.html#equilibrium" in text
    assert "ns/day" in str(shown_artifacts[f"stage-{key[:8]}-04"].data)
    assert "density at its end" in str(shown_artifacts[f"stage-{key[:8]}-04"].data)

    lines = [log.message for log in client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id])))]
    assert "attempt 1 on shown-1 begins" in lines
    assert [line for line in lines if line.startswith("sample: ps 2")]
    assert len(lines) < 40


def test_a_killed_study_goes_on_in_the_same_run(place: Place, client: SyncPrefectClient, long_spec: StudySpec) -> None:
    key = place.add(numbered(long_spec, 101))
    with place.worker("killed-1"):
        first = place.run_in_state(client, key, "Running")
        os.kill(place.sampling(key), signal.SIGKILL)
        run = place.run_in_state(client, key, "Completed")
        tasks = ended_tasks_of(client, run, STEPS)
    assert run.id == first.id
    assert run.run_count == 2
    assert "attempt:2" in run.tags
    assert [task.state_type for task in tasks] == [StateType.COMPLETED] * 6
    lines = [log.message for log in client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id])))]
    assert [line for line in lines if line.startswith("attempt 1 on killed-1 was lost")]
    assert [a.outcome for a in Queue(place.store).attempts(key)] == ["lost", "done"]


def test_a_drained_worker_leaves_its_study_waiting(
    place: Place, client: SyncPrefectClient, long_spec: StudySpec
) -> None:
    key = place.add(numbered(long_spec, 102))
    with place.worker("drained-1") as process:
        place.run_in_state(client, key, "Running")
        place.sampling(key)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
    run = place.run_of(client, key)
    assert run is not None
    assert run.state is not None
    assert (run.state.type, run.state.name) == (StateType.SCHEDULED, "Queued")
    assert place.status(key) == "queued"
    until(
        lambda: not [t for t in tasks_of(client, run) if t.state_type is StateType.RUNNING], "a task is still Running"
    )


@pytest.mark.slow
def test_a_worker_that_died_is_shown_by_another(place: Place, client: SyncPrefectClient, long_spec: StudySpec) -> None:
    """Nobody is left to tell how it ended: its lease runs out, and the study goes on elsewhere under the same run."""
    key = place.add(numbered(long_spec, 103))
    with place.worker("dead-1", LEASE_S="4") as process:
        first = place.run_in_state(client, key, "Running")
        child = place.sampling(key)
        process.kill()
        os.kill(child, signal.SIGKILL)
    with place.worker("alive-1", LEASE_S="4"):
        run = place.run_in_state(client, key, "Completed")
    assert run.id == first.id
    assert {"worker:alive-1", "attempt:2"} <= set(run.tags)


# -------------------------------------------------------------------- wishes


def test_cancelling_in_the_dashboard_stops_the_study(
    place: Place, client: SyncPrefectClient, long_spec: StudySpec
) -> None:
    """And a retry afterwards is no wish to cancel, although the run is still shown as cancelled."""
    key = place.add(numbered(long_spec, 104))
    with place.worker("cancelled-1"):
        run = place.run_in_state(client, key, "Running")
        pid = place.sampling(key)
        client.set_flow_run_state(run.id, Cancelling(), force=True)
        until(lambda: place.status(key) == "cancelled", "the study is not cancelled")
        until(lambda: not Path(f"/proc/{pid}").exists(), "its process goes on")
        place.run_in_state(client, key, "Cancelled")
        retry(place.store, Chosen(keys=(key,)))
        assert place.run_in_state(client, key, "Running").id == run.id
        cancel(place.store, Chosen(keys=(key,)))
        assert place.run_in_state(client, key, "Cancelled").id == run.id
    assert place.status(key) == "cancelled"


def test_a_run_made_in_the_dashboard_is_computed(place: Place, client: SyncPrefectClient, tiny_spec: StudySpec) -> None:
    spec = numbered(tiny_spec, 105).model_copy(update={"properties": ("density",)})
    ensure_pool(client, POOL)
    deployment_id = ensure_deployment(client, POOL)
    made = client.create_flow_run_from_deployment(deployment_id, parameters={"spec": spec.model_dump(mode="json")})
    bad = spec.model_dump(mode="json") | {"polymer": {"psmiles": "CC"}}
    refused = client.create_flow_run_from_deployment(deployment_id, parameters={"spec": bad})
    with place.worker("asked-1"):
        run = until(lambda: _final(client, made.id), "the run does not end")
        no_study = until(lambda: _final(client, refused.id), "the invalid run does not end")
        again = client.create_flow_run_from_deployment(deployment_id, parameters={"spec": spec.model_dump(mode="json")})
        existing = until(lambda: _final(client, again.id), "the run of a finished study does not end")
    assert run.state is not None
    assert run.state.is_completed()
    assert place.status(spec.key) == "done"
    assert f"study:{spec.key}" in run.tags
    assert no_study.state is not None
    assert no_study.state.is_failed()
    assert "not a study" in str(no_study.state.message)
    assert existing.state is not None
    assert existing.state.name == "Existing"


def test_a_failed_study_is_tried_again_from_the_dashboard(
    place: Place, client: SyncPrefectClient, tiny_spec: StudySpec
) -> None:
    from polyomics.records import Failure

    key = place.add(numbered(tiny_spec, 106))
    mirror = mirror_of(place, client)
    feed(mirror, 10)
    run = place.run_in_state(client, key, "Queued")
    place.store.fail_study(key, Failure(stage="sample", kind="SimulationUnstable", message="it exploded"))
    mirror.show(*shown(place.store, [key]))
    failed = place.run_in_state(client, key, "Failed")
    assert "it exploded" in str(failed.state and failed.state.message)
    client.set_flow_run_state(run.id, Scheduled(name="AwaitingRetry"), force=True)
    take(mirror, [client.read_flow_run(run.id)])
    assert place.status(key) == "queued"
    assert place.run_in_state(client, key, "Queued").id == run.id


def _final(client: SyncPrefectClient, run_id: UUID) -> FlowRun | None:
    run = client.read_flow_run(run_id)
    return run if run.state is not None and run.state.is_final() else None


# -------------------------------------------------------------------- the window


def mirror_of(place: Place, client: SyncPrefectClient) -> Mirror:
    ensure_pool(client, POOL)
    deployment_id = ensure_deployment(client, POOL)
    return Mirror(client, place.store, place.home, deployment_id, queues_of(client, deployment_id))


def fed(mirror: Mirror, size: int, expected: int) -> int:
    """How many runs were made in the end: on SQLite the server is too busy for some of them now and then."""
    made = 0

    def enough() -> bool:
        nonlocal made
        made += feed(mirror, size)
        return made >= expected

    until(enough, f"{made} of {expected} runs were made")
    return made


def test_the_window_has_those_that_are_next(place: Place, client: SyncPrefectClient, tiny_spec: StudySpec) -> None:
    specs = [numbered(tiny_spec, 200 + i) for i in range(12)]
    for i, spec in enumerate(specs):
        place.add(spec, priority=(1, 0, 2)[i % 3])
    mirror = mirror_of(place, client)
    assert fed(mirror, 7, 7) == 7
    assert feed(mirror, 7) == 0
    with_run = [key for key, run in next_in_line(place.store, 12).items() if run is not None]
    in_order = [s.key for priority in (2, 0, 1) for s in specs[priority::3]]
    assert with_run == in_order[:7]
    runs = [place.run_of(client, key) for key in with_run]
    assert all(run is not None and run.state is not None and run.state.name == "Queued" for run in runs)
    assert [run.work_queue_name for run in runs if run is not None] == ["high"] * 4 + ["normal"] * 3
    claimed = [claim.key for claim in iter(lambda: Queue(place.store).claim_next(Holder(host="here")), None) if claim]
    assert claimed[:7] == with_run


def test_a_wish_that_comes_between_two_looks_is_not_lost(
    place: Place, client: SyncPrefectClient, tiny_spec: StudySpec
) -> None:
    """Wishes are heard, then studies are shown: what is wished in between is heard the next time."""
    key, mirror = place.add(numbered(tiny_spec, 230)), mirror_of(place, client)
    worker_id = enter_worker(place.store, "wished", host="here", pid=1, pool=POOL, slots=1)
    Queue(place.store).claim(key, Holder(host="here", worker_id=worker_id))

    def show() -> bool:
        (study,) = shown(place.store, [key])
        return mirror.show(study)

    until(show, "the study is not shown")
    run = place.run_in_state(client, key, "Running")
    client.set_flow_run_state(run.id, Cancelling(), force=True)
    until(show, "the study is not shown again")
    wished = client.read_flow_run(run.id)
    assert wished.state is not None
    assert wished.state.is_cancelling()
    assert hear_cancels(client, place.store, [wished]) == [key]
    assert place.status(key) == "cancelled"


def test_prefect_never_holds_more_than_it_bears(
    place: Place, client: SyncPrefectClient, tiny_spec: StudySpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = mirror_of(place, client)
    there = len(feeding.unfinished_runs(client, mirror.deployment_id))
    for i in range(6):
        place.add(numbered(tiny_spec, 220 + i))
    assert feeding.MOST_UNFINISHED == 1000
    monkeypatch.setattr(feeding, "MOST_UNFINISHED", there + 4)
    assert fed(mirror, 1000, 4) == 4
    assert feed(mirror, 1000) == 0
    assert len(feeding.unfinished_runs(client, mirror.deployment_id)) == there + 4


def test_a_window_is_as_large_as_the_workers(place: Place) -> None:
    assert window_size(place.store) == 50
    enter_worker(place.store, "large", host="here", pid=1, pool=POOL, slots=40)
    assert window_size(place.store) == 80
    enter_worker(place.store, "huge", host="here", pid=1, pool=POOL, slots=4000)
    assert window_size(place.store) == 1000


# -------------------------------------------------------------------- a server that is away


def test_a_server_that_refuses_us_costs_nothing_and_hears_of_it_later(tmp_path: Path, tiny_spec: StudySpec) -> None:
    spec = numbered(tiny_spec, 300).model_copy(update={"properties": ("density",)})
    (tmp_path / "prefect").mkdir()
    with prefect_server(tmp_path / "prefect", password=SECRET) as server, made_at(tmp_path, server) as place:
        key = place.add(spec)
        with place.worker("wrong-1", PREFECT_API_AUTH_STRING="user:hunter2"):
            until(lambda: place.status(key) == "done", "the study does not end")
        with server.used(), get_client(sync_client=True) as client:
            assert client.read_flow_runs() == []
            with place.worker("right-1"):
                run = place.run_in_state(client, key, "Completed")
                ended_tasks_of(client, run, STEPS)
            assert f"study-{key}" in artifacts_of(client, run)
            assert "correct-horse" not in run.model_dump_json()
        sentences = [line for line in place.log("wrong-1").splitlines() if "refuses the password" in line]
        logs = [path.read_text() for path in place.home.rglob("*.log")]
    assert len(sentences) == 1
    assert "PREFECT_API_AUTH_STRING" in sentences[0]
    assert len(logs) >= 3
    assert not [text for text in logs if "hunter2" in text or "correct-horse" in text]


@pytest.mark.slow
def test_a_server_killed_during_md_is_not_waited_for(tmp_path: Path, long_spec: StudySpec) -> None:
    port = free_port()
    (tmp_path / "prefect").mkdir()
    with prefect_server(tmp_path / "prefect", port=port) as server, made_at(tmp_path, server) as place:
        key = place.add(numbered(long_spec, 301))
        second = place.add(numbered(long_spec, 302))
        with place.worker("alone-1"):
            with server.used(), get_client(sync_client=True) as client:
                first = place.run_in_state(client, key, "Running")
            place.sampling(key)
            os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()
            until(lambda: place.status(key) == "done", "the study waits for the server")
            place.sampling(second)
            with (
                prefect_server(tmp_path / "prefect", port=port) as back,
                back.used(),
                get_client(sync_client=True) as client,
            ):
                run = place.run_in_state(client, key, "Completed")
                tasks = ended_tasks_of(client, run, STEPS)
                assert place.run_in_state(client, second, "Completed").run_count == 1
            log = place.log("alone-1")
    assert run.id == first.id
    stored = {stage.name: stage for stage in place.store.study(key).stages}
    assert [task.end_time for task in tasks] == [stored[name].ended for name in STEPS]
    assert len([line for line in log.splitlines() if "dashboard is behind" in line]) == 1
    assert "answers again" in log
