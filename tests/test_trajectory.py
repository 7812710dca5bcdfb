"""The files of a stage, written by OpenMM as the engine does, read back whole or refused."""

import json
from pathlib import Path

import mdtraj
import numpy as np
import openmm
import pytest
from openmm import app

from polyomics.cell.cell import Cell
from polyomics.errors import CorruptFile, NotEnoughData
from polyomics.files import sha256
from polyomics.trajectory import THERMO_COLUMNS, Trajectory

N_MOLECULES, N_UNITS, N_IN_UNIT = 2, 3, 4
N_ATOMS = N_MOLECULES * N_UNITS * N_IN_UNIT


def small_cell() -> Cell:
    rng = np.random.default_rng(0)
    per_molecule = N_UNITS * N_IN_UNIT
    chain = np.column_stack([np.arange(per_molecule - 1), np.arange(1, per_molecule)])
    return Cell(
        positions_nm=rng.normal(size=(N_ATOMS, 3)),
        box_nm=np.array([3.0, 3.0, 3.0]),
        system_xml="<System/>",
        atomic_numbers=np.tile([6, 1, 8, 17], N_ATOMS // 4),
        masses_amu=np.tile([12.011, 1.008, 15.999, 35.45], N_ATOMS // 4),
        charges_e=np.zeros(N_ATOMS),
        molecule_of_atom=np.repeat([0, 1], per_molecule),
        unit_of_atom=np.tile(np.repeat([-1, 0, 1], N_IN_UNIT), N_MOLECULES),
        template_atom=np.tile(np.arange(N_IN_UNIT), N_MOLECULES * N_UNITS),
        bonds=np.vstack([chain, chain + per_molecule]),
        rings=(),
        vdw_volume_nm3=0.1,
    )


def write_xtc(path: Path, positions_nm: np.ndarray, box_nm: np.ndarray, interval_ps: float, first: int) -> None:
    topology = app.Topology()
    residue = topology.addResidue("X", topology.addChain())
    for _ in range(positions_nm.shape[1]):
        topology.addAtom("X", None, residue)
    topology.setPeriodicBoxVectors([openmm.Vec3(*row) for row in np.diag(box_nm[0])])
    writer = app.XTCFile(str(path), topology, interval_ps, first)
    for frame, box in zip(positions_nm, box_nm, strict=True):
        writer.writeModel(frame, periodicBoxVectors=[openmm.Vec3(*row) for row in np.diag(box)])


@pytest.fixture
def stage(tmp_path: Path):
    """Three segments of 5, 7 and 3 frames 2 ps apart, with a row every ps; one file nobody listed."""
    cell = small_cell()
    cell.save(tmp_path / "cell")
    folder = tmp_path / "stages" / "01-sample"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    counts = (5, 7, 3)
    positions = 8.0 * rng.normal(size=(sum(counts), N_ATOMS, 3))
    box = rng.uniform(2.5, 3.5, size=(sum(counts), 3))
    rows = rng.normal(size=(2 * sum(counts), len(THERMO_COLUMNS)))
    rows[:, 0] = np.arange(1, len(rows) + 1)
    segments, start = [], 0
    for index, count in enumerate(counts):
        names = [f"thermo.{index:04d}.csv", f"frames.{index:04d}.xtc", f"state.{index:04d}.npz"]
        mine = slice(start, start + count)
        write_xtc(folder / names[1], positions[mine], box[mine], 2.0, start + 1)
        lines = [",".join(map(repr, map(float, row))) for row in rows[2 * start : 2 * (start + count)]]
        (folder / names[0]).write_text("\n".join([",".join(THERMO_COLUMNS), *lines]) + "\n")
        (folder / names[2]).write_bytes(b"state")
        segments.append({"index": index, "files": {name: sha256(folder / name) for name in names}})
        start += count
    manifest = {"stage": {"kind": "npt", "name": "sample"}, "done": True, "segments": segments, "events": []}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "frames.0003.xtc").write_bytes(b"left over from a killed segment")
    return tmp_path / "cell", folder, positions, box, rows


def change_manifest(folder: Path, change) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_segments_are_one_trajectory(stage) -> None:
    cell, folder, positions, box, rows = stage
    trajectory = Trajectory.open(cell, folder)
    assert trajectory.n_frames == 15
    assert trajectory.frame_interval_ps == pytest.approx(2.0)
    assert trajectory.stage == {"kind": "npt", "name": "sample"}
    for column, values in zip(THERMO_COLUMNS, rows.T, strict=True):
        np.testing.assert_array_equal(trajectory.thermo[column], values)
    chunks = list(trajectory.chunks())
    np.testing.assert_allclose(np.concatenate([c.positions_nm for c in chunks]), positions, atol=6e-4)
    np.testing.assert_allclose(np.concatenate([c.box_nm for c in chunks]), box, atol=1e-5)
    np.testing.assert_allclose(np.concatenate([c.time_ps for c in chunks]), 2.0 * np.arange(1, 16))


@pytest.mark.parametrize("size", [1, 2, 4, 100])
def test_chunks_of_any_size_are_the_same_frames(stage, size: int) -> None:
    trajectory = Trajectory.open(*stage[:2])
    chunks = list(trajectory.chunks(size))
    assert max(len(c.time_ps) for c in chunks) <= size
    whole = np.concatenate([c.positions_nm for c in trajectory.chunks()])
    np.testing.assert_array_equal(np.concatenate([c.positions_nm for c in chunks]), whole)


def test_can_be_read_twice(stage) -> None:
    trajectory = Trajectory.open(*stage[:2])
    first, second = (sum(c.positions_nm.sum() for c in trajectory.chunks(3)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", ["thermo.0001.csv", "frames.0001.xtc", "frames.0002.xtc"])
def test_a_changed_byte_is_noticed(stage, name: str) -> None:
    cell, folder, *_ = stage
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(bytes(data))
    with pytest.raises(CorruptFile, match=f"{name}.*checksum"):
        Trajectory.open(cell, folder)


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("name", ["thermo.0000.csv", "frames.0000.xtc"])
def test_a_missing_file_is_named(stage, name: str, verify: bool) -> None:
    cell, folder, *_ = stage
    (folder / name).unlink()
    with pytest.raises(CorruptFile, match=name):
        list(Trajectory.open(cell, folder, verify=verify).chunks())


def test_a_cut_off_file_is_named(stage) -> None:
    cell, folder, *_ = stage
    path = folder / "frames.0000.xtc"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(CorruptFile, match=r"frames\.0000"):
        list(Trajectory.open(cell, folder, verify=False).chunks())


def test_no_manifest(stage) -> None:
    cell, folder, *_ = stage
    (folder / "manifest.json").unlink()
    with pytest.raises(CorruptFile, match="manifest"):
        Trajectory.open(cell, folder)


def test_a_manifest_of_something_else(stage) -> None:
    cell, folder, *_ = stage
    (folder / "manifest.json").write_text("[1, 2]")
    with pytest.raises(CorruptFile, match="not a manifest"):
        Trajectory.open(cell, folder)


def test_a_damaged_cell(stage) -> None:
    cell, folder, *_ = stage
    (cell / "cell.npz").write_bytes(b"PK")
    with pytest.raises(CorruptFile, match="cell"):
        Trajectory.open(cell, folder)


def test_a_stage_without_frames(stage) -> None:
    cell, folder, _, _, rows = stage
    change_manifest(
        folder, lambda m: [s["files"].pop(n) for s in m["segments"] for n in list(s["files"]) if "frames" in n]
    )
    with pytest.raises(NotEnoughData, match="stored no frames"):
        Trajectory.open(cell, folder)
    trajectory = Trajectory.open(cell, folder, require_frames=False)
    assert len(trajectory.thermo["time_ps"]) == len(rows)
    assert trajectory.n_frames == 0
    with pytest.raises(NotEnoughData):
        list(trajectory.chunks())
    with pytest.raises(NotEnoughData):
        _ = trajectory.frame_interval_ps


def test_a_stage_without_anything(stage) -> None:
    cell, folder, *_ = stage
    change_manifest(folder, lambda m: m["segments"].clear())
    with pytest.raises(NotEnoughData, match="no table"):
        Trajectory.open(cell, folder, require_frames=False)


def test_segments_in_the_wrong_order(stage) -> None:
    cell, folder, *_ = stage
    change_manifest(folder, lambda m: m["segments"].reverse())
    with pytest.raises(CorruptFile, match="back in time"):
        Trajectory.open(cell, folder)


def test_frames_of_another_cell(stage) -> None:
    cell, folder, positions, box, _ = stage
    (folder / "frames.0000.xtc").unlink()
    write_xtc(folder / "frames.0000.xtc", positions[:5, :-1], box[:5], 2.0, 1)
    with pytest.raises(CorruptFile, match="23 atoms"):
        list(Trajectory.open(cell, folder, verify=False).chunks())


def test_a_table_that_is_not_numbers(stage) -> None:
    cell, folder, *_ = stage
    (folder / "thermo.0001.csv").write_text(",".join(THERMO_COLUMNS) + "\n1,2,3\n")
    with pytest.raises(CorruptFile, match=r"thermo\.0001"):
        Trajectory.open(cell, folder, verify=False)
    (folder / "thermo.0001.csv").write_text("time_ps,temperature_k\n1,2\n")
    with pytest.raises(CorruptFile, match="lacks"):
        Trajectory.open(cell, folder, verify=False)


def test_topology_for_mdtraj(stage) -> None:
    cell = small_cell()
    topology = Trajectory.open(*stage[:2]).topology
    assert (topology.n_chains, topology.n_residues, topology.n_atoms) == (2, 6, N_ATOMS)
    assert topology.n_bonds == len(cell.bonds)
    assert [atom.element.number for atom in topology.atoms] == cell.atomic_numbers.tolist()
    assert [residue.resSeq for residue in topology.residues] == [-1, 0, 1] * 2
    assert [atom.residue.chain.index for atom in topology.atoms] == cell.molecule_of_atom.tolist()
    names = [[atom.name for atom in residue.atoms] for residue in topology.residues]
    assert all(len(set(one)) == N_IN_UNIT for one in names)
    molecules = topology.find_molecules()
    assert sorted(len(m) for m in molecules) == [12, 12]


def test_mdtraj_reads_the_frames_with_it(stage) -> None:
    _, folder, positions, *_ = stage
    trajectory = Trajectory.open(*stage[:2])
    loaded = mdtraj.load(str(folder / "frames.0000.xtc"), top=trajectory.topology)
    np.testing.assert_allclose(loaded.xyz, positions[:5], atol=6e-4)
