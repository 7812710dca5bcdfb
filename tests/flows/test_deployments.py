"""The flow, registered and run from elsewhere."""

import time
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_server import Server, own_process

from flows import deployments
from polyomics.database.store import Store
from polyomics.spec import StudySpec

LIMIT_S = 90.0


def test_a_served_flow_runs_what_is_asked_for(on_server: Server, tmp_path: Path, tiny_spec: StudySpec) -> None:
    """Home and database come from the environment of the process that serves."""
    spec = tiny_spec.model_copy(update={"replicate": 9})
    home = tmp_path / "home"
    environment = {
        **on_server.environment,
        "POLYOMICS_HOME": str(home),
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "TMPDIR": str(tmp_path),
    }
    log = tmp_path / "serve.log"
    forget_scheduled_runs()
    with own_process(["-m", "flows.deployments", "serve"], environment, log), get_client(sync_client=True) as client:
        deadline = time.monotonic() + LIMIT_S
        while True:
            try:
                deployment = client.read_deployment_by_name("polymer/study")
                break
            except ObjectNotFound:
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.3)
        parameters = {"spec": spec.model_dump(mode="json"), "hardware": {"platform": "CPU", "threads": 1}}
        run = client.create_flow_run_from_deployment(deployment.id, parameters=parameters)
        while not run.state.is_final():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.3)
            run = client.read_flow_run(run.id)
    assert run.state.is_completed(), log.read_text()
    assert f"study:{spec.key}" in run.tags
    assert spec.key[:8] in run.name
    with Store.open(f"sqlite:///{home / 'polyomics.db'}", read_only=True) as store:
        assert store.study(spec.key).status == "done"


def forget_scheduled_runs() -> None:
    """Runs that other tests left waiting would be taken first."""
    scheduled = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])))
    with get_client(sync_client=True) as client:
        while runs := client.read_flow_runs(flow_run_filter=scheduled):
            for run in runs:
                client.delete_flow_run(run.id)


def test_deploying_to_a_pool_names_a_module_and_no_path(on_server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate

    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="gpu", type="process"))
        assert deployments.main(["deploy", "--pool", "gpu"]) == 0
        deployment = client.read_deployment_by_name("polymer/study")
    assert "gpu" in capsys.readouterr().out
    assert deployment.work_pool_name == "gpu"
    assert deployment.entrypoint == "flows.polymer.polymer"
    assert deployment.path is None or not Path(deployment.path).is_absolute()


def test_without_a_server_it_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert deployments.main(["serve"]) == 2
    assert "prefect server start" in capsys.readouterr().err
