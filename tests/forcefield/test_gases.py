"""Models of gases: whole, neutral, with the masses and shapes of the molecules, and as mass points the same bodies."""

import numpy as np
import pytest

from polyomics.errors import UnknownName
from polyomics.forcefield.data import read_data
from polyomics.forcefield.gases import GAS_FORMULAS, GAS_NAMES, gas_model, principal_moments_amu_nm2

MOLAR_MASSES = {"he": 4.0026, "h2": 2.016, "co2": 44.009, "n2": 28.014, "o2": 31.998, "ch4": 16.043, "h2o": 18.015}
BOND_NM = {"co2": 0.116, "n2": 0.110, "o2": 0.121, "h2o": 0.1}


@pytest.mark.parametrize("name", GAS_NAMES)
def test_a_model_is_a_neutral_molecule_of_its_mass(name: str) -> None:
    gas = gas_model(name)
    assert gas.mass_amu == pytest.approx(MOLAR_MASSES[name], rel=1e-4)
    assert gas.charges_e.sum() == pytest.approx(0.0, abs=1e-12)
    assert gas.masses_amu @ gas.positions_nm == pytest.approx(np.zeros(3), abs=1e-12)
    assert (gas.epsilon_kj_mol > 0).any()
    if name in BOND_NM:
        assert np.linalg.norm(gas.positions_nm[0] - gas.positions_nm[1]) == pytest.approx(BOND_NM[name], rel=1e-5)


def test_the_file_has_the_gases_there_are_names_for() -> None:
    models = read_data("gases", "models.json")["gases"]
    assert {name: model["formula"] for name, model in models.items()} == GAS_FORMULAS


def test_multipoles_of_the_models_are_those_of_the_molecules() -> None:
    """Quadrupoles of CO2 and N2 and the dipole of water, within what models without polarisation are meant to have.

    Measured: CO2 -4.3 D Å, N2 -1.5 D Å, both traceless along the axis; SPC/E 2.35 D (gas phase 1.85 D).
    """
    in_debye_a = 48.03204 * 10.0
    for name, measured in {"co2": -4.3, "n2": -1.5}.items():
        gas = gas_model(name)
        quadrupole = float(gas.charges_e @ gas.positions_nm[:, 2] ** 2) * in_debye_a
        assert quadrupole == pytest.approx(measured, rel=0.12)
    water = gas_model("h2o")
    assert np.linalg.norm(water.charges_e @ water.positions_nm) * 48.03204 == pytest.approx(2.35, abs=0.01)


@pytest.mark.parametrize("name", GAS_NAMES)
def test_particles_have_the_mass_and_the_moments_of_inertia_of_the_molecule(name: str) -> None:
    gas = gas_model(name)
    particles = gas.particles
    assert particles.masses_amu.sum() == pytest.approx(gas.mass_amu)
    assert particles.masses_amu @ particles.positions_nm == pytest.approx(np.zeros(3), abs=1e-10)
    found = principal_moments_amu_nm2(particles.positions_nm, particles.masses_amu)
    assert found == pytest.approx(gas.inertia_amu_nm2, abs=1e-9)
    assert particles.positions_nm[: gas.n_sites] == pytest.approx(gas.positions_nm)
    for follower, one, other, first, second in particles.followers:
        expected = first * particles.positions_nm[one] + second * particles.positions_nm[other]
        assert particles.positions_nm[follower] == pytest.approx(expected, abs=1e-12)
        assert first + second == pytest.approx(1.0)
        assert particles.masses_amu[follower] == 0.0
    for one, other, length in particles.constraints:
        apart = np.linalg.norm(particles.positions_nm[one] - particles.positions_nm[other])
        assert apart == pytest.approx(length)


@pytest.mark.parametrize(("name", "n_rigid"), [("he", 3), ("ch4", 3), ("n2", 5), ("co2", 5), ("o2", 5), ("h2o", 6)])
def test_degrees_of_freedom_are_those_of_a_rigid_body(name: str, n_rigid: int) -> None:
    particles = gas_model(name).particles
    assert 3 * int((particles.masses_amu > 0).sum()) - len(particles.constraints) == n_rigid


def test_a_gas_without_a_model_is_refused() -> None:
    with pytest.raises(UnknownName, match="'co3' is not a known gas; did you mean 'co2'"):
        gas_model("co3")
