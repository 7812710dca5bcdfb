"""Elastic properties of strained runs whose answers are known, and of those that have none."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from beads import fluctuating, measure, results

from polyomics.analysis.elasticity import isotropic_stiffness
from polyomics.errors import InvalidSettings, NotEnoughData, NotIdentifiable, NotIsotropic, OutOfReach
from polyomics.files import sha256
from polyomics.md.probes import EFFORTS, PROBES
from polyomics.md.protocols import Target
from polyomics.md.recording import THERMO_COLUMNS, write_arrays
from polyomics.md.stages.breathe import Breathe
from polyomics.md.stages.strain import Strain
from polyomics.properties import PROPERTIES, MeasurementContext
from polyomics.records import Curve
from polyomics.simulation import Simulation
from polyomics.units import GAS_CONSTANT_KJ_MOL_K, KJ_MOL_NM3_IN_BAR

BULK, SHEAR = 4.0, 1.2
YOUNGS, POISSON = 9 * BULK * SHEAR / (3 * BULK + SHEAR), (3 * BULK - 2 * SHEAR) / (6 * BULK + 2 * SHEAR)
ISOTROPIC = isotropic_stiffness(BULK, SHEAR)
TRUTHS = {
    "youngs_modulus": YOUNGS,
    "shear_modulus": SHEAR,
    "bulk_modulus_finite_strain": BULK,
    "poissons_ratio": POISSON,
}
MODULI = sorted(TRUTHS)
TEMPERATURE_K, PRESSURE_BAR, BAR_A_GPA = 280.0, 20.0, 1e4


def manifest(folder: Path, stage: dict[str, object], segments: list[dict[str, object]]) -> Path:
    for segment in segments:
        segment["files"] = {name: sha256(folder / name) for name in segment.get("files", [])}
    (folder / "manifest.json").write_text(json.dumps({"stage": stage, "segments": segments}))
    return folder


def strain_folder(
    folder: Path,
    matrix_gpa: np.ndarray = ISOTROPIC,
    *,
    noise_gpa: float = 0.01,
    decay: Callable[[np.ndarray], np.ndarray] = np.ones_like,
    bend: float = 0.0,
    strain: float = 0.01,
    n: int = 150,
    refused: str | None = None,
) -> Path:
    """A stage of kind `strain`: stress = C (e + bend |e|) x decay(time) + noise."""
    folder.mkdir()
    rng = np.random.default_rng(len(folder.name))
    time_ps, segments = np.arange(1.0, n + 1), []
    for index, (component, sign) in enumerate([(-1, 0), *((c, s) for c in range(6) for s in (1, -1))]):
        stress = noise_gpa * rng.normal(size=(n, 6))
        if sign:
            stress += np.outer(decay(time_ps), matrix_gpa[:, component]) * strain * (sign + bend)
        name = f"stress.{index:04d}.npz"
        arrays = {"stress_bar": stress * BAR_A_GPA, "component": component, "strain": strain * sign, "start": 0}
        write_arrays(folder / name, time_ps=time_ps, **arrays)
        segments.append({"files": [name]} if refused is None else {"refused": refused})
    record = {
        "kind": "strain", "role": "strain", "strain": strain, "relax_ps": 50.0, "temperature_k": TEMPERATURE_K,
        "pressure_bar": PRESSURE_BAR,
    }  # fmt: skip
    return manifest(folder, record, segments)


def breathe_folder(folder: Path, matrix_gpa: np.ndarray = ISOTROPIC, *, n: int = 8000, refused: str = "") -> Path:
    """A stage of kind `breathe` whose edges fluctuate as the stiffness has it."""
    folder.mkdir()
    unit = GAS_CONSTANT_KJ_MOL_K * TEMPERATURE_K / 27.0 * KJ_MOL_NM3_IN_BAR / BAR_A_GPA
    root = np.linalg.cholesky(unit * np.linalg.inv(matrix_gpa)[:3, :3])
    strains = np.array([fluctuating(n, 2, seed) for seed in (1, 2, 3)]).T @ root.T
    with (folder / "thermo.0000.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(THERMO_COLUMNS)
        for step, edges in enumerate(3.0 * (1.0 + strains)):
            row = dict.fromkeys(THERMO_COLUMNS, 0.0) | {"time_ps": step + 1.0}
            row |= {f"box_{axis}_nm": float(edge) for axis, edge in zip("xyz", edges, strict=True)}
            rows.writerow([repr(row[name]) for name in THERMO_COLUMNS])
    record = {
        "kind": "breathe", "role": "breathe", "temperature_k": TEMPERATURE_K, "pressure_bar": PRESSURE_BAR,
    }  # fmt: skip
    return manifest(folder, record, [{"refused": refused} if refused else {"files": ["thermo.0000.csv"]}])


@pytest.fixture
def probed(simulation: Callable[..., Simulation]) -> Callable[..., Simulation]:
    """Beads in a box, which have no direction, with folders of the probe's stages beside them."""
    sampled = simulation()

    def write(**folders: Path | tuple[Path, ...]) -> Simulation:
        several = {role: one if isinstance(one, tuple) else (one,) for role, one in folders.items()}
        return replace(sampled, folders=several, _shared={})

    return write


