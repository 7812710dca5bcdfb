"""The flow `polymer` on a real Prefect server."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterTags,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect_server import Server

from flows.dashboard import run_name, run_tags
from flows.polymer import polymer, run_polymer
from polyomics.database.store import Store
from polyomics.errors import InvalidSettings, StudyBusy
from polyomics.md.engine import Hardware
from polyomics.md.progress import Progress
from polyomics.md.stages.compress import Compress
from polyomics.spec import StudySpec
from polyomics.study import Study, StudyResult, run_study

PATIENCE_S = 30.0


def database_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'results.db'}"


def until(found: Callable[[], Any]) -> Any:
    """What `found` returns, once it is true: Prefect records task runs and logs in the background."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := found()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return value


def flow_runs_of(client: SyncPrefectClient, spec: StudySpec) -> list[FlowRun]:
    """Flow runs of a study, in order of their start."""
    tagged = FlowRunFilter(tags=FlowRunFilterTags(all_=[f"study:{spec.key}"]))
    runs = client.read_flow_runs(flow_run_filter=tagged)
    return sorted(runs, key=lambda run: run.start_time)


def task_runs_of(client: SyncPrefectClient, run: FlowRun, number: int) -> list[TaskRun]:
    """Task runs of a flow run, in order of their start, once all have ended."""
    within = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))

    def ended() -> list[TaskRun]:
        runs = client.read_task_runs(flow_run_filter=within)
        return runs if len(runs) >= number and all(each.state.is_final() for each in runs) else []

    return sorted(until(ended), key=lambda each: each.start_time)


@pytest.fixture(scope="module")
def plain(
    tmp_path_factory: pytest.TempPathFactory, tiny_spec: StudySpec, hardware: Hardware
) -> tuple[StudyResult, Path]:
    """The tiny study without Prefect, and its home folder."""
    folder = tmp_path_factory.mktemp("plain")
    return run_study(tiny_spec, home=folder, database_url=database_of(folder), hardware=hardware), folder


@pytest.fixture(scope="module")
def through_prefect(
    server: Server, tmp_path_factory: pytest.TempPathFactory, tiny_spec: StudySpec, hardware: Hardware
) -> tuple[StudyResult, Path, list[Progress]]:
    """The tiny study as a flow run, its home folder, and what it reported."""
    folder = tmp_path_factory.mktemp("flow")
    reports: list[Progress] = []
    with server.used():
        result = run_polymer(
            tiny_spec, home=folder, database_url=database_of(folder), hardware=hardware, report=reports.append
        )
    return result, folder, reports


def test_a_study_through_prefect_gives_the_bits_of_a_plain_one(
    plain: tuple[StudyResult, Path], through_prefect: tuple[StudyResult, Path, list[Progress]]
) -> None:
    expected, plain_home = plain
    result, home, _ = through_prefect
    assert expected.status == result.status == "done"
    assert result.measurements == expected.measurements
    assert result.failures == expected.failures
    assert result.key == expected.key
    tables = sorted(path.relative_to(plain_home) for path in plain_home.rglob("thermo.*.csv"))
    assert tables
    for table in tables:
        assert (home / table).read_bytes() == (plain_home / table).read_bytes()


def test_a_flow_run_stores_what_a_plain_one_stores(
    plain: tuple[StudyResult, Path],
    through_prefect: tuple[StudyResult, Path, list[Progress]],
    tiny_spec: StudySpec,
) -> None:
    stored = []
    for _, home in (plain, through_prefect[:2]):
        with Store.open(database_of(home), read_only=True) as store:
            stored.append(store.study(tiny_spec.key))
    assert stored[0].status == stored[1].status == "done"
    assert stored[0].measurements == stored[1].measurements
    assert [stage.name for stage in stored[0].stages] == [stage.name for stage in stored[1].stages]


