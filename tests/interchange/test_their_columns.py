"""The table of columns says of every property of ours what the property itself says."""

import pytest

from polyomics.interchange.columns import COLUMNS, Column, column_of, is_understood, own_columns, plain_name
from polyomics.properties import PROPERTIES


@pytest.mark.parametrize("column", [one for one in COLUMNS if one.is_ours], ids=lambda column: column.name)
def test_a_property_of_ours_has_our_unit(column: Column) -> None:
    assert column.unit == PROPERTIES[column.property].unit


def test_a_property_that_we_lack_hides_none_of_ours() -> None:
    assert {column.property for column in COLUMNS if not column.is_ours}.isdisjoint(PROPERTIES.names())


def test_no_column_and_no_property_is_there_twice() -> None:
    assert len({column.name for column in COLUMNS}) == len(COLUMNS)
    assert len({column.property for column in COLUMNS}) == len(COLUMNS)


def test_every_property_has_exactly_one_column() -> None:
    ours = [column.property for column in own_columns().values()]
    theirs = [column.property for column in COLUMNS if column.is_ours]
    assert sorted([*ours, *theirs]) == PROPERTIES.names()


def test_our_columns_take_no_name_of_theirs() -> None:
    names = {column.name for column in COLUMNS}
    assert names.isdisjoint(own_columns())
    # theirs is a volume of the cell, ours one of a gram
    free_volume = column_of("free_volume")
    assert free_volume is not None
    assert free_volume.property == "cell_free_volume"
    assert own_columns()["polyomics_free_volume"].property == "free_volume"


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("smiles", "smiles_list"),
        ("\ufeffUUID", "UUID"),
        ("Scaled_Rg", "Scaled Rg"),
        ("tg_thermal_expansion_coef(upper_tg)", "tg_thermal_expansion_coef_upper_tg"),
        ("tg_thermal_expansion_intercept_below_tg", "tg_thermal_expansion_intercept_below_tg"),
        ("qm_homo_monomer", "qm_homo_monomer1"),
        ("qm_homo_monomer2", "qm_homo_monomer2"),
        ("vdw_volume_monomer", "vdw_volume_monomer1"),
        ("mol_weight_monomer", "mol_weight_monomer1"),
    ],
)
def test_spellings_of_one_column_are_one(written: str, plain: str) -> None:
    assert plain_name(written) == plain


def test_columns_that_nothing_is_made_of_are_told() -> None:
    names = ["density", "density_std", "viscosity_std", "colour", "qm_homo_monomer3", "class_PEST", "RadonPy_ver"]
    assert [name for name in names if not is_understood(name, names)] == ["viscosity_std", "colour"]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_limits_are_in_order_and_factors_positive(column: Column) -> None:
    assert column.low < column.high
    assert column.factor > 0
