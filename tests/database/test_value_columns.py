"""Results by column, from both databases: the same as record by record."""

from collections.abc import Callable

import numpy as np
import pytest

from polyomics.database import Polymer, Store, columns, query, query_studies
from polyomics.database.selection import Selection
from polyomics.records import Measurement

VALUES = ("property", "value", "stderr", "unit", "n_independent", "flags", "temperature_k", "pressure_bar")


@pytest.fixture
def filled(store: Store, add_study: Callable[..., str]) -> Store:
    """Five studies of five polymers; values without error and without state come first."""
    for number in range(5):
        polymer = Polymer(key=f"p{number}", psmiles=f"*{'C' * (number + 1)}*", formula="CH2", molar_mass_g_mol=14.0)
        key = add_study(store, f"key{number}", polymer=polymer, seed=number)
        bare = Measurement(name="ratio", value=float(number), stderr=None, unit="1", n_independent=1, flags=("once",))
        state = {"temperature_k": 300.0 + number, "pressure_bar": -1.5}
        full = Measurement(
            name="density", value=1 / (3 + number), stderr=1 / 7, unit="g/cm3", n_independent=9.5, **state
        )
        store.finish_study(key, [bare, full] if number else [bare])
    return store


@pytest.mark.parametrize("dense", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("settings", [{}, {"property": "density", "maximum": 0.2}, {"with_flags": ("once",)}])
def test_values_are_those_of_a_query(
    filled: Store, settings: dict[str, object], dense: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "DENSE", dense)
    monkeypatch.setattr(columns, "STUDIES_AT_A_TIME", 2)
    monkeypatch.setattr(columns, "ROWS_AT_A_TIME", 2)
    selection = Selection(**settings)  # type: ignore[arg-type]
    studies = columns.read_studies(filled, selection)
    tables = list(columns.read_values(filled, studies.ids, selection, VALUES, ordered=True))
    found = [row for table in tables for row in table.to_pylist()]
    expected = [
        (
            *(row.property, row.value, np.inf if row.stderr is None else row.stderr, row.unit, row.n_independent),
            *(np.inf if state is None else state for state in (row.temperature_k, row.pressure_bar)),
        )
        for row in query(filled, **settings)
    ]
    names = [name for name in VALUES if name != "flags"]
    assert [tuple(row[name] for name in names) for row in found] == expected
    assert {row["flags"] for row in found if row["property"] == "ratio"} <= {'["once"]'}
    if "maximum" not in settings and dense:
        unordered = columns.read_values(filled, studies.ids, selection, VALUES)
        assert sorted(map(str, found)) == sorted(str(row) for table in unordered for row in table.to_pylist())


def test_studies_are_those_of_a_query(filled: Store) -> None:
    selection = Selection(property="density", maximum=0.2)
    studies = columns.read_studies(filled, selection)
    expected = sorted(query_studies(filled, property="density", maximum=0.2), key=lambda one: one.key)
    assert list(studies.identity["study_key"]) == [one.key for one in expected]
    assert list(studies.identity["psmiles"]) == [one.polymer.psmiles for one in expected]
    assert list(studies.identity["created"]) == [one.created for one in expected]
    assert columns.count_studies(filled, selection) == len(expected) == 3


def test_frames_are_the_same_from_both_databases(filled: Store) -> None:
    """Whatever the database: exact numbers, in order."""
    wide = filled.search().wide()
    assert wide["density_g_cm3"].tolist()[1:] == [1 / 4, 1 / 5, 1 / 6, 1 / 7]
    assert np.isnan(wide["density_g_cm3"].tolist()[0])
    assert wide["ratio"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    long = filled.search(property="density").long()
    assert long["pressure_bar"].tolist() == [-1.5] * 4
    assert str(long["created"].dtype) == "datetime64[us, UTC]"
    assert filled.search().combined()["n_replicates"].tolist() == [1] * 9
