"""What goes in comes out, a step done twice leaves the same rows, and nothing half-done is ever seen."""

import itertools
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from polyomics.database import Artifact, NewStudy, Polymer, StageRecord, Store, tables
from polyomics.database.rows import Claim
from polyomics.database.tables import Base
from polyomics.errors import InvalidSettings, StudyNotFound
from polyomics.records import Criterion, Failure, Measurement

Claimer = Callable[..., Claim]

STARTED = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
STAGE = StageRecord(
    sequence=2,
    name="compress 3",
    kind="npt",
    status="done",
    started=STARTED,
    ended=STARTED + timedelta(hours=2),
    detail={"ps": 50.0, "restarts": 0},
)
FAILURE = Failure(stage="charges", kind="ChargesNotConverged", message="sqm stopped", workdir="runs/5eed0001/sqm")
CRITERIA = (
    Criterion(name="no_voids", verdict="fail", value=1.2, threshold=0.9, unit="nm", message="a hole of 1.2 nm"),
    Criterion(name="end_to_end", verdict="unknown", value=None, threshold=None, unit="1", message="no melt"),
    Criterion(name="equilibrium", verdict="fail", value=1, threshold=0, unit="1", message="failed: no_voids"),
)
ARTIFACT = Artifact(kind="cell", path="runs/5eed0001/cell.npz", size_bytes=123, sha256="0" * 64)
SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)


@pytest.fixture
def everything(rows_of: Callable[[str], list[tuple[Any, ...]]]) -> Callable[[], dict[str, Any]]:
    return lambda: {table: rows_of(table) for table in Base.metadata.tables}


def test_life_of_a_study(
    claim: Claimer, store: Store, add_study: Callable[..., str], density: Callable[..., Measurement]
) -> None:
    key = add_study(store)
    assert store.study(key).status == "queued"
    claim(store, key)
    assert store.counts() == {"queued": 0, "running": 1, "done": 0, "failed": 0, "cancelled": 0}
    store.record_stage(key, STAGE)
    store.record_provenance(key, {"openmm": "8.6", "platform": {"name": "CPU", "threads": 2}})
    values = [
        density(temperature_k=300, pressure_bar=1.01325),
        density(1.9, name="radius_of_gyration", unit="nm"),
    ]
    store.finish_study(key, values, criteria=CRITERIA, artifacts=[ARTIFACT])
    study = store.study(key)
    assert study.status == "done"
    assert study.polymer == Polymer(
        key="a1b2",
        psmiles="*CC*",
        formula="C2H4",
        molar_mass_g_mol=28.054,
        polymer_class="polyolefin",
        classes=("polyolefin",),
    )
    assert study.spec == {"cell": {"n_chains": 10, "density_g_cm3": 0.1}, "properties": ["density"]}
    assert study.measurements == tuple(values)
    assert study.stages == (STAGE,)
    assert study.provenance == {"openmm": "8.6", "platform": '{"name": "CPU", "threads": 2}'}
    assert study.artifacts == (ARTIFACT,)
    assert study.criteria == CRITERIA
    assert study.failures == ()
    assert study.started is not None
    assert study.ended is not None
    assert study.created <= study.started <= study.ended <= datetime.now(UTC)


@pytest.mark.parametrize("by_attempt", [False, True])
def test_every_step_twice_leaves_the_same_rows(
    by_attempt: bool,
    claim: Claimer,
    store: Store,
    add_study: Callable[..., str],
    density: Callable[..., Measurement],
    everything: Callable[[], dict[str, Any]],
) -> None:
    key = add_study(store)
    held = claim(store, key).attempt_id if by_attempt else None
    steps: list[Callable[[], object]] = [
        lambda: add_study(store),
        lambda: store.record_stage(key, STAGE, attempt_id=held),
        lambda: store.record_provenance(key, {"openmm": "8.6"}),
        lambda: store.record_measurements(key, [density(), density(temperature_k=300, pressure_bar=1)]),
        lambda: store.record_artifacts(key, [ARTIFACT]),
        lambda: store.finish_study(key, [density()], criteria=CRITERIA, attempt_id=held),
    ]
    for step in steps:
        step()
        once = everything()
        step()
        assert everything() == once


