import numpy as np
import pandas
import pytest
from frame_results import enter, value

from polyomics.database import Store, columns
from polyomics.errors import UnknownName


@pytest.fixture(params=["all", "ranges", "single"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values are read all at once, in ranges, or study by study, with the same result."""
    monkeypatch.setattr(columns, "DENSE", {"all": 0.0, "ranges": 1.0, "single": 2.0}[request.param])
    monkeypatch.setattr(columns, "STUDIES_AT_A_TIME", 2)
    monkeypatch.setattr(columns, "ROWS_AT_A_TIME", 3)


@pytest.mark.usefixtures("way")
def test_a_row_a_study_with_the_value_nearest_to_its_own_temperature(store: Store) -> None:
    frame = store.search().wide()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["study_key"]) == ["a", "b", "c", "d", "e", "f"]
    none = np.nan
    assert frame["density_g_cm3"].to_numpy() == pytest.approx([0.85, 1.04, 0.99, 1.15, 1.25, none], nan_ok=True)
    errors = [0.085, 0.104, 0.099, 0.01, 0.01, none]
    assert frame["density_g_cm3_stderr"].to_numpy() == pytest.approx(errors, nan_ok=True)
    assert frame["glass_transition_temperature_k"].dropna().tolist() == [373.0]
    assert frame["glass_transition_temperature_k_stderr"].isna().all()
    assert frame["tortuosity"].dropna().tolist() == [2.0]
    assert frame.attrs["units"]["density_g_cm3_stderr"] == "g/cm3"
    assert frame["polymer_class"].tolist()[:3] == ["polyolefin", "polystyrene", "polystyrene"]
    assert str(frame["created"].dtype) == "datetime64[us, UTC]"
    assert frame["seed"].tolist() == [7, 7, 7, 0, 1, 7]


@pytest.mark.usefixtures("way")
def test_the_properties_asked_for_in_their_order(store: Store) -> None:
    frame = store.search(smarts="c1ccccc1").wide(["tortuosity", "density"])
    ending = ["tortuosity", "tortuosity_stderr", "density_g_cm3", "density_g_cm3_stderr"]
    assert list(frame.columns[-4:]) == ending
    assert list(frame["study_key"]) == ["b", "c"]
    assert frame["tortuosity"].isna().all()
    with pytest.raises(UnknownName, match="colour"):
        store.search().wide(["colour"])


@pytest.mark.usefixtures("way")
def test_flags_hold_for_every_value_and_are_shown_where_asked_for(store: Store) -> None:
    frame = store.search().wide(flags=True)
    shown = [None if one is None or one != one else one for one in frame["density_g_cm3_flags"]]
    assert shown == ["", "few_samples;demo_quality", "", "demo_quality", "few_samples", None]
    clean = store.search(unflagged=True).wide()
    assert list(clean["study_key"]) == ["a", "c"]
    assert clean["density_g_cm3"].tolist() == [0.85, 0.99]
    assert "tortuosity" not in clean
    few = store.search(without_flags=["demo_quality"]).wide()
    assert few["density_g_cm3"].to_numpy() == pytest.approx([0.85, np.nan, 0.99, 1.25], nan_ok=True)


@pytest.mark.usefixtures("way")
def test_a_part_of_the_studies(store: Store) -> None:
    whole = store.search().wide()
    part = store.search(limit=2, offset=1).wide(["density"])
    assert list(part["study_key"]) == ["b", "c"]
    assert part["density_g_cm3"].tolist() == whole["density_g_cm3"].tolist()[1:3]


def test_a_property_in_two_units_has_two_columns(store: Store) -> None:
    enter(store, "g", "*CCO*", [value("density", 1120.0, "kg/m3"), value("temperature", 3.0, "K")])
    frame = store.search().wide()
    assert frame["density_kg_m3"].dropna().tolist() == [1120.0]
    assert np.isnan(frame["density_g_cm3"].tolist()[-1])
    assert frame["temperature_k"].tolist()[-1] == 300.0
    assert frame["temperature_k_2"].dropna().tolist() == [3.0]


def test_nothing_found_is_an_empty_frame(store: Store) -> None:
    frame = store.search(smarts="[#9]").wide(["density"])
    assert len(frame) == 0
    assert list(frame.columns[-2:]) == ["density_g_cm3", "density_g_cm3_stderr"]
    assert len(store.search(smarts="[#9]").wide().columns) == len(frame.columns) - 2


def test_polars_gives_the_same(store: Store) -> None:
    polars = pytest.importorskip("polars")
    ours, theirs = store.search().wide(), store.search().wide(library="polars")
    assert isinstance(theirs, polars.DataFrame)
    assert theirs.columns == list(ours.columns)
    assert theirs["density_g_cm3"].to_list() == [0.85, 1.04, 0.99, 1.15, 1.25, None]
    assert theirs["created"].to_list() == ours["created"].to_list()
