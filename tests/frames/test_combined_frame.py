import numpy as np
import pytest

from polyomics.database import Store, query
from polyomics.database.replicates import combined_rows
from polyomics.frames.combined import COLUMNS


@pytest.mark.parametrize("settings", [{}, {"property": "density", "minimum": 1.0}, {"unflagged": True}])
def test_rows_are_those_of_combined_rows(store: Store, settings: dict[str, object]) -> None:
    frame = store.search(**settings).combined()
    assert tuple(frame.columns) == COLUMNS
    expected = combined_rows(store, query(store, **settings))
    assert len(frame) == len(expected)
    for found, row in zip(frame.replace({np.nan: None}).to_dict("records"), expected, strict=True):
        assert found["flags"].split(";") == [*row.flags] or (found["flags"], row.flags) == ("", ())
        assert found["study_keys"].split(";") == [*row.study_keys]
        for name in COLUMNS:
            if name not in ("flags", "study_keys", "polymer_class", "source"):
                assert found[name] == getattr(row, name), name


def test_replicates_are_put_together(store: Store) -> None:
    frame = store.search(property="density", polymer="*CC(C)(*)C(=O)OC").combined()
    assert len(frame) == 1
    row = frame.iloc[0]
    assert row["value"] == pytest.approx(1.2)
    assert (row["n_replicates"], row["study_keys"]) == (2, "d;e")
    assert row["flags"] == "demo_quality;few_samples"
    assert row["spread"] == pytest.approx(np.std([1.15, 1.25], ddof=1))
    assert row["between_variance"] > 0.9 * row["spread"] ** 2
    assert row["stderr"] > 0.01


def test_nothing_found_is_an_empty_frame(store: Store) -> None:
    assert tuple(store.search(smarts="[#9]").combined().columns) == COLUMNS
    assert len(store.search(property="density", minimum=9).combined("polars")) == 0
    assert len(store.search(limit=2).combined()) == 2
