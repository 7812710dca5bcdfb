"""Files of RadonPy and PolyOmics become studies: our names and units, errors, and failures where there is no value."""

import csv
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from polyomics.database import Store, query
from polyomics.database.replicates import combined_rows
from polyomics.errors import InvalidInputFile, InvalidSettings
from polyomics.interchange import import_file
from polyomics.interchange.columns import HIGHEST_TG_K, LARGEST_TG_RESIDUAL
from polyomics.interchange.import_file import ROWS_AT_A_TIME

Write = Callable[..., Path]
SAMPLE = Path(__file__).parents[1] / "data" / "radonpy_sample.csv"


def raw_rows() -> dict[str, dict[str, str]]:
    with SAMPLE.open(newline="") as file:
        return {row["monomer_ID"]: row for row in csv.DictReader(file)}


def study_of(store: Store, record: str) -> str:
    for study in store.studies():
        if store.study(study.key).provenance["record"] == record:
            return study.key
    raise AssertionError(f"no study of {record}")


# -------------------------------------------------------------------- RadonPy


def test_values_come_in_our_names_and_units_with_errors_from_their_runs(store: Store) -> None:
    import_file(store, SAMPLE)
    study = store.study(study_of(store, "PI1"))
    raw = raw_rows()["PI1"]
    values = {item.name: item for item in study.measurements}

    def number(name: str) -> float:
        return float(raw[name])

    assert (study.status, study.source, study.preset) == ("done", "radonpy_sample", "imported")
    assert (study.polymer.psmiles, study.polymer.polymer_class) == ("*CC*", "polyolefin")
    assert (study.temperature_k, study.pressure_bar) == (300.0, 1.01325)
    assert study.run_folder == f"imports/radonpy_sample/{study.key}"  # a page of each, none over another
    assert study.spec["polymer"]["n_units"] == 165
    assert study.spec["polymer"]["tacticity"] == raw["tacticity"] == "none"  # no stereocentre
    assert study.spec["cell"]["n_chains"] == 10
    density = values["density"]
    assert (density.value, density.unit, density.n_independent) == (number("density"), "g/cm3", 5)
    assert density.stderr == pytest.approx(number("density_std") / math.sqrt(5), rel=1e-12)
    assert values["radius_of_gyration"].value == pytest.approx(number("Rg") / 10.0)
    assert values["mean_squared_end_to_end_distance"].value == pytest.approx(number("r2"))
    assert values["compressibility_isothermal"].value == pytest.approx(0.374)
    assert values["bulk_modulus_isothermal"].value == pytest.approx(2.689138059)
    assert values["dielectric_constant_static"].value == number("dielectric_const_dc")
    assert values["dielectric_constant_dipolar"].value == number("static_dielectric_const")
    assert "specific_heat_capacity_cp" not in values  # theirs has no quantum correction
    assert values["specific_heat_capacity_cp_classical"].value == number("Cp")
    assert values["qm_total_energy_monomer1"].value == pytest.approx(-79.86, abs=0.01)
    assert values["qm_total_energy_monomer1"].unit == "hartree"
    assert all("imported" in item.flags for item in study.measurements)


def test_file_checksum_and_row_are_in_the_provenance(store: Store) -> None:
    import hashlib

    import_file(store, SAMPLE)
    told = store.study(study_of(store, "PI2")).provenance
    assert told["file"] == "radonpy_sample.csv"
    assert told["file_sha256"] == hashlib.sha256(SAMPLE.read_bytes()).hexdigest()
    assert SAMPLE.read_text().splitlines()[int(told["row"]) - 1].startswith("PI2,")


def test_the_deviation_of_two_runs_is_restored_where_the_file_has_zero(store: Store) -> None:
    two = {name: row for name, row in raw_rows().items() if row["density_count"] == "2"}
    assert [row["density_std"] for row in two.values()] == ["0"]  # that is what the file says
    summary = import_file(store, SAMPLE)
    ((name, raw),) = two.items()
    density = next(item for item in store.study(study_of(store, name)).measurements if item.name == "density")
    # of two values the standard error of the mean is half their distance
    assert density.stderr == pytest.approx((float(raw["density_max"]) - float(raw["density_min"])) / 2.0)
    assert summary.tally.restored_errors >= 20


def test_one_run_has_no_error_and_says_so(store: Store) -> None:
    import_file(store, SAMPLE)
    names = [name for name, row in raw_rows().items() if row["density_count"] == "1"]
    assert names
    for name in names:
        density = next(item for item in store.study(study_of(store, name)).measurements if item.name == "density")
        assert density.stderr is None
        assert "few_samples" in density.flags


