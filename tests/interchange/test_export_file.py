"""What reads PolyOmics' file reads ours, and what was taken over goes back and forth unchanged."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyomics.database import NewStudy, Polymer, ResultRow, Selection, Store, query
from polyomics.database.imports import FinishedStudy, put_finished
from polyomics.errors import InvalidInputFile
from polyomics.interchange import export_polyomics, import_file
from polyomics.interchange.columns import COLUMNS
from polyomics.records import Criterion, Measurement

SAMPLE = Path(__file__).parents[1] / "data" / "radonpy_sample.csv"


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def by_place(rows: list[ResultRow]) -> dict[tuple[str, str], ResultRow]:
    return {(row.study_key, row.property): row for row in rows}


def computed_study(store: Store) -> str:
    """A study as polyomics leaves it."""
    polymer = Polymer(
        key="27b01c74f769760ccd77402e",
        psmiles="*CC(*)c1ccccc1",
        formula="C8H8",
        molar_mass_g_mol=104.15,
        polymer_class="polystyrene",
        classes=("polystyrene",),
    )
    spec = {
        "polymer": {"psmiles": polymer.psmiles, "n_units": 20, "tacticity": "atactic"},
        "cell": {"n_chains": 3},
        "force_field": {"family": "gaff2_mod", "charges": "am1bcc"},
        "conditions": {"temperature_k": 300.0, "pressure_bar": 1.01325},
    }
    store.add_study(
        NewStudy(
            key="a" * 20,
            polymer=polymer,
            spec=spec,
            preset="demo",
            seed=1,
            replicate=0,
            temperature_k=300.0,
            pressure_bar=1.01325,
            run_folder="runs/" + "a" * 20,
        )
    )

    def value(name: str, number: float, unit: str, temperature_k: float | None = 300.0) -> Measurement:
        return Measurement(
            name=name,
            value=number,
            stderr=number / 100.0,
            unit=unit,
            n_independent=31.5,
            flags=("demo_quality",),
            temperature_k=temperature_k,
        )

    measurements = [
        value("density", 1.0, "g/cm3"),
        value("density", 0.9, "g/cm3", 400.0),
        value("radius_of_gyration", 1.5, "nm"),
        value("mean_squared_end_to_end_distance", 12.0, "nm2"),
        value("bulk_modulus_isothermal", 2.5, "GPa"),
        value("compressibility_isothermal", 0.4, "1/GPa"),
        value("cohesive_energy_density", 300.0, "MPa"),
        value("specific_heat_capacity_cp", 1200.0, "J/(kg K)"),
        value("specific_heat_capacity_cp_classical", 2900.0, "J/(kg K)"),
        value("free_volume", 0.4, "cm3/g"),
        value("youngs_modulus", 3.0, "GPa"),
    ]
    overall = Criterion(name="equilibrium", verdict="pass", value=None, threshold=None, unit="1", message="all passed")
    store.finish_study("a" * 20, measurements, criteria=[overall])
    return "a" * 20


def test_a_computed_study_stands_in_their_columns_and_units(store: Store, tmp_path: Path) -> None:
    key = computed_study(store)
    assert export_polyomics(store, tmp_path / "ours.csv") == 1
    (row,) = read(tmp_path / "ours.csv")
    expected = {
        "density": 1.0,
        "Rg": 15.0,
        "r2": 12.0,  # as their file has it, whatever their paper says
        "bulk_modulus": 2.5e9,
        "compressibility": 4e-10,
        "sp_ced": 300.0,
        "Cp": 2900.0,
        "youngs_modulus": 3.0,
        "polyomics_free_volume": 0.4,
        "specific_heat_capacity_cp": 1200.0,
        "Rg_stderr": 0.15,
        "Rg_n_independent": 31.5,
        "temp": 300.0,
        "press": 1.0,
        "mol_weight_monomer1": 104.15,
    }
    assert {name: float(row[name]) for name in expected} == pytest.approx(expected)
    assert (row["UUID"], row["smiles_list"], row["forcefield"], row["DP"]) == (key, "*CC(*)c1ccccc1", "GAFF2_mod", "20")
    assert (row["check_eq"], row["class_PSTR"], row["class_PEST"]) == ("True", "True", "False")
    assert row["free_volume"] == row["tg"] == row["thermal_conductivity"] == ""
    assert json.loads(row["polyomics_flags"])["density"] == ["demo_quality"]


def test_all_their_columns_are_there_however_little_we_have(store: Store, tmp_path: Path) -> None:
    import_file(store, SAMPLE)
    export_polyomics(store, tmp_path / "ours.csv", Selection(property="density"))
    header = read(tmp_path / "ours.csv")[0].keys()
    assert {column.name for column in COLUMNS} <= header
    assert {"UUID", "smiles_list", "smiles_1", "tacticity", "forcefield", "check_tc", "RadonPy_ver"} <= header


def test_what_was_taken_over_comes_back_the_same(store: Store, tmp_path: Path) -> None:
    import_file(store, SAMPLE)
    path = tmp_path / "ours.csv"
    assert export_polyomics(store, path) == 13
    with Store.open(f"sqlite:///{tmp_path}/other.db") as other:
        summary = import_file(other, path, source="radonpy_sample")
        before, after = by_place(query(store)), by_place(query(other))
        n_units = [
            {study.key: one.study(study.key).spec["polymer"]["n_units"] for study in one.studies()}
            for one in (store, other)
        ]
    assert summary.not_understood == []
    assert not summary.tally.failures
    assert before.keys() == after.keys()
    for place, row in before.items():
        assert after[place].value == pytest.approx(row.value, rel=1e-14)
        assert after[place].stderr == (row.stderr and pytest.approx(row.stderr, rel=1e-14))
        for name in ("unit", "n_independent", "flags", "psmiles", "temperature_k", "pressure_bar", "replicate"):
            assert getattr(after[place], name) == getattr(row, name)
    assert n_units[0] == n_units[1]


def test_the_same_file_taken_over_again_is_recognised(store: Store, tmp_path: Path, polyomics_csv: Any) -> None:
    import_file(store, polyomics_csv({}, {"density": 1.1}), source="polyomics")
    export_polyomics(store, tmp_path / "ours.csv")
    again = import_file(store, tmp_path / "ours.csv", source="polyomics")
    assert (again.inserted, again.existing, again.changed) == (0, 2, 0)


def test_a_computed_study_comes_back_with_all_its_properties(store: Store, tmp_path: Path) -> None:
    computed_study(store)
    export_polyomics(store, tmp_path / "ours.csv")
    with Store.open(f"sqlite:///{tmp_path}/other.db") as other:
        import_file(other, tmp_path / "ours.csv")
        after = {row.property: row for row in query(other)}
        equilibrated = query(other, property="density", equilibrated=True)
    before = {row.property: row for row in query(store) if row.temperature_k == 300.0}
    assert after.keys() == before.keys()
    for name, row in before.items():
        assert after[name].value == pytest.approx(row.value, rel=1e-14)
        assert after[name].stderr == pytest.approx(row.stderr, rel=1e-14)
        assert (after[name].unit, after[name].n_independent) == (row.unit, row.n_independent)
        assert after[name].flags == (*row.flags, "imported")
    assert len(equilibrated) == 1


def test_one_study_alone_comes_back_in_its_units(store: Store, tmp_path: Path) -> None:
    """Its numbers could not tell them: it has neither radius nor density."""
    import_file(store, SAMPLE)
    export_polyomics(store, tmp_path / "one.csv", Selection(property="mean_squared_end_to_end_distance", limit=1))
    with Store.open(f"sqlite:///{tmp_path}/other.db") as other:
        import_file(other, tmp_path / "one.csv")
        (row,) = query(other)
    assert row.value == query(store, property=row.property, polymer=row.polymer_key)[0].value


def test_only_what_is_selected_is_written(store: Store, tmp_path: Path) -> None:
    import_file(store, SAMPLE)
    assert export_polyomics(store, tmp_path / "some.csv", Selection(property="density", minimum=1.0)) < 13
    assert all(float(row["density"]) >= 1.0 and not row["Cp"] for row in read(tmp_path / "some.csv"))


def test_names_that_nobody_knows_are_written_as_they_are(
    store: Store, tmp_path: Path, polyomics_csv: Callable[..., Path]
) -> None:
    import_file(store, polyomics_csv({}))
    (study,) = store.studies()
    polymer = study.polymer
    odd = Measurement(name='odd one, "new"', value=1.0, unit="1", n_independent=1.0, flags=("x",))
    new = FinishedStudy("b" * 20, "lab", polymer, {}, 300.0, 1.0, "imports/lab", measurements=[odd])
    assert put_finished(store, [new]) == {"b" * 20}
    export_polyomics(store, tmp_path / "ours.csv", Selection(source="lab"))
    (row,) = read(tmp_path / "ours.csv")
    assert row['odd one, "new"'] == "1.0"


def test_a_name_without_csv_is_refused_and_nothing_written(store: Store, tmp_path: Path) -> None:
    import_file(store, SAMPLE)
    with pytest.raises(InvalidInputFile, match=r"does not end in \.csv"):
        export_polyomics(store, tmp_path / "ours.parquet")
    assert not (tmp_path / "ours.parquet").exists()
