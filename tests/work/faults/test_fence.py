"""An attempt that slept while its study was given to another wakes up: it changes no file and no row."""

import signal
from typing import Any

import pytest
from disturbed import Place, assert_as_undisturbed, checksums, kill, wait_until

from polyomics.spec import StudySpec

WHERE: dict[str, dict[str, Any]] = {
    "before it takes the folder": {"at": "polyomics.work.folder:RunFolder._changing"},
    "with a segment to be made to count": {"at": "polyomics.md.runner:_StageRun._commit", "call": 4},
    "with the results in its hands": {"at": "polyomics.database.store:Store.finish_study"},
}


@pytest.mark.parametrize("where", ["with a segment to be made to count"])
def test_an_old_attempt_that_wakes_up_changes_nothing(
    sqlite_place: Place, spec: StudySpec, undisturbed: Place, where: str
) -> None:
    sleep_and_wake(sqlite_place, spec, undisturbed, where)


@pytest.mark.slow
@pytest.mark.parametrize("where", list(WHERE))
def test_wherever_an_old_attempt_slept(postgres_place: Place, spec: StudySpec, undisturbed: Place, where: str) -> None:
    sleep_and_wake(postgres_place, spec, undisturbed, where)


def sleep_and_wake(place: Place, spec: StudySpec, undisturbed: Place, where: str) -> None:
    place.submit(spec)
    place.add_fault(**WHERE[where], kind="SIGSTOP")
    old_worker = place.start_worker()
    wait_until(lambda: not place.faults_left(), "the study's process sleeps", place)
    (old,) = place.children()
    new_worker = place.start_worker(faulty=False)
    wait_until(lambda: place.status(spec.key) in ("done", "failed"), "another has ended the study", place)
    assert_as_undisturbed(place, spec.key, undisturbed)
    wait_until(lambda: place.children() == [old], "the page is written", place)
    new_worker.terminate()
    new_worker.wait()
    files, rows = checksums(place.folder(spec.key), without=("logs/",)), place.study(spec.key)
    attempts = place.attempts(spec.key)
    assert [a.outcome for a in attempts] == ["lost", "done"]

    assert kill(old, signal.SIGCONT)
    wait_until(lambda: not place.children(), "it has ended", place)
    old_worker.terminate()
    old_worker.wait()
    assert ": given back" in (place.home / "worker-0.log").read_text()
    assert checksums(place.folder(spec.key), without=("logs/",)) == files
    assert place.study(spec.key) == rows
    assert place.attempts(spec.key) == attempts
