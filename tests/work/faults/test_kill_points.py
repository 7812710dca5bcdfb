"""`kill -9` at every boundary of a study's life: wherever it strikes, the study ends as if nothing had happened."""

from typing import Any

import pytest
from disturbed import Place, assert_as_undisturbed, kill, wait_until

from polyomics.spec import StudySpec

IN_A_SEGMENT = {"at": "polyomics.md.engine:Running.step", "call": 2}
FILES_WITHOUT_MANIFEST = {"at": "pathlib:Path.replace", "when": "after", "match": r"state\.0001.*03-sample"}
BEFORE_THE_COMMIT = {"at": "polyomics.database.store:Store.finish_study"}

EVERYWHERE: list[dict[str, Any]] = [
    # the worker
    {"at": "polyomics.database.queue:_claim", "when": "after", "of": "worker"},  # before the claim's commit
    {"at": "polyomics.work.worker:log_file", "of": "worker"},  # claimed, nothing started
    # the process of the study
    {"at": "polyomics.database.queue:Queue.adopt"},
    {"at": "polyomics.work.folder:RunFolder.take", "when": "after"},
    {"at": "polyomics.cell.cell:Cell.save", "when": "after"},  # a cell without its notes
    IN_A_SEGMENT,
    {"at": "polyomics.files:flush", "match": r"\.state\.0001"},  # a state half-written
    FILES_WITHOUT_MANIFEST,
    {"at": "pathlib:Path.replace", "match": r"manifest\.json.*03-sample/manifest", "call": 2},  # the new one beside it
    {"at": "pathlib:Path.replace", "match": r"manifest\.json.*03-sample/manifest", "when": "after"},  # renamed
    {"at": "polyomics.md.runner:_StageRun._save"},  # all segments are there, "done" is not
    {"at": "polyomics.database.store:Store.record_stage", "match": "sample"},
    BEFORE_THE_COMMIT,
    {"at": "polyomics.database.store:end_attempt"},  # in the transaction of the results
]


@pytest.mark.parametrize("fault", [FILES_WITHOUT_MANIFEST], ids=["files without manifest"])
def test_a_study_killed_at_its_worst_moment_ends_alike(
    sqlite_place: Place, spec: StudySpec, undisturbed: Place, fault: dict[str, Any]
) -> None:
    sqlite_place.add_fault(**fault)
    run_in_spite_of_faults(sqlite_place, spec)
    assert_as_undisturbed(sqlite_place, spec.key, undisturbed)
    assert [a.outcome for a in sqlite_place.attempts(spec.key)] == ["lost", "done"]


@pytest.mark.slow
def test_a_study_killed_at_every_boundary_ends_alike(place: Place, spec: StudySpec, undisturbed: Place) -> None:
    for fault in EVERYWHERE:
        place.add_fault(**fault)
    run_in_spite_of_faults(place, spec)
    assert_as_undisturbed(place, spec.key, undisturbed)
    n_of_studies = sum(fault.get("of") != "worker" for fault in EVERYWHERE)
    lost = [a for a in place.attempts(spec.key) if a.outcome == "lost"]
    assert len(lost) == n_of_studies + 1  # and the claim whose worker died before it started anything


@pytest.mark.slow
def test_killed_after_the_commit_a_study_is_done_and_nobody_takes_it_again(
    place: Place, spec: StudySpec, undisturbed: Place
) -> None:
    place.add_fault("polyomics.study:_write_page")
    run_in_spite_of_faults(place, spec)
    assert_as_undisturbed(place, spec.key, undisturbed)
    assert [a.outcome for a in place.attempts(spec.key)] == ["done"]


def run_in_spite_of_faults(place: Place, spec: StudySpec) -> None:
    """Start workers until the study has ended; every fault must have struck by then."""
    place.submit(spec)
    worker = place.start_worker()

    def has_ended() -> bool:
        nonlocal worker
        if worker.poll() is not None:
            worker = place.start_worker()
        return place.status(spec.key) in ("done", "failed")

    wait_until(has_ended, "the study has ended", place)
    wait_until(lambda: not place.children(), "its process is gone", place)
    assert place.faults_left() == []
    kill(worker.pid)
    worker.wait()
