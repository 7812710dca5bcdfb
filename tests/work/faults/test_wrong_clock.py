"""Workers whose clocks are a day wrong, on PostgreSQL: leases go by the database's clock, so they hold."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from disturbed import Place, assert_as_undisturbed, disturbed_spec, run_undisturbed, wait_until

DAY_S = 86400


@pytest.fixture(scope="session")
def wrong_clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that makes the clock of a process wrong."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    library = tmp_path_factory.mktemp("clock") / "wrong_clock.so"
    source = Path(__file__).with_name("wrong_clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


@pytest.mark.slow
def test_leases_hold_whatever_the_workers_think_the_time_is(
    postgres_place: Place, undisturbed: Place, wrong_clock: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = postgres_place
    specs = [disturbed_spec(), disturbed_spec(seed=1)]
    other = run_undisturbed(tmp_path_factory.mktemp("other"), specs[1])
    started = datetime.now(UTC)
    dates = [(datetime.now() + timedelta(days=days)).date().isoformat() for days in (-1, 1)]
    for seconds in (-DAY_S, DAY_S):
        clock = {"LD_PRELOAD": str(wrong_clock), "WRONG_CLOCK_S": str(seconds)}
        place.start_worker(faulty=False, environment=clock, lease_s=60.0)
    logs = [place.home / f"worker-{number}.log" for number in range(2)]
    wait_until(lambda: all("takes studies" in log.read_text() for log in logs), "both workers are there", place)
    place.submit(*specs)
    for spec in specs:
        wait_until(lambda key=spec.key: place.status(key) in ("done", "failed"), "the study has ended", place)
    assert_as_undisturbed(place, specs[0].key, undisturbed)
    assert_as_undisturbed(place, specs[1].key, other)
    attempts = [attempt for spec in specs for attempt in place.attempts(spec.key)]
    assert len(attempts) == 2  # nobody took what another held
    assert len({attempt.worker for attempt in attempts}) == 2
    for attempt in attempts:
        assert attempt.ended is not None
        assert started - timedelta(minutes=5) < attempt.claimed <= attempt.ended < datetime.now(UTC)
    assert [log.read_text()[:10] for log in logs] == dates
