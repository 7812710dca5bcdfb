"""Finished studies enter whole and once, in both databases."""

import pytest
from sqlalchemy.exc import IntegrityError

from polyomics.database import Polymer, Store, query, query_studies
from polyomics.database.imports import (
    FinishedStudy,
    facts_of,
    known_keys,
    polymer_keys_of,
    presets,
    property_names_of,
    provenance_values,
    put_finished,
    sources,
)
from polyomics.errors import StorageUnavailable
from polyomics.records import Criterion, Failure, Measurement

POLYMER = Polymer(
    key="pe",
    psmiles="*CC*",
    formula="C2H4",
    molar_mass_g_mol=28.054,
    polymer_class="polyolefin",
    classes=("polyolefin",),
)


def finished(number: int, *, source: str = "lab", density: float = 0.85) -> FinishedStudy:
    return FinishedStudy(
        key=f"{number:020x}",
        source=source,
        polymer=POLYMER,
        spec={"polymer": {"psmiles": "*CC*", "n_units": 50}},
        temperature_k=300.0,
        pressure_bar=1.0,
        run_folder="imports/lab",
        replicate=number,
        measurements=[
            Measurement(
                name="density",
                value=density,
                stderr=0.01,
                unit="g/cm3",
                n_independent=5.0,
                flags=("imported",),
                temperature_k=300.0,
                pressure_bar=1.0,
            ),
            Measurement(name="tg_rmse", value=-0.0, unit="1", n_independent=1.0, flags=("imported",)),
        ],
        criteria=[
            Criterion(
                name="equilibrium", verdict="fail", value=None, threshold=None, unit="1", message="check_eq False"
            )
        ],
        failures=[Failure(stage="thermal_conductivity", kind="NotLinear", message="check_tc is False\0")],
        provenance={"file": "a.csv", "row": str(number)},
    )


def test_a_finished_study_is_there_with_all_it_has(store: Store) -> None:
    study = finished(1)
    assert put_finished(store, [study, finished(2)]) == {study.key, finished(2).key}
    found = store.study(study.key)
    assert (found.status, found.source, found.preset, found.started) == ("done", "lab", "imported", None)
    assert found.ended == found.created
    assert found.polymer == POLYMER
    assert found.spec == study.spec
    assert found.measurements == tuple(study.measurements)
    assert found.criteria == tuple(study.criteria)
    assert [(one.stage, one.kind) for one in found.failures] == [("thermal_conductivity", "NotLinear")]
    assert found.provenance == study.provenance


def test_what_is_there_stays_and_is_not_doubled(store: Store) -> None:
    put_finished(store, [finished(1)])
    assert put_finished(store, [finished(1, density=9.0), finished(2), finished(2)]) == {finished(2).key}
    assert [row.value for row in query(store, property="density")] == [0.85, 0.85]
    assert put_finished(store, []) == set()


def test_it_is_found_by_its_flags(store: Store) -> None:
    put_finished(store, [finished(1)])
    flags = {one.flags for one in finished(1).measurements}
    assert flags
    assert all(len(query_studies(store, with_flags=one, unflagged=not one)) == 1 for one in flags)
    assert query_studies(store, with_flags=("never_given",)) == []


def test_a_batch_that_cannot_be_stored_leaves_nothing(store: Store) -> None:
    from dataclasses import replace

    twice = replace(finished(2), measurements=[*finished(2).measurements, finished(2).measurements[0]])
    with pytest.raises(IntegrityError):
        put_finished(store, [finished(1), twice])
    assert sum(store.counts().values()) == 0
    assert query(store) == []


def test_looking_up_what_is_known(store: Store) -> None:
    put_finished(store, [finished(1), finished(2, source="md"), finished(3, source="")])
    keys = [finished(number).key for number in (1, 2, 3, 4)]
    assert known_keys(store, keys) == set(keys[:3])
    assert provenance_values(store, "row", keys) == {keys[0]: "1", keys[1]: "2", keys[2]: "3"}
    assert sources(store) == ["lab", "md"]
    assert presets(store) == ["imported"]
    facts = facts_of(store, keys[:1])[keys[0]]
    assert (facts.spec, facts.classes, facts.verdict) == (finished(1).spec, ["polyolefin"], "fail")
    assert facts.molar_mass_g_mol == 28.054
    assert facts.provenance == finished(1).provenance
    for side in (
        {"source": "md"},
        {"source": "computed"},
        {"preset": "imported"},
        {"study": keys[0]},
        {"polymer": "pe"},
    ):
        assert property_names_of(store, **side) == ["density", "tg_rmse"]
        assert polymer_keys_of(store, **side) == ["pe"]
    assert property_names_of(store, source="nobody") == []


def test_nothing_is_entered_through_a_database_opened_for_reading(url: str) -> None:
    Store.open(url).close()
    with Store.open(url, read_only=True) as reader, pytest.raises(StorageUnavailable, match="for reading only"):
        put_finished(reader, [finished(1)])