def test_a_repeat_unit_that_is_two_of_ours_gives_twice_as_many(store: Store) -> None:
    summary = import_file(store, SAMPLE)
    study = store.study(study_of(store, "PI49"))
    raw = raw_rows()["PI49"]
    assert summary.tally.other_units == 1
    assert study.spec["polymer"]["n_units"] == 2 * int(raw["DP"])
    assert study.polymer.molar_mass_g_mol * 2 == pytest.approx(float(raw["mol_weight_monomer"]), rel=1e-4)


def test_dipoles_that_did_not_relax_are_a_failure_not_a_value(store: Store) -> None:
    summary = import_file(store, SAMPLE)
    (name,) = [name for name, row in raw_rows().items() if float(row["static_dielectric_const"]) > 100]
    study = store.study(study_of(store, name))
    assert not {"dielectric_constant_dipolar", "dielectric_constant_static"} & {m.name for m in study.measurements}
    assert {(f.stage, f.kind) for f in study.failures} == {
        ("dielectric_constant_dipolar", "NotPhysical"),
        ("dielectric_constant_static", "NotPhysical"),
    }
    assert summary.tally.failures == {
        ("dielectric_constant_dipolar", "NotPhysical"): 1,
        ("dielectric_constant_static", "NotPhysical"): 1,
    }


def test_the_whole_sample_is_understood(store: Store) -> None:
    summary = import_file(store, SAMPLE)
    assert (summary.rows, summary.inserted, summary.existing, summary.skipped) == (13, 13, 0, {})
    assert summary.not_understood == []
    assert {unit.column for unit in summary.units if unit.is_trap} == {"r2", "qm_total_energy_monomer1"}
    assert all(unit.is_told for unit in summary.units)
    assert all(broken == 0 for _, broken in summary.tally.identities.values())


# -------------------------------------------------------------------- again


def test_a_second_time_nothing_is_inserted(store: Store) -> None:
    import_file(store, SAMPLE)
    before = query(store)
    again = import_file(store, SAMPLE)
    assert (again.inserted, again.existing, again.changed) == (0, 13, 0)
    assert query(store) == before


def test_a_row_that_says_something_else_is_told_and_left(store: Store, tmp_path: Path) -> None:
    import_file(store, SAMPLE, source="radonpy")
    changed = tmp_path / "later.csv"
    changed.write_text(SAMPLE.read_text().replace("0.837971504", "0.85"))
    again = import_file(store, changed, source="radonpy")
    assert (again.inserted, again.existing, again.changed) == (0, 13, 1)
    assert {row.value for row in query(store, property="density", polymer="*CC*")} == {0.837971504}


def test_another_source_is_another_data_set(store: Store) -> None:
    import_file(store, SAMPLE, source="one")
    assert import_file(store, SAMPLE, source="two").inserted == 13
    assert len(query(store, property="density", source="two")) == 13


def test_an_interrupted_import_leaves_whole_batches_and_goes_on(store: Store, polyomics_csv: Write) -> None:
    n_rows = 2 * ROWS_AT_A_TIME + 20
    path = polyomics_csv(*({"density": 1.0 + number * 1e-5} for number in range(n_rows)))

    def stop(done: int, total: int) -> None:
        assert total == (n_rows if done else 0)
        if done > ROWS_AT_A_TIME:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(store, path, report=stop)
    assert store.counts()["done"] == 2 * ROWS_AT_A_TIME
    rest = import_file(store, path)
    assert (rest.inserted, rest.existing) == (20, 2 * ROWS_AT_A_TIME)
    assert sorted(study.replicate for study in store.studies()) == list(range(n_rows))


def test_a_dry_run_finds_the_same_and_stores_nothing(store: Store) -> None:
    would = import_file(store, SAMPLE, dry_run=True)
    assert sum(store.counts().values()) == 0
    did = import_file(store, SAMPLE)
    assert (would.inserted, would.tally) == (did.inserted, did.tally)
    assert import_file(store, SAMPLE, dry_run=True).inserted == 0
    assert import_file(None, SAMPLE, dry_run=True).inserted == 13


@pytest.mark.slow
def test_several_processes_read_the_same(store: Store, tmp_path: Path) -> None:
    import_file(store, SAMPLE)
    with Store.open(f"sqlite:///{tmp_path}/other.db") as other:
        import_file(other, SAMPLE, processes=2)
        assert [vars_of(row) for row in query(other)] == [vars_of(row) for row in query(store)]


def vars_of(row: object) -> dict[str, object]:
    from dataclasses import asdict

    return {name: value for name, value in asdict(row).items() if name != "created"}  # type: ignore[call-overload]


# -------------------------------------------------------------------- PolyOmics


