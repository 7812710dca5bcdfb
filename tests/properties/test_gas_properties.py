"""Solubility, diffusion and permeability of gases from stages on disk: known answers in, known answers out."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from beads import results, thermo
from lennard_jones import argon_cell
from mdtraj.formats import XTCTrajectoryFile

from polyomics.cell.cell import Cell
from polyomics.cell.guests import GAS_NAMES
from polyomics.errors import InvalidSettings, NotEnoughData, OutOfReach
from polyomics.files import sha256
from polyomics.properties import PROPERTIES, MeasurementContext
from polyomics.properties._gases import permeability
from polyomics.records import Curve, Measurement
from polyomics.request import make_spec
from polyomics.simulation import Simulation
from polyomics.trajectory import THERMO_COLUMNS, Trajectory

D_NM2_PS = 0.02
CONTEXT = MeasurementContext(temperature_k=300.0, pressure_bar=1.0)


def write_sample(folder: Path, cell: Cell, n_frames: int, seed: int, cutoff_nm: float) -> Trajectory:
    """Frames of atoms that rattle about where they are."""
    cell.save(folder / "cell")
    table = thermo(cell, n_frames, 300.0, seed)
    noise = np.random.default_rng(seed).normal(scale=0.02, size=(n_frames, cell.n_atoms, 3))
    with (folder / "thermo.0000.csv").open("w", newline="") as stream:
        rows = np.array([table[name] for name in THERMO_COLUMNS]).T
        csv.writer(stream).writerows([THERMO_COLUMNS, *rows.tolist()])
    with XTCTrajectoryFile(str(folder / "frames.0000.xtc"), "w") as stream:
        box = np.tile(np.diag(cell.box_nm).astype(np.float32), (n_frames, 1, 1))
        positions = (cell.positions_nm + noise).astype(np.float32)
        stream.write(positions, time=table["time_ps"].astype(np.float32), box=box)
    write_manifest(folder, {"kind": "npt", "name": "sample", "role": "sample"}, cutoff_nm)
    return Trajectory.open(folder / "cell", folder)


def write_manifest(folder: Path, stage: dict, cutoff_nm: float = 0.9) -> None:
    record = {"temperature_k": 300.0, "pressure_bar": 1.0} | stage
    files = {path.name: sha256(path) for path in folder.iterdir() if path.is_file()}
    manifest = {"stage": record, "done": True, "segments": [{"files": files}], "nonbonded": {"cutoff_nm": cutoff_nm}}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def write_guests(folder: Path, gas: str, paths_nm: np.ndarray, interval_ps: float = 1.0) -> Path:
    """What a stage of kind guest_diffusion leaves: guests, and a heavy molecule that stands still."""
    folder.mkdir()
    n_records, n_guests = paths_nm.shape[:2]
    centres = np.concatenate([np.zeros((n_records, 1, 3)), paths_nm], axis=1)
    np.savez(
        folder / "paths.0000.npz",
        time_ps=interval_ps * np.arange(1, n_records + 1),
        box_nm=np.full((n_records, 3), 3.0),
        centres_nm=centres,
        masses_amu=np.array([1e4] + [44.0] * n_guests),
    )
    stage = {"kind": "guest_diffusion", "name": f"guests_{gas}", "role": "guest_diffusion"}
    write_manifest(folder, stage | {"gas": gas, "n_guests": n_guests})
    return folder


def walk(n_records: int = 1000, n_guests: int = 8, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(scale=np.sqrt(2.0 * D_NM2_PS), size=(n_records, n_guests, 3)).cumsum(axis=0)


@pytest.fixture
def gas_simulation(tmp_path: Path) -> Callable[..., Simulation]:
    """A sample of rattling argon, and guests."""
    cell = argon_cell(2, 0.15)

    def make(**gases: np.ndarray) -> Simulation:
        home = tmp_path / f"study{len(list(tmp_path.iterdir()))}"
        home.mkdir()
        sample = write_sample(home / "sample", cell, 12, 3, 0.9)
        folders = tuple(write_guests(home / gas, gas, paths) for gas, paths in gases.items())
        return Simulation(sample, folders={"guest_diffusion": folders})

    return make


def values(name: str, simulation: Simulation, context: MeasurementContext = CONTEXT) -> list[Measurement]:
    return [item for item in results(name, simulation, context) if isinstance(item, Measurement)]


def test_there_is_one_property_of_every_kind_for_every_gas() -> None:
    units = {"solubility": "cm3(STP)/(cm3 bar)", "diffusion": "cm2/s", "permeability": "barrer"}
    for gas in GAS_NAMES:
        for kind, unit in units.items():
            cls = PROPERTIES[f"{kind}_{gas}"]
            assert (cls.name, cls.unit, cls.probe) == (f"{kind}_{gas}", unit, "gas_transport")
            assert "DOI 10." in cls.reference


@pytest.mark.parametrize("temperature_k", [273.15, 400.0])
def test_where_nothing_interacts_solubility_is_that_of_empty_space(
    gas_simulation: Callable[..., Simulation], temperature_k: float
) -> None:
    """An ideal gas of 1 bar is 1 / 1.01325 cm3(STP) in a cm3 at 0 °C, and less where it is hotter."""
    whole = gas_simulation(he=walk())
    system = whole.cell.system_xml.replace('eps="0.99607"', 'eps="0"').replace('eps=".99607"', 'eps="0"')
    assert system != whole.cell.system_xml
    whole.cell.__dict__["system_xml"] = system
    context = CONTEXT.model_copy(update={"temperature_k": temperature_k})
    found = values("solubility_he", whole, context)[0]
    assert found.value == pytest.approx(273.15 / temperature_k / 1.01325, rel=1e-9)
    assert found.stderr is None
    assert "constant" in found.flags


def test_solubility_has_an_error_and_is_the_same_again(gas_simulation: Callable[..., Simulation]) -> None:
    first, again = (results("solubility_ch4", gas_simulation(ch4=walk()), CONTEXT) for _ in range(2))
    assert first == again
    value, curve = first
    assert value.value > 0
    assert 0 < value.stderr < 0.3 * value.value
    assert isinstance(curve, Curve)
    assert np.average(curve.y, weights=[2, 2, *[1] * 8]) == pytest.approx(value.value, rel=1e-6)


def test_the_diffusion_coefficient_of_a_walk_comes_back(gas_simulation: Callable[..., Simulation]) -> None:
    found = results("diffusion_o2", gas_simulation(o2=walk()), CONTEXT)
    value = found[0]
    assert value.value == pytest.approx(D_NM2_PS * 1e-14 / 1e-12, abs=3.5 * value.stderr)
    assert value.stderr < 0.25 * value.value
    points, fit = found[1:]
    assert (points.x_name, points.y_name) == (fit.x_name, fit.y_name)
    within = np.interp(fit.x, points.x, points.y)
    assert fit.y == pytest.approx(within, rel=0.2)


def test_permeability_is_solubility_times_diffusion(gas_simulation: Callable[..., Simulation]) -> None:
    """1 barrer is 1e-10 cm3(STP) cm/(cm2 s cmHg); relative errors add in squares."""
    simulation = gas_simulation(ch4=walk())
    solubility, diffusion, found = (
        values(f"{kind}_ch4", simulation)[0] for kind in ("solubility", "diffusion", "permeability")
    )
    cmhg_in_bar = 0.01 * 13595.1 * 9.80665 / 1e5
    assert found.value == pytest.approx(solubility.value * diffusion.value * cmhg_in_bar * 1e10, rel=1e-4)
    relative = np.hypot(solubility.stderr / solubility.value, diffusion.stderr / diffusion.value)
    assert found.stderr / found.value == pytest.approx(relative)
    assert found.n_independent <= min(solubility.n_independent, diffusion.n_independent)
    assert set(found.flags) >= set(solubility.flags) | set(diffusion.flags)


def test_a_permeability_without_one_of_the_errors_has_none() -> None:
    from polyomics.analysis.statistics import Estimate

    known, unknown = Estimate(1.0, 0.1, 20.0, 1.0, 0), Estimate(1.0, None, 2.0, 1.0, 0, ("few_samples",))
    found = permeability(known, unknown)
    assert found.stderr is None
    assert found.flags == ("few_samples",)


@pytest.mark.parametrize("kind", ["diffusion", "permeability"])
def test_guests_that_rattle_give_a_failure_with_curves(kind: str, gas_simulation: Callable[..., Simulation]) -> None:
    rattling = np.random.default_rng(1).normal(scale=0.05, size=(1000, 6, 3))
    with pytest.raises(OutOfReach, match=r"6 guests of CO2: .*anomalous diffusion") as caught:
        values(f"{kind}_co2", gas_simulation(co2=rattling))
    assert len(caught.value.curves) == 2


def test_too_few_records_are_a_failure_with_the_points_there_are(gas_simulation: Callable[..., Simulation]) -> None:
    with pytest.raises(NotEnoughData, match="at least 60") as caught:
        values("diffusion_he", gas_simulation(he=walk(n_records=20)))
    assert len(caught.value.curves) == 1


def test_the_state_is_that_of_the_stage(gas_simulation: Callable[..., Simulation]) -> None:
    context = CONTEXT.model_copy(update={"temperature_k": 310.0, "extra_flags": ("demo_quality",)})
    found = values("diffusion_o2", gas_simulation(o2=walk()), context)[0]
    assert found.temperature_k == 300.0
    assert "demo_quality" in found.flags


def test_a_gas_without_a_stage_is_refused(gas_simulation: Callable[..., Simulation]) -> None:
    simulation = gas_simulation(he=walk(), o2=walk())
    for kind in ("solubility", "diffusion", "permeability"):
        with pytest.raises(InvalidSettings, match=rf"{kind}_n2 needs a stage .* gas 'n2' .* which has he, o2"):
            values(f"{kind}_n2", simulation)
    with pytest.raises(InvalidSettings, match="guest_diffusion"):
        values("diffusion_n2", Simulation(simulation.sample))


def test_a_request_brings_the_probe_and_says_which_gases_it_has() -> None:
    spec = make_spec("*CC*", preset="smoke", properties=["permeability_he"])
    assert [stage.name for stage in spec.protocol.stages[-2:]] == ["guests_he", "guests_ch4"]
    with pytest.raises(InvalidSettings, match=r"permeability_h2o needs a stage .* which has he, ch4; ask for a higher"):
        make_spec("*CC*", preset="smoke", properties=["permeability_h2o"])
    for gas in GAS_NAMES:
        assert make_spec("*CC*", preset="standard", properties=[f"solubility_{gas}"]).properties


def test_a_cell_below_twice_the_cutoff_is_refused(gas_simulation: Callable[..., Simulation]) -> None:
    simulation = gas_simulation(he=walk())
    path = simulation.sample.frame_files[0].parent / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["nonbonded"]["cutoff_nm"] = 1.1
    path.write_text(json.dumps(manifest))
    with pytest.raises(InvalidSettings, match="below twice the cut-off"):
        values("solubility_he", simulation)


def test_a_gas_that_fits_nowhere_is_a_failure(tmp_path: Path) -> None:
    sample = write_sample(tmp_path / "sample", argon_cell(4, 1.9), 3, 1, 0.5)
    simulation = Simulation(sample, folders={"guest_diffusion": (write_guests(tmp_path / "ch4", "ch4", walk()),)})
    with pytest.raises(OutOfReach, match=r"not one place of [\d,]+ in 3 frames"):
        values("solubility_ch4", simulation)


@pytest.mark.slow
def test_a_study_gives_values_or_says_why(tmp_path: Path) -> None:
    from polyomics.md.engine import Hardware
    from polyomics.study import run_study

    names = ["solubility_he", "diffusion_he", "permeability_he"]
    spec = make_spec("*CC*", preset="smoke", properties=names)
    url = f"sqlite:///{tmp_path / 'p.db'}"
    done = run_study(spec, home=tmp_path, database_url=url, hardware=Hardware(platform="CPU", threads=1))
    assert {m.name for m in done.measurements} | {f.stage for f in done.failures} == set(names)
    assert done["solubility_he"].value > 0
    assert {failure.kind for failure in done.failures} <= {"OutOfReach", "NotEnoughData"}
