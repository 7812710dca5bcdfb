"""Solubility parameters: how the parts belong together, whatever the cell."""

from dataclasses import replace

import numpy as np
import pytest
from beads import N_FRAMES, measure

from polyomics.errors import CorruptFile, NotEnoughData
from polyomics.md.cohesion import Cohesion
from polyomics.properties import PROPERTIES
from polyomics.records import Measurement

CED, DELTA = "cohesive_energy_density", "solubility_parameter"
DISPERSION, ELECTROSTATIC = "solubility_parameter_dispersion", "solubility_parameter_electrostatic"


def one(name: str, simulation) -> Measurement:
    (measurement,) = measure(name, simulation)
    return measurement


def with_parts(simulation, van_der_waals: np.ndarray, electrostatic: np.ndarray):
    """A simulation whose cohesive energies [kJ/mol] are these, in 10 nm³."""
    volume = np.full(len(van_der_waals), 10.0)
    simulation.once("cohesion", lambda: Cohesion(van_der_waals, electrostatic, volume))
    return simulation


def noise(seed: int, n: int = 100) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(n)


def test_parts_and_root(simulation) -> None:
    """J/cm³ are MPa: 1 kJ/mol in 10 nm³ are 1/6.022 of one."""
    found = with_parts(simulation(), 1200.0 + 30.0 * noise(1), 300.0 + 20.0 * noise(2))
    density, delta = one(CED, found), one(DELTA, found)
    assert density.value == pytest.approx(1500.0 / 6.02214, rel=0.01)
    assert delta.value**2 == pytest.approx(density.value, rel=1e-12)
    parts = one(DISPERSION, found).value ** 2 + one(ELECTROSTATIC, found).value ** 2
    assert parts == pytest.approx(density.value, rel=1e-12)
    assert delta.stderr == pytest.approx(density.stderr / (2.0 * delta.value), rel=0.02)
    assert one(DISPERSION, found).value ** 2 == pytest.approx(1200.0 / 6.02214, rel=0.01)


def test_charges_that_repel_give_nought_with_a_flag_and_an_error(simulation) -> None:
    found = with_parts(simulation(), 1200.0 + 30.0 * noise(1), -12.0 + 5.0 * noise(2))
    polar, density = one(ELECTROSTATIC, found), one(CED, found)
    assert polar.value == 0.0
    assert "not_attractive" in polar.flags
    assert polar.stderr == pytest.approx(np.sqrt(5.0 / 6.02214 / 10.0), rel=0.2)
    assert density.value < one(DISPERSION, found).value ** 2
    assert "not_attractive" not in one(DISPERSION, found).flags


def test_a_part_near_nought_has_an_error_that_covers_it(simulation) -> None:
    """Of many parts whose true value is 4 MPa, most are within two errors of its root, though noise is as large."""
    within = 0
    for seed in range(60):
        found = with_parts(simulation_of(simulation), 1200.0 + noise(1), 24.1 + 240.0 * noise(seed))
        polar = one(ELECTROSTATIC, found)
        within += abs(polar.value - 2.0) <= 2.0 * polar.stderr
    assert within >= 51


def simulation_of(simulation):
    """The same stages each time, with nothing computed yet."""
    if not hasattr(simulation, "kept"):
        simulation.kept = simulation()
    return replace(simulation.kept, _shared={})


def test_what_does_not_hold_together_has_no_solubility_parameter(simulation) -> None:
    found = with_parts(simulation(), -100.0 + noise(1), noise(2))
    assert one(CED, found).value < 0.0
    for name in (DELTA, DISPERSION):
        with pytest.raises(NotEnoughData, match="do not hold together"):
            measure(name, found)


def test_a_drifting_start_is_left_out_of_all_parts_alike(simulation) -> None:
    start = np.r_[np.linspace(400.0, 0.0, 20), np.zeros(80)]
    found = with_parts(simulation(), 1200.0 + 10.0 * noise(1) + start, 300.0 + 10.0 * noise(2))
    density = one(CED, found)
    assert density.value == pytest.approx(1500.0 / 6.02214, rel=0.01)
    parts = one(DISPERSION, found).value ** 2 + one(ELECTROSTATIC, found).value ** 2
    assert parts == pytest.approx(density.value, rel=1e-12)


def test_evenly_spaced_frames_are_looked_at_and_only_once(simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    found = simulation()
    chosen = found.cohesion()
    assert len(chosen.volume_nm3) == 100
    assert found.cohesion() is chosen
    monkeypatch.setattr("polyomics.simulation.MOST_COHESION_FRAMES", 7)
    few = replace(found, _shared={}).cohesion()
    every = -(-N_FRAMES // 7)
    assert len(few.volume_nm3) == -(-N_FRAMES // every) <= 7
    assert few.van_der_waals_kj_mol[0] == chosen.van_der_waals_kj_mol[0]


def test_the_cut_off_of_the_stage_is_used(stage, simulation) -> None:
    """It is in the manifest; without it nothing is guessed."""
    found = simulation()
    manifest = found.sample.frame_files[0].parent / "manifest.json"
    text = manifest.read_text()
    near, far = (
        cohesion_with(found, manifest, text.replace('"cutoff_nm": 0.9', f'"cutoff_nm": {c}')) for c in (0.5, 0.9)
    )
    assert near != pytest.approx(far, rel=1e-3)
    manifest.write_text(text.replace('"nonbonded"', '"other"'))
    with pytest.raises(CorruptFile, match="cut off"):
        replace(found, _shared={}).cohesion()


def cohesion_with(simulation, manifest, text: str) -> float:
    manifest.write_text(text)
    return float(replace(simulation, _shared={}).cohesion().van_der_waals_kj_mol[3])


def test_units() -> None:
    assert PROPERTIES[CED].unit == "MPa"
    assert {PROPERTIES[name].unit for name in (DELTA, DISPERSION, ELECTROSTATIC)} == {"MPa^0.5"}
