import re
from pathlib import Path

import pytest
from frame_results import enter, value

from polyomics.database import Store
from polyomics.errors import InvalidPolymer, InvalidSettings, UnknownName


def keys(frame: object) -> list[str]:
    return list(frame["study_key"])  # type: ignore[index]


def test_searches_narrow_without_changing_where_they_came_from(store: Store) -> None:
    every = store.search(status="done")
    glassy = every.where(polymer_class="PSTR")
    cold = glassy.where(temperature_k=300)
    assert (every.count(), glassy.count(), cold.count()) == (6, 2, 1)
    assert {study.key for study in glassy.studies()} == {"b", "c"}
    assert keys(cold.wide()) == ["b"]


def test_what_was_asked_before_still_holds(store: Store) -> None:
    dense = store.search(property="density", minimum=0.9)
    assert keys(dense.where(maximum=1.1).long()) == ["b", "c"]
    assert keys(dense.where(minimum=1.0).long()) == ["b", "d", "e"]
    assert keys(dense.where(minimum=0.0).long()) == ["b", "c", "d", "e"]
    both = store.search(where="density > 1.0").where("density < 1.1 or density > 1.2")
    assert keys(both.wide()) == ["b", "e"]
    assert keys(dense.where(with_flags=["few_samples"]).where(with_flags=["demo_quality"]).long()) == ["b"]


@pytest.mark.parametrize(
    "more",
    [{"property": "tortuosity"}, {"smarts": "C=O"}, {"equilibrated": False}, {"minimum": "much"}],
)
def test_what_cannot_hold_as_well_is_refused(store: Store, more: dict[str, object]) -> None:
    before = store.search(property="density", minimum=0.9, smarts="c1ccccc1", equilibrated=True)
    with pytest.raises(InvalidSettings, match="already"):
        before.where(**more)


def test_a_polymer_may_be_written_in_any_way(store: Store) -> None:
    assert keys(store.search(polymer="*C(c1ccccc1)C*").wide()) == ["b", "c"]
    with pytest.raises(InvalidPolymer):
        store.search(polymer="*C(c1ccccc1*")


def test_quality_and_structure_are_asked_for_together(store: Store) -> None:
    assert keys(store.search(smarts="c1ccccc1", equilibrated=True).wide()) == ["b"]
    assert keys(store.search(similar_to="*CC(*)c1ccccc1", similarity=0.99).long()) == ["b", "b", "c"]
    assert store.search(similar_to="*CC(*)c1ccccc1", similarity=0.99).long()["similarity"].tolist() == [1.0] * 3


def test_settings_that_are_not_understood_are_refused(store: Store) -> None:
    with pytest.raises(InvalidSettings, match="colour"):
        store.search(colour="red")
    with pytest.raises(InvalidSettings, match="colour"):
        store.search().where(colour="red")
    with pytest.raises(InvalidSettings, match="twice"):
        store.search().where("density > 1", where="density < 2")
    with pytest.raises(UnknownName, match="densty"):
        store.search(property="densty").wide()
    with pytest.raises(UnknownName, match="pandas, polars, arrow"):
        store.search().long("excel")  # type: ignore[arg-type]


def test_a_search_says_what_it_asks(store: Store) -> None:
    assert repr(store.search(smarts="c1ccccc1")) == f"<Search of {store.url}: smarts='c1ccccc1'>"
    assert store.search(smarts="C=O").wide().attrs["selection"] == {"smarts": "C=O"}


def test_frames_do_not_write(store: Store) -> None:
    """They come from a database opened for reading only as well."""
    with Store.open(store.url, read_only=True) as opened:
        assert opened.search().wide().equals(store.search().wide())
        assert opened.search().long().equals(store.search().long())
        assert opened.search().combined().equals(store.search().combined())


def test_the_examples_of_the_documentation_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    values = [value("density", 1.3, "g/cm3"), value("radius_of_gyration", 2.0, "nm")]
    enter(store, "g", "*CCOC(=O)c1ccc(cc1)C(=O)O*", [*values, value("thermal_conductivity", 0.2, "W/(m K)")])
    monkeypatch.setenv("POLYOMICS_DATABASE_URL", f"sqlite:///{store.url.split('///')[1]}")
    page = (Path(__file__).parents[2] / "docs/results/python.md").read_text()
    examples = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert len(examples) == 2
    names: dict[str, object] = {}
    for example in examples:
        exec(example, names)
    assert {"density_g_cm3", "thermal_conductivity_w_m_k_stderr"} <= set(names["frame"].columns)  # type: ignore[attr-defined]
