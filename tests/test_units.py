import pytest

from polyomics.units import KJ_MOL_NM3_IN_BAR, box_edge_nm, density_g_cm3


def test_water_has_its_density() -> None:
    """33.37 molecules of 18.015 amu in a cubic nanometre are 0.998 g/cm³ (water at 293 K)."""
    assert density_g_cm3(33.37 * 18.01528, 1.0) == pytest.approx(0.9983, abs=2e-4)


def test_box_edge_and_density_are_inverse() -> None:
    assert density_g_cm3(5000.0, box_edge_nm(5000.0, 0.9) ** 3) == pytest.approx(0.9)


def test_pressure_of_an_ideal_gas_at_standard_state() -> None:
    """1 mol at 273.15 K in 22.711 l is at 1 bar: R T per volume, in kJ/mol/nm³."""
    rt_kj_mol = 8.314462618e-3 * 273.15
    volume_per_molecule_nm3 = 22.71095464e-3 / 6.02214076e23 * 1e27
    assert rt_kj_mol / volume_per_molecule_nm3 * KJ_MOL_NM3_IN_BAR == pytest.approx(1.0, rel=1e-8)
