"""`polyomics inputs`, as a user calls it."""

import json
from pathlib import Path

import pytest

from polyomics.cli import main


@pytest.fixture(autouse=True)
def home(pvp_study: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of the study is the one in use."""
    monkeypatch.setenv("POLYOMICS_HOME", str(pvp_study[1]))
    monkeypatch.delenv("POLYOMICS_DATABASE_URL", raising=False)
    return pvp_study[1]


def test_json_has_the_energies_and_the_checks(
    pvp_study: tuple[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out"
    code = main(["inputs", pvp_study[0][:8], str(target), "--to", "amber", "--check", "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (answer["key"], answer["stage"], answer["formats"]) == (pvp_study[0], "sample", ["amber"])
    assert {one["verdict"] for one in answer["checks"]} == {"agrees"}
    assert answer["energies_kj_mol"] == json.loads((target / "energies.json").read_text())["energies_kj_mol"]


def test_differences_are_printed_term_by_term(
    pvp_study: tuple[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inputs", pvp_study[0], str(tmp_path / "out"), "--to", "openmm", "--check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(tmp_path / "out")
    assert any(line.startswith("openmm: OpenMM") and line.endswith("agrees") for line in lines)
    assert sum(line.strip().startswith(("bond", "angle", "torsion", "lennard_jones", "coulomb")) for line in lines) == 6


def test_a_difference_ends_with_exit_code_1(
    pvp_study: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("polyomics.inputs.formats.amber.ANGSTROM_PER_NM", 10.001)
    assert main(["inputs", pvp_study[0], str(tmp_path / "out"), "--to", "amber", "--check"]) == 1
    assert "differs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ffffffff", "{out}"), "ffffffff"),
        (("{key}", "{out}", "--to", "charmm"), "known: amber, gromacs, lammps, openmm"),
        (("{key}", "{out}", "--stage", "nowhere"), "has no stage 'nowhere'"),
        (("{key}", "{home}"), "not an empty folder"),
    ],
)
def test_bad_requests_are_one_sentence(
    pvp_study: tuple[str, Path],
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    filled = [a.format(key=pvp_study[0], out=tmp_path / "out", home=home) for a in arguments]
    assert main(["inputs", *filled]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_study_that_was_imported_has_no_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POLYOMICS_HOME", str(tmp_path / "home"))
    table = Path(__file__).parents[1] / "data" / "radonpy_sample.csv"
    assert main(["import", str(table), "--source", "radonpy"]) == 0
    capsys.readouterr()
    assert main(["list", "--json"]) == 0
    key = json.loads(capsys.readouterr().out)[0]["key"]
    assert main(["inputs", key, str(tmp_path / "out")]) == 2
    assert "was imported from radonpy" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
