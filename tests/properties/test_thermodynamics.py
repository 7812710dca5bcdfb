"""Response functions of systems whose answers are known: the ideal gas, a harmonic crystal, given slopes."""

from dataclasses import replace

import numpy as np
import pytest
from beads import bead_cell, bead_spectrum, fluctuating, measure, results

from polyomics.cell.cell import Cell
from polyomics.errors import InvalidSettings, NotEnoughData
from polyomics.md.engine import Engine, degrees_of_freedom
from polyomics.md.protocol import Nonbonded
from polyomics.properties import MeasurementContext, _thermodynamics
from polyomics.records import Curve, Measurement
from polyomics.simulation import Simulation, Spectrum
from polyomics.trajectory import THERMO_COLUMNS, Trajectory
from polyomics.units import BAR_NM3_IN_KJ_MOL, GAS_CONSTANT_KJ_MOL_K, density_g_cm3

CELL = bead_cell()
N = CELL.n_atoms
R_SPECIFIC = GAS_CONSTANT_KJ_MOL_K / CELL.mass_amu * 1e6
"""k_B over the mass of the cell [J/(kg K)]."""
KT = GAS_CONSTANT_KJ_MOL_K * 300.0
HIGH_PRESSURE = MeasurementContext(temperature_k=300.0, pressure_bar=1000.0)
NO_PRESSURE = MeasurementContext(temperature_k=300.0, pressure_bar=0.0)

FLUCTUATION_PROPERTIES = (
    "bulk_modulus_adiabatic",
    "bulk_modulus_isothermal",
    "compressibility_adiabatic",
    "compressibility_isothermal",
    "linear_expansion",
    "specific_heat_capacity_cp",
    "specific_heat_capacity_cp_classical",
    "specific_heat_capacity_cv",
    "specific_heat_capacity_cv_classical",
    "speed_of_sound",
    "volume_expansion",
)


def stage(
    volume_nm3: np.ndarray, energy_kj_mol: np.ndarray, temperature_k: float = 300.0, pressure_bar: float = 1.0
) -> Trajectory:
    """A stage of beads that left a table and no frames."""
    table = {name: np.zeros(len(volume_nm3)) for name in THERMO_COLUMNS}
    table |= {f"box_{axis}_nm": np.cbrt(volume_nm3) for axis in "xyz"}
    table["potential_energy_kj_mol"] = energy_kj_mol
    record = {"kind": "npt", "name": "sample", "temperature_k": temperature_k, "pressure_bar": pressure_bar}
    return Trajectory(CELL, record, table, ())


def ideal_gas(n_frames: int = 4000, seed: int = 1) -> Simulation:
    """V is distributed as V^N exp(-PV / k_B T); nothing has potential energy."""
    scale = KT / (HIGH_PRESSURE.pressure_bar * BAR_NM3_IN_KJ_MOL)
    volume = np.random.default_rng(seed).gamma(N + 1, scale, n_frames)
    return Simulation(stage(volume, np.zeros(n_frames)), spectrum=bead_spectrum(CELL))


def line_spectrum(wave_number_cm: float, n_windows: int = 4) -> Spectrum:
    """All modes of the beads at one wave number."""
    wave_numbers = np.arange(0.0, 4000.0, 10.0)
    density = np.where(wave_numbers == wave_number_cm, 3 * N / 10.0, 0.0)
    return Spectrum(wave_numbers, np.tile(density, (n_windows, 1)), np.full(n_windows, 300.0), 3 * N)


def crystal(spectrum: Spectrum | None = None, n_frames: int = 4000, seed: int = 2) -> Simulation:
    """3 N oscillators: the energy is distributed as U^(3N/2 - 1) exp(-U / k_B T). The volume knows nothing of it."""
    rng = np.random.default_rng(seed)
    return Simulation(
        stage(rng.normal(64.0, 0.5, n_frames), rng.gamma(1.5 * N, KT, n_frames)), spectrum=spectrum or line_spectrum(10)
    )


def one(name: str, simulation: Simulation, context: MeasurementContext = HIGH_PRESSURE) -> Measurement:
    (measurement,) = measure(name, simulation, context)
    return measurement


