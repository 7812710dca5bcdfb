"""PostgreSQL is killed in the middle: the study goes on, and its rows are stored when the server is back."""

import pytest
from disturbed import Place, assert_as_undisturbed, wait_until
from postgres import PostgresServer

from polyomics.spec import StudySpec


@pytest.mark.slow
def test_stages_end_while_the_database_is_away(
    postgres_place: Place, postgres: PostgresServer, spec: StudySpec, undisturbed: Place
) -> None:
    place = postgres_place
    place.submit(spec)
    place.start_worker(faulty=False, lease_s=600.0)
    wait_until(lambda: place.n_segments(spec.key) >= 2, "some segments are there", place)
    postgres.kill()
    try:
        curves = place.folder(spec.key) / "results" / "curves.json"
        wait_until(curves.exists, "everything is measured while the database is away", place)
    finally:
        postgres.restart()
    wait_until(lambda: place.status(spec.key) in ("done", "failed"), "the results are stored", place)
    assert_as_undisturbed(place, spec.key, undisturbed)
    assert [a.outcome for a in place.attempts(spec.key)] == ["done"]
