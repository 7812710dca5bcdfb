"""The flow `polymer`: one study, one task a step, in the Prefect dashboard.

The flow only wires: what a step does, whether it is done already and what fails is `polyomics.study`'s
business, and our database and run folders stay the truth. Prefect starts, logs and shows. It is never called
while MD steps: tasks of a flow keep their state to themselves and send it in the background.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow, get_run_logger, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas import State
from prefect.states import Completed, Failed
from prefect.utilities.urls import url_for

from flows import states
from flows.caller import Caller, called_by, caller
from flows.dashboard import in_words, report_artifact, run_name, run_tags, summary
from flows.server import check_server, outlasting_the_server, quiet_console, without_losing_the_study
from polyomics import config
from polyomics.database.connection import masked
from polyomics.database.dashboard import set_flow_runs, shown
from polyomics.database.store import Store
from polyomics.errors import InvalidSettings, StorageUnavailable, StudyCancelled
from polyomics.md.progress import Progress, Report, silent
from polyomics.spec import StudySpec
from polyomics.study import Step, StudyResult, run_study
from polyomics.work.hold import Hold

if TYPE_CHECKING:
    from polyomics.md.engine import Hardware


def run_polymer(
    spec: StudySpec,
    *,
    home: Path | None = None,
    database_url: str | None = None,
    hardware: Hardware | None = None,
    report: Report = silent,
) -> StudyResult:
    """Carry out a study as a flow run on the Prefect server that is configured; see `run_study`.

    Args:
        spec: What to do.
        home: Folder of runs and caches; `POLYOMICS_HOME` by default.
        database_url: Where results go; `POLYOMICS_DATABASE_URL` by default. A password in it stays in
            this process.
        hardware: Where MD runs.
        report: Takes progress reports, first of all the address of the run in the dashboard.

    Returns:
        The result, also of a study that failed; its flow run then is in state Failed.

    Raises:
        ServerUnavailable: No Prefect server is configured, or it does not answer, or refuses us, or went
            away before the study was done.
        UserError: As `run_study`.
    """
    check_server()
    url = database_url or config.database_url()
    parameters = {
        "spec": spec.model_dump(mode="json"),
        "home": str(home or config.home()),
        "database_url": None if _has_password(url) else url,
        "hardware": asdict(hardware) if hardware else None,
    }
    someone = Caller(report, url, Hold(), is_present=True)
    with called_by(someone), quiet_console(), outlasting_the_server(lambda: someone.result is not None):
        state = polymer(**parameters, return_state=True)
    if someone.result is None:
        state.result()  # raises what ended the flow before the study did
        raise RuntimeError(f"the flow run ended in state {state.name} without a result: {state.message}")
    return someone.result


@flow(
    name="polymer",
    flow_run_name=lambda: run_name(runtime.flow_run.parameters),
    retries=0,  # a flow that retries itself can be stranded when it is rescheduled; a rerun resumes anyway
    persist_result=False,
    result_serializer="json",  # nothing is unpickled that another party could have written
)
def polymer(
    spec: dict[str, Any],
    home: str | None = None,
    database_url: str | None = None,
    hardware: dict[str, Any] | None = None,
) -> State[StudyResult]:
    """Carry out one study; what is already there is not done again.

    Args:
        spec: A `StudySpec` as JSON.
        home: Folder of runs and caches; `POLYOMICS_HOME` of the process that runs the flow by default.
        database_url: Where results go, without a password, since Prefect shows parameters;
            `POLYOMICS_DATABASE_URL` of the process that runs the flow by default.
        hardware: Where MD runs: platform, threads, device, precision.
    """
    someone = caller()
    if database_url and _has_password(database_url):
        raise InvalidSettings(
            f"the flow parameter database_url {masked(database_url)} has a password, and Prefect stores and shows "
            f"parameters; set {config.DATABASE_VARIABLE} where the flow runs, and change that password"
        )
    study = StudySpec.model_validate(spec)
    _announce(study, someone.report)
    url = someone.database_url or database_url or config.database_url()
    note = partial(_note_run, study, url)
    try:
        result = run_study(
            study,
            home=Path(home) if home else None,
            database_url=url,
            hardware=_hardware(hardware),
            report=someone.report,
            carry_out=partial(_carry_out_as_task, note=note),
            hold=someone.hold,
        )
    except StudyCancelled as error:
        if someone.is_present:
            raise
        return states.cancelled(str(error))
    someone.result = result
    with without_losing_the_study("the artifact with the results"):
        report_artifact(study, result)
    if result.status == "failed":
        return Failed(message=summary(result), data=result)
    name = "Existing" if result.status == "existing" else None
    return Completed(message=summary(result), data=result, name=name)


def _carry_out_as_task(step: Step, *, note: Callable[[], None]) -> dict[str, Any]:
    """Run a step of the study as a task of its name, and log what it says of itself at its end."""
    note()

    @task(
        name=step.name,
        task_run_name=step.name,
        tags=(),
        retries=0,
        cache_policy=NO_CACHE,
        persist_result=False,
        result_serializer="json",
    )
    def carry_out() -> dict[str, Any]:
        noted = step.run()
        get_run_logger().info("%s: %s", step.name, in_words(noted))
        return noted

    return carry_out()


def _note_run(study: StudySpec, url: str) -> None:
    """Say with a study that is held that this run shows it, unless another does."""
    try:
        with Store.open(url) as store:
            for known in shown(store, [study.key]):
                if known.flow_run_id is None:
                    set_flow_runs(store, {study.key: str(runtime.flow_run.id)})
    except StorageUnavailable as error:
        get_run_logger().warning("the study does not know of its run: %s", error)


def _announce(study: StudySpec, report: Report) -> None:
    """Tag the flow run, and say where it can be watched."""
    with without_losing_the_study("the tags of the flow run"), get_client(sync_client=True) as client:
        tags = {*(runtime.flow_run.tags or ()), *run_tags(study)}
        client.update_flow_run(runtime.flow_run.id, tags=sorted(tags)).raise_for_status()
    address = url_for("flow-run", obj_id=runtime.flow_run.id)
    if address:
        report(Progress(step="prefect", message=f"watch it at {address}"))


def _hardware(settings: dict[str, Any] | None) -> Hardware | None:
    if settings is None:
        return None
    from polyomics.md.engine import Hardware

    try:
        return Hardware(**settings)
    except TypeError as error:
        raise InvalidSettings(f"hardware: {error}; known are {', '.join(asdict(Hardware()))}") from error


def _has_password(url: str) -> bool:
    return "***" in masked(url)
