"""One small real study, from SMILES to rows, and what happens to it when things go wrong."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyomics import config
from polyomics.database import query
from polyomics.database.store import Store
from polyomics.equilibrium import CRITERIA, OVERALL
from polyomics.errors import StudyBusy
from polyomics.files import read_json
from polyomics.md.engine import Hardware
from polyomics.md.progress import Interrupted
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.stages.minimise import Minimise
from polyomics.md.stages.npt import Npt
from polyomics.md.stages.nvt import Nvt
from polyomics.md.state import PhaseState
from polyomics.records import Criterion, Measurement
from polyomics.request import make_spec
from polyomics.simulation import Simulation
from polyomics.spec import StudySpec
from polyomics.study import Study, StudyResult, run_study
from polyomics.trajectory import Trajectory

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
    answered = {m.name for m in result.measurements} | {f.stage for f in result.failures}
    assert {"density", "radius_of_gyration"} <= {m.name for m in result.measurements}
    assert answered == set(spec().properties)
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


def test_the_cell_is_judged_and_every_value_says_so(undisturbed: tuple[StudyResult, Path]) -> None:
    result, home = undisturbed
    with Store.open(f"sqlite:///{home / 'polyomics.db'}", read_only=True) as store:
        row = store.study(result.key)
    assert row.criteria == result.criteria
    assert [item.name for item in row.criteria] == [*CRITERIA.names(), OVERALL]
    assert result.equilibrium == row.criteria[-1]
    wanted = {"pass": set(), "fail": {"not_equilibrated"}, "unknown": {"equilibrium_unknown"}}
    for measurement in row.measurements:
        flags = {"not_equilibrated", "equilibrium_unknown"} & set(measurement.flags)
        assert flags == wanted[row.criteria[-1].verdict]
    assert row.criteria[-1].verdict != "pass"  # nobody's chains relax in picoseconds
    with Store.open(f"sqlite:///{home / 'polyomics.db'}", read_only=True) as store:
        assert query(store, equilibrated=True) == []


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
    assert {m.name for m in first.measurements} == {"density"}
    assert {"density", "radius_of_gyration"} <= {m.name for m in second.measurements}
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


def extended(raise_k: float = 50.0) -> StudySpec:
    """A melt and a sample of 0.6 ps, too short for any test, that may be prolonged twice each."""
    common: dict[str, Any] = {
        "duration_ps": 0.6,
        "control_ps": 0.1,
        "segment_ps": 0.3,
        "report_ps": 0.1,
        "frame_ps": 0.1,
        "timestep_fs": 2.0,
        "max_extensions": 2,
    }
    protocol = Protocol(
        name="extended",
        nonbonded=Nonbonded(cutoff_nm=0.5, pme_force_error=5e-3),
        stages=(
            Minimise(name="minimise", max_iterations=200),
            Nvt(name="spread", temperature_k=400, duration_ps=0.5, timestep_fs=2, friction_per_ps=10),
            Npt(name="melt", role="melt", temperature_k=500, raise_k=raise_k, **common),
            Npt(name="sample", role="sample", temperature_k=300, **common),
            Nvt(name="after", temperature_k=300, duration_ps=0.2, timestep_fs=2),
        ),
    )
    return make_spec("*CC*", preset="smoke", protocol=protocol, properties=["density"])


def prolonged(home: Path, **settings: Any) -> StudyResult:
    url = f"sqlite:///{home / 'polyomics.db'}"
    return run_study(extended(), home=home, database_url=url, hardware=ONE_THREAD, **settings)


def segments(result: StudyResult) -> dict[str, int]:
    """Number of segments of every stage."""
    manifests = sorted(result.folder.glob("stages/*/manifest.json"))
    return {path.parent.name: len(read_json(path)["segments"]) for path in manifests}


@pytest.fixture(scope="module")
def to_the_bound(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    """A study whose melt and sample never pass, run in one go."""
    return prolonged(tmp_path_factory.mktemp("bound"))


def test_stages_are_prolonged_up_to_the_bound(to_the_bound: StudyResult) -> None:
    assert segments(to_the_bound) == {"01-minimise": 1, "02-spread": 1, "03-melt": 6, "04-sample": 6, "05-after": 1}
    with Store.open(f"sqlite:///{to_the_bound.folder.parents[1] / 'polyomics.db'}", read_only=True) as store:
        row = store.study(to_the_bound.key)
    noted = {stage.name: stage.detail for stage in row.stages}
    assert noted["melt"]["extensions"] == noted["sample"]["extensions"] == 2
    assert noted["sample"]["ps"] == pytest.approx(1.8)
    assert noted["measure"]["equilibrium"] == row.criteria[-1].verdict
    assert "not_equilibrated" in to_the_bound["density"].flags


def test_what_comes_after_an_extended_stage_starts_from_its_end(to_the_bound: StudyResult) -> None:
    for stage, after in (("03-melt", "04-sample"), ("04-sample", "05-after")):
        folder = to_the_bound.folder / "stages" / stage
        last = read_json(folder / "manifest.json")["segments"][-1]["state"]
        start = read_json(to_the_bound.folder / "stages" / after / "manifest.json")["start"]
        assert start == PhaseState.load(folder / last).digest()


def test_stopping_before_every_segment_takes_the_same_extensions(to_the_bound: StudyResult, tmp_path: Path) -> None:
    n_stops, result = 0, None
    while result is None and n_stops < 40:
        asked = iter([False])
        try:
            result = prolonged(tmp_path, should_stop=lambda a=asked: next(a, True))
        except Interrupted:
            n_stops += 1
    assert result is not None
    assert n_stops >= 10
    assert segments(result) == segments(to_the_bound)
    assert result.measurements == to_the_bound.measurements
    assert result.criteria == to_the_bound.criteria
    for path in sorted(to_the_bound.folder.glob("stages/*/thermo.*")):
        assert (result.folder / path.relative_to(to_the_bound.folder)).read_bytes() == path.read_bytes()


def test_a_stage_that_passes_is_not_prolonged_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that ask for a number of frames instead of for physics."""
    part: dict[str, Any] = {"value": None, "threshold": None, "unit": "1", "message": ""}

    def enough(melt: Trajectory) -> Criterion:
        return Criterion(name="chains_move", verdict="pass" if melt.n_frames >= 12 else "fail", **part)

    def verdicts(simulation: Simulation, temperature_k: float, pressure_bar: float) -> list[Criterion]:
        assert simulation.melt is not None
        assert simulation.melt.n_frames == 12
        assert (temperature_k, pressure_bar) == (300.0, pytest.approx(1.01325))
        return [Criterion(name=OVERALL, verdict="pass", **part)]

    monkeypatch.setattr("polyomics.equilibrium.chains_move", enough)
    monkeypatch.setattr("polyomics.equilibrium.judge", verdicts)
    result = prolonged(tmp_path)
    found = segments(result)
    assert (found["03-melt"], found["04-sample"]) == (4, 2)
    assert result.equilibrium is not None
    assert result.equilibrium.verdict == "pass"
    assert not {"not_equilibrated", "equilibrium_unknown"} & set(result["density"].flags)
    with Store.open(f"sqlite:///{tmp_path / 'polyomics.db'}", read_only=True) as store:
        assert [row.property for row in query(store, equilibrated=True)] == ["density"]


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
        assert "charges" not in {failure.stage for failure in store.study(spec().key).failures}


def test_two_processes_do_not_run_one_study_at_once(tmp_path: Path) -> None:
    with Study(spec(), tmp_path).folder_locked(), pytest.raises(StudyBusy, match=spec().key):
        run_study(spec(), home=tmp_path, database_url=f"sqlite:///{tmp_path / 'p.db'}")


def test_the_python_example_of_the_readme_runs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- python-example -->\n```python\n(.*?)```", readme, flags=re.DOTALL)
    assert found is not None
    assert len([line for line in found[1].splitlines() if line.strip()]) <= 5
    exec(found[1], {})
    assert re.search(r"\d ± .* g/cm3", capsys.readouterr().out)
    assert config.database_url().endswith(str(home / "polyomics.db"))
