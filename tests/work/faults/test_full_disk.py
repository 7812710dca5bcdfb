"""The disk is full: the study waits for space, nothing half-written counts, and it ends as if nothing had happened."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from disks import fill, small_disk
from disturbed import Place, assert_as_undisturbed, wait_until

from polyomics.spec import StudySpec


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", megabytes=16) as folder:
        yield folder


@pytest.mark.slow
def test_a_full_disk_sends_the_study_back_until_there_is_space(
    tmp_path: Path, disk: Path, spec: StudySpec, undisturbed: Place
) -> None:
    """The database has space; the runs have none."""
    place = Place(disk, f"sqlite:///{tmp_path / 'polyomics.db'}")
    try:
        ballast = work_until_the_disk_is_full(place, spec)
        wait_until(lambda: "error" in outcomes(place, spec), "an attempt has met the full disk", place)
        ballast.unlink()
        wait_until(lambda: place.status(spec.key) in ("done", "failed"), "the study has ended", place)
        assert_as_undisturbed(place, spec.key, undisturbed)
        assert {a.error_kind for a in place.attempts(spec.key)} == {"StorageUnavailable", None}
    finally:
        place.kill_all()


@pytest.mark.slow
def test_a_full_disk_that_has_the_database_too_is_waited_for(disk: Path, spec: StudySpec, undisturbed: Place) -> None:
    place = Place(disk, f"sqlite:///{disk / 'polyomics.db'}")
    try:
        ballast = work_until_the_disk_is_full(place, spec)
        time.sleep(10.0)
        assert place.status(spec.key) == "running"
        ballast.unlink()
        wait_until(lambda: place.status(spec.key) in ("done", "failed"), "the study has ended", place)
        assert_as_undisturbed(place, spec.key, undisturbed)
    finally:
        place.kill_all()


def work_until_the_disk_is_full(place: Place, spec: StudySpec) -> Path:
    place.submit(spec)
    place.start_worker(faulty=False, lease_s=600.0)
    wait_until(lambda: place.n_segments(spec.key) >= 2, "some segments are there", place)
    return fill(place.home)


def outcomes(place: Place, spec: StudySpec) -> list[str | None]:
    return [a.outcome for a in place.attempts(spec.key)]
