"""One small real study, from SMILES to rows, and what happens to it when things go wrong."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from polyomics import config
from polyomics.database.store import Store
from polyomics.errors import StudyBusy
from polyomics.files import read_json
from polyomics.md.engine import Hardware
from polyomics.records import Measurement
from polyomics.request import make_spec
from polyomics.spec import StudySpec
from polyomics.study import Study, StudyResult, run_study

ONE_THREAD = Hardware(platform="CPU", threads=1)
"""Runs on one thread repeat bit for bit."""


def spec() -> StudySpec:
    return make_spec("*CC*", preset="smoke")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyResult, Path]:
    home = tmp_path_factory.mktemp("home")
    url = f"sqlite:///{home / 'polyomics.db'}"
    return run_study(spec(), home=home, database_url=url, hardware=ONE_THREAD), home


def test_a_study_ends_with_values_error_bars_and_provenance(undisturbed: tuple[StudyResult, Path]) -> None:
    result, home = undisturbed
    assert result.status == "done"
    assert {m.name for m in result.measurements} == {"density", "radius_of_gyration"}
    assert 0.3 < result["density"].value < 1.2
    assert all("smoke_test" in m.flags for m in result.measurements)
    with Store.open(f"sqlite:///{home / 'polyomics.db'}", read_only=True) as store:
        row = store.study(result.key)
    assert row.status == "done"
    assert row.measurements == tuple(sorted(result.measurements, key=lambda m: m.name))
    assert [stage.name for stage in row.stages] == [step.name for step in Study(spec(), home).steps()]
    assert {"polyomics", "openmm", "rdkit", "openmm_platform"} <= set(row.provenance)
    assert all((home / artifact.path).stat().st_size == artifact.size_bytes for artifact in row.artifacts)
    assert StudySpec.model_validate(row.spec) == spec()
    assert read_json(result.folder / "spec.json") == row.spec


def test_running_it_again_does_nothing_and_says_so(undisturbed: tuple[StudyResult, Path]) -> None:
    result, home = undisturbed
    before = {p: p.stat().st_mtime_ns for p in (home / "runs").rglob("*") if p.is_file() and p.name != "lock"}
    again = run_study(spec(), home=home, database_url=f"sqlite:///{home / 'polyomics.db'}")
    assert again.status == "existing"
    assert set(again.measurements) == set(result.measurements)
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_another_database_gets_the_same_rows_without_md(undisturbed: tuple[StudyResult, Path], tmp_path: Path) -> None:
    result, home = undisturbed
    again = run_study(spec(), home=home, database_url=f"sqlite:///{tmp_path / 'other.db'}")
    assert again.status == "done"
    assert again.measurements == result.measurements


def test_a_new_property_is_measured_on_the_run_that_is_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'polyomics.db'}"
    only = make_spec("*CC*", preset="smoke", properties=["density"])
    first = run_study(only, home=tmp_path, database_url=url, hardware=ONE_THREAD)
    frames = {p: p.stat().st_mtime_ns for p in first.folder.rglob("thermo.*")}
    second = run_study(spec(), home=tmp_path, database_url=url, hardware=ONE_THREAD)
    assert second.key == first.key
    assert {m.name for m in second.measurements} == {"density", "radius_of_gyration"}
    assert {p: p.stat().st_mtime_ns for p in frames} == frames


def test_kill_9_at_random_moments_changes_no_value(
    undisturbed: tuple[StudyResult, Path], tmp_path: Path, run_under_kills: Callable[..., int]
) -> None:
    code = (
        "from polyomics.md.engine import Hardware; from polyomics.request import make_spec\n"
        "from polyomics.study import run_study\n"
        "run_study(make_spec('*CC*', preset='smoke'), hardware=Hardware(platform='CPU', threads=1))\n"
    )
    environment = os.environ | {"POLYOMICS_HOME": str(tmp_path)}
    environment.pop("POLYOMICS_DATABASE_URL", None)
    kills = run_under_kills(code, tmp_path, environment, seed=3)
    assert kills > 0
    with Store.open(f"sqlite:///{tmp_path / 'polyomics.db'}", read_only=True) as store:
        row = store.study(spec().key)
    assert row.status == "done"
    assert values(row.measurements) == values(undisturbed[0].measurements)


def values(measurements: tuple[Measurement, ...]) -> dict[str, tuple[float, float | None]]:
    return {m.name: (m.value, m.stderr) for m in measurements}


def test_a_step_that_fails_is_a_failure_row_and_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'polyomics.db'}"
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("polyomics.forcefield.tools.find_tool", lambda name: None)
    failed = run_study(spec(), home=tmp_path, database_url=url)
    assert failed.status == "failed"
    assert [(f.stage, f.kind) for f in failed.failures] == [("charges", "ToolMissing")]
    with Store.open(url, read_only=True) as store:
        assert store.study(spec().key).status == "failed"
        assert store.study(spec().key).measurements == ()
    monkeypatch.undo()
    assert run_study(spec(), home=tmp_path, database_url=url, hardware=ONE_THREAD).status == "done"
    with Store.open(url, read_only=True) as store:
        assert store.study(spec().key).failures == ()


def test_two_processes_do_not_run_one_study_at_once(tmp_path: Path) -> None:
    with Study(spec(), tmp_path).claimed(), pytest.raises(StudyBusy, match=spec().key):
        run_study(spec(), home=tmp_path, database_url=f"sqlite:///{tmp_path / 'p.db'}")


def test_the_python_example_of_the_readme_runs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- python-example -->\n```python\n(.*?)```", readme, flags=re.DOTALL)
    assert found is not None
    assert len([line for line in found[1].splitlines() if line.strip()]) <= 5
    exec(found[1], {})
    assert re.search(r"\d ± .* g/cm3", capsys.readouterr().out)
    assert config.database_url().endswith(str(home / "polyomics.db"))
