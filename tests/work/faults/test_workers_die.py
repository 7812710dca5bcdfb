"""The worker dies, or worker and study at once: somebody else goes on from the last checkpoint."""

import os
import signal

import pytest
from disturbed import Place, assert_as_undisturbed, kill, wait_until

from polyomics.spec import StudySpec


def started(place: Place, spec: StudySpec, **settings: float) -> tuple[int, int]:
    """A worker with a study that has some segments: their processes."""
    place.submit(spec)
    worker = place.start_worker(faulty=False, **settings)
    wait_until(lambda: place.n_segments(spec.key) >= 3, "some segments are there", place)
    return worker.pid, place.children()[0]


def finish(place: Place, spec: StudySpec) -> None:
    place.start_worker(faulty=False)
    wait_until(lambda: place.status(spec.key) in ("done", "failed"), "the study has ended", place)


def test_without_its_worker_a_study_is_given_back_and_the_next_worker_ends_it(
    sqlite_place: Place, spec: StudySpec, undisturbed: Place
) -> None:
    place = sqlite_place
    worker, child = started(place, spec, lease_s=600.0)
    kill(worker)
    place.processes[0].wait()
    wait_until(lambda: not place.children(), "the study's process has stopped", place)
    assert [a.outcome for a in place.attempts(spec.key)] == ["released"]
    assert place.attempts(spec.key)[0].pid == child
    n_segments = place.n_segments(spec.key)
    finish(place, spec)
    assert n_segments >= 3
    assert_as_undisturbed(place, spec.key, undisturbed)


@pytest.mark.slow
def test_worker_and_study_killed_at_once_cost_a_lease(place: Place, spec: StudySpec, undisturbed: Place) -> None:
    worker, child = started(place, spec)
    os.kill(worker, signal.SIGSTOP)  # so that it cannot see its child die
    kill(child)
    kill(worker)
    place.processes[0].wait()
    assert place.status(spec.key) == "running"  # nobody was left to say otherwise
    finish(place, spec)
    assert_as_undisturbed(place, spec.key, undisturbed)
    assert [a.outcome for a in place.attempts(spec.key)] == ["lost", "done"]


@pytest.mark.slow
def test_a_study_asked_to_stop_while_python_still_starts_is_given_back(
    sqlite_place: Place, spec: StudySpec, undisturbed: Place
) -> None:
    place = sqlite_place
    place.submit(spec)
    place.start_worker(faulty=False)
    wait_until(lambda: bool(place.children()), "the study's process is there", place)
    assert kill(place.children()[0], signal.SIGTERM)
    wait_until(lambda: bool(place.attempts(spec.key)[0].ended), "the attempt has ended", place)
    assert place.attempts(spec.key)[0].outcome == "released"
    wait_until(lambda: place.status(spec.key) in ("done", "failed"), "the study has ended", place)
    assert_as_undisturbed(place, spec.key, undisturbed)
