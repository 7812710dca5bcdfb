import pytest

from polyomics.frames import column_name
from polyomics.frames.naming import unused_name
from polyomics.properties import PROPERTIES


@pytest.mark.parametrize(
    ("unit", "column"),
    [
        ("1", "x"),
        ("K", "x_k"),
        ("g/cm3", "x_g_cm3"),
        ("J/(kg K)", "x_j_kg_k"),
        ("1/K", "x_per_k"),
        ("1/GPa", "x_per_gpa"),
        ("MPa^0.5", "x_sqrt_mpa"),
        ("W/(m K)", "x_w_m_k"),
        ("cm3(STP)/(cm3 bar)", "x_cm3_stp_cm3_bar"),
        ("mPa s", "x_millipa_s"),
        ("MPa s", "x_mpa_s"),
        ("Å^2", "x_angstrom2"),
        ("%", "x_percent"),
        ("", "x"),
    ],
)
def test_columns_carry_their_unit(unit: str, column: str) -> None:
    assert column_name("x", unit) == column


def test_a_unit_that_a_name_has_already_is_not_repeated() -> None:
    assert column_name("radius_nm", "nm") == "radius_nm"
    assert column_name("radius_nm", "nm2") == "radius_nm_nm2"


def test_columns_of_all_properties_differ_and_are_names_of_python() -> None:
    names = [column_name(name, PROPERTIES[name].unit) for name in PROPERTIES.names()]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert unused_name("density", ["mass"]) == "density"
    assert unused_name("temperature_k", ["temperature_k", "temperature_k_2_stderr"]) == "temperature_k_3"
