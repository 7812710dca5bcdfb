"""Relaxation time and loss tangents of cells whose dipole is a Debye process, read from the files of a stage."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from beads import BOX_NM, CONTEXT, bead_cell, beads_nm, results
from scipy.signal import lfilter

from polyomics.analysis.dielectric import refractive_index
from polyomics.cell.cell import Cell
from polyomics.errors import InvalidSettings, NotEnoughData, NotIdentifiable, NotIsotropic, OutOfReach, StepFailed
from polyomics.files import sha256
from polyomics.md.recording import write_arrays
from polyomics.properties import PROPERTIES
from polyomics.records import Curve, Measurement
from polyomics.simulation import Simulation
from polyomics.trajectory import Trajectory

NAMES = [
    "dielectric_relaxation_time",
    "dielectric_loss_tangent_1ghz",
    "dielectric_loss_tangent_10ghz",
    "dielectric_loss_tangent_1thz",
]
INTERVAL_PS, TEMPERATURE_K, MOMENT_E_NM = 0.05, 350.0, 0.3
TIME_PS = 4.0


def debye(n: int, time_ps: float = TIME_PS, seed: int = 1) -> np.ndarray:
    decay = np.exp(-INTERVAL_PS / time_ps)
    noise = np.random.default_rng(seed).standard_normal((n, 3)) * np.sqrt(1.0 - decay**2)
    noise[0] /= np.sqrt(1.0 - decay**2)
    return MOMENT_E_NM * lfilter([1.0], [1.0, -decay], noise, axis=0)


Write = Callable[..., Simulation]


@pytest.fixture
def dipolar(stage: Callable[..., Trajectory], tmp_path: Path) -> Write:
    """A sample of beads, and a stage of role `dipoles` in three segments."""

    def write(
        moments_e_nm: np.ndarray,
        *,
        cell: Cell | None = None,
        positions_nm: np.ndarray | None = None,
        intervals_ps: tuple[float, ...] = (INTERVAL_PS,) * 3,
    ) -> Simulation:
        folder = tmp_path / "dipoles"
        folder.mkdir()
        segments = []
        for number, part in enumerate(np.array_split(moments_e_nm, 3)):
            path = folder / f"dipoles.{number:04d}.npz"
            write_arrays(path, dipole_e_nm=part, interval_ps=intervals_ps[number], volume_nm3=BOX_NM**3)
            segments.append({"files": {path.name: sha256(path)}})
        record = {"kind": "dipoles", "name": "d", "role": "dipoles", "temperature_k": TEMPERATURE_K}
        (folder / "manifest.json").write_text(json.dumps({"stage": record, "done": True, "segments": segments}))
        sample = stage(beads_nm() if positions_nm is None else positions_nm, cell=cell or bead_cell())
        return Simulation(sample, folders={"dipoles": (folder,)})

    return write


def value(name: str, simulation: Simulation) -> Measurement:
    return next(item for item in results(name, simulation) if isinstance(item, Measurement))


def response(frequency_ghz: float) -> complex:
    """ε of a Debye process with the refractive index of the beads."""
    thermal_j = 1.380649e-23 * TEMPERATURE_K
    squared = 3.0 * (MOMENT_E_NM * 1.602176634e-19 * 1e-9) ** 2
    strength = squared / (3.0 * 8.8541878128e-12 * (BOX_NM * 1e-9) ** 3 * thermal_j)
    infinite = float(refractive_index(4.6 * 150, BOX_NM**3)) ** 2
    return infinite + strength / (1.0 + 2.0j * np.pi * frequency_ghz * 1e-3 * TIME_PS)


def test_a_debye_process_gives_its_time_and_its_loss(dipolar: Write) -> None:
    simulation = dipolar(debye(80_000))
    time = value("dielectric_relaxation_time", simulation)
    assert time.value == pytest.approx(TIME_PS, abs=3 * time.stderr)
    assert time.stderr < 0.15 * TIME_PS
    assert (time.unit, time.temperature_k) == ("ps", TEMPERATURE_K)
    for name, frequency_ghz in (("dielectric_loss_tangent_10ghz", 10.0), ("dielectric_loss_tangent_1thz", 1000.0)):
        found = value(name, simulation)
        expected = response(frequency_ghz)
        assert found.value == pytest.approx(-expected.imag / expected.real, abs=4 * found.stderr)
        assert found.stderr < 0.3 * found.value
        assert "additive_refraction" in found.flags


def test_curves_hold_the_points_behind_the_values(dipolar: Write) -> None:
    simulation = dipolar(debye(80_000))
    curves = {item.name: item for name in NAMES[::2] for item in results(name, simulation) if isinstance(item, Curve)}
    correlation, fit = curves["dipole_correlation"], curves["dipole_correlation_fit"]
    assert (correlation.x_name, correlation.y_name) == (fit.x_name, fit.y_name)
    assert np.interp(TIME_PS, correlation.x, correlation.y) == pytest.approx(np.exp(-1.0), abs=0.1)
    spectrum = curves["dielectric_loss_tangent_10ghz_spectrum"]
    at = spectrum.x.index(10.0)
    assert spectrum.y[at] == value("dielectric_loss_tangent_10ghz", simulation).value
    loss = curves["dielectric_loss"]
    assert loss.x[int(np.argmax(loss.y))] == pytest.approx(1e3 / (2.0 * np.pi * TIME_PS), rel=0.6)


def test_without_a_molar_refraction_electrons_are_left_out_and_said_so(dipolar: Write) -> None:
    cell = replace(bead_cell(), molar_refractivity_cm3_mol=None)
    found = value("dielectric_loss_tangent_10ghz", dipolar(debye(80_000), cell=cell))
    expected = response(10.0) - float(refractive_index(4.6 * 150, BOX_NM**3)) ** 2 + 1.0
    assert found.value == pytest.approx(-expected.imag / expected.real, abs=4 * found.stderr)
    assert "without_electrons" in found.flags


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_is_too_short_is_refused_and_shows_its_curves(dipolar: Write, name: str) -> None:
    with pytest.raises((OutOfReach, NotIdentifiable)) as caught:
        results(name, dipolar(debye(300, 400.0)))
    names = [curve.name for curve in caught.value.curves]
    assert ("dipole_correlation" if name == "dielectric_relaxation_time" else f"{name}_spectrum") in names


def test_a_glass_has_loss_but_no_relaxation_time(dipolar: Write) -> None:
    """The slow process has hardly begun; what rattles fast is seen all the same."""
    glass = debye(80_000, 1e5, 3) + 0.2 * debye(80_000, 0.3, 4)
    simulation = dipolar(glass)
    with pytest.raises(OutOfReach, match="run longer") as caught:
        value("dielectric_relaxation_time", simulation)
    names = [curve.name for curve in caught.value.curves]
    assert names == ["dipole_correlation", "permittivity", "dielectric_loss"]
    assert value("dielectric_loss_tangent_1thz", simulation).value > 0.0


@pytest.mark.parametrize("name", NAMES)
def test_what_has_no_dielectric_relaxation_is_refused(dipolar: Write, name: str) -> None:
    with pytest.raises(NotIsotropic, match=name):
        results(name, dipolar(debye(3000), positions_nm=beads_nm() * np.array([1.0, 1.0, 4.0])))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("trouble", ["charged", "dead", "nan", "uneven"])
def test_bad_input_is_said_in_a_sentence(dipolar: Write, name: str, trouble: str) -> None:
    moments, cell, intervals, words = debye(3000), bead_cell(), (INTERVAL_PS,) * 3, "differ in interval_ps"
    if trouble == "charged":
        cell, words = replace(cell, charges_e=np.full(cell.n_atoms, 0.1)), "net charge"
    elif trouble == "dead":
        moments, words = np.zeros((3000, 3)), "atoms have charges"
    elif trouble == "nan":
        moments[7], words = np.nan, "not finite"
    else:
        intervals = (INTERVAL_PS, INTERVAL_PS, 2.0 * INTERVAL_PS)
    with pytest.raises(NotEnoughData, match=words):
        results(name, dipolar(moments, cell=cell, intervals_ps=intervals))


@pytest.mark.parametrize("name", NAMES)
def test_without_the_probe_it_is_not_measurable(stage: Callable[..., Trajectory], name: str) -> None:
    assert PROPERTIES[name].probe == "dielectric_relaxation"
    with pytest.raises(InvalidSettings, match="role 'dipoles'"):
        PROPERTIES[name]().measure(Simulation(stage()), CONTEXT)


@pytest.mark.slow
def test_a_real_polymer_gives_a_value_or_says_why_not(tmp_path: Path) -> None:
    """From SMILES to results: a loss at 1 THz takes 18 ps, of which the smoke preset has four."""
    from polyomics.md.engine import Hardware
    from polyomics.request import make_spec
    from polyomics.study import run_study

    spec = make_spec("*CC(*)C#N", preset="smoke", properties=NAMES)
    assert "dielectric_dipoles" in [stage.name for stage in spec.protocol.stages]
    url = f"sqlite:///{tmp_path / 'polyomics.db'}"
    found = run_study(spec, home=tmp_path, database_url=url, hardware=Hardware(platform="CPU", threads=1))
    assert {item.name for item in found.measurements} | {item.stage for item in found.failures} == set(NAMES)
    assert all(item.value > 0.0 and item.stderr is not None for item in found.measurements)
    assert {item.kind for item in found.failures} <= {one.__name__ for one in StepFailed.__subclasses__()}