@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("compressibility_isothermal", 1 / 0.1),
        ("bulk_modulus_isothermal", 0.1),
        ("volume_expansion", 1 / 300),
        ("linear_expansion", 1 / 900),
        ("specific_heat_capacity_cp_classical", (2.5 * N + 1) * R_SPECIFIC),
        ("compressibility_adiabatic", 10 * 1.5 * N / (2.5 * N + 1)),
        ("bulk_modulus_adiabatic", 0.1 * (2.5 * N + 1) / (1.5 * N)),
        ("speed_of_sound", 1e3 * np.sqrt((5 / 3) * 8.31446261815324e-3 * 300 / 14.0)),
    ],
)
def test_an_ideal_gas(name: str, truth: float) -> None:
    """1000 bar is 0.1 GPa. The speed of sound is √(γ k_B T / m), to the order of 1/N."""
    found = one(name, ideal_gas())
    assert found.stderr < 0.05 * truth
    assert found.value == pytest.approx(truth, abs=3.5 * found.stderr + 0.003 * truth * (name == "speed_of_sound"))


def test_the_heat_of_an_ideal_gas_at_constant_volume_is_kinetic() -> None:
    """Exactly, in every run: so there is nothing uncertain about it."""
    found = one("specific_heat_capacity_cv_classical", ideal_gas(200))
    assert found.value == pytest.approx(1.5 * N * R_SPECIFIC, rel=1e-9)
    assert (found.stderr, found.flags) == (None, ("constant",))


@pytest.mark.parametrize("name", ["specific_heat_capacity_cp_classical", "specific_heat_capacity_cv_classical"])
def test_a_harmonic_crystal_obeys_dulong_and_petit(name: str) -> None:
    found = one(name, crystal(), NO_PRESSURE)
    assert found.value == pytest.approx(3 * N * R_SPECIFIC, abs=3.5 * found.stderr)
    assert found.stderr < 0.02 * found.value


def test_a_harmonic_crystal_does_not_expand() -> None:
    found = one("volume_expansion", crystal(), NO_PRESSURE)
    assert found.value == pytest.approx(0.0, abs=3.5 * found.stderr)


@pytest.mark.parametrize("name", ["specific_heat_capacity_cp", "specific_heat_capacity_cv"])
@pytest.mark.parametrize("wave_number_cm", [100.0, 400.0, 1200.0, 3000.0])
def test_a_quantum_crystal_is_that_of_einstein(wave_number_cm: float, name: str) -> None:
    x = 1.4387769 * wave_number_cm / 300.0
    einstein = x**2 * np.exp(x) / (np.exp(x) - 1) ** 2
    found = one(name, crystal(line_spectrum(wave_number_cm)), NO_PRESSURE)
    assert found.value == pytest.approx(3 * N * R_SPECIFIC * einstein, abs=3.5 * found.stderr)
    assert found.stderr < 0.02 * 3 * N * R_SPECIFIC


def test_the_error_holds_that_of_the_fluctuations_and_that_between_windows() -> None:
    spectrum = line_spectrum(600.0)
    factors = np.array([0.9, 1.0, 1.0, 1.1])
    noisy = replace(spectrum, modes_per_cm=factors[:, None] * spectrum.modes_per_cm)
    quiet, loud = (one("specific_heat_capacity_cp", crystal(s), NO_PRESSURE) for s in (spectrum, noisy))
    assert quiet.stderr == pytest.approx(one("specific_heat_capacity_cp_classical", crystal(), NO_PRESSURE).stderr)
    x = 1.4387769 * 2.0 / 2
    lost = 3 * N * R_SPECIFIC * (1 - (x / np.sinh(x)) ** 2)
    expected = lost * factors.std(ddof=1) / 2
    assert np.sqrt(loud.stderr**2 - quiet.stderr**2) == pytest.approx(expected, rel=1e-3)


def test_one_window_has_no_error_and_says_so() -> None:
    found = one("specific_heat_capacity_cp", crystal(line_spectrum(600.0, n_windows=1)), NO_PRESSURE)
    assert found.stderr is None
    assert "one_window" in found.flags


def test_the_density_of_states_is_a_curve_of_all_modes() -> None:
    (curve,) = [item for item in results("specific_heat_capacity_cp", ideal_gas()) if isinstance(item, Curve)]
    assert np.sum(curve.y) * (curve.x[1] - curve.x[0]) == pytest.approx(3 * N)
    assert max(curve.y_stderr) > 0


