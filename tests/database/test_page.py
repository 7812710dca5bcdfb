"""A page of studies, two properties against each other, and the database in numbers."""

from collections.abc import Callable
from typing import Any

import pytest

from polyomics.database import Store, select_results
from polyomics.database.facts import facts
from polyomics.database.page import scatter, study_page
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
