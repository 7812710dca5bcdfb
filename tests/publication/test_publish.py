"""A data set that is whole, repeatable and the same as the database."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas
import pytest

from polyomics.chemistry import parse_repeat_unit, polymer_classes
from polyomics.chemistry.structure import structure_keys
from polyomics.database import Selection, Store
from polyomics.database.imports import FinishedStudy, put_finished
from polyomics.database.rows import Polymer
from polyomics.errors import InvalidSettings
from polyomics.publication import About, publish
from polyomics.records import Failure, Measurement

ABOUT = About(title="Some polymers", licence="CC-BY-4.0", authors=("A. Chemist", "B. Author"))


def study(number: int, psmiles: str, *, source: str = "") -> FinishedStudy:
    unit = parse_repeat_unit(psmiles)
    classes = polymer_classes(unit)
    return FinishedStudy(
        key=f"key{number:04d}",
        source=source,
        polymer=Polymer(
            key=unit.key,
            psmiles=unit.psmiles,
            formula=unit.formula,
            molar_mass_g_mol=unit.molar_mass_g_mol,
            polymer_class=classes[0],
            classes=classes,
        ),
        spec={},
        structure=structure_keys(psmiles),
        temperature_k=300.0,
        pressure_bar=1.0,
        run_folder=f"imports/{number}",
        measurements=[
            Measurement(
                name="density",
                value=1.0 + 0.1 * number,
                stderr=0.01,
                unit="g/cm3",
                n_independent=5.0,
                flags=("imported",) if source else (),
                temperature_k=300.0,
            )
        ],
        failures=[Failure(stage="glass_transition_temperature", kind="NotIdentifiable", message="no bend")],
    )


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store.open(f"sqlite:///{tmp_path}/p.db") as opened:
        put_finished(opened, [study(1, "*CC*"), study(2, "*CC(*)c1ccccc1", source="radonpy"), study(3, "*CCO*")])
        yield opened


def test_what_is_read_back_is_what_the_database_has(store: Store, tmp_path: Path) -> None:
    done = publish(store, tmp_path / "set", ABOUT)
    assert sorted(path.name for path in done.folder.iterdir()) == sorted(done.files)
    values = pandas.read_parquet(done.folder / "values.parquet")
    assert values[["study_key", "value", "stderr", "unit"]].to_numpy().tolist() == [
        [f"key{number:04d}", 1.0 + 0.1 * number, 0.01, "g/cm3"] for number in (1, 2, 3)
    ]
    wide = pandas.read_parquet(done.folder / "studies.parquet")
    assert wide["density_g_cm3"].tolist() == values["value"].tolist()
    failures = pandas.read_parquet(done.folder / "failures.parquet")
    assert failures["kind"].tolist() == ["NotIdentifiable"] * 3
    for line in (done.folder / "SHA256SUMS").read_text().splitlines():
        checksum, name = line.split("  ")
        assert hashlib.sha256((done.folder / name).read_bytes()).hexdigest() == checksum


def test_the_card_and_the_metadata_say_what_is_in_it(store: Store, tmp_path: Path) -> None:
    done = publish(store, tmp_path / "set", ABOUT)
    text = (done.folder / "README.md").read_text()
    assert text.startswith('---\npretty_name: "Some polymers"\nlicense: cc-by-4.0\n')
    assert "3 polymers, 3 studies, 3 values of 1 properties; 3 failures" in text
    assert "| density | g/cm3 | 3 | 3 | 2 |" in text
    assert "2 studies were simulated by it; 1 from radonpy were imported" in text
    assert "A. Chemist, B. Author: Some polymers" in text
    metadata = json.loads((done.folder / "croissant.json").read_text())
    files = {one["name"]: one["sha256"] for one in metadata["distribution"]}
    assert files["values.parquet"] == hashlib.sha256((done.folder / "values.parquet").read_bytes()).hexdigest()
    fields = {one["name"] for one in metadata["recordSet"][1]["field"]}
    assert {"psmiles", "density_g_cm3", "density_g_cm3_stderr"} <= fields


def test_the_same_database_gives_the_same_bytes(store: Store, tmp_path: Path) -> None:
    first, second = (publish(store, tmp_path / name, ABOUT).folder for name in ("one", "two"))
    assert {path.name: path.read_bytes() for path in first.iterdir()} == {
        path.name: path.read_bytes() for path in second.iterdir()
    }


def test_only_what_is_chosen(store: Store, tmp_path: Path) -> None:
    done = publish(store, tmp_path / "set", ABOUT, Selection(smarts="c1ccccc1"))
    assert (done.counts.polymers, done.counts.values) == (1, 1)
    assert "smarts" in (done.folder / "README.md").read_text()


def test_nothing_is_written_over_and_nothing_of_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "notes").touch()
    with pytest.raises(InvalidSettings, match="not empty"):
        publish(store, tmp_path / "there", ABOUT)
    with pytest.raises(InvalidSettings, match="nothing to publish"):
        publish(store, tmp_path / "new", ABOUT, Selection(smarts="[#9]"))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith((".", "new"))] == []
