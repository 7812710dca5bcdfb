from datetime import UTC

import numpy as np
import pandas
import pytest

from polyomics.database import Store, columns, query
from polyomics.errors import InvalidSettings
from polyomics.frames.long import COLUMNS


@pytest.fixture(params=[1, 3, 5000])
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(columns, "STUDIES_AT_A_TIME", request.param)
    return int(request.param)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"property": "density", "minimum": 0.84, "maximum": 1.2},
        {"unflagged": True},
        {"with_flags": ("demo_quality",)},
        {"smarts": "C=O", "without_flags": ("demo_quality",)},
        {"limit": 3, "offset": 2},
        {"offset": 100},
        {"limit": 0},
        {"where": "density > 1"},
    ],
)
def test_rows_are_those_of_a_query(store: Store, pieces: int, settings: dict[str, object]) -> None:
    frame = store.search(**settings).long()
    assert tuple(frame.columns) == COLUMNS
    found = frame.replace({np.nan: None}).to_dict("records")
    expected = [
        {name: getattr(row, name) for name in COLUMNS}
        | {"flags": ";".join(row.flags), "created": pandas.Timestamp(row.created.astimezone(UTC))}
        for row in query(store, **settings)
    ]
    assert found == expected


def test_pieces_are_the_whole(store: Store, pieces: int) -> None:
    every = store.search().long()
    several = list(store.search().batches(2))
    assert max(len(one) for one in several) <= 2
    assert pandas.concat(several, ignore_index=True).equals(every)
    with pytest.raises(InvalidSettings, match="at least 1"):
        store.search().batches(0)


def test_polars_and_arrow_give_the_same(store: Store) -> None:
    polars = pytest.importorskip("polars")
    theirs = store.search().long("polars")
    assert isinstance(theirs, polars.DataFrame)
    assert theirs.to_arrow().to_pylist() == store.search().long("arrow").to_pylist()
