"""One study in Prefect: its flow run, its steps as task runs, its logs and artifacts, made to agree with our database.

Nothing here remembers anything: what is shown already is asked of the server, and only what differs is sent, so it does
not matter who shows a study, how often, how late, or what died in between. Task runs go to the server as the events
Prefect's own engine would send, with the times the database has.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas import State, TaskRun
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from pydantic import ValidationError

from flows import states
from flows.dashboard import (
    SHORT_KEY,
    in_words,
    report_description,
    report_markdown,
    shown_tags,
    stage_markdown,
    study_name,
    summary,
)
from flows.pool import QUEUES
from polyomics.database.dashboard import ShownStudy, set_flow_runs
from polyomics.database.queue import Queue
from polyomics.database.rows import StageRecord, StudyRow
from polyomics.database.store import Store
from polyomics.spec import StudySpec
from polyomics.study import StudyResult

MOST_AT_A_TIME = 100
"""Runs the server makes in one call."""
LONGEST_REASON = 200
"""Characters of what a server gives as the reason; on SQLite it is a whole statement."""
MOST_TASKS = 200
"""Task runs it tells of in one call."""

logger = logging.getLogger(__name__)


class Mirror:
    """Shows studies of a store on a server.

    Args:
        client: Of the server.
        store: Where the studies are.
        home: Folder of the runs.
        deployment_id: The deployment runs are made from.
        queues: Work queues that runs can be put into.
    """

    def __init__(
        self, client: SyncPrefectClient, store: Store, home: Path, deployment_id: UUID, queues: frozenset[str]
    ) -> None:
        self.client = client
        self.store = store
        self.deployment_id = deployment_id
        self.home = home
        self._queues = queues

    def make_runs(self, studies: Sequence[ShownStudy]) -> dict[str, str]:
        """Make flow runs that wait, in this order, and note them with their studies; runs by key.

        One that was made before is found again by the key of its study.
        """
        made: dict[str, str] = {}
        now = datetime.now(UTC)
        for start in range(0, len(studies), MOST_AT_A_TIME):
            some = studies[start : start + MOST_AT_A_TIME]
            wishes = [self._wish(study, now + timedelta(milliseconds=start + i)) for i, study in enumerate(some)]
            results = self.client.request(
                "POST",
                "/deployments/{id}/create_flow_run/bulk",  # type: ignore[arg-type]  # their list of routes lacks it
                path_params={"id": self.deployment_id},
                json=wishes,
            ).json()["results"]
            for study, result in zip(some, results, strict=True):
                if result["status"] == "CREATED":
                    made[study.key] = result["flow_run_id"]
                else:
                    reason = str(result["error"]).splitlines()[0][:LONGEST_REASON]
                    logger.warning("Prefect has made no run of study %s yet: %s", study.key, reason)
        if made:
            set_flow_runs(self.store, made)
        return made

    def show(self, study: ShownStudy) -> bool:
        """Make everything the server shows of a study agree with the database; False if it was too busy for that."""
        if study.worker is None and study.status == "running":
            return True  # run by hand, or by a worker of Prefect itself, which shows it
        run = self._run_of(study)
        if run is None:
            return False
        row = self.store.study(study.key)
        if study.worker is not None:
            self._show_identity(study, run)
            if study.status == "running" and self._set_running(run, study):
                self._log(run, self._beginning(study))
            self._show_steps(study, row, run)
        if study.status != "running":
            self._show_end(study, row, run)
        return True

    # ---------------------------------------------------------------- the run

    def _wish(self, study: ShownStudy, at: datetime) -> dict[str, Any]:
        queue = QUEUES[study.priority]
        return {
            "name": _name(study),
            "parameters": {"spec": study.spec},
            "tags": shown_tags(study),
            "idempotency_key": f"study:{study.key}",
            "state": _as_wish(states.queued(at=at)),
            **({"work_queue_name": queue} if queue in self._queues else {}),
        }

    def _run_of(self, study: ShownStudy) -> FlowRun | None:
        if study.flow_run_id is not None:
            try:
                return self.client.read_flow_run(UUID(study.flow_run_id))
            except ObjectNotFound:
                logger.info("the run of study %s is not known to the server any more; another is made", study.key)
        made = self.make_runs([study])
        return self.client.read_flow_run(UUID(made[study.key])) if study.key in made else None

    def _show_identity(self, study: ShownStudy, run: FlowRun) -> None:
        tags, name = shown_tags(study), _name(study)
        if sorted(run.tags) != tags or run.name != name:
            self.client.update_flow_run(run.id, tags=tags, name=name).raise_for_status()

    def _set_running(self, run: FlowRun, study: ShownStudy) -> bool:
        wanted = states.running(study.attempt, study.worker or "")
        if states.agrees(run.state, wanted) or states.is_wish_to_cancel(run.state):
            return False  # a wish that came after the last look at them is heard at the next one
        if run.state is not None and not run.state.is_scheduled():
            self.client.set_flow_run_state(run.id, states.queued("goes on in another attempt"), force=True)
        self.client.set_flow_run_state(run.id, wanted, force=True)
        return True

    def _show_end(self, study: ShownStudy, row: StudyRow, run: FlowRun) -> None:
        wanted = _state_of(study, row, self.home)
        if states.agrees(run.state, wanted):
            return
        if study.status in ("done", "failed"):
            self._report(study, row, run)
        lines = [*_lines_of(study, row), (datetime.now(UTC), logging.INFO, f"the study is {study.status}")]
        self._log(run, lines)
        is_behind = run.state is not None and run.state.is_scheduled() and study.status in ("done", "failed")
        if study.worker is not None and is_behind:
            self._set_running(run, study)  # it ran while the server was away
        self.client.set_flow_run_state(run.id, wanted, force=True)

    def _beginning(self, study: ShownStudy) -> list[tuple[datetime, int, str]]:
        """What is worth a line of the log at the beginning of an attempt: how the one before ended, and this one."""
        lines = []
        for before in Queue(self.store).attempts(study.key)[-2:-1]:
            words = f"attempt {before.number} on {before.worker or before.host} was {before.outcome}"
            level = logging.WARNING if before.error_message else logging.INFO
            message = f"{words}: {before.error_message}" if before.error_message else words
            lines.append((before.ended or datetime.now(UTC), level, message))
        begins = f"attempt {study.attempt} on {study.worker} begins"
        return [*lines, (study.claimed or datetime.now(UTC), logging.INFO, begins)]

    # ---------------------------------------------------------------- steps

    def _show_steps(self, study: ShownStudy, row: StudyRow, run: FlowRun) -> None:
        within = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
        told = {task.id: task for task in self.client.read_task_runs(flow_run_filter=within, limit=MOST_TASKS)}
        events: list[dict[str, Any]] = []
        lines: list[tuple[datetime, int, str]] = []
        for stage in row.stages:
            task = _task_of(run.id, stage.name, stage.sequence)
            wanted = StateType.FAILED if stage.status == "failed" else StateType.COMPLETED
            if _is_of_before(study, stage) or _is_told(told.get(task.id), wanted, stage.ended):
                continue
            if stage.detail.get("ps"):
                density = _last_density(self.home / row.run_folder / "stages", stage)
                self._artifact(f"stage-{row.key[:SHORT_KEY]}-{stage.sequence:02d}", stage_markdown(stage, density),
                               f"{stage.name} of `{row.polymer.psmiles}`", run.id, task.id)  # fmt: skip
            words = _failure_of(row, stage.name) if wanted is StateType.FAILED else in_words(stage.detail)
            level = logging.ERROR if wanted is StateType.FAILED else logging.INFO
            lines.append((stage.ended or datetime.now(UTC), level, f"{stage.name}: {words}"))
            events.append(_event(task, wanted, words, stage.started, stage.ended))
        present = _present_step(study, row)
        if present is not None:
            name, sequence, since = present
            task = _task_of(run.id, name, sequence)
            if not _is_told(told.get(task.id), StateType.RUNNING, None):
                events.append(_event(task, StateType.RUNNING, "", since, None))
                lines.append((since, logging.INFO, f"{name}: begins"))
        sent = {event["resource"]["prefect.resource.id"] for event in events}
        for task in told.values():
            is_present = present is not None and task.id == _task_of(run.id, *present[:2]).id
            if task.state_type == StateType.RUNNING and not is_present and _resource(task.id) not in sent:
                words = "the process that ran it is gone"
                events.append(_event(task, StateType.CRASHED, words, task.start_time, datetime.now(UTC)))
        self._log(run, lines)
        if events:
            self.client.request("POST", "/events", json=events)

    def _log(self, run: FlowRun, lines: Iterable[tuple[datetime, int, str]]) -> None:
        logs = [
            {
                "name": "polyomics",
                "level": level,
                "message": message,
                "timestamp": moment.isoformat(),
                "flow_run_id": str(run.id),
            }
            for moment, level, message in lines
        ]
        if logs:
            self.client.create_logs(logs)

    def _report(self, study: ShownStudy, row: StudyRow, run: FlowRun) -> None:
        try:
            spec = StudySpec.model_validate(study.spec)
        except ValidationError:
            return  # of a version whose specs are no longer read
        result = result_of(row, self.home)
        text = report_markdown(spec, result)
        self._artifact(f"study-{row.key}", text, report_description(spec, result), run.id)

    def _artifact(self, key: str, text: str, description: str, run_id: UUID, task_id: UUID | None = None) -> None:
        artifact = {"key": key, "type": "markdown", "data": text, "description": description}
        where = {"flow_run_id": str(run_id), "task_run_id": str(task_id) if task_id else None}
        self.client.request("POST", "/artifacts/", json=artifact | where)


def result_of(row: StudyRow, home: Path) -> StudyResult:
    """A stored study as the result of a run."""
    return StudyResult(
        key=row.key,
        psmiles=row.polymer.psmiles,
        status=row.status,
        measurements=row.measurements,
        failures=row.failures,
        folder=home / row.run_folder,
        criteria=row.criteria,
    )


def _name(study: ShownStudy) -> str:
    return study_name(study.spec["polymer"]["psmiles"], study.spec["preset"], study.key)


def _as_wish(state: State) -> dict[str, Any]:
    details = state.state_details.model_dump(mode="json", exclude_none=True)
    return {"type": state.type.value, "name": state.name, "message": state.message, "state_details": details}


def _state_of(study: ShownStudy, row: StudyRow, home: Path) -> State:
    if study.status == "done":
        return states.done(summary(result_of(row, home)))
    if study.status == "failed":
        return states.failed(summary(result_of(row, home)))
    if study.status == "cancelled":
        return states.cancelled()
    became = "" if study.outcome is None else f"after attempt {study.attempt}, which was {study.outcome}"
    return states.queued(became)


def _lines_of(study: ShownStudy, row: StudyRow) -> list[tuple[datetime, int, str]]:
    """What is worth a line of the log at the end of an attempt."""
    lines = [(f.created, logging.WARNING, f"{f.stage}: {f.kind}: {f.message}") for f in row.failures]
    if study.error and study.outcome in ("lost", "error"):
        now = datetime.now(UTC)
        lines.append((now, logging.WARNING, f"attempt {study.attempt} on {study.worker} ended: {study.error}"))
    return lines


def _failure_of(row: StudyRow, step: str) -> str:
    found = [f"{failure.kind}: {failure.message}" for failure in row.failures if failure.stage == step]
    return found[-1] if found else "failed"


def _is_of_before(study: ShownStudy, stage: StageRecord) -> bool:
    """Whether what is noted of a step does not count: it is being done again."""
    if stage.status not in ("done", "failed"):
        return True
    again = study.status == "running" and stage.status == "failed"
    return again and stage.ended is not None and study.claimed is not None and stage.ended <= study.claimed


def _present_step(study: ShownStudy, row: StudyRow) -> tuple[str, int, datetime] | None:
    """Name, place and beginning of the step a study that runs is at."""
    if study.status != "running" or study.claimed is None:
        return None
    names = ["charges", "cell", *(stage["name"] for stage in study.spec["protocol"]["stages"]), "measure"]
    name = str(study.progress.get("step"))
    if name not in names:
        return None
    sequence = names.index(name)
    if any(stage.sequence == sequence and stage.status == "done" for stage in row.stages):
        return None
    before = [stage.ended for stage in row.stages if stage.sequence < sequence and stage.ended]
    return name, sequence, max([study.claimed, *before])


def _last_density(stages: Path, stage: StageRecord) -> float | None:
    """Density of the cell in the last row that a stage recorded [g/cm3]; none if its tables are elsewhere."""
    tables = sorted(stages.glob(f"[0-9]*-{stage.name}/thermo.*.csv"))
    try:
        header, *rows = tables[-1].read_text(encoding="utf-8").splitlines() if tables else [""]
        return float(rows[-1].split(",")[header.split(",").index("density_g_cm3")])
    except (OSError, ValueError, IndexError):
        return None


# -------------------------------------------------------------------- task runs as events


def _task_of(run_id: UUID, name: str, sequence: int) -> TaskRun:
    """The task run of a step: one per flow run, whoever tells of it."""
    return TaskRun(
        id=uuid5(run_id, f"step {sequence}"),
        name=name,
        flow_run_id=run_id,
        task_key=f"polyomics-{name}",
        dynamic_key=str(sequence),
    )


def _is_told(told: TaskRun | None, wanted: StateType, ended: datetime | None) -> bool:
    """Whether the server knows a step to be in this state; one that failed may fail again, later."""
    if told is None or told.state_type != wanted:
        return False
    return wanted is not StateType.FAILED or told.end_time is None or ended is None or ended <= told.end_time


def _resource(task_id: UUID) -> str:
    return f"prefect.task-run.{task_id}"


def _event(
    task: TaskRun, state: StateType, message: str, started: datetime | None, ended: datetime | None
) -> dict[str, Any]:
    """What Prefect's engine would say of a task run that came into a state."""
    name = state.value.capitalize()
    occurred = ended or started or datetime.now(UTC)
    resource = {
        "prefect.resource.id": _resource(task.id),
        "prefect.resource.name": task.name,
        "prefect.run-count": "1",
        "prefect.state-message": message,
        "prefect.state-name": name,
        "prefect.state-timestamp": occurred.isoformat(),
        "prefect.state-type": state.value,
        "prefect.orchestration": "client",
    }
    run: Mapping[str, Any] = {
        "name": task.name,
        "task_key": task.task_key,
        "dynamic_key": task.dynamic_key,
        "run_count": 1,
        "flow_run_run_count": 1,
        "expected_start_time": (started or occurred).isoformat(),
        "start_time": (started or occurred).isoformat(),
        **({"end_time": ended.isoformat()} if ended else {}),
        "total_run_time": (ended - (started or ended)).total_seconds() if ended else 0.0,
    }
    return {
        "id": str(uuid5(task.id, f"{state.value} {occurred.isoformat()}")),
        "occurred": occurred.isoformat(),
        "event": f"prefect.task-run.{name}",
        "resource": resource,
        "related": [
            {"prefect.resource.id": f"prefect.flow-run.{task.flow_run_id}", "prefect.resource.role": "flow-run"}
        ],
        "payload": {
            "intended": {"from": None, "to": state.value},
            "initial_state": None,
            "validated_state": {"type": state.value, "name": name, "message": message, "state_details": {}},
            "task_run": dict(run),
        },
    }
