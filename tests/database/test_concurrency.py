"""Several processes write at once, and some are killed while they do."""

import re
import subprocess
import time
from collections.abc import Callable

from sqlalchemy import text

from polyomics.database import Store
from polyomics.records import Measurement

N_STUDIES = 10

WRITE = """
import sys, time
from polyomics.database import NewStudy, Polymer, StageRecord, Store
from polyomics.database.queue import Queue
from polyomics.database.rows import Holder
from polyomics.errors import StudyBusy
from polyomics.records import Measurement
url, worker, n_studies = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
polymer = Polymer(key="a1b2", psmiles="*CC*", formula="C2H4", molar_mass_g_mol=28.054)
def claim(key):
    while True:
        try:
            return Queue(store).claim(key, Holder(host="here"))
        except StudyBusy:
            time.sleep(0.005)
with Store.open(url) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    slowest = 0.0
    for i in range(n_studies):
        begun = time.perf_counter()
        for key in (f"own{worker}-{i}", f"common-{i}"):
            store.add_study(NewStudy(key=key, polymer=polymer, spec={"i": i}, preset="demo", seed=i, replicate=0,
                            temperature_k=300, pressure_bar=1, run_folder="runs/" + key))
            held = claim(key).attempt_id
            step = StageRecord(sequence=0, name="npt", kind="npt", status="done")
            store.record_stage(key, step, attempt_id=held)
            values = [Measurement(name=f"p{(j * (1 if worker % 2 else 7)) % 10}", value=i, stderr=0.1,
                                  unit="1", n_independent=5) for j in range(10)]
            store.finish_study(key, values, provenance={"openmm": "8.6", "rdkit": "1"}, attempt_id=held)
        slowest = max(slowest, time.perf_counter() - begun)
    print(slowest)
"""


def test_four_processes_write_at_once(url: str, start_python: Callable[..., "subprocess.Popen[str]"]) -> None:
    """Own studies and common ones; nobody is refused, nothing is lost, nothing is there twice."""
    processes = [start_python(WRITE, url, str(worker), str(N_STUDIES)) for worker in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert float(out) < 30
    with Store.open(url) as store, store.reading() as connection:
        studies, values = (
            connection.execute(text(f"SELECT count(*) FROM {name}")).scalar() for name in ("study", "measurement")
        )
        assert studies == 5 * N_STUDIES
        assert values == 10 * 5 * N_STUDIES
        assert connection.execute(text("SELECT count(*) FROM polymer")).scalar() == 1
    with Store.open(url) as store:
        assert store.counts()["done"] == 5 * N_STUDIES


DIE = """
import os, signal, sys
from polyomics.database import Store
from polyomics.records import Measurement
def values():
    for i in range(5000):
        yield Measurement(name=f"p{i}", value=i, stderr=0.1, unit="1", n_independent=5)
def artifacts():
    os.kill(os.getpid(), signal.SIGKILL)
    yield
with Store.open(sys.argv[1]) as store:
    store.finish_study(sys.argv[2], values(), artifacts=artifacts())
"""


def test_killed_inside_a_transaction(
    url: str,
    add_study: Callable[..., str],
    density: Callable[..., Measurement],
    start_python: Callable[..., "subprocess.Popen[str]"],
    claim: Callable[..., object],
) -> None:
    """5,000 values are written but not committed when the writer dies: none of them is there."""
    with Store.open(url) as store:
        key = add_study(store)
        claim(store, key)
        process = start_python(DIE, url, key)
        process.communicate(timeout=60)
        assert process.returncode == -9
        study = store.study(key)
        assert (study.status, study.measurements) == ("running", ())
        store.finish_study(key, [density()])
        assert store.study(key).status == "done"
    with Store.open(url) as store:
        assert len(store.study(key).measurements) == 1


FOREVER = """
import itertools, sys
from polyomics.database import Store
from polyomics.records import Measurement
with Store.open(sys.argv[1]) as store:
    for i in itertools.count(1):
        one = dict(value=i, stderr=0.1, unit="1", n_independent=5)
        values = [Measurement(name=f"p{j}", **one) for j in range(50)]
        store.record_measurements(sys.argv[2], values)
        print(i, flush=True)
"""


def test_killed_at_any_moment(
    url: str, add_study: Callable[..., str], start_python: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """What was reported as written is there, and a set of values is never half old, half new."""
    with Store.open(url) as store:
        key = add_study(store)
        last = 0
        for wait_s in (0.013, 0.029, 0.054):
            process = start_python(FOREVER, url, key)
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(wait_s)
            process.kill()
            out, err = process.communicate()
            assert not re.search("Error", err), err
            reported = max(map(int, re.findall(r"^(\d+)\n", out, re.MULTILINE)), default=1)
            values = {m.value for m in store.study(key).measurements}
            assert len(values) == 1
            assert values <= {reported, reported + 1}
            last = max(last, reported)
        assert last > 1


def test_reader_sees_one_state(url: str, add_study: Callable[..., str], density: Callable[..., Measurement]) -> None:
    """A long read, such as an export, is not disturbed by what is written meanwhile, and disturbs nobody."""
    count = text("SELECT count(*) FROM measurement")
    with Store.open(url) as store, Store.open(url, read_only=True) as reader:
        key = add_study(store)
        with reader.reading() as connection:
            before = connection.execute(count).scalar()
            store.record_measurements(key, [density()])
            assert connection.execute(count).scalar() == before == 0
        with reader.reading() as connection:
            assert connection.execute(count).scalar() == 1
