"""Stretches on disk, as the stage leaves them, give their modulus, ratio and yield point, or say why not."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from beads import CONTEXT, bead_cell
from stretched_models import MODULUS_MPA, POISSON, YIELD_MPA, YIELD_STRAIN, glass_mpa, liquid_mpa, table

from polyomics.errors import InvalidSettings, NotEnoughData, NotIdentifiable, NotIsotropic
from polyomics.files import sha256
from polyomics.properties import PROPERTIES, MeasurementContext
from polyomics.records import Curve, Measurement
from polyomics.simulation import Simulation

NAMES = ("tensile_modulus", "tensile_poissons_ratio", "yield_stress", "yield_strain")
Material = Callable[[np.ndarray], np.ndarray]
RATES = (1.0, 0.3)


@pytest.fixture
def pulled(simulation: Callable[..., Simulation], tmp_path: Path) -> Callable[..., Simulation]:
    """A simulation with stretches along all axes at some rates."""

    def write(
        material: Callable[[float], Material] = lambda rate: glass_mpa,
        rates_per_ns: Sequence[float] = RATES,
        *,
        noise_mpa: float = 20.0,
        end: float = 0.2,
        temperature_k: float = 300.0,
        details: dict[str, object] | None = None,
    ) -> Simulation:
        rng = np.random.default_rng(2)
        folders = []
        for rate in rates_per_ns:
            for axis in range(3):
                strain, stress_bar, box_nm = table(material(rate), rng, axis, rate * 1e-3, end, noise_mpa)
                folder = tmp_path / f"stretch_{temperature_k:g}_{rate:g}_{axis}"
                folder.mkdir()
                path = folder / "stress.0000.npz"
                warmth = temperature_k + rng.normal(scale=3.0, size=len(strain))
                np.savez(
                    path,
                    time_ps=strain / rate * 1e3,
                    strain=strain,
                    stress_bar=stress_bar,
                    box_nm=box_nm,
                    temperature_k=warmth,
                )
                record = {
                    "kind": "stretch",
                    "name": folder.name,
                    "role": "stretch",
                    "axis": "xyz"[axis],
                    "temperature_k": temperature_k,
                    "pressure_bar": 1.0,
                    "strain_rate_per_ns": rate,
                }
                segment = {"files": {path.name: sha256(path)}, **(details or {})}
                manifest = {"stage": record, "done": True, "segments": [segment], "events": []}
                (folder / "manifest.json").write_text(json.dumps(manifest))
                folders.append(folder)
        return replace(simulation(), folders={"stretch": tuple(folders)})

    return write


def measured(simulation: Simulation, name: str, context: MeasurementContext = CONTEXT) -> Measurement:
    return next(one for one in PROPERTIES[name]().measure(simulation, context) if isinstance(one, Measurement))


def test_a_glass_gives_all_four_within_their_errors(pulled: Callable[..., Simulation]) -> None:
    simulation = pulled()
    truths = (MODULUS_MPA / 1000.0, POISSON, YIELD_MPA, YIELD_STRAIN)
    for name, truth in zip(NAMES, truths, strict=True):
        value = measured(simulation, name)
        assert value.stderr is not None
        assert value.value == pytest.approx(truth, abs=3.5 * value.stderr)
        assert value.stderr < 0.25 * truth
        assert value.temperature_k == 300.0
        assert not {"one_rate", "heated", "sides_off_pressure", "cut_short", "fast"} & set(value.flags)


def test_curves_of_a_property_have_names_of_their_own_and_share_a_figure(pulled: Callable[..., Simulation]) -> None:
    simulation = pulled()
    names: list[str] = []
    for name in NAMES:
        curves = [one for one in PROPERTIES[name]().measure(simulation, CONTEXT) if isinstance(one, Curve)]
        names += [curve.name for curve in curves]
        assert len({(curve.x_name, curve.y_name) for curve in curves}) == 2
        assert f"{name}_over_rate" in names
    assert len(set(names)) == len(names)


def test_one_rate_is_flagged(pulled: Callable[..., Simulation]) -> None:
    assert "one_rate" in measured(pulled(rates_per_ns=(0.3,)), "tensile_modulus").flags


def test_a_melt_fails_with_its_curves(pulled: Callable[..., Simulation]) -> None:
    simulation = pulled(lambda rate: liquid_mpa)
    for name in NAMES:
        with pytest.raises(NotIdentifiable, match="does not rise") as caught:
            PROPERTIES[name]().measure(simulation, CONTEXT)
        assert caught.value.curves
        assert {curve.property for curve in caught.value.curves} == {name}


def test_a_liquid_that_looks_solid_at_each_rate_is_told_by_its_rates(pulled: Callable[..., Simulation]) -> None:
    """σ = 3 η dε/dt (1 - exp(-t/τ)): each curve rises and levels off as that of a plastic does."""

    def maxwell(rate_per_ns: float) -> Material:
        relaxed = 0.02 * rate_per_ns
        return lambda strain: 4000.0 * relaxed * (1.0 - np.exp(-strain / relaxed))

    simulation = pulled(maxwell, (3.0, 1.0), noise_mpa=4.0)
    with pytest.raises(NotIdentifiable, match=r"viscous flow of a liquid") as caught:
        PROPERTIES["yield_stress"]().measure(simulation, CONTEXT)
    assert any(curve.name == "yield_stress_over_rate" for curve in caught.value.curves)


def test_what_speaks_against_a_stretch_is_flagged(pulled: Callable[..., Simulation]) -> None:
    details = {"stopped": True, "needed_side_nm": 2.4}
    value = measured(pulled(rates_per_ns=(30.0, 10.0), noise_mpa=2.0, details=details), "tensile_modulus")
    assert {"fast", "cut_short"} <= set(value.flags)


def test_a_stretch_cut_short_says_how_large_a_cell_is_needed(pulled: Callable[..., Simulation]) -> None:
    simulation = pulled(end=0.03, details={"stopped": True, "needed_side_nm": 2.43})
    with pytest.raises(NotIdentifiable, match=r"ended at a strain of 0.03 .* at least 2.43 nm"):
        PROPERTIES["yield_stress"]().measure(simulation, CONTEXT)


def test_stretches_at_another_temperature_are_not_taken_for_these(pulled: Callable[..., Simulation]) -> None:
    simulation = pulled(temperature_k=600.0)
    with pytest.raises(NotEnoughData, match="no stretch with free sides at 300 K, but at 600 K"):
        measured(simulation, "tensile_modulus")
    hot = measured(simulation, "tensile_modulus", CONTEXT.model_copy(update={"temperature_k": 600.0}))
    assert hot.temperature_k == 600.0


def test_a_cell_with_a_direction_is_refused(pulled: Callable[..., Simulation], stage: Callable[..., object]) -> None:
    cell = bead_cell()
    along = np.zeros((cell.n_atoms, 3))
    along[:, 2] = np.round(0.1 * np.arange(cell.n_atoms), 3) % 3.9
    along[:, 0] = cell.molecule_of_atom * 0.7
    oriented = replace(pulled(), sample=stage(np.tile(along, (30, 1, 1))))
    with pytest.raises(NotIsotropic):
        PROPERTIES["tensile_modulus"]().measure(oriented, CONTEXT)


@pytest.mark.parametrize("name", NAMES)
def test_without_a_stretch_there_is_nothing_to_measure(name: str, simulation: Callable[..., Simulation]) -> None:
    with pytest.raises(InvalidSettings, match="role 'stretch'"):
        PROPERTIES[name]().measure(simulation(), CONTEXT)