def test_adding_tells_new_from_known(store: Store) -> None:
    polymer = Polymer(key="k", psmiles="*CC*", formula="C2H4", molar_mass_g_mol=28.0)
    fields: dict[str, Any] = {"polymer": polymer, "spec": {}, "preset": "demo", "seed": 2**62, "replicate": 0}
    fields |= {"temperature_k": 300.0, "pressure_bar": 1.0, "run_folder": "runs/a"}
    assert store.add_study(NewStudy(key="a", **fields)) is True
    assert store.add_study(NewStudy(key="a", **fields)) is False
    assert store.add_study(NewStudy(key="b", **fields)) is True
    assert store.study("a").seed == 2**62
    assert {study.polymer for study in store.studies()} == {polymer}


CONDITIONS = list(itertools.product([None, 300.0, 450.0], [None, -5.0, 0.0, 1.0]))


def test_a_value_is_replaced_only_at_its_conditions(
    store: Store, add_study: Callable[..., str], density: Callable[..., Measurement]
) -> None:
    """Also where temperature or pressure is none, which SQL counts as different every time."""
    key = add_study(store)
    for value in (1.0, 2.0):
        for i, (temperature_k, pressure_bar) in enumerate(CONDITIONS):
            item = density(value + i, temperature_k=temperature_k, pressure_bar=pressure_bar, flags=("x",) * int(value))
            store.record_measurements(key, [item])
    found = store.study(key).measurements
    assert len(found) == len(CONDITIONS)
    assert {(m.temperature_k, m.pressure_bar): m.value for m in found} == {
        conditions: 2.0 + i for i, conditions in enumerate(CONDITIONS)
    }
    assert all(m.flags == ("x", "x") for m in found)


def test_a_new_judgement_replaces_the_one_before(store: Store, add_study: Callable[..., str]) -> None:
    key, other = add_study(store), add_study(store, "other")
    for study in (key, other):
        store.finish_study(study, criteria=CRITERIA)
    passed = Criterion(name="equilibrium", verdict="pass", value=0, threshold=0, unit="1", message="all passed")
    store.finish_study(key, criteria=[passed])
    assert store.study(key).criteria == (passed,)
    assert store.study(other).criteria == CRITERIA


def test_later_value_of_one_call_wins(
    store: Store, add_study: Callable[..., str], density: Callable[..., Measurement]
) -> None:
    key = add_study(store)
    store.record_measurements(key, [density(1.0), density(2.0)])
    assert [m.value for m in store.study(key).measurements] == [2.0]


def test_finishing_is_all_or_nothing(
    claim: Claimer,
    store: Store,
    add_study: Callable[..., str],
    density: Callable[..., Measurement],
    everything: Callable[[], dict[str, Any]],
) -> None:
    key = add_study(store)
    claim(store, key)
    before = everything()

    def broken() -> Iterator[Artifact]:
        yield ARTIFACT
        raise RuntimeError("the process dies here")

    with pytest.raises(RuntimeError):
        store.finish_study(key, [density()], provenance={"openmm": "8.6"}, artifacts=broken())
    assert everything() == before


def test_failure_and_rerun(
    claim: Claimer, store: Store, add_study: Callable[..., str], density: Callable[..., Measurement]
) -> None:
    key = add_study(store)
    claim(store, key)
    store.record_failure(key, Failure(stage="density", kind="NotEnoughData", message="3 samples"))
    store.fail_study(key, FAILURE)
    failed = store.study(key)
    assert failed.status == "failed"
    assert failed.ended is not None
    assert [(f.stage, f.kind, f.workdir) for f in failed.failures] == [
        ("density", "NotEnoughData", None),
        ("charges", "ChargesNotConverged", "runs/5eed0001/sqm"),
    ]
    claim(store, key)
    running = store.study(key)
    assert running.failures == ()
    assert running.ended is None
    store.finish_study(key, [density()], failures=[Failure(stage="tg", kind="NotEnoughData", message="no sweep")])
    done = store.study(key)
    assert (done.status, len(done.measurements), len(done.failures)) == ("done", 1, 1)


def test_resumed_study_keeps_its_first_start(claim: Claimer, store: Store, add_study: Callable[..., str]) -> None:
    key = add_study(store)
    claim(store, key)
    first = store.study(key).started
    claim(store, key)
    assert store.study(key).started == first


def test_any_failure_message_can_be_stored(store: Store, add_study: Callable[..., str]) -> None:
    key = add_study(store)
    message = "NUL \0, half a surrogate \udc80, a tag <script>, '; DROP TABLE study; --, \N{GREEK SMALL LETTER RHO}"
    store.fail_study(key, FAILURE.model_copy(update={"message": message}))
    (failure,) = store.study(key).failures
    assert failure.message == message.replace("\0", "\N{REPLACEMENT CHARACTER}").replace("\udc80", "?")


