"""`polyomics worker` as a process of its own: it works, it leaves, it gives back what it cannot finish."""

import os
import re
import signal
from collections.abc import Callable

import pytest
from disturbed import Place, assert_as_undisturbed, disturbed_spec, kill, wait_until
from postgres import PostgresServer
from site_of_work import FIRST, ON_CPU, SECOND, WORKER, Node, Site

from polyomics.database.store import Store
from polyomics.database.submission import put_studies
from polyomics.spec import StudySpec
from polyomics.study import new_study

Stop = Callable[..., int]


def last_log(site: Site) -> str:
    return (site.home / f"worker-{len(site.processes) - 1}.log").read_text()


def test_it_works_through_the_queue_and_leaves(site: Site) -> None:
    specs = [disturbed_spec(seed) for seed in (0, 1)]
    site.submit(*specs)
    assert site.work("--once", "--slots", "2", *ON_CPU) == 0
    assert [site.status(spec.key) for spec in specs] == ["done"] * 2
    row = site.row()
    assert (row.state, row.note, row.pool, row.slots) == ("stopped", "the queue is empty", "test", 2)
    assert all(attempt.worker == "tested" for spec in specs for attempt in site.attempts(spec.key))
    assert all(re.match(r"\d{4}-\d\d-\d\d .* (INFO|WARNING) ", line) for line in last_log(site).splitlines())


def test_it_leaves_after_an_idle_time_and_measures_before(site: Site) -> None:
    command = [word for word in WORKER if word != "--no-benchmark"]
    assert site.work("--idle-exit", "0.5", *ON_CPU, command=command) == 0
    assert re.search(r"speed of 992 atoms at 4 fs: [\d.]+ ns/day in 1 slots on CPU", last_log(site))
    assert "no GPU is used; 1 slots with 1 CPU threads each" in last_log(site)
    assert (site.row().ns_per_day or 0) > 0


def test_drained_it_gives_back_every_segment_and_another_goes_on(
    site: Site, long_spec: StudySpec, long_undisturbed: Place, stop: Stop
) -> None:
    site.submit(long_spec)
    worker = site.start(*ON_CPU)
    site.wait_for_segments(long_spec.key, 5)
    assert stop(worker) == 0
    n_segments = site.n_segments(long_spec.key)
    assert 5 <= n_segments < long_undisturbed.n_segments(long_spec.key)
    assert site.status(long_spec.key) == "queued"
    assert [attempt.outcome for attempt in site.attempts(long_spec.key)] == ["released"]
    assert site.row().note == "SIGTERM was received"
    kept = {path: path.stat().st_mtime_ns for path in site.folder(long_spec.key).glob("stages/*/state.*")}
    assert site.work("--once", *ON_CPU, "--name", "other") == 0
    assert_as_undisturbed(site, long_spec.key, long_undisturbed)
    assert [attempt.outcome for attempt in site.attempts(long_spec.key)] == ["released", "done"]
    redone = [path for path, written_ns in kept.items() if path.exists() and path.stat().st_mtime_ns != written_ns]
    assert redone == []


def test_a_second_signal_does_not_wait_for_the_checkpoint(site: Site, endless_spec: StudySpec, stop: Stop) -> None:
    site.submit(endless_spec)
    worker = site.start(*ON_CPU, "--grace", "3600")
    site.wait_for_segments(endless_spec.key, 3)
    worker.send_signal(signal.SIGTERM)
    wait_until(lambda: "draining" in last_log(site), "the worker drains", site)
    assert worker.poll() is None
    assert stop(worker, signal.SIGTERM) == 0
    assert "hurrying" in last_log(site)
    assert site.status(endless_spec.key) == "queued"
    assert site.attempts(endless_spec.key)[0].outcome == "released"


@pytest.mark.slow
def test_a_process_that_does_not_stop_is_killed_and_nothing_is_charged_to_its_study(
    site: Site, endless_spec: StudySpec, stop: Stop
) -> None:
    site.submit(endless_spec)
    worker = site.start(*ON_CPU, "--grace", "0")
    site.wait_for_segments(endless_spec.key, 3)
    (child,) = site.children()
    os.kill(child, signal.SIGSTOP)
    assert stop(worker) == 0
    assert "is killed" in last_log(site)
    assert [attempt.outcome for attempt in site.attempts(endless_spec.key)] == ["released"]
    assert site.children() == []


def test_a_study_of_another_pool_is_left(site: Site) -> None:
    mine, theirs = disturbed_spec(0), disturbed_spec(1)
    with Store.open(site.url) as store, store.writing() as connection:
        put_studies(connection, [new_study(mine)], pool="test")
        put_studies(connection, [new_study(theirs)], pool="other")
    assert site.work("--once", *ON_CPU) == 0
    assert (site.status(mine.key), site.status(theirs.key)) == ("done", "queued")


