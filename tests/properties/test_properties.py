"""What every registered property must do, and what each one is."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mdtraj.formats import XTCTrajectoryFile
from scipy.signal import lfilter
from scipy.spatial.transform import Rotation

from polyomics.cell.cell import Cell
from polyomics.errors import InvalidSettings, NotEnoughData, UnknownName
from polyomics.files import sha256
from polyomics.properties import PROPERTIES, MeasurementContext
from polyomics.properties.property import STAGES_OF_ENSEMBLE
from polyomics.records import Measurement
from polyomics.trajectory import THERMO_COLUMNS, Trajectory

NAMES = PROPERTIES.names()
N_FRAMES, N_CHAINS, N_BEADS, BOND_NM = 300, 5, 30, 0.3
CONTEXT = MeasurementContext(temperature_k=300.0, pressure_bar=1.0)


def fluctuating(n_frames: int, correlation_frames: float, seed: int) -> np.ndarray:
    decay = np.exp(-1 / correlation_frames)
    noise = np.random.default_rng(seed).standard_normal(n_frames) * np.sqrt(1 - decay**2)
    noise[:1] /= np.sqrt(1 - decay**2)
    return lfilter([1], [1, -decay], noise)


def beads_nm(n_frames: int = N_FRAMES) -> np.ndarray:
    """Freely jointed chains, redrawn in every frame, shape=(n_frames, n_atoms, 3)."""
    steps = np.random.default_rng(5).normal(size=(n_frames, N_CHAINS, N_BEADS, 3))
    steps *= BOND_NM / np.linalg.norm(steps, axis=-1, keepdims=True)
    return steps.cumsum(axis=2).reshape(n_frames, -1, 3)


def bead_cell() -> Cell:
    n_atoms = N_CHAINS * N_BEADS
    links = np.column_stack([np.arange(N_BEADS - 1), np.arange(1, N_BEADS)])
    return Cell(
        positions_nm=beads_nm(1)[0],
        box_nm=np.full(3, 4.0),
        system_xml="<System/>",
        atomic_numbers=np.full(n_atoms, 6),
        masses_amu=np.full(n_atoms, 14.0),
        charges_e=np.zeros(n_atoms),
        molecule_of_atom=np.repeat(np.arange(N_CHAINS), N_BEADS),
        unit_of_atom=np.tile(np.arange(N_BEADS), N_CHAINS),
        template_atom=np.zeros(n_atoms, dtype=int),
        bonds=np.concatenate([links + N_BEADS * i for i in range(N_CHAINS)]),
        rings=(),
        vdw_volume_nm3=1.0,
    )


@pytest.fixture
def stage(tmp_path: Path) -> Callable[..., Trajectory]:
    """Writes a stage to disk and opens it."""

    def write(
        positions_nm: np.ndarray | None = None,
        *,
        cell: Cell | None = None,
        kind: str = "npt",
        n_frames: int = N_FRAMES,
        change_thermo: Callable[[dict[str, np.ndarray]], object] = lambda table: None,
    ) -> Trajectory:
        positions = beads_nm(n_frames) if positions_nm is None else positions_nm
        n_frames = len(positions)
        cell = cell or bead_cell()
        folder = tmp_path / f"stage{len(list(tmp_path.iterdir()))}"
        cell.save(folder / "cell")
        table = {name: np.full(n_frames, 4.0) for name in THERMO_COLUMNS}
        table["time_ps"] = np.arange(1.0, n_frames + 1)
        table["density_g_cm3"] = 0.9 + 0.01 * fluctuating(n_frames, 3, seed=9)
        table["potential_energy_kj_mol"] = 100 * fluctuating(n_frames, 3, seed=10)
        change_thermo(table)
        rows = np.array([table[name] for name in THERMO_COLUMNS]).T
        with (folder / "thermo.0000.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([THERMO_COLUMNS, *[[repr(float(v)) for v in row] for row in rows]])
        with XTCTrajectoryFile(str(folder / "frames.0000.xtc"), "w") as stream:
            box = np.tile(4.0 * np.eye(3, dtype=np.float32), (n_frames, 1, 1))
            stream.write(positions.astype(np.float32), time=table["time_ps"].astype(np.float32), box=box)
        files = {name: sha256(folder / name) for name in ("thermo.0000.csv", "frames.0000.xtc")}
        manifest = {"stage": {"kind": kind, "name": "sample"}, "done": True, "segments": [{"files": files}]}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return Trajectory.open(folder / "cell", folder)

    return write


def measure(name: str, trajectory: Trajectory, context: MeasurementContext = CONTEXT) -> list[Measurement]:
    return PROPERTIES[name]().measure(trajectory, context)


def assert_same(first: list[Measurement], second: list[Measurement]) -> None:
    assert [m.name for m in first] == [m.name for m in second]
    for one, other in zip(first, second, strict=True):
        assert other.value == pytest.approx(one.value, rel=1e-3)
        assert other.stderr == pytest.approx(one.stderr, rel=2e-2)


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_is(name: str) -> None:
    cls = PROPERTIES[name]
    assert cls.name == name
    for text in (cls.unit, cls.definition, cls.reference):
        assert text.strip()
    assert "DOI 10." in cls.reference
    assert cls.needs in STAGES_OF_ENSEMBLE
    assert cls.__doc__


@pytest.mark.parametrize("name", NAMES)
def test_gives_values_with_errors_and_its_state(name: str, stage) -> None:
    context = MeasurementContext(temperature_k=310.0, pressure_bar=2.0, extra_flags=("demo_quality",))
    for measurement in measure(name, stage(), context):
        assert np.isfinite(measurement.value)
        assert measurement.stderr > 0
        assert measurement.n_independent > 10
        assert measurement.unit == PROPERTIES[name].unit
        assert (measurement.temperature_k, measurement.pressure_bar) == (310.0, 2.0)
        assert "demo_quality" in measurement.flags


@pytest.mark.parametrize("name", NAMES)
def test_a_turned_and_shifted_cell_is_the_same(name: str, stage) -> None:
    rotation = Rotation.random(rng=np.random.default_rng(1)).as_matrix()
    assert_same(measure(name, stage()), measure(name, stage(beads_nm() @ rotation.T)))
    assert_same(measure(name, stage()), measure(name, stage(beads_nm() + np.array([3.0, -50.0, 7.0]))))


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_atoms_in_a_molecule_does_not_matter(name: str, stage) -> None:
    rng = np.random.default_rng(2)
    order = np.concatenate([i * N_BEADS + rng.permutation(N_BEADS) for i in range(N_CHAINS)])
    new_number = np.argsort(order)
    cell = bead_cell()
    cell = replace(cell, masses_amu=rng.uniform(1, 30, cell.n_atoms))
    shuffled = replace(
        cell,
        positions_nm=cell.positions_nm[order],
        masses_amu=cell.masses_amu[order],
        unit_of_atom=cell.unit_of_atom[order],
        bonds=new_number[cell.bonds],
    )
    assert_same(measure(name, stage(cell=cell)), measure(name, stage(beads_nm()[:, order], cell=shuffled)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_frames", [1, 2])
def test_too_short_a_trajectory_is_flagged(name: str, n_frames: int, stage) -> None:
    """Two chains, so that the spread between chains does not tell enough either."""
    whole = bead_cell()
    keep = slice(0, 2 * N_BEADS)
    names = ("positions_nm", "atomic_numbers", "masses_amu", "charges_e", "molecule_of_atom", "unit_of_atom")
    cell = replace(whole, template_atom=whole.template_atom[keep], **{n: getattr(whole, n)[keep] for n in names})
    cell = replace(cell, bonds=whole.bonds[: 2 * (N_BEADS - 1)])
    for measurement in measure(name, stage(beads_nm(n_frames)[:, keep], cell=cell)):
        assert measurement.stderr is None
        assert measurement.flags


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["nvt", "npt", "anneal", "compress", "minimise", "push_off"])
def test_only_a_stage_that_can_give_it_is_read(name: str, kind: str, stage) -> None:
    cls = PROPERTIES[name]
    if kind in STAGES_OF_ENSEMBLE[cls.needs]:
        assert measure(name, stage(kind=kind))
        return
    with pytest.raises(InvalidSettings) as caught:
        measure(name, stage(kind=kind))
    message = str(caught.value)
    assert name in message
    assert kind in message
    assert all(able in message for able in STAGES_OF_ENSEMBLE[cls.needs])


@pytest.mark.parametrize("name", NAMES)
def test_numbers_that_are_not_finite_are_a_failure(name: str, stage) -> None:
    def spoil(table: dict[str, np.ndarray]) -> None:
        for column in table:
            if column != "time_ps":
                table[column][7] = np.nan

    trajectory = stage(change_thermo=spoil)

    class Damaged(Trajectory):
        def chunks(self, n_frames: int | None = None):
            for frames in trajectory.chunks(n_frames):
                spoiled = frames.positions_nm.copy()
                spoiled[7, 3] = np.nan
                yield replace(frames, positions_nm=spoiled)

    damaged = Damaged(trajectory.cell, trajectory.stage, trajectory.thermo, trajectory.frame_files)
    with pytest.raises(NotEnoughData, match=r"not finite.*frame 7"):
        measure(name, damaged)


def test_names_and_units_of_the_experimental_table() -> None:
    assert PROPERTIES["density"].unit == "g/cm3"


def test_a_misspelt_name_is_corrected() -> None:
    with pytest.raises(UnknownName, match="did you mean 'density'"):
        PROPERTIES["densty"]


def test_density_is_recovered(stage) -> None:
    """0.9 plus noise of 0.01 with g = 6: 300 rows are 50 samples."""
    (measurement,) = measure("density", stage())
    assert measurement.value == pytest.approx(0.9, abs=4 * measurement.stderr)
    assert measurement.stderr == pytest.approx(0.01 / np.sqrt(50), rel=0.4)
    assert measurement.unit == "g/cm3"


def test_a_drifting_density_is_flagged(stage) -> None:
    def drift(table: dict[str, np.ndarray]) -> None:
        table["density_g_cm3"] += np.linspace(0, 0.2, N_FRAMES)

    (measurement,) = measure("density", stage(change_thermo=drift))
    assert "drifting" in measurement.flags


def test_radius_of_gyration_of_freely_jointed_chains(stage) -> None:
    """<S²> = b² N (N + 2) / (6 (N + 1)) with N bonds."""
    n_bonds = N_BEADS - 1
    expected_nm = np.sqrt(BOND_NM**2 * n_bonds * (n_bonds + 2) / (6 * (n_bonds + 1)))
    (measurement,) = measure("radius_of_gyration", stage())
    assert measurement.value == pytest.approx(expected_nm, abs=4 * measurement.stderr)
    assert measurement.stderr < 0.02 * expected_nm
    assert measurement.n_independent > 0.3 * N_FRAMES * N_CHAINS


def test_radius_of_gyration_of_a_glass_counts_chains(stage) -> None:
    """Chains that shake but never change shape are as many samples as there are chains."""
    frozen = beads_nm(1) + 0.01 * np.random.default_rng(3).normal(size=(N_FRAMES, N_CHAINS * N_BEADS, 3))
    (measurement,) = measure("radius_of_gyration", stage(frozen))
    assert measurement.n_independent == pytest.approx(N_CHAINS, rel=0.05)
    assert {"few_samples", "molecules_not_relaxed"} <= set(measurement.flags)
    assert measurement.stderr > 0.02 * measurement.value