@pytest.mark.parametrize("name", MODULI)
def test_moduli_come_back_within_their_errors(name: str, probed: Callable[..., Simulation], tmp_path: Path) -> None:
    found = probed(strain=strain_folder(tmp_path / "strain"), breathe=breathe_folder(tmp_path / "breathe"))
    (value,) = measure(name, found)
    assert value.stderr < 0.12 * TRUTHS[name]
    assert value.value == pytest.approx(TRUTHS[name], abs=3.5 * value.stderr)
    assert (value.temperature_k, value.pressure_bar) == (TEMPERATURE_K, PRESSURE_BAR)
    assert value.flags == ()


def test_values_obey_the_relations_between_moduli(probed: Callable[..., Simulation], tmp_path: Path) -> None:
    found = probed(strain=strain_folder(tmp_path / "strain", noise_gpa=1e-4))
    young, shear, bulk, poisson = (
        measure(name, found)[0].value
        for name in ("youngs_modulus", "shear_modulus", "bulk_modulus_finite_strain", "poissons_ratio")
    )
    assert young == pytest.approx(2 * shear * (1 + poisson), rel=1e-3)
    assert young == pytest.approx(3 * bulk * (1 - 2 * poisson), rel=1e-3)


def test_a_curve_shows_the_relaxation_and_the_value(probed: Callable[..., Simulation], tmp_path: Path) -> None:
    folder = strain_folder(tmp_path / "strain", decay=lambda time: 1 + 2 * np.exp(-time / 10), noise_gpa=0.002)
    found = results("shear_modulus", probed(strain=folder))
    points, level = (item for item in found if isinstance(item, Curve))
    assert (points.name, level.name) == ("shear_modulus_after_straining", "shear_modulus_after_straining_value")
    truth = SHEAR * (1 + 2 * np.exp(-np.array(points.x) / 10))
    assert np.abs((np.array(points.y) - truth) / np.array(points.y_stderr))[-6:].max() < 4
    assert points.y[0] == pytest.approx(truth[0], abs=4 * points.y_stderr[0])
    assert level.x == (51.0, 150.0)
    assert level.y[0] == pytest.approx(SHEAR, rel=0.03)


@pytest.mark.parametrize("name", MODULI)
def test_a_melt_has_none_of_them(name: str, probed: Callable[..., Simulation], tmp_path: Path) -> None:
    found = probed(strain=strain_folder(tmp_path / "strain", isotropic_stiffness(2.0, 1e-3)))
    with pytest.raises(NotIdentifiable, match=r"shear modulus is .* cannot be told from nought") as caught:
        measure(name, found)
    assert caught.value.curves[0].name == f"{name}_after_straining"


def test_an_unstable_stiffness_is_a_failure(probed: Callable[..., Simulation], tmp_path: Path) -> None:
    matrix = ISOTROPIC.copy()
    matrix[3, 3] = -0.5
    for name in ("youngs_modulus", "elastic_anisotropy"):
        with pytest.raises(NotIdentifiable, match="smallest eigenvalue"):
            measure(name, probed(strain=strain_folder(tmp_path / name, matrix)))


def test_what_still_falls_is_flagged_or_refused(probed: Callable[..., Simulation], tmp_path: Path) -> None:
    def falling(late: float) -> Path:
        folder = tmp_path / f"falls to {late}"
        return strain_folder(folder, decay=lambda time: np.where(time > 100, late, 1.0), noise_gpa=0.002)

    assert "still_relaxing" in measure("shear_modulus", probed(strain=falling(0.8)))[0].flags
    assert measure("shear_modulus", probed(strain=falling(0.999)))[0].flags == ()
    with pytest.raises(OutOfReach, match="falls by") as caught:
        measure("youngs_modulus", probed(strain=falling(0.4)))
    assert caught.value.curves


def test_noise_that_hides_a_fall_is_flagged(probed: Callable[..., Simulation], tmp_path: Path) -> None:
    found = measure("shear_modulus", probed(strain=strain_folder(tmp_path / "strain", noise_gpa=0.02, n=60)))[0]
    assert "relaxation_not_shown" in found.flags


def test_a_cubic_crystal_is_refused(probed: Callable[..., Simulation], tmp_path: Path) -> None:
    """Argon at low temperature: C11, C12, C44 as 1 to 0.57 to 0.57, universal anisotropy 1.2."""
    matrix = np.diag([5.0] * 3 + [2.85] * 3)
    matrix[:3, :3] += 2.85 * (1 - np.eye(3))
    found = probed(strain=strain_folder(tmp_path / "strain", matrix, noise_gpa=0.002))
    with pytest.raises(NotIsotropic, match="universal elastic anisotropy"):
        measure("youngs_modulus", found)
    (value,) = measure("elastic_anisotropy", found)
    assert value.value == pytest.approx(1.22, abs=0.15)
    assert "anisotropic" in value.flags