def test_a_spectrum_that_is_not_finite_is_a_failure() -> None:
    spectrum = line_spectrum(600.0)
    spectrum.modes_per_cm[2, 5] = np.nan
    with pytest.raises(NotEnoughData, match="not finite"):
        one("specific_heat_capacity_cp", crystal(spectrum))


def correlated(seed: int, n_frames: int = 600) -> Simulation:
    """A liquid: volume and enthalpy that move together, six frames between independent samples."""
    shared, own = fluctuating(n_frames, 3, seed), fluctuating(n_frames, 3, seed + 1000)
    return Simulation(stage(64 + 0.4 * shared, 60 * (0.7 * shared + 0.71 * own)), spectrum=bead_spectrum(CELL))


@pytest.mark.parametrize("seed", range(5))
def test_relations_hold_in_every_run(seed: int) -> None:
    simulation = correlated(seed)
    value = {name: one(name, simulation).value for name in (*FLUCTUATION_PROPERTIES, "specific_volume")}
    relative = {name: one(name, simulation).stderr / abs(value[name]) for name in FLUCTUATION_PROPERTIES}
    assert value["compressibility_isothermal"] * value["bulk_modulus_isothermal"] == pytest.approx(1, rel=1e-13)
    assert value["compressibility_adiabatic"] * value["bulk_modulus_adiabatic"] == pytest.approx(1, rel=1e-13)
    assert relative["compressibility_isothermal"] == pytest.approx(relative["bulk_modulus_isothermal"], rel=1e-5)
    assert relative["volume_expansion"] == pytest.approx(relative["linear_expansion"], rel=1e-6)
    assert value["volume_expansion"] == pytest.approx(3 * value["linear_expansion"], rel=1e-13)
    assert value["compressibility_adiabatic"] < value["compressibility_isothermal"]
    difference = (
        300 * value["specific_volume"] * 1e-3 * value["volume_expansion"] ** 2
        / (1e-9 * value["compressibility_isothermal"])
    )  # fmt: skip
    for kind in ("", "_classical"):
        cp, cv = (value[f"specific_heat_capacity_c{letter}{kind}"] for letter in "pv")
        assert cp - cv == pytest.approx(difference, rel=1e-3)
    density = density_g_cm3(CELL.mass_amu, 64.0)
    assert value["speed_of_sound"] ** 2 == pytest.approx(1e6 * value["bulk_modulus_adiabatic"] / density, rel=0.01)


@pytest.mark.parametrize("name", FLUCTUATION_PROPERTIES)
def test_stated_errors_are_the_spread_of_runs(name: str) -> None:
    found = [one(name, correlated(seed)) for seed in range(50)]
    stated = np.sqrt(np.mean([f.stderr**2 for f in found]))
    assert stated == pytest.approx(np.std([f.value for f in found], ddof=1), rel=0.3)


def test_specific_volume_is_that_of_the_box() -> None:
    found = one("specific_volume", correlated(1))
    assert found.value == pytest.approx(1 / density_g_cm3(CELL.mass_amu, 64.0), abs=4 * found.stderr)
    assert found.stderr == pytest.approx(0.4 / 64 * found.value / np.sqrt(100), rel=0.4)


EXPANSION_PER_K, SLOPE_KJ_MOL_K = 5e-4, 3.0


def three_temperatures(
    seed: int, bend_nm3: float = 0.0, fluctuation_expansion_per_k: float = EXPANSION_PER_K, n_frames: int = 600
) -> Simulation:
    """Volumes and energies with given slopes, and, in the sample, given covariance."""
    stages = []
    for number, temperature in enumerate((280.0, 300.0, 320.0)):
        step = temperature - 300.0
        shared, own = (fluctuating(n_frames, 3, 10 * seed + number + more) for more in (0, 5000))
        mean = 64 * np.exp(EXPANSION_PER_K * step) + (bend_nm3 if number == 1 else 0.0)
        along = fluctuation_expansion_per_k * 64 * KT * 300.0 / 0.3
        energy = SLOPE_KJ_MOL_K * step + along * shared + 20 * own
        stages.append(stage(mean + 0.3 * shared, energy, temperature))
    return Simulation(stages[1], (stages[0], stages[2]), spectrum=line_spectrum(600.0))


