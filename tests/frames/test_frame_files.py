import json
from pathlib import Path

import pandas
import pytest
from pyarrow import parquet

from polyomics.database import Store
from polyomics.errors import InvalidInputFile, InvalidSettings, StorageUnavailable


@pytest.mark.parametrize("layout", ["wide", "long", "combined"])
def test_files_have_what_frames_have(store: Store, tmp_path: Path, layout: str) -> None:
    search = store.search()
    frame = getattr(search, layout)()
    for ending in ("csv", "parquet", "json"):
        assert search.write(tmp_path / f"x.{ending}", layout) == len(frame)  # type: ignore[arg-type]
    back = pandas.read_parquet(tmp_path / "x.parquet")
    assert back.equals(frame)
    table = pandas.read_csv(tmp_path / "x.csv")
    numbers = frame.select_dtypes("number").columns
    assert table[list(numbers)].to_numpy(float).tobytes() == frame[list(numbers)].to_numpy(float).tobytes()
    assert list(table.columns) == list(frame.columns)
    rows = json.loads((tmp_path / "x.json").read_text())
    assert [row["psmiles"] for row in rows] == frame["psmiles"].tolist()


def test_a_parquet_file_says_the_units_of_its_columns(store: Store, tmp_path: Path) -> None:
    store.search().write(tmp_path / "x.parquet", properties=["density"])
    schema = parquet.read_schema(tmp_path / "x.parquet")
    assert schema.field("density_g_cm3_stderr").metadata[b"unit"] == b"g/cm3"


def test_a_file_that_cannot_be_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputFile, match="parquet"):
        store.search().write(tmp_path / "x.xlsx")
    with pytest.raises(InvalidSettings, match="layout"):
        store.search().write(tmp_path / "x.csv", "round")  # type: ignore[arg-type]
    with pytest.raises(InvalidSettings, match="property="):
        store.search().write(tmp_path / "x.csv", "long", ["density"])
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnavailable):
        store.search().write(tmp_path / "file" / "x.csv")