def failures_of(store: Store) -> dict[str, str]:
    (study,) = store.studies()
    return {item.stage: item.kind for item in store.study(study.key).failures}


def values_of(store: Store) -> dict[str, float]:
    return {row.property: row.value for row in query(store)}


@pytest.mark.parametrize("tg", [1.08e6, -50.0, 99.9, HIGHEST_TG_K + 1])
def test_a_glass_transition_out_of_bounds_is_a_failed_fit(store: Store, polyomics_csv: Write, tg: float) -> None:
    import_file(store, polyomics_csv({"tg": tg}))
    assert failures_of(store) == {"glass_transition_temperature": "FailedFit"}
    assert not {name for name in values_of(store) if name.startswith(("tg", "glass"))}


def test_a_glass_transition_that_fits_badly_is_a_failed_fit(store: Store, polyomics_csv: Write) -> None:
    import_file(store, polyomics_csv({"tg_rmse": LARGEST_TG_RESIDUAL * 1.01}))
    assert failures_of(store) == {"glass_transition_temperature": "FailedFit"}


def test_a_glass_transition_that_fits_is_a_value_at_no_temperature(store: Store, polyomics_csv: Write) -> None:
    import_file(store, polyomics_csv({"tg_rmse": LARGEST_TG_RESIDUAL}))
    (row,) = query(store, property="glass_transition_temperature")
    assert (row.value, row.unit, row.temperature_k) == (410.0, "K", None)
    assert "fast_cooling" in row.flags
    assert values_of(store)["tg_thermal_expansion_coef_upper_tg"] == -6e-4


def test_a_conduction_that_failed_its_own_test_takes_all_its_parts_along(store: Store, polyomics_csv: Write) -> None:
    import_file(store, polyomics_csv({"check_tc": False, "remarks": "[TC: Low linearity]"}))
    assert failures_of(store) == {"thermal_conductivity": "NotLinear", "thermal_diffusivity": "NotLinear"}
    assert not {name for name in values_of(store) if name.startswith(("TC", "thermal"))}
    (study,) = store.studies()
    assert "Low linearity" in store.study(study.key).failures[0].message


def test_a_conduction_that_was_not_run_is_no_failed_fit(store: Store, polyomics_csv: Write) -> None:
    nothing = {"thermal_conductivity": "", "thermal_diffusivity": "", "TC_ke": ""}
    import_file(store, polyomics_csv({"check_tc": False, "do_TC": False, **nothing}))
    assert failures_of(store) == {"thermal_conductivity": "NotComputed"}


@pytest.mark.parametrize(
    ("column", "value", "stage", "kind"),
    [
        ("thermal_conductivity", 43.4, "thermal_conductivity", "NotPhysical"),
        ("compressibility", -4e-10, "compressibility_isothermal", "NotPhysical"),
        ("dielectric_const_dc", 3678.0, "dielectric_constant_static", "NotPhysical"),
        ("density", "nan", "density", "NotFinite"),
        ("density", "inf", "density", "NotFinite"),
        ("Cp", -9999, "specific_heat_capacity_cp_classical", "NotPhysical"),
        ("Cp", "12,5", "specific_heat_capacity_cp_classical", "NotANumber"),
        ("refractive_index", 0.9, "refractive_index", "NotPhysical"),
    ],
)
def test_what_cannot_be_is_a_failure(
    store: Store, polyomics_csv: Write, column: str, value: object, stage: str, kind: str
) -> None:
    import_file(store, polyomics_csv({column: value}, *({"density": 1.0 + i / 100} for i in range(4))))
    failed = [(failure.stage, failure.kind) for study in store.studies() for failure in store.study(study.key).failures]
    assert (stage, kind) in failed
    assert len(query(store, property=stage)) == 4


def test_an_empty_field_is_neither_value_nor_failure(store: Store, polyomics_csv: Write) -> None:
    import_file(store, polyomics_csv({"Cp": "", "tg": "None", "tg_rmse": ""}))
    assert failures_of(store) == {}
    assert not {"specific_heat_capacity_cp_classical", "glass_transition_temperature"} & set(values_of(store))


def test_their_test_of_equilibrium_is_ours(store: Store, polyomics_csv: Write) -> None:
    import_file(store, polyomics_csv({}, {"check_eq": False}))
    good, bad = query(store, property="density", equilibrated=True), query(store, property="density")
    assert (len(good), len(bad)) == (1, 2)
    assert ["not_equilibrated" in row.flags for row in bad] == [False, True]


