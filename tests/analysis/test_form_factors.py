"""Form factors against the numbers of electrons, the hydrogen atom and another fit; radii against the other table."""

import numpy as np
import pytest

from polyomics.analysis.form_factors import COEFFICIENTS, form_factor
from polyomics.analysis.radii import VAN_DER_WAALS_RADII_NM, van_der_waals_radii_nm
from polyomics.chemistry.volume import BONDI_RADII_ANGSTROM
from polyomics.errors import NotEnoughData

SYMBOLS = {1: "H", 6: "C", 7: "N", 8: "O", 9: "F", 14: "Si", 15: "P", 16: "S", 17: "Cl", 35: "Br", 53: "I"}

WAASMAIER_KIRFEL = {
    6: (5.1098, 2.4971, 1.6828),
    7: (6.1836, 3.2197, 1.9369),
    8: (7.2452, 4.0893, 2.3379),
    9: (8.3024, 5.0541, 2.8735),
    14: (12.1334, 8.2297, 6.2396),
    15: (13.1380, 8.5988, 6.6742),
    16: (14.1775, 9.0385, 7.0192),
    17: (15.2342, 9.5760, 7.3090),
    35: (32.4561, 23.8646, 18.3027),
    53: (49.1404, 36.6746, 28.1238),
}
"""Another fit, to other calculations, at sin θ/λ of 0.1, 0.3 and 0.5 1/Å (1995, DOI 10.1107/S0108767394013292)."""


@pytest.mark.parametrize("number", COEFFICIENTS)
def test_forward_scattering_is_by_all_electrons(number: int) -> None:
    assert form_factor(number, 0.0) == pytest.approx(number, rel=1e-3)


@pytest.mark.parametrize("number", COEFFICIENTS)
def test_falls_and_stays_positive(number: int) -> None:
    values = form_factor(number, np.linspace(0, 200, 400))
    assert (np.diff(values) < 0).all()
    assert (values > 0).all()


@pytest.mark.parametrize("number", WAASMAIER_KIRFEL)
def test_agrees_with_another_fit(number: int) -> None:
    q_per_nm = 4 * np.pi * 10 * np.array([0.1, 0.3, 0.5])
    np.testing.assert_allclose(form_factor(number, q_per_nm), WAASMAIER_KIRFEL[number], rtol=3e-3)


def test_bonded_hydrogen_is_a_contracted_atom() -> None:
    """A 1s electron of exponent ζ: f = (1 + (q a0 / 2ζ)²)^-2; free 1, in molecules 1.1 to 1.25."""
    q_per_nm = np.linspace(5, 60, 12)
    exponent = q_per_nm * 0.0529177 / 2 / np.sqrt(form_factor(1, q_per_nm) ** -0.5 - 1)
    assert (exponent > 1.1).all()
    assert (exponent < 1.25).all()


def test_radii_are_those_the_volume_is_made_with() -> None:
    for number, radius_nm in VAN_DER_WAALS_RADII_NM.items():
        assert radius_nm == pytest.approx(0.1 * BONDI_RADII_ANGSTROM[SYMBOLS[number]])
    np.testing.assert_array_equal(van_der_waals_radii_nm(np.array([6, 1, 53, 1])), [0.17, 0.12, 0.198, 0.12])


def test_unknown_elements_are_named() -> None:
    with pytest.raises(NotEnoughData, match="79"):
        form_factor(79, 1.0)
    with pytest.raises(NotEnoughData, match="79"):
        van_der_waals_radii_nm(np.array([6, 79]))