def test_near_its_end_it_takes_only_what_reaches_a_checkpoint(site: Site) -> None:
    short, long = disturbed_spec(0), disturbed_spec(1)
    with Store.open(site.url) as store:
        store.add_study(new_study(long).model_copy(update={"segment_gpu_s": 3000.0}))
        store.add_study(new_study(short).model_copy(update={"segment_gpu_s": 1e-3}))
    assert site.work("--once", *ON_CPU, "--walltime", "30:00", "--grace", "5") == 0
    assert (site.status(short.key), site.status(long.key)) == ("done", "queued")
    assert site.work("--once", *ON_CPU, "--walltime", "40", "--grace", "5") == 0
    assert site.row().note == "the time left is too short for another study"
    assert site.attempts(long.key) == []


@pytest.mark.slow
def test_it_drains_by_itself_before_its_walltime_ends(site: Site, endless_spec: StudySpec) -> None:
    with Store.open(site.url) as store:
        store.add_study(new_study(endless_spec).model_copy(update={"segment_gpu_s": None}))
    assert site.work(*ON_CPU, "--walltime", "80", "--grace", "1") == 0
    assert site.row().note == "the walltime ends"
    assert [attempt.outcome for attempt in site.attempts(endless_spec.key)] == ["released"]


def test_a_broken_machine_quarantines_itself(site: Site) -> None:
    specs = [disturbed_spec(seed) for seed in range(4)]
    site.submit(*specs)
    for spec in specs:
        site.folder(spec.key).parent.mkdir(exist_ok=True)
        site.folder(spec.key).write_text("in the way")
    assert site.work(*ON_CPU) == 1
    row = site.row()
    assert row.state == "quarantined"
    assert row.note.startswith("3 studies in a row met trouble on this machine: NotStarted: its process cannot be")
    attempts = [site.attempts(spec.key) for spec in specs]
    assert [[attempt.outcome for attempt in one] for one in attempts] == [["error"], ["error"], ["error"], []]
    assert [site.status(spec.key) for spec in specs] == ["queued"] * 4


def test_one_troubled_study_is_not_the_machines_fault(site: Site) -> None:
    bad, good = disturbed_spec(0), disturbed_spec(1)
    site.submit(bad, good)
    site.folder(bad.key).parent.mkdir(exist_ok=True)
    site.folder(bad.key).write_text("in the way")
    assert site.work("--once", *ON_CPU) == 0
    assert (site.status(bad.key), site.status(good.key)) == ("failed", "done")


def test_processes_that_cannot_begin_quarantine_it_too(site: Site) -> None:
    specs = [disturbed_spec(seed) for seed in range(4)]
    site.submit(*specs)
    broken = site.home / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import os, signal, sys\nif 'polyomics.work.child' in sys.orig_argv: os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    assert site.work(*ON_CPU, environment={"PYTHONPATH": str(broken)}) == 1
    assert "ProcessDied: its process ended with signal SIGSEGV" in site.row().note
    assert sum(len(site.attempts(spec.key)) for spec in specs) == 3


def test_the_name_of_a_living_worker_is_refused_that_of_a_dead_one_taken_over(site: Site, stop: Stop) -> None:
    first = site.start(*ON_CPU)
    wait_until(lambda: "takes studies" in last_log(site), "the worker works", site)
    row = site.row()
    assert site.work("--once", *ON_CPU) == 2
    assert f"a worker 'tested' is at work here (process {first.pid}); give another --name" in last_log(site)
    kill(first.pid)
    first.wait()
    assert site.work("--once", *ON_CPU) == 0
    assert (site.row().id, site.row().state) == (row.id, "stopped")


def test_it_outlives_its_database(postgres_site: tuple[Site, PostgresServer], stop: Stop) -> None:
    site, server = postgres_site
    spec = disturbed_spec()
    worker = site.start(*ON_CPU)
    wait_until(lambda: "takes studies" in last_log(site), "the worker works", site)
    server.kill()
    wait_until(lambda: "does not answer" in last_log(site), "the worker misses the database", site)
    server.restart()
    wait_until(lambda: "answers again" in last_log(site), "the worker has found it again", site)
    assert last_log(site).count("does not answer") == 1
    site.submit(spec)
    wait_until(lambda: site.status(spec.key) == "done", "the study is done", site)
    assert stop(worker) == 0


def test_a_death_while_the_database_is_away_is_told_when_it_is_back(
    postgres_site: tuple[Site, PostgresServer], long_spec: StudySpec, stop: Stop
) -> None:
    site, server = postgres_site
    site.submit(long_spec)
    worker = site.start(*ON_CPU)
    site.wait_for_segments(long_spec.key, 4)
    (child,) = site.children()
    server.kill()
    kill(child)
    wait_until(lambda: "does not answer" in last_log(site), "the worker misses the database", site)
    server.restart()
    wait_until(lambda: len(site.attempts(long_spec.key)) > 1, "the study is taken anew", site)  # leases last 180 s
    first = site.attempts(long_spec.key)[0]
    assert (first.outcome, first.error_kind) == ("lost", "ProcessDied")
    assert first.error_message == "its process ended with signal SIGKILL"
    assert stop(worker) == 0


