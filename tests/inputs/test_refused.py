"""What cannot be written says so in one sentence, and leaves nothing behind."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from polyomics.errors import (
    CorruptFile,
    FileNotThere,
    InvalidSettings,
    NoResults,
    ParametersChanged,
    StorageUnavailable,
    UnknownName,
)
from polyomics.files import read_json
from polyomics.inputs import write_inputs
from polyomics.inputs.parameters import chain_parameters, first_difference
from polyomics.inputs.snapshot import Snapshot, take_snapshot
from polyomics.md.state import PhaseState
from polyomics.spec import StudySpec


@pytest.fixture
def changeable(run_folder: Path, tmp_path: Path) -> Path:
    """A copy of the run folder."""
    return Path(shutil.copytree(run_folder, tmp_path / "run"))


def test_names_that_are_not_known(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'gromacs'"):
        write_inputs(run_folder, tmp_path / "x", ["gromac"])
    with pytest.raises(UnknownName, match=r"no stage 'smaple' \(it has minimise, held, sample, after\)"):
        write_inputs(run_folder, tmp_path / "x", stage="smaple")
    assert not (tmp_path / "x").exists()


def test_a_folder_with_something_in_it_is_left_alone(run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "mine").write_text("mine")
    with pytest.raises(InvalidSettings, match="not an empty folder"):
        write_inputs(run_folder, tmp_path / "x")
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["mine"]


def test_an_empty_folder_is_used(run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    write_inputs(run_folder, tmp_path / "x", ["lammps"])
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["README.md", "energies.json", "lammps"]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_place_that_cannot_be_written(run_folder: Path) -> None:
    with pytest.raises(StorageUnavailable, match="cannot write"):
        write_inputs(run_folder, Path("/proc/nowhere/x"), ["lammps"])


def test_a_run_folder_that_is_not_here(tmp_path: Path) -> None:
    with pytest.raises(FileNotThere, match="is not on this machine"):
        take_snapshot(tmp_path / "nowhere")


def test_a_stage_that_is_not_finished(changeable: Path) -> None:
    path = changeable / "stages" / "03-sample" / "manifest.json"
    path.write_text(json.dumps(read_json(path) | {"done": False}))
    with pytest.raises(NoResults, match="'sample' is not finished"):
        take_snapshot(changeable)
    path.unlink()
    with pytest.raises(NoResults, match="'sample' is not finished"):
        take_snapshot(changeable)


def test_a_state_that_was_changed(changeable: Path) -> None:
    state = sorted((changeable / "stages" / "03-sample").glob("state.*.npz"))[-1]
    state.write_bytes(state.read_bytes()[:-1] + b"x")
    with pytest.raises(CorruptFile, match="not what the manifest says"):
        take_snapshot(changeable)


def test_a_spec_that_is_none(changeable: Path) -> None:
    (changeable / "spec.json").write_text("{}")
    with pytest.raises(CorruptFile, match="not the spec of a study"):
        take_snapshot(changeable)


def test_a_stage_of_another_cell(changeable: Path) -> None:
    from polyomics.files import sha256

    folder = changeable / "stages" / "03-sample"
    manifest = read_json(folder / "manifest.json")
    last = manifest["segments"][-1]
    state = PhaseState.load(folder / last["state"])
    replace(state, positions_nm=state.positions_nm[:-1], velocities_nm_ps=None).save(folder / last["state"])
    last["files"][last["state"]] = sha256(folder / last["state"])
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InvalidSettings, match="ran 2"):
        take_snapshot(changeable)


def test_parameters_that_are_others_now(run_folder: Path, snapshot: Snapshot) -> None:
    spec = StudySpec.model_validate(read_json(run_folder / "spec.json"))
    before, mark, after = snapshot.cell.system_xml.partition('<Angle a="')
    changed = replace(snapshot.cell, system_xml=f"{before}{mark}9{after}")
    with pytest.raises(ParametersChanged, match=r"gaff2 gives other parameters now .*Angle a 9"):
        chain_parameters(spec, changed)


def test_digits_that_another_version_writes_are_no_difference(snapshot: Snapshot) -> None:
    text = snapshot.cell.system_xml
    one = text.index('k="') + 3
    number = text[one : text.index('"', one)]
    other = text.replace(number, repr(float(number) * (1 + 1e-12)), 1).replace('openmmVersion="', 'openmmVersion="9')
    assert other != text
    assert first_difference(text, other) is None
    assert first_difference(text, text.replace(number, repr(float(number) * (1 + 1e-6)), 1)) is not None
    fewer = text.replace(text[text.index("<Constraint ") : text.index("/>", text.index("<Constraint ")) + 2], "", 1)
    assert "Constraints" in str(first_difference(text, fewer))


def test_dispersion_by_pme_goes_to_openmm_only(changeable: Path, tmp_path: Path) -> None:
    spec = read_json(changeable / "spec.json")
    spec["protocol"]["nonbonded"]["lj_pme"] = True
    (changeable / "spec.json").write_text(json.dumps(spec))
    with pytest.raises(InvalidSettings, match="use --to openmm"):
        write_inputs(changeable, tmp_path / "x", ["amber"])
    written = write_inputs(changeable, tmp_path / "x", with_check=True)
    assert written.formats == ("openmm",)
    assert written.energies_kj_mol["lennard_jones_tail"] == 0.0
    assert [one.verdict for one in written.checks] == ["agrees"]