@SHARED
@given(
    value=st.floats(allow_nan=False, allow_infinity=False),
    stderr=st.none() | st.floats(min_value=0, allow_infinity=False),
    n_independent=st.floats(min_value=0, allow_infinity=False),
    temperature_k=st.none() | st.floats(min_value=5e-324, allow_infinity=False),
    pressure_bar=st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
def test_numbers_come_back_bit_for_bit(
    store: Store,
    add_study: Callable[..., str],
    value: float,
    stderr: float | None,
    n_independent: float,
    temperature_k: float | None,
    pressure_bar: float | None,
) -> None:
    key = add_study(store)
    measurement = Measurement(
        name="density",
        value=value,
        stderr=stderr,
        unit="g/cm3",
        n_independent=n_independent,
        flags=("few_samples",),
        temperature_k=temperature_k,
        pressure_bar=pressure_bar,
    )
    store.record_measurements(key, [measurement])
    assert measurement in store.study(key).measurements


def test_numpy_numbers(store: Store, add_study: Callable[..., str], density: Callable[..., Measurement]) -> None:
    key = add_study(store)
    value = np.float64(0.1) + np.float64(0.2)
    store.record_measurements(key, [density(value, stderr=np.float64(0.1), temperature_k=np.float64(300))])
    (found,) = store.study(key).measurements
    assert found.value == value
    assert math.copysign(1, found.value) == 1


NUMBERS = itertools.count()
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), children, max_size=3
        )
    ),
    max_leaves=8,
)


@SHARED
@given(spec=st.dictionaries(st.sampled_from("abc"), JSON, max_size=3))
def test_specs_come_back(store: Store, add_study: Callable[..., str], spec: dict[str, Any]) -> None:
    key = add_study(store, f"s{next(NUMBERS)}", spec=spec)
    assert store.study(key).spec == spec


@pytest.mark.parametrize("spec", [{"x": math.nan}, {"x": object()}, {"x": {1, 2}}])
def test_spec_that_is_no_json_is_refused(store: Store, add_study: Callable[..., str], spec: Any) -> None:
    with pytest.raises(InvalidSettings, match="JSON"):
        add_study(store, spec=spec)
    assert store.studies() == []


def test_times_are_utc_and_never_naive(store: Store, add_study: Callable[..., str]) -> None:
    key = add_study(store)
    tokyo = STARTED.astimezone(timezone(timedelta(hours=9)))
    store.record_stage(key, STAGE.model_copy(update={"started": tokyo}))
    (stage,) = store.study(key).stages
    assert stage.started == STARTED
    assert stage.started.utcoffset() == timedelta(0)
    with pytest.raises(StatementError, match="no time zone"):
        store.record_stage(key, STAGE.model_copy(update={"started": STARTED.replace(tzinfo=None)}))


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../../b", "", "C:/x", "\\x", "a\0b"])
def test_paths_stay_below_the_home_folder(store: Store, add_study: Callable[..., str], path: str) -> None:
    with pytest.raises(InvalidSettings, match="below the home folder"):
        add_study(store, run_folder=path)
    with pytest.raises(ValidationError):
        Artifact(kind="cell", path=path, size_bytes=0, sha256="0" * 64)


def test_finding_a_study(claim: Claimer, store: Store, add_study: Callable[..., str]) -> None:
    with pytest.raises(StudyNotFound, match="holds none yet"):
        store.study("abc")
    for key in ("abcd1111", "abcd2222", "ef%_3333"):
        add_study(store, key)
    assert store.study("ef").key == "ef%_3333"
    assert store.study(" abcd1 ").key == "abcd1111"
    assert store.study("ef%").key == "ef%_3333"
    with pytest.raises(StudyNotFound, match=r"several.*abcd1111, abcd2222"):
        store.study("abcd")
    with pytest.raises(StudyNotFound, match="close to it: abcd1111"):
        store.study("abdc1111")
    for prefix in ("%", "_", "", "'; --", "zzzz"):
        with pytest.raises(StudyNotFound, match="newest"):
            store.study(prefix)
    with pytest.raises(StudyNotFound):
        claim(store, "ef")  # writing wants the whole key


