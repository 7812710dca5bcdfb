"""A page of studies, two properties against each other, and the database in numbers."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from polyomics.database import Store, query_studies, select_results
from polyomics.database.facts import facts
from polyomics.database.page import scatter, study_page
from polyomics.database.rows import Polymer
from polyomics.database.selection import chosen_studies
from polyomics.database.tables import Study
from polyomics.errors import InvalidSettings, UnknownName
from polyomics.records import Measurement

DENSITIES = {"s1": 1.0, "s2": 3.0, "s3": 2.0, "s4": None, "s5": 2.5}


@pytest.fixture
def store(url: str, add_study: Callable[..., str], density: Callable[..., Measurement]) -> Any:
    with Store.open(url) as opened:
        for number, (key, value) in enumerate(DENSITIES.items()):
            add_study(opened, key, seed=number)
            found = [] if value is None else [density(value=value)]
            if value is not None and value > 1.5:
                found.append(density(name="radius_of_gyration", value=10.0 * value, unit="nm", flags=("few_samples",)))
            opened.finish_study(key, found)
        yield opened


def keys(store: Store, **settings: Any) -> list[str]:
    return [row.study.key for row in study_page(store, select_results(), **settings).rows]


def test_rows_come_by_value_and_those_without_last(store: Store) -> None:
    assert keys(store, sort="density", descending=True) == ["s2", "s5", "s3", "s1", "s4"]
    assert keys(store, sort="density", descending=False) == ["s1", "s3", "s5", "s2", "s4"]


@pytest.mark.parametrize("sort", ["density", "radius_of_gyration", "created", "psmiles"])
@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_pages_together_are_the_whole_table(store: Store, sort: str, size: int) -> None:
    whole = keys(store, sort=sort, limit=100)
    assert sorted(whole) == sorted(DENSITIES)
    pages = [keys(store, sort=sort, offset=start, limit=size) for start in range(0, 5, size)]
    assert [key for page in pages for key in page] == whole


def test_a_study_is_sorted_by_the_value_it_is_shown_with(store: Store, density: Callable[..., Measurement]) -> None:
    """That at its own temperature (300 K), or else the first; whatever it has besides."""
    store.record_measurements("s1", [density(value=9.0, temperature_k=400.0), density(value=1.5, temperature_k=300.0)])
    store.record_measurements("s4", [density(value=2.7, temperature_k=500.0), density(value=0.1, temperature_k=600.0)])
    whole = study_page(store, select_results(), ["density"], sort="density")
    shown = [(row.study.key, row.values["density"].value) for row in whole.rows]
    assert shown == [("s2", 3.0), ("s4", 2.7), ("s5", 2.5), ("s3", 2.0), ("s1", 1.5)]
    for size in (1, 2, 3):
        pages = [keys(store, sort="density", offset=start, limit=size) for start in range(0, 5, size)]
        assert [key for page in pages for key in page] == [key for key, _ in shown]
    point = scatter(store, select_results(), "density", "radius_of_gyration").points[0]
    assert (point.study_key, point.x) == ("s2", 3.0)


@pytest.mark.parametrize("sort", ["density", "created", "psmiles"])
def test_flags_alone_choose_studies_with_such_a_value(store: Store, sort: str) -> None:
    flagged = study_page(store, select_results(with_flags=("few_samples",)), sort=sort)
    assert (flagged.total, sorted(row.study.key for row in flagged.rows)) == (3, ["s2", "s3", "s5"])
    without = study_page(store, select_results(without_flags=("few_samples",)), sort=sort, limit=2)
    assert (without.total, len(without.rows)) == (4, 2)
    assert query_studies(store, unflagged=True, with_flags=("few_samples",)) == []


def test_values_of_one_property_are_looked_up_in_the_index_alone(store: Store) -> None:
    """Their rows lie far apart; SQLite tells how it would go about it."""
    if store.parsed_url.drivername != "sqlite":
        pytest.skip("PostgreSQL reads so small a table as a whole")
    chosen = chosen_studies(select(Study.id), store, select_results(property="density", minimum=1.0, unflagged=True))
    with store.reading() as connection:
        text = str(chosen.compile(connection, compile_kwargs={"literal_binds": True}))
        steps = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    looked_up = [step for step in steps if "measurement" in step]
    assert looked_up
    assert all("USING COVERING INDEX ix_measurement_with_flags (name=?" in step for step in looked_up)


def test_the_total_is_of_all_that_fit_and_values_are_those_wanted(store: Store) -> None:
    page = study_page(
        store, select_results(property="density", minimum=1.5), ["radius_of_gyration"], sort="density", limit=2
    )
    assert page.total == 3
    assert [row.study.key for row in page.rows] == ["s2", "s5"]
    assert {name: cell.value for name, cell in page.rows[0].values.items()} == {"radius_of_gyration": 30.0}
    assert page.rows[0].values["radius_of_gyration"].flags == ("few_samples",)


def test_similarity_is_told_and_sorts(store: Store) -> None:
    page = study_page(store, select_results(similar_to="*CC*", similarity=0.5), sort="similarity")
    assert page.total == 5
    assert {row.similarity for row in page.rows} == {1.0}
    with pytest.raises(InvalidSettings, match="similar_to"):
        study_page(store, select_results(), sort="similarity")


@pytest.mark.parametrize("descending", [True, False])
def test_pages_by_similarity_are_in_its_order(store: Store, add_study: Callable[..., str], descending: bool) -> None:
    for number, psmiles in enumerate(["*CCCO*", "*CCO*", "*CC(*)C", "*CCCCO*"]):
        polymer = Polymer(key=f"p{number}", psmiles=psmiles, formula="C", molar_mass_g_mol=50.0)
        add_study(store, f"t{number}", polymer=polymer)
    like = select_results(similar_to="*CCO*", similarity=0.01)
    rows = [
        row
        for start in range(0, 9, 2)
        for row in study_page(store, like, sort="similarity", descending=descending, offset=start, limit=2).rows
    ]
    found = [row.similarity or 0.0 for row in rows]
    assert found == sorted(found, reverse=descending)
    assert len({row.study.key for row in rows}) == len(rows) == study_page(store, like).total
    assert rows[0 if descending else -1].study.key == "t1"
    assert len(set(found)) > 2


def test_what_is_not_stored_is_told(store: Store) -> None:
    with pytest.raises(UnknownName, match="'colour' is not a known property"):
        study_page(store, select_results(), ["colour"])
    with pytest.raises(UnknownName):
        scatter(store, select_results(), "density", "colour")


def test_two_properties_of_the_studies_that_have_both(store: Store) -> None:
    found = scatter(store, select_results(), "density", "radius_of_gyration")
    assert found.total == 3
    assert [(point.study_key, point.x, point.y) for point in found.points] == [
        ("s2", 3.0, 30.0),
        ("s3", 2.0, 20.0),
        ("s5", 2.5, 25.0),
    ]
    assert (found.x_unit, found.y_unit) == ("g/cm3", "nm")
    fewer = scatter(store, select_results(), "density", "radius_of_gyration", limit=2)
    assert (fewer.total, len(fewer.points)) == (3, 2)
    assert fewer == scatter(store, select_results(), "density", "radius_of_gyration", limit=2)


def test_the_database_in_numbers(store: Store) -> None:
    known = facts(store)
    assert (known.n_polymers, known.n_studies, known.n_values) == (1, 5, 7)
    assert [(one.name, one.n_values, one.minimum, one.maximum) for one in known.properties] == [
        ("density", 4, 1.0, 3.0),
        ("radius_of_gyration", 3, 20.0, 30.0),
    ]
    assert known.classes == {"polyolefin": 1}
    assert known.sources == {"": 5}
    assert "few_samples" in known.flags