@pytest.mark.slow
def test_it_drains_while_the_database_is_away(
    postgres_site: tuple[Site, PostgresServer], long_spec: StudySpec, stop: Stop
) -> None:
    site, server = postgres_site
    site.submit(long_spec)
    worker = site.start(*ON_CPU, "--grace", "2")
    site.wait_for_segments(long_spec.key, 4)
    server.kill()
    assert stop(worker) == 0
    assert site.children() == []
    server.restart()
    assert site.n_segments(long_spec.key) >= 4


def test_slots_are_spread_over_the_cards_and_share_them_through_mps(
    site: Site, gpu_node: Node, endless_spec: StudySpec, stop: Stop
) -> None:
    specs = [endless_spec.model_copy(update={"seed": seed}) for seed in range(3)]
    site.submit(*specs)
    worker = site.start("--slots", "3", "--threads", "1", environment={"PATH": gpu_node.path})
    wait_until(lambda: len(site.children()) == 3, "three studies run", site)
    environments = sorted(
        (environment["CUDA_VISIBLE_DEVICES"], environment.get("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"))
        for environment in map(site.environment_of, site.children())
    )
    assert environments == [(FIRST, "100"), (FIRST, "100"), (SECOND, None)]
    assert sorted(site.attempts(spec.key)[0].device for spec in specs) == [FIRST, FIRST, SECOND]
    assert site.row().devices == (f"{FIRST} (NVIDIA H200)", f"{SECOND} (NVIDIA H200)")
    worker.send_signal(signal.SIGTERM)
    assert stop(worker) == 0
    assert [call["input"] for call in gpu_node.calls("nvidia-cuda-mps-control")] == ["", "quit\n"]


def test_processes_that_fall_together_on_a_shared_card_fell_by_one_fault(
    site: Site, gpu_node: Node, endless_spec: StudySpec, stop: Stop
) -> None:
    specs = [endless_spec.model_copy(update={"seed": seed}) for seed in range(2)]
    site.submit(*specs)
    options = ("--slots", "2", "--threads", "1", "--devices", "1")
    worker = site.start(*options, environment={"PATH": gpu_node.path})
    for spec in specs:
        site.wait_for_segments(spec.key, 1)
    for child in site.children():
        kill(child)
    wait_until(lambda: all(len(site.attempts(spec.key)) == 2 for spec in specs), "both are taken anew", site)
    for spec in specs:
        first = site.attempts(spec.key)[0]
        assert (first.outcome, first.error_kind) == ("error", "MpsFault")
    wait_until(lambda: len(site.children()) == 2, "both run again", site)
    for child in site.children():
        environment = site.environment_of(child)
        assert environment["CUDA_MPS_PIPE_DIRECTORY"].endswith("polyomics-no-mps")
        assert environment["CUDA_VISIBLE_DEVICES"] == SECOND
    assert site.row().state == "working"
    worker.send_signal(signal.SIGTERM)
    assert stop(worker) == 0


def test_a_gpu_that_openmm_does_not_reach_is_no_place_to_work(site: Site, gpu_node: Node) -> None:
    command = [word for word in WORKER if word != "--no-benchmark"]
    site.submit(disturbed_spec())
    assert site.work(command=command, environment={"PATH": gpu_node.path}) == 1
    assert "OpenMM does not reach the GPU and would compute on the CPU; pip install 'polyomics[cuda]'" in last_log(site)
    assert site.attempts(disturbed_spec().key) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--slots", "0"], "Invalid value for '--slots'"),
        (["--walltime", "soon"], "'soon' is no duration; write seconds (3600)"),
        (["--walltime", "5", "--walltime-from-slurm"], "two answers to one question"),
        (["--walltime-from-slurm"], "this is no Slurm job: SLURM_JOB_ID is not set"),
        (["--idle-exit", "later"], "'later' is no duration"),
        (["--precision", "half"], "'half' is no precision; there are single, mixed, double"),
        (["--platform", "Abacus"], "OpenMM platform 'Abacus' is not installed here; there are"),
        (["--devices", "7"], "there is no GPU '7'"),
        (["--pool", "a pool"], "--pool 'a pool': a pool's name has"),
        (["--sluts", "2"], "No such option: --sluts"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(site: Site, gpu_node: Node, options: list[str], sentence: str) -> None:
    assert site.work(*options, environment={"PATH": gpu_node.path}) == 2
    lines = last_log(site).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert sentence in lines[0]


@pytest.mark.slow
def test_a_prefect_server_that_is_away_is_no_reason_not_to_work(site: Site) -> None:
    spec = disturbed_spec()
    site.submit(spec)
    environment = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "PREFECT_HOME": str(site.home / "prefect")}
    assert site.work("--once", *ON_CPU, environment=environment) == 0
    assert "shown in Prefect once its server answers" in last_log(site)
    assert site.status(spec.key) == "done"