def test_an_isotropic_cell_has_no_anisotropy(probed: Callable[..., Simulation], tmp_path: Path) -> None:
    found = results("elastic_anisotropy", probed(strain=strain_folder(tmp_path / "strain")))
    value, elements = found
    assert value.value < 3 * value.stderr
    assert value.flags == ()
    assert len(elements.x) == 21
    assert elements.y[0] == pytest.approx(BULK + 4 * SHEAR / 3, abs=4 * elements.y_stderr[0])


def test_strains_beyond_the_linear_are_flagged(probed: Callable[..., Simulation], tmp_path: Path) -> None:
    bent = measure("youngs_modulus", probed(strain=strain_folder(tmp_path / "bent", bend=-0.4, noise_gpa=0.002)))[0]
    assert "outside_linear_response" in bent.flags
    assert bent.value == pytest.approx(YOUNGS, rel=0.05)
    sizes = (
        strain_folder(tmp_path / "small", noise_gpa=0.002),
        strain_folder(tmp_path / "large", 0.7 * ISOTROPIC, noise_gpa=0.002, strain=0.03),
    )
    assert "outside_linear_response" in measure("youngs_modulus", probed(strain=sizes))[0].flags
    same = (sizes[0], strain_folder(tmp_path / "larger", noise_gpa=0.002, strain=0.02))
    assert measure("youngs_modulus", probed(strain=same))[0].flags == ()


def test_the_two_ways_are_compared(probed: Callable[..., Simulation], tmp_path: Path) -> None:
    strained, stiffer = strain_folder(tmp_path / "strain"), breathe_folder(tmp_path / "breathe", 2 * ISOTROPIC)
    assert "methods_disagree" in measure("youngs_modulus", probed(strain=strained, breathe=stiffer))[0].flags
    flowed = breathe_folder(tmp_path / "flowed", refused="the cell has flowed")
    assert measure("youngs_modulus", probed(strain=strained, breathe=flowed))[0].flags == ()


def test_fluctuations_of_edges_give_youngs_modulus(probed: Callable[..., Simulation], tmp_path: Path) -> None:
    found = results("youngs_modulus_fluctuation", probed(breathe=breathe_folder(tmp_path / "breathe")))
    value, *curves = found
    assert value.value == pytest.approx(YOUNGS, abs=3.5 * value.stderr)
    assert value.stderr < 0.1 * YOUNGS
    assert (value.temperature_k, value.pressure_bar) == (TEMPERATURE_K, PRESSURE_BAR)
    assert [curve.name for curve in curves] == ["edge", "edge_y", "edge_z"]
    flowed = probed(breathe=breathe_folder(tmp_path / "flowed", refused="the cell has flowed"))
    with pytest.raises(NotIdentifiable, match="has flowed"):
        measure("youngs_modulus_fluctuation", flowed)


@pytest.mark.parametrize("name", [*MODULI, "elastic_anisotropy"])
def test_a_cell_too_small_to_be_strained_says_so(name: str, probed: Callable[..., Simulation], tmp_path: Path) -> None:
    found = probed(strain=strain_folder(tmp_path / "strain", refused="the shortest edge of the cell is 1.3 nm"))
    with pytest.raises(NotEnoughData, match="shortest edge"):
        measure(name, found)


def test_without_its_stages_a_property_says_what_is_missing(simulation: Callable[..., Simulation]) -> None:
    for name, role in (("youngs_modulus", "strain"), ("youngs_modulus_fluctuation", "breathe")):
        with pytest.raises(InvalidSettings, match=role):
            measure(name, simulation())


def test_an_oriented_cell_is_refused(
    stage: Callable[..., object], simulation: Callable[..., Simulation], tmp_path: Path
) -> None:
    from beads import beads_nm

    stretched = np.round(beads_nm() * [0.2, 0.2, 3.0], 3)
    found = replace(simulation(stretched), folders={"strain": (strain_folder(tmp_path / "strain"),)}, _shared={})
    with pytest.raises(NotIsotropic):
        measure("youngs_modulus", found)


@pytest.mark.parametrize("effort", EFFORTS)
def test_the_probe_has_stages_for_every_effort(effort: str) -> None:
    target = Target(temperature_k=250.0, pressure_bar=5.0)
    strain, breathe = PROBES["elasticity"](target, effort)
    assert isinstance(strain, Strain)
    assert isinstance(breathe, Breathe)
    for one in (strain, breathe):
        assert (one.after, one.temperature_k, one.pressure_bar) == ("sample", 250.0, 5.0)
    for name in (*MODULI, "elastic_anisotropy", "youngs_modulus_fluctuation"):
        assert PROPERTIES[name].probe == "elasticity"
        PROPERTIES[name].check_stages(
            {"kind": "npt"}, [strain.model_dump(mode="json"), breathe.model_dump(mode="json")]
        )


def test_the_context_is_kept(probed: Callable[..., Simulation], tmp_path: Path) -> None:
    context = MeasurementContext(temperature_k=300.0, pressure_bar=1.0, extra_flags=("demo_quality",))
    found = measure("shear_modulus", probed(strain=strain_folder(tmp_path / "strain")), context)
    assert found[0].flags == ("demo_quality",)