def test_a_value_that_contradicts_its_row_is_flagged(store: Store, polyomics_csv: Write) -> None:
    summary = import_file(store, polyomics_csv({}, {"dielectric_const_dc": 3.35}, {"sp_total": 18.0}))
    flagged = {(row.property, row.replicate) for row in query(store, with_flags=("inconsistent",))}
    assert flagged == {("dielectric_constant_static", 1), ("solubility_parameter", 2)}
    assert summary.tally.identities["sp_total² = sp_ced"] == [3, 1]
    assert {n for _, n in summary.tally.identities.values()} == {0, 1}


def test_rows_of_one_request_are_replicates_and_can_be_combined(store: Store, polyomics_csv: Write) -> None:
    import_file(store, polyomics_csv({"density": 1.00}, {"density": 1.02}, {"DP": 61, "density": 1.5}))
    rows = query(store, property="density")
    combined = combined_rows(store, rows)
    assert [(round(one.value, 6), one.n_replicates) for one in combined] == [(1.01, 2), (1.5, 1)]
    assert combined[0].spread == pytest.approx(0.02 / math.sqrt(2.0))


def test_rows_without_a_uuid_are_told_apart_by_what_they_say(store: Store, polyomics_csv: Write) -> None:
    rows = [{"UUID": "", "density": 1.0}, {"UUID": "", "density": 1.1}, {"UUID": "", "density": 1.0}]
    summary = import_file(store, polyomics_csv(*rows))
    assert (summary.inserted, summary.repeated) == (2, 1)


def test_versions_and_force_field_are_kept(store: Store, polyomics_csv: Write) -> None:
    import_file(store, polyomics_csv({}))
    (study,) = store.studies()
    whole = store.study(study.key)
    assert whole.spec["force_field"] == {"family": "gaff2_mod", "charges": "resp"}
    assert whole.provenance["versions"] == '{"RadonPy_ver": "0.2.10"}'


def test_rows_that_are_no_homopolymer_are_left_out_and_told(store: Store, polyomics_csv: Write) -> None:
    path = polyomics_csv(
        {},
        {"smiles_list": "*C(", "smiles_1": "*C("},
        {"smiles_2": "*CC*"},
        {"smiles_list": "", "smiles_1": ""},
        {"smiles_list": "*[Si](C)(C)O*"},
    )
    with path.open("a") as file:
        file.write("one,two\n")
    summary = import_file(store, path)
    assert (summary.rows, summary.inserted) == (6, 1)
    assert summary.skipped == {"InvalidPolymer": 4, "InvalidInputFile": 1}
    assert {example.line: example.psmiles for example in summary.examples}[3] == "*C("
    assert any("copolymer" in example.reason for example in summary.examples)
    assert any("fields where the header has" in example.reason for example in summary.examples)


def test_columns_that_are_not_understood_are_told(store: Store, polyomics_csv: Write) -> None:
    assert import_file(store, polyomics_csv({"colour": "red"})).not_understood == ["colour"]


def test_the_polymer_is_found_by_structure(store: Store, polyomics_csv: Write) -> None:
    import_file(store, polyomics_csv({}, {"smiles_list": "*CC*"}))
    assert len(query(store, property="density", smarts="c1ccccc1")) == 1
    assert len(query(store, property="density", polymer_class="polystyrene")) == 1


# -------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"density,tg\n1,2\n", "smiles_list, smiles_1 or smiles"),
        (b"smiles,colour\n*CC*,red\n", "none of the columns is a property"),
        (b"smiles,density\n", "has a header but no rows"),
        (b"smiles,density,density\n*CC*,1,2\n", "is there twice"),
        (b"smiles,smiles_list,density\n*CC*,*CC*,1\n", "two columns are 'smiles_list'"),
        (b"\xff\xfe\x00s\x00", "not UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not UTF-8"),
    ],
)
def test_what_is_no_such_file_is_refused_with_a_sentence(
    store: Store, tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidInputFile, match=message):
        import_file(store, path)
    assert sum(store.counts().values()) == 0


def test_a_file_that_is_not_there_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputFile, match="No such file"):
        import_file(store, tmp_path / "none.csv")
    with pytest.raises(InvalidInputFile, match="cannot read"):
        import_file(store, tmp_path)


@pytest.mark.parametrize("name", ["", "computed", "../up", "a b", "x" * 65, "é"])
def test_a_name_that_is_none_is_refused(store: Store, name: str) -> None:
    with pytest.raises(InvalidSettings, match="cannot be the name of a data set"):
        import_file(store, SAMPLE, source=name)


def test_the_row_of_these_tests_is_consistent(store: Store, polyomics_csv: Write) -> None:
    summary = import_file(store, polyomics_csv({}, {"density": 1.001}, {"density": 1.002}))
    assert {unit.column: unit.unit for unit in summary.units if unit.is_trap} == {"r2": "nm2"}
    assert summary.not_understood == []
    assert not summary.tally.failures