def test_every_writing_method_knows_its_study(
    claim: Claimer, store: Store, density: Callable[..., Measurement]
) -> None:
    for write in (
        lambda: claim(store, "none"),
        lambda: store.finish_study("none", [density()]),
        lambda: store.fail_study("none", FAILURE),
        lambda: store.record_stage("none", STAGE),
        lambda: store.record_measurements("none", [density()]),
        lambda: store.record_failure("none", FAILURE),
        lambda: store.record_provenance("none", {"a": "b"}),
        lambda: store.record_artifacts("none", [ARTIFACT]),
    ):
        with pytest.raises(StudyNotFound):
            write()


def test_listing(claim: Claimer, store: Store, add_study: Callable[..., str]) -> None:
    other = Polymer(key="c3d4", psmiles="*CCO*", formula="C2H4O", molar_mass_g_mol=44.05)
    add_study(store, "s1")
    add_study(store, "s2", polymer=other, preset="standard")
    add_study(store, "s3", replicate=1)
    claim(store, "s2")

    def keys(**filters: Any) -> list[str]:
        return [study.key for study in store.studies(**filters)]

    assert keys() == ["s3", "s2", "s1"]
    assert keys(limit=2) == ["s3", "s2"]
    assert keys(status="running") == ["s2"]
    assert keys(preset="demo") == ["s3", "s1"]
    assert keys(polymer="c3d4") == keys(polymer="*CCO*") == ["s2"]


STUDY = {
    "key": "k",
    "polymer_id": 1,
    "spec": {},
    "preset": "demo",
    "status": "queued",
    "seed": 1,
    "replicate": 0,
    "temperature_k": 300.0,
    "pressure_bar": 1.0,
    "run_folder": "runs/k",
    "schema_version": 1,
    "created": STARTED,
    "protocol_id": 1,
}
VALUE = {"study_id": 1, "name": "density", "value": 1.0, "stderr": 0.1, "unit": "g/cm3", "n_independent": 3.0}
VALUE |= {"flags": [], "conditions": ""}
FILE = {"study_id": 1, "kind": "cell", "path": "a", "size_bytes": 1, "sha256": "0" * 64}
TEST = {"study_id": 1, "name": "no_voids", "verdict": "pass", "value": None, "threshold": 1.0, "unit": "nm"}
TEST |= {"message": "none"}
STEP = {"study_id": 1, "sequence": 0, "name": "a", "kind": "npt", "status": "done", "detail": {}}
WORKER = {"name": "w", "host": "h", "pid": 1, "pool": "gpu", "slots": 1, "devices": [], "version": "1"}
WORKER |= {"state": "working", "started": STARTED, "seen": STARTED}
ATTEMPT = {"study_id": 1, "number": 1, "host": "h", "version": "1", "claimed": STARTED, "seen": STARTED}
ATTEMPT |= {"lease_until": STARTED, "progress": {}}
POLYMER = {"key": "k2", "psmiles": "*CC*", "formula": "C2H4", "molar_mass_g_mol": 28.0, "created": STARTED}