def test_the_dashboard_has_the_run_with_every_step_in_order(
    on_server: Server,
    through_prefect: tuple[StudyResult, Path, list[Progress]],
    tiny_spec: StudySpec,
) -> None:
    steps = [step.name for step in Study(tiny_spec, home=through_prefect[1]).steps()]
    with get_client(sync_client=True) as client:
        run = flow_runs_of(client, tiny_spec)[0]
        tasks = task_runs_of(client, run, len(steps))
    assert run.name == run_name({"spec": tiny_spec.model_dump(mode="json")})
    assert set(run_tags(tiny_spec)) <= set(run.tags)
    assert run.state.is_completed()
    assert [task.name for task in tasks] == steps == ["charges", "cell", "minimise", "warm", "sample", "measure"]
    assert all(task.state.is_completed() for task in tasks)
    assert all(before.end_time <= after.start_time for before, after in pairwise(tasks))


def test_parameters_are_json_and_enough_to_run_the_study_again(
    on_server: Server, through_prefect: tuple[StudyResult, Path, list[Progress]], tiny_spec: StudySpec
) -> None:
    with get_client(sync_client=True) as client:
        parameters = flow_runs_of(client, tiny_spec)[0].parameters
    assert StudySpec.model_validate(json.loads(json.dumps(parameters["spec"]))) == tiny_spec
    assert parameters["home"] == str(through_prefect[1])
    assert parameters["hardware"]["platform"] == "CPU"


def test_the_artifact_tells_the_results(
    on_server: Server, through_prefect: tuple[StudyResult, Path, list[Progress]], tiny_spec: StudySpec
) -> None:
    result = through_prefect[0]
    with get_client(sync_client=True) as client:
        run = flow_runs_of(client, tiny_spec)[0]
        of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
        (artifact,) = client.read_artifacts(artifact_filter=of_run)
    assert artifact.type == "markdown"
    assert result.key in artifact.data
    assert str(result.folder) in artifact.data
    density = result["density"]
    (row,) = [line for line in artifact.data.splitlines() if line.startswith("| density ")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert float(cells[1]) == pytest.approx(density.value, rel=1e-4)
    assert cells[3] == "g/cm3"


def test_logs_reach_the_server_at_the_ends_of_stages_only(
    on_server: Server, through_prefect: tuple[StudyResult, Path, list[Progress]], tiny_spec: StudySpec
) -> None:
    with get_client(sync_client=True) as client:
        run = flow_runs_of(client, tiny_spec)[0]
        of_run = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]))

        def ours() -> list[str]:
            lines = [log.message for log in client.read_logs(of_run, limit=200)]
            return [line for line in lines if line.startswith(("sample:", "measure:"))]

        until(lambda: len(ours()) >= 2)
        assert len(ours()) == 2


def test_progress_comes_to_the_caller_and_the_address_first(
    through_prefect: tuple[StudyResult, Path, list[Progress]],
) -> None:
    reports = through_prefect[2]
    assert "/runs/flow-run/" in reports[0].message
    assert {"charges", "cell", "warm", "sample", "measure"} <= {report.step for report in reports}


def test_a_rerun_finds_everything_there(
    on_server: Server,
    through_prefect: tuple[StudyResult, Path, list[Progress]],
    tiny_spec: StudySpec,
    hardware: Hardware,
) -> None:
    first, folder, _ = through_prefect
    again = run_polymer(tiny_spec, home=folder, database_url=database_of(folder), hardware=hardware)
    assert again.status == "existing"
    assert again.measurements == first.measurements
    with get_client(sync_client=True) as client:
        run = flow_runs_of(client, tiny_spec)[-1]
        within = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
        tasks = client.read_task_runs(flow_run_filter=within)
    assert run.state.is_completed()
    assert run.state.name == "Existing"
    assert tasks == []