CLASSICAL_CP = (SLOPE_KJ_MOL_K / GAS_CONSTANT_KJ_MOL_K + 1.5 * N) * R_SPECIFIC
WORK_CP = 64 * EXPANSION_PER_K * BAR_NM3_IN_KJ_MOL / GAS_CONSTANT_KJ_MOL_K * R_SPECIFIC
LOST_CP = 3 * N * R_SPECIFIC * (1 - (1.4387769 / np.sinh(1.4387769)) ** 2)


@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("volume_expansion_finite_difference", EXPANSION_PER_K),
        ("specific_heat_capacity_cp_finite_difference", CLASSICAL_CP + WORK_CP - LOST_CP),
    ],
)
def test_slopes_are_recovered_with_the_error_they_have(name: str, truth: float) -> None:
    context = MeasurementContext(temperature_k=300.0, pressure_bar=1.0)
    found = [one(name, three_temperatures(seed), context) for seed in range(50)]
    values, errors = np.array([(f.value, f.stderr) for f in found]).T
    assert values.mean() == pytest.approx(truth, abs=4 * values.std() / np.sqrt(50))
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(values.std(), rel=0.3)


def test_fluctuations_that_say_something_else_are_flagged() -> None:
    name = "volume_expansion_finite_difference"
    agree = [one(name, three_temperatures(seed)).flags for seed in range(20)]
    differ = [
        one(name, three_temperatures(seed, fluctuation_expansion_per_k=3e-3, n_frames=3000)).flags for seed in range(3)
    ]
    assert sum("methods_disagree" in flags for flags in agree) <= 1
    assert all("methods_disagree" in flags for flags in differ)


def test_a_bend_between_the_temperatures_is_flagged() -> None:
    assert "not_linear" in one("volume_expansion_finite_difference", three_temperatures(1, bend_nm3=1.0)).flags


def test_points_and_line_are_curves() -> None:
    curves = [
        item for item in results("volume_expansion_finite_difference", three_temperatures(1)) if isinstance(item, Curve)
    ]
    points, line = curves
    assert points.x == line.x == (280.0, 300.0, 320.0)
    assert len({curve.name for curve in curves}) == 2
    for value, fitted, error in zip(points.y, line.y, points.y_stderr, strict=True):
        assert value == pytest.approx(fitted, abs=4 * error)


def test_neighbours_at_the_same_temperature_have_no_slope() -> None:
    whole = three_temperatures(1)
    same = replace(whole, neighbours=(whole.sample, whole.sample))
    with pytest.raises(NotEnoughData, match="different temperatures"):
        one("volume_expansion_finite_difference", same)


def test_neighbours_at_another_pressure_are_refused() -> None:
    whole = three_temperatures(1)
    cold = whole.neighbours[0]
    moved = replace(cold, stage={**cold.stage, "pressure_bar": 500.0})
    with pytest.raises(InvalidSettings, match="500"):
        one("volume_expansion_finite_difference", replace(whole, neighbours=(moved, whole.neighbours[1])))


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("specific_heat_capacity_cp", "vibrations"),
        ("specific_heat_capacity_cv", "vibrations"),
        ("volume_expansion_finite_difference", "neighbour"),
        ("specific_heat_capacity_cp_finite_difference", "neighbour"),
    ],
)
def test_a_missing_stage_is_named(name: str, role: str) -> None:
    with pytest.raises(InvalidSettings, match=role):
        one(name, Simulation(ideal_gas().sample))


def test_a_volume_that_does_not_move_has_no_compressibility() -> None:
    energies = np.random.default_rng(3).normal(size=300)
    with pytest.raises(NotEnoughData, match="volume"):
        one("compressibility_isothermal", Simulation(stage(np.full(300, 64.0), energies)))


def test_a_drift_is_flagged() -> None:
    simulation = correlated(1)
    for axis in "xyz":
        simulation.sample.thermo[f"box_{axis}_nm"] *= np.linspace(1.0, 1.004, 600)
    assert "drifting" in one("compressibility_isothermal", simulation).flags


def test_degrees_of_freedom_are_those_of_the_engine(polyethylene_cell: Cell) -> None:
    sample = replace(correlated(1).sample, cell=polyethylene_cell)
    counted = _thermodynamics.degrees_of_freedom(Simulation(sample))
    assert counted == degrees_of_freedom(Engine(polyethylene_cell, Nonbonded(cutoff_nm=0.7)).system())
    assert counted < 3 * polyethylene_cell.n_atoms