@pytest.mark.parametrize(
    ("table", "good", "bad"),
    [
        (tables.Polymer, POLYMER, {"key": "a1b2"}),
        (tables.Polymer, POLYMER, {"key": ""}),
        (tables.Polymer, POLYMER, {"molar_mass_g_mol": 0.0}),
        (tables.Study, STUDY, {"key": "5eed0001"}),
        (tables.Study, STUDY, {"key": ""}),
        (tables.Study, STUDY, {"polymer_id": 99}),
        (tables.Study, STUDY, {"status": "paused"}),
        (tables.Study, STUDY, {"status": "done"}),
        (tables.Study, STUDY, {"status": "running"}),
        (tables.Study, STUDY, {"ended": STARTED}),
        (tables.Study, STUDY, {"replicate": -1}),
        (tables.Study, STUDY, {"temperature_k": 0.0}),
        (tables.Study, STUDY, {"run_folder": "/root"}),
        (tables.Study, STUDY, {"seed": None}),
        (tables.Study, STUDY, {"protocol_id": 99}),
        (tables.Study, STUDY, {"protocol_id": None}),
        (tables.Study, STUDY, {"status": "cancelled"}),
        (tables.Study, STUDY, {"priority": 3}),
        (tables.Study, STUDY, {"priority": -1}),
        (tables.Study, STUDY, {"pool": None}),
        (tables.Study, STUDY, {"gpu_hours": -1.0}),
        (tables.Protocol, {"key": "p", "content": {}}, {"key": ""}),
        (tables.Campaign, {"name": "c", "created": STARTED}, {"name": ""}),
        (tables.Worker, WORKER, {"name": ""}),
        (tables.Worker, WORKER, {"slots": -1}),
        (tables.Worker, WORKER, {"state": "asleep"}),
        (tables.Attempt, ATTEMPT, {"study_id": 99}),
        (tables.Attempt, ATTEMPT, {"worker_id": 99}),
        (tables.Attempt, ATTEMPT, {"number": 0}),
        (tables.Attempt, ATTEMPT, {"ended": STARTED}),
        (tables.Attempt, ATTEMPT, {"outcome": "done"}),
        (tables.Attempt, ATTEMPT, {"outcome": "won", "ended": STARTED}),
        (tables.Duty, {"name": "feed", "holder": "w", "until": STARTED}, {"name": ""}),
        (tables.MeasurementRow, VALUE, {"study_id": 99}),
        (tables.MeasurementRow, VALUE, {"value": math.nan}),
        (tables.MeasurementRow, VALUE, {"value": math.inf}),
        (tables.MeasurementRow, VALUE, {"value": -math.inf}),
        (tables.MeasurementRow, VALUE, {"stderr": -0.1}),
        (tables.MeasurementRow, VALUE, {"stderr": math.inf}),
        (tables.MeasurementRow, VALUE, {"n_independent": -1.0}),
        (tables.MeasurementRow, VALUE, {"unit": ""}),
        (tables.MeasurementRow, VALUE, {"name": ""}),
        (tables.MeasurementRow, VALUE, {"temperature_k": -1.0, "conditions": "-1.0 K"}),
        (tables.MeasurementRow, VALUE, {"temperature_k": 300.0}),
        (tables.MeasurementRow, VALUE, {"conditions": "300.0 K"}),
        (tables.CriterionRow, TEST, {"study_id": 99}),
        (tables.CriterionRow, TEST, {"name": ""}),
        (tables.CriterionRow, TEST, {"verdict": "maybe"}),
        (tables.CriterionRow, TEST, {"unit": ""}),
        (tables.CriterionRow, TEST, {"value": math.inf}),
        (tables.CriterionRow, TEST, {"threshold": -math.inf}),
        (tables.Stage, STEP, {"status": "cancelled"}),
        (tables.Stage, STEP, {"sequence": -1}),
        (tables.ArtifactRow, FILE, {"size_bytes": -1}),
        (tables.ArtifactRow, FILE, {"sha256": "abc"}),
        (tables.ArtifactRow, FILE, {"path": "/etc/passwd"}),
    ],
)
def test_the_database_itself_refuses(
    url: str, add_study: Callable[..., str], table: type[Base], good: dict[str, Any], bad: dict[str, Any]
) -> None:
    """Whoever writes around the store meets the constraints, and a correct row passes."""
    with Store.open(url) as store:
        add_study(store)
        with pytest.raises((IntegrityError, DBAPIError)), store.writing() as connection:
            connection.execute(insert(table).values(**(good | bad)))
        with store.writing() as connection:
            connection.execute(insert(table).values(**good))
        if table is not tables.Polymer and table is not tables.Study:
            with pytest.raises(IntegrityError), store.writing() as connection:
                connection.execute(insert(table).values(**good))


def test_children_go_with_their_study(
    claim: Claimer,
    store: Store,
    add_study: Callable[..., str],
    density: Callable[..., Measurement],
    rows_of: Callable[[str], list[tuple[Any, ...]]],
) -> None:
    key = add_study(store)
    claim(store, key)
    store.record_stage(key, STAGE)
    store.record_failure(key, FAILURE)
    store.finish_study(key, [density()], criteria=CRITERIA[:1], provenance={"a": "b"}, artifacts=[ARTIFACT])
    with store.writing() as connection:
        connection.execute(insert(tables.Campaign).values(name="c", created=STARTED))
        connection.execute(insert(tables.CampaignStudy).values(campaign_id=1, study_id=1))
    children = ("measurement", "stage", "failure", "provenance", "artifact", "criterion", "attempt", "campaign_study")
    assert all(len(rows_of(table)) == 1 for table in children)
    with store.writing() as connection:
        connection.execute(text("DELETE FROM study"))
    assert all(rows_of(table) == [] for table in children)
    assert len(rows_of("polymer")) == 1