def test_a_failing_study_is_a_failed_run_and_a_failure_row(
    on_server: Server, tmp_path: Path, tiny_spec: StudySpec, hardware: Hardware
) -> None:
    """Crushed to a fifth of its volume within 0.4 ps, the cell explodes at any time step."""
    crushing = Compress(
        name="crush", temperature_k=300, packing_fraction=0.5, duration_ps=0.4, control_ps=0.1, timestep_fs=5
    )
    first, *_, last = tiny_spec.protocol.stages
    protocol = tiny_spec.protocol.model_copy(update={"stages": (first, crushing, last)})
    spec = tiny_spec.model_copy(update={"protocol": protocol})
    result = run_polymer(spec, home=tmp_path, database_url=database_of(tmp_path), hardware=hardware)
    assert result.status == "failed"
    (failure,) = result.failures
    assert failure.stage == "crush"
    with get_client(sync_client=True) as client:
        (run,) = flow_runs_of(client, spec)
        tasks = task_runs_of(client, run, 4)
    assert run.state.is_failed()
    assert failure.message in run.state.message
    assert [task.state.is_failed() for task in tasks] == [False, False, False, True]
    with Store.open(database_of(tmp_path), read_only=True) as store:
        stored = store.study(spec.key)
    assert stored.status == "failed"
    assert [row.message for row in stored.failures] == [failure.message]


def test_an_error_of_the_user_reaches_the_caller(
    on_server: Server, tmp_path: Path, tiny_spec: StudySpec, hardware: Hardware
) -> None:
    with Study(tiny_spec, home=tmp_path).folder_locked(), pytest.raises(StudyBusy):
        run_polymer(tiny_spec, home=tmp_path, database_url=database_of(tmp_path), hardware=hardware)


def test_a_password_never_becomes_a_parameter(on_server: Server, tmp_path: Path, tiny_spec: StudySpec) -> None:
    secret = "postgresql://someone:hunter2@127.0.0.1:1/results"
    with pytest.raises(InvalidSettings, match="POLYOMICS_DATABASE_URL") as refused:
        polymer(tiny_spec.model_dump(mode="json"), home=str(tmp_path), database_url=secret)
    assert "hunter2" not in str(refused.value)
    spec = tiny_spec.model_copy(update={"replicate": 77})
    with pytest.raises(Exception, match="cannot be used") as unreachable:
        run_polymer(spec, home=tmp_path, database_url=secret)
    assert "hunter2" not in str(unreachable.value)
    with get_client(sync_client=True) as client:
        (run,) = flow_runs_of(client, spec)
        assert run.parameters["database_url"] is None
        assert "hunter2" not in run.model_dump_json()


def test_importing_the_flows_starts_nothing(tmp_path: Path, server: Server) -> None:
    """No thread, no socket to a server, no file, no telemetry."""
    code = (
        "import threading, json, flows.polymer, flows.deployments, prefect.settings as s;"
        "print(json.dumps([threading.active_count(), s.get_current_settings().server.analytics_enabled,"
        " s.get_current_settings().server.ephemeral.enabled]))"
    )
    environment = {k: v for k, v in server.environment.items() if not k.startswith(("PREFECT_", "DO_NOT"))}
    environment |= {"PREFECT_HOME": str(tmp_path / "prefect")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [1, False, False]
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left == []


def test_the_command_line_runs_through_prefect(on_server: Server, tmp_path: Path, tiny_spec: StudySpec) -> None:
    protocol = tmp_path / "tiny.yaml"
    protocol.write_text(tiny_spec.protocol.to_yaml())
    options = ["--units", "8", "--chains", "2", "--charges", "gasteiger", "--start-density", "0.1", "--threads", "1"]
    command = [sys.executable, "-m", "polyomics.cli", "run", "*CC*", *options, "--protocol", str(protocol), "--json"]
    environment = {**on_server.environment, "POLYOMICS_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (study,) = json.loads(done.stdout)
    assert study["status"] == "done"
    assert "/runs/flow-run/" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Flow run" not in done.stderr
    tagged = FlowRunFilter(tags=FlowRunFilterTags(all_=[f"study:{study['key']}"]))
    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs(flow_run_filter=tagged)
    assert run.state.is_completed()
