"""Workers whose clocks are a day wrong, on PostgreSQL: leases go by the database's clock, so they hold."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from disturbed import Place, assert_as_undisturbed, disturbed_spec, run_undisturbed, wait_until

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


@pytest.mark.slow
@pytest.mark.skipif(not FAKETIME.exists(), reason="needs the library of the program faketime")
def test_leases_hold_whatever_the_workers_think_the_time_is(
    postgres_place: Place, undisturbed: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = postgres_place
    specs = [disturbed_spec(), disturbed_spec(seed=1)]
    other = run_undisturbed(tmp_path_factory.mktemp("other"), specs[1])
    place.submit(*specs)
    started = datetime.now(UTC)
    for days in ("-1d", "+1d"):
        clock = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": days, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        place.start_worker(faulty=False, environment=clock, lease_s=60.0)
    for spec in specs:
        wait_until(lambda: place.status(spec.key) in ("done", "failed"), "the study has ended", place)  # noqa: B023
    assert_as_undisturbed(place, specs[0].key, undisturbed)
    assert_as_undisturbed(place, specs[1].key, other)
    attempts = [attempt for spec in specs for attempt in place.attempts(spec.key)]
    assert len(attempts) == 2  # nobody took what another held
    assert len({attempt.worker for attempt in attempts}) == 2
    for attempt in attempts:
        assert attempt.ended is not None
        assert started - timedelta(minutes=5) < attempt.claimed <= attempt.ended < datetime.now(UTC)
